"""Values that persons fixed at the hub."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.domain.golden import Pin
from hub.store.dialect import Upsert, one_of
from hub.store.forms import value_of
from hub.store.tables import pins

T = pins.c
_put = Upsert(pins)


async def fetch(conn: AsyncConnection, entity_ids: Sequence[str]) -> dict[str, dict[str, Pin]]:
    """The pins of these entities: entity id -> field -> pin; an entity without pins is not in the answer."""
    if not entity_ids:
        return {}
    result: dict[str, dict[str, Pin]] = {}
    for row in await conn.execute(select(pins).where(one_of(conn, T.entity_id, sorted(set(entity_ids))))):
        pin = Pin(row.field, value_of(row.value), row.who, row.at, row.why)
        result.setdefault(row.entity_id, {})[row.field] = pin
    return result


async def put(conn: AsyncConnection, entity_id: str, pin: Pin) -> None:
    """Pins a field, in place of an older pin."""
    await _put(
        conn,
        [
            {
                "entity_id": entity_id,
                "field": pin.field,
                "value": pin.value,
                "who": pin.who,
                "why": pin.why,
                "at": pin.at,
            }
        ],
    )


async def drop(conn: AsyncConnection, entity_id: str, field: str) -> bool:
    """Lets the rules decide a field again; False when it was not pinned."""
    done = await conn.execute(delete(pins).where(T.entity_id == entity_id, T.field == field))
    return done.rowcount > 0


async def reassign(conn: AsyncConnection, from_entity: str, to_entity: str) -> None:
    """Two entities turned out to be one: the pins of the first go over; of two for one field the later stays."""
    held = await fetch(conn, [from_entity, to_entity])
    ours = held.get(to_entity, {})
    for field, pin in held.get(from_entity, {}).items():
        if field not in ours or ours[field].at < pin.at:
            await put(conn, to_entity, pin)
    await conn.execute(delete(pins).where(T.entity_id == from_entity))
