"""@contexts are found in files, in the store, or on the web, and read once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from context_server import ContextServer

from lingjing.interfaces.ngsild import context_store
from lingjing.interfaces.ngsild import contexts as module
from lingjing.interfaces.ngsild.contexts import Contexts
from lingjing.interfaces.ngsild.core_terms import CORE_ADDRESS
from lingjing.interfaces.ngsild.outgoing import Networks, Outgoing
from lingjing.interfaces.ngsild.terms import Terms
from lingjing.twin.documents import DEFAULT_TERMS
from lingjing.twin.sqlite_ledger import SqliteLedger
from lingjing.vocabulary import LingjingError

ADDRESS = "https://contexts.example/a.jsonld"
T = TypeVar("T")


def body(context: Any) -> bytes:
    return json.dumps({"@context": context}).encode()


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[SqliteLedger]:
    opened = SqliteLedger(tmp_path / "twin.sqlite")
    yield opened
    opened.close()


@pytest.fixture
def web() -> Iterator[ContextServer]:
    with ContextServer() as server:
        yield server


def run(
    ledger: SqliteLedger,
    work: Callable[[Contexts], Awaitable[T]],
    files: dict[str, Path] | None = None,
    **options: Any,
) -> T:
    """Do something with fresh contexts over a ledger, downloads on loopback allowed."""

    async def inner() -> T:
        contexts = Contexts(ledger, files, Outgoing(Networks()), **options)
        try:
            return await work(contexts)
        finally:
            await contexts.close()

    return asyncio.run(inner())


def refused(ledger: SqliteLedger, context: Any, **options: Any) -> str:
    with pytest.raises(LingjingError) as caught:
        run(ledger, lambda contexts: contexts.terms(context), **options)
    return caught.value.code


def test_files_stand_in_for_the_web(ledger: SqliteLedger, tmp_path: Path) -> None:
    file = tmp_path / "a.jsonld"
    file.write_bytes(body({"a": "urn:a"}))
    terms = run(ledger, lambda contexts: contexts.terms(ADDRESS), {ADDRESS: file})
    assert terms.expand("a") == "urn:a"
    assert terms.link == ADDRESS
    assert terms.body == [ADDRESS, CORE_ADDRESS]


def test_a_changed_file_counts_after_a_new_start(ledger: SqliteLedger, tmp_path: Path) -> None:
    file = tmp_path / "a.jsonld"
    for value in ("urn:one", "urn:two"):
        file.write_bytes(body({"a": value}))
        terms = run(ledger, lambda contexts: contexts.terms(ADDRESS), {ADDRESS: file})
        assert terms.expand("a") == value


def test_a_file_that_is_not_there_is_said_at_once(ledger: SqliteLedger, tmp_path: Path) -> None:
    absent = {ADDRESS: tmp_path / "absent"}
    assert refused(ledger, ADDRESS, files=absent) == "ngsild.context-unavailable"


@pytest.mark.parametrize("context", [None, [], CORE_ADDRESS, [CORE_ADDRESS], [None, CORE_ADDRESS]])
def test_the_core_alone_is_the_core(ledger: SqliteLedger, context: Any) -> None:
    async def work(contexts: Contexts) -> bool:
        return await contexts.terms(context) is contexts.core

    assert run(ledger, work)


def test_an_address_with_the_core_keeps_its_own_link(
    ledger: SqliteLedger, web: ContextServer
) -> None:
    address = web.page("/a", body({"a": "urn:a"}))
    terms = run(ledger, lambda contexts: contexts.terms([address, CORE_ADDRESS]))
    assert (terms.link, terms.body) == (address, [address, CORE_ADDRESS])


def test_the_core_is_not_named_twice(ledger: SqliteLedger, web: ContextServer) -> None:
    address = web.page("/a", body([{"a": "urn:a"}, CORE_ADDRESS]))
    assert run(ledger, lambda contexts: contexts.terms(address)).body == address


def test_a_download_is_read_once_and_kept_for_the_day_without_network(
    ledger: SqliteLedger, web: ContextServer
) -> None:
    address = web.page("/a", body({"a": "urn:a"}))

    async def twice(contexts: Contexts) -> list[Terms]:
        found = await asyncio.gather(*(contexts.terms(address) for _ in range(5)))
        return [*found, await contexts.terms(address)]

    assert {terms.expand("a") for terms in run(ledger, twice)} == {"urn:a"}
    assert web.asked["/a"] == 1
    web.stop()
    terms = run(ledger, lambda contexts: contexts.terms(address))
    assert terms.expand("a") == "urn:a"


def test_redirects_are_followed_a_few_times_only(ledger: SqliteLedger, web: ContextServer) -> None:
    web.page("/real", body({"a": "urn:a"}))
    moved = web.page("/moved", b"", 302, Location="/real")
    assert run(ledger, lambda contexts: contexts.terms(moved)).expand("a") == "urn:a"
    circle = web.page("/circle", b"", 302, Location="/circle")
    assert refused(ledger, circle) == "ngsild.context-unavailable"
    assert web.asked["/circle"] < 6


def test_a_redirect_cannot_lead_into_a_forbidden_network(
    ledger: SqliteLedger, web: ContextServer
) -> None:
    inward = web.page("/inward", b"", 302, Location="http://169.254.169.254/secret")
    assert refused(ledger, inward) == "ngsild.context-unavailable"


@pytest.mark.parametrize(
    ("status", "content", "code"),
    [
        (404, b"", "ngsild.context-unavailable"),
        (500, b"", "ngsild.context-unavailable"),
        (200, b"this is { not json", "ngsild.context-bad"),
        (200, b"[" * 100_000, "ngsild.context-bad"),
        (200, b'{"note": 1}', "ngsild.context-bad"),
        (200, b"5", "ngsild.context-bad"),
        (200, body({"a": "not an iri"}), "ngsild.context-bad-term"),
    ],
)
def test_what_cannot_be_used_is_refused(
    ledger: SqliteLedger, web: ContextServer, status: int, content: bytes, code: str
) -> None:
    assert refused(ledger, web.page("/a", content, status)) == code


def test_too_much_is_not_read(
    ledger: SqliteLedger, web: ContextServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", 1000)
    address = web.page("/a", body({"a": "urn:" + "a" * 2000}))
    assert refused(ledger, address) == "ngsild.context-too-large"


def test_a_failure_is_not_asked_for_again_at_once(
    ledger: SqliteLedger, web: ContextServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = web.page("/a", b"", 500)

    async def work(contexts: Contexts) -> None:
        for _ in range(3):
            with pytest.raises(LingjingError):
                await contexts.terms(address)
        assert web.asked["/a"] == 1
        web.page("/a", body({"a": "urn:a"}))
        monkeypatch.setattr(module, "FORGET_FAILURE_S", 0.0)
        assert (await contexts.terms(address)).expand("a") == "urn:a"

    run(ledger, work)


def test_without_a_client_nothing_is_downloaded(ledger: SqliteLedger) -> None:
    with pytest.raises(LingjingError) as caught:
        asyncio.run(Contexts(ledger).terms(ADDRESS))
    assert caught.value.code == "ngsild.context-unavailable"


def test_an_inline_context_gets_an_address_that_leads_to_it(ledger: SqliteLedger) -> None:
    context = {"a": "urn:a"}

    async def work(contexts: Contexts) -> None:
        terms = await contexts.terms(context)
        assert terms.link.startswith("https://twin.example/ngsi-ld/v1/jsonldContexts/")
        assert terms.body == [context, CORE_ADDRESS]
        assert await contexts.store.all("") == []
        assert await contexts.keep(terms) == terms.link
        (kept,) = await contexts.store.all("")
        assert (kept.kind, kept.context) == ("ImplicitlyCreated", context)
        assert (await contexts.terms(terms.link)).expand("a") == "urn:a"

    run(ledger, work, base="https://twin.example/")


def test_what_was_kept_is_found_after_a_new_start(ledger: SqliteLedger) -> None:
    async def keep(contexts: Contexts) -> str:
        return await contexts.keep(await contexts.terms([{"a": "urn:a"}, {"b": "urn:b"}]))

    link = run(ledger, keep)
    assert run(ledger, lambda contexts: contexts.terms(link)).expand("b") == "urn:b"


def test_hosted_contexts_belong_to_their_tenant(ledger: SqliteLedger) -> None:
    async def work(contexts: Contexts) -> None:
        kept = await contexts.store.host("north", {"a": "urn:a"})
        assert (await contexts.terms(kept.address, "north")).expand("a") == "urn:a"
        for address in (kept.address, f"https://anywhere.example{kept.address}"):
            with pytest.raises(LingjingError):
                await contexts.terms(address, "south")
        assert await contexts.store.all("south") == []

    run(ledger, work)


def test_copies_of_public_documents_belong_to_all(ledger: SqliteLedger, web: ContextServer) -> None:
    address = web.page("/a", body({"a": "urn:a"}))

    async def work(contexts: Contexts) -> None:
        await contexts.terms(address, "north")
        await contexts.terms(address, "south")
        assert [kept.address for kept in await contexts.store.all("east")] == [address]
        assert web.asked["/a"] == 1

    run(ledger, work)


def test_uses_are_counted(ledger: SqliteLedger, web: ContextServer) -> None:
    address = web.page("/a", body({"a": "urn:a"}))

    async def work(contexts: Contexts) -> None:
        await contexts.terms(address)
        await contexts.terms([address, {"b": "urn:b"}])
        await contexts.terms(address)
        (kept,) = await contexts.store.all("")
        assert contexts.use(kept).hits == 3
        assert contexts.use(kept).last is not None

    run(ledger, work)


def test_reloading_takes_the_new_and_keeps_the_old_where_that_fails(
    ledger: SqliteLedger, web: ContextServer
) -> None:
    address = web.page("/a", body({"a": "urn:one"}))

    async def work(contexts: Contexts) -> None:
        await contexts.terms(address)
        web.page("/a", body({"a": "urn:two"}))
        (kept,) = await contexts.store.all("")
        assert (await contexts.terms(address)).expand("a") == "urn:one"
        await contexts.reload(kept)
        assert (await contexts.terms(address)).expand("a") == "urn:two"
        web.page("/a", b"", 500)
        with pytest.raises(LingjingError):
            await contexts.reload(kept)
        assert (await contexts.terms(address)).expand("a") == "urn:two"

    run(ledger, work)


def test_what_is_remembered_is_bounded(
    ledger: SqliteLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MOST_READY", 10)
    monkeypatch.setattr(module, "_MOST_READY_TERMS", 1000)

    async def work(contexts: Contexts) -> None:
        for number in range(50):
            terms = await contexts.terms({"a": f"urn:{number}"})
            assert terms.expand("a") == f"urn:{number}"
            await contexts.keep(terms)
        assert len(contexts._ready) <= 1000 / len(Terms().terms)
        assert len(contexts._implied) <= 10
        large = {f"t{number}": "urn:t" for number in range(2000)}
        assert (await contexts.terms(large)).expand("t1") == "urn:t"
        assert len(contexts._ready) == 1
        await contexts.terms({"a": "urn:a"})
        assert len(contexts._ready) == 1

    run(ledger, work)


def test_asking_does_not_fill_the_store_without_end(
    ledger: SqliteLedger, web: ContextServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(context_store, "MOST_KEPT_BY_ASKING", 3)

    async def work(contexts: Contexts) -> None:
        for number in range(5):
            address = web.page(f"/{number}", body({"a": f"urn:{number}"}))
            assert (await contexts.terms(address)).expand("a") == f"urn:{number}"
            await contexts.keep(await contexts.terms({"b": f"urn:{number}"}))
        assert len(await contexts.store.all("")) == 3
        await contexts.store.host("", {"c": "urn:c"})
        assert len(await contexts.store.all("")) == 4

    run(ledger, work)


def test_a_context_to_be_hosted_is_checked_without_fetching(
    ledger: SqliteLedger, web: ContextServer
) -> None:
    address = web.page("/a", body({"a": "urn:a"}))

    async def work(contexts: Contexts) -> None:
        await contexts.check([address, {"b": "urn:b"}])
        assert not web.asked
        with pytest.raises(LingjingError):
            await contexts.check([address, 5])

    run(ledger, work)


def test_names_that_no_context_knows_belong_to_the_default_vocabulary(ledger: SqliteLedger) -> None:
    terms = run(ledger, lambda contexts: contexts.terms({"a": "urn:a"}))
    assert terms.expand("b") == DEFAULT_TERMS + "b"
