"""The embedded runner: pulls, reconciles and pushes in this process, until there is nothing left to do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from hub.domain.moments import iso, parse
from hub.domain.outcome import Fault
from hub.engine.guard import Tripped
from hub.store import cursors, golden
from sync_jobs import brakes, calendar
from sync_jobs.connection import mended
from sync_jobs.counts import Counts, Progress, Silent
from sync_jobs.hub import Hub
from sync_jobs.pull import LIVE, pull
from sync_jobs.push import push
from sync_jobs.queue import Job, MemoryQueue, Wake
from sync_jobs.reconcile import reconcile
from sync_jobs.recording import Recorded
from sync_jobs.returning import take_back
from sync_jobs.sweep import sweep
from sync_jobs.watch import Watch
from sync_jobs.wiring import Wired

SYNC = "sync"
"""The run that holds all runs of one sync, so that a person can name it whole."""
ROUNDS_MAX = 12
"""Rounds of a sync until quiet; a stack that needs more does not settle, and the report says so."""
WALK_STEPS_MAX = 10_000
"""Times that one pull comes back to a vendor that says "wait"."""
RETRY_PATIENCE = 60.0
"""Seconds that a sync until quiet waits for a write that is to be tried again."""
PASSES_MAX = 40
"""Sweeps of one round."""

Sleep: TypeAlias = Callable[[float], Awaitable[None]]


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

    async def pull_all(self, wired: Sequence[Wired], *, full: bool) -> int:
        """Every stream of every connection, connections side by side: one that is slow delays nobody else."""
        if not self.side_by_side:
            return sum([await self._pull_one(w, full=full) for w in wired])
        fresh = await asyncio.gather(*(self._pull_one(w, full=full) for w in wired))
        return sum(fresh)

    async def _pull_one(self, wired: Wired, *, full: bool) -> int:
        fresh = 0
        name = wired.name
        self.report.connections[name].add(await self.watch.look(wired))
        for stream in self.hub.connection(name).streams():
            counts, fault = await self._walk_whole(name, stream, full=full)
            fresh += counts.fresh
            if fault is not None:
                self.report.faults[name] = fault
                return fresh
            fresh += await take_back(self.hub, name, stream)
        self.report.faults.pop(name, None)
        await self.watch.walked(name)
        await mended(self.hub, self.hub.connection(name))
        return fresh

    async def _walk_whole(self, name: str, stream: str, *, full: bool) -> tuple[Counts, Fault | None]:
        """A walk, and when it fails over a field that drifted, once more without the field."""
        wired = self.hub.connection(name)
        counts, fault = await self._walk(wired, stream, full=full or await self._full_due(wired, stream))
        if fault is None:
            return counts, None
        looked, explained = await self.watch.explain(name, [fault])
        self.report.connections[name].add(looked)
        wired = self.hub.connection(name)
        if not explained or stream not in wired.streams():
            return counts, None if explained else fault
        more, fault = await self._walk(wired, stream, full=full or await self._full_due(wired, stream))
        counts.add(more)
        return counts, fault

    async def _walk(self, wired: Wired, stream: str, *, full: bool) -> tuple[Counts, Fault | None]:
        counts, fault = Counts(), None
        async with Recorded(self.hub, "pull", wired.name, stream) as recorded:
            for _ in range(WALK_STEPS_MAX):
                pulled = await pull(self.hub, wired, stream, full=full, progress=self.progress)
                counts.add(pulled.counts)
                fault = pulled.fault
                if not pulled.wait:
                    break
                await self.sleep(pulled.wait)
            recorded.ended(counts, fault)
        self.report.connections[wired.name].add(counts)
        return counts, fault

    async def _full_due(self, wired: Wired, stream: str) -> bool:
        async with self.hub.database.read() as conn:
            row = await cursors.fetch(conn, wired.name, stream, LIVE)
        return calendar.whole_due(wired, stream, row, self.hub.clock())

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
        async with Recorded(self.hub, wake.job.value, wake.connection, wake.stream) as recorded:
            if wake.job is Job.RECONCILE:
                counts = await reconcile(self.hub, wired, wake.stream, progress=self.progress)
                recorded.ended(counts, None)
            else:
                pushed = await push(self.hub, wired, wake.stream, recorded.id, progress=self.progress)
                counts = pushed.counts
                self._note(wake.connection, pushed.tripped, pushed.fault)
                recorded.ended(counts, pushed.fault, pushed.tripped)
        self.report.connections[wake.connection].add(counts)
        if wake.job is Job.PUSH and (counts.refused or pushed.fault is not None):
            await self._explain_push(wake.connection, recorded.id, pushed.fault)
        return counts

    async def _explain_push(self, connection: str, run_id: str, fault: Fault | None) -> None:
        """Refusals that a field explains which drifted: it rests from now on, and the fault was its."""
        faults = [fault] if fault is not None else await self.watch.refusals(run_id)
        looked, explained = await self.watch.explain(connection, faults)
        self.report.connections[connection].add(looked)
        if explained and fault is not None:
            self.report.faults.pop(connection, None)

    def _note(self, connection: str, tripped: tuple[Tripped, ...], fault: Fault | None) -> None:
        if tripped:
            self.report.parked[connection] = tripped
        else:
            self.report.parked.pop(connection, None)
        if fault is not None:
            self.report.faults[connection] = fault

    async def wait_for_retry(self, chosen: Sequence[str]) -> bool:
        """Whether a write waits for its time and that time has come now; false when none does, or not soon."""
        now = self.hub.clock()
        times: list[str | None] = []
        async with self.hub.database.read() as conn:
            for wired in (self.hub.wired[name] for name in chosen):
                sinks = wired.sinks() if wired.active and wired.connection.writes else []
                times += [await golden.next_retry(conn, wired.name, sink, iso(now)) for sink in sinks]
        waits = [(parse(at) - now).total_seconds() for at in times if at]
        if not waits or min(waits) > RETRY_PATIENCE:
            return False
        await self.sleep(max(min(waits), 0.0) + 0.001)
        return True

    async def spend(self, chosen: Sequence[str]) -> None:
        """What a person agreed to beyond the brakes was for one run; a run that is parked still waits for it."""
        async with self.hub.database.write() as conn:
            for name in chosen:
                if name not in self.report.parked:
                    await brakes.spend(conn, name)
