"""The worker's loop on arq: what becomes of arq's own tasks when Redis goes away under them."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from arq.worker import Worker as ArqWorker

from hub.domain.lane import Lane
from sync_jobs.arq_queue import ArqQueue
from sync_jobs.crew import Crew
from sync_jobs.queue import Job, Wake
from sync_jobs.worker import from_redis
from tests import redis
from tests.sync_jobs.crews import PACE


@dataclass
class Busy:
    """A crew whose tours end when they are let go."""

    pace: Any = PACE
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    let_go: asyncio.Event = field(default_factory=asyncio.Event)
    begun: list[str] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)

    async def do(self, wake: Wake) -> None:
        self.begun.append(wake.connection)
        await self.let_go.wait()
        self.ended.append(wake.connection)


@pytest.fixture
def server() -> Iterator[redis.Server]:
    """One of its own: it is killed."""
    started = redis.start()
    if started.process is None:
        pytest.skip("the given Redis can't be stopped")
    yield started
    started.stop()


@pytest.fixture
async def nobody_asked() -> AsyncIterator[list[str]]:
    """What the event loop says of tasks that failed, and that nobody asked how they ended."""
    said: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: said.append(str(context)))
    gc.disable()  # it comes when it likes, also after the loop's end: here it comes then
    yield said
    gc.enable()
    asyncio.get_running_loop().set_exception_handler(None)


async def until(true: Any, what: str) -> None:
    for _ in range(400):
        if true():
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"waited in vain for {what}")


async def begun(crew: Busy, queue: ArqQueue) -> asyncio.Task[None]:
    working = asyncio.create_task(from_redis(cast(Crew, crew), queue))
    for connection in ("a", "b", "c"):
        await queue.wake(Wake(Job.TOUR, connection, lane=Lane.LIVE))
    await until(lambda: len(crew.begun) == 3, "the jobs to begin")
    return working


async def over(crew: Busy, queue: ArqQueue, working: asyncio.Task[None]) -> None:
    crew.stopping.set()
    await asyncio.wait_for(working, 20)
    crew.let_go.set()
    await until(lambda: len(crew.ended) == 3, "the jobs to end")
    await queue.close()


async def test_redis_goes_away_under_jobs_that_go_on(server: redis.Server, nobody_asked: list[str]) -> None:
    crew, queue = Busy(), ArqQueue(f"{server.url}0")
    working = await begun(crew, queue)
    server.kill()
    await asyncio.sleep(1)  # until arq gave its jobs up
    await over(crew, queue, working)
    del working
    gc.collect()
    assert nobody_asked == []


async def test_redis_goes_away_under_jobs_and_comes_back(server: redis.Server, nobody_asked: list[str]) -> None:
    crew, queue = Busy(), ArqQueue(f"{server.url}0")
    working = await begun(crew, queue)
    server.kill()
    await asyncio.sleep(1)
    server.resume()
    await asyncio.sleep(1)
    await over(crew, queue, working)
    del working
    gc.collect()
    assert nobody_asked == []


async def test_redis_goes_away_under_jobs_that_a_stop_waits_for(server: redis.Server, nobody_asked: list[str]) -> None:
    crew, queue = Busy(), ArqQueue(f"{server.url}0")
    working = await begun(crew, queue)
    crew.stopping.set()
    await asyncio.sleep(0.2)  # until it waits for the jobs
    server.kill()
    crew.let_go.set()
    await over(crew, queue, working)
    del working
    gc.collect()
    assert nobody_asked == []


async def test_a_defect_of_the_client_of_redis_ends_no_worker(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would go on sweeping, say that it lives, and take nothing from the queue any more."""
    crew, queue = Busy(), ArqQueue(redis_url)
    real, broke = ArqWorker.main, []

    async def main(self: ArqWorker) -> None:
        if len(broke) < 3:
            broke.append(True)
            raise RuntimeError("read() called while another coroutine is already waiting for incoming data")
        await real(self)

    monkeypatch.setattr(ArqWorker, "main", main)
    working = await begun(crew, queue)
    await over(crew, queue, working)
    assert len(broke) == 3
