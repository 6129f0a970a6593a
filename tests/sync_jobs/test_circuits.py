"""Circuits in the store: one for all workers. On both databases."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from hub import counters
from hub.domain.outcome import Fault, FaultKind
from hub.store import circuits as store
from sync_jobs.circuits import failed, let_in, resting_until, worked
from sync_jobs.hub import Hub
from sync_jobs.simulation.stage import Stage

DOWN = Fault(FaultKind.TRANSIENT, "not_reached", "it could not be reached")
LIMITED = Fault(FaultKind.RATE_LIMITED, "http_429", "too many requests", retry_after=40)


@pytest.fixture
async def stage(tmp_path: Path, store_url: str) -> AsyncIterator[Stage]:
    made = await Stage.set(tmp_path, Random(1), "none", database_url=store_url)
    yield made
    await made.close()


@pytest.fixture
def hub(stage: Stage) -> Hub:
    assert stage.hub is not None
    return stage.hub


async def test_the_third_failure_opens_and_one_success_closes(stage: Stage, hub: Hub) -> None:
    opened = dict(counters.labelled("circuits_opened"))
    assert [await failed(hub, "alpha", DOWN) for _ in range(2)] == [None, None]
    assert await let_in(hub, "alpha") is None
    until = await failed(hub, "alpha", DOWN)
    assert until is not None
    assert until > stage.now + timedelta(seconds=29)
    assert (await resting_until(hub, "alpha"), await let_in(hub, "alpha")) == (until, until)
    assert await let_in(hub, "beta") is None, "the others work on"
    stage.now = until
    assert await resting_until(hub, "alpha") is None
    assert await let_in(hub, "alpha") is None
    assert await let_in(hub, "alpha") == until + timedelta(minutes=1), "one at first"
    await worked(hub, "alpha")
    assert await let_in(hub, "alpha") is None
    async with hub.database.read() as conn:
        assert await store.all(conn) == {}
    label = (("connection", "alpha"),)
    assert counters.labelled("circuits_opened")[label] == opened.get(label, 0) + 1


async def test_of_many_tours_one_is_let_through(stage: Stage, hub: Hub) -> None:
    for _ in range(3):
        until = await failed(hub, "alpha", DOWN)
    assert until is not None
    stage.now = until
    let = await asyncio.gather(*(let_in(hub, "alpha") for _ in range(6)))
    assert let.count(None) == 1
    assert set(let) == {None, until + timedelta(minutes=1)}


async def test_failures_at_once_are_all_counted(hub: Hub) -> None:
    await asyncio.gather(*(failed(hub, "alpha", DOWN) for _ in range(4)))
    async with hub.database.read() as conn:
        circuit = await store.get(conn, "alpha")
    assert circuit is not None
    assert circuit.failures == 4


async def test_a_vendor_that_limits_rests_and_its_rest_outlives_a_success(stage: Stage, hub: Hub) -> None:
    until = stage.now + timedelta(seconds=40)
    assert await failed(hub, "alpha", LIMITED) == until
    await worked(hub, "alpha")
    assert await resting_until(hub, "alpha") == until
    stage.now = until
    assert await let_in(hub, "alpha") is None
    await worked(hub, "alpha")
    async with hub.database.read() as conn:
        assert await store.all(conn) == {}


async def test_a_fault_of_the_operator_leaves_no_trace(hub: Hub) -> None:
    assert await failed(hub, "alpha", Fault(FaultKind.UNAUTHORISED, "http_401", "no")) is None
    async with hub.database.read() as conn:
        assert await store.all(conn) == {}
