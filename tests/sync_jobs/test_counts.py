"""What a batch costs, counted and not timed: statements to the store per page and per batch, whatever is in them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import Engine, event

from connectors.unruly.sandbox import Manners, Unruly
from connectors.unruly.streams import LIMIT
from hub.domain.observation import Observation
from hub.store import observations
from sync_jobs.hub import Hub
from sync_jobs.pull import pull
from sync_jobs.reconcile import BATCH, HURRIED_BATCH, reconcile
from sync_jobs.simulation.stage import Stage


@contextmanager
def counted() -> Iterator[list[str]]:
    """Every statement that any engine sends inside the block; `executemany` is one."""
    seen: list[str] = []

    def note(_conn: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", note)


@asynccontextmanager
async def staged(home: Path, people: int) -> AsyncIterator[tuple[Stage, Hub, Unruly]]:
    """A hub before its first sync, and a vendor with so many people; every tenth shares the address of another."""
    home.mkdir()
    stage = await Stage.set(home, Random(1), "none", {"alpha": Manners()})
    vendor = stage.vendors["alpha"]
    for number in range(people):
        vendor.create({"email": f"p{number - (number % 10 == 9)}@x.example", "name": f"P {number}", "city": "Bonn"})
    stage.step(1)
    assert stage.hub is not None
    try:
        yield stage, stage.hub, vendor
    finally:
        await stage.close()


async def pull_cost(home: Path, people: int) -> int:
    async with staged(home, people) as (_, hub, _vendor):
        with counted() as seen:
            pulled = await pull(hub, hub.connection("alpha"), "people", full=True)
        assert (pulled.finished, pulled.counts.read) == (True, people)
        return len(seen)


async def test_a_page_costs_as_many_statements_with_one_record_as_with_all_it_holds(tmp_path: Path) -> None:
    assert await pull_cost(tmp_path / "one", 1) == await pull_cost(tmp_path / "full", LIMIT)


async def test_every_further_page_costs_the_same(tmp_path: Path) -> None:
    costs = [await pull_cost(tmp_path / str(pages), pages * LIMIT) for pages in (1, 2, 6)]
    assert costs[2] - costs[1] == 4 * (costs[1] - costs[0])
    assert costs[1] - costs[0] <= 6


async def test_a_batch_of_a_thousand_costs_as_many_statements_as_one_of_ten(tmp_path: Path) -> None:
    costs = []
    for people in (10, BATCH):
        async with staged(tmp_path / str(people), people) as (stage, hub, vendor):
            wired = hub.connection("alpha")
            first = await heard(hub, people)
            for remote_id in vendor.ids():
                vendor.edit(remote_id, {"title": "Head of Marketing", "opted_out": True})
            stage.step(1)
            await pull(hub, wired, "people")
            costs.append((first, await heard(hub, people)))
    assert costs[0] == costs[1]
    assert max(costs[1]) <= 25


async def heard(hub: Hub, people: int) -> int:
    """The statements of reading everything there is, and hearing it."""
    wired = hub.connection("alpha")
    await pull(hub, wired, "people")
    with counted() as seen:
        counts = await reconcile(hub, wired, "people")
    assert counts.heard == people
    return len(seen)


async def test_no_more_than_one_batch_is_held_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []
    unheard = observations.unheard

    async def noted(*args: Any) -> list[Observation]:
        found = await unheard(*args)
        sizes.append(len(found))
        return found

    monkeypatch.setattr(observations, "unheard", noted)
    async with staged(tmp_path / "home", 2 * BATCH + 7) as (_, hub, _vendor):
        await heard(hub, 2 * BATCH + 7)
    assert sizes == [BATCH, BATCH, 7, 0]


async def test_while_somebody_waits_for_an_answer_batches_are_short(tmp_path: Path) -> None:
    """A webhook's sender waits for a commit, and on SQLite a batch is one transaction."""
    async with staged(tmp_path / "home", 250) as (_, hub, _vendor):
        await pull(hub, hub.connection("alpha"), "people", full=True)
        heard: list[int] = []
        for hurried in (True, False):
            async with hub.database.write(hurried=hurried) as conn:
                async for batch in observations.each(conn, "alpha", "people", 1000):
                    await observations.unhear(conn, [o.address for o in batch])
            with counted() as seen:
                await reconcile(hub, hub.connection("alpha"), "people")
            heard.append(sum(statement.startswith("BEGIN IMMEDIATE") for statement in seen))
            hub.database._hurried_at = float("-inf")  # long ago
        assert heard[0] - heard[1] == 250 // HURRIED_BATCH, heard
