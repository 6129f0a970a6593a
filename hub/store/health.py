"""Whether a store of the current schema is whole: its file, its tables, its numbering, its keys. Only reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Table, cast, func, inspect, select, text
from sqlalchemy.dialects.postgresql import REGCLASS
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.store import dialect, tables

MOST = 20
"""Complaints of one kind that are listed."""


@dataclass(frozen=True, slots=True)
class Looked:
    """One thing looked at. `wrong` is empty when it is well; each entry is a sentence without values of records."""

    what: str
    wrong: tuple[str, ...]
    mend: str


async def examine(conn: AsyncConnection) -> tuple[Looked, ...]:
    """Looks at all of it. Reads the whole file on SQLite (seconds per gigabyte), little on PostgreSQL."""
    missing = await conn.run_sync(_missing)
    looked = [
        Looked("file", await _file(conn), "restore the store from a backup"),
        Looked("tables", missing, "restore the store from a backup; nothing but the hub may alter its tables"),
    ]
    if not missing:
        looked += [
            Looked("numbering", await _numbering(conn), "`hub db upgrade` sets it right"),
            Looked("sealed secrets", await _unsealable(conn), "give these secrets again: `hub connections change`"),
        ]
    return tuple(looked)


async def _file(conn: AsyncConnection) -> tuple[str, ...]:
    """What SQLite finds in its own file. PostgreSQL watches over its files itself."""
    if dialect.name_of(conn) != dialect.SQLITE:
        return ()
    said = (await conn.execute(text(f"PRAGMA quick_check({MOST})"))).scalars()
    return tuple(line for line in said if line != "ok")


def _missing(conn: Connection) -> tuple[str, ...]:
    """Tables, columns and indexes of this release that are not there."""
    look = inspect(conn)
    there = set(look.get_table_names())
    wrong: list[str] = []
    for table in tables.metadata.sorted_tables:
        if table.name not in there:
            wrong.append(f"the table {table.name} is missing")
            continue
        columns = {column["name"] for column in look.get_columns(table.name)}
        wrong += [f"the column {table.name}.{c.name} is missing" for c in table.columns if c.name not in columns]
        indexes = {index["name"] for index in look.get_indexes(table.name)}
        wrong += [f"the index {index.name} is missing" for index in table.indexes if index.name not in indexes]
    return tuple(wrong)


def numbered() -> Iterator[Table]:
    """The tables that number their rows themselves, by a column `id`."""
    return (t for t in tables.metadata.sorted_tables if t.autoincrement_column is not None and "id" in t.c)


async def _numbering(conn: AsyncConnection) -> tuple[str, ...]:
    """Tables whose next number is that of a row which is there."""
    return tuple(f"the next number of {name} is in use already" for name in await _behind(conn))


async def _behind(conn: AsyncConnection) -> dict[str, tuple[str, int]]:
    """Tables whose sequence is behind their rows: its name, and the highest number in use. SQLite has no sequences:
    it looks for the highest."""
    found: dict[str, tuple[str, int]] = {}
    for table in () if dialect.name_of(conn) == dialect.SQLITE else numbered():
        sequence = (await conn.execute(select(func.pg_get_serial_sequence(table.name, "id")))).scalar_one()
        given = (await conn.execute(select(func.pg_sequence_last_value(cast(sequence, REGCLASS))))).scalar_one()
        highest = (await conn.execute(select(func.max(table.c.id)))).scalar_one()
        if (highest or 0) > (given or 0):
            found[table.name] = sequence, highest
    return found


async def set_numbering(conn: AsyncConnection) -> None:
    """Lets numbered tables go on behind their highest row. Needs a writing connection."""
    for sequence, highest in (await _behind(conn)).values():
        await conn.execute(select(func.setval(cast(sequence, REGCLASS), highest)))


async def _unsealable(conn: AsyncConnection) -> tuple[str, ...]:
    """Secrets sealed with a data key that the store doesn't have."""
    kept = set((await conn.execute(select(tables.keyring.c.id))).scalars())
    secrets: Sequence[tuple[str, str, bytes]] = [
        (row.connection, row.name, row.sealed) for row in await conn.execute(select(tables.secrets))
    ]
    lost = [(connection, name) for connection, name, sealed in secrets if sealed[1:9].hex() not in kept]
    return tuple(f"the secret {name} of connection {connection} has no key in the store" for connection, name in lost)
