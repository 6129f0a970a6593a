"""How often each stream is read, and when it is read next."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hub.domain.moments import iso
from hub.domain.schedule import Schedule
from hub.engine import schedule as engine
from hub.errors import BadInput
from hub.operations.connections import named
from hub.operations.nearest import unknown
from hub.store import schedules as store
from hub.store.schedules import EVERY_STREAM
from sync_jobs.calendar import Planned, plan, usual
from sync_jobs.hub import Hub
from sync_jobs.wiring import Wired

ALWAYS = engine.ALWAYS


@dataclass(frozen=True, slots=True)
class StreamSchedule:
    """`often`: "every 5m", or a cron expression with its zone; `hours`: only then ("": always), in `zone`. `said_of`:
    whether that was said of the stream or of the connection ("": nobody said anything). `walking`: records shown by the
    walk under way. `next_at` None: it isn't read. `late`: seconds for which it has been overdue, when that is much."""

    connection: str
    stream: str
    often: str
    hours: str
    zone: str
    said_of: str
    began_at: str | None
    ended_at: str | None
    walking: int | None
    next_at: str | None
    late: int | None


@dataclass(frozen=True, slots=True)
class Schedules:
    """`now`: when this was asked."""

    now: str
    schedules: tuple[StreamSchedule, ...]


async def show(hub: Hub, connection: str | None = None, stream: str | None = None) -> Schedules:
    """The schedules of every stream, of a connection's, or of one. NotFound."""
    if connection is not None:
        await _known(hub, connection, stream)
    planned = await plan(hub, None if connection is None else [connection])
    shown = tuple(_shown(p) for p in planned if stream in (None, p.stream))
    return Schedules(hub.now_text(), shown)


async def change(
    hub: Hub,
    connection: str,
    stream: str | None = None,
    *,
    every: str | None = None,
    cron: str | None = None,
    hours: str | None = None,
    zone: str | None = None,
) -> Schedules:
    """Says how often a stream is read, or every stream of a connection that has no schedule of its own. What isn't
    given stays as it is. BadInput with every complaint; then nothing was changed."""
    wired = await _known(hub, connection, stream)
    if every is not None and cron is not None:
        raise BadInput("--every and --cron exclude each other", mend="say one of them")
    async with hub.database.write() as conn:
        said = await store.all(conn, connection)
        before = said.get((connection, stream or EVERY_STREAM)) or said.get((connection, EVERY_STREAM))
        schedule = before or (usual(wired, stream) if stream is not None else Schedule(every=None))
        schedule = _changed(schedule, every, cron, hours, zone)
        if schedule.every is None and not schedule.cron:
            raise BadInput("hours alone say nothing of how often", mend="say --every 5m, or --cron, too")
        if wrong := engine.complaints(schedule):
            raise BadInput("this is no schedule; nothing was changed", complaints=wrong)
        await store.put(conn, connection, stream or EVERY_STREAM, schedule)
    return await show(hub, connection, stream)


async def reset(hub: Hub, connection: str, stream: str | None = None) -> Schedules:
    """Forgets what was said of a stream, or of a connection and all of its streams."""
    await _known(hub, connection, stream)
    async with hub.database.write() as conn:
        said = await store.all(conn, connection)
        for _, name in said if stream is None else [(connection, stream)]:
            await store.drop(conn, connection, name)
    return await show(hub, connection, stream)


async def _known(hub: Hub, connection: str, stream: str | None) -> Wired:
    await named(hub, connection)
    wired = hub.connection(connection)
    if stream is not None and stream not in wired.streams():
        raise unknown(f"stream of {connection}", stream, wired.streams())
    return wired


def _changed(before: Schedule, every: str | None, cron: str | None, hours: str | None, zone: str | None) -> Schedule:
    after = before
    if every is not None:
        after = replace(after, every=engine.interval_of(every), cron="")
    if cron is not None:  # it says its own hours
        after = replace(after, every=None, cron=" ".join(cron.split()), hours="")
    if hours is not None:
        plain = " ".join(hours.lower().split())
        after = replace(after, hours="" if plain == ALWAYS else plain)
    return after if zone is None else replace(after, zone=zone.strip())


def _shown(planned: Planned) -> StreamSchedule:
    cursor = planned.cursor
    return StreamSchedule(
        planned.connection,
        planned.stream,
        engine.described(planned.schedule),
        planned.schedule.hours,
        planned.schedule.zone,
        planned.said_of,
        cursor.began_at,
        cursor.finished_at,
        cursor.read if cursor.position is not None else None,
        iso(planned.next_at) if planned.next_at is not None else None,
        int(planned.late.total_seconds()) if planned.late is not None else None,
    )
