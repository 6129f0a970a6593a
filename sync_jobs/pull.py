"""Reading a stream into observations: page and cursor in one transaction, or neither."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from hub import traces
from hub.domain.issue import Issue
from hub.domain.moments import iso
from hub.domain.outcome import Fault, FaultKind
from hub.domain.policy import Caps
from hub.engine.guard import Tally, capped, guard
from hub.sdk.http import ContractBroken
from hub.sdk.streams import Complaint, Cursor, Page, Stream
from hub.store import cursors, issues, observations, volumes
from hub.store.cursors import CursorRow
from hub.store.database import Transaction
from hub.transport.client import Failed
from hub.transport.tally import tallied
from sync_jobs import brakes, garbage, troubles
from sync_jobs.connection import stop
from sync_jobs.counts import Counts, Progress, Silent
from sync_jobs.hub import Hub
from sync_jobs.slices import Slice
from sync_jobs.wiring import Wired

RECORD_MAX = 1 << 20
"""Bytes of one record as JSON. A larger one is refused alone, with an issue."""
PAGES_MAX = 1_000_000
"""A walk that needs more pages than this goes in circles."""
BROKEN_FOR = timedelta(minutes=15)
"""How long workers leave a stream alone that breaks its contract."""
LIVE = "live"
HISTORY = "backfill:"
"""How the lanes of backfills begin."""


@dataclass(frozen=True, slots=True)
class Pulled:
    """What a pull did. `finished`: the walk reached its end; otherwise it resumes from where it stands. `wait`: the
    vendor asked to come back after so many seconds."""

    counts: Counts
    finished: bool
    wait: float = 0.0
    fault: Fault | None = None


async def pull(
    hub: Hub,
    wired: Wired,
    stream_name: str,
    *,
    lane: str = LIVE,
    full: bool = False,
    progress: Progress | None = None,
    pages: int = PAGES_MAX,
    slice_: Slice | None = None,
) -> Pulled:
    """Walks the stream from its cursor to now. `full` starts over at the beginning instead of at the cursor (and is
    what a first walk does). At most `pages` answers are read, and no more once the slice is over; the next call goes on
    from there."""
    garbage.spare()
    watching, bounds = progress or Silent(), slice_ or Slice.whole()
    async with hub.locks[f"{wired.name}/{stream_name}/{lane}"]:
        async with hub.database.read() as conn:
            row = await cursors.fetch(conn, wired.name, stream_name, lane)
        stream = wired.stream(stream_name)
        if row.position is None:
            row = _begin(row, stream, hub.clock(), full=full or row.at is None)
        walk = _Walk(hub, wired, stream, stream_name, row, Counts(), watching)
        for _ in range(pages):
            try:
                page = await walk.step()
            except Failed as failed:
                return await walk.failed(failed.fault)
            except ContractBroken as broken:
                return await walk.failed(broken.fault())
            if page.wait:
                return Pulled(walk.counts, finished=False, wait=page.wait)
            if page.next is None:
                return Pulled(walk.counts, finished=True)
            bounds.spend(len(page.records))
            if bounds.over():
                break
        return Pulled(walk.counts, finished=False)


def _begin(row: CursorRow, stream: Stream, now: datetime, *, full: bool) -> CursorRow:
    cursor = None if full else Cursor(row.at or "", row.id)
    return replace(
        row,
        position=stream.start(cursor, now),
        until=iso(now),
        walk=row.walk + 1,
        walk_full=full,
        read=0,
        total=None,
        began_at=iso(now),
    )


@dataclass(slots=True)
class _Walk:
    """One walk under way."""

    hub: Hub
    wired: Wired
    stream: Stream
    name: str
    row: CursorRow
    counts: Counts
    progress: Progress

    async def step(self) -> Page:
        with traces.span("page", connection=self.wired.name, stream=self.name, lane=self.row.lane) as span:
            with tallied() as tally:
                try:
                    page = await self._step()
                finally:
                    self.counts.api_calls += tally.calls
            span.tell(read=len(page.records))
        self.progress.update("pull", self.wired.name, self.name, self.counts.as_dict(), page.total)
        return page

    async def _step(self) -> Page:
        assert self.row.position is not None
        position = dict(self.row.position)
        asked_at = self.hub.now_text()
        response = await self.wired.caller.send(self.stream.request(position))
        page = self.stream.page(position, response)
        if page.next is not None and page.next == position and not page.wait:
            raise ContractBroken(f"{self.wired.name}/{self.name}: the page points at itself; the walk would never end")
        await self._keep(page, asked_at)
        return page

    async def _keep(self, page: Page, asked_at: str) -> None:
        now = self.hub.now_text()
        row = replace(
            self.row,
            position=page.next,
            read=self.row.read + len(page.records),
            walk_full=self.row.walk_full or page.whole,
            total=self.row.total if page.total is None else page.total,
            moved_at=now,
            not_before=iso(self.hub.clock() + timedelta(seconds=page.wait)) if page.wait else None,
        )
        async with self.hub.database.write() as conn:
            kept = await observations.keep(
                conn,
                self.wired.name,
                self.name,
                page.records,
                seen_at=now,
                walk=row.walk if row.walk_full else 0,
                largest=RECORD_MAX,
                asked_at=asked_at if row.lane.startswith(HISTORY) else None,  # which yields to what is live
            )
            complaints = [*page.complaints, *map(_too_large, kept.too_large)]
            complaints += [_nameless(remote_id) for remote_id in kept.refused]
            unreadable = [troubles.unreadable(self.wired.name, self.name, complaint, now) for complaint in complaints]
            await issues.raise_all(conn, unreadable)
            if page.next is None and not page.wait:
                row = replace(row, finished_at=now, until=None)
                if page.cursor is not None:
                    row = replace(row, at=page.cursor.at, id=page.cursor.id)
                if row.walk_full and page.complete:
                    row = replace(row, full_at=now)
                    await self._bury_missing(conn, row, now)
            await self._count(conn, row, kept.created + kept.changed + kept.gone)
            await cursors.save(conn, row)
        self.row = row
        self.counts.read += len(page.records)
        self.counts.fresh += len(kept.fresh)
        self.counts.issues += len(complaints)

    async def _count(self, conn: Transaction, row: CursorRow, changed: int) -> None:
        """What is usual for the stream, for alerts: only the live walks say."""
        whole = row.read if row.walk_full and row.until is None else None
        if row.lane == LIVE and (changed or whole is not None):
            await volumes.add(conn, self.wired.name, self.name, self.hub.clock(), changed, whole)

    async def _bury_missing(self, conn: Transaction, row: CursorRow, now: str) -> None:
        """What a complete walk did not show is gone there, unless that would be suspiciously much."""
        missing = await observations.missing_after(conn, self.wired.name, self.name, row.walk, since=row.began_at)
        if not missing:
            await issues.close(conn, [self._vanished_key()], now)
            return
        known = (await observations.count(conn, self.wired.name, self.name)).live
        allowance = await brakes.allowance(conn, self.wired.name)
        gone = Tally(removes=missing)
        caps = Caps(removes=self.wired.policy(self.name).caps.gone)
        if guard(gone, known, self.hub.brakes, allowance) or capped(gone, known, caps, allowance):
            await issues.raise_(conn, self._vanished(missing, known, now))
            self.counts.issues += 1
            return
        await observations.bury_missing(conn, self.wired.name, self.name, row.walk, now, since=row.began_at)
        await issues.close(conn, [self._vanished_key()], now)

    def _vanished_key(self) -> str:
        return f"{troubles.VANISHED}/{self.wired.name}/{self.name}"

    def _vanished(self, missing: int, known: int, now: str) -> Issue:
        return Issue(
            troubles.VANISHED,
            self._vanished_key(),
            f"a full read of {self.wired.name}/{self.name} no longer shows {missing} of {known} records",
            now,
            connection=self.wired.name,
            stream=self.name,
            detail={
                "missing": missing,
                "known": known,
                "mend": "Nothing was deleted for it. If they are really gone there, allow it: "
                f"hub connections allow-writes {self.wired.name} --removes {missing}",
            },
        )

    async def failed(self, fault: Fault) -> Pulled:
        if fault.kind in (FaultKind.UNAUTHORISED, FaultKind.MISCONFIGURED, FaultKind.CONTRACT):
            await stop(self.hub, self.wired, fault)
            self.counts.issues += 1
        if fault.kind is FaultKind.CONTRACT:
            await self._put_off()
        self.counts.later += 1
        return Pulled(self.counts, finished=False, fault=fault)

    async def _put_off(self) -> None:
        """A vendor that breaks its contract will break it again soon. The walk stays where it stood."""
        async with self.hub.database.write() as conn:
            row = await cursors.fetch(conn, self.wired.name, self.name, self.row.lane)
            await cursors.save(conn, replace(row, not_before=iso(self.hub.clock() + BROKEN_FOR)))


def _nameless(remote_id: str) -> Complaint:
    said = "no id" if not remote_id else f"an id of {len(remote_id)} characters, or one with a NUL"
    return Complaint(remote_id[:100].replace("\0", ""), f"the record has {said}: it can't be kept. Mend it there.")


def _too_large(refused: tuple[str, int]) -> Complaint:
    remote_id, size = refused
    return Complaint(remote_id, f"the record is {size:,} bytes; at most {RECORD_MAX:,} are kept. Shorten it there.")
