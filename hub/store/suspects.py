"""Whom an edit of a mapping may concern: entity ids, found by the database, a few more than need be.

Each question answers ids in their order, beginning after `after`; who is really concerned is judged by the engine.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.domain.golden import Golden, GoldenState
from hub.domain.issue import IssueState
from hub.domain.keys import Address
from hub.domain.link import Link, LinkState
from hub.store import forms
from hub.store.dialect import json_text, one_of
from hub.store.tables import golden, issues, links, observations

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


async def untold(
    conn: AsyncConnection, connection: str, stream: str, kinds: Sequence[str], after: str, limit: int
) -> list[str]:
    """Entities of which the sink could not be told something: one of these kinds of issues is not closed."""
    chosen = (
        select(G.entity_id)
        .join(issues, issues.c.entity_id == G.entity_id)
        .where(issues.c.connection == connection, issues.c.stream == stream)
        .where(issues.c.state != IssueState.CLOSED, issues.c.kind.in_(kinds))
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


@dataclass(frozen=True, slots=True)
class Shown:
    """A record as it was last seen. `heard`: nothing of it is still to be heard."""

    remote_id: str
    raw: Any
    modified_at: str | None
    seen_at: str
    gone: bool
    heard: bool


async def shown(conn: AsyncConnection, connection: str, stream: str, after: str, limit: int) -> list[Shown]:
    """Records that were heard once, by remote id, beginning after `after`."""
    found = await conn.execute(
        _shown(connection, stream).where(SEEN.remote_id > after).order_by(SEEN.remote_id).limit(limit)
    )
    return [Shown(*row) for row in found]


async def shown_at(conn: AsyncConnection, connection: str, stream: str, remote_ids: Sequence[str]) -> list[Shown]:
    """The same of these records."""
    if not remote_ids:
        return []
    found = await conn.execute(_shown(connection, stream).where(one_of(conn, SEEN.remote_id, remote_ids)))
    return [Shown(*row) for row in found]


def _shown(connection: str, stream: str) -> Select[Any]:
    heard = SEEN.revision == SEEN.heard
    return select(SEEN.remote_id, SEEN.raw, SEEN.modified_at, SEEN.seen_at, SEEN.gone, heard).where(
        SEEN.connection == connection, SEEN.stream == stream, SEEN.heard > 0
    )


async def some_links(conn: AsyncConnection, ids: Sequence[str], fields: frozenset[str]) -> dict[str, list[Link]]:
    """The links of these entities with the memory of some fields alone: no keys, no statements of consent."""
    if not ids:
        return {}
    chosen = select(
        L.entity_id, L.connection, L.stream, L.remote_id, L.state, L.echo, L.sent, L.said, L.in_scope
    ).where(one_of(conn, L.entity_id, ids))
    result: dict[str, list[Link]] = {}
    for entity, connection, stream, remote_id, state, echo, sent, said, in_scope in await conn.execute(
        chosen.order_by(L.entity_id, L.connection, L.stream, L.remote_id)
    ):
        link = Link(
            Address(connection, stream, remote_id),
            entity,
            LinkState(state),
            forms.values_of({f: echo[f] for f in fields if f in echo}),
            forms.values_of({f: sent[f] for f in fields if f in sent}),
            forms.said_of({f: said[f] for f in fields if f in said}),
            in_scope=in_scope,
        )
        result.setdefault(entity, []).append(link)
    return result


async def some_golden(conn: AsyncConnection, ids: Sequence[str], fields: frozenset[str]) -> dict[str, Golden]:
    """The golden records with some fields alone: no consent."""
    if not ids:
        return {}
    found = await conn.execute(
        select(G.entity_id, G.entity, G["values"], G.origins, G.state, G.merged_into, G.rev).where(
            one_of(conn, G.entity_id, ids)
        )
    )
    return {
        entity_id: Golden(
            entity_id,
            entity,
            forms.values_of({f: values[f] for f in fields if f in values}),
            forms.origins_of({f: origins[f] for f in fields if f in origins}),
            {},
            GoldenState(state),
            merged_into,
            rev,
        )
        for entity_id, entity, values, origins, state, merged_into, rev in found
    }


async def _ids(conn: AsyncConnection, chosen: Select[Any], after: str, limit: int) -> list[str]:
    found = await conn.execute(chosen.where(G.entity_id > after).distinct().order_by(G.entity_id).limit(limit))
    return list(found.scalars())
