"""Copies a whole store into an empty one, of either kind: SQLite to PostgreSQL, and back.

Rows are read as a stream of one moment and written in one transaction, then read back there and compared. Either all
of it is there and the same, or nothing is. JSON travels as the text it is, sealed secrets as the bytes they are.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import blake2b
from typing import Any, TypeAlias

from sqlalchemy import Column, Float, MetaData, Table, Text, func, insert, literal, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.errors import HubError, Refused
from hub.store import dialect, health, tables
from hub.store.database import Database
from hub.store.schema import SchemaState, refuse_unusable
from hub.store.tables import Json

Row: TypeAlias = tuple[Any, ...]
Told: TypeAlias = Callable[[str, str, int, int], None]
"""Hears "copy" or "compare", the table, its rows so far, and its rows in all."""

BATCH = 500
"""Rows in memory at a time; the widest hold a few kilobytes each."""
NOT_TEXT = "22021"
"""What PostgreSQL says to a character that it cannot keep: U+0000."""


@dataclass(frozen=True, slots=True)
class Copied:
    """One table that is the same in both stores. `hash`: 128 bits over the contents of all rows, in any order."""

    table: str
    rows: int
    hash: str


class Contents:
    """Counts rows and sums up their hashes: the same rows in another order, or on another database, give the same."""

    __slots__ = ("_sum", "rows")

    def __init__(self) -> None:
        self.rows = 0
        self._sum = 0

    def add(self, rows: Iterable[Row]) -> None:
        for row in rows:
            self.rows += 1
            self._sum += int.from_bytes(blake2b(repr(row).encode(), digest_size=16).digest())

    @property
    def hash(self) -> str:
        return f"{self._sum % (1 << 128):032x}"


async def copy(source: Database, target: Database, told: Told) -> tuple[Copied, ...]:
    """Copies every table. Refused when the source is not up to date, when the target holds anything, or when the
    target shows other rows than the source: then the target stays empty."""
    found = await source.schema()
    refuse_unusable(found)
    if found.state is SchemaState.AHEAD:
        raise Refused(
            "A newer release has begun to upgrade the store to copy. Nothing was copied.",
            mend="Copy it with that release.",
        )
    if found.state is not SchemaState.CURRENT:
        raise Refused("The store to copy is not up to date. Nothing was copied.", mend="Run `hub db upgrade` first.")
    await target.upgrade()
    async with source.read() as reading, target.write() as writing:
        await dialect.hold_upgrade_lock(writing)  # two copies into one target take turns
        await dialect.bound_standing(writing, timedelta(0))  # the source may count a large table for long
        await _refuse_full(writing)
        read = {table.name: await _copy(reading, writing, table, told) for table in bare()}
        there = {t.name: await _contents(writing, t, read[t.name].rows, told) for t in bare()}
        _refuse_unlike(read, there)
        await health.set_numbering(writing)
        if dialect.name_of(writing) != dialect.SQLITE:
            await writing.execute(text("ANALYZE"))  # else the first statements run by guesses about empty tables
    return tuple(Copied(name, one.rows, one.hash) for name, one in read.items())


def bare() -> tuple[Table, ...]:
    """All tables of the store, with JSON as the text it is kept as."""
    metadata = MetaData()
    return tuple(
        Table(table.name, metadata, *(Column(c.name, Text() if isinstance(c.type, Json) else c.type) for c in table.c))
        for table in tables.metadata.sorted_tables
    )


async def _refuse_full(conn: AsyncConnection) -> None:
    full = [t.name for t in bare() if (await conn.execute(select(literal(1)).select_from(t).limit(1))).first()]
    if full:
        raise Refused(
            f"The target is not empty: it has rows in {', '.join(full)}. Nothing was copied.",
            mend="Name an empty database, or an SQLite file that doesn't exist yet.",
        )


async def _copy(reading: AsyncConnection, writing: AsyncConnection, table: Table, told: Told) -> Contents:
    total = (await reading.execute(select(func.count()).select_from(table))).scalar_one()
    contents = Contents()
    async for batch in _rows(reading, table):
        contents.add(batch)
        await _write(writing, table, batch)
        told("copy", table.name, contents.rows, total)
    return contents


async def _contents(conn: AsyncConnection, table: Table, total: int, told: Told) -> Contents:
    contents = Contents()
    async for batch in _rows(conn, table):
        contents.add(batch)
        told("compare", table.name, contents.rows, total)
    return contents


async def _rows(conn: AsyncConnection, table: Table) -> AsyncIterator[list[Row]]:
    """The rows of a table in batches, from a cursor of the database: memory holds one batch."""
    # SQLite keeps no sign of a zero, so -0.0 travels as the 0.0 that it equals.
    chosen = [c + 0.0 if isinstance(c.type, Float) else c for c in table.columns]
    async with conn.stream(select(*chosen).execution_options(yield_per=BATCH)) as result:
        async for batch in result.partitions():
            yield [tuple(row) for row in batch]


async def _write(conn: AsyncConnection, table: Table, rows: Sequence[Row]) -> None:
    names = [str(c.name) for c in table.columns]
    if dialect.name_of(conn) == dialect.SQLITE:
        await conn.execute(insert(table), [dict(zip(names, row, strict=True)) for row in rows])
        return
    driver: Any = (await conn.get_raw_connection()).driver_connection
    try:  # COPY, in the transaction that is under way
        await driver.copy_records_to_table(table.name, records=rows, columns=names)
    except Exception as error:
        raise _refusal(table.name, error) from None


def _refusal(table: str, error: Exception) -> Exception:
    """The error for an operator. What PostgreSQL says of it may quote the row, so it is not passed on."""
    state = getattr(error, "sqlstate", None)
    if state == NOT_TEXT:
        return Refused(
            f"A row of {table} has a text with the character U+0000, which PostgreSQL cannot keep. Nothing was copied.",
            mend="Mend that text in the system it came from, sync, and copy again.",
        )
    if state is None:
        return error
    return HubError(
        f"The target refused rows of {table} ({type(error).__name__}, SQLSTATE {state}). Nothing was copied.",
        mend="Look into the log of the target's server.",
    )


def _refuse_unlike(read: dict[str, Contents], there: dict[str, Contents]) -> None:
    unlike = [n for n, one in read.items() if (one.rows, one.hash) != (there[n].rows, there[n].hash)]
    if unlike:
        raise Refused(
            f"The target shows other rows than were copied, in {', '.join(unlike)}. Nothing was kept there.",
            mend="Let nothing else write to the target meanwhile, and copy again.",
        )
