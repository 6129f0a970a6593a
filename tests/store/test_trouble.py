"""A store that goes away is said to its operator in a sentence; a wrong statement stays a defect."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import asyncpg
import pytest
from asyncpg.prepared_stmt import PreparedStatement
from sqlalchemy import text

from hub.store import trouble
from hub.store.database import Database, open_database
from tests import postgres
from tests.conftest import execute

ON_POSTGRESQL = pytest.mark.parametrize("database", ["postgresql"], indirect=True)


async def failing(
    database: Database, *statements: str, between: Callable[[], Awaitable[None]] | None = None
) -> Exception:
    """What a transaction raises that begins, lets something happen, and executes."""
    try:
        async with database.write() as conn:
            if between is not None:
                await between()
            for statement in statements:
                await conn.execute(text(statement))
    except Exception as error:
        return error
    raise AssertionError("it went well")


def said(error: Exception) -> str:
    meant = trouble.meaning(error)
    assert meant is not None, repr(error)
    return meant.message


@ON_POSTGRESQL
@pytest.mark.parametrize("during", [True, False], ids=["in a statement", "between two"])
async def test_a_connection_that_is_cut_is_the_stores_trouble(
    database: Database, postgres_server: postgres.Server, during: bool
) -> None:
    name = database._write.url.database

    async def cut() -> None:
        ours = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
        await execute(postgres_server, ours)

    if during:
        task = asyncio.create_task(failing(database, "SELECT pg_sleep(30)"))
        while not await _asleep(postgres_server, str(name)):  # noqa: ASYNC110 the server has no event for it
            await asyncio.sleep(0.02)
        await cut()
        error = await task
    else:
        error = await failing(database, "SELECT 1", between=cut)
    assert said(error).startswith("the store cannot be used: ")
    assert "asyncpg" not in said(error)


async def _asleep(server: postgres.Server, name: str) -> bool:
    database = open_database(server.url + "postgres")
    asleep = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = :name"
    try:
        async with database.read() as conn:
            return bool((await conn.execute(text(asleep), {"name": name})).scalar_one())
    finally:
        await database.close()


@pytest.mark.parametrize(
    ("role", "name", "why"),
    [
        ("hub", "nowhere", 'database "nowhere" does not exist'),
        ("nobody", "postgres", 'role "nobody" does not exist'),
    ],
)
async def test_a_store_that_does_not_let_the_hub_in_says_why(
    postgres_server: postgres.Server, role: str, name: str, why: str
) -> None:
    url = postgres_server.url.partition("@")[2]
    database = open_database(f"postgresql://{role}@{url}{name}")
    try:
        assert said(await failing(database, "SELECT 1")) == f"the store cannot be used: {why}"
    finally:
        await database.close()


@ON_POSTGRESQL
async def test_a_driver_that_is_confused_by_a_cut_is_the_stores_trouble(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As seen when a connection is terminated between a statement's preparation and its execution."""

    async def confused(*_: object, **__: object) -> None:
        raise asyncpg.InternalClientError("cannot switch to state 12; another operation (2) is in progress")

    monkeypatch.setattr(PreparedStatement, "fetch", confused)
    assert "cannot switch to state 12" in said(await failing(database, "SELECT 1"))


@ON_POSTGRESQL
@pytest.mark.parametrize("statement", ["SELECT nothing", "SELECT 1/0", "SELECT * FROM nowhere"])
async def test_a_wrong_statement_is_a_defect(database: Database, statement: str) -> None:
    assert trouble.meaning(await failing(database, statement)) is None


@ON_POSTGRESQL
async def test_what_passes_and_what_an_operator_has_to_mend(
    database: Database, postgres_server: postgres.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def opening(url: str) -> Exception:
        other = open_database(url)
        try:
            return await failing(other, "SELECT 1")
        finally:
            await other.close()

    url = database._write.url.render_as_string(hide_password=False)
    nobody = database._write.url.set(port=1).render_as_string(hide_password=False)
    assert trouble.passing(await opening(nobody))
    assert not trouble.passing(await opening(url + "_that_there_is_not"))
    assert not trouble.passing(await failing(database, "SELECT nonsense"))
    stopped = "SELECT pg_terminate_backend(pg_backend_pid())"
    assert trouble.passing(await failing(database, stopped, "SELECT 1"))
