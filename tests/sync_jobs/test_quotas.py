"""Calls and vendors' words in the store: counted once, shared by processes, remembered by those that come after."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from hub.domain.lane import Lane
from hub.domain.lease import Lease
from hub.domain.moments import iso
from hub.domain.quota import CallCount, Said
from hub.engine.quota import Shares
from hub.errors import LeaseLost
from hub.sdk.limits import Limit, Meter
from hub.store import leases
from hub.store import quotas as store
from hub.store.database import Database
from hub.store.quotas import Word
from hub.transport.memory_budget import MemoryBudget, MemoryBudgets
from hub.transport.passbook import Call
from sync_jobs import quotas

DAY = 86_400.0
VENDOR = SimpleNamespace(name="vendor", limits=(Limit("default", 10, DAY), Limit("default", 100, 1.0)))


@dataclass
class Process:
    """As much of a hub as budgets need."""

    database: Database
    now: datetime = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
    budgets: MemoryBudgets = field(default_factory=MemoryBudgets)
    locks: Any = field(default_factory=lambda: defaultdict(asyncio.Lock))
    wired: Any = field(default_factory=lambda: dict.fromkeys(("one", "two")))
    unusable: Any = field(default_factory=dict)

    def clock(self) -> datetime:
        return self.now

    def now_text(self) -> str:
        return iso(self.now)

    async def begin(self) -> MemoryBudget:
        """Two connections of one account, as every process of a hub wires all of them."""
        one, two = (self.budgets.of(VENDOR, "account 1", name) for name in ("one", "two"))  # type: ignore[arg-type]
        assert one is two
        await quotas.recall(self)  # type: ignore[arg-type]
        return one

    async def call(self, budget: MemoryBudget, times: int = 1, connection: str = "one", **more: Any) -> list[bool]:
        call = Call("default", connection=connection, **more)
        return [not await budget.book(call, self.now.timestamp()) for _ in range(times)]

    async def flush(self) -> None:
        await quotas.flush(self)  # type: ignore[arg-type]


async def held(database: Database, *connections: str) -> list[CallCount]:
    async with database.read() as conn:
        return await store.since(conn, connections or ["one", "two"], 0)


async def test_calls_are_counted_by_connection_bucket_hour_and_lane(database: Database) -> None:
    process = Process(database)
    budget = await process.begin()
    await process.call(budget, 2)
    await process.call(budget, 1, lane=Lane.BACKFILL, cost=3)
    await process.flush()
    process.now += timedelta(hours=1)
    await process.call(budget, 1)
    await process.call(budget, 1, "two")
    await process.flush()
    await process.flush()
    hour = int(process.now.timestamp() // 3600)
    assert await held(database) == [
        CallCount("one", "default", hour - 1, Lane.BACKFILL, 1, 3),
        CallCount("one", "default", hour - 1, Lane.LIVE, 2, 2),
        CallCount("one", "default", hour, Lane.LIVE, 1, 1),
        CallCount("two", "default", hour, Lane.LIVE, 1, 1),
    ]


async def test_a_window_of_a_day_holds_across_processes_connections_and_restarts(database: Database) -> None:
    one, two = Process(database), Process(database)
    mine, yours = await one.begin(), await two.begin()
    assert await one.call(mine, 6) == [True] * 6
    await one.flush()
    await two.flush()
    assert await two.call(yours, 5, "two") == [True] * 4 + [False]
    await two.flush()
    await one.flush()
    assert await one.call(mine) == [False]
    restarted = Process(database)
    assert await restarted.call(await restarted.begin()) == [False], "from the store, before the first call"
    restarted.now += timedelta(hours=25)
    assert await restarted.call(await restarted.begin()) == [True]


async def test_calls_made_while_others_are_being_kept_are_not_lost(database: Database) -> None:
    process = Process(database)
    budget = await process.begin()
    await process.call(budget, 3)
    flushing = asyncio.create_task(process.flush())
    while not flushing.done():
        await asyncio.sleep(0)
        if sum(await process.call(budget)) == 0:
            break
    await flushing
    await process.flush()
    assert sum(count.calls for count in await held(database)) == 10, "as many as were let through"
    assert await process.call(budget) == [False]


async def test_a_store_that_is_away_costs_no_count(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    process = Process(database)
    budget = await process.begin()
    await process.call(budget, 4)
    await budget.hear([Meter("default", DAY, used=4, limit=10)], 0, process.now.timestamp())

    async def away(*_: Any) -> None:
        raise ConnectionError

    with monkeypatch.context() as patched:
        patched.setattr(store, "add", away)
        await process.flush()
    assert await held(database) == []
    assert quotas.is_due(process)  # type: ignore[arg-type]
    await process.flush()
    assert [count.calls for count in await held(database)] == [4]
    assert not quotas.is_due(process)  # type: ignore[arg-type]


async def test_calls_count_whoever_holds_the_lease_by_now(database: Database) -> None:
    """They were made. Only what they brought may not be kept."""
    process = Process(database)
    budget = await process.begin()
    await process.call(budget, 2)
    lost = Lease("home", "somebody/1/x", 7, iso(process.now))
    with database.guarded(lambda conn: leases.hold(conn, lost)):
        with pytest.raises(LeaseLost):
            async with database.write():
                pass
        await process.flush()
    assert [count.calls for count in await held(database)] == [2]


async def test_what_a_vendor_said_is_known_to_other_processes_and_later(database: Database) -> None:
    one, two = Process(database), Process(database)
    mine, yours = await one.begin(), await two.begin()
    now = one.now.timestamp()
    await mine.hear([Meter("default", DAY, used=19, limit=20)], now, now)
    await mine.rest("default", now + 600, now)
    await one.flush()
    assert await two.call(yours) == [True], "nobody told it yet"
    await two.flush()
    assert await two.call(yours) == [False], "it rests"
    two.now += timedelta(seconds=600)
    assert await two.call(yours, 2) == [True, False], "the last one of 20"
    later = Process(database, now=two.now)
    assert await later.call(await later.begin(), 2) == [True, False]


async def test_of_two_words_the_later_one_is_kept(database: Database) -> None:
    window = ("default", DAY)
    async with database.write() as conn:
        await store.hear(conn, "one", Word({window: Said(20, 7, 100.0)}, {"default": 300.0}), "now")
        await store.hear(conn, "one", Word({window: Said(20, 3, 50.0)}, {"default": 200.0, "x": 1.0}), "now")
        assert await store.words(conn, ["one", "two"]) == {
            "one": Word({window: Said(20, 7, 100.0)}, {"default": 300.0, "x": 1.0})
        }


async def test_shares_are_what_an_operator_set(database: Database) -> None:
    process = Process(database)
    budget = await process.begin()
    async with database.write() as conn:
        await quotas.put_shares(conn, {"backfill_share": 0.2})
        await quotas.put_shares(conn, {"verify_share": 0.1})
    await process.flush()
    assert process.budgets.shares == Shares(0.2, 0.1)
    assert await process.call(budget, 3, lane=Lane.BACKFILL) == [True, True, False]


async def test_a_connection_that_was_removed_is_heard_of_no_more(database: Database) -> None:
    process = Process(database)
    budget = await process.begin()
    del process.wired["two"]
    await quotas.recall(process)  # type: ignore[arg-type]
    await budget.hear([Meter("default", DAY, used=1, limit=10)], 0, process.now.timestamp())
    await process.flush()
    async with database.read() as conn:
        assert (await store.words(conn, ["one", "two"])).keys() == {"one"}


@pytest.mark.parametrize("known", [False, True])
async def test_what_two_processes_hear_at_the_same_time_is_kept_of_both(database: Database, known: bool) -> None:
    """One that waits for the other's transaction adds to what that left, not to what was there when it began."""
    said, rest = Word({("default", DAY): Said(100, 7, 2.0)}), Word(rests={"default": 99.0})
    if known:
        async with database.write() as conn:
            await store.hear(conn, "one", Word(rests={"other": 5.0}), "t0")

    async def second() -> None:
        async with database.write() as conn:
            await store.hear(conn, "one", said, "t2")

    async with database.write() as conn:
        await store.hear(conn, "one", rest, "t1")
        waiting = asyncio.create_task(second())
        for _ in range(20):
            await asyncio.sleep(0.01)
    await waiting
    async with database.read() as conn:
        word = (await store.words(conn, ["one"]))["one"]
    assert word == Word(said.said, {**rest.rests, **({"other": 5.0} if known else {})})
