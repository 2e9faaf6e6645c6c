"""Who is answered, with which headers, and what happens when the port is taken."""

from __future__ import annotations

import socket
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import uvicorn
from asgi_client import Client

from lingjing.interfaces.http import API, create_app, serving
from lingjing.interfaces.http.serving import address_of, open_socket
from lingjing.vocabulary import LingjingError


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Any]:
    web = tmp_path / "web"
    (web / "assets").mkdir(parents=True)
    (web / "index.html").write_text("<!doctype html><title>page</title>")
    (web / "assets" / "index-abc123.js").write_text("export {}")
    app = create_app(tmp_path / "data", web)
    with Client(app) as made:
        yield made


@pytest.mark.parametrize("host", ["127.0.0.1:8787", "localhost", "LOCALHOST:1", "[::1]:8787"])
def test_this_machine_is_answered_by_any_of_its_names(client: Any, host: str) -> None:
    assert client.get(f"{API}/health", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8787", "10.0.0.1", ""],
)
def test_a_foreign_host_name_is_refused_everywhere(client: Any, host: str) -> None:
    for path in ("/", f"{API}/health", "/assets/index-abc123.js"):
        answer = client.get(path, headers={"Host": host})
        assert answer.status_code == 421
        assert answer.json()["error"]["code"] == "http.foreign-host"


@pytest.mark.parametrize("path", ["/", f"{API}/health", "/nowhere", "/assets/index-abc123.js"])
def test_every_answer_carries_the_security_headers(client: Any, path: str) -> None:
    headers = client.get(path, headers={"Origin": "http://evil.example"}).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "http" not in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert not [name for name in headers if name.startswith("access-control-")]


def test_only_reading_is_possible(client: Any) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        answer = client.request(method, f"{API}/runs")
        assert answer.status_code == 405
        assert answer.json()["error"]["code"] == "http.method-not-allowed"


def test_an_unknown_address_says_so_in_both_languages(client: Any) -> None:
    error = client.get("/api/v2/none").json()["error"]
    assert error["code"] == "http.not-found"
    assert "/api/v2/none" in error["what"]["zh-CN"]


def test_a_fault_inside_tells_no_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    app = create_app(tmp_path)

    def fail() -> list[object]:
        raise RuntimeError("/secret/path")

    monkeypatch.setattr(app.state.shelf, "runs", fail)
    with Client(app, "localhost") as client:
        answer = client.get(f"{API}/runs")
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "http.internal"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "/secret/path" not in answer.text
    assert "/secret/path" in caplog.text


def test_the_pages_assets_are_kept_and_the_page_itself_is_not(client: Any) -> None:
    assert client.get("/").headers["cache-control"] == "no-cache"
    asset = client.get("/assets/index-abc123.js")
    assert "immutable" in asset.headers["cache-control"]
    assert "javascript" in asset.headers["content-type"]


def test_without_a_built_page_the_person_is_told_what_to_run(tmp_path: Path) -> None:
    app = create_app(tmp_path, tmp_path / "absent")
    with Client(app, "localhost") as client:
        answer = client.get("/")
        assert answer.status_code == 404
        assert "build_console" in answer.text
        assert client.get(f"{API}/health").status_code == 200


def test_a_port_in_use_names_another() -> None:
    with open_socket(0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(LingjingError) as caught:
            open_socket(port)
    assert caught.value.code == "http.port-in-use"
    assert str(port) in caught.value.what("zh-CN")
    assert "--port" in caught.value.remedy("en")


@pytest.mark.parametrize("port", [-1, 70000])
def test_a_port_that_is_none_is_refused(port: int) -> None:
    with pytest.raises(LingjingError) as caught:
        open_socket(port)
    assert caught.value.code == "http.port-refused"


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "example.org"])  # noqa: S104
def test_only_loopback_is_served(host: str) -> None:
    with pytest.raises(LingjingError) as caught:
        open_socket(0, host)
    assert caught.value.code == "http.not-loopback"


def test_a_real_server_answers_on_its_socket(tmp_path: Path) -> None:
    opened = open_socket(0)
    server = uvicorn.Server(uvicorn.Config(create_app(tmp_path), log_level="warning"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [opened]}, daemon=True)
    thread.start()
    try:
        for _ in range(200):
            if server.started:
                break
            time.sleep(0.05)
        address = address_of(opened)
        assert address.startswith("http://127.0.0.1:")
        with urllib.request.urlopen(f"{address}api/v1/health", timeout=10) as answer:  # noqa: S310
            assert answer.status == 200
    finally:
        server.should_exit = True
        thread.join(20)
        opened.close()
    assert not thread.is_alive()
    with (
        pytest.raises(OSError, match="refused"),
        socket.create_connection(
            ("127.0.0.1", int(address.rsplit(":", 1)[1].strip("/"))), timeout=2
        ),
    ):
        pass


@pytest.mark.parametrize(
    ("platform", "displays", "wanted", "opened"),
    [
        ("linux", {}, True, False),
        ("linux", {"DISPLAY": "", "WAYLAND_DISPLAY": ""}, True, False),
        ("linux", {"DISPLAY": ":0"}, True, True),
        ("linux", {"WAYLAND_DISPLAY": "wayland-0"}, True, True),
        ("linux", {"DISPLAY": ":0"}, False, False),
        ("darwin", {}, True, True),
        ("win32", {}, True, True),
        ("win32", {}, False, False),
    ],
)
def test_a_browser_is_opened_only_where_there_is_a_screen(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    platform: str,
    displays: dict[str, str],
    wanted: bool,
    opened: bool,
) -> None:
    shown: list[str] = []

    class AtOnce:
        """A timer whose time has come."""

        def __init__(self, _seconds: float, function: Any, args: tuple[str, ...]) -> None:
            self.start = lambda: function(*args)

    listening = open_socket(0)
    address = address_of(listening)
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in displays.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(serving, "sys", SimpleNamespace(platform=platform))
    monkeypatch.setattr(serving.webbrowser, "open", shown.append)
    monkeypatch.setattr(serving.threading, "Timer", AtOnce)
    monkeypatch.setattr(serving.uvicorn.Server, "run", lambda *_args, **_more: None)
    serving.serve(tmp_path, open_browser=wanted, opened=listening)
    assert shown == ([address] if opened else [])
