"""Telling remotes what they should hold: look, hear, decide, brake, open the attempt, send, settle.

Nothing is remembered from an earlier decision: what is written was decided on what was seen just now.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hub.domain.outcome import Fault, FaultKind
from hub.domain.plan import Change, Op
from hub.domain.telling import Telling
from hub.engine.guard import Tally, Tripped, tally
from hub.sdk.http import ContractBroken
from hub.sdk.sinks import Sink
from hub.store import golden
from hub.transport.client import Failed
from sync_jobs import rereading
from sync_jobs.connection import stop
from sync_jobs.counts import Counts, Progress, Silent
from sync_jobs.doubt import resolve
from sync_jobs.hub import Hub
from sync_jobs.look import Looked, hear_looked, look
from sync_jobs.park import brake, park, release
from sync_jobs.pull import pull
from sync_jobs.reconcile import reconcile
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


async def push(hub: Hub, wired: Wired, stream: str, run_id: str, *, progress: Progress | None = None) -> Pushed:
    """Tells the sink everything that is due. Does nothing on a connection that may not write."""
    await rereading.finish(hub, progress=progress)
    async with hub.locks[f"{wired.name}/{stream}/push"]:
        counts = Counts()
        calls = wired.caller.total_calls
        pushing = _Push(hub, wired, stream, wired.sink(stream), run_id, counts, progress or Silent())
        try:
            tripped = await pushing.all()
            fault = None
        except Failed as failed:
            tripped, fault = (), failed.fault
        except ContractBroken as broken:
            tripped, fault = (), broken.fault()
        if fault is not None:
            counts.later += 1
            if fault.kind in (FaultKind.UNAUTHORISED, FaultKind.MISCONFIGURED, FaultKind.CONTRACT):
                await stop(hub, wired, fault)
                counts.issues += 1
        counts.api_calls += wired.caller.total_calls - calls
        return Pushed(counts, tripped, fault)


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
    singly: bool = False

    async def all(self) -> tuple[Tripped, ...]:
        await resolve(self.hub, self.wired, self.stream, self.sink, self.counts)
        planned, due = await self._planned()
        if not due:
            return ()
        tripped = await brake(self.hub, self.wired, self.stream, planned)
        if tripped:
            await park(self.hub, self.wired, self.stream, tripped)
            self.counts.issues += 1
            return tripped
        await self._refresh(planned)
        after = ""
        while ids := await self._due(after):
            await self._batch(ids)
            after = ids[-1]
            self.progress.update("push", self.wired.name, self.stream, self.counts.as_dict(), due)
        await release(self.hub, self.wired, self.stream)
        return ()

    async def _due(self, after: str) -> list[str]:
        lens = self.wired.lenses[self.stream]
        async with self.hub.database.read() as conn:
            return await golden.due(
                conn,
                lens.entity,
                self.wired.name,
                self.stream,
                self.hub.now_text(),
                after,
                BATCH,
            )

    async def _planned(self) -> tuple[Tally, int]:
        """What the whole push would do, decided on the store alone: the brakes look at all of it beforehand."""
        planned, due, after = Tally(), 0, ""
        while ids := await self._due(after):
            async with self.hub.database.read() as conn:
                planned = planned.plus(tally((await view(conn, self.wired, self.stream, ids)).changes()))
            due += len(ids)
            after = ids[-1]
        return planned, due

    async def _refresh(self, planned: Tally) -> None:
        """Where a vendor shows one record per call, many looks are made as one read of what changed."""
        self.singly = self.sink.look_max <= 1
        if self.singly and planned.updates + planned.removes > LOOK_SINGLY_MAX:
            await pull(self.hub, self.wired, self.stream)
            await reconcile(self.hub, self.wired, self.stream)
            self.singly = False

    async def _batch(self, ids: Sequence[str]) -> None:
        async with self.hub.database.read() as conn:
            first = await view(conn, self.wired, self.stream, ids)
        looked = await self._look(first)
        if looked.ids or looked.keys:
            self.counts.add(await hear_looked(self.hub, self.wired, self.stream, looked))
            async with self.hub.database.read() as conn:
                first = await view(conn, self.wired, self.stream, ids)
        ready = [c for c in first.changes() if self._seen(c, looked)]
        unseen = {c.entity_id for c in first.changes()} - {c.entity_id for c in ready}
        writer = Writer(self.hub, self.wired, self.stream, self.sink, self.run_id, self.counts)
        await writer.write(first, ready)
        quiet = [e for e, d in first.decisions.items() if not d.changes and not d.waits and e not in unseen]
        await self._told(first, quiet)

    async def _look(self, first: View) -> Looked:
        changes = first.changes()
        ids = {c.remote_id for c in changes if c.remote_id} if self._looks else set()
        keys = {c.key for c in changes if c.op is Op.CREATE and c.key} if not self.sink.upserts_by_key else set()
        return await look(self.hub, self.wired, self.stream, self.sink, ids, keys)

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
