"""The fetching client over a real connection: a server of our own on loopback that misbehaves."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from lingjing.sources.fetching import Fetcher, Patience, check_json
from lingjing.vocabulary import LingjingError


class Misbehaving(BaseHTTPRequestHandler):
    """Breaks off in the middle of `/cut`, never answers `/silent`, and counts what it is asked."""

    asked: list[str]
    release: threading.Event

    def do_GET(self) -> None:
        self.asked.append(self.path)
        if self.path == "/silent":
            self.release.wait(10.0)
            return
        body = b'{"latitude": 31.3}'
        whole = self.path == "/good" or len(self.asked) > 2
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body if whole else body[:5])

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Keep the test's output clean."""


@pytest.fixture
def server() -> Iterator[tuple[str, type[Misbehaving]]]:
    handler = type("Handler", (Misbehaving,), {"asked": [], "release": threading.Event()})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}", handler
        handler.release.set()
        running.shutdown()
        thread.join()


def test_a_transfer_that_breaks_off_is_tried_again_until_it_is_whole(
    server: tuple[str, type[Misbehaving]], tmp_path: Path
) -> None:
    url, handler = server
    fetched = Fetcher(tmp_path, sleep=lambda _: None).get(f"{url}/cut", {}, check=check_json)
    assert fetched.content == b'{"latitude": 31.3}'
    assert handler.asked == ["/cut"] * 3


def test_a_transfer_that_always_breaks_off_is_told_and_leaves_nothing(
    server: tuple[str, type[Misbehaving]], tmp_path: Path
) -> None:
    url, _ = server
    fetcher = Fetcher(tmp_path, patience=Patience(attempts=2), sleep=lambda _: None)
    with pytest.raises(LingjingError) as caught:
        fetcher.get(f"{url}/cut", {}, check=check_json)
    assert caught.value.code == "fetch.unreachable"
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_never_answers_is_given_up(server: tuple[str, type[Misbehaving]]) -> None:
    url, handler = server
    fetcher = Fetcher(None, patience=Patience(timeout_s=0.2, attempts=2), sleep=lambda _: None)
    with pytest.raises(LingjingError) as caught:
        fetcher.get(f"{url}/silent", {}, check=check_json)
    assert caught.value.code == "fetch.unreachable"
    assert handler.asked == ["/silent"] * 2


def test_nobody_at_home_is_told_with_a_way_out() -> None:
    fetcher = Fetcher(None, patience=Patience(attempts=1))
    with pytest.raises(LingjingError) as caught:
        fetcher.get("http://127.0.0.1:9/v1", {}, check=check_json)
    assert caught.value.code == "fetch.unreachable"
    assert "import" in caught.value.remedy("en")
