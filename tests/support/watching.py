"""Subscriptions for tests: bodies, and what a receiver is told."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from conformance_client import Api
from receivers import Receiver

S = "urn:ngsi-ld:Subscription:s-1"
RISER = "urn:ngsi-ld:Riser:r-1"
TANK = "urn:ngsi-ld:Tank:t-1"


def subscription(uri: str = "http://localhost:1/", **members: Any) -> dict[str, Any]:
    """A subscription to all changes of risers."""
    notification = {"endpoint": {"uri": uri}, **members.pop("notification", {})}
    body = {
        "id": S,
        "type": "Subscription",
        "entities": [{"type": "Riser"}],
        "notification": notification,
        **members,
    }
    return {name: value for name, value in body.items() if value is not None}


def subscribe(api: Api, receiver: Receiver, **members: Any) -> None:
    """Subscribe a receiver; members of `notification` and its `endpoint` may be given."""
    endpoint = {"uri": receiver.url, **members.pop("endpoint", {})}
    notification = {"endpoint": endpoint, **members.pop("notification", {})}
    answer = api.post("/subscriptions", subscription(notification=notification, **members))
    assert answer.status_code == 201, answer.text


def riser(**more: Any) -> dict[str, Any]:
    """A riser with a temperature."""
    body: dict[str, Any] = {"id": RISER, "type": "Riser", "temperature": prop(3.5)}
    return body | more


def prop(value: Any, **more: Any) -> dict[str, Any]:
    """A Property."""
    return {"type": "Property", "value": value, **more}


def told(receiver: Receiver) -> Any:
    """The entities of the next notification."""
    return receiver.next().json["data"]


def kept(api: Api, subscription_id: str = S, **options: Any) -> Any:
    """A subscription as it is answered."""
    answer = api.get(f"/subscriptions/{subscription_id}", **options)
    assert answer.status_code == 200, answer.text
    return answer.json()


def until(condition: Callable[[], Any], timeout_s: float = 10.0) -> Any:
    """What a condition gives once it is true; an error where it stays false."""
    end = time.monotonic() + timeout_s
    while not (found := condition()):
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.01)
    return found
