"""Undoing runs: what they wrote is put back where nobody touched it since. Look, hear, decide, brake, write, settle.

An undo is a run as any other, so it can be undone in turn. It moves only the echo: what the run told counts as told,
so the next sync does not tell it again until the golden record moves.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from hub.domain.keys import Address
from hub.domain.outcome import Fault, FaultKind
from hub.domain.plan import Change, Op
from hub.domain.values import Values
from hub.engine.guard import Tally, Tripped, tally
from hub.engine.undo import ANSWER_LOST, NOT_WRITTEN, Kept, Undoing, Written
from hub.engine.undo import undo as decide
from hub.errors import Refused
from hub.sdk.http import ContractBroken
from hub.sdk.sinks import Sink
from hub.store import attempts, links
from hub.store.database import Transaction
from hub.transport.client import Failed
from hub.transport.tally import tallied
from mappings.paths import Raw
from mappings.reading import Payload
from mappings.restoring import restore
from sync_jobs import brakes, rereading
from sync_jobs.connection import stop
from sync_jobs.counts import Counts, Progress, Silent
from sync_jobs.doubt import resolve
from sync_jobs.hub import Hub
from sync_jobs.look import Looked, hear_looked, look
from sync_jobs.park import brake, park, release
from sync_jobs.pull import pull
from sync_jobs.push import LOOK_SINGLY_MAX
from sync_jobs.reconcile import reconcile
from sync_jobs.recording import Recorded
from sync_jobs.view import BATCH, View
from sync_jobs.wiring import Wired
from sync_jobs.write import Writer
from sync_jobs.written import Told, written

UNDO = "undo"
"""The job's name in the store."""
UNCONNECTED = "its connection was removed"
CANNOT_REMOVE = "this system takes no removals"


@dataclass(slots=True)
class SinkPlan:
    """What an undo would do to one sink: `back` fields show already what they showed before. `records`: what the runs
    wrote to there, as the store names them (None: a create whose answer was lost)."""

    connection: str
    stream: str
    records: list[str | None] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)
    back: int = 0
    tripped: tuple[Tripped, ...] = ()

    def note(self, undoing: Undoing) -> None:
        self.changes += undoing.changes
        self.kept += undoing.kept
        self.back += undoing.back


@dataclass(slots=True)
class UndoReport:
    """What an undo did: by sink (`connection/stream`) its run, by connection its counts; `kept` as it was decided when
    the records had been looked at."""

    runs: dict[str, str] = field(default_factory=dict)
    counts: dict[str, Counts] = field(default_factory=dict)
    kept: list[Kept] = field(default_factory=list)
    back: int = 0
    tripped: dict[str, tuple[Tripped, ...]] = field(default_factory=dict)
    faults: dict[str, Fault] = field(default_factory=dict)


async def plan_undo(hub: Hub, run_ids: Sequence[str], *, archive_creates: bool = False) -> list[SinkPlan]:
    """What undoing these runs would do, decided on the store alone: no calls, no writes."""
    plans = []
    for sink in await _sinks(hub, run_ids):
        wired = _usable(hub, sink.connection, sink.stream)
        if wired is None:
            sink.kept = await _unreachable(hub, sink, run_ids)
        else:
            undoing = _Undo(hub, wired, sink.stream, wired.sink(sink.stream), tuple(run_ids), archive_creates)
            await undoing.plan(sink)
        plans.append(sink)
    return plans


async def undo(
    hub: Hub, run_ids: Sequence[str], *, archive_creates: bool = False, progress: Progress | None = None
) -> UndoReport:
    """Puts back what the runs wrote. Raises Refused, before anything is written, where a connection may not write."""
    report = UndoReport()
    await rereading.finish(hub, progress=progress)
    plans = await plan_undo(hub, run_ids, archive_creates=archive_creates)
    for sink in plans:
        if sink.changes:
            _may_write(hub, sink.connection)
    for sink in plans:
        wired = _usable(hub, sink.connection, sink.stream)
        if wired is None or not (wired.active and wired.connection.writes):
            report.kept += sink.kept
            continue
        job = _Undo(hub, wired, sink.stream, wired.sink(sink.stream), tuple(run_ids), archive_creates)
        job.progress = progress or Silent()
        await job.run(report)
    async with hub.database.write() as conn:
        for name in report.counts:
            if not any(where.startswith(f"{name}/") for where in report.tripped):
                await brakes.spend(conn, name)
    return report


def _usable(hub: Hub, connection: str, stream: str) -> Wired | None:
    wired = hub.wired.get(connection)
    return wired if wired is not None and stream in wired.sinks() else None


def _may_write(hub: Hub, connection: str) -> None:
    wired = hub.connection(connection)
    if not wired.active:
        raise Refused(
            f"{connection} is {wired.connection.state.value}: nothing was undone anywhere",
            mend=f"`hub connections check {connection}`, `hub connections resume {connection}`",
        )
    if not wired.connection.writes:
        raise Refused(
            f"{connection} may not be written to: nothing was undone anywhere",
            mend=f"`hub connections allow-writes {connection}`",
        )


async def _sinks(hub: Hub, run_ids: Sequence[str]) -> list[SinkPlan]:
    sinks: dict[tuple[str, str], SinkPlan] = {}
    async with hub.database.read() as conn:
        for connection, stream, remote_id in await attempts.written_by(conn, run_ids):
            sink = sinks.setdefault((connection, stream), SinkPlan(connection, stream))
            sink.records.append(remote_id)
    return list(sinks.values())


async def _unreachable(hub: Hub, sink: SinkPlan, run_ids: Sequence[str]) -> list[Kept]:
    why = NOT_WRITTEN if sink.connection in hub.wired else UNCONNECTED
    async with hub.database.read() as conn:
        rows = await attempts.of_records(conn, run_ids, sink.connection, sink.stream, sink.records)
    seen = {(a.remote_id or "", a.entity_id) for a in rows}
    return [Kept(sink.connection, sink.stream, remote_id, entity, "", why) for remote_id, entity in sorted(seen)]


@dataclass(slots=True)
class _Decided:
    """A batch of records, and what is decided about each."""

    told: Told
    undoings: list[tuple[Written, Undoing]]
    lost: list[Kept]

    def changes(self) -> Iterator[Change]:
        for _, undoing in self.undoings:
            yield from undoing.changes


@dataclass(slots=True)
class _Undo:
    """The undo of some runs at one sink."""

    hub: Hub
    wired: Wired
    stream: str
    sink: Sink
    run_ids: tuple[str, ...]
    archive_creates: bool
    progress: Progress = field(default_factory=Silent)
    counts: Counts = field(default_factory=Counts)
    singly: bool = False
    refreshed_at: datetime | None = None
    """When what changed was read in place of many looks."""

    @property
    def where(self) -> str:
        return f"{self.wired.name}/{self.stream}"

    async def plan(self, sink: SinkPlan) -> None:
        total = Tally()
        for part in _parts(sink.records):
            async with self.hub.database.read() as conn:
                decided = await self._decide(conn, part)
            for _, undoing in decided.undoings:
                sink.note(undoing)
                total = total.plus(tally(undoing.changes))
            sink.kept += decided.lost
        sink.tripped = await brake(self.hub, self.wired, self.stream, total)

    async def _decide(self, conn: Transaction, ids: Sequence[str | None]) -> _Decided:
        told = await written(conn, self.wired, self.stream, self.run_ids, ids)
        place = self.wired.place(self.stream)
        undoings = [(w, self._possible(decide(w, place, archive_creates=self.archive_creates))) for w in told.records]
        lost = [Kept(a.connection, a.stream, "", a.entity_id, "", ANSWER_LOST) for a in told.lost]
        return _Decided(told, undoings, lost)

    def _possible(self, undoing: Undoing) -> Undoing:
        """Without what this system cannot do at all."""
        removes = [c for c in undoing.changes if c.op is Op.REMOVE and not self.sink.supports(Op.REMOVE, "")]
        if not removes:
            return undoing
        kept = [Kept(c.connection, c.stream, c.remote_id or "", c.entity_id, "", CANNOT_REMOVE) for c in removes]
        return Undoing(kept=(*undoing.kept, *kept))

    async def run(self, report: UndoReport) -> None:
        """One run of the store, whatever comes of it."""
        async with (
            self.hub.locks[f"{self.where}/push"],
            Recorded(self.hub, UNDO, self.wired.name, self.stream) as recorded,
        ):
            report.runs[self.where] = recorded.id
            tripped: tuple[Tripped, ...] = ()
            fault: Fault | None = None
            try:
                with tallied() as tally:
                    tripped = await self._all(recorded.id, report)
            except Failed as failed:
                fault = failed.fault
            except ContractBroken as broken:
                fault = broken.fault()
            if fault is not None:
                await self._failed(fault, report)
            if tripped:
                report.tripped[self.where] = tripped
            self.counts.api_calls += tally.calls
            report.counts.setdefault(self.wired.name, Counts()).add(self.counts)
            recorded.ended(self.counts, fault, tripped, note=f"undo of {', '.join(self.run_ids)}")

    async def _failed(self, fault: Fault, report: UndoReport) -> None:
        report.faults[self.wired.name] = fault
        self.counts.later += 1
        if fault.kind in (FaultKind.UNAUTHORISED, FaultKind.MISCONFIGURED, FaultKind.CONTRACT):
            await stop(self.hub, self.wired, fault)
            self.counts.issues += 1

    async def _all(self, run_id: str, report: UndoReport) -> tuple[Tripped, ...]:
        await resolve(self.hub, self.wired, self.stream, self.sink, self.counts)
        sinks = await _sinks(self.hub, self.run_ids)  # doubts that are resolved now may count
        planned = next((s for s in sinks if (s.connection, s.stream) == (self.wired.name, self.stream)), None)
        if planned is None:
            return ()
        await self.plan(planned)
        if planned.tripped:
            await park(self.hub, self.wired, self.stream, planned.tripped, undone=self.run_ids)
            self.counts.issues += 1
            report.kept += planned.kept
            return planned.tripped
        await self._refresh(planned)
        for part in _parts(planned.records):
            await self._batch(run_id, part, report)
            self.progress.update(UNDO, self.wired.name, self.stream, self.counts.as_dict(), len(planned.records))
        await release(self.hub, self.wired, self.stream, undone=self.run_ids)
        return ()

    async def _refresh(self, planned: SinkPlan) -> None:
        """Where a vendor shows one record per call, many looks are made as one read of what changed."""
        self.singly = self.sink.look_max <= 1
        if self.singly and len(planned.changes) > LOOK_SINGLY_MAX:
            self.refreshed_at = self.hub.clock()
            await pull(self.hub, self.wired, self.stream)
            await reconcile(self.hub, self.wired, self.stream)
            self.singly = False

    async def _batch(self, run_id: str, ids: Sequence[str | None], report: UndoReport) -> None:
        async with self.hub.database.read() as conn:
            decided = await self._decide(conn, ids)
        seen_at = self.refreshed_at or self.hub.clock()
        looked = await self._look(decided)
        if looked.ids or looked.keys:
            self.counts.add(await hear_looked(self.hub, self.wired, self.stream, looked))
            async with self.hub.database.read() as conn:
                decided = await self._decide(conn, ids)
        report.kept += decided.lost
        ready: list[Change] = []
        freed = []
        for _, undoing in decided.undoings:
            seen = [c for c in undoing.changes if self._seen(c, looked)]
            self.counts.later += len(undoing.changes) - len(seen)
            ready += seen
            freed += [undoing.freed] if undoing.freed and seen else []
            report.kept += undoing.kept
            report.back += undoing.back
        async with self.hub.database.hearing() as conn:
            await links.put(conn, freed, self.hub.now_text())
        writer = _Restorer(self.hub, self.wired, self.stream, self.sink, run_id, self.counts, seen_at)
        writer.images = _images(decided)
        await writer.write(View(decided.told.goldens, decided.told.links), ready)

    async def _look(self, decided: _Decided) -> Looked:
        changes = list(decided.changes())
        looks = self.sink.look_max > 1 or self.singly
        ids = {c.remote_id for c in changes if c.remote_id} if looks else set()
        keys = {c.key for c in changes if c.op is Op.CREATE and c.key} if not self.sink.upserts_by_key else set()
        return await look(self.hub, self.wired, self.stream, self.sink, ids, keys)

    def _seen(self, change: Change, looked: Looked) -> bool:
        if change.op is Op.CREATE:
            return self.sink.upserts_by_key or change.key in looked.keys
        unlooked = self.sink.look_max <= 1 and not self.singly
        return unlooked or change.remote_id in looked.ids or change.remote_id in looked.records


def _parts(ids: Sequence[str | None]) -> Iterator[Sequence[str | None]]:
    """As many records as are decided about at a time."""
    for start in range(0, len(ids), BATCH):
        yield ids[start : start + BATCH]


def _images(decided: _Decided) -> dict[Address, dict[str, Raw]]:
    """By record and field: the raw record in which the field stands as it was."""
    images: defaultdict[Address, dict[str, Raw]] = defaultdict(dict)
    for record, undoing in decided.undoings:
        for name, attempt_id in undoing.images.items():
            before = decided.told.attempts[attempt_id].before
            if before is not None:
                images[record.address][name] = before
    return dict(images)


@dataclass(slots=True)
class _Restorer(Writer):
    """Writes before-images back, in the form in which the vendor showed them."""

    images: Mapping[Address, Mapping[str, Raw]] = field(default_factory=dict)

    def payload(self, change: Change, values: Values, consent: Mapping[str, str], raw: Raw | None) -> Payload:
        if not change.undoes:
            return self.lens.put(values, consent, raw)
        address = Address(change.connection, change.stream, change.remote_id or "")
        return restore(self.lens, values, raw, self.images.get(address, {}))

    async def told(self, seen: View, changes: Sequence[Change]) -> None:
        """An undo tells nothing: how far a sink was told stays as it is. What it makes again is told as any create."""
        made = {c.entity_id for c in changes if not c.undoes}
        self.fates = {entity: fate for entity, fate in self.fates.items() if entity in made}
        if self.fates:
            await Writer.told(self, seen, changes)
