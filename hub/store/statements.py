"""Consent said to the hub itself: what an operator recorded, beside what the remotes' links hold; and what was said at
a connection that was removed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.domain.consent import Evidence, Statements
from hub.domain.link import Link
from hub.store import forms, links
from hub.store.dialect import Upsert, one_of
from hub.store.tables import hub_statements

T = hub_statements.c
_put = Upsert(hub_statements)


async def fetch(conn: AsyncConnection, entity_ids: Sequence[str]) -> dict[str, dict[str, Statements]]:
    """Entity id -> channel -> statements; an entity of which nothing was said is not in the answer."""
    if not entity_ids:
        return {}
    result: dict[str, dict[str, Statements]] = {}
    chosen = select(hub_statements).where(one_of(conn, T.entity_id, sorted(set(entity_ids))))
    for row in await conn.execute(chosen):
        decoded = forms.statements_of({row.channel: row.statements})
        result.setdefault(row.entity_id, {}).update(decoded)
    return result


async def join(conn: AsyncConnection, entity_id: str, channel: str, said: Statements) -> Statements:
    """Adds a statement to what was said before; never takes one away. The joined ones."""
    before = (await fetch(conn, [entity_id])).get(entity_id, {}).get(channel, Statements())
    joined = before.join(said)
    form = forms.statements_form({channel: joined})[channel]
    await _put(conn, [{"entity_id": entity_id, "channel": channel, "statements": form}])
    return joined


async def reassign(conn: AsyncConnection, from_entity: str, to_entity: str) -> None:
    """Two entities turned out to be one: what was said of the first is said of the second too."""
    held = await fetch(conn, [from_entity])
    for channel, said in held.get(from_entity, {}).items():
        await join(conn, to_entity, channel, said)
    await conn.execute(delete(hub_statements).where(T.entity_id == from_entity))


async def take_over(conn: AsyncConnection, connection: str) -> None:
    """What the links of a connection hold of consent is kept at the hub too: so it outlives them."""
    for stream in await links.count(conn, connection):
        async for batch in links.each(conn, connection, stream):
            await _take_over(conn, [link for link in batch if link.statements])


async def _take_over(conn: AsyncConnection, said: Sequence[Link]) -> None:
    held = await fetch(conn, [link.entity_id for link in said])
    joined = {(entity_id, c): s for entity_id, channels in held.items() for c, s in channels.items()}
    for link in said:
        for channel, statement in link.statements.items():
            at_hub = joined.get((link.entity_id, channel), Statements())
            joined[link.entity_id, channel] = at_hub.join(_with_source(statement, link))
    form = {pair: forms.statements_form({pair[1]: s})[pair[1]] for pair, s in joined.items()}
    await _put(conn, [{"entity_id": e, "channel": c, "statements": f} for (e, c), f in form.items()])


def _with_source(said: Statements, link: Link) -> Statements:
    """A denial that is known by its link alone names it, for there will be none. A grant has its own evidence."""
    if said.denied_at is None or said.denial is not None:
        return said
    where = link.address
    source = f"said in {where.connection}/{where.stream}/{where.remote_id}"
    return replace(said, denial=Evidence("", said.denied_at, source))
