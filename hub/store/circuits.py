"""Connections that failed again and again, and when they are tried next. One that works has no row."""

from __future__ import annotations

from dataclasses import asdict

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.domain.circuit import Circuit
from hub.store.dialect import Upsert, insert
from hub.store.tables import circuits

T = circuits.c

_put = Upsert(circuits)


async def get(conn: AsyncConnection, connection: str, *, lock: bool = False) -> Circuit | None:
    """`lock`: nobody else changes it before this transaction ends."""
    chosen = select(circuits).where(T.connection == connection)
    row = (await conn.execute(chosen.with_for_update() if lock else chosen)).mappings().first()
    return None if row is None else Circuit(**row)


async def begin(conn: AsyncConnection, circuit: Circuit) -> None:
    """Keeps a first circuit, unless somebody else did so meanwhile."""
    await conn.execute(insert(conn, circuits).values(asdict(circuit)).on_conflict_do_nothing())


async def put(conn: AsyncConnection, circuit: Circuit) -> None:
    await _put(conn, [asdict(circuit)])


async def exchange(conn: AsyncConnection, before: Circuit, after: Circuit) -> bool:
    """Keeps `after` where `before` still stands. Of several who try at once one succeeds."""
    done = await conn.execute(
        update(circuits)
        .where(T.connection == before.connection, T.until == before.until, T.failures == before.failures)
        .values(until=after.until, failures=after.failures, reason=after.reason)
    )
    return done.rowcount > 0


async def all(conn: AsyncConnection) -> dict[str, Circuit]:
    """By connection."""
    return {row["connection"]: Circuit(**row) for row in (await conn.execute(select(circuits))).mappings()}


async def drop(conn: AsyncConnection, connection: str) -> bool:
    """Forgets that the connection failed; False when nothing was remembered."""
    return (await conn.execute(delete(circuits).where(T.connection == connection))).rowcount > 0
