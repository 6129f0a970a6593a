"""Crews: what they find by themselves, whatever their queue does, and how they end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfoNotFoundError

import pytest

from hub.domain.connection import ConnectionState
from hub.domain.lane import Lane
from hub.store import connections, leases, runs, workers
from sync_jobs import calendar
from sync_jobs import sweep as sweeping
from sync_jobs import tour as touring
from sync_jobs.arq_queue import FUNCTION, QUEUE, ArqQueue
from sync_jobs.crew import Crew
from sync_jobs.hub import Hub
from sync_jobs.lease import HOME, held
from sync_jobs.queue import Job, MemoryQueue, Wake
from sync_jobs.slices import Slice
from sync_jobs.tour import tour
from sync_jobs.wiring import Wired
from sync_jobs.worker import from_memory, from_redis
from tests import redis
from tests.sync_jobs.crews import PACE, Town, at_work, town, until


class Forgetful(MemoryQueue):
    """Loses every wake-up but each third."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    async def wake(self, wake: Wake) -> None:
        self.asked += 1
        if self.asked % 3 == 0:
            await super().wake(wake)


@pytest.fixture
async def place(tmp_path: Path, store_url: str) -> Town:
    return await town(tmp_path, store_url)


@pytest.fixture
async def shared(tmp_path: Path, empty_store: object) -> Town:
    return await town(tmp_path, await empty_store("postgresql"))  # type: ignore[operator]


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as opened:
        yield opened


async def alone(town: Town, stack: AsyncExitStack, queue: MemoryQueue | None = None) -> Crew:
    """A crew that works in this process, from memory."""
    queue = queue or MemoryQueue()
    hub = await stack.enter_async_context(await town.hub(queue))
    crew = Crew(hub, queue, PACE)
    await stack.enter_async_context(at_work(crew, asyncio.create_task(from_memory(crew, queue))))
    return crew


async def by_redis(town: Town, stack: AsyncExitStack, url: str) -> Crew:
    queue = ArqQueue(url, slot=3)
    stack.push_async_callback(queue.close)
    hub = await stack.enter_async_context(await town.hub(queue))
    crew = Crew(hub, queue, PACE)
    loops = [asyncio.create_task(loop) for loop in (from_redis(crew, queue), from_memory(crew, queue.fallback))]
    await stack.enter_async_context(at_work(crew, *loops))
    return crew


async def test_what_somebody_types_goes_everywhere_although_nobody_wakes_the_crew(
    place: Town, stack: AsyncExitStack
) -> None:
    await alone(place, stack, Forgetful())
    place.vendors["b"].create({"email": "ann@example.com", "title": "Head"})
    await until(lambda: place.agrees("title", "Head"), "the record")
    place.vendors["b"].edit(place.vendors["b"].ids()[0], {"title": "Chief"})
    await until(lambda: place.agrees("title", "Chief"), "the edit")


async def test_an_opt_out_goes_everywhere_and_its_way_is_measured(place: Town, stack: AsyncExitStack) -> None:
    crew = await alone(place, stack)
    place.vendors["a"].create({"email": "ann@example.com", "name": "Ann"})
    await until(lambda: place.agrees("name", "Ann"), "the record")
    place.vendors["a"].opt_out(place.vendors["a"].ids()[0])
    await until(lambda: place.agrees("opted_out", True), "the opt-out")

    async def measured() -> int:
        from hub.store import consent_changes

        async with crew.hub.database.read() as conn:
            return (await consent_changes.latencies(conn, "")).number

    for _ in range(100):
        if await measured():
            break
        await asyncio.sleep(0.1)
    assert await measured() == 1


async def test_a_tour_does_nothing_while_somebody_works_the_whole_store(place: Town, stack: AsyncExitStack) -> None:
    hub = await stack.enter_async_context(await place.hub())
    async with held(hub, HOME):
        done = await tour(hub, "a", Lane.LIVE, Slice.of(), term=PACE.lease)
    assert done.idle
    assert not place.vendors["a"].calls


async def test_of_two_tours_of_a_lane_one_goes(place: Town, stack: AsyncExitStack) -> None:
    hub = await stack.enter_async_context(await place.hub())
    both = await asyncio.gather(*(tour(hub, "a", Lane.LIVE, Slice.of(), term=PACE.lease) for _ in range(2)))
    assert sorted(done.idle for done in both) == [False, True]


async def test_a_paused_connection_is_left_alone(place: Town, stack: AsyncExitStack) -> None:
    hub = await stack.enter_async_context(await place.hub())
    async with hub.database.write() as conn:
        await connections.set_state(conn, "a", ConnectionState.PAUSED)
    done = await tour(hub, "a", Lane.LIVE, Slice.of(), term=PACE.lease)
    assert done.idle
    assert not place.vendors["a"].calls


async def test_a_connection_that_cannot_be_looked_at_keeps_no_other_from_being_woken(
    place: Town, stack: AsyncExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with a time zone that this host does not know: on the sweep everything rests."""
    hub = await stack.enter_async_context(await place.hub())
    real, told = calendar.due_streams, []
    monkeypatch.setattr(sweeping.LOG, "error", lambda what, **names: told.append((what, names["connection"])))

    async def broken(hub: Hub, wired: Wired) -> list[str]:
        if wired.name == "a":
            raise ZoneInfoNotFoundError("No time zone found with key Mars/Base")
        return await real(hub, wired)

    monkeypatch.setattr(calendar, "due_streams", broken)
    assert await sweeping.tours(hub) == [Wake(Job.TOUR, "b")]
    assert told == [("a connection could not be looked at", "a")]

    async def away(*_: object) -> list[str]:
        raise ConnectionRefusedError

    monkeypatch.setattr(calendar, "due_streams", away)
    with pytest.raises(ConnectionRefusedError):  # a store that is away is told once, and not for each
        await sweeping.tours(hub)


async def test_a_slice_that_is_over_comes_back(place: Town, stack: AsyncExitStack) -> None:
    """Each tour may take one record; together they take all."""
    for number in range(30):
        place.vendors["a"].create({"email": f"p{number}@example.com"})
    hub = await stack.enter_async_context(await place.hub())
    tours = 0
    while True:
        tours += 1
        done = await tour(hub, "a", Lane.LIVE, Slice.of(records=1), term=PACE.lease)
        assert tours < 100
        if not done.more and not done.worked:
            break
    for _ in range(3):
        await tour(hub, "b", Lane.LIVE, Slice.of(), term=PACE.lease)
    assert tours > 1
    assert len(place.vendors["b"].ids()) == 30


async def test_looks_that_find_nothing_leave_no_runs(place: Town, stack: AsyncExitStack) -> None:
    hub = await stack.enter_async_context(await place.hub())
    for _ in range(3):
        await tour(hub, "a", Lane.LIVE, Slice.of(), term=PACE.lease)
        await asyncio.sleep(1.2)  # until it is due again
    async with hub.database.read() as conn:
        kept = await runs.recent(conn, 100)
    assert [run.job for run in kept if run.job != "discover"] == []


async def test_a_crew_says_that_it_lives_and_that_it_ended(place: Town, stack: AsyncExitStack) -> None:
    hub = await stack.enter_async_context(await place.hub())

    async def living() -> list[str]:
        async with hub.database.read() as conn:
            return [worker.id for worker in await workers.all(conn)]

    async with AsyncExitStack() as inner:
        crew = await alone(place, inner)
        for _ in range(100):
            if await living():
                break
            await asyncio.sleep(0.05)
        assert await living() == [crew.id]
    assert await living() == []


async def test_a_crew_that_ends_lets_tours_end_and_gives_their_leases_back(
    place: Town, stack: AsyncExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = await stack.enter_async_context(await place.hub())
    began, went = asyncio.Event(), []
    real = touring._Tour._live

    async def slow(self: touring._Tour, wired: object) -> touring.Toured:
        began.set()
        await asyncio.sleep(0.5)
        done = await real(self, wired)  # type: ignore[arg-type]
        went.append(self.name)
        return done

    monkeypatch.setattr(touring._Tour, "_live", slow)
    async with AsyncExitStack() as inner:
        await alone(place, inner)
        await asyncio.wait_for(began.wait(), 20)
    assert went
    async with hub.database.read() as conn:
        assert await leases.tours(conn) == []


async def test_a_tour_that_waits_for_a_slot_is_not_begun_once_the_crew_is_to_stop(
    place: Town, stack: AsyncExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each would ask its vendor something first, one after another, until they are cut off in the middle of it."""
    hub = await stack.enter_async_context(await place.hub())
    crew = Crew(hub, MemoryQueue(), replace(PACE, jobs=1))
    let_go, begun = asyncio.Event(), []

    async def slow(_: object, connection: str, *__: object, **___: object) -> touring.Toured:
        begun.append(connection)
        await let_go.wait()
        return touring.Toured()

    monkeypatch.setattr(touring, "tour", slow)
    doing = [asyncio.create_task(crew.do(Wake(Job.TOUR, name))) for name in "ab"]
    await until(lambda: bool(begun), "a tour")
    crew.stopping.set()
    let_go.set()
    await asyncio.gather(*doing)
    assert begun == ["a"]


# --- on Redis -----------------------------------------------------------------------------------------------------


async def test_two_crews_share_the_work_through_redis(shared: Town, stack: AsyncExitStack, redis_url: str) -> None:
    one, two = await by_redis(shared, stack, redis_url), await by_redis(shared, stack, redis_url)
    for number in range(4):
        shared.vendors["a"].create({"email": f"p{number}@example.com", "title": "Head"})
    await until(lambda: len(shared.vendors["b"].ids()) == 4, "the records")
    for number in range(60):  # who is quicker takes it: sooner or later each is
        for i in shared.vendors["a"].ids():
            shared.vendors["a"].edit(i, {"title": f"Nr {number}"})
        await until(lambda n=number: shared.agrees("title", f"Nr {n}"), f"edit {number}")  # type: ignore[misc]
        if number >= 5 and one._ended["done"] and two._ended["done"]:
            break
    assert len(shared.vendors["a"].ids()) == len(shared.vendors["b"].ids()) == 4
    assert one._ended["done"]
    assert two._ended["done"]


async def test_a_queue_that_is_flushed_again_and_again_costs_only_delay(
    shared: Town, stack: AsyncExitStack, redis_url: str, redis_server: redis.Server
) -> None:
    database = int(redis_url.rpartition("/")[2])
    await by_redis(shared, stack, redis_url)
    shared.vendors["a"].create({"email": "ann@example.com", "title": "Head"})

    async def flush() -> None:
        while True:
            redis_server.command("FLUSHDB", database=database)
            await asyncio.sleep(1)

    flushing = asyncio.create_task(flush())
    await until(lambda: shared.agrees("title", "Head"), "the record")
    flushing.cancel()


async def test_without_redis_a_worker_goes_on_alone(shared: Town, stack: AsyncExitStack) -> None:
    crew = await by_redis(shared, stack, "redis://127.0.0.1:1/0")
    shared.vendors["a"].create({"email": "ann@example.com", "title": "Head"})
    await until(lambda: shared.agrees("title", "Head"), "the record")
    assert await crew.queue.waiting() == -1


async def test_what_arq_refuses_is_found_again(redis_url: str) -> None:
    """An id whose job waits, or whose worker was killed, is refused by arq; another slot of time has another id."""
    now = [1000.0]
    queue = ArqQueue(redis_url, slot=30, clock=lambda: now[0])
    wake = Wake(Job.TOUR, "crm")
    await queue.wake(wake)
    await queue.wake(wake)
    assert await queue.waiting() == 1
    pool = await queue.pool()
    await pool.psetex("arq:in-progress:" + queue._id(wake), 100_000, b"1")
    now[0] += 30
    await queue.wake(wake)
    assert await queue.waiting() == 2
    await queue.close()


async def test_a_redis_that_swallows_everything_is_not_waited_for_at_each_wake_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A host that is gone refuses nothing: each question would take its whole time-out."""
    now, tries = [1000.0], 0
    queue = ArqQueue("redis://127.0.0.1:1/0", clock=lambda: now[0])

    async def nobody() -> None:
        nonlocal tries
        tries += 1
        raise TimeoutError

    monkeypatch.setattr(queue, "pool", nobody)
    for number in range(10):
        await queue.wake(Wake(Job.TOUR, f"crm{number}"))
    assert (tries, await queue.fallback.waiting()) == (1, 10)
    now[0] += 10
    await queue.wake(Wake(Job.TOUR, "crm"))
    assert tries == 2, "it may be back"


async def test_jobs_are_json_and_name_a_place_only(redis_url: str) -> None:
    queue = ArqQueue(redis_url)
    await queue.wake(Wake(Job.TOUR, "crm", lane=Lane.CONSENT))
    pool = await queue.pool()
    (key,) = await pool.keys("arq:job:*")
    held = (await pool.get(key)).decode()
    assert f'"f":"{FUNCTION}"' in held
    assert '"a":["crm","consent"]' in held
    assert await pool.zcard(QUEUE) == 1
    await queue.close()
