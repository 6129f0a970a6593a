"""The embedded runner: pulls, reconciles and pushes in this process, until there is nothing left to do."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from hub.domain.moments import iso, parse
from hub.domain.outcome import Fault
from hub.engine.guard import Tripped
from hub.store import golden, observations
from sync_jobs import brakes, consents, doubt
from sync_jobs.counts import Counts, Progress, Silent
from sync_jobs.hub import Hub
from sync_jobs.queue import Job, MemoryQueue, Wake
from sync_jobs.recording import Recorded
from sync_jobs.sweep import sweep
from sync_jobs.tending import Sleep, Tending
from sync_jobs.watch import Watch
from sync_jobs.wiring import Wired

SYNC = "sync"
"""The run that holds all runs of one sync, so that a person can name it whole."""
ROUNDS_MAX = 12
"""Rounds of a sync until quiet; a stack that needs more does not settle, and the report says so."""
RETRY_PATIENCE = 60.0
"""Seconds that a sync until quiet waits for a write that is to be tried again."""
PASSES_MAX = 40
"""Sweeps of one round."""


@dataclass(slots=True)
class SyncReport:
    """`quiet`: nothing was left to hear or tell at the end. `faults` and `parked` by connection say why not."""

    rounds: int = 0
    quiet: bool = False
    connections: dict[str, Counts] = field(default_factory=dict)
    faults: dict[str, Fault] = field(default_factory=dict)
    parked: dict[str, tuple[Tripped, ...]] = field(default_factory=dict)

    @property
    def writes(self) -> int:
        return sum(c.writes for c in self.connections.values())

    @property
    def total(self) -> Counts:
        total = Counts()
        for counts in self.connections.values():
            total.add(counts)
        return total


async def sync(
    hub: Hub,
    connections: Sequence[str] | None = None,
    *,
    until_quiet: bool = False,
    full: bool = False,
    progress: Progress | None = None,
    sleep: Sleep = asyncio.sleep,
    side_by_side: bool = True,
) -> SyncReport:
    """Reads what changed, makes golden records of it, tells what is due. `until_quiet` goes on until a round finds
    nothing and no write waits for its time. `full` reads everything anew. Connections are
    read `side_by_side`, or in order where a seed must give the same trace."""
    chosen = [hub.connection(name).name for name in connections or hub.wired]
    report = SyncReport(connections={name: Counts() for name in chosen})
    session = _Session(hub, report, progress or Silent(), sleep, side_by_side, Watch(hub))
    async with Recorded(hub, SYNC, chosen[0] if connections and len(chosen) == 1 else "", "") as recorded:
        for number in range(ROUNDS_MAX if until_quiet else 1):
            report.rounds = number + 1
            fresh = await session.pull_all([w for n in chosen if (w := hub.wired[n]).active], full=full and number == 0)
            worked = await session.settle(set(chosen))
            if not until_quiet:
                break
            if not fresh and not worked and not await session.wait_for_retry(chosen):
                report.quiet = not report.faults and not report.parked
                break
        await session.spend([n for n in chosen if report.connections[n].writes])
        tripped = tuple(t for parked in report.parked.values() for t in parked)
        recorded.ended(report.total, next(iter(report.faults.values()), None), tripped)
    return report


async def work_off(
    hub: Hub,
    connections: Sequence[str] | None = None,
    *,
    progress: Progress | None = None,
    sleep: Sleep = asyncio.sleep,
) -> SyncReport:
    """Hears and tells what is due already, and reads nothing anew but what it looks at before it writes. `quiet` says
    that nothing of it was left."""
    chosen = [hub.connection(name).name for name in connections or hub.wired]
    report = SyncReport(1, connections={name: Counts() for name in chosen})
    session = _Session(hub, report, progress or Silent(), sleep, True, Watch(hub))
    async with Recorded(hub, SYNC, chosen[0] if connections and len(chosen) == 1 else "", "") as recorded:
        await session.settle(set(chosen))
        await session.spend([n for n in chosen if report.connections[n].writes])
        tripped = tuple(t for parked in report.parked.values() for t in parked)
        recorded.ended(report.total, next(iter(report.faults.values()), None), tripped)
    report.quiet = not report.faults and not report.parked
    return report


@dataclass(slots=True)
class _Session:
    hub: Hub
    report: SyncReport
    progress: Progress
    sleep: Sleep
    side_by_side: bool
    watch: Watch
    queue: MemoryQueue = field(default_factory=MemoryQueue)
    tended: dict[str, Tending] = field(default_factory=dict)

    def _tend(self, name: str) -> Tending:
        if name not in self.tended:
            self.tended[name] = Tending(
                self.hub,
                name,
                self.watch,
                self.progress,
                waits=self.sleep,
                counts=self.report.connections[name],
            )
        return self.tended[name]

    async def pull_all(self, wired: Sequence[Wired], *, full: bool) -> int:
        """Every stream of every connection, connections side by side: one that is slow delays nobody else."""
        if not self.side_by_side:
            return sum([await self._pull_one(w.name, full=full) for w in wired])
        fresh = await asyncio.gather(*(self._pull_one(w.name, full=full) for w in wired))
        return sum(fresh)

    async def _pull_one(self, name: str, *, full: bool) -> int:
        fresh = 0
        tending = self._tend(name)
        await tending.look()
        for stream in self.hub.connection(name).streams():
            await self._hear_before(tending, stream)
            fresh += await tending.walk(stream, full=full)
            if tending.fault is not None:
                self.report.faults[name] = tending.fault
                return fresh
        self.report.faults.pop(name, None)
        await tending.walked()
        return fresh

    async def _hear_before(self, tending: Tending, stream: str) -> None:
        """What a run that died has seen: a write of its own may have taken it away, so that nobody shows it again."""
        async with self.hub.database.read() as conn:
            left = await observations.unheard(conn, tending.name, stream, 1)
        if left:
            await tending.reconcile(stream)

    async def settle(self, chosen: set[str]) -> int:
        """Works off what the sweep finds until it finds nothing more; answers how much was heard or told. A push that
        leaves its sink due (a vendor that says later, a brake) is not tried again in the same round."""
        worked = 0
        tried: set[Wake] = set()
        for _ in range(PASSES_MAX):
            for wake in await sweep(self.hub):
                if wake.connection in chosen and wake not in tried:
                    await self.queue.wake(wake)
            taken = await self._take_all(tried)
            worked += taken
            if not taken:
                break
        await consents.close_written(self.hub)
        return worked

    async def _take_all(self, tried: set[Wake]) -> int:
        """Works off the queue. Answers how much was heard and told."""
        taken = 0
        while (wake := await self.queue.take()) is not None:
            counts = await self._work(wake)
            done = counts.heard + counts.writes
            taken += done
            if done:
                tried.clear()
            else:
                tried.add(wake)
        return taken

    async def _work(self, wake: Wake) -> Counts:
        wired = self.hub.wired.get(wake.connection)
        if wired is None or not wired.active:
            return Counts()
        tending = self._tend(wake.connection)
        if wake.job is Job.RECONCILE:
            return await tending.reconcile(wake.stream)
        tending.fault = None
        counts = await tending.push(wake.stream)
        if tending.tripped:
            self.report.parked[wake.connection] = tending.tripped
        else:
            self.report.parked.pop(wake.connection, None)
        if tending.fault is not None:
            self.report.faults[wake.connection] = tending.fault
        return counts

    async def wait_for_retry(self, chosen: Sequence[str]) -> bool:
        """Whether a write waits for its time, or one in doubt for its second look, and that time has come now; false
        when none does, or not soon."""
        now = self.hub.clock()
        times: list[str | None] = []
        looks: list[datetime | None] = []
        async with self.hub.database.read() as conn:
            for wired in (self.hub.wired[name] for name in chosen):
                for sink in wired.sinks() if wired.active and wired.connection.writes else []:
                    times.append(await golden.next_retry(conn, wired.name, sink, iso(now)))
                    looks.append(await doubt.next_look(conn, self.hub, wired.name, sink))
        waits = [wait for at in times if at and (wait := (parse(at) - now).total_seconds()) <= RETRY_PATIENCE]
        waits += [(at - now).total_seconds() for at in looks if at and at > now]
        if not waits:
            return False
        self.progress.update("wait", "", "", {}, None)
        await self.sleep(max(min(waits), 0.0) + 0.001)
        return True

    async def spend(self, chosen: Sequence[str]) -> None:
        """What a person agreed to beyond the brakes was for one run; a run that is parked still waits for it."""
        async with self.hub.database.write() as conn:
            for name in chosen:
                if name not in self.report.parked:
                    await brakes.spend(conn, name)
