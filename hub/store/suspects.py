"""Whom an edit of a mapping may concern: entity ids, found by the database, a few more than need be.

Each question answers ids in their order, beginning after `after`; who is really concerned is judged by the engine.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.domain.golden import GoldenState
from hub.domain.link import LinkState
from hub.store.dialect import json_text, one_of
from hub.store.tables import golden, links, observations

G = golden.c
L = links.c
SEEN = observations.c
CONSENT = "consent."


async def differing(
    conn: AsyncConnection,
    entity: str,
    connection: str,
    stream: str,
    fields: Iterable[str],
    after: str,
    limit: int,
) -> list[str]:
    """Entities with a record in the stream that doesn't show, in one of these fields, the golden value to the letter
    (of `consent.<channel>`: of which anything was said)."""
    apart = [_apart(conn, name) for name in sorted(fields)]
    chosen = (
        select(G.entity_id)
        .join(links, L.entity_id == G.entity_id)
        .where(G.entity == entity, L.connection == connection, L.stream == stream, or_(*apart))
    )
    return await _ids(conn, chosen, after, limit)


def _apart(conn: AsyncConnection, name: str) -> ColumnElement[bool]:
    if name.startswith(CONSENT):
        return json_text(conn, G.consent, name.removeprefix(CONSENT)).is_not(None)
    return json_text(conn, G["values"], name).is_distinct_from(json_text(conn, L.echo, name))


async def saying(
    conn: AsyncConnection, connection: str, stream: str, fields: Iterable[str], after: str, limit: int
) -> list[str]:
    """Entities of which a record of the stream said something in one of these fields."""
    said = [json_text(conn, L.said, name).is_not(None) for name in sorted(fields)]
    chosen = (
        select(G.entity_id)
        .join(links, L.entity_id == G.entity_id)
        .where(L.connection == connection, L.stream == stream, or_(*said))
    )
    return await _ids(conn, chosen, after, limit)


async def absent(conn: AsyncConnection, entity: str, connection: str, stream: str, after: str, limit: int) -> list[str]:
    """Living entities without a living record in the stream."""
    there = exists().where(
        L.entity_id == G.entity_id, L.connection == connection, L.stream == stream, L.state == LinkState.LIVE
    )
    chosen = select(G.entity_id).where(G.entity == entity, G.state == GoldenState.LIVE, ~there)
    return await _ids(conn, chosen, after, limit)


async def buried(conn: AsyncConnection, entity: str, connection: str, stream: str, after: str, limit: int) -> list[str]:
    """Buried entities with a living record in the stream."""
    chosen = (
        select(G.entity_id)
        .join(links, L.entity_id == G.entity_id)
        .where(G.entity == entity, G.state == GoldenState.BURIED)
        .where(L.connection == connection, L.stream == stream, L.state == LinkState.LIVE)
    )
    return await _ids(conn, chosen, after, limit)


async def holding(
    conn: AsyncConnection, entity: str, fields: Iterable[str] | None, after: str, limit: int
) -> list[str]:
    """Entities that hold a value in one of these fields; all, with None."""
    chosen = select(G.entity_id).where(G.entity == entity, G.state != GoldenState.MERGED)
    if fields is not None:
        chosen = chosen.where(or_(*(json_text(conn, G["values"], name).is_not(None) for name in sorted(fields))))
    return await _ids(conn, chosen, after, limit)


async def owners(conn: AsyncConnection, connection: str, stream: str, remote_ids: Sequence[str]) -> list[str]:
    """The entities of these records, each once."""
    if not remote_ids:
        return []
    chosen = select(L.entity_id).where(
        and_(L.connection == connection, L.stream == stream), one_of(conn, L.remote_id, remote_ids)
    )
    return sorted(set((await conn.execute(chosen)).scalars()))


async def shown(
    conn: AsyncConnection, connection: str, stream: str, after: str, limit: int
) -> list[tuple[str, Any, str | None]]:
    """(remote id, raw, modified at) of records that were heard, by remote id, beginning after `after`."""
    found = await conn.execute(
        select(SEEN.remote_id, SEEN.raw, SEEN.modified_at)
        .where(SEEN.connection == connection, SEEN.stream == stream, SEEN.remote_id > after, SEEN.heard > 0)
        .order_by(SEEN.remote_id)
        .limit(limit)
    )
    return [(remote_id, raw, modified_at) for remote_id, raw, modified_at in found]


async def _ids(conn: AsyncConnection, chosen: Select[Any], after: str, limit: int) -> list[str]:
    found = await conn.execute(chosen.where(G.entity_id > after).distinct().order_by(G.entity_id).limit(limit))
    return list(found.scalars())
