"""Working for good: as one of many workers, or alone with everything in one process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from datetime import timedelta

from hub import settings
from hub.domain.worker import Role
from hub.errors import Refused
from hub.operations.turns import UP, turn
from hub.store import leases
from sync_jobs import alerting, retention
from sync_jobs.arq_queue import ArqQueue
from sync_jobs.crew import Crew, Duty, Pace
from sync_jobs.hub import Hub
from sync_jobs.presence import present
from sync_jobs.queue import MemoryQueue
from sync_jobs.worker import from_memory, from_redis

DUTIES: Mapping[str, tuple[float, Duty]] = {
    "alerts": (60.0, alerting.look),
    "trim": (86_400.0, retention.trim),
}
"""By name: how often, in seconds, and what one of all workers does then."""


def pace(jobs: int | None = None) -> Pace:
    """As the environment says."""
    said = settings.load()
    return Pace(timedelta(seconds=said.lease_seconds), said.sweep_seconds, jobs or said.worker_jobs)


@asynccontextmanager
async def working(hub: Hub, *, jobs: int | None = None) -> AsyncIterator[Crew]:
    """One of several workers of a store, until the crew is told to stop; by `HUB_REDIS_URL`. Refused without a store
    and a queue that others can reach."""
    queue = hub.queue
    if not isinstance(queue, ArqQueue):
        raise Refused(
            "HUB_REDIS_URL is not set: workers are woken through Redis",
            mend="set it (redis://host:6379/0), or run everything in one process with `hub up`",
        )
    if not hub.database.shared:
        raise Refused(
            "the store is a file, which other workers cannot share",
            mend="set HUB_DATABASE_URL to PostgreSQL (`hub db copy` moves the store), or run `hub up`",
        )
    crew = Crew(hub, queue, pace(jobs), DUTIES)
    async with _beside(from_redis(crew, queue), from_memory(crew, queue.fallback)):
        yield crew


@asynccontextmanager
async def up(hub: Hub, *, jobs: int | None = None) -> AsyncIterator[Crew]:
    """The only worker of this home. Refused while another one is up."""
    queue = hub.queue if isinstance(hub.queue, MemoryQueue) else MemoryQueue()
    hub.queue = queue
    with turn(hub.home, UP):
        if not hub.database.shared:
            await _free_tours(hub)
        crew = Crew(hub, queue, pace(jobs), DUTIES)
        async with _beside(from_memory(crew, queue)):
            yield crew


def taking(hub: Hub) -> AbstractAsyncContextManager[None]:
    """One of several processes that take webhooks, while the block runs."""
    return present(hub, Role.WEB)


async def _free_tours(hub: Hub) -> None:
    """Leases of one who was up before and died: nobody else could hold them."""
    async with hub.database.write() as conn:
        for lease in await leases.tours(conn):
            await leases.free(conn, lease.name)


@asynccontextmanager
async def _beside(*loops: Coroutine[object, object, None]) -> AsyncIterator[None]:
    """Runs the loops while the block runs."""
    tasks = [asyncio.create_task(loop) for loop in loops]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task
