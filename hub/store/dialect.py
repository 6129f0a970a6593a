"""The one door to SQL that differs between SQLite and PostgreSQL.

Lists travel as one parameter (a JSON array on SQLite, a native array on PostgreSQL), so a statement's text never
depends on how many values it is given. Bulk writes are one prepared statement: `executemany` on SQLite, one
`jsonb_to_recordset` parameter on PostgreSQL (measured at 1.2 to 1.6 times the rows per second of `executemany`, for
observations in batches of 1,000).
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, TypeAlias

import orjson
from sqlalchemy import (
    ColumnElement,
    FromClause,
    LargeBinary,
    String,
    Table,
    Text,
    any_,
    bindparam,
    case,
    cast,
    column,
    func,
    literal,
    select,
    text,
    type_coerce,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.dialects.sqlite.base import SQLiteDialect
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.store.tables import Json

Row: TypeAlias = Mapping[str, Any]
SetClause: TypeAlias = Callable[[Any, Any], Mapping[str, Any]]
"""(the table's columns, the proposed row's columns) -> what an existing row becomes."""
Shape: TypeAlias = tuple[tuple[str, bool], ...]
"""Column names, each with whether it holds JSON."""

ROWS_MAX = 1_000
BYTES_MAX = 16 << 20
SQLITE = "sqlite"
_DIALECTS: dict[str, Dialect] = {
    SQLITE: SQLiteDialect(paramstyle="qmark"),
    "postgresql": PGDialect(paramstyle="numeric_dollar"),  # type: ignore[no-untyped-call]
}
STANDING = "idle_in_transaction_session_timeout"
LOCK_NOT_AVAILABLE, DEADLOCK = "55P03", "40P01"
_UPGRADE_LOCK = 7_218_004_511
_HEARING_LOCK = 7_218_004_512
_HINTS_LOCK = 7_218_004_513


def name_of(conn: AsyncConnection) -> str:
    return conn.dialect.name


# --- lists as one parameter -------------------------------------------------------------------------------------


def one_of(conn: AsyncConnection, col: ColumnElement[Any], values: Sequence[str]) -> ColumnElement[bool]:
    """`col` is one of `values`, however many."""
    if name_of(conn) == SQLITE:
        items = func.json_each(literal(orjson.dumps(list(values)).decode(), Text)).table_valued("value")
        return col.in_(select(items.c.value))
    return col == any_(literal(list(values), postgresql.ARRAY(String)))


def given(conn: AsyncConnection, name: str, columns: Mapping[str, Sequence[str]]) -> FromClause:
    """A table `name` made of equally long lists of text, to join with."""
    if name_of(conn) == SQLITE:
        rows = list(zip(*columns.values(), strict=True))
        items = func.json_each(literal(orjson.dumps(rows).decode(), Text)).table_valued("value")
        parts = [func.json_extract(items.c.value, f"$[{i}]").label(part) for i, part in enumerate(columns)]
        return select(*parts).subquery(name)
    arrays = [literal(list(values), postgresql.ARRAY(String)) for values in columns.values()]
    parts_pg = [column(part, String) for part in columns]
    return func.unnest(*arrays).table_valued(*parts_pg, name=name).render_derived()


def json_text(conn: AsyncConnection, col: ColumnElement[Any], name: str) -> ColumnElement[Any]:
    """The value of one key of a JSON column, to compare with that of another; NULL for null and for a missing key."""
    if name_of(conn) == SQLITE:
        return func.json_extract(col, literal('$."' + name.replace('"', "") + '"', Text), type_=String)
    value: ColumnElement[Any] = cast(_without_nul(col), postgresql.JSONB)[name].astext
    return value


def _without_nul(col: ColumnElement[Any]) -> ColumnElement[Any]:
    """JSON with U+FFFF, which is no character of any text, in place of U+0000: over one of these PostgreSQL, which has
    no room for it outside of JSON, would refuse the whole question. A backslash that is escaped itself begins none."""
    plain = type_coerce(col, Text)
    pattern, instead = literal(r"(?<!\\)((\\\\)*)\\u0000", Text), literal(r"\1\\uffff", Text)
    cleaned = func.regexp_replace(plain, pattern, instead, literal("g", Text), type_=Text)
    return case((func.strpos(plain, literal(r"\u0000", Text)) > 0, cleaned), else_=plain)


def writing_order(conn: AsyncConnection, col: ColumnElement[Any]) -> ColumnElement[Any]:
    """The order in which `Upsert` writes, and Python sorts: by code points. PostgreSQL's own depends on how a database
    was made, and two that lock the same rows in different orders wait for each other."""
    return col if name_of(conn) == SQLITE else col.collate("C")


# --- bulk writes ------------------------------------------------------------------------------------------------


class Upsert:
    """Inserts whole batches; a row whose primary key (or `keys`) exists becomes what `changes` says.

    Without `changes`, every other column takes the proposed value; `keep` names columns that then stay as they are.
    Rows are mappings with all of `columns`. A key may come only once in a batch: PostgreSQL refuses to change a row
    twice in one statement.
    """

    def __init__(
        self,
        table: Table,
        changes: SetClause | None = None,
        *,
        columns: Sequence[str] = (),
        keys: Sequence[str] = (),
        keep: Sequence[str] = (),
    ) -> None:
        self.table = table
        # `str`: the names that the library gives are of a subclass, which is no key in JSON.
        self.columns = tuple(columns) or tuple(str(c.name) for c in table.columns)
        self.keys = tuple(keys) or tuple(str(c.name) for c in table.primary_key)
        stay = {*self.keys, *keep}
        self._changes: SetClause = changes or (lambda _, new: {c: new[c] for c in self.columns if c not in stay})
        self._plans: dict[str, tuple[str, Shape]] = {}
        if any(isinstance(table.c[c].type, LargeBinary) for c in self.columns):
            raise TypeError(f"{table.name} holds bytes, which do not travel as JSON")

    async def __call__(self, conn: AsyncConnection, rows: Sequence[Row]) -> None:
        if not rows:
            return
        dialect = name_of(conn)
        sql, shape = self._plans.get(dialect) or self._plans.setdefault(dialect, self._plan(dialect))
        keys = self.keys
        # Sorted, so that two writers take row locks in the same order, and neighbours land on the same pages.
        ordered = sorted(rows, key=lambda row: tuple([row[k] for k in keys])) if len(rows) > 1 else rows
        if dialect == SQLITE:
            for batch in _tuples(ordered, shape):
                await conn.exec_driver_sql(sql, batch)
        else:
            for payload in _payloads(ordered, shape):
                await conn.exec_driver_sql(sql, (payload,))

    def _plan(self, name: str) -> tuple[str, Shape]:
        """The statement, and the columns in the order of its parameters. What `changes` says may not bring parameters
        of its own (`literal_column` instead), as rows are passed by position."""
        dialect = _DIALECTS[name]
        table = self.table
        statement: sqlite.Insert | postgresql.Insert
        if name == SQLITE:
            statement = sqlite.insert(table).values({c: bindparam(c) for c in self.columns})
            expected = sorted(self.columns)
        else:
            names = [column(c, table.c[c].type) for c in self.columns]
            source = func.jsonb_to_recordset(bindparam("rows", type_=postgresql.JSONB))
            rows = source.table_valued(*names, name="rows").render_derived(with_types=True)
            statement = postgresql.insert(table).from_select(list(self.columns), select(*rows.c))
            expected = ["rows"]
        changes = self._changes(table.c, statement.excluded)
        compiled = statement.on_conflict_do_update(index_elements=self.keys, set_=changes).compile(dialect=dialect)
        bound = tuple(str(name) for name in compiled.positiontup or ())
        if sorted(bound) != expected:
            raise TypeError(f"the upsert of {table.name} binds {bound}")
        order = bound if name == SQLITE else self.columns
        return str(compiled), tuple((c, isinstance(table.c[c].type, Json)) for c in order)


def _tuples(rows: Sequence[Row], shape: Shape) -> Iterator[list[tuple[Any, ...]]]:
    for start in range(0, len(rows), ROWS_MAX):
        part = rows[start : start + ROWS_MAX]
        yield [tuple([as_json(row[c]) if json else row[c] for c, json in shape]) for row in part]


def _payloads(rows: Sequence[Row], shape: Shape) -> Iterator[str]:
    """JSON arrays of at most `ROWS_MAX` rows and about `BYTES_MAX` bytes."""
    parts: list[bytes] = []
    size = 0
    for row in rows:
        part = orjson.dumps({c: as_json(row[c]) if json else row[c] for c, json in shape})
        parts.append(part)
        size += len(part)
        if len(parts) >= ROWS_MAX or size >= BYTES_MAX:
            yield f"[{b','.join(parts).decode()}]"
            parts, size = [], 0
    if parts:
        yield f"[{b','.join(parts).decode()}]"


class Ready(str):
    """JSON text that is ready: a row that carries it for a JSON column is not encoded again."""

    __slots__ = ()


def as_json(value: Any) -> str | None:
    """What a JSON column of the tables holds for this value."""
    if value is None:
        return None
    if type(value) is Ready:
        return str(value)
    return orjson.dumps(value, default=_plain, option=orjson.OPT_SORT_KEYS).decode()


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def insert(conn: AsyncConnection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """An INSERT of one row that may say what is to be done on a conflict. Batches: `Upsert`."""
    return sqlite.insert(table) if name_of(conn) == SQLITE else postgresql.insert(table)


# --- connections ------------------------------------------------------------------------------------------------


def prepare_sqlite(dbapi: DBAPIConnection, *, writer: bool) -> None:
    """What every new SQLite connection is told. Readers cannot write, so nobody passes the writers' queue by."""
    cursor = dbapi.cursor()
    for pragma in (
        "busy_timeout = 5000",
        "journal_mode = WAL",
        "synchronous = NORMAL",
        "foreign_keys = ON",
        "temp_store = MEMORY",
        f"cache_size = -{32_000 if writer else 8_000}",
        f"query_only = {'OFF' if writer else 'ON'}",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def begin_sqlite(conn: Connection, *, writer: bool) -> None:
    """A writer takes the lock at once: a reader that turns writer half-way could only fail."""
    conn.exec_driver_sql("BEGIN IMMEDIATE" if writer else "BEGIN")


def prepare_postgresql(dbapi: DBAPIConnection) -> None:
    """A server whose host is gone, or that a firewall forgot, says nothing: the system asks, so that a question fails
    after a minute instead of being waited for without end."""
    transport = getattr(dbapi.driver_connection, "_transport", None)  # asyncpg shows it to nobody
    held = transport.get_extra_info("socket") if transport is not None else None
    if held is None or held.family not in (socket.AF_INET, socket.AF_INET6):
        return
    held.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("KEEPIDLE", 30), ("KEEPINTVL", 10), ("KEEPCNT", 3), ("USER_TIMEOUT", 60_000)):
        if (option := getattr(socket, f"TCP_{name}", None)) is not None:  # not on every system
            held.setsockopt(socket.IPPROTO_TCP, option, value)


async def hold_upgrade_lock(conn: AsyncConnection) -> None:
    """Lets one process at a time migrate, until the transaction ends. SQLite's write transaction does that already."""
    if name_of(conn) != SQLITE:
        await conn.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _UPGRADE_LOCK})


async def bound_standing(conn: AsyncConnection, within: timedelta) -> None:
    """PostgreSQL ends this transaction when nothing is done in it for `within` (zero: however long): its process stands
    still or its host is gone, and whoever needs a row that it wrote waits for it."""
    if name_of(conn) != SQLITE:
        await conn.execute(select(func.set_config(STANDING, _milliseconds(within), True)))


async def bound_waiting(conn: AsyncConnection, within: timedelta) -> None:
    """From here to the end of the transaction, waiting for a table or a row fails after `within`."""
    if name_of(conn) != SQLITE:
        await conn.execute(select(func.set_config("lock_timeout", _milliseconds(within), True)))


def in_use(error: DBAPIError) -> bool:
    """Whether a statement failed because others held what it needed."""
    return getattr(error.orig, "sqlstate", None) in (LOCK_NOT_AVAILABLE, DEADLOCK)


async def hold_hearing(conn: AsyncConnection, within: timedelta = timedelta(seconds=15)) -> None:
    """Lets one transaction at a time hear, until it ends. PostgreSQL ends one that does nothing for `within`: its
    process stands still, and all others wait for it. SQLite has one writer at a time anyway."""
    await _alone(conn, _HEARING_LOCK, within)


async def hold_hints(conn: AsyncConnection, within: timedelta = timedelta(seconds=5)) -> None:
    """Lets one transaction at a time note or drop hints, as `hold_hearing` does: two that touched the same ones in
    another order would wait for each other."""
    await _alone(conn, _HINTS_LOCK, within)


async def _alone(conn: AsyncConnection, key: int, within: timedelta) -> None:
    if name_of(conn) != SQLITE:
        await conn.execute(
            text(f"SELECT set_config('{STANDING}', :limit, true), pg_advisory_xact_lock(:key)"),
            {"limit": _milliseconds(within), "key": key},
        )


def _milliseconds(within: timedelta) -> str:
    return f"{within // timedelta(milliseconds=1)}ms"
