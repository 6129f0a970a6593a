"""Where walks stand, per connection, stream and lane. Saved in the transaction that keeps the page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import and_, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.store.dialect import Upsert
from hub.store.tables import cursors

TOTAL_MAX = 2**31 - 1
_save = Upsert(cursors)


@dataclass(frozen=True, slots=True)
class CursorRow:
    """`lane` is live, verify or backfill:<id>. `position` is set while a walk is under way; `at` and `id` say where
    the next walk starts (None: from the beginning); `until` ends the walk under way, or the backfill. `walk` counts
    walks, `walk_full` says that the one under way began without a cursor, `began_at` when, `read` its records so
    far. `finished_at` and `full_at`: when a walk, and when a complete one, last ended. `moved_at`: when the walk's last
    page was kept; `not_before`: the vendor asked to come back then; `total`: how many records it says the walk will
    show, when it says so."""

    connection: str
    stream: str
    lane: str = "live"
    position: Mapping[str, Any] | None = None
    at: str | None = None
    id: str = ""
    until: str | None = None
    walk: int = 0
    walk_full: bool = False
    read: int = 0
    began_at: str | None = None
    finished_at: str | None = None
    full_at: str | None = None
    moved_at: str | None = None
    not_before: str | None = None
    total: int | None = None


async def fetch(conn: AsyncConnection, connection: str, stream: str, lane: str = "live") -> CursorRow:
    """The cursor; a blank one (walk 0) when none was ever saved."""
    where = and_(cursors.c.connection == connection, cursors.c.stream == stream, cursors.c.lane == lane)
    row = (await conn.execute(select(cursors).where(where))).mappings().first()
    return CursorRow(connection, stream, lane) if row is None else CursorRow(**row)


async def save(conn: AsyncConnection, row: CursorRow) -> None:
    """A total that no column holds is a vendor's mistake, and keeps no walk from going on."""
    total = None if row.total is None else min(max(row.total, 0), TOTAL_MAX)
    await _save(conn, [{**asdict(row), "total": total}])


async def all(conn: AsyncConnection, connection: str | None = None, lane: str | None = None) -> list[CursorRow]:
    """The cursors of one connection, or of all, of one lane or of all, in order of connection, stream, lane."""
    statement = select(cursors).order_by(cursors.c.connection, cursors.c.stream, cursors.c.lane)
    if connection is not None:
        statement = statement.where(cursors.c.connection == connection)
    if lane is not None:
        statement = statement.where(cursors.c.lane == lane)
    return [CursorRow(**row) for row in (await conn.execute(statement)).mappings()]


async def walking(conn: AsyncConnection, lanes: str) -> list[CursorRow]:
    """The walks under way in lanes whose names begin so."""
    where = and_(cursors.c.lane.startswith(lanes, autoescape=True), cursors.c.position.is_not(None))
    order = (cursors.c.connection, cursors.c.stream, cursors.c.lane)
    return [CursorRow(**row) for row in (await conn.execute(select(cursors).where(where).order_by(*order))).mappings()]


async def drop(conn: AsyncConnection, connection: str, stream: str, lane: str = "live") -> None:
    """Forgets a cursor: the next walk of this lane starts from the beginning."""
    await conn.execute(
        delete(cursors).where(cursors.c.connection == connection, cursors.c.stream == stream, cursors.c.lane == lane)
    )
