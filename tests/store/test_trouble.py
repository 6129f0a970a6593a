"""A store that goes away is said to its operator in a sentence; a wrong statement stays a defect."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import asyncpg
import pytest
from asyncpg.prepared_stmt import PreparedStatement
from sqlalchemy import text

from hub.store import settings, trouble
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


@ON_POSTGRESQL
async def test_of_two_that_wait_for_each_other_one_is_told_to_try_again(database: Database) -> None:
    both = asyncio.Barrier(2)

    async def put(*names: str) -> None:
        async with database.write() as conn:
            await settings.put(conn, names[0], 1)
            await both.wait()
            await settings.put(conn, names[1], 1)

    ended = await asyncio.gather(put("a", "b"), put("b", "a"), return_exceptions=True)
    errors = [error for error in ended if isinstance(error, Exception)]
    assert ["deadlock" in said(error) for error in errors] == [True]


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
async def test_a_process_that_has_no_connection_left_says_so(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database._write.sync_engine.pool, "_timeout", 0.05)
    async with AsyncExitStack() as stack:
        for _ in range(16):
            await stack.enter_async_context(database.read())
        assert "every connection of this process" in said(await failing(database, "SELECT 1"))


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


HERE = "Connect call failed ('::1', 5432, 0, 0)"
UNREACHED = {
    "no route to the host": OSError(errno.EHOSTUNREACH, "Connect call failed ('10.0.0.9', 5432)"),
    "no network": OSError(errno.ENETUNREACH, "Connect call failed ('10.0.0.9', 5432)"),
    "two addresses, and nobody at either": OSError(f"Multiple exceptions: [Errno 111] {HERE}, [Errno 111] {HERE}"),
    "names cannot be asked for just now": socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"),
}


@pytest.mark.parametrize("error", UNREACHED.values(), ids=UNREACHED)
def test_a_host_that_is_down_or_not_reached_is_the_stores_trouble_and_passes(error: OSError) -> None:
    assert said(error).startswith("the store cannot be used: ")
    assert trouble.passing(error)


def test_a_certificate_that_is_not_accepted_is_the_stores_trouble_and_stays() -> None:
    error = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] self-signed certificate")
    assert "self-signed" in said(error)
    assert not trouble.passing(error)


async def test_a_socket_that_is_not_there_is_the_stores_trouble_and_a_file_is_not() -> None:
    database = open_database("postgresql://hub@/hub?host=/nowhere/at/all")
    try:
        assert said(await failing(database, "SELECT 1")) == "the store cannot be used: No such file or directory"
    finally:
        await database.close()
    assert trouble.meaning(FileNotFoundError(errno.ENOENT, "No such file or directory", "people.csv")) is None


@ON_POSTGRESQL
async def test_the_address_may_say_what_psql_takes(database: Database) -> None:
    url = database._write.url.render_as_string(hide_password=False)
    other = open_database(f"{url}?sslmode=disable&application_name=hub%20of%20ours&options=-c%20statement_timeout%3D7s")
    try:
        async with other.read() as conn:
            assert (await conn.execute(text("SHOW application_name"))).scalar_one() == "hub of ours"
            assert (await conn.execute(text("SHOW statement_timeout"))).scalar_one() == "7s"
    finally:
        await other.close()


@pytest.mark.parametrize(
    ("words", "why"),
    [("sslmode=sometimes", "must be one of"), ("sslmode=verify-full&sslrootcert=/nowhere.crt", "No such file")],
)
async def test_an_address_that_cannot_be_kept_to_is_told(
    postgres_server: postgres.Server, words: str, why: str
) -> None:
    database = open_database(f"{postgres_server.url}postgres?{words}")
    try:
        assert why in said(await failing(database, "SELECT 1"))
    finally:
        await database.close()
