"""The fetching client: patient with a busy service, clear about a broken one, never on the net."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from lingjing.sources.fetching import Fetched, Fetcher, Patience, Services, check_json, save_whole
from lingjing.vocabulary import LingjingError

URL = "https://service.invalid/v1/forecast"
NOON = datetime(2024, 1, 22, 12, tzinfo=UTC)
Answer = httpx.Response | Exception


class Bench:
    """A fetcher over scripted answers, with a clock that only moves when it sleeps."""

    def __init__(self, answers: list[Answer], cache: Path | None = None, **patience: float) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []
        self.waits: list[float] = []
        self.clock = NOON
        self.fetcher = Fetcher(
            cache,
            client=httpx.Client(transport=httpx.MockTransport(self._serve)),
            patience=Patience(**patience),  # type: ignore[arg-type]
            sleep=self._sleep,
            now=lambda: self.clock,
            jitter=random.Random(7),  # noqa: S311
        )

    def _serve(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.clock += timedelta(seconds=seconds)

    def get(self, max_age: timedelta = timedelta(0), **params: str) -> Fetched:
        return self.fetcher.get(URL, params, check=check_json, max_age=max_age)

    def refusal(self) -> LingjingError:
        with pytest.raises(LingjingError) as caught:
            self.get()
        assert caught.value.exit_code == 7
        assert caught.value.remedy("zh-CN")
        return caught.value


def good() -> httpx.Response:
    return httpx.Response(200, json={"a": 1})


def test_a_good_answer_comes_back_at_the_first_try() -> None:
    bench = Bench([good()])
    fetched = bench.get(latitude="31.3")
    assert fetched.content == b'{"a":1}'
    assert not fetched.cached
    assert fetched.fetched_at == NOON
    assert bench.requests[0].url.params["latitude"] == "31.3"
    assert bench.requests[0].headers["user-agent"].startswith("lingjing-twin/")
    assert bench.waits == []


def test_a_busy_service_is_asked_again_after_the_wait_it_asks_for() -> None:
    bench = Bench([httpx.Response(429, headers={"Retry-After": "17"}), good()])
    assert bench.get().content
    assert bench.waits == [17.0]


def test_a_wait_until_a_date_is_obeyed() -> None:
    until = {"Retry-After": "Mon, 22 Jan 2024 12:00:09 GMT"}
    bench = Bench([httpx.Response(503, headers=until), good()])
    assert bench.get().content
    assert bench.waits == [9.0]


def test_a_service_that_asks_for_an_hour_is_not_waited_for() -> None:
    bench = Bench([httpx.Response(429, headers={"Retry-After": "3600"})])
    fault = bench.refusal()
    assert (fault.code, fault.values["status"]) == ("fetch.busy", 429)
    assert bench.waits == []


def test_faults_of_the_server_are_retried_with_growing_waits() -> None:
    bench = Bench([httpx.Response(500), httpx.Response(502), httpx.Response(504), good()])
    assert bench.get().content
    assert len(bench.waits) == 3
    for wait, longest in zip(bench.waits, (1.0, 2.0, 4.0), strict=True):
        assert longest / 2 <= wait <= longest


def test_attempts_are_bounded() -> None:
    bench = Bench([httpx.Response(500)] * 9)
    fault = bench.refusal()
    assert (fault.code, fault.values["attempts"]) == ("fetch.busy", 4)
    assert len(bench.requests) == 4


@pytest.mark.parametrize(
    "fault",
    [
        httpx.ReadTimeout("timed out"),
        httpx.ConnectError("no route to host"),
        httpx.RemoteProtocolError("peer closed connection without sending complete message body"),
    ],
)
def test_a_broken_line_is_retried_and_then_told(fault: Exception) -> None:
    assert Bench([fault, good()]).get().content
    refused = Bench([fault] * 4).refusal()
    assert refused.code == "fetch.unreachable"
    assert str(fault) in refused.what("en")


def test_the_time_out_of_our_patience_reaches_the_connection() -> None:
    bench = Bench([good()], timeout_s=3.0)
    bench.get()
    assert bench.requests[0].extensions["timeout"]["read"] == 3.0


def test_a_refused_request_is_not_repeated_and_tells_the_reason() -> None:
    body = {"error": True, "reason": "Latitude must be in range of -90 to 90"}
    bench = Bench([httpx.Response(400, json=body)])
    fault = bench.refusal()
    assert fault.code == "fetch.refused"
    assert "Latitude must be" in fault.what("en")
    assert len(bench.requests) == 1


def test_a_redirect_to_a_login_page_is_not_followed() -> None:
    away = {"Location": "https://login.invalid/"}
    fault = Bench([httpx.Response(302, headers=away)]).refusal()
    assert fault.code == "fetch.refused"
    assert "login.invalid" in fault.what("en")


@pytest.mark.parametrize(
    "body",
    [b"<!doctype html><title>Sign in</title>", b'{"latitude": 31.2, "hou', b"", b"[1, 2]"],
)
def test_a_body_that_is_not_whole_json_is_refused_and_not_kept(body: bytes, tmp_path: Path) -> None:
    bench = Bench([httpx.Response(200, content=body)], tmp_path)
    assert bench.refusal().code == "fetch.not-what-was-asked"
    assert list(tmp_path.iterdir()) == []


def test_a_body_beyond_the_limit_is_refused_while_it_comes() -> None:
    sent = []

    def endless() -> Iterator[bytes]:
        while True:
            sent.append(1)
            yield b"x" * 1024

    bench = Bench([httpx.Response(200, content=endless())], size_limit=10_000)
    assert bench.refusal().code == "fetch.too-large"
    assert len(sent) < 100


def test_an_answer_is_kept_and_its_age_told(tmp_path: Path) -> None:
    bench = Bench([good(), httpx.Response(200, json={"a": 2})], tmp_path)
    hour = timedelta(hours=1)
    bench.get(hour, latitude="31.3")
    bench.clock += timedelta(minutes=25)
    kept = bench.get(hour, latitude="31.3")
    assert (kept.cached, kept.age, kept.fetched_at) == (True, timedelta(minutes=25), NOON)
    assert len(bench.requests) == 1
    bench.clock += hour
    assert bench.get(hour, latitude="31.3").content == b'{"a":2}'


def test_other_parameters_are_another_answer(tmp_path: Path) -> None:
    bench = Bench([good(), httpx.Response(200, json={"a": 2})], tmp_path)
    hour = timedelta(hours=1)
    assert bench.get(hour, latitude="31.3").content != bench.get(hour, latitude="40.0").content


def test_an_answer_from_the_future_is_not_trusted(tmp_path: Path) -> None:
    bench = Bench([good(), good()], tmp_path)
    bench.get(timedelta(hours=1))
    bench.clock -= timedelta(days=1)
    assert not bench.get(timedelta(hours=1)).cached


@pytest.mark.parametrize("left", [slice(-2), slice(0), slice(40, None)])
def test_a_damaged_cache_counts_as_none(tmp_path: Path, left: slice) -> None:
    bench = Bench([good(), good()], tmp_path)
    bench.get(timedelta(hours=1))
    (entry,) = tmp_path.iterdir()
    entry.write_bytes(entry.read_bytes()[left])
    assert not bench.get(timedelta(hours=1)).cached


def test_a_bad_address_is_told_without_asking() -> None:
    with pytest.raises(LingjingError) as caught:
        Fetcher(None, sleep=lambda _: None).get("nonsense://x y", {}, check=check_json)
    assert caught.value.code == "fetch.unreachable"


def test_addresses_can_be_replaced_by_the_environment() -> None:
    services = Services.from_environment({"LINGJING_OVERPASS_URL": "http://127.0.0.1:1/api"})
    assert services.overpass == "http://127.0.0.1:1/api"
    assert services.forecast == Services().forecast


def test_saving_into_a_file_as_folder_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("here")
    with pytest.raises(LingjingError) as caught:
        save_whole(blocked / "map.osm", b"x")
    assert caught.value.code == "fetch.cannot-save"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
