"""The walks of one live tour: every stream that is due, or hinted at. One that fails keeps no other waiting.

Whether a stream failed or the connection did, nobody says. It was the stream when another one of the connection
answered; then it alone is put off, and the circuit hears nothing of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from hub.domain.lane import Lane
from hub.domain.moments import iso, parse
from hub.domain.outcome import Fault, FaultKind
from hub.engine.circuit import FAILURES, OUR_DOING
from hub.store import cursors
from hub.store.cursors import CursorRow
from sync_jobs import calendar, hinted
from sync_jobs.hinted import Hinted
from sync_jobs.hub import Hub
from sync_jobs.tending import Tending

OFF_MIN, OFF_MAX = timedelta(minutes=1), timedelta(minutes=15)
"""How long a stream that fails is put off: a quarter of the time for which it has shown nothing, within these."""
SKEW = timedelta(minutes=1)
"""By how much the clocks of two hosts may differ."""
OF_ALL = (FaultKind.UNAUTHORISED, FaultKind.MISCONFIGURED, FaultKind.RATE_LIMITED)


def of_all(fault: Fault) -> bool:
    """Whether it is surely the whole connection's: nothing else of it is asked now."""
    return fault.kind in OF_ALL or fault.code in OUR_DOING


@dataclass(slots=True)
class Walks:
    """`failed`: streams that did not answer, also looks at hints that no walk has made good. `spared`: the fault of a
    stream that was put off, while the connection works."""

    hub: Hub
    tending: Tending
    failed: dict[str, Fault] = field(default_factory=dict)
    spared: Fault | None = None
    _answered: bool = False
    _untried: bool = False
    _rows: dict[str, CursorRow] = field(default_factory=dict)
    """Where the walks stood before."""

    async def begin(self) -> None:
        async with self.hub.database.read() as conn:
            rows = await cursors.all(conn, self.tending.name, Lane.LIVE)
        self._rows = {row.stream: row for row in rows}

    def waits(self, stream: str) -> bool:
        """Whether the stream was put off, or its vendor asked to come back later."""
        until = self._row(stream).not_before
        return until is not None and parse(until) > self.hub.clock()

    async def go(self, answered: Mapping[str, Hinted]) -> None:
        """Walks what is due, and the streams whose hints only a walk answers. `tending` says how it went."""
        tending = self.tending
        due = await calendar.due_streams(self.hub, tending.wired)
        streams = [*(s for s in answered if s not in due and not self.waits(s)), *due]
        unfinished = tending.more
        for stream in streams:
            if tending.slice.over():
                unfinished = self._untried = True
                break
            await tending.walk(stream)
            unfinished = unfinished or tending.more
            if tending.fault is not None and of_all(tending.fault):
                return
            await self._walked(stream, answered.get(stream))
        tending.more = unfinished
        if self.failed:
            tending.fault = await self._blame()
        elif streams and not tending.more:
            await tending.walked()

    async def _walked(self, stream: str, found: Hinted | None) -> None:
        fault, self.tending.fault = self.tending.fault, None
        if fault is not None:
            self.failed[stream] = fault
            return
        self._answered = True
        self.failed.pop(stream, None)
        if found is not None:
            await self._forget(stream, found)

    async def _forget(self, stream: str, found: Hinted) -> None:
        """A walk answers the hints that were there when it began. One that goes on answers none yet."""
        async with self.hub.database.read() as conn:
            row = await cursors.fetch(conn, self.tending.name, stream, Lane.LIVE)
        if row.position is not None or row.began_at is None:
            return
        before = iso(parse(row.began_at) - SKEW)
        began_now = self._row(stream).position is None
        await hinted.forget(self.hub, [n for n in found.walk if began_now or n.at < before])

    async def _blame(self) -> Fault | None:
        """Puts off the streams that failed by themselves. Answers the connection's fault, if it is one. Where the slice
        was over before another stream was asked, nobody knows: then another one comes first next time."""
        own = {s for s in self.failed if self._answered or self._is_known(s)}
        for stream in self.failed if self._untried else own:
            await self._put_off(stream)
        shared = [fault for stream, fault in self.failed.items() if stream not in own]
        self.spared = next((self.failed[s] for s in sorted(own)), None)
        return shared[-1] if shared else None

    def _is_known(self, stream: str) -> bool:
        """Whether it was put off before, and another stream has answered since it last did."""
        row = self._row(stream)
        others = (r.moved_at or "" for r in self._rows.values() if r.stream != stream)
        return row.not_before is not None and max(others, default="") > (row.moved_at or "")

    async def _put_off(self, stream: str) -> None:
        """The walk stays where it stood. A broken contract was put off by the walk itself."""
        if self.failed[stream].kind not in FAILURES:
            return
        now = self.hub.clock()
        async with self.hub.database.write() as conn:
            row = await cursors.fetch(conn, self.tending.name, stream, Lane.LIVE)
            silent = now - parse(row.moved_at or self.tending.wired.connection.created_at)
            pause = min(max(silent / 4, OFF_MIN), OFF_MAX)
            await cursors.save(conn, replace(row, not_before=iso(now + pause)))

    def _row(self, stream: str) -> CursorRow:
        return self._rows.get(stream) or CursorRow(self.tending.name, stream)
