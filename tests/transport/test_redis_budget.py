"""Budgets across processes, on a real Redis."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
import respx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from hub import counters
from hub.domain.lane import Lane
from hub.sdk.http import get
from hub.sdk.limits import ALL, Limit, Meter
from hub.transport import redis_budget, scripts
from hub.transport.client import Failed
from hub.transport.memory_budget import MemoryBudget
from hub.transport.passbook import Call
from hub.transport.redis_budget import Line, RedisBudget, RedisBudgets, Server
from tests import redis
from tests.transport import booker
from tests.transport.shop import DEFAULT_URL, Clock, caller, connector

ROOT = Path(__file__).parents[2]
NOW = 1_769_770_800.0


@pytest.fixture
async def server(redis_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_url) as client:
        yield client


class StillTime:
    """A Redis whose scripts read the time from a key, so that it goes as the test says."""

    def __init__(self, server: Redis) -> None:
        self.server, self.now = server, NOW

    async def evalsha(self, sha: str, numkeys: int, *rest: Any) -> Any:
        (script,) = (s for s in vars(scripts).values() if isinstance(s, scripts.Script) and s.sha == sha)
        seconds = round(self.now * 1_000_000)
        said = f"{{{seconds // 1_000_000}, {seconds % 1_000_000}}}"
        return await self.server.eval(script.text.replace("redis.call('TIME')", said), numkeys, *rest)

    async def eval(self, script: str, numkeys: int, *rest: Any) -> Any:
        raise AssertionError("the scripts are there")


# --- the scripts do what the memory does ----------------------------------------------------------------------------

STEPS = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.1, 0.25, 1.0, 2.5]),
        st.sampled_from([*Lane, None]),
        st.integers(1, 4),
    ),
    min_size=1,
    max_size=60,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(steps=STEPS, calls=st.integers(2, 12), others=st.integers(5, 20))
async def test_both_kinds_of_budget_answer_alike(redis_url: str, steps: Any, calls: int, others: int) -> None:
    """For any sequence of calls and of what the vendor says (None), to the microsecond."""
    limits = (Limit("b", calls, 1.0), Limit("b", 25, 8.0), Limit(ALL, others, 3.0))
    async with Redis.from_url(redis_url) as server:
        await server.flushdb()
        still = StillTime(server)
        shared, alone = RedisBudget(Line(still), "a", limits), MemoryBudget(limits)
        for gap, lane, cost in steps:
            still.now += gap
            if lane is None:
                meter = Meter("b", 8.0, used=5 * cost, limit=25)
                for budget in (shared, alone):
                    await budget.hear([meter], still.now - 0.05, still.now)
                continue
            call = Call("b", cost, lane)
            assert await shared.book(call, still.now) == pytest.approx(await alone.book(call, still.now), abs=3e-6)
        assert [s.used for s in await shared.standings(still.now)] == [s.used for s in await alone.standings(still.now)]


async def test_sums_that_redis_dropped_are_made_anew(server: Redis) -> None:
    still = StillTime(server)
    budget = RedisBudget(Line(still), "a", (Limit("b", 3, 10.0),))
    assert [await budget.book(Call("b", lane=Lane.BACKFILL), NOW), await budget.book(Call("b"), NOW)] == [0, 0]
    await server.delete("hub:budget:{a}:b:10:sums")
    (standing,) = await budget.standings(NOW)
    assert standing.used == (2, 2, 1, 0)
    await server.delete("hub:budget:{a}:b:10:log")
    (standing,) = await budget.standings(NOW)
    assert standing.used == (0, 0, 0, 0)


async def test_nothing_stays_in_redis_for_good(server: Redis) -> None:
    budget = RedisBudget(Line(server), "a b", (Limit("b", 3, 10.0, concurrent=1),))
    async with budget.slot(Call("b")):
        assert await budget.book(Call("b"), NOW) == 0
        await budget.rest("b", NOW + 5, NOW)
        keys = [key async for key in server.scan_iter()]
        assert len(keys) == 4
        assert all([0 < await server.pttl(key) <= 30_000 for key in keys])
        assert {key.split(b"}")[0] for key in keys} == {b"hub:budget:{a_b"}, "one slot of a cluster"


def test_scripts_are_named_as_redis_names_them() -> None:
    assert scripts.BOOK.sha == hashlib.sha1(scripts.BOOK.text.encode()).hexdigest()


# --- what processes share -------------------------------------------------------------------------------------------


async def test_budgets_of_an_account_share_windows_rests_and_what_the_vendor_says(server: Redis) -> None:
    limits = (Limit("b", 10, 10.0), Limit("c", 10, 10.0))
    one, two = (RedisBudget(Line(server), "a", limits) for _ in range(2))
    other = RedisBudget(Line(server), "another", limits)
    assert [await b.book(Call("b"), NOW) for b in (one, two)] == [0, 0]
    await one.hear([Meter("b", 10.0, used=9)], NOW, NOW)
    assert await two.book(Call("b"), NOW) == 0, "the tenth"
    assert 8 < await two.book(Call("b"), NOW) <= 10
    assert await other.book(Call("b"), NOW) == 0
    await two.rest("c", NOW + 7, NOW)
    await one.rest("c", NOW + 2, NOW)
    assert 6 < await one.book(Call("c"), NOW + 3) <= 7, "the longer rest holds, by the server's clock"


async def test_all_connections_of_an_account_have_one_budget(server: Redis) -> None:
    budgets = RedisBudgets(server)
    shop = connector(Limit("default", 1, 60.0))
    one, two = budgets.of(shop, "account 7", "first"), budgets.of(shop, "account 7", "second")
    assert one is two
    assert one is not budgets.of(shop, "account 8", "third")
    assert one.passbook.connections == {"first", "second"}


@pytest.mark.parametrize("lanes", [("live",) * 4, ("backfill", "backfill", "live", "verify")])
def test_four_processes_exceed_no_window(redis_url: str, lanes: tuple[str, ...]) -> None:
    """Counted: of calls that surely fell into one window there are never more than its limit."""
    command = [sys.executable, "-m", "tests.transport.booker", redis_url, "book"]
    processes = [subprocess.Popen([*command, lane, "3"], cwd=ROOT, stdout=subprocess.PIPE, text=True) for lane in lanes]
    calls = []
    for lane, process in zip(lanes, processes, strict=True):
        out, _ = process.communicate(timeout=60)
        assert process.returncode == 0
        calls += [(*map(int, line.split()), lane) for line in out.splitlines()]
    calls.sort()
    assert len(calls) > 50, "the first windows were not the last"
    patient = [call for call in calls if call[2] != "live"]
    verify = [call for call in calls if call[2] == "verify"]
    for limit in booker.LIMITS:
        assert fullest(calls, limit.seconds) <= limit.calls
        assert fullest(patient, limit.seconds) <= limit.calls * 0.6
        assert fullest(verify, limit.seconds) <= limit.calls * 0.3
    if "live" in lanes[1:]:
        assert fullest(calls, 2.0) >= 40, "and they are used"


def fullest(calls: list[tuple[int, int, str]], seconds: float) -> int:
    """Calls of which both bounds of the time lie within one window."""
    width = seconds * 1_000_000
    return max(
        (sum(at <= before and after < at + width for before, after, _ in calls) for at, _, _ in calls), default=0
    )


@pytest.fixture
def short_places(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_budget, "PLACE", booker.PLACE)
    monkeypatch.setattr(redis_budget, "RENEWED", booker.PLACE / 3)


@pytest.fixture
def holders(redis_url: str) -> Iterator[list[subprocess.Popen[str]]]:
    """Two processes that hold both places."""
    command = [sys.executable, "-m", "tests.transport.booker", redis_url, "hold"]
    processes = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert all(p.stdout is not None and p.stdout.readline() == "held\n" for p in processes)
    yield processes
    for process in processes:
        process.kill()
        process.wait()


async def test_places_of_a_killed_process_come_free(
    short_places: None, server: Redis, holders: list[subprocess.Popen[str]]
) -> None:
    budget = RedisBudget(Line(server), booker.ACCOUNT, booker.LIMITS)

    async def free() -> bool:
        async with budget.slot(Call("b")) as wait:
            return not wait

    await asyncio.sleep(booker.PLACE * 1.5)
    assert not await free(), "they are renewed for as long as their calls last"
    os.kill(holders[0].pid, signal.SIGKILL)
    killed = time.monotonic()
    while not await free():
        assert time.monotonic() - killed < booker.PLACE + 5
        await asyncio.sleep(0.05)
    assert time.monotonic() - killed > 0.1, "it was not free at once"


async def test_lanes_that_can_wait_hold_their_share_of_the_places(server: Redis) -> None:
    limits = (Limit("b", 0, 1.0, concurrent=4),)
    async with AsyncExitStack() as stack:

        async def take(lane: Lane) -> bool:
            budget = RedisBudget(Line(server), "a", limits)  # as in a process of its own
            return not await stack.enter_async_context(budget.slot(Call("b", lane=lane)))

        assert [await take(Lane.BACKFILL) for _ in range(3)] == [True, True, False]
        assert [await take(Lane.LIVE) for _ in range(3)] == [True, True, False]
    assert await server.zcard("hub:budget:{a}:b:places") == 0


@respx.mock
async def test_a_call_waits_for_a_place_and_gives_up_when_its_patience_ends(server: Redis) -> None:
    respx.get(f"{DEFAULT_URL}/a").respond(200, json={})
    limits = (Limit("default", 0, 1.0, concurrent=1),)
    clock = Clock()
    shop = caller(clock, *limits, budget=RedisBudget(Line(server), "a", limits))
    async with RedisBudget(Line(server), "a", limits).slot(Call("default")) as wait:
        assert wait == 0
        with pytest.raises(Failed) as failed:
            await shop.send(get("/a"))
    assert (failed.value.fault.code, failed.value.sent) == ("throttled", False)
    assert 29 < sum(clock.slept) <= 30
    assert (await shop.send(get("/a"))).ok


# --- Redis comes and goes -------------------------------------------------------------------------------------------


@pytest.fixture
def mortal(monkeypatch: pytest.MonkeyPatch) -> Iterator[redis.Server]:
    """A Redis of this test alone, which may be stopped."""
    monkeypatch.delenv("HUB_TEST_REDIS_URL", raising=False)
    server = redis.start()
    yield server
    server.stop()


@respx.mock
async def test_work_goes_on_without_redis_within_the_declared_limits(mortal: redis.Server) -> None:
    respx.get(f"{DEFAULT_URL}/a").mock(side_effect=lambda _: httpx.Response(200, json={}))
    limits = (Limit("default", 3, 10.0, concurrent=2),)
    seconds = [0.0]
    async with Redis.from_url(mortal.url + "0") as client:
        line = Line(client, seconds=lambda: seconds[0])
        budget = RedisBudget(line, "a", limits)
        clock = Clock()
        shop = caller(clock, *limits, budget=budget)
        await shop.send(get("/a"))
        mortal.kill()
        before = sum(counters.labelled("budget_fallbacks").values())
        for _ in range(3):
            await shop.send(get("/a"))
        assert clock.slept == [10.0], "the call before it went away counts too"
        assert sum(counters.labelled("budget_fallbacks").values()) >= before + 3
        mortal.resume()
        seconds[0] += redis_budget.AWAY
        await shop.send(get("/a"))
        (standing,) = await budget.standings(NOW)
        assert (standing.shared, standing.used.all) == (True, 1), "booked in Redis again, with a script it forgot"


async def test_a_redis_that_never_answers_costs_one_second_and_then_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = 0

    class Silent(Server):
        async def evalsha(self, sha: str, numkeys: int, *keys_and_args: Any) -> Any:
            nonlocal asked
            asked += 1
            await asyncio.Event().wait()

    monkeypatch.setattr(redis_budget, "TIMEOUT", 0.05)
    budget = RedisBudget(Line(Silent(), seconds=lambda: 0.0), "a", (Limit("b", 2, 10.0),))
    assert [await budget.book(Call("b"), NOW) for _ in range(3)] == [0, 0, 10]
    assert asked == 1


async def test_after_a_flush_windows_begin_anew(server: Redis) -> None:
    """Documented: the vendor corrects it."""
    budget = RedisBudget(Line(server), "a", (Limit("b", 1, 10.0),))
    assert await budget.book(Call("b"), NOW) == 0
    assert await budget.book(Call("b"), NOW) > 9
    await server.flushdb()
    assert await budget.book(Call("b"), NOW) == 0
