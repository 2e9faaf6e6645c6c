"""Getting things from services on the network: patient, polite, bounded, and kept for a while.

Nothing here knows weather or maps; `open_meteo_live` and `overpass` do.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx

from lingjing import __version__
from lingjing.sources.whole_files import whole_file
from lingjing.vocabulary import LingjingError, Place, format_instant, parse_instant

USER_AGENT = f"lingjing-twin/{__version__}"
_BUSY = frozenset({429, 500, 502, 503, 504})
_MIB = 1024 * 1024


@dataclass(frozen=True)
class Services:
    """Where the services are; each may be replaced by a server of one's own."""

    forecast: str = "https://api.open-meteo.com/v1/forecast"
    ensemble: str = "https://ensemble-api.open-meteo.com/v1/ensemble"
    overpass: str = "https://overpass-api.de/api/interpreter"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Services:
        """Read `LINGJING_FORECAST_URL`, `LINGJING_ENSEMBLE_URL` and `LINGJING_OVERPASS_URL`."""
        given = {
            field: environment[key]
            for field in ("forecast", "ensemble", "overpass")
            if environment.get(key := f"LINGJING_{field.upper()}_URL")
        }
        return cls(**given)


@dataclass(frozen=True)
class Patience:
    """How long and how often to try.

    Attributes:
        timeout_s: Longest silence on a connection [s].
        attempts: Tries in all.
        backoff_s: Wait before the second try; doubled before each further one [s].
        longest_wait_s: Longest wait; a server that asks for more is not waited for [s].
        size_limit: Largest answer, decompressed [bytes].
    """

    timeout_s: float = 30.0
    attempts: int = 4
    backoff_s: float = 1.0
    longest_wait_s: float = 60.0
    size_limit: int = 64 * _MIB


@dataclass(frozen=True)
class Fetched:
    """What came back.

    Attributes:
        content: The body, decompressed.
        url: Of the service, without the parameters.
        fetched_at: When it came from the network, UTC.
        age: How old a cached answer is; zero for a fresh one.
        cached: It came from the cache.
    """

    content: bytes
    url: str
    fetched_at: datetime
    age: timedelta
    cached: bool


Check = Callable[[bytes, str], None]
"""Refuses a body that is not what was asked for, given the body and the URL."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Fetcher:
    """A client with time-outs, bounded retries and a cache on disk.

    Args:
        cache_dir: Folder of the cache; nothing is kept without one.
        client: The HTTP client to use; one of our own by default.
        patience: How long and how often to try.
        sleep, now: The clock, for tests.
        jitter: Source of the random share of each wait.
    """

    def __init__(
        self,
        cache_dir: Path | None,
        *,
        client: httpx.Client | None = None,
        patience: Patience | None = None,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], datetime] = _utc_now,
        jitter: random.Random | None = None,
    ) -> None:
        self.cache_dir = cache_dir
        self.patience = patience or Patience()
        self._client = client
        self._sleep = sleep
        self._now = now
        # spreads the retries of many machines; nothing secret hangs on it
        self._jitter = jitter or random.Random()  # noqa: S311

    def get(
        self,
        url: str,
        params: Mapping[str, str],
        *,
        check: Check,
        max_age: timedelta = timedelta(0),
        method: str = "GET",
    ) -> Fetched:
        """Fetch a body, or take one from the cache that is not older than `max_age`.

        With `POST` the parameters travel as a form.

        Raises:
            LingjingError: `fetch.unreachable`, `fetch.busy`, `fetch.refused`, `fetch.too-large`,
                `fetch.not-what-was-asked`, `fetch.cannot-save`.
        """
        key = json.dumps([method, url, sorted(params.items())], ensure_ascii=False)
        kept = self._from_cache(key, url)
        if kept is not None and timedelta(0) <= kept.age <= max_age:
            return kept
        content = self._with_retries(method, url, params)
        check(content, url)
        fetched_at = self._now()
        self._to_cache(key, content, fetched_at)
        return Fetched(content, url, fetched_at, timedelta(0), cached=False)

    def _with_retries(self, method: str, url: str, params: Mapping[str, str]) -> bytes:
        failure: LingjingError | None = None
        attempts = self.patience.attempts
        client = self._client or httpx.Client()
        try:
            for attempt in range(1, attempts + 1):
                asked: float | None = None
                try:
                    status, headers, content = self._once(client, method, url, params)
                except (httpx.TransportError, httpx.DecodingError) as fault:
                    detail = str(fault) or type(fault).__name__
                    failure = LingjingError(
                        "fetch.unreachable", url=url, attempts=attempt, detail=detail
                    )
                except httpx.InvalidURL as fault:
                    raise LingjingError(
                        "fetch.unreachable", url=url, attempts=attempt, detail=str(fault)
                    ) from None
                else:
                    if status == httpx.codes.OK:
                        return content
                    if status not in _BUSY:
                        detail = _reason(content, headers)
                        raise LingjingError("fetch.refused", url=url, status=status, detail=detail)
                    failure = LingjingError("fetch.busy", url=url, status=status, attempts=attempt)
                    asked = self._retry_after(headers)
                if attempt == attempts or (asked or 0.0) > self.patience.longest_wait_s:
                    break
                self._sleep(self._wait(attempt) if asked is None else asked)
        finally:
            if self._client is None:
                client.close()
        if failure is None:
            raise ValueError("patience allows no attempt")
        raise failure

    def _once(
        self, client: httpx.Client, method: str, url: str, params: Mapping[str, str]
    ) -> tuple[int, httpx.Headers, bytes]:
        form = dict(params)
        with client.stream(
            method,
            url,
            params=form if method == "GET" else None,
            data=form if method == "POST" else None,
            headers={"User-Agent": USER_AGENT},
            timeout=self.patience.timeout_s,
            follow_redirects=False,
        ) as response:
            parts = []
            size = 0
            for part in response.iter_bytes():
                size += len(part)
                if size > self.patience.size_limit:
                    limit = self.patience.size_limit / _MIB
                    raise LingjingError("fetch.too-large", url=url, limit_mib=f"{limit:g}")
                parts.append(part)
            return response.status_code, response.headers, b"".join(parts)

    def _wait(self, attempt: int) -> float:
        longest = self.patience.backoff_s * 2.0 ** (attempt - 1)
        return min(longest * (0.5 + self._jitter.random() / 2.0), self.patience.longest_wait_s)

    def _retry_after(self, headers: httpx.Headers) -> float | None:
        text = headers.get("retry-after", "").strip()
        if not text:
            return None
        if text.isdecimal():
            return float(text[:9])
        try:
            until = parsedate_to_datetime(text)
        except ValueError:
            return None
        until = until if until.tzinfo else until.replace(tzinfo=UTC)
        return max((until - self._now()).total_seconds(), 0.0)

    def _path(self, key: str) -> Path | None:
        if self.cache_dir is None:
            return None
        return self.cache_dir / f"{hashlib.sha256(key.encode()).hexdigest()}.fetched"

    def _from_cache(self, key: str, url: str) -> Fetched | None:
        """The kept answer; an entry that is damaged counts as none."""
        path = self._path(key)
        if path is None:
            return None
        try:
            head, _, content = path.read_bytes().partition(b"\n")
            about = json.loads(head)
            if about["key"] != key or about["sha256"] != hashlib.sha256(content).hexdigest():
                return None
            fetched_at = parse_instant(about["fetched_at"])
        except (OSError, ValueError, KeyError, TypeError, LingjingError):
            return None
        return Fetched(content, url, fetched_at, self._now() - fetched_at, cached=True)

    def _to_cache(self, key: str, content: bytes, fetched_at: datetime) -> None:
        path = self._path(key)
        if path is None:
            return
        about = {
            "key": key,
            "fetched_at": format_instant(fetched_at),
            "sha256": hashlib.sha256(content).hexdigest(),
        }
        save_whole(path, json.dumps(about).encode() + b"\n" + content)


def save_whole(path: Path, content: bytes) -> None:
    """Write a file beside its place, then move it there: it is whole or it is not there.

    Raises:
        LingjingError: `fetch.cannot-save`.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as file:
            file.write(content)
    except OSError as fault:
        at = Place(file=str(path))
        raise LingjingError("fetch.cannot-save", at, detail=fault.strerror) from None


def check_json(content: bytes, url: str) -> None:
    """Refuse a body that is not a whole JSON object.

    Raises:
        LingjingError: `fetch.not-what-was-asked`.
    """
    try:
        answer = json.loads(content)
    except (ValueError, RecursionError) as fault:
        detail = _glimpse(content) or str(fault)
        raise LingjingError(
            "fetch.not-what-was-asked", url=url, expected="JSON", detail=detail
        ) from None
    if not isinstance(answer, dict):
        detail = _glimpse(content)
        raise LingjingError("fetch.not-what-was-asked", url=url, expected="JSON", detail=detail)


def _reason(content: bytes, headers: httpx.Headers) -> str:
    """The service's own reason for a refusal, as far as it can be read."""
    try:
        answer = json.loads(content)
        if isinstance(answer, dict) and isinstance(answer.get("reason"), str):
            return str(answer["reason"])
    except ValueError:
        pass
    return headers.get("location") or _glimpse(content)


def _glimpse(content: bytes) -> str:
    """The first words of a body, without mark-up."""
    text = re.sub(r"<[^>]*>", " ", content[:2000].decode("utf-8", "replace"))
    return " ".join(text.split())[:200] or "—"
