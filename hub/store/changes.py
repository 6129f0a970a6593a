"""The log of what changed in golden records, and why. Only ever appended to."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.domain.history import FieldChange
from hub.domain.keys import Address
from hub.store.forms import value_of
from hub.store.tables import changes

T = changes.c


async def append(conn: AsyncConnection, rows: Sequence[FieldChange]) -> None:
    """Adds to the log, in this order."""
    if not rows:
        return
    nowhere = Address("", "", "")
    await conn.execute(
        insert(changes),
        [
            {
                "entity_id": c.entity_id,
                "field": c.field,
                "before": c.before,
                "after": c.after,
                "rule": c.rule,
                "connection": (c.address or nowhere).connection,
                "stream": (c.address or nowhere).stream,
                "remote_id": (c.address or nowhere).remote_id,
                "at": c.at,
            }
            for c in rows
        ],
    )


async def of_entity(
    conn: AsyncConnection, entity_id: str, field: str | None = None, limit: int = 100
) -> list[FieldChange]:
    """The last changes of an entity, or of one of its fields, newest first."""
    chosen = select(changes).where(T.entity_id == entity_id).order_by(T.id.desc()).limit(limit)
    if field is not None:
        chosen = chosen.where(T.field == field)
    return [
        FieldChange(
            row.entity_id,
            row.field,
            value_of(row.before),
            value_of(row.after),
            row.rule,
            Address(row.connection, row.stream, row.remote_id) if row.connection else None,
            row.at,
        )
        for row in await conn.execute(chosen)
    ]
