"""A tour: one bounded job that does whatever is to be done now in one lane of one connection.

It is told where, never what. It may be run twice, late or never: the store says what is to be done, and the lease of
the lane that nobody else does it at the same time.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeAlias

from hub import counters, logs, traces
from hub.domain.lane import Lane
from hub.domain.outcome import Fault
from hub.engine.guard import Tripped
from hub.logs import log
from hub.store import consent_changes, golden, hints, observations
from hub.store.database import Transaction
from hub.transport import lanes
from hub.transport.client import Failed
from hub.transport.tally import tallied
from sync_jobs import backfill, brakes, circuits, doubt, hinted, quotas, rereading, verifying
from sync_jobs.consents import addressee
from sync_jobs.counts import Counts, Silent
from sync_jobs.hinted import Hinted
from sync_jobs.hub import Hub
from sync_jobs.lease import HOME, Busy, held, is_held, tour_lease
from sync_jobs.push import Pushed, push_some
from sync_jobs.queue import Job
from sync_jobs.recording import Recorded
from sync_jobs.slices import Slice
from sync_jobs.tending import Tending
from sync_jobs.walks import Walks, of_all
from sync_jobs.watch import Watch
from sync_jobs.wiring import Wired

HINTS_MAX = 500
"""Hinted records of a stream that one tour looks at."""
CONSENTS_MAX = 1_000
"""People whose consent is told with one question."""
REREADING = "rereading"

LOG = log(__name__)


@dataclass(slots=True)
class Toured:
    """What a tour did. `more`: its slice was over before all was done. `idle`: it did nothing, as another process is at
    it, or the whole store is somebody's, or the connection rests. `spared`: the fault of a stream that was put off,
    while the connection works."""

    counts: Counts = field(default_factory=Counts)
    more: bool = False
    idle: bool = False
    fault: Fault | None = None
    tripped: tuple[Tripped, ...] = ()
    spared: Fault | None = None

    @property
    def worked(self) -> bool:
        """Whether it found anything, so that others may have something to do now."""
        done = self.counts
        return bool(done.fresh or done.heard or done.writes)


async def tour(
    hub: Hub, connection: str, lane: Lane, slice_: Slice, *, term: timedelta, heard: Heard | None = None
) -> Toured:
    """Goes through one lane of a connection under its lease. `heard` is told when something was heard, so that others
    may be woken while this tour goes on. Raises LeaseLost; what the store or a defect of ours raises besides."""
    name = tour_lease(connection, lane)
    try:
        async with held(hub, name, term=term):
            if await is_held(hub, HOME):
                return Toured(idle=True)
            names = {"connection": connection, "lane": str(lane)}
            timing = counters.timing("tour_seconds", lane=str(lane))
            with lanes.working(lane), logs.bound(**names), traces.span("tour", **names), timing:
                return await _Tour(hub, connection, lane, slice_, heard or _nobody).go()
    except Busy:
        return Toured(idle=True)


Heard: TypeAlias = Callable[[], Awaitable[None]]


async def _nobody() -> None:
    return None


@dataclass(slots=True)
class _Tour:
    hub: Hub
    name: str
    lane: Lane
    slice: Slice
    heard: Heard

    async def go(self) -> Toured:
        await self.hub.refresh()
        wired = self.hub.wired.get(self.name)
        if wired is None or not wired.active:
            return Toured(idle=True)
        if not await self._reread():
            return Toured(idle=True)
        if await circuits.let_in(self.hub, self.name) is not None:
            return Toured(idle=True)
        lane: Mapping[Lane, Callable[[Wired], Awaitable[Toured]]] = {
            Lane.LIVE: self._live,
            Lane.CONSENT: self._consent,
            Lane.BACKFILL: self._backfill,
            Lane.VERIFY: self._verify,
        }
        with tallied() as tally:
            toured = await lane[self.lane](wired)
        await self._circuit(toured, tally.calls > 0)
        if quotas.is_due(self.hub):
            await quotas.flush(self.hub)
        return toured

    async def _reread(self) -> bool:
        """What publishing left undone is done first, by one process; nobody hears or tells anything before."""
        if not await rereading.waits(self.hub):
            return True
        with suppress(Busy):
            async with held(self.hub, REREADING):
                await rereading.finish(self.hub)
        return not await rereading.waits(self.hub)

    async def _circuit(self, toured: Toured, called: bool) -> None:
        if toured.fault is not None:
            await circuits.failed(self.hub, self.name, toured.fault)
        elif called:
            await circuits.worked(self.hub, self.name)

    # --- live -------------------------------------------------------------------------------------------------

    async def _live(self, wired: Wired) -> Toured:
        tending = Tending(
            self.hub, self.name, Watch(self.hub), Silent(), self.slice, waits=None, lane=self.lane, keeps_all=False
        )
        walks = Walks(self.hub, tending)
        await walks.begin()
        await tending.look()
        await self._settle(tending)  # what is known already goes before what is to be read
        untold, tending.fault = tending.fault, None
        if untold is None or not of_all(untold):  # what can't be written may be readable
            answered = await self._hints(walks)
            if tending.fault is None:
                await walks.go(answered)
        tending.fault = tending.fault or untold
        await self._settle(tending)
        if tending.counts.writes and not tending.tripped:
            async with self.hub.database.write() as conn:
                await brakes.spend(conn, self.name)
        return Toured(tending.counts, tending.more, False, tending.fault, tending.tripped, walks.spared)

    async def _hints(self, walks: Walks) -> dict[str, Hinted]:
        """Looks where webhooks said. Answers the streams that have to be walked for them."""
        tending = walks.tending
        async with self.hub.database.read() as conn:
            streams = await hints.streams(conn, self.name)
        found: dict[str, Hinted] = {}
        for stream in streams:
            if walks.waits(stream):
                continue
            try:
                looked = await hinted.look_at_hints(self.hub, tending.wired, stream, HINTS_MAX)
            except Failed as failed:
                if of_all(failed.fault):
                    tending.fault = failed.fault
                    break
                walks.failed[stream] = failed.fault
                looked = Hinted(walk=await hinted.all_of(self.hub, tending.wired, stream))
            tending.counts.add(looked.counts)
            if looked.walk:
                found[stream] = looked
        if tending.counts.heard:
            await self.heard()
        return found

    async def _settle(self, tending: Tending) -> None:
        """Hears what there is, and tells it where nothing is wrong. Every batch that was begun is finished, so a slice
        may be over in between."""
        for stream in tending.wired.streams():
            async with self.hub.database.read() as conn:
                unheard = await observations.unheard(conn, self.name, stream, 1)
            if unheard and not self.slice.over():
                counts = await tending.reconcile(stream)
                if counts.heard:
                    await self.heard()
        if tending.fault is not None or not tending.wired.connection.writes:
            return
        for sink in tending.wired.sinks():
            if tending.fault is None and await self._due(tending.wired, sink):
                if self.slice.over():
                    tending.more = True
                    return
                await tending.push(sink)

    async def _due(self, wired: Wired, sink: str) -> bool:
        async with self.hub.database.read() as conn:
            if await golden.due(conn, wired.name, sink, self.hub.now_text(), "", 1):
                return True
            return bool(await doubt.to_look_at(conn, self.hub, wired.name, sink, 1, self.lane))

    # --- consent ----------------------------------------------------------------------------------------------

    async def _consent(self, wired: Wired) -> Toured:
        toured = Toured()
        for sink in wired.sinks() if wired.connection.writes else []:
            async with self.hub.database.read() as conn:
                ids = await self._changed(conn, wired, sink)
                doubtful = await doubt.to_look_at(conn, self.hub, wired.name, sink, 1, self.lane)
            if not ids and not doubtful:
                continue
            async with Recorded(self.hub, Job.PUSH, wired.name, sink, self.lane, always=False) as recorded:
                pushed = await self._tell_first(wired, sink, recorded.id, ids)
                recorded.ended(pushed.counts, pushed.fault)
            toured.counts.add(pushed.counts)
            toured.fault = toured.fault or pushed.fault
            toured.more = toured.more or pushed.more
        return toured

    async def _changed(self, conn: Transaction, wired: Wired, sink: str, after: str = "") -> list[str]:
        entity, now = wired.lenses[sink].entity, self.hub.now_text()
        return await consent_changes.due(conn, addressee(wired, sink), entity, now, after, CONSENTS_MAX)

    async def _tell_first(self, wired: Wired, sink: str, run_id: str, ids: Sequence[str]) -> Pushed:
        """Those of whom nothing may be told yet stay due: they must not keep the others from being asked for."""
        pushed = await push_some(self.hub, wired, sink, run_id, ids, self.slice, self.lane)
        while len(ids) == CONSENTS_MAX and not pushed.more and pushed.fault is None:
            if self.slice.over():
                pushed.more = True
                break
            async with self.hub.database.read() as conn:
                ids = await self._changed(conn, wired, sink, ids[-1])
            next_ = await push_some(self.hub, wired, sink, run_id, ids, self.slice, self.lane)
            pushed.counts.add(next_.counts)
            pushed.more, pushed.fault = next_.more, next_.fault
        return pushed

    # --- backfill ---------------------------------------------------------------------------------------------

    async def _backfill(self, wired: Wired) -> Toured:
        toured = Toured()
        for connection, stream, lane in await backfill.pending(self.hub):
            if connection != wired.name or stream not in wired.streams():
                continue
            if self.slice.over():
                toured.more = True
                break
            done = await backfill.slice_(self.hub, connection, stream, lane, self.slice)
            toured.counts.add(done.counts)
            toured.fault = toured.fault or done.fault
            toured.more = toured.more or done.more
        return toured

    async def _verify(self, wired: Wired) -> Toured:
        done = await verifying.slice_(self.hub, wired.name, self.slice)
        return Toured(done.counts, done.more, False, done.fault)


def note(connection: str, lane: Lane, toured: Toured) -> None:
    """For metrics."""
    said = "idle" if toured.idle else "failed" if toured.fault or toured.spared else "more" if toured.more else "done"
    counters.add("tours", connection=connection, lane=str(lane), ended=said)
