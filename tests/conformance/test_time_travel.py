"""Reading the twin as it stood: the `at` parameter, an extension of Lingjing."""

from __future__ import annotations

from conformance_client import Api, problem

RISER = "urn:ngsi-ld:Riser:r-1"


def test_every_reading_can_go_back(api: Api) -> None:
    api.make({"id": RISER, "type": "Riser", "level": {"type": "Property", "value": 1}})
    made = api.entity(RISER, params={"options": "sysAttrs"})["modifiedAt"]
    api.patch(f"/entities/{RISER}/attrs", {"level": {"type": "Property", "value": 2}})
    api.make({"id": "urn:ngsi-ld:Riser:r-2", "type": "Riser"})
    api.delete(f"/entities/{RISER}")
    assert api.entity(RISER, params={"at": made})["level"]["value"] == 1
    assert api.ids("/entities?type=Riser", params={"type": "Riser", "at": made}) == [RISER]
    assert api.ids("/entities?type=Riser") == ["urn:ngsi-ld:Riser:r-2"]
    assert api.get(f"/entities/{RISER}", params={"at": "2020-01-01T00:00:00Z"}).status_code == 404


def test_the_past_cannot_be_written_and_needs_an_instant(api: Api) -> None:
    body = {"id": RISER, "type": "Riser"}
    past = api.post("/entities", body, params={"at": "2026-01-01T00:00:00Z"})
    assert problem(past) == (400, "InvalidRequest")
    assert problem(api.get("/entities?type=Riser&at=yesterday")) == (400, "BadRequestData")
