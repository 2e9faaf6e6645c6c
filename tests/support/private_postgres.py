"""A PostgreSQL of the tests' own: made in a temporary folder, reached by a socket in it."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg

_PORT = 5432  # names the socket in the folder; nothing listens on the network
_SETTINGS = {
    "listen_addresses": "",
    "max_connections": 60,
    "shared_buffers": "32MB",
    "max_wal_size": "256MB",
    "log_min_messages": "fatal",
    "synchronous_commit": "on",
}


class UnavailableError(Exception):
    """Why there can be no private PostgreSQL here."""


def find_programs() -> Path:
    """Folder of `initdb` and `postgres`.

    Raises:
        UnavailableError: They are not installed.
    """
    named = os.environ.get("LINGJING_POSTGRES_BIN")
    folders = [Path(named)] if named else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    found = shutil.which("initdb")
    if found:
        folders.append(Path(found).resolve().parent)
    for folder in folders:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise UnavailableError("PostgreSQL is not installed (initdb was not found)")


def find_user() -> str | None:
    """Who may run it: PostgreSQL refuses root; None is whoever runs the tests.

    Raises:
        UnavailableError: Run as root, and there is no other user to become.
    """
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    raise UnavailableError("PostgreSQL refuses to run as root, and there is no other user")


class PrivatePostgres:
    """One server with one database, `twin`, in which PostGIS is ready.

    Args:
        fsync: Whether it waits for the disk. What a killed server had acknowledged is kept either
            way, since the machine lives on.

    Raises:
        UnavailableError: Something it needs is absent.
    """

    def __init__(self, *, fsync: bool = False) -> None:
        self._programs = find_programs()
        self._user = find_user()
        self.folder = Path(tempfile.mkdtemp(prefix="lingjing-pg-"))
        self._process: subprocess.Popen[bytes] | None = None
        self._count = 0
        self._settings = {**_SETTINGS, "fsync": "on" if fsync else "off"}
        try:
            if self._user is not None:
                shutil.chown(self.folder, self._user)
            self._run(
                "initdb", "--pgdata", self.folder / "data", "--username", "lingjing",
                "--auth", "trust", "--encoding", "UTF8", "--locale", "C", "--no-sync",
            )  # fmt: skip
            self.start()
            with psycopg.connect(self._url("postgres"), autocommit=True) as connection:
                connection.execute("CREATE DATABASE twin")
            with psycopg.connect(self.url, autocommit=True) as connection:
                try:
                    connection.execute("CREATE EXTENSION postgis")
                except psycopg.Error as error:
                    raise UnavailableError(f"PostGIS is not installed: {error}") from error
        except BaseException:
            self.remove()
            raise

    @property
    def url(self) -> str:
        """Of the database."""
        return self._url("twin")

    def _url(self, database: str) -> str:
        return f"postgresql://lingjing@/{database}?host={self.folder}&port={_PORT}"

    def _run(self, program: str, *arguments: object) -> None:
        done = subprocess.run(
            [self._programs / program, *map(str, arguments)],
            user=self._user,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise UnavailableError(f"{program} failed: {done.stderr.strip()}")

    def start(self) -> None:
        """Start the server and wait until it answers."""
        options = [
            part for item in self._settings.items() for part in ("-c", "=".join(map(str, item)))
        ]
        self._process = subprocess.Popen(
            [self._programs / "postgres", "-D", self.folder / "data", "-k", self.folder, "-p",
             str(_PORT), *options],
            user=self._user,
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        for _ in range(600):
            with contextlib.suppress(psycopg.OperationalError):
                psycopg.connect(self._url("postgres")).close()
                return
            if self._process.poll() is not None:
                break
            time.sleep(0.05)
        raise UnavailableError("the private PostgreSQL did not start")

    def stop(self) -> None:
        """End it at once, as when the machine goes; open transactions are lost."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(30)
            self._process = None

    def remove(self) -> None:
        """Stop it and remove its folder."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    @contextlib.contextmanager
    def schema(self) -> Iterator[str]:
        """URL of an empty schema, which goes again with all that was put there."""
        self._count += 1
        name = f"t{os.getpid()}_{self._count}"
        yield f"{self.url}&schema={name}"
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f"DROP SCHEMA IF EXISTS {name} CASCADE")
