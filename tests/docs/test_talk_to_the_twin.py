"""The walk through the open interface works as it is written, word for word."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "talk-to-the-twin.md"
BLOCK = re.compile(r"^```sh\n(.*?)^```", flags=re.MULTILINE | re.DOTALL)
WRITTEN_PORT = "8787"

pytestmark = pytest.mark.skipif(
    shutil.which("curl") is None or shutil.which("bash") is None,
    reason="the walk is typed into bash with curl, and one of them is absent",
)


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """What each block of the page after the first printed."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    data = tmp_path_factory.mktemp("walk")
    blocks = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    first, *rest = (block.replace(WRITTEN_PORT, port) for block in blocks)
    environment = {
        **os.environ,
        "LINGJING_DATA": str(data),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    sketch, serve = first.strip().splitlines()
    subprocess.run(["bash", "-c", sketch], env=environment, check=True, capture_output=True)
    serve = serve.removesuffix("&").strip() + f" --port {port}"
    server = subprocess.Popen(
        ["bash", "-c", f"exec {serve}"],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=2)
                break
            except OSError:
                time.sleep(0.1)
        yield [
            subprocess.run(
                ["bash", "-ec", block], env=environment, check=True, capture_output=True, text=True
            ).stdout
            for block in rest
        ]
    finally:
        server.terminate()
        server.wait(timeout=30)


def test_the_page_shows_what_it_promises(answers: list[str]) -> None:
    types, roads, written, history, subscribed, what_if = answers
    assert '"typeName":"RoadSegment"' in types
    assert roads.count('"type":"RoadSegment"') >= 2
    assert written.count("HTTP/1.1 201") == 1
    assert written.count("HTTP/1.1 204") == 1
    assert '[1.4,"2026-01-20T18:00:00' in history
    assert '[-0.3,"2026-01-20T19:00:00' in history
    assert '"avg"' in history
    assert subscribed.count("HTTP/1.1 201") == 1
    assert '"name":"salted"' in what_if
    assert '"done":true' in what_if


def test_no_answer_is_a_fault(answers: list[str]) -> None:
    for answer in answers:
        assert "HTTP/1.1 4" not in answer
        assert "HTTP/1.1 5" not in answer
        assert '"status":4' not in answer
        assert '"remedy"' not in answer
