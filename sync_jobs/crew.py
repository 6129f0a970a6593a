"""What one process does as a worker: tours, sweeps, and what is to be done once in a while.

Several crews on several hosts share a store. None of them is special: who sweeps, and who looks after alerts and old
rows, is whoever gets there first.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeAlias

from hub import counters, logs
from hub.domain.worker import Role
from hub.errors import HubError, LeaseLost
from hub.logs import log
from hub.store import leases, trouble
from sync_jobs import consents
from sync_jobs import tour as touring
from sync_jobs.hub import Hub
from sync_jobs.lease import tour_lease
from sync_jobs.presence import Presence
from sync_jobs.queue import Job, Queue, Wake
from sync_jobs.slices import Slice
from sync_jobs.sweep import tours

GRACE = 14.0
"""Seconds that tours may take to end once the process is asked to: then they are cut off, and what they were writing
is looked up by whoever comes next."""
LAST = 3.0
"""Seconds for what was cut off to let go of the store."""
NUDGE = 0.2
"""Seconds between two sweeps because of news."""
AGAIN = 1.0
"""Seconds before trying again when the store is away."""

Duty: TypeAlias = Callable[[Hub], Awaitable[object]]

LOG = log(__name__)


@dataclass(frozen=True, slots=True)
class Pace:
    """`lease`: how long others wait for a worker that fell silent; `sweep`: seconds between sweeps; `jobs`: tours at a
    time."""

    lease: timedelta = timedelta(seconds=30)
    sweep: float = 10.0
    jobs: int = 20


@dataclass(slots=True)
class Crew:
    """`duties`: what is done every so many seconds by one of all crews, by name."""

    hub: Hub
    queue: Queue
    pace: Pace = field(default_factory=Pace)
    duties: Mapping[str, tuple[float, Duty]] = field(default_factory=dict)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    id: str = ""
    _doing: dict[Wake, asyncio.Task[None]] = field(default_factory=dict)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1))
    _ended: Counter[str] = field(default_factory=Counter)
    _presence: Presence = field(init=False)

    def __post_init__(self) -> None:
        self.id = self.hub.new_id("wrk")
        self._presence = Presence(self.hub, Role.WORKER, self.id, self._touring, lambda: self._ended)
        self._slots = asyncio.Semaphore(self.pace.jobs)

    async def do(self, wake: Wake) -> None:
        """A tour, unless the process is to stop or is at it already. Never raises: what goes wrong is logged and
        counted, and the sweep comes back to it."""
        if self.stopping.is_set() or wake in self._doing or wake.job is not Job.TOUR:
            return
        task = asyncio.current_task()
        assert task is not None
        self._doing[wake] = task
        try:
            async with self._slots:
                if not self.stopping.is_set():
                    await self._tour(wake)
        finally:
            del self._doing[wake]

    async def _tour(self, wake: Wake) -> None:
        bounds = Slice.of(stopping=self.stopping)
        ended = "failed"
        try:
            done = await touring.tour(
                self.hub, wake.connection, wake.lane, bounds, term=self.pace.lease, heard=self._nudge
            )
            touring.note(wake.connection, wake.lane, done)
            ended = "idle" if done.idle else "failed" if done.fault or done.spared else "done"
            if done.more or done.worked:
                self._news.set()
        except LeaseLost:
            ended = "lost"
            LOG.warning("a tour lost its lease", connection=wake.connection, lane=str(wake.lane))
        except Exception as error:
            self._told(error, "a tour failed", connection=wake.connection, lane=str(wake.lane))
        self._ended[ended] += 1

    async def _nudge(self) -> None:
        self._news.set()

    def _told(self, error: Exception, what: str, **where: str) -> None:
        """The store being away is no defect: it is said in a line. Anything else is, and gets its trace."""
        meant = error if isinstance(error, HubError) else trouble.meaning(error)
        counters.add("crew_failures", what=what)
        if meant is not None:
            LOG.warning(what, error=meant.message, **where)
        else:
            LOG.error(what, error=type(error).__name__, exc_info=error, **where)

    async def until(self, asked: asyncio.Event) -> None:
        """Works until somebody asks it to stop, and ends."""
        running = asyncio.create_task(self.run())
        waiting = asyncio.create_task(asked.wait())
        await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
        self.stopping.set()
        waiting.cancel()
        await running

    async def run(self) -> None:
        """Sweeps, does its duties and says that it lives, until it is to stop; then lets tours end, and cuts off those
        that take too long."""
        loops = [self._sweeping(), self._presence.keep(), *(self._duty(n, *d) for n, d in self.duties.items())]
        tasks = [asyncio.create_task(loop) for loop in loops]
        stopped = asyncio.create_task(self.stopping.wait())
        try:
            await asyncio.wait({*tasks, stopped}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.stopping.set()
            for task in (*tasks, stopped):
                task.cancel()
            await asyncio.wait({*tasks, stopped})
            await self.end()
            for task in tasks:
                if not task.cancelled():
                    task.result()

    async def end(self) -> None:
        """Waits for the tours under way."""
        self.stopping.set()
        if self._doing:
            LOG.info("ending", tours=len(self._doing))
            await asyncio.wait({*self._doing.values()}, timeout=GRACE)
        for task in self._doing.values():
            task.cancel()
        if self._doing:
            await asyncio.wait({*self._doing.values()}, timeout=LAST)
        await self._presence.leave()

    def _touring(self) -> list[str]:
        return sorted(tour_lease(wake.connection, wake.lane) for wake in self._doing)

    # --- loops ------------------------------------------------------------------------------------------------

    async def _sweeping(self) -> None:
        """By news at once; without news every so often, by one crew of all."""
        while not self.stopping.is_set():
            nudged = await self._nudged(self.pace.sweep)
            try:
                if nudged or await self._first("sweep", self.pace.sweep):
                    await self.hub.refresh()
                    await consents.close_written(self.hub)
                    for wake in await tours(self.hub):
                        await self.queue.wake(wake)
            except Exception as error:
                self._told(error, "a sweep failed")
                await asyncio.sleep(AGAIN)
            await asyncio.sleep(NUDGE)

    async def _nudged(self, patience: float) -> bool:
        try:
            async with asyncio.timeout(patience):
                await self._news.wait()
        except TimeoutError:
            return False
        self._news.clear()
        return True

    async def _duty(self, name: str, every: float, duty: Duty) -> None:
        while True:
            await asyncio.sleep(min(every, 60.0) if every > 60 else every)
            try:
                if await self._first(f"duty:{name}", every):
                    with logs.bound(duty=name):
                        await duty(self.hub)
            except Exception as error:
                self._told(error, "a duty failed", duty=name)

    async def _first(self, name: str, every: float) -> bool:
        """Whether this crew is the first to come here within so many seconds: by a lease that is never given back."""
        async with self.hub.database.write() as conn:
            term = timedelta(seconds=every * 0.95)
            now = await leases.time(conn, self.hub.clock)
            return await leases.acquire(conn, name, self.id, now, term) is not None
