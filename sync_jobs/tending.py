"""Looking after one connection: walking its streams, hearing what they brought, telling its sinks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from hub.domain.lane import Lane
from hub.domain.outcome import Fault
from hub.engine.guard import Tripped
from hub.store import cursors
from sync_jobs import calendar
from sync_jobs.connection import mended
from sync_jobs.counts import Counts, Progress, Silent
from sync_jobs.hub import Hub
from sync_jobs.pull import LIVE, pull
from sync_jobs.push import push
from sync_jobs.queue import Job
from sync_jobs.reconcile import reconcile
from sync_jobs.recording import Recorded
from sync_jobs.returning import take_back
from sync_jobs.slices import Slice
from sync_jobs.watch import Watch
from sync_jobs.wiring import Wired

WALK_STEPS_MAX = 10_000
"""Times that one walk comes back to a vendor that says "wait"."""

Sleep: TypeAlias = Callable[[float], Awaitable[None]]


@dataclass(slots=True)
class Tending:
    """One connection for a while. `waits`: stays when a vendor says "wait"; otherwise whoever comes next goes on.
    `lane`: as in `push`. `keeps_all`: also runs that did nothing are kept. `fault` and `tripped` say how it stands;
    `more`, that the slice was over before all was done."""

    hub: Hub
    name: str
    watch: Watch
    progress: Progress = field(default_factory=Silent)
    slice: Slice = field(default_factory=Slice.whole)
    waits: Sleep | None = asyncio.sleep
    lane: Lane | None = None
    keeps_all: bool = True
    counts: Counts = field(default_factory=Counts)
    fault: Fault | None = None
    parked: dict[str, tuple[Tripped, ...]] = field(default_factory=dict)
    """By sink, what stopped its last push."""
    more: bool = False

    @property
    def tripped(self) -> tuple[Tripped, ...]:
        return tuple(t for tripped in self.parked.values() for t in tripped)

    @property
    def wired(self) -> Wired:
        return self.hub.connection(self.name)

    async def look(self) -> None:
        """At the remote's fields, when it is time."""
        self.counts.add(await self.watch.look(self.wired))

    async def walk(self, stream: str, *, full: bool = False) -> int:
        """Walks a stream, and when that fails over a field that drifted, once more without the field. Answers how much
        was fresh; `fault` says whether the connection can be read."""
        counts, fault = await self._walk(stream, full=full)
        if fault is not None:
            looked, explained = await self.watch.explain(self.name, [fault])
            self.counts.add(looked)
            if explained:
                fault = None
                if stream in self.wired.streams():
                    more, fault = await self._walk(stream, full=full)
                    counts.add(more)
        self.fault = fault
        if fault is not None:
            return counts.fresh
        return counts.fresh + await take_back(self.hub, self.name, stream)

    async def walked(self) -> None:
        """Every stream that was due could be read."""
        await self.watch.walked(self.name)
        await mended(self.hub, self.wired)

    async def reconcile(self, stream: str) -> Counts:
        """Hears what is unheard of a stream."""
        async with self._recorded(Job.RECONCILE, stream) as recorded:
            counts = await reconcile(self.hub, self.wired, stream, progress=self.progress, slice_=self.slice)
            recorded.ended(counts, None)
        self.counts.add(counts)
        return counts

    async def push(self, sink: str) -> Counts:
        """Tells a sink what is due."""
        async with self._recorded(Job.PUSH, sink) as recorded:
            pushed = await push(
                self.hub, self.wired, sink, recorded.id, progress=self.progress, slice_=self.slice, lane=self.lane
            )
            recorded.ended(pushed.counts, pushed.fault, pushed.tripped)
        self.counts.add(pushed.counts)
        self.more = self.more or pushed.more
        self.parked[sink] = pushed.tripped
        if pushed.fault is not None:
            self.fault = pushed.fault
        if pushed.counts.refused or pushed.fault is not None:
            await self._explain(recorded.id, pushed.fault)
        return pushed.counts

    async def _explain(self, run_id: str, fault: Fault | None) -> None:
        """Refusals that a field explains which drifted: it rests from now on, and the fault was its."""
        faults = [fault] if fault is not None else await self.watch.refusals(run_id)
        looked, explained = await self.watch.explain(self.name, faults)
        self.counts.add(looked)
        if explained and fault is not None:
            self.fault = None

    async def _walk(self, stream: str, *, full: bool) -> tuple[Counts, Fault | None]:
        wired, counts, fault = self.wired, Counts(), None
        full = full or await self._full_due(wired, stream)
        async with self._recorded("pull", stream) as recorded:
            for _ in range(WALK_STEPS_MAX):
                pulled = await pull(self.hub, wired, stream, full=full, progress=self.progress, slice_=self.slice)
                counts.add(pulled.counts)
                fault = pulled.fault
                if not pulled.wait or self.waits is None:
                    self.more = self.more or not (pulled.finished or pulled.wait or fault)
                    break
                await self.waits(pulled.wait)
            recorded.ended(counts, fault)
        self.counts.add(counts)
        return counts, fault

    async def _full_due(self, wired: Wired, stream: str) -> bool:
        async with self.hub.database.read() as conn:
            row = await cursors.fetch(conn, wired.name, stream, LIVE)
        return calendar.whole_due(wired, stream, row, self.hub.clock())

    def _recorded(self, job: str, stream: str) -> Recorded:
        return Recorded(self.hub, job, self.name, stream, always=self.keeps_all)
