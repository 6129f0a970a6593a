"""The configured accounts. Their secrets are in `hub.store.secrets`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from sqlalchemy import Table, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.domain.connection import Connection, ConnectionState
from hub.errors import BadInput, NotFound
from hub.store import statements
from hub.store.tables import (
    circuits,
    connections,
    cursors,
    discoveries,
    hints,
    link_keys,
    links,
    meters,
    observations,
    schedules,
    secrets,
    sinks,
    tellings,
    verified,
    volumes,
)

T = connections.c
KNOWN_OF_IT: tuple[Table, ...] = (
    *(secrets, discoveries, schedules, circuits, hints, meters),
    *(cursors, verified, observations, link_keys, links, sinks, tellings, volumes),
)
"""What is of no use without the connection. Runs, attempts, facts, issues and the change log are history and stay."""


async def add(conn: AsyncConnection, connection: Connection) -> None:
    """Keeps a new connection. BadInput when the name is taken."""
    if await get(conn, connection.name) is not None:
        raise BadInput(
            f"There is a connection named {connection.name} already.", mend="Choose another name, or remove that one."
        )
    await conn.execute(insert(connections).values(_form(connection)))


async def put(conn: AsyncConnection, connection: Connection) -> None:
    """Keeps a connection as it is now. NotFound when there is none of that name."""
    form = _form(connection)
    del form["name"], form["created_at"]
    await _update(conn, connection.name, **form)


async def get(conn: AsyncConnection, name: str) -> Connection | None:
    row = (await conn.execute(select(connections).where(T.name == name))).mappings().first()
    return None if row is None else _connection(row)


async def all(conn: AsyncConnection) -> list[Connection]:
    """Every connection, by name."""
    return [_connection(row) for row in (await conn.execute(select(connections).order_by(T.name))).mappings()]


async def set_state(conn: AsyncConnection, name: str, state: ConnectionState, reason: str = "") -> None:
    """Pauses, breaks or resumes. NotFound when there is no such connection."""
    await _update(conn, name, state=state, state_reason=reason)


async def allow_writes(conn: AsyncConnection, name: str, allowed: bool = True) -> None:
    """NotFound when there is no such connection."""
    await _update(conn, name, writes=allowed)


async def remove(conn: AsyncConnection, name: str) -> None:
    """Forgets a connection with its secrets, cursors, observations and links. What was said there of consent stays, as
    said to the hub; golden records stay as they are until the next reconcile of their entities. NotFound when there is
    no such connection."""
    await statements.take_over(conn, name)
    for table in KNOWN_OF_IT:
        await conn.execute(delete(table).where(table.c.connection == name))
    done = await conn.execute(delete(connections).where(T.name == name))
    if not done.rowcount:
        raise _unknown(name)


async def _update(conn: AsyncConnection, name: str, **values: Any) -> None:
    done = await conn.execute(update(connections).where(T.name == name).values(**values))
    if not done.rowcount:
        raise _unknown(name)


def _unknown(name: str) -> NotFound:
    return NotFound(f"There is no connection named {name}.", mend="`hub connections list` shows them.")


def _form(connection: Connection) -> dict[str, Any]:
    return asdict(connection)


def _connection(row: Any) -> Connection:
    return Connection(**{**row, "state": ConnectionState(row["state"])})
