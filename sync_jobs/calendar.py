"""What is due by schedule: computed from the store whenever somebody asks, never queued."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from hub.domain.lane import Lane
from hub.domain.moments import parse
from hub.domain.schedule import Schedule
from hub.engine import schedule as engine
from hub.store import circuits, cursors, schedules
from hub.store.cursors import CursorRow
from hub.store.schedules import EVERY_STREAM, Said
from sync_jobs.hub import Hub
from sync_jobs.wiring import Wired

EVERY = 60
"""Seconds between two walks of a stream that shows what changed."""
FACTS_EVERY = 3_600
"""Facts are of days, and each walk reads many days again."""
FULL_EVERY = timedelta(hours=24)
"""How often a stream that doesn't show deletions is read whole."""


@dataclass(frozen=True, slots=True)
class Planned:
    """How often one stream is read, and when it is read next. `said_of`: where the schedule comes from: `stream`,
    `connection`, or "" (usual). `next_at` is None where nothing is read: the connection is paused or broken. `late`:
    for how long it has been overdue, when that is worth a word."""

    connection: str
    stream: str
    schedule: Schedule
    said_of: str
    cursor: CursorRow
    next_at: datetime | None
    late: timedelta | None


async def due_streams(hub: Hub, wired: Wired) -> list[str]:
    """The streams whose walk is to be begun, or gone on with, now; in the connector's order, and those under way last:
    one that takes hours, slice after slice, keeps no other waiting. After these what was put off. Two queries."""
    if not wired.active:
        return []
    now = hub.clock()
    async with hub.database.read() as conn:
        said = await schedules.all(conn, wired.name)
        rows = await cursors.all(conn, wired.name, Lane.LIVE)
    due = [p for p in _of(wired, said, rows, now) if p.next_at is not None and p.next_at <= now]
    return [p.stream for p in sorted(due, key=_turn)]


def _turn(planned: Planned) -> tuple[bool, bool]:
    return planned.cursor.not_before is not None, planned.cursor.position is not None


async def next_due(hub: Hub) -> datetime | None:
    """When the next walk of any connection is due, past or future; one that rests counts from the end of its rest.
    None: nothing is read."""
    async with hub.database.read() as conn:
        resting = await circuits.all(conn)
    times = []
    for planned in await plan(hub):
        if planned.next_at is not None:
            rest = resting.get(planned.connection)
            times.append(planned.next_at if rest is None else max(planned.next_at, parse(rest.until)))
    return min(times, default=None)


async def plan(hub: Hub, names: Sequence[str] | None = None) -> list[Planned]:
    """Every stream of these connections (of all), by connection. Two queries."""
    async with hub.database.read() as conn:
        said = await schedules.all(conn)
        rows = await cursors.all(conn, lane=Lane.LIVE)
    now = hub.clock()
    return [p for name in sorted(names or hub.wired) for p in _of(hub.connection(name), said, rows, now)]


def whole_due(wired: Wired, stream: str, row: CursorRow, now: datetime) -> bool:
    """A stream that never shows deletions is read whole from time to time: only absence tells. Facts are restated, not
    deleted, and their walks say themselves how far back they read."""
    if wired.lenses[stream].entity == "fact" or wired.stream(stream).sees_deletes:
        return False
    if row.at is None or row.position is not None:
        return False
    return row.full_at is None or now - parse(row.full_at) >= FULL_EVERY


def usual(wired: Wired, stream: str) -> Schedule:
    """How often a stream is read of which nobody said anything."""
    seconds = wired.connector.every.get(stream)
    if seconds is None:
        seconds = FACTS_EVERY if wired.lenses[stream].entity == "fact" else EVERY
    return Schedule(every=seconds)


def schedule_of(wired: Wired, stream: str, said: Said) -> tuple[Schedule, str]:
    """With where it comes from, as `Planned.said_of`."""
    own, shared = said.get((wired.name, stream)), said.get((wired.name, EVERY_STREAM))
    return own or shared or usual(wired, stream), "stream" if own else "connection" if shared else ""


def is_open(wired: Wired, stream: str, said: Said, now: datetime) -> bool:
    """Whether the stream may be read at that time, by its hours."""
    return engine.opens_at(schedule_of(wired, stream, said)[0], now) <= now


def _of(wired: Wired, said: Said, rows: Sequence[CursorRow], now: datetime) -> list[Planned]:
    standing = {row.stream: row for row in rows if row.connection == wired.name}
    found = []
    for stream in wired.streams():
        row = standing.get(stream) or CursorRow(wired.name, stream)
        schedule, said_of = schedule_of(wired, stream, said)
        next_at = _next(schedule, row, now) if wired.active else None
        late = engine.missed(schedule, _moved(wired, row), now) if wired.active else None
        found.append(Planned(wired.name, stream, schedule, said_of, row, next_at, late))
    return found


def _next(schedule: Schedule, row: CursorRow, now: datetime) -> datetime:
    """A walk under way goes on at once, within its hours; no walk before the vendor's own time."""
    key = f"{row.connection}/{row.stream}"
    if row.position is not None:
        at = engine.opens_at(schedule, now)
    else:
        at = engine.due_at(schedule, None if row.began_at is None else parse(row.began_at), key, now)
    return at if row.not_before is None else max(at, parse(row.not_before))


def _moved(wired: Wired, row: CursorRow) -> datetime:
    """When a walk last ended or showed a page; of one that never did, when the connection was made. A long walk that
    moves on is not late."""
    said = [at for at in (row.finished_at, row.moved_at) if at is not None]
    return parse(max(said, default=wired.connection.created_at))
