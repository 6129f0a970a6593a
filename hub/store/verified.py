"""What the verification under way was shown of a stream, and which of it has to be judged again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import and_, delete, false, func, select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.elements import ColumnElement

from hub.domain.link import LinkState
from hub.store.dialect import Upsert, one_of
from hub.store.tables import links, observations, verified

T, SEEN, L = verified.c, observations.c, links.c
DOUBTED = T.hash.is_not(None)
"""In the words of the partial index."""
FORGOTTEN_AT_ONCE = 5_000

_put = Upsert(verified)


@dataclass(frozen=True, slots=True)
class Shown:
    """A record that was shown. `hash` of its contents, and when they were asked for, where these did not agree."""

    remote_id: str
    hash: str | None = None
    asked_at: str | None = None


@dataclass(frozen=True, slots=True)
class Living:
    """A record that lives as far as the store knows. `shown`: to the verification; `linked`: to an entity."""

    remote_id: str
    shown: bool
    linked: bool


async def put(conn: AsyncConnection, connection: str, stream: str, shown: Sequence[Shown]) -> None:
    """Of two with one id the last wins."""
    rows = {s.remote_id: (s.hash, s.asked_at) for s in shown}
    await _put(
        conn,
        [
            {"connection": connection, "stream": stream, "remote_id": remote_id, "hash": digest, "asked_at": asked_at}
            for remote_id, (digest, asked_at) in rows.items()
        ],
    )


async def among(conn: AsyncConnection, connection: str, stream: str, ids: Sequence[str]) -> list[str]:
    """Those of the ids that were shown."""
    chosen = select(T.remote_id).where(_in(connection, stream), one_of(conn, T.remote_id, ids))
    return list((await conn.execute(chosen)).scalars())


async def doubted(conn: AsyncConnection, connection: str, stream: str, after: str, limit: int) -> list[Shown]:
    """Those that did not agree, by remote id, beginning after `after`."""
    chosen = select(T.remote_id, T.hash, T.asked_at).where(_in(connection, stream), T.remote_id > after, DOUBTED)
    return [Shown(*row) for row in await conn.execute(chosen.order_by(T.remote_id).limit(limit))]


async def living(
    conn: AsyncConnection, connection: str, stream: str, since: str, after: str, limit: int
) -> list[Living]:
    """Records that live as far as the store knows and were last seen before `since`, by remote id, beginning after
    `after`."""
    there = and_(T.connection == SEEN.connection, T.stream == SEEN.stream, T.remote_id == SEEN.remote_id)
    tied = and_(L.connection == SEEN.connection, L.stream == SEEN.stream, L.remote_id == SEEN.remote_id)
    chosen = (
        select(SEEN.remote_id, T.remote_id.is_not(None), func.coalesce(L.state == LinkState.LIVE, false()))
        .select_from(observations.outerjoin(verified, there).outerjoin(links, tied))
        .where(
            SEEN.connection == connection,
            SEEN.stream == stream,
            SEEN.remote_id > after,
            ~SEEN.gone,
            SEEN.seen_at < since,
        )
        .order_by(SEEN.remote_id)
        .limit(limit)
    )
    return [Living(remote_id, bool(shown), bool(linked)) for remote_id, shown, linked in await conn.execute(chosen)]


async def forget(conn: AsyncConnection, connection: str, stream: str) -> int:
    """Forgets what was shown of a stream, 5,000 at once; answers how many."""
    some = select(T.remote_id).where(_in(connection, stream)).limit(FORGOTTEN_AT_ONCE)
    done = await conn.execute(delete(verified).where(_in(connection, stream), T.remote_id.in_(some)))
    return done.rowcount


def _in(connection: str, stream: str) -> ColumnElement[bool]:
    return and_(T.connection == connection, T.stream == stream)
