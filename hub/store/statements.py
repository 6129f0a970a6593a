"""Consent said to the hub itself: what an operator recorded, beside what the remotes' links hold."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.domain.consent import Statements
from hub.store import forms
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
