"""Filling history: a walk with a cursor and a lane of its own, which resumes where it stood.

Either somebody waits for it, or it is only begun, and the tours of workers go on with it slice by slice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeAlias

from hub.domain.lane import Lane
from hub.domain.moments import iso
from hub.domain.outcome import Fault
from hub.sdk.streams import Cursor
from hub.store import cursors
from hub.store.cursors import CursorRow
from hub.transport import lanes
from sync_jobs.counts import Counts, Progress
from sync_jobs.hub import Hub
from sync_jobs.pull import HISTORY, PAGES_MAX, Pulled, pull
from sync_jobs.reconcile import reconcile
from sync_jobs.recording import Recorded
from sync_jobs.slices import Slice
from sync_jobs.wiring import Wired

JOB = "backfill"
WAITS_MAX = 10_000
"""Times that one backfill comes back to a vendor that says "wait"."""

Sleep: TypeAlias = Callable[[float], Awaitable[None]]


@dataclass(slots=True)
class Sliced:
    """What a slice did. `more`: it was over before all was done."""

    counts: Counts = field(default_factory=Counts)
    more: bool = False
    fault: Fault | None = None


def lane_of(since: datetime | None, until: datetime | None) -> str:
    """The same span is the same backfill: asked for again, it goes on."""
    return f"{HISTORY}{iso(since) if since else ''}..{iso(until) if until else ''}"


def span_of(lane: str) -> tuple[str | None, str | None]:
    """The span (from, to) that a lane of `lane_of` names; None: the beginning, the time at which it was begun."""
    since, _, until = lane.removeprefix(HISTORY).partition("..")
    return since or None, until or None


async def begin(
    hub: Hub, connection: str, stream_name: str, since: datetime | None, until: datetime | None
) -> CursorRow:
    """The backfill of that span, begun if it wasn't; the live cursor is not touched. One that ended stays ended."""
    lane = lane_of(since, until)
    stream, now = hub.connection(connection).stream(stream_name), hub.clock()
    async with hub.database.write() as conn:
        row = await cursors.fetch(conn, connection, stream_name, lane)
        if row.position is None and row.finished_at is None:
            end = until or now
            position = stream.start(Cursor(iso(since)) if since else None, end)
            row = replace(row, position=position, until=iso(end), walk=1, began_at=iso(now))
            await cursors.save(conn, row)
    return row


async def backfill(
    hub: Hub,
    connection: str,
    stream_name: str,
    since: datetime | None,
    until: datetime | None,
    *,
    progress: Progress | None = None,
    pages: int | None = None,
    sleep: Sleep = asyncio.sleep,
) -> Counts:
    """Reads the span (all of history without `since`) and reconciles it."""
    wired = hub.connection(connection)
    row = await begin(hub, connection, stream_name, since, until)
    counts = Counts()
    async with Recorded(hub, JOB, connection, stream_name, row.lane) as recorded:
        pulled = Pulled(Counts(), finished=row.position is None)
        with lanes.working(Lane.BACKFILL):
            for _ in range(WAITS_MAX if row.position is not None else 0):
                pulled = await pull(hub, wired, stream_name, lane=row.lane, progress=progress, pages=pages or PAGES_MAX)
                counts.add(pulled.counts)
                if not pulled.wait:
                    break
                await sleep(pulled.wait)
        counts.add(await reconcile(hub, wired, stream_name, progress=progress))
        recorded.ended(counts, pulled.fault)
    return counts


async def pending(hub: Hub) -> list[tuple[str, str, str]]:
    """(connection, stream, lane) of the backfills that can go on now: begun, not ended, and not told to wait by their
    vendor."""
    now = hub.now_text()
    return [
        (row.connection, row.stream, row.lane)
        for row in await under_way(hub)
        if (row.not_before is None or row.not_before <= now) and _walks(hub.wired.get(row.connection), row.stream)
    ]


def _walks(wired: Wired | None, stream: str) -> bool:
    return wired is not None and wired.active and stream in wired.streams()


async def under_way(hub: Hub) -> list[CursorRow]:
    """Every backfill that was begun and didn't end."""
    async with hub.database.read() as conn:
        return await cursors.walking(conn, HISTORY)


async def slice_(hub: Hub, connection: str, stream: str, lane: str, bounds: Slice) -> Sliced:
    """Goes on with a backfill until the slice is over, and hears what it brought."""
    wired = hub.connection(connection)
    async with Recorded(hub, JOB, connection, stream, lane) as recorded:
        pulled = await pull(hub, wired, stream, lane=lane, slice_=bounds)
        counts = pulled.counts
        counts.add(await reconcile(hub, wired, stream, slice_=bounds))
        recorded.ended(counts, pulled.fault)
    return Sliced(counts, more=not (pulled.finished or pulled.wait or pulled.fault), fault=pulled.fault)


async def cancel(hub: Hub, rows: list[CursorRow]) -> None:
    """Forgets backfills; what they read stays."""
    async with hub.database.write() as conn:
        for row in rows:
            await cursors.drop(conn, row.connection, row.stream, row.lane)
