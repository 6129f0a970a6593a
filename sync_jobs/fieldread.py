"""Reading a stream with the paths of a document that is not published yet, so that its plan knows what they hold.

The records are kept, and heard by the mapping that holds: they show more than before, and say the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

from hub.domain.moments import iso
from hub.domain.outcome import Fault
from hub.sdk.streams import Cursor
from hub.store import cursors
from sync_jobs.counts import Counts, Progress
from sync_jobs.hub import Hub
from sync_jobs.proposal import Place
from sync_jobs.pull import Pulled, pull
from sync_jobs.reconcile import reconcile
from sync_jobs.recording import Recorded
from sync_jobs.unread import lane_of
from sync_jobs.wiring import Wired

WAITS_MAX = 10_000
"""Times that one reading comes back to a vendor that says "wait"."""

Sleep: TypeAlias = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class FieldRead:
    """What a reading did. `finished`: to its end; otherwise it goes on from where it stands, and `fault` says why."""

    place: Place
    counts: Counts
    finished: bool
    fault: Fault | None = None


async def fieldread(
    hub: Hub, place: Place, *, progress: Progress | None = None, sleep: Sleep = asyncio.sleep
) -> FieldRead:
    """Reads everything once; asked for again, only what changed since. The live cursor is not touched, and nothing is
    taken for deleted."""
    wired = hub.connection(place.connection)
    richer = replace(wired, lenses={**wired.lenses, place.stream: place.new})
    lane = lane_of(place)
    await _begin(hub, richer, place.stream, lane)
    counts = Counts()
    async with Recorded(hub, "fieldread", place.connection, place.stream, lane) as recorded:
        pulled = Pulled(Counts(), finished=False)
        for _ in range(WAITS_MAX):
            pulled = await pull(hub, richer, place.stream, lane=lane, progress=progress)
            counts.add(pulled.counts)
            if not pulled.wait:
                break
            await sleep(pulled.wait)
        counts.add(await reconcile(hub, hub.connection(place.connection), place.stream, progress=progress))
        recorded.ended(counts, pulled.fault)
    return FieldRead(place, counts, pulled.finished, pulled.fault)


async def begun(hub: Hub, place: Place) -> bool:
    """Whether these paths were read to the end once."""
    async with hub.database.read() as conn:
        row = await cursors.fetch(conn, place.connection, place.stream, lane_of(place))
    return row.finished_at is not None


async def _begin(hub: Hub, wired: Wired, stream: str, lane: str) -> None:
    """Places the walk at its beginning, or where the one before it ended; one under way stays where it is. It never
    counts as a full walk: what it doesn't show is not gone."""
    async with hub.database.read() as conn:
        row = await cursors.fetch(conn, wired.name, stream, lane)
    if row.position is not None:
        return
    now = hub.clock()
    cursor = Cursor(row.at, row.id) if row.at is not None else None
    position = wired.stream(stream).start(cursor, now)
    row = replace(row, position=position, until=iso(now), walk=row.walk + 1, walk_full=False, read=0, began_at=iso(now))
    async with hub.database.write() as conn:
        await cursors.save(conn, row)
