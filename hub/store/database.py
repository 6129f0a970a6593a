"""Opens the store: transactions to read and to write, migrations, an orderly end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext
from contextvars import ContextVar
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlencode

from sqlalchemy import event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from hub.errors import BadInput, Refused
from hub.store import dialect, schema
from hub.store.schema import Schema, SchemaState
from hub.store.turnstile import Turnstile

Transaction: TypeAlias = AsyncConnection
"""What every function of the store works in: one transaction, opened by `Database.read` or `Database.write`."""

Guard: TypeAlias = Callable[[AsyncConnection], Awaitable[None]]
"""Looks at a transaction that is about to be committed; what it raises rolls it back."""

DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "sqlite+aiosqlite": "sqlite+aiosqlite",
    "postgresql": "postgresql+asyncpg",
    "postgres": "postgresql+asyncpg",
    "postgresql+asyncpg": "postgresql+asyncpg",
}

PARAMETERS = {
    *("host", "port", "user", "password", "dbname", "passfile", "service", "target_session_attrs", "krbsrvname"),
    *("sslmode", "sslcert", "sslkey", "sslpassword", "sslrootcert", "sslcrl", "sslnegotiation"),
    *("ssl_min_protocol_version", "ssl_max_protocol_version", "application_name", "options"),
}
"""What may follow the `?` of a PostgreSQL address: names of libpq's, so that `psql` and `pg_dump` take the same one."""

HIDDEN = True
"""Parameters are records of persons: they stay out of errors and logs."""


_guards: ContextVar[tuple[tuple[Database, Guard], ...]] = ContextVar("guards", default=())
"""What the work under way is guarded by. A task takes over those of the task that made it, and keeps them."""


HURRY_SECONDS = 2.0

STANDING_WITHIN = timedelta(seconds=60)
"""How long a transaction that writes may do nothing: a process that was stopped, or whose host died, in the middle of
one holds what it wrote, and those who take over its work wait for that."""

TABLES_WITHIN = timedelta(seconds=5)
"""How long a step of an upgrade waits for a table that is in use: whoever comes for it meanwhile waits behind it, so
that a backup of an hour would stop everybody for that hour."""


class Database:
    """One store. Every use is one transaction: committed at the end of the block, rolled back when it raises.

    On SQLite writers queue up inside the process (one at a time, the hurried first) and wait up to 5 s for those of
    other processes; readers see the state at their beginning and wait for nobody. On PostgreSQL readers have the same
    view (REPEATABLE READ, read only) and writers run side by side.
    """

    def __init__(self, url: URL) -> None:
        self.dialect = url.get_backend_name()
        self._queue: Turnstile | None = None
        self._hearers = Turnstile()
        self._writer: asyncio.Task[object] | None = None
        self._hurried_at = float("-inf")
        if self.dialect == dialect.SQLITE:
            self._queue = Turnstile()
            self._write = _sqlite_engine(url, writer=True)
            self._read = _sqlite_engine(url, writer=False)
        else:
            self._write = create_async_engine(
                url.set(query={}),
                connect_args=_parameters(url),
                hide_parameters=HIDDEN,
                pool_size=8,
                max_overflow=8,
                pool_pre_ping=True,
            )
            event.listen(self._write.sync_engine, "connect", lambda dbapi, _: dialect.prepare_postgresql(dbapi))
            self._read = self._write.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that only reads, of one moment."""
        async with self._read.begin() as conn:
            yield conn

    @asynccontextmanager
    async def write(self, *, hurried: bool = False) -> AsyncIterator[AsyncConnection]:
        """A transaction that writes. Keep it short: no network call inside. `hurried`: somebody waits for an answer
        meanwhile; where writers queue up it is the next one."""
        if hurried:
            self._hurried_at = time.monotonic()
        if self._queue is None:
            async with self._write.begin() as conn:
                await dialect.bound_standing(conn, STANDING_WITHIN)
                yield conn
                await self._ask_guards(conn)
            return
        if self._writer is not None and self._writer is asyncio.current_task():
            raise RuntimeError("this task is writing already: pass its connection on instead of opening a second one")
        async with self._queue.turn(hurried=hurried):
            self._writer = asyncio.current_task()
            try:
                async with self._write.begin() as conn:
                    yield conn
                    await self._ask_guards(conn)
            finally:
                self._writer = None

    @asynccontextmanager
    async def hearing(self) -> AsyncIterator[AsyncConnection]:
        """A write transaction for what reads links and golden records and then changes them: one at a time in a store,
        on whatever host. Two that found the same new person side by side would make two of him. Of one process one
        waits for it in the store: every connection of the pool would, and nobody could renew a lease."""
        turn = self._hearers.turn() if self._queue is None else nullcontext()
        async with turn, self.write() as conn:
            await dialect.hold_hearing(conn)
            yield conn

    @property
    def hurried(self) -> bool:
        """Whether there were hurried writers lately: then long transactions make room more often."""
        return time.monotonic() - self._hurried_at < HURRY_SECONDS

    @contextmanager
    def guarded(self, guard: Guard) -> Iterator[None]:
        """Every write transaction of this block, and of the tasks made in it, asks `guard` last before it commits."""
        before = _guards.set((*_guards.get(), (self, guard)))
        try:
            yield
        finally:
            _guards.reset(before)

    async def _ask_guards(self, conn: AsyncConnection) -> None:
        for database, guard in _guards.get():
            if database is self:
                await guard(conn)

    @property
    def shared(self) -> bool:
        """Whether several hosts may work in this store: then a lock on this host's files keeps nobody else out."""
        return self.dialect != dialect.SQLITE

    async def schema(self) -> Schema:
        """Which schema the store has, held against this release's."""
        async with self.read() as conn:
            return await schema.read(conn)

    async def upgrade(self, revision: str | None = None, *, told: Callable[[str], None] | None = None) -> Schema:
        """Brings the schema up to date (or to `revision`); does nothing when it is. Answers what was there before.

        Two processes may call it at once: one migrates, the other waits. Refused for a store of a schema that this
        release doesn't know, and, with everything as it was, when somebody uses a table for long that a step changes.
        `told` hears each version that was reached.
        """
        found = await self.schema()
        if found.state in (SchemaState.CURRENT, SchemaState.AHEAD) or revision == found.held:
            return found
        from hub.store import migrating  # seldom needed, and slow to load

        async with self.write() as conn:
            await dialect.hold_upgrade_lock(conn)
            found = await schema.read(conn)
            schema.refuse_unusable(found)
            if found.state is not SchemaState.AHEAD:
                await dialect.bound_waiting(conn, TABLES_WITHIN)
                try:
                    await conn.run_sync(migrating.migrate, revision or migrating.HEAD, told)
                except DBAPIError as error:
                    if dialect.in_use(error):
                        raise _in_use() from None
                    raise
                if found.state is not SchemaState.EMPTY:
                    await schema.note_floor(conn)
        return found

    async def close(self) -> None:
        """Closes every connection. A `Database` that was not closed keeps its process from ending."""
        await self._read.dispose()
        await self._write.dispose()


def open_database(url: str) -> Database:
    """The store at `sqlite:///path/to/file` or `postgresql://user:password@host:port/name`.

    Nothing is contacted yet. Raises `BadInput` for a URL of another kind, an SQLite file in a folder that does not
    exist, or an in-memory SQLite store (it would be empty for every new connection).
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise _bad("it is not a database URL") from None
    if parsed.port is not None and parsed.port > 65535:
        raise _bad("there is no such port")
    driver = DRIVERS.get(parsed.drivername)
    if driver is None:
        raise _bad(f"it begins with {parsed.drivername}://")
    parsed = parsed.set(drivername=driver)
    if driver.startswith("sqlite"):
        if not parsed.database or parsed.database == ":memory:":
            raise _bad("it names no file")
        folder = Path(parsed.database).absolute().parent
        if not folder.is_dir():
            raise BadInput(f"The store's folder {folder} does not exist.", mend="Make the folder, or run `hub init`.")
    elif unknown := sorted(parsed.query.keys() - PARAMETERS):
        raise BadInput(
            f"The store's address cannot be used: nothing here knows its parameter {unknown[0]}.",
            mend=f"Leave it out. Known are {', '.join(sorted(PARAMETERS))}.",
        )
    return Database(parsed)


def _parameters(url: URL) -> dict[str, Any]:
    """The parameters of an address as the driver takes them: in an address of its own, not as arguments."""
    said = {name: value if isinstance(value, str) else ",".join(value) for name, value in url.query.items()}
    return {"dsn": f"postgresql://?{urlencode(said)}"} if said else {}


def _bad(why: str) -> BadInput:
    return BadInput(
        f"The store's address cannot be used: {why}.",
        mend="Give sqlite:///path/to/hub.db or postgresql://user:password@host:5432/name.",
    )


def _in_use() -> Refused:
    return Refused(
        f"The upgrade needs a table that others use, and did not get it within {TABLES_WITHIN.seconds} s. "
        "Nothing was changed, and what works goes on.",
        mend="Run it again when what reads for long (pg_dump, `hub export`, somebody's psql) has ended: "
        "SELECT pid, xact_start, query FROM pg_stat_activity ORDER BY xact_start.",
    )


def _sqlite_engine(url: URL, *, writer: bool) -> AsyncEngine:
    engine = create_async_engine(
        url,
        hide_parameters=HIDDEN,
        # The driver must not begin transactions by itself: it would do so late, and not with IMMEDIATE.
        connect_args={"isolation_level": None},
        pool_size=1 if writer else 4,
        max_overflow=0 if writer else 4,
    )
    event.listen(engine.sync_engine, "connect", lambda dbapi, _: dialect.prepare_sqlite(dbapi, writer=writer))
    event.listen(engine.sync_engine, "begin", lambda conn: dialect.begin_sqlite(conn, writer=writer))
    return engine
