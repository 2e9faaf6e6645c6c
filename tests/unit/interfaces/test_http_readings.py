"""What sensors last said, at a thing and near it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from ledgers import create, entity, note_late, observed, update, urn
from starlette.applications import Starlette

from lingjing.interfaces.http import create_app
from lingjing.twin.documents import instant_text
from lingjing.twin.sqlite_ledger import SqliteLedger

PATH = "/api/v1/readings"
HERE = (121.5, 31.25)
MINUTE_US = 60_000_000


def minutes_ago(minutes: float) -> int:
    return int(time.time() * 1e6 - minutes * MINUTE_US)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[SqliteLedger]:
    with SqliteLedger(tmp_path / "twin.sqlite") as opened:
        trunk = opened.branch("")
        cold = observed(-1.5, minutes_ago(10), unitCode="CEL")
        create(
            opened,
            trunk,
            entity("own", at=HERE, water_temperature=cold, label="立管"),
            entity("near", at=(HERE[0] + 0.001, HERE[1]), flow=observed(2, minutes_ago(5))),
            entity("far", at=(HERE[0], HERE[1] + 0.01), flow=observed(3, minutes_ago(5))),
            entity("silent", at=HERE, flow=4),
            entity("placeless", flow=observed(5, minutes_ago(1))),
        )
        yield opened


@pytest.fixture
def app(ledger: SqliteLedger, tmp_path: Path) -> Starlette:
    return create_app(tmp_path, ledger=ledger)


def ask(app: Starlette, query: str, **headers: str) -> httpx.Response:
    async def get() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await client.get(f"{PATH}?{query}", headers=headers)

    return asyncio.run(get())


def things(app: Starlette, query: str) -> list[dict[str, Any]]:
    answer = ask(app, query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["things"]
    return found


def names(found: list[dict[str, Any]]) -> list[str]:
    return [item["id"].rsplit(":", 1)[1] for item in found]


def test_a_thing_comes_first_with_its_newest_value_its_unit_and_its_age(app: Starlette) -> None:
    own, near = things(app, f"id={urn('own')}")
    (reading,) = own["readings"]
    assert reading["value"] == -1.5
    assert reading["unit"] == "°C"
    assert reading["title"]["en"]
    assert reading["age_s"] == pytest.approx(600, abs=60)
    assert (own["distance_m"], own["types"]) == (0, ["Riser"])
    assert near["distance_m"] == pytest.approx(95.2, abs=1)
    assert names([own, near]) == ["own", "near"]


def test_only_what_was_observed_within_the_radius_is_shown_the_nearest_first(
    app: Starlette,
) -> None:
    place = f"point={HERE[0] + 0.0009},{HERE[1]}"
    assert names(things(app, place)) == ["near", "own"]
    assert names(things(app, f"{place}&radius_m=50")) == ["near"]
    assert names(things(app, f"{place}&radius_m=20000")) == ["near", "own", "far"]
    assert names(things(app, f"{place}&limit=1")) == ["near"]
    assert names(things(app, f"{place}&attribute=water_temperature")) == ["own"]


def test_a_thing_without_a_place_has_its_own_readings(app: Starlette) -> None:
    (own,) = things(app, f"id={urn('placeless')}")
    assert own["point"] is None
    assert own["readings"][0]["value"] == 5


def test_the_history_is_that_of_the_last_hours(ledger: SqliteLedger, app: Starlette) -> None:
    trunk = ledger.branch("")
    for minutes, value in ((500, 1), (30, 2)):
        reading = observed(value, minutes_ago(minutes))
        note_late(ledger, trunk, "near", "flow", reading)
    update(ledger, trunk, "near", flow=observed(9, minutes_ago(1)))
    (near,) = things(app, f"id={urn('near')}&radius_m=1&hours=2")
    (reading,) = near["readings"]
    assert [value for _, value in reading["history"]] == [2, 2, 9]  # the first of 5 minutes ago
    assert reading["history"][-1][0] == reading["observed_at"]
    times = [at for at, _ in reading["history"]]
    assert times == sorted(times)
    assert times[0] > instant_text(minutes_ago(125))


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("", 400, "http.bad-parameter"),
        (f"id={urn('own')}&point=1,2", 400, "http.bad-parameter"),
        ("point=31", 400, "http.bad-parameter"),
        ("point=31.2,121.5", 400, "http.bad-parameter"),
        ("point=nan,nan", 400, "http.bad-parameter"),
        (f"id={urn('own')}&radius_m=-1", 400, "http.bad-parameter"),
        (f"id={urn('own')}&hours=9999", 400, "http.bad-parameter"),
        (f"id={urn('nobody')}", 404, "twin.no-entity"),
        (f"id={urn('own')}&branch=none", 404, "twin.no-branch"),
    ],
)
def test_bad_questions_are_refused(app: Starlette, query: str, status: int, code: str) -> None:
    answer = ask(app, query)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_a_tenant_sees_its_own_readings_only(ledger: SqliteLedger, app: Starlette) -> None:
    ledger.ensure_tenant("north")
    answer = ask(app, f"id={urn('own')}", **{"NGSILD-Tenant": "north"})
    assert answer.json()["error"]["code"] == "twin.no-entity"
