"""Clauses 5.7.3 and 5.7.4: the evolution of entities read, windowed, aggregated and queried."""

from __future__ import annotations

import itertools
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from conformance_client import Api, problem

from lingjing.interfaces.ngsild import temporal_aggregation, temporal_consumption

TANK = "urn:ngsi-ld:Tank:t-1"
OTHER = "urn:ngsi-ld:Tank:t-2"
PIPE = "urn:ngsi-ld:Pipe:p-1"
PATH = f"/temporal/entities/{TANK}"
ALL = "timerel=after&timeAt=2020-01-01T00:00:00Z"


def at(time: str, value: Any, **more: Any) -> dict[str, Any]:
    return {"type": "Property", "value": value, "observedAt": f"2026-{time}Z", **more}


HOURS = [at(f"01-20T{hour:02d}:00:00", float(hour)) for hour in range(6)]


def make(api: Api, entity_id: str = TANK, **attributes: Any) -> None:
    kind = entity_id.split(":")[2]
    answer = api.post("/temporal/entities", {"id": entity_id, "type": kind, **attributes})
    assert answer.status_code == 201, answer.text


def values(api: Api, query: str, name: str = "level") -> list[Any]:
    answer = api.get(f"{PATH}?{query}")
    assert answer.status_code in (200, 206), answer.text
    return [one["value"] for one in answer.json().get(name, [])]


WINDOWS: list[Any] = [
    ("", [0, 1, 2, 3, 4, 5]),
    ("timerel=before&timeAt=2026-01-20T02:00:00Z", [0, 1]),
    ("timerel=after&timeAt=2026-01-20T04:00:00Z", [4, 5]),
    ("timerel=after&timeAt=2026-01-20T04:00:00.000Z", [4, 5]),
    ("timerel=between&timeAt=2026-01-20T01:00:00Z&endTimeAt=2026-01-20T03:00:00Z", [1, 2]),
    ("lastN=2", [4, 5]),
    ("lastN=2&timerel=before&timeAt=2026-01-20T03:00:00Z", [1, 2]),
]


def test_windows_begin_with_their_start_and_leave_their_end_out(api: Api) -> None:
    make(api, level=HOURS)
    for query, expected in WINDOWS:
        assert values(api, query) == expected


NOTHING = [
    "timerel=during&timeAt=2026-01-20T02:00:00Z",
    "timerel=after",
    "timeAt=2026-01-20T02:00:00Z",
    "timerel=after&timeAt=2026-01-20",
    "timerel=after&timeAt=2026-01-20T02:00:00+08:00",
    "timerel=between&timeAt=2026-01-20T02:00:00Z",
    "timerel=between&timeAt=2026-01-20T02:00:00Z&endTimeAt=2026-01-19T02:00:00Z",
    "lastN=0",
    "lastN=-1",
    "lastN=1.5",
    "timeproperty=seenAt",
    "options=aggregatedValues",
    "aggrMethods=median",
    "aggrMethods=avg&aggrPeriodDuration=1h",
    "aggrMethods=avg&aggrPeriodDuration=P",
    "aggrMethods=avg&aggrPeriodDuration=PT",
    "aggrMethods=avg&lastN=3",
    "options=temporalValues,aggregatedValues&aggrMethods=avg",
    "pick=level&omit=level",
    "pick=level&attrs=level",
    "pick=feeds{name}",
    "at=2026-01-20T02:00:00Z",
]


def test_what_means_nothing_is_refused(api: Api) -> None:
    make(api, level=HOURS)
    for query in NOTHING:
        assert problem(api.get(f"{PATH}?{quote(query, safe='=&')}")) == (400, "BadRequestData")


def test_an_unknown_form_is_an_invalid_request(api: Api) -> None:
    make(api, level=HOURS)
    assert problem(api.get(f"{PATH}?format=nice")) == (400, "InvalidRequest")
    assert problem(api.get(f"{PATH}?options=nice")) == (400, "InvalidRequest")


def test_simplified_values_are_pairs_by_dataset(api: Api) -> None:
    make(
        api,
        level=[HOURS[0], at("01-20T00:30:00", 9, datasetId="urn:d:laser")],
        feeds=[{"type": "Relationship", "object": PIPE, "observedAt": "2026-01-20T00:00:00Z"}],
    )
    found = api.get(f"{PATH}?options=temporalValues").json()
    assert found["feeds"] == {
        "type": "Relationship",
        "objects": [[PIPE, "2026-01-20T00:00:00Z"]],
    }
    assert found["level"] == [
        {"type": "Property", "values": [[0.0, "2026-01-20T00:00:00Z"]]},
        {
            "type": "Property",
            "datasetId": "urn:d:laser",
            "values": [[9, "2026-01-20T00:30:00Z"]],
        },
    ]


def test_attributes_and_members_are_chosen(api: Api) -> None:
    make(api, level=HOURS, heat=[at("01-20T00:00:00", 50)])
    assert set(api.get(f"{PATH}?attrs=heat").json()) == {"id", "type", "heat"}
    assert set(api.get(f"{PATH}?pick=id,heat").json()) == {"id", "heat"}
    assert set(api.get(f"{PATH}?omit=type,heat").json()) == {"id", "level"}
    assert problem(api.get(f"{PATH}?attrs=unknown")) == (404, "ResourceNotFound")
    assert problem(api.get(f"{PATH}?pick=unknown")) == (404, "ResourceNotFound")
    assert problem(api.get(f"{PATH}?omit=id,type,heat,level")) == (404, "ResourceNotFound")
    assert problem(api.get("/temporal/entities/urn:x:none")) == (404, "ResourceNotFound")
    assert problem(api.get("/temporal/entities/none")) == (400, "BadRequestData")


def aggregated(api: Api, query: str, name: str = "level") -> dict[str, Any]:
    answer = api.get(f"{PATH}?options=aggregatedValues&{query}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()[name]
    return found


def test_numbers_are_aggregated_by_period_from_the_first_value(api: Api) -> None:
    make(api, level=HOURS)
    query = "aggrMethods=avg,min,max,sum,sumsq,stddev,totalCount&aggrPeriodDuration=PT3H"
    found = aggregated(api, query)
    first = ["2026-01-20T00:00:00Z", "2026-01-20T03:00:00Z"]
    second = ["2026-01-20T03:00:00Z", "2026-01-20T06:00:00Z"]
    assert found["type"] == "Property"
    assert found["avg"] == [[1.0, *first], [4.0, *second]]
    assert found["min"] == [[0.0, *first], [3.0, *second]]
    assert found["max"] == [[2.0, *first], [5.0, *second]]
    assert found["sum"] == [[3.0, *first], [12.0, *second]]
    assert found["sumsq"] == [[5.0, *first], [50.0, *second]]
    assert found["totalCount"] == [[3, *first], [3, *second]]
    assert found["stddev"][0][0] == pytest.approx((2 / 3) ** 0.5)


def test_periods_are_counted_from_the_start_of_the_window(api: Api) -> None:
    make(api, level=HOURS)
    query = "aggrMethods=max&aggrPeriodDuration=PT4H&timerel=after&timeAt=2026-01-20T02:00:00Z"
    assert aggregated(api, query)["max"] == [[5.0, "2026-01-20T02:00:00Z", "2026-01-20T06:00:00Z"]]


def test_months_are_those_of_the_calendar(api: Api) -> None:
    make(
        api,
        level=[at("01-31T00:00:00", 1), at("02-27T23:00:00", 2), at("03-01T00:00:00", 4)],
    )
    query = "aggrMethods=sum&aggrPeriodDuration=P1M&timerel=after&timeAt=2026-01-01T00:00:00Z"
    assert aggregated(api, query)["sum"] == [
        [1.0, "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"],
        [2.0, "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"],
        [4.0, "2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z"],
    ]


def test_words_and_relationships_are_counted(api: Api) -> None:
    link = {"type": "Relationship", "object": PIPE}
    make(
        api,
        state=[at("01-20T00:00:00", "open"), at("01-20T00:10:00", "shut")],
        feeds=[{**link, "observedAt": f"2026-01-20T00:0{minute}:00Z"} for minute in range(3)],
        closed=[at("01-20T00:00:00", True), at("01-20T00:10:00", False)],
    )
    query = "aggrMethods=totalCount,distinctCount,max,avg"
    state = aggregated(api, query, "state")
    assert state["max"][0][0] == "shut"
    assert state["distinctCount"][0][0] == 2
    assert "avg" not in state
    feeds = aggregated(api, query, "feeds")
    assert feeds["type"] == "Relationship"
    assert (feeds["totalCount"][0][0], feeds["distinctCount"][0][0]) == (3, 1)
    assert "max" not in feeds
    assert aggregated(api, query, "closed")["avg"][0][0] == 0.5


def test_too_many_periods_are_refused(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    make(api, level=HOURS, state=[at(f"01-20T{hour:02d}:00:00", "open") for hour in range(6)])
    months = [at(f"{month:02d}-20T00:00:00", month) for month in range(1, 7)]
    make(api, OTHER, level=months)
    monkeypatch.setattr(temporal_aggregation, "MOST_PERIODS", 5)
    asked = "options=aggregatedValues&aggrMethods=totalCount&aggrPeriodDuration="
    for path in (
        f"{PATH}?attrs=level&{asked}PT1H",
        f"{PATH}?attrs=state&{asked}PT1H",
        f"/temporal/entities/{OTHER}?{asked}P1M",
    ):
        assert problem(api.get(path)) == (403, "TooComplexQuery")
        assert api.get(path[:-1] + "Y" if path.endswith("M") else path[:-2] + "2H").is_success


def query(api: Api, more: str) -> list[str]:
    answer = api.get(f"/temporal/entities?{ALL}&{more}")
    assert answer.status_code == 200, answer.text
    return [one["id"] for one in answer.json()]


def test_conditions_hold_of_instances_within_the_window(api: Api) -> None:
    make(api, TANK, level=[at("01-20T00:00:00", 1), at("01-22T00:00:00", 9)])
    make(api, OTHER, level=[at("01-20T00:00:00", 8)], heat=[at("01-20T00:00:00", 50)])
    make(api, PIPE, level=[at("01-22T00:00:00", 9)])
    day = "timerel=between&timeAt=2026-01-19T00:00:00Z&endTimeAt=2026-01-21T00:00:00Z"

    def found(condition: str) -> list[str]:
        answer = api.get(f"/temporal/entities?type=Tank,Pipe&{day}&{condition}")
        assert answer.status_code == 200, answer.text
        return [one["id"] for one in answer.json()]

    assert found("") == [TANK, OTHER]
    assert found("q=level%3E5") == [OTHER]
    assert found("q=level<5|heat>10") == [TANK, OTHER]
    assert found("q=!heat;level<5") == [TANK]
    assert found("attrs=heat") == [OTHER]
    assert found("idPattern=t-1$") == [TANK]
    assert found(f"id={OTHER}") == [OTHER]


def test_places_are_looked_for_within_the_window(api: Api) -> None:
    def place(time: str, x: float) -> dict[str, Any]:
        point = {"type": "Point", "coordinates": [x, 31.2]}
        return {"type": "GeoProperty", "value": point, "observedAt": f"2026-{time}Z"}

    make(api, TANK, location=[place("01-20T00:00:00", 121.5), place("01-22T00:00:00", 121.9)])
    make(api, OTHER, location=[place("01-20T00:00:00", 121.9)])
    near = "type=Tank&georel=near;maxDistance==1000&geometry=Point&coordinates=[121.9,31.2]"
    day = "timerel=before&timeAt=2026-01-21T00:00:00Z"
    assert query(api, near) == [TANK, OTHER]
    answer = api.get(f"/temporal/entities?{near}&{day}")
    assert [one["id"] for one in answer.json()] == [OTHER]


def test_scopes_select_what_was_observed_while_they_were_valid(api: Api) -> None:
    def scope(time: str, value: str) -> dict[str, Any]:
        return {"type": "Property", "value": value, "observedAt": f"2026-{time}Z"}

    make(
        api,
        scope=[scope("01-20T00:00:00", "/north"), scope("01-20T02:30:00", "/south")],
        level=HOURS,
    )
    make(api, OTHER, level=HOURS)

    def levels(scopes: str) -> dict[str, list[float]]:
        answer = api.get(f"/temporal/entities?type=Tank&{ALL}&scopeQ={quote(scopes)}")
        assert answer.status_code == 200, answer.text
        return {one["id"]: [item["value"] for item in one["level"]] for one in answer.json()}

    assert levels("/north") == {TANK: [0, 1, 2]}
    assert levels("/south") == {TANK: [3, 4, 5]}
    assert levels("/#") == {TANK: [0, 1, 2, 3, 4, 5]}
    assert levels("/east") == {}


def test_results_come_in_pages_of_entities(api: Api) -> None:
    for number in range(5):
        make(api, f"urn:ngsi-ld:Tank:{number}", level=[at("01-20T00:00:00", number)])
    answer = api.get(f"/temporal/entities?type=Tank&{ALL}&limit=2&offset=2&count=true")
    assert [one["id"][-1] for one in answer.json()] == ["2", "3"]
    assert answer.headers["ngsild-results-count"] == "5"
    assert 'rel="next"' in answer.headers["link"]
    assert 'rel="prev"' in answer.headers["link"]
    assert query(api, "type=Tank&limit=2&offset=9") == []
    assert [one[-1] for one in query(api, "type=Tank&orderBy=id;desc&limit=2")] == ["4", "3"]


WRONG = [
    "type=Tank",
    f"{ALL}&id={TANK}",
    f"{ALL}&attrs=createdAt",
    f"{ALL}&type=Tank&q=owner{{name}}==1",
    f"{ALL}&type=Tank&orderBy=level",
    f"{ALL}&type=Tank&orderBy=id,level",
    f"{ALL}&type=Tank&csf=))bad((",
    f"{ALL}&type=Tank&q=level>",
    f"{ALL}&type=Tank&georel=near",
    f"{ALL}&type=Tank&scopeQ=((",
    f"{ALL}&type=Tank;;",
    f"{ALL}&type=Tank&limit=0",
]


def test_a_query_that_is_too_wide_or_wrong_is_refused(api: Api) -> None:
    for text in WRONG:
        answer = api.get(f"/temporal/entities?{quote(text, safe='=&')}")
        assert problem(answer) == (400, "BadRequestData")


def test_a_condition_that_takes_too_long_is_given_up(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(api, level=HOURS)
    seconds = itertools.count(step=50.0)
    monkeypatch.setattr(temporal_consumption, "_clock", lambda: next(seconds))
    answer = api.get(f"/temporal/entities?type=Tank&{ALL}&q=level>1")
    assert problem(answer) == (403, "TooComplexQuery")


def test_a_body_asks_the_same_as_an_address(api: Api) -> None:
    make(api, TANK, level=HOURS)
    make(api, PIPE, level=HOURS[:2])
    body = {
        "type": "Query",
        "entities": [{"type": "Tank"}, {"type": "Pipe", "id": "urn:x:y"}],
        "q": "level>3",
        "temporalQ": {"timerel": "after", "timeAt": "2026-01-20T00:00:00Z", "lastN": 1},
    }
    found = api.post("/temporal/entityOperations/query", body)
    assert found.status_code == 200
    assert [(one["id"], len(one["level"])) for one in found.json()] == [(TANK, 1)]
    del body["temporalQ"]
    assert problem(api.post("/temporal/entityOperations/query", body)) == (400, "BadRequestData")
    body["temporalQ"] = {"timerel": "after", "timeAt": "2026-01-20T00:00:00Z"}
    body["aggrParams"] = {"aggrMethods": ["max"], "aggrPeriodDuration": "PT0S"}
    found = api.post("/temporal/entityOperations/query", body)
    assert found.json()[0]["level"]["max"][0][0] == 5.0
    body["aggrParams"] = {"aggrMethods": ["worst"]}
    assert problem(api.post("/temporal/entityOperations/query", body)) == (400, "BadRequestData")


def small_pages(api: Api, most: int) -> None:
    api.service.limits = msgspec.structs.replace(api.service.limits, temporal_instances=most)


def test_a_part_says_which_times_it_covers_and_can_be_gone_on_from(api: Api) -> None:
    make(api, level=HOURS, heat=[at("01-20T09:00:00", 50), at("01-20T10:00:00", 60)])
    small_pages(api, 4)
    answer = api.get(PATH)
    assert answer.status_code == 206
    assert (
        answer.headers["content-range"] == "date-time 2026-01-20T00:00:00Z-2026-01-20T03:00:00Z/*"
    )
    assert [one["value"] for one in answer.json()["level"]] == [0, 1, 2, 3]
    assert answer.json()["heat"] == []
    following = api.get(f"{PATH}?timerel=after&timeAt=2026-01-20T03:00:01Z")
    assert following.status_code == 200
    assert [one["value"] for one in following.json()["level"]] == [4, 5]
    newest = api.get(f"{PATH}?lastN=5&options=temporalValues")
    assert (
        newest.headers["content-range"] == "date-time 2026-01-20T10:00:00Z-2026-01-20T04:00:00Z/5"
    )
    assert [value for value, _ in newest.json()["level"]["values"]] == [4, 5]


def test_what_has_no_time_of_observation_counts_by_when_it_was_recorded(api: Api) -> None:
    make(api, level=HOURS)
    api.post(f"/entities/{TANK}/attrs", {"state": value_of("open")})
    small_pages(api, 4)
    assert [one["value"] for one in api.get(PATH).json()["level"]] == [0, 1, 2, 3]
    future = [{**HOURS[0], "observedAt": f"2999-01-0{day}T00:00:00Z"} for day in range(1, 6)]
    make(api, OTHER, level=future)
    api.post(f"/entities/{OTHER}/attrs", {"state": value_of("open")})
    answer = api.get(f"/temporal/entities/{OTHER}")
    assert answer.status_code == 206
    assert [one["value"] for one in answer.json()["state"]] == ["open"]
    assert len(answer.json()["level"]) == 3
    small_pages(api, 40)
    assert len(values(api, "", "state")) == 1
    assert len(values(api, "")) == 6


def value_of(word: str) -> dict[str, Any]:
    return {"type": "Property", "value": word}


def test_all_of_one_time_stay_together_on_a_page(api: Api) -> None:
    make(api, **{f"level{number}": [HOURS[0], HOURS[1]] for number in range(5)})
    small_pages(api, 3)
    answer = api.get(PATH)
    assert answer.status_code == 206
    assert all(len(answer.json()[f"level{number}"]) == 1 for number in range(5))


def test_tenants_and_snapshots_have_pasts_of_their_own(api: Api) -> None:
    make(api, level=HOURS[:1])
    body = {"id": TANK, "type": "Tank", "level": HOURS[1:2]}
    there = {"NGSILD-Tenant": "north"}
    assert api.post("/temporal/entities", body, headers=there).status_code == 201
    assert [one["value"] for one in api.get(PATH, headers=there).json()["level"]] == [1]
    assert values(api, "") == [0]
    made = api.post("/snapshots", {"type": "Snapshot", "snapshotQueries": [
        {"type": "Query", "entities": [{"type": "*"}]}]})  # fmt: skip
    name = {"NGSILD-Snapshot": made.headers["location"].rpartition("/")[2]}
    assert api.post(f"{PATH}/attrs", {"level": HOURS[2]}, headers=name).status_code == 204
    assert [one["value"] for one in api.get(PATH, headers=name).json()["level"]] == [0, 2]
    assert values(api, "") == [0]
