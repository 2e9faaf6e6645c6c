"""Viewers are told what happens in the twin, whatever the driver."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from ledgers import START_US, create, delete, entity, note_late, observed, update, urn
from viewers import Viewer

from lingjing.engine.live import Live, LiveSettings
from lingjing.interfaces.http.events import Events
from lingjing.twin.ledger import Ledger

QUICK = LiveSettings(gather_s=0.02, beat_s=30.0)


def told(
    ledger: Ledger,
    story: Callable[[Events], Awaitable[Any]],
    settings: LiveSettings = QUICK,
) -> Any:
    """Run a story with a server over a ledger; the server stops at its end."""

    async def run() -> Any:
        events = Events(Live(ledger, None, settings))
        try:
            return await story(events)
        finally:
            events.live.stop()

    return asyncio.run(run())


async def soon(call: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """Write without holding up the loop."""
    return await asyncio.to_thread(call, *arguments, **named)


def test_a_viewer_is_greeted_with_the_servers_clock_and_its_place(ledger: Ledger) -> None:
    async def story(events: Events) -> None:
        async with Viewer(events) as viewer:
            hello = await viewer.next("hello")
            assert hello["now"].endswith("Z")
            assert hello["beat_s"] == 30.0
            await viewer.until(lambda: viewer.position)
            assert viewer.position == hello["position"]
            assert viewer.headers["content-type"].startswith("text/event-stream")
            assert viewer.headers["cache-control"] == "no-store"
            assert [name for name, _ in viewer.events] == ["hello"]

    told(ledger, story)


def test_making_changing_and_ending_an_entity_is_told_in_order(ledger: Ledger) -> None:
    trunk = ledger.branch("")

    async def story(events: Events) -> None:
        async with Viewer(events) as viewer:
            await viewer.next("hello")
            await soon(create, ledger, trunk, entity("a", at=(121.5, 31.2), temperature=3))
            (made,) = await viewer.entities()
            assert made["operation"] == "create"
            assert made["types"] == ["Riser"]
            assert made["district"] == "d"
            assert made["bounds"] == [121.5, 31.2, 121.5, 31.2]
            assert {"name": "temperature", "value": 3} in made["attributes"]
            assert "location" in [item["name"] for item in made["attributes"]]
            reading = observed(-1.5, START_US, unitCode="CEL")
            await soon(update, ledger, trunk, "a", temperature=reading)
            (changed,) = await viewer.entities()
            assert changed["operation"] == "update"
            assert "bounds" not in changed
            assert changed["attributes"] == [
                {
                    "name": "temperature",
                    "value": -1.5,
                    "observed_at": reading["observedAt"],
                    "unit_code": "CEL",
                }
            ]
            await soon(update, ledger, trunk, "a", temperature=None)
            (lost,) = await viewer.entities()
            assert lost["attributes"] == [{"name": "temperature", "deleted": True}]
            await soon(delete, ledger, trunk, "a")
            (ended,) = await viewer.entities()
            assert (ended["operation"], ended["id"]) == ("delete", urn("a"))
            assert ended["bounds"] == [121.5, 31.2, 121.5, 31.2]
            assert made["sequence"] < changed["sequence"] < lost["sequence"] < ended["sequence"]

    told(ledger, story)


def test_many_changes_of_one_entity_are_told_as_one_with_the_newest_values(
    ledger: Ledger,
) -> None:
    trunk = ledger.branch("")
    create(ledger, trunk, entity("a", flow=0, level=0))

    async def story(events: Events) -> None:
        async with Viewer(events) as viewer:
            await viewer.next("hello")

            # The loop is held up, so that all of it is gathered before any is told.
            for flow in range(1, 6):
                update(ledger, trunk, "a", flow=flow)
            update(ledger, trunk, "a", level=7)
            (changed,) = await viewer.entities()
            assert {item["name"]: item["value"] for item in changed["attributes"]} == {
                "flow": 5,
                "level": 7,
            }

    told(ledger, story)


def test_what_came_and_went_in_between_is_not_told(ledger: Ledger) -> None:
    trunk = ledger.branch("")

    async def story(events: Events) -> None:
        async with Viewer(events) as viewer:
            await viewer.next("hello")

            create(ledger, trunk, entity("short"))
            delete(ledger, trunk, "short")
            create(ledger, trunk, entity("stays"))
            assert [item["id"] for item in await viewer.entities()] == [urn("stays")]

    told(ledger, story)


def test_a_late_observation_is_not_told_as_the_present(ledger: Ledger) -> None:
    trunk = ledger.branch("")
    create(ledger, trunk, entity("a", flow=0), entity("b"))

    async def story(events: Events) -> None:
        async with Viewer(events) as viewer:
            await viewer.next("hello")
            await soon(note_late, ledger, trunk, "a", "flow", observed(9, START_US))
            await soon(update, ledger, trunk, "b", flow=1)
            assert [item["id"] for item in await viewer.entities()] == [urn("b")]

    told(ledger, story)


def test_each_viewer_is_told_only_what_it_wants(ledger: Ledger) -> None:
    trunk = ledger.branch("")
    create(ledger, trunk, entity("a", types=["Tank"]), entity("b"), entity("c"))

    async def story(events: Events) -> None:
        queries = {
            "types=Tank": ["a"],
            "types=Tank,Pump": ["a"],
            f"ids={urn('c')}": ["c"],
            "districts=d": ["a", "b", "c"],
            "districts=elsewhere": [],
            "attributes=flow": ["b", "c"],
        }
        viewers = {query: Viewer(events, query) for query in queries}
        for viewer in viewers.values():
            await viewer.__aenter__()
            await viewer.next("hello")

        def write() -> None:
            update(ledger, trunk, "a", level=1)
            update(ledger, trunk, "b", flow=1)
            update(ledger, trunk, "c", flow=2, level=3)
            create(ledger, trunk, entity("last", types=["Tank", "End"], flow=0))

        await soon(write)
        async with Viewer(events, after=viewers["districts=d"].position) as every:
            await every.until(lambda: "last" in str(every.events))
        for query, wanted in queries.items():
            viewer = viewers[query]
            if query in ("districts=elsewhere", f"ids={urn('c')}"):
                wanted_end = wanted
            else:
                wanted_end = [*wanted, "last"]
            names = lambda v=viewer: [  # noqa: E731
                item["id"].rsplit(":", 1)[1]
                for name, content in v.events
                if name == "changes"
                for item in content["entities"]
            ]
            await viewer.until(lambda n=names, w=wanted_end: len(set(n())) >= len(w))
            assert set(names()) == set(wanted_end), query
        shown = [
            member["name"]
            for name, content in viewers["attributes=flow"].events
            if name == "changes"
            for item in content["entities"]
            for member in item["attributes"]
        ]
        assert set(shown) == {"flow"}
        for viewer in viewers.values():
            await viewer.__aexit__(None, None, None)

    told(ledger, story)


def test_branches_and_tenants_hear_nothing_of_each_other(ledger: Ledger) -> None:
    trunk = ledger.branch("")
    create(ledger, trunk, entity("a", flow=0))
    other = ledger.ensure_tenant("other")
    branch = ledger.create_branch(trunk, "colder")

    async def story(events: Events) -> None:
        async with (
            Viewer(events) as here,
            Viewer(events, "branch=colder") as colder,
            Viewer(events, headers={"NGSILD-Tenant": "other"}) as there,
        ):
            for viewer in (here, colder, there):
                await viewer.next("hello")

            def write() -> None:
                update(ledger, branch, "a", flow=1)
                create(ledger, other, entity("x"))
                update(ledger, trunk, "a", flow=2)

            await soon(write)
            (item,) = await here.entities()
            assert item["attributes"][0]["value"] == 2
            (item,) = await colder.entities()
            assert item["attributes"][0]["value"] == 1
            (item,) = await there.entities()
            assert item["id"] == urn("x")

    told(ledger, story)


def test_who_comes_back_is_told_what_it_missed(ledger: Ledger) -> None:
    trunk = ledger.branch("")
    create(ledger, trunk, entity("a", flow=0))

    async def story(events: Events) -> None:
        async with Viewer(events) as viewer:
            await viewer.next("hello")
            await soon(update, ledger, trunk, "a", flow=1)
            await viewer.entities()
            await viewer.until(lambda: viewer.position.split(".")[1] == "1")
        async with Viewer(events) as meanwhile:  # the server goes on
            await meanwhile.next("hello")
            for flow in (2, 3):
                await soon(update, ledger, trunk, "a", flow=flow)
                await meanwhile.entities()
        async with Viewer(events, after=viewer.position) as again:
            values = [(await again.entities())[0]["attributes"][0]["value"] for _ in range(2)]
            assert values == [2, 3]
            assert "reload" not in dict(again.events)
            await soon(update, ledger, trunk, "a", flow=4)
            assert (await again.entities())[0]["attributes"][0]["value"] == 4

    told(ledger, story)


@pytest.mark.parametrize("kept", [{"batches_most": 2}, {"items_most": 2}])
def test_who_was_away_too_long_is_told_to_read_anew(ledger: Ledger, kept: dict[str, Any]) -> None:
    trunk = ledger.branch("")
    create(ledger, trunk, entity("a", flow=0))

    async def story(events: Events) -> None:
        async with Viewer(events) as viewer:
            await viewer.next("hello")
            await viewer.until(lambda: viewer.position)
            place = viewer.position
            for flow in range(1, 6):
                await soon(update, ledger, trunk, "a", flow=flow)
                await viewer.entities()
        async with Viewer(events, after=place) as again:
            assert await again.next("reload") == {"reason": "too-old"}

    told(ledger, story, LiveSettings(gather_s=0.01, **kept))


def test_after_a_restart_only_those_read_anew_who_missed_something(ledger: Ledger) -> None:
    trunk = ledger.branch("")
    create(ledger, trunk, entity("a", flow=0))

    async def first(events: Events) -> str:
        async with Viewer(events) as viewer:
            await viewer.next("hello")
            await soon(update, ledger, trunk, "a", flow=1)
            await viewer.entities()
            await viewer.until(lambda: viewer.position.split(".")[1] == "1")
            return viewer.position

    place = told(ledger, first)

    async def unchanged(events: Events) -> None:
        async with Viewer(events, after=place) as viewer:
            await viewer.next("hello")
            await soon(update, ledger, trunk, "a", flow=2)
            await viewer.entities()
            assert "reload" not in dict(viewer.events)

    told(ledger, unchanged)

    async def missed(events: Events) -> None:
        async with Viewer(events, after=place) as viewer:
            assert await viewer.next("reload") == {"reason": "restarted"}

    told(ledger, missed)


@pytest.mark.parametrize(
    "after", ["nonsense", "a.b.c", "ffffffff.1.99999999", "." * 5000, "x.-1.2"]
)
def test_a_position_that_was_never_given_means_reading_anew(ledger: Ledger, after: str) -> None:
    async def story(events: Events) -> None:
        async with Viewer(events, after=after) as viewer:
            assert (await viewer.next("reload"))["reason"] == "restarted"

    told(ledger, story)


def test_a_slow_viewer_holds_nobody_up_and_is_told_to_read_anew(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lingjing.engine.live._MOST_WAITING_BYTES", 2_000)
    trunk = ledger.branch("")
    create(ledger, trunk, entity("a", text=""))

    async def story(events: Events) -> None:
        async with Viewer(events) as slow, Viewer(events) as quick:
            await slow.next("hello")
            await quick.next("hello")
            slow.is_slow.clear()
            for number in range(8):
                await soon(update, ledger, trunk, "a", text=f"{number}" * 900)
                assert (await quick.entities())[0]["attributes"][0]["value"][0] == str(number)
            channel = next(iter(events.live._channels.values()))
            assert sum(len(body) for _, body in channel.written) < 5_000
            slow.is_slow.set()
            assert await slow.next("reload") == {"reason": "too-slow"}
            await soon(update, ledger, trunk, "a", text="end")
            await slow.until(lambda: '"end"' in str(slow.events).replace("'", '"'))

    told(ledger, story)


def test_a_telling_that_is_too_large_is_told_as_reading_anew(ledger: Ledger) -> None:
    trunk = ledger.branch("")

    async def story(events: Events) -> None:
        async with Viewer(events) as viewer, Viewer(events, f"ids={urn(3)}") as one:
            await viewer.next("hello")
            await one.next("hello")
            await soon(create, ledger, trunk, *(entity(n) for n in range(30)))
            assert await viewer.next("reload") == {"reason": "too-many", "entities": 30}
            assert [item["id"] for item in await one.entities()] == [urn(3)]
            await soon(create, ledger, trunk, *(entity(n) for n in range(30, 45)))
            sizes = [len(await viewer.entities()) for _ in range(4)]
            assert sizes == [4, 4, 4, 3]

    settings = LiveSettings(gather_s=0.02, told_most=20, message_items=4)
    told(ledger, story, settings)


def test_the_heart_beats_with_the_servers_clock(ledger: Ledger) -> None:
    async def story(events: Events) -> None:
        async with Viewer(events) as viewer:
            first, second = [(await viewer.next("beat"))["now"] for _ in range(2)]
            assert first < second

    told(ledger, story, LiveSettings(beat_s=0.05))


def test_viewers_are_told_that_the_server_stops(ledger: Ledger) -> None:
    async def story(events: Events) -> None:
        async with Viewer(events) as viewer:
            await viewer.next("hello")
            events.live.stop()
            assert await viewer.next("end") == {"reason": "stopping"}
            await viewer.until(lambda: viewer.is_over)

    told(ledger, story)


def test_a_viewer_that_leaves_leaves_nothing_behind(ledger: Ledger) -> None:
    async def story(events: Events) -> None:
        async with Viewer(events, "types=A") as viewer:
            await viewer.next("hello")
            assert len(events.live._channels) == 1
        assert events.live._channels == {}

    told(ledger, story)


def test_more_viewers_than_there_is_room_for_are_turned_away(ledger: Ledger) -> None:
    async def story(events: Events) -> None:
        async with Viewer(events) as first, Viewer(events, "types=A") as second:
            await first.next("hello")
            await second.next("hello")
            async with Viewer(events) as third:
                await third.until(lambda: third.is_over)
                assert third.status == 503
                assert third.headers["retry-after"] == "2"
                assert b"events.too-many-viewers" in third.body

    told(ledger, story, LiveSettings(viewers_most=2))


@pytest.mark.parametrize(
    ("query", "headers", "status", "code"),
    [
        ("branch=none", {}, 404, b"twin.no-branch"),
        ("", {"NGSILD-Tenant": "nobody"}, 404, b"twin.no-tenant"),
        ("tipes=Riser", {}, 400, b"http.bad-parameter"),
        ("types=" + "x" * 501, {}, 400, b"http.bad-parameter"),
        ("ids=" + ",".join(f"urn:{n}" for n in range(201)), {}, 400, b"http.bad-parameter"),
    ],
)
def test_what_cannot_be_followed_is_refused(
    ledger: Ledger, query: str, headers: dict[str, str], status: int, code: bytes
) -> None:
    async def story(events: Events) -> None:
        async with Viewer(events, query, headers=headers) as viewer:
            await viewer.until(lambda: viewer.is_over)
            assert viewer.status == status
            assert code in viewer.body
        assert events.live._channels == {}

    told(ledger, story)


def test_a_value_that_is_too_large_is_named_but_not_sent(ledger: Ledger) -> None:
    trunk = ledger.branch("")

    async def story(events: Events) -> None:
        async with Viewer(events) as viewer:
            await viewer.next("hello")
            await soon(create, ledger, trunk, entity("a", text="长" * 5_000))
            (made,) = await viewer.entities()
            assert made["attributes"] == [{"name": "text", "large": True}]

    told(ledger, story)


def test_markup_and_line_ends_in_names_stay_inside_their_event(ledger: Ledger) -> None:
    trunk = ledger.branch("")
    nasty = "</script>\n\nevent: hello\ndata: {}\r\n"

    async def story(events: Events) -> None:
        async with Viewer(events) as viewer:
            await viewer.next("hello")
            await soon(create, ledger, trunk, entity("a", text=nasty))
            (made,) = await viewer.entities()
            assert made["attributes"][0]["value"] == nasty
            assert [name for name, _ in viewer.events].count("hello") == 1

    told(ledger, story)


def test_changes_of_another_process_are_told_too(postgres_url: str) -> None:
    from lingjing.twin.postgres_ledger import PostgresLedger

    with PostgresLedger(postgres_url) as mine, PostgresLedger(postgres_url) as other:

        async def story(events: Events) -> None:
            async with Viewer(events) as viewer:
                await viewer.next("hello")
                await soon(create, other, other.branch(""), entity("a", flow=1))
                (made,) = await viewer.entities()
                assert (made["id"], made["operation"]) == (urn("a"), "create")
                await soon(update, other, other.branch(""), "a", flow=2)
                (changed,) = await viewer.entities()
                assert [(item["name"], item["value"]) for item in changed["attributes"]] == [
                    ("flow", 2)
                ]

        told(mine, story)


def test_terms_of_other_vocabularies_keep_their_whole_names(ledger: Ledger) -> None:
    trunk = ledger.branch("")
    made = entity("a")
    made["type"] = ["https://example.org/Pump"]
    made["attributes"]["https://example.org/flow"] = {"": {"type": "Property", "value": 1}}

    async def story(events: Events) -> None:
        async with Viewer(events, "types=https://example.org/Pump") as viewer:
            await viewer.next("hello")
            await soon(create, ledger, trunk, made)
            (item,) = await viewer.entities()
            assert item["types"] == ["https://example.org/Pump"]
            assert item["attributes"][0]["name"] == "https://example.org/flow"

    told(ledger, story)
