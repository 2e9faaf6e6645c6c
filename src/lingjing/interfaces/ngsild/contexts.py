"""Where @contexts are found: at hand, in files, stored, or downloaded; each is read once.

Documents that the configuration keeps in files are never fetched. What is downloaded is stored,
so that the twin understands its own words when the network is gone. What cannot be had fails
fast and is not tried again for some seconds.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urljoin

import msgspec

from lingjing.interfaces.ngsild.addresses import as_uri
from lingjing.interfaces.ngsild.context_parsing import ContextReader
from lingjing.interfaces.ngsild.context_store import (
    COLLECTION,
    ContextStore,
    Kept,
    local_id,
    served_at,
)
from lingjing.interfaces.ngsild.core_terms import CORE_ADDRESS, is_core_address
from lingjing.interfaces.ngsild.outgoing import Outgoing
from lingjing.interfaces.ngsild.terms import Terms
from lingjing.twin.documents import instant_text
from lingjing.twin.ledger import Ledger
from lingjing.vocabulary import LingjingError, Place

TIMEOUT_S: Final = 3.0
MOST_BYTES: Final = 4 * 1024 * 1024
FORGET_FAILURE_S: Final = 5.0
SHARED_AGE_S: Final = 30.0
"""How long a reading is trusted where other processes may change what is stored [s]."""

_MOST_READY: Final = 2000
_MOST_READY_TERMS: Final = 1_000_000
_MOST_USED: Final = 10_000
_MOST_REDIRECTS: Final = 3
_ACCEPT: Final = (("Accept", "application/ld+json, application/json;q=0.9"),)

_encode: Final = msgspec.json.Encoder(order="sorted").encode
_decode: Final = msgspec.json.Decoder().decode


class Use(msgspec.Struct):
    """How often an @context was used, in this process, and when last [µs since 1970 UTC]."""

    hits: int = 0
    last_us: int | None = None

    @property
    def last(self) -> str | None:
        """The last use as text."""
        return None if self.last_us is None else instant_text(self.last_us)


class _Ready(msgspec.Struct):
    """An @context that was read, the documents it took, and until when that holds [s]."""

    terms: Terms
    sources: tuple[str, ...]
    until: float


class Contexts:
    """The @contexts that requests name, as `Terms`.

    Args:
        ledger: Where downloaded and hosted ones are stored.
        files: Address → file with its document; these are never fetched.
        outgoing: For downloads; None refuses them. It is closed with this.
        base: Address of this server for links, such as `https://twin.example`; may be empty.

    Attributes:
        core: The core @context, in force where a request names none.
        store: What is stored.
    """

    def __init__(
        self,
        ledger: Ledger,
        files: Mapping[str, Path] | None = None,
        outgoing: Outgoing | None = None,
        *,
        base: str = "",
    ) -> None:
        self.core = Terms()
        self.store = ContextStore(ledger)
        self._files = {as_uri(address): file for address, file in (files or {}).items()}
        self._outgoing = outgoing
        self._base = base.rstrip("/")
        self._is_alone = ledger.driver == "sqlite"
        self._ready: OrderedDict[tuple[str, str | bytes], _Ready] = OrderedDict()
        self._ready_terms = 0
        self._implied: set[tuple[str, str]] = set()
        self._failed: dict[str, tuple[float, LingjingError]] = {}
        self._loading: dict[str, asyncio.Task[Any]] = {}
        self._used: dict[str, Use] = {}
        self._is_stale = False
        listen: Callable[[Callable[[str, str], None]], None] | None
        listen = getattr(ledger, "listen_to_notes", None)
        if listen is not None:
            listen(self._note_changed)

    async def terms(self, context: Any, tenant: str = "") -> Terms:
        """The terms of an @context: an address, an object, a list of both, or null.

        Raises:
            LingjingError: `ngsild.context-…`.
        """
        if self._is_stale:
            self._is_stale = False
            self.forget()
        key = (tenant, context if isinstance(context, str) else _encode(context))
        ready = self._ready.get(key)
        if ready is None or ready.until < time.monotonic():
            ready = await self._read(context, tenant)
            self._remember(key, ready)
        else:
            self._ready.move_to_end(key)
        if ready.sources:
            self._count(ready.sources)
        return ready.terms

    async def keep(self, terms: Terms, tenant: str = "") -> str:
        """Make sure that the address of an @context leads to it, for answers that name it.

        An @context that has no single address of its own is stored as implicitly created.

        Returns:
            The address.
        """
        if served_at("") in terms.link:
            context_id = terms.link.rpartition("/")[2]
            is_own = terms.link not in terms.body
            if is_own and (tenant, context_id) not in self._implied:
                await self.store.imply(tenant, context_id, _without_core(terms.body))
                if len(self._implied) >= _MOST_READY:
                    self._implied.clear()
                self._implied.add((tenant, context_id))
        return terms.link

    def use(self, kept: Kept) -> Use:
        """How often a stored @context was used since this process began."""
        return self._used.setdefault(kept.address, Use())

    async def delete(self, kept: Kept, tenant: str = "") -> None:
        """Forget a stored @context, and how often it was used."""
        await self.store.delete(tenant, kept)
        self._used.pop(kept.address, None)
        self.forget()

    def link(self, kept: Kept) -> str:
        """The whole address of a stored @context."""
        return kept.address if "://" in kept.address else self._base + kept.address

    async def check(self, context: Any, tenant: str = "") -> None:
        """Refuse an @context that can be seen to be wrong without fetching anything.

        Raises:
            LingjingError: `ngsild.context-…`.
        """
        reading = ContextReader().read(context)
        try:
            address = next(reading)
            while True:
                kept = await self.store.get(tenant, address)
                address = reading.send({"@context": {} if kept is None else kept.context})
        except StopIteration:
            return

    async def reload(self, kept: Kept) -> None:
        """Download a cached @context again; where that fails, the old copy stays.

        Raises:
            LingjingError: `ngsild.context-unavailable`, `ngsild.context-bad`.
        """
        if not is_core_address(kept.address):
            document = await self._download(kept.address)
            await self.store.cache(kept.address, document["@context"])
        self.forget()

    async def close(self) -> None:
        """Let go of connections."""
        if self._outgoing is not None:
            await self._outgoing.close()

    def forget(self) -> None:
        """Read everything anew when it is next asked for."""
        self._ready.clear()
        self._ready_terms = 0
        self._failed.clear()
        self._implied.clear()

    def _note_changed(self, tenant: str, collection: str) -> None:
        """Hear from the driver's thread that another process changed small records."""
        del tenant
        if collection == COLLECTION:
            self._is_stale = True

    def core_kept(self) -> Kept:
        """The core @context as if it were stored."""
        return Kept(local_id(CORE_ADDRESS), CORE_ADDRESS, "Cached", {}, "1970-01-01T00:00:00Z")

    def _count(self, sources: tuple[str, ...]) -> None:
        now = time.time_ns() // 1000
        for address in sources:
            use = self._used.get(address)
            if use is None:
                if len(self._used) >= _MOST_USED:
                    self._used.clear()
                use = self._used[address] = Use()
            use.hits += 1
            use.last_us = now

    async def _read(self, context: Any, tenant: str) -> _Ready:
        reader = ContextReader()
        sources: list[str] = []
        reading = reader.read(context)
        try:
            address = next(reading)
            while True:
                source, document = await self._document(address, tenant)
                sources.append(source)
                address = reading.send(document)
        except StopIteration:
            pass
        until = float("inf") if self._is_alone else time.monotonic() + SHARED_AGE_S
        given = context if isinstance(context, list) else [context]
        own = [item for item in given if not _is_core(item) and item is not None]
        if not own:
            return _Ready(self.core, tuple(dict.fromkeys(sources)), until)
        has_address = len(own) == 1 and isinstance(own[0], str)
        link = own[0] if has_address else self._base + served_at(local_id(context))
        # one whose documents name the core themselves needs no help from the server
        is_complete = bool(reader.beneath) and not any(map(_is_core, given))
        parts = own if is_complete else [*own, CORE_ADDRESS]
        terms = Terms(reader.terms, link, parts[0] if len(parts) == 1 else parts)
        return _Ready(terms, tuple(dict.fromkeys(sources)), until)

    def _remember(self, key: tuple[str, str | bytes], ready: _Ready) -> None:
        """Keep what was read, and let go of the oldest where it is too much."""
        before = self._ready.pop(key, None)
        if before is not None:
            self._ready_terms -= len(before.terms.terms)
        self._ready[key] = ready
        self._ready_terms += len(ready.terms.terms)
        while len(self._ready) > 1 and (
            len(self._ready) > _MOST_READY or self._ready_terms > _MOST_READY_TERMS
        ):
            _, gone = self._ready.popitem(last=False)
            self._ready_terms -= len(gone.terms.terms)

    async def _document(self, address: str, tenant: str) -> tuple[str, Any]:
        """A document by its address, and the address it is stored under."""
        address = as_uri(address)
        if served_at("") in address:
            context_id = address.rpartition("/")[2]
            kept = await self.store.get(tenant, context_id)
            if kept is not None:
                return kept.address, {"@context": kept.context}
        if address not in self._files:
            kept = await self.store.get(tenant, address)
            if kept is not None:
                return kept.address, {"@context": kept.context}
        failed = self._failed.get(address)
        if failed is not None and time.monotonic() - failed[0] < FORGET_FAILURE_S:
            raise failed[1]
        return address, await self._load(address)

    async def _load(self, address: str) -> Any:
        """Get and store a document; requests that want the same one wait together."""
        task = self._loading.get(address)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._get_and_store(address))
            self._loading[address] = task
            task.add_done_callback(lambda _: self._loading.pop(address, None))
        return await asyncio.shield(task)

    async def _get_and_store(self, address: str) -> Any:
        try:
            document = await self._download(address)
        except LingjingError as error:
            if len(self._failed) > _MOST_READY:
                self._failed.clear()
            self._failed[address] = (time.monotonic(), error)
            raise
        await self.store.cache(address, document["@context"])
        return document

    async def _download(self, address: str) -> dict[str, Any]:
        """A document from its file or from the network.

        Raises:
            LingjingError: `ngsild.context-unavailable`, `ngsild.context-bad`.
        """
        file = self._files.get(address)
        if file is not None:
            try:
                body = await asyncio.to_thread(file.read_bytes)
            except OSError as error:
                raise _unavailable(address, error.strerror or type(error).__name__) from None
        else:
            body = await self._fetch(address)
        try:
            document = _decode(body)
        except (msgspec.DecodeError, RecursionError):
            raise LingjingError("ngsild.context-bad", Place(address), name="JSON") from None
        if not isinstance(document, dict) or "@context" not in document:
            raise LingjingError("ngsild.context-bad", Place(address), name="@context")
        return document

    async def _fetch(self, address: str) -> bytes:
        if self._outgoing is None:
            raise _unavailable(address, "—")
        target = address
        for _ in range(_MOST_REDIRECTS + 1):
            try:
                reply = await self._outgoing.send(
                    "GET", target, headers=_ACCEPT, timeout_s=TIMEOUT_S, most_bytes=MOST_BYTES
                )
            except LingjingError as error:
                if error.code == "ngsild.answer-too-large":
                    raise LingjingError(
                        "ngsild.context-too-large", Place(address), most=MOST_BYTES
                    ) from None
                raise _unavailable(address, error.what("en")) from None
            if reply.status == 200:
                return reply.body
            if reply.status not in (301, 302, 303, 307, 308) or "location" not in reply.headers:
                raise _unavailable(address, f"HTTP {reply.status}")
            target = urljoin(target, reply.headers["location"])
        raise _unavailable(address, f"HTTP {reply.status}")


def _without_core(body: Any) -> Any:
    """An @context as it was sent, without the core that answers add."""
    if isinstance(body, list) and body[-1] == CORE_ADDRESS:
        return body[0] if len(body) == 2 else body[:-1]
    return body


def _is_core(item: Any) -> bool:
    return isinstance(item, str) and is_core_address(item)


def _unavailable(address: str, detail: str) -> LingjingError:
    return LingjingError("ngsild.context-unavailable", address=address[:300], detail=detail)
