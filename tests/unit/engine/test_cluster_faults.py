"""What a cluster can do wrong, and how it is told."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Iterator
from typing import Any

import pytest

from lingjing.engine import cluster
from lingjing.engine.cluster import ClusterSpreader, check_address, fingerprint
from lingjing.sdk import LingjingError

distributed = pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    """A client of a cluster inside this process, with one worker."""
    made = distributed.Client(
        processes=False, n_workers=1, threads_per_worker=2, dashboard_address=None,
        set_as_default=False,
    )  # fmt: skip
    yield made
    made.close()


@pytest.mark.parametrize(
    "address", ["", "127.0.0.1:8786", "tcp://", "tcp://host", "http://host:80", "tcp://host:port"]
)
def test_what_cannot_be_an_address_is_refused_before_anything_is_loaded(address: str) -> None:
    with pytest.raises(LingjingError) as caught:
        check_address(address)
    assert caught.value.code == "cluster.bad-address"
    assert "tcp://10.0.0.5:8786" in caught.value.remedy("en")


@pytest.mark.parametrize(
    "address", ["tcp://10.0.0.5:8786", "tls://scheduler.example:8786", "tcp://[fe80::1]:8786"]
)
def test_addresses_of_schedulers_are_taken(address: str) -> None:
    check_address(address)


def test_a_missing_dask_is_told_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    check_address("tcp://127.0.0.1:8786")
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(LingjingError) as caught:
        check_address("tcp://127.0.0.1:8786")
    assert caught.value.code == "cluster.not-installed"
    assert "lingjing-twin[cluster]" in caught.value.remedy("en")


def test_results_come_in_the_order_of_the_items_with_progress(client: Any) -> None:
    seen: list[int] = []
    spreader = ClusterSpreader(client, "here")
    assert spreader.map(divmod, 17, [5, 3, 4], seen.append) == [(3, 2), (5, 2), (4, 1)]
    assert seen[-1] == 3
    assert spreader.budget_bytes(192 * 2**20, 2**22) == cluster.BLOCK_BYTES
    assert spreader.budget_bytes(1, 2**22) == 1
    large = 2**33
    assert spreader.budget_bytes(192 * 2**20, large) == large // cluster.MOST_BLOCKS


def test_what_the_function_itself_raises_stays_what_it_is(client: Any) -> None:
    with pytest.raises(ZeroDivisionError):
        ClusterSpreader(client, "here").map(divmod, 17, [5, 0], lambda _: None)


def test_a_worker_with_other_code_is_refused_by_name(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # the worker lives in this process and keeps what it found before
    fingerprint()
    other = {**fingerprint(), "numpy": "0.1"}
    with pytest.raises(LingjingError) as caught:
        client.submit(cluster._compute, divmod, 17, 5, other).result()
    assert caught.value.code == "cluster.unlike-worker"
    assert "numpy" in caught.value.what("en")
    assert "0.1" in caught.value.what("en")


def test_a_cluster_that_stays_without_workers_is_given_up(client: Any) -> None:
    client.cluster.scale(0)
    try:
        _wait_for(client, 0)
        with pytest.raises(LingjingError) as caught:
            ClusterSpreader(client, "tcp://there:1", patience_s=0.3).map(
                divmod, 17, [5], lambda _: None
            )
    finally:
        client.cluster.scale(1)
        _wait_for(client, 1)
    assert caught.value.code == "cluster.no-workers"
    assert "tcp://there:1" in caught.value.remedy("en")


def _wait_for(client: Any, workers: int) -> None:
    for _ in range(200):
        if len(client.nthreads()) == workers:
            return
        time.sleep(0.05)
    raise AssertionError(client.nthreads())
