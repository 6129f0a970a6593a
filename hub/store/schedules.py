"""How often streams are read, where an operator said so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, TypeAlias

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.domain.schedule import Schedule
from hub.store.dialect import Upsert
from hub.store.tables import schedules

T = schedules.c
EVERY_STREAM = ""
"""The stream of a schedule that holds for the whole connection, but for streams that have their own."""
Said: TypeAlias = Mapping[tuple[str, str], Schedule]
"""(connection, stream) -> schedule."""

_put = Upsert(schedules)


async def put(conn: AsyncConnection, connection: str, stream: str, schedule: Schedule) -> None:
    """Keeps the schedule of a stream, or of the connection (`EVERY_STREAM`), in the place of another."""
    await _put(conn, [{"connection": connection, "stream": stream, **asdict(schedule)}])


async def get(conn: AsyncConnection, connection: str, stream: str) -> Schedule | None:
    """What was said of exactly this stream (or connection)."""
    row = (await conn.execute(select(schedules).where(T.connection == connection, T.stream == stream))).first()
    return None if row is None else _schedule(row)


async def all(conn: AsyncConnection, connection: str | None = None) -> Said:
    """What was said of one connection, or of all."""
    chosen = select(schedules) if connection is None else select(schedules).where(T.connection == connection)
    return {(row.connection, row.stream): _schedule(row) for row in await conn.execute(chosen)}


async def drop(conn: AsyncConnection, connection: str, stream: str) -> bool:
    """Forgets what was said of exactly this stream (or connection); False when nothing was."""
    done = await conn.execute(delete(schedules).where(T.connection == connection, T.stream == stream))
    return done.rowcount > 0


def _schedule(row: Any) -> Schedule:
    return Schedule(row.every, row.cron, row.hours, row.zone)
