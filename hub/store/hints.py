"""What webhooks said: where to look. Bounded, since anybody who may knock may knock often.

A hint that comes again only moves its time, so a replay changes nothing. `note` and `drop` may run side by side in any
order: what came again since it was read is not dropped.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import TypeAlias

from sqlalchemy import and_, delete, exists, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.domain.hint import ANYTHING, Noted
from hub.store import dialect
from hub.store.tables import hints

IDS_MAX = 5_000
"""Ids of one stream that may wait; beyond that the stream is to be walked, and they are forgotten."""
Place: TypeAlias = tuple[str, str, str]
"""Connection, stream, id."""
T = hints.c
_note = dialect.Upsert(hints)


async def note(conn: AsyncConnection, rows: Iterable[Noted]) -> None:
    """Keeps hints. Where "something in the stream" waits, or comes, an id says nothing more, and only its time is kept;
    where more than `IDS_MAX` ids of a stream would wait, they become that."""
    await dialect.hold_hints(conn)
    last: dict[Place, str] = {}
    for n in rows:
        last[n.connection, n.stream, n.remote_id] = max(n.at, last.get((n.connection, n.stream, n.remote_id), ""))
    streams = sorted({(connection, stream) for connection, stream, _ in last})
    vague = await _vague(conn, streams) | {(c, s) for c, s, remote_id in last if remote_id == ANYTHING}
    await _keep(conn, last, vague)
    for connection, stream in streams:
        if (connection, stream) not in vague and await _too_many(conn, connection, stream):
            vague.add((connection, stream))
            await _keep(conn, last, vague)
    for connection, stream in sorted(vague):
        mine = (T.connection == connection, T.stream == stream)
        await conn.execute(delete(hints).where(*mine, T.remote_id != ANYTHING))


async def _keep(conn: AsyncConnection, last: Mapping[Place, str], vague: AbstractSet[tuple[str, str]]) -> None:
    kept: dict[Place, str] = {}
    for (connection, stream, remote_id), at in last.items():
        where = (connection, stream, ANYTHING if (connection, stream) in vague else remote_id)
        kept[where] = max(at, kept.get(where, ""))
    rows = [{"connection": c, "stream": s, "remote_id": i, "at": at} for (c, s, i), at in kept.items()]
    await _note(conn, rows)


async def _vague(conn: AsyncConnection, streams: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
    asked = dialect.given(conn, "asked", {"connection": [c for c, _ in streams], "stream": [s for _, s in streams]})
    joined = hints.join(asked, and_(T.connection == asked.c.connection, T.stream == asked.c.stream))
    found = await conn.execute(select(T.connection, T.stream).select_from(joined).where(T.remote_id == ANYTHING))
    return {(row.connection, row.stream) for row in found}


async def _too_many(conn: AsyncConnection, connection: str, stream: str) -> bool:
    mine = (T.connection == connection, T.stream == stream)
    beyond = await conn.execute(select(T.at).where(*mine).order_by(T.remote_id).offset(IDS_MAX).limit(1))
    return beyond.first() is not None


async def of(conn: AsyncConnection, connection: str, stream: str, limit: int) -> list[Noted]:
    """The hints of a stream that have waited longest."""
    mine = (T.connection == connection, T.stream == stream)
    found = await conn.execute(select(hints).where(*mine).order_by(T.at, T.remote_id).limit(limit))
    return [Noted(**row) for row in found.mappings()]


async def drop(conn: AsyncConnection, rows: Sequence[Noted]) -> None:
    """Forgets hints that were looked at. One whose time moved since it was read came again, and stays: whether its time
    is later or, by another host's clock, earlier."""
    if not rows:
        return
    await dialect.hold_hints(conn)
    columns = {name: [str(getattr(n, name)) for n in rows] for name in ("connection", "stream", "remote_id", "at")}
    done = dialect.given(conn, "done", columns)
    await conn.execute(
        delete(hints).where(exists().where(*(hints.c[name] == done.c[name] for name in columns)).correlate(hints))
    )


async def streams(conn: AsyncConnection, connection: str) -> list[str]:
    """The streams of a connection that have hints."""
    return list((await conn.execute(select(T.stream).where(T.connection == connection).distinct())).scalars())


async def count(conn: AsyncConnection) -> dict[tuple[str, str], int]:
    """How many wait, by connection and stream."""
    found = await conn.execute(select(T.connection, T.stream, func.count().label("n")).group_by(T.connection, T.stream))
    return {(row.connection, row.stream): int(row.n) for row in found}
