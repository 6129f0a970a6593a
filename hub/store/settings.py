"""Settings that live in the store: a name, and a value that is JSON."""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.store.dialect import Upsert
from hub.store.tables import settings

T = settings.c
_put = Upsert(settings)


async def get(conn: AsyncConnection, name: str, default: Any = None) -> Any:
    row = (await conn.execute(select(T.value).where(T.name == name))).first()
    return default if row is None else row[0]


async def put(conn: AsyncConnection, name: str, value: Any) -> None:
    """Sets a value; None is refused by the table: `drop` the setting instead."""
    await _put(conn, [{"name": name, "value": value}])


async def all(conn: AsyncConnection) -> dict[str, Any]:
    found = await conn.execute(select(T.name, T.value).order_by(T.name))
    return {row[0]: row[1] for row in found}


async def drop(conn: AsyncConnection, name: str) -> bool:
    """Forgets a setting; False when it was not set."""
    return (await conn.execute(delete(settings).where(T.name == name))).rowcount > 0
