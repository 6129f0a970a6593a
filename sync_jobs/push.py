"""Telling remotes what they should hold: look, hear, decide, brake, open the attempt, send, settle.

Nothing is remembered from an earlier decision: what is written was decided on what was seen just now.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeAlias

from hub import traces
from hub.domain.lane import Lane
from hub.domain.moments import parse
from hub.domain.outcome import Fault, FaultKind
from hub.domain.plan import Change, Op
from hub.domain.telling import Telling
from hub.engine.decide import denials
from hub.engine.guard import Tally, Tripped, tally
from hub.sdk.http import ContractBroken
from hub.sdk.sinks import Sink
from hub.store import golden, passes
from hub.store.passes import PassPhase, PassRow
from hub.transport.client import Failed
from hub.transport.tally import tallied
from sync_jobs import rereading
from sync_jobs.connection import stop
from sync_jobs.counts import Counts, Progress, Silent
from sync_jobs.doubt import resolve
from sync_jobs.hub import Hub
from sync_jobs.look import Looked, hear_looked, look
from sync_jobs.park import brake, park, release
from sync_jobs.pull import pull
from sync_jobs.reconcile import reconcile
from sync_jobs.slices import Slice
from sync_jobs.view import BATCH, View, view
from sync_jobs.wiring import Wired
from sync_jobs.write import Writer

LOOK_SINGLY_MAX = 10
"""Where a vendor shows one record per call, more looks than this are cheaper as one read of what changed."""


@dataclass(slots=True)
class Pushed:
    counts: Counts
    tripped: tuple[Tripped, ...] = ()
    fault: Fault | None = None
    more: bool = False
    """Its slice was over before it had told all."""


@dataclass(frozen=True, slots=True)
class _Planned:
    tally: Tally = field(default_factory=Tally)
    due: int = 0


Only: TypeAlias = Callable[[tuple[Change, ...]], tuple[Change, ...]]
PASS_MAX = timedelta(hours=1)
"""A pass that takes longer is planned anew."""


async def push(
    hub: Hub,
    wired: Wired,
    stream: str,
    run_id: str,
    *,
    progress: Progress | None = None,
    slice_: Slice | None = None,
    lane: Lane | None = None,
) -> Pushed:
    """Tells the sink everything that is due. Does nothing on a connection that may not write. With a bounded
    `slice_` it stops when that is over, and the next push goes on from there. `lane`: whose writes in doubt are looked
    up first; None for all, where nobody else works there."""
    await rereading.finish(hub, progress=progress)
    bounds = slice_ or Slice.whole()
    pushing = _Push(hub, wired, stream, wired.sink(stream), run_id, Counts(), progress or Silent(), bounds, lane)
    return await _pushed(pushing, pushing.all)


async def push_some(
    hub: Hub, wired: Wired, stream: str, run_id: str, ids: Sequence[str], slice_: Slice, lane: Lane
) -> Pushed:
    """Tells the sink of these entities, past everybody else who is due. Makes no records, removes and blanks none:
    that is left to the push of the whole, which the brakes look at. Of whom that concerns, only opt-outs are told."""
    pushing = _Push(hub, wired, stream, wired.sink(stream), run_id, Counts(), Silent(), slice_, lane)
    return await _pushed(pushing, lambda: pushing.some(ids))


async def _pushed(pushing: _Push, work: Callable[[], Awaitable[tuple[Tripped, ...]]]) -> Pushed:
    hub, wired, counts = pushing.hub, pushing.wired, pushing.counts
    async with hub.locks[f"{wired.name}/{pushing.stream}/push/{pushing.lane or ''}"]:
        fault = None
        try:
            with tallied() as tally:
                tripped = await work()
        except Failed as failed:
            tripped, fault = pushing.tripped, failed.fault
        except ContractBroken as broken:
            tripped, fault = pushing.tripped, broken.fault()
        if fault is not None:
            counts.later += 1
            if fault.kind in (FaultKind.UNAUTHORISED, FaultKind.MISCONFIGURED, FaultKind.CONTRACT):
                await stop(hub, wired, fault)
                counts.issues += 1
        counts.api_calls += tally.calls
        return Pushed(counts, tripped, fault, pushing.more)


@dataclass(slots=True)
class _Push:
    """One push of one sink."""

    hub: Hub
    wired: Wired
    stream: str
    sink: Sink
    run_id: str
    counts: Counts
    progress: Progress
    slice: Slice
    lane: Lane | None
    singly: bool = False
    refreshed_at: datetime | None = None
    """When what changed was read in place of many looks."""
    more: bool = False
    planned: Tally = field(default_factory=Tally)
    """What this pass means to tell: with what the brakes let through."""
    told: Tally = field(default_factory=Tally)
    """What it has told so far, also in earlier slices."""
    tripped: tuple[Tripped, ...] = ()
    only: Only = tuple
    """What of the changes of one entity is told now."""
    _began_at: str = ""
    _kept: bool = False

    async def all(self) -> tuple[Tripped, ...]:
        await resolve(self.hub, self.wired, self.stream, self.sink, self.counts, self.lane)
        going_on = await self._earlier()
        if going_on is None or going_on.phase is PassPhase.PLAN:
            planned = await self._planned(going_on)
            if planned is None or not planned.due:
                return ()
            if tripped := await self._stopped(planned.tally):
                await self._opt_outs()
                return tripped
            self.planned = planned.tally
            await self._refresh(planned.tally)
            return await self._tell("", planned.due)
        self.planned, self.told = going_on.planned, going_on.told
        self.singly = self.sink.look_max <= 1
        return await self._tell(going_on.after, going_on.due)

    async def some(self, ids: Sequence[str]) -> tuple[Tripped, ...]:
        await resolve(self.hub, self.wired, self.stream, self.sink, self.counts, self.lane)
        self.only = _at_once
        for start in range(0, len(ids), BATCH):
            await self._some(ids[start : start + BATCH])
        return ()

    async def _opt_outs(self) -> None:
        """What is parked waits for a person; who opted out doesn't."""
        self.only, after = denials, ""
        while not self.more and (ids := await self._due(after)):
            await self._some(ids)
            after = ids[-1]

    async def _some(self, ids: Sequence[str]) -> None:
        """At most `BATCH` entities, of which `only` a part is told."""
        self.singly = self.sink.look_max <= 1
        size = LOOK_SINGLY_MAX if self.singly else BATCH
        async with self.hub.database.read() as conn:
            seen = await view(conn, self.wired, self.stream, ids)
        part = [e for e, d in seen.decisions.items() if self.only(d.changes) or not (d.changes or d.waits)]
        for start in range(0, len(part), size):
            if self.slice.over():
                self.more = True
                return
            await self._batch(part[start : start + size])
            self.slice.spend(len(part[start : start + size]))

    async def _tell(self, after: str, due: int) -> tuple[Tripped, ...]:
        """Batch after batch. What is decided on what was seen just now may be more than was planned: the brakes hold
        for all that the pass tells."""
        while ids := await self._due(after):
            if self.slice.over():
                await self._come_back(PassPhase.TELL, after, due, self.planned)
                return ()
            if tripped := await self._batch(ids):
                await self._forget()
                await park(self.hub, self.wired, self.stream, tripped)
                self.counts.issues += 1
                return tripped
            after = ids[-1]
            self.slice.spend(len(ids))
            self.progress.update("push", self.wired.name, self.stream, self.counts.as_dict(), due)
        await self._forget()
        await release(self.hub, self.wired, self.stream)
        return ()

    async def _due(self, after: str) -> list[str]:
        async with self.hub.database.read() as conn:
            return await golden.due(conn, self.wired.name, self.stream, self.hub.now_text(), after, BATCH)

    async def _planned(self, earlier: PassRow | None) -> _Planned | None:
        """What the whole push would do, decided on the store alone: the brakes look at all of it beforehand. None when
        the slice is over before: the next push plans on."""
        planned = _Planned(earlier.planned, earlier.due) if earlier else _Planned()
        after = earlier.after if earlier else ""
        while ids := await self._due(after):
            if self.slice.over():
                await self._come_back(PassPhase.PLAN, after, planned.due, planned.tally)
                return None
            async with self.hub.database.read() as conn:
                more = tally((await view(conn, self.wired, self.stream, ids)).changes())
            planned = _Planned(planned.tally.plus(more), planned.due + len(ids))
            after = ids[-1]
        return planned

    async def _stopped(self, planned: Tally) -> tuple[Tripped, ...]:
        tripped = await self._trips(planned)
        if tripped:
            await self._forget()
            await park(self.hub, self.wired, self.stream, tripped)
            self.counts.issues += 1
        self.tripped = tripped
        return tripped

    async def _trips(self, planned: Tally) -> tuple[Tripped, ...]:
        return await brake(self.hub, self.wired, self.stream, planned)

    async def _earlier(self) -> PassRow | None:
        """The pass that an earlier job began, as long as it is young: later the world is another."""
        if not self.slice.bounded:
            return None
        async with self.hub.database.read() as conn:
            row = await passes.fetch(conn, self.wired.name, self.stream)
        young = row is not None and self.hub.clock() - parse(row.began_at) < PASS_MAX
        self._began_at = row.began_at if row is not None and young else self.hub.now_text()
        self._kept = row is not None
        return row if young else None

    async def _come_back(self, phase: PassPhase, after: str, due: int, planned: Tally) -> None:
        self.more = True
        if not self.slice.bounded:
            return
        row = PassRow(self.wired.name, self.stream, phase, after, due, planned, self.told, self._began_at)
        async with self.hub.database.write() as conn:
            await passes.save(conn, row)

    async def _forget(self) -> None:
        if self._kept:
            async with self.hub.database.write() as conn:
                await passes.drop(conn, self.wired.name, self.stream)

    async def _refresh(self, planned: Tally) -> None:
        """Where a vendor shows one record per call, many looks are made as one read of what changed. Raises Failed when
        it fails: then nobody has looked. One that the vendor lets wait, or that takes longer than the slice, is none
        either: the walk goes on where it stands."""
        self.singly = self.sink.look_max <= 1
        if self.singly and planned.updates + planned.removes > LOOK_SINGLY_MAX:
            began = self.hub.clock()
            pulled = await pull(self.hub, self.wired, self.stream, slice_=self.slice)
            if pulled.fault is not None:
                raise Failed(pulled.fault, sent=False)
            if pulled.finished:
                await reconcile(self.hub, self.wired, self.stream, slice_=self.slice)
                self.refreshed_at, self.singly = began, False

    async def _batch(self, ids: Sequence[str]) -> tuple[Tripped, ...]:
        with traces.span("push", connection=self.wired.name, stream=self.stream, entities=len(ids)) as span:
            writes = self.counts.writes
            tripped = await self._tell_batch(ids)
            span.tell(writes=self.counts.writes - writes)
            return tripped

    async def _tell_batch(self, ids: Sequence[str]) -> tuple[Tripped, ...]:
        async with self.hub.database.read() as conn:
            first = await view(conn, self.wired, self.stream, ids)
        seen_at = self.hub.clock() if self._looks else self.refreshed_at or self.hub.clock()
        looked = await self._look(first)
        if looked.ids or looked.keys:
            self.counts.add(await hear_looked(self.hub, self.wired, self.stream, looked))
            async with self.hub.database.read() as conn:
                first = await view(conn, self.wired, self.stream, ids)
        changes = self._changes(first)
        ready = [c for c in changes if self._seen(c, looked)]
        telling = self.told.plus(tally(ready))
        if telling.beyond(self.planned) and (tripped := await self._trips(telling)):
            return tripped
        self.told = telling
        unseen = {c.entity_id for c in changes} - {c.entity_id for c in ready}
        partly = frozenset(e for e, d in first.decisions.items() if d.waits or self.only(d.changes) != d.changes)
        known = (self.hub, self.wired, self.stream, self.sink, self.run_id, self.counts)
        writer = Writer(*known, seen_at, self.slice, partly)
        await writer.write(first, ready)
        if self.refreshed_at is not None:
            self.refreshed_at = writer.seen_at
        quiet = [e for e, d in first.decisions.items() if not d.changes and not d.waits and e not in unseen]
        await self._told(first, quiet)
        return ()

    async def _look(self, first: View) -> Looked:
        changes = self._changes(first)
        ids = {c.remote_id for c in changes if c.remote_id} if self._looks else set()
        keys = {c.key for c in changes if c.op is Op.CREATE and c.key} if not self.sink.upserts_by_key else set()
        return await look(self.hub, self.wired, self.stream, self.sink, ids, keys)

    def _changes(self, seen: View) -> list[Change]:
        return [c for d in seen.decisions.values() for c in self.only(d.changes)]

    @property
    def _looks(self) -> bool:
        return self.sink.look_max > 1 or self.singly

    def _seen(self, change: Change, looked: Looked) -> bool:
        """Whether what the change rests on was looked at; if not, it stays due and comes with the next push."""
        if change.op is Op.CREATE:
            return self.sink.upserts_by_key or change.key in looked.keys
        return not self._looks or change.remote_id in looked.ids or change.remote_id in looked.records

    async def _told(self, seen: View, entities: Sequence[str]) -> None:
        rows = [Telling(e, self.wired.name, self.stream, seen.goldens[e].rev) for e in entities]
        async with self.hub.database.write() as conn:
            await golden.tell(conn, rows)
        self.counts.unchanged += len(rows)


def _at_once(changes: tuple[Change, ...]) -> tuple[Change, ...]:
    """What may be told past the brakes: all of it, or what opts somebody out."""
    return changes if all(c.op is Op.UPDATE and not c.clears for c in changes) else denials(changes)
