"""The walk through what-ifs works as it is written, word for word."""

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

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "ask-what-if.md"
BLOCK = re.compile(r"^```sh\n(.*?)^```", flags=re.MULTILINE | re.DOTALL)
SERVING = 4
"""Place of the block that starts the server."""

pytestmark = pytest.mark.skipif(
    shutil.which("curl") is None or shutil.which("bash") is None,
    reason="the walk is typed into bash with curl, and one of them is absent",
)


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """What each block of the page printed, but the one that starts the server."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    blocks = [block.replace("8787", port) for block in BLOCK.findall(PAGE.read_text("utf-8"))]
    environment = {
        **os.environ,
        "LINGJING_DATA": str(tmp_path_factory.mktemp("walk")),
        "LINGJING_LOCALE": "en",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }

    def typed(block: str) -> str:
        done = subprocess.run(
            ["bash", "-ec", block], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    said = [typed(block) for block in blocks[:SERVING]]
    serve = blocks[SERVING].strip().removesuffix("&").strip() + f" --port {port}"
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
        yield said + [typed(block) for block in blocks[SERVING + 1 :]]
    finally:
        server.terminate()
        server.wait(timeout=30)


def test_the_page_shows_what_it_promises(answers: list[str]) -> None:
    _, wrapped, kept, colder, ordered, compared, advised = answers
    assert "What-if wrap the taps: done" in wrapped
    assert "tap" in wrapped
    assert "Mind:" not in wrapped
    assert "yes" in kept
    assert "What-if colder: done" in colder
    assert "Households expected to be struck" in colder
    assert "Dropped the what-if colder" in colder
    assert '"state":"waiting"' in ordered
    assert '"same_members":true' in compared
    assert '"same_outcomes":false' in compared
    assert '"probability_a"' in compared
    assert '"agrees":true' in advised
    assert '"drip_10"' in advised
