"""Filling history: a walk with a cursor and a lane of its own, which resumes where it stood."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from hub.domain.moments import iso
from hub.sdk.streams import Cursor
from hub.store import cursors
from hub.store.cursors import CursorRow
from sync_jobs.counts import Counts, Progress
from sync_jobs.hub import Hub
from sync_jobs.pull import PAGES_MAX, Pulled, pull
from sync_jobs.reconcile import reconcile
from sync_jobs.recording import Recorded


def lane_of(since: datetime | None, until: datetime | None) -> str:
    """The same span is the same backfill: asked for again, it goes on."""
    return f"backfill:{iso(since) if since else ''}..{iso(until) if until else ''}"


async def backfill(
    hub: Hub,
    connection: str,
    stream_name: str,
    since: datetime | None,
    until: datetime | None,
    *,
    progress: Progress | None = None,
    pages: int | None = None,
) -> Counts:
    """Reads the span (all of history without `since`) and reconciles it; the live cursor is not touched."""
    wired = hub.connection(connection)
    lane = lane_of(since, until)
    async with hub.database.read() as conn:
        row = await cursors.fetch(conn, connection, stream_name, lane)
    if row.position is None and row.finished_at is None:
        stream = wired.stream(stream_name)
        end = until or hub.clock()
        position = stream.start(Cursor(iso(since)) if since else None, end)
        row = replace(CursorRow(connection, stream_name, lane), position=position, until=iso(end), walk=1)
        async with hub.database.write() as conn:
            await cursors.save(conn, row)
    counts = Counts()
    async with Recorded(hub, "backfill", connection, stream_name, lane) as recorded:
        pulled = Pulled(Counts(), finished=row.position is None)
        if row.position is not None:
            pulled = await pull(hub, wired, stream_name, lane=lane, progress=progress, pages=pages or PAGES_MAX)
        counts.add(pulled.counts)
        counts.add(await reconcile(hub, wired, stream_name, progress=progress))
        recorded.ended(counts, pulled.fault)
    return counts
