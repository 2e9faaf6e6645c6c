"""Outgoing calls reach allowed networks only, whatever names, redirects and addresses say."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from certificates import Authority
from receivers import Receiver, answers, drops, sleeps, unused_port

from lingjing.interfaces.ngsild.outgoing import Networks, Outgoing, Reply
from lingjing.vocabulary import LingjingError


def call(networks: Networks, url: str, **named: Any) -> Reply:
    """One call by a client of its own."""

    async def run() -> Reply:
        client = Outgoing(networks)
        try:
            return await client.send("POST", url, **named)
        finally:
            await client.close()

    return asyncio.run(run())


def refusal(run: Callable[[], Any]) -> str:
    """The code of the error that a call ends with."""
    with pytest.raises(LingjingError) as caught:
        run()
    return caught.value.code


@pytest.mark.parametrize(
    ("networks", "address", "allowed"),
    [
        ((), "127.0.0.1", True),
        ((), "127.8.8.8", True),
        ((), "::1", True),
        ((), "10.0.0.1", False),
        ((), "192.168.1.1", False),
        ((), "8.8.8.8", False),
        ((), "169.254.169.254", False),
        ((), "0.0.0.0", False),  # noqa: S104  (asked about, not bound)
        ((), "::ffff:10.0.0.1", False),
        ((), "::ffff:127.0.0.1", True),
        ((), "not an address", False),
        (("10.0.0.0/8",), "10.200.1.1", True),
        (("10.0.0.0/8",), "11.0.0.1", False),
        (("0.0.0.0/0",), "8.8.8.8", True),
        (("0.0.0.0/0",), "169.254.169.254", False),
        (("0.0.0.0/0",), "0.0.0.0", False),  # noqa: S104
        (("0.0.0.0/0", "::/0"), "ff02::1", False),
        (("0.0.0.0/0", "::/0"), "fe80::1%eth0", False),
        (("169.254.10.0/24",), "169.254.10.9", True),
        (("fd00::/8",), "fd12::1", True),
    ],
)
def test_an_address_is_allowed_by_its_network_alone(
    networks: tuple[str, ...], address: str, *, allowed: bool
) -> None:
    assert Networks(networks).allows(address) is allowed


def test_what_is_no_network_is_refused_in_the_configuration() -> None:
    assert refusal(lambda: Networks(["10.0.0.1/8"])) == "ngsild.bad-network"
    assert refusal(lambda: Networks(["everything"])) == "ngsild.bad-network"


def test_the_server_does_not_call_itself() -> None:
    with Receiver() as receiver:
        assert call(Networks(own_ports=()), receiver.url).status == 200
        own = Networks(["0.0.0.0/0"], own_ports=(receiver.port,))
        assert refusal(lambda: call(own, receiver.url)) == "ngsild.network-refused"
        other = receiver.url.replace("127.0.0.1", "127.0.0.2")
        assert refusal(lambda: call(own, other)) == "ngsild.network-refused"


@pytest.mark.parametrize(
    "url",
    [
        "http://10.1.2.3/notify",
        "http://169.254.169.254/latest/meta-data",
        "http://[::ffff:10.1.2.3]/notify",
        "http://167837955/notify",  # 10.1.2.3 as one number
        "http://0x0a010203/notify",
        "http://user@10.1.2.3/notify",
        "http://127.0.0.1@10.1.2.3/notify",
    ],
)
def test_an_address_outside_is_refused_however_it_is_written(url: str) -> None:
    code = refusal(lambda: call(Networks(), url, timeout_s=2))
    assert code in ("ngsild.network-refused", "ngsild.bad-address")


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "gopher://127.0.0.1/", "http://", "http://[::1", "127.0.0.1:80",
            "http://127.0.0.1:99999/"],
)  # fmt: skip
def test_what_is_no_http_address_is_refused(url: str) -> None:
    assert refusal(lambda: call(Networks(), url)) == "ngsild.bad-address"


def test_a_redirect_inward_is_an_answer_and_is_not_followed() -> None:
    with Receiver() as secret, Receiver(answers(307, Location=secret.url)) as receiver:
        reply = call(Networks(), receiver.url)
        assert reply.status == 307
        assert reply.headers["location"] == secret.url
        assert secret.nothing()


def names(monkeypatch: pytest.MonkeyPatch, *answers_in_turn: str) -> list[str]:
    """Let the name of any host mean these addresses, one after another; what was asked."""
    asked: list[str] = []
    left = list(answers_in_turn)
    real = asyncio.BaseEventLoop.getaddrinfo

    def fake(self: asyncio.BaseEventLoop, host: Any, port: Any, **named: Any) -> Awaitable[Any]:
        if host[0].isdigit():
            return real(self, host, port, **named)
        asked.append(host)
        address = left.pop(0) if len(left) > 1 else left[0]
        return real(self, address, port, **named)

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", fake)
    return asked


def test_a_name_that_means_a_foreign_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    names(monkeypatch, "10.1.2.3")
    code = refusal(lambda: call(Networks(), "http://innocent.example/notify"))
    assert code == "ngsild.network-refused"


def test_a_name_is_resolved_once_so_that_it_cannot_change_its_mind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Receiver() as receiver:
        asked = names(monkeypatch, "127.0.0.1", "10.1.2.3")
        url = f"http://rebinding.example:{receiver.port}/notify"
        assert call(Networks(), url).status == 200
        assert asked == ["rebinding.example"]
        assert receiver.next().headers["host"] == f"rebinding.example:{receiver.port}"


def test_even_a_resolver_that_lets_everything_through_meets_the_last_lock(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def anything(_self: Networks, _host: str, _port: int) -> list[tuple[int, str]]:
        return [(int(socket.AF_INET), "10.1.2.3")]

    monkeypatch.setattr(Networks, "resolve", anything)
    code = refusal(lambda: call(Networks(), "http://innocent.example/", timeout_s=2))
    assert code == "ngsild.network-refused"


def test_headers_and_body_arrive_as_they_are_given() -> None:
    with Receiver() as receiver:
        call(
            Networks(), receiver.url, headers=[("X-Key", "v"), ("Content-Type", "a/b")], body=b"{}"
        )
        got = receiver.next()
        assert (got.headers["x-key"], got.headers["content-type"]) == ("v", "a/b")
        assert got.body == b"{}"


def test_nobody_there_slow_and_dropping_servers_are_unreachable() -> None:
    dead = f"http://127.0.0.1:{unused_port()}/notify"
    assert refusal(lambda: call(Networks(), dead)) == "ngsild.unreachable"
    with Receiver(sleeps(3)) as slow:
        assert refusal(lambda: call(Networks(), slow.url, timeout_s=0.2)) == "ngsild.unreachable"
    with Receiver(drops) as dropping:
        assert refusal(lambda: call(Networks(), dropping.url)) == "ngsild.unreachable"


def test_an_answer_without_end_is_cut_off() -> None:
    def pours(handler: Any) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "10000000")
        handler.end_headers()
        try:
            for _ in range(1000):
                handler.wfile.write(b"x" * 10_000)
        except OSError:
            handler.close_connection = True

    with Receiver(pours) as receiver:
        run = lambda: call(Networks(), receiver.url, most_bytes=1000)  # noqa: E731
        assert refusal(run) == "ngsild.answer-too-large"


def test_encrypted_calls_go_to_the_checked_address_under_the_name_of_the_url(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    authority = Authority(tmp_path)
    names(monkeypatch, "127.0.0.1")
    with Receiver(certificate=authority.server("trusted.example")) as receiver:
        url = f"https://trusted.example:{receiver.port}/"
        assert refusal(lambda: call(Networks(), url)) == "ngsild.unreachable"  # signed by nobody
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
        assert call(Networks(), url).status == 200
        other = url.replace("trusted", "another")
        assert refusal(lambda: call(Networks(), other)) == "ngsild.unreachable"
