"""Transactions, the writers' queue, and addresses that cannot be used."""

from __future__ import annotations

import asyncio
import shutil
import socket
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from hub.errors import BadInput
from hub.store import settings, trouble
from hub.store.database import Database, open_database


async def test_a_block_that_ends_is_committed_and_one_that_raises_is_not(database: Database) -> None:
    async with database.write() as conn:
        await settings.put(conn, "kept", 1)

    async def fail() -> None:
        async with database.write() as conn:
            await settings.put(conn, "lost", 1)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    async with database.read() as conn:
        assert await settings.all(conn) == {"kept": 1}


async def test_a_reader_cannot_write(database: Database) -> None:
    with pytest.raises(DBAPIError):
        async with database.read() as conn:
            await settings.put(conn, "x", 1)
    async with database.write() as conn:
        await settings.put(conn, "x", 2)
    async with database.read() as conn:
        assert await settings.get(conn, "x") == 2


async def test_a_reader_sees_one_moment_while_a_writer_goes_on(database: Database) -> None:
    async with database.write() as conn:
        await settings.put(conn, "x", 1)
    async with database.read() as reader:
        assert await settings.get(reader, "x") == 1
        async with database.write() as conn:
            await settings.put(conn, "x", 2)
        assert await settings.get(reader, "x") == 1
    async with database.read() as reader:
        assert await settings.get(reader, "x") == 2


async def test_writers_of_one_process_do_not_get_into_each_others_way(database: Database) -> None:
    async def add_one(n: int) -> None:
        async with database.write() as conn:
            await settings.put(conn, f"n{n}", n)
            await asyncio.sleep(0.001)

    await asyncio.gather(*(add_one(n) for n in range(30)))
    async with database.read() as conn:
        assert len(await settings.all(conn)) == 30


async def test_a_cancelled_writer_lets_the_next_one_in(database: Database) -> None:
    entered = asyncio.Event()

    async def slow() -> None:
        async with database.write() as conn:
            await settings.put(conn, "half", 1)
            entered.set()
            await asyncio.sleep(60)

    task = asyncio.create_task(slow())
    async with asyncio.timeout(5):
        await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(5):
        async with database.write() as conn:
            await settings.put(conn, "whole", 1)
    async with database.read() as conn:
        assert await settings.all(conn) == {"whole": 1}


async def test_a_second_transaction_of_the_writing_task_is_named_instead_of_hanging(
    sqlite_template: Path, tmp_path: Path
) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'x.db'}")
    try:
        async with asyncio.timeout(5):
            async with database.write():
                with pytest.raises(RuntimeError, match="is writing already"):
                    async with database.write():
                        pass
    finally:
        await database.close()


async def test_two_processes_share_an_sqlite_file(sqlite_template: Path, tmp_path: Path) -> None:
    path = tmp_path / "hub.db"
    shutil.copy(sqlite_template, path)
    ours, theirs = open_database(f"sqlite:///{path}"), open_database(f"sqlite+aiosqlite:///{path}")
    try:

        async def add(database: Database, start: int) -> None:
            for n in range(start, start + 20):
                async with database.write() as conn:
                    held = await settings.get(conn, "sum", 0)
                    await settings.put(conn, "sum", held + n)

        await asyncio.gather(add(ours, 0), add(theirs, 100))
        async with ours.read() as conn:
            assert await settings.get(conn, "sum") == sum(range(20)) + sum(range(100, 120))
    finally:
        await ours.close()
        await theirs.close()


async def test_sqlite_runs_with_the_settings_it_needs(sqlite_template: Path, tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'x.db'}")
    try:
        async with database.write() as conn:
            said = [
                (await conn.execute(text(f"PRAGMA {name}"))).scalar_one()
                for name in ("journal_mode", "synchronous", "busy_timeout", "foreign_keys")
            ]
        assert said == ["wal", 1, 5000, 1]
    finally:
        await database.close()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "nonsense",
        "mysql://u:geheim@h/x",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:////no/such/folder/x.db",
        "postgresql://u:geheim@h:99999/x",
        "postgresql://u:geheim@h/x?sslmod=require",
        "postgresql://u:geheim@h/x?password=geheim&channel_binding=require",
    ],
)
def test_an_address_that_cannot_be_used_is_refused_with_a_way_out(url: str) -> None:
    with pytest.raises(BadInput) as refused:
        open_database(url)
    assert refused.value.mend
    assert "geheim" not in str(refused.value)


async def test_the_short_forms_of_addresses_are_taken(tmp_path: Path) -> None:
    for url, dialect in ((f"sqlite:///{tmp_path / 'x.db'}", "sqlite"), ("postgres://u@h/x", "postgresql")):
        database = open_database(url)
        assert database.dialect == dialect
        await database.close()


async def test_errors_do_not_quote_what_was_to_be_kept(database: Database) -> None:
    with pytest.raises(DBAPIError) as failed:
        async with database.write() as conn:
            await conn.execute(text("INSERT INTO settings (name, value) VALUES (:n, NULL)"), {"n": "ann@example.com"})
    assert "ann@example.com" not in str(failed.value).split("DETAIL")[0]


# --- PostgreSQL ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
async def test_those_who_wait_to_hear_leave_the_store_to_others(database: Database) -> None:
    """One hears, the others wait: with a connection each they would keep renewals of leases and webhooks waiting."""
    holds, let_go = asyncio.Event(), asyncio.Event()

    async def hear() -> None:
        async with database.hearing():
            holds.set()
            await let_go.wait()

    hearing = [asyncio.create_task(hear()) for _ in range(40)]
    await holds.wait()
    for _ in range(100):
        await asyncio.sleep(0)
    taken = database._write.sync_engine.pool.checkedout()  # type: ignore[attr-defined]
    async with database.read() as conn:
        assert await settings.all(conn) == {}
    let_go.set()
    await asyncio.gather(*hearing)
    assert taken == 1


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
async def test_a_server_that_vanished_is_noticed(database: Database) -> None:
    """Its host is gone, or a firewall forgot the connection: nobody would say so to one who waits."""
    async with database.read() as conn:
        driver = (await conn.get_raw_connection()).driver_connection
        assert driver is not None
        held = driver._transport.get_extra_info("socket")
        if held.family is socket.AF_UNIX:
            pytest.skip("this server is on this host")
        assert held.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        most = [held.getsockopt(socket.IPPROTO_TCP, o) for o in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL)]
        assert max(most) <= 30
        assert 0 < held.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) <= 60_000


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
async def test_a_writer_that_stands_still_is_ended_and_lets_the_others_go_on(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its process was stopped, or its host died, before it asked whether the lease is still its own."""
    monkeypatch.setattr("hub.store.database.STANDING_WITHIN", timedelta(milliseconds=200))

    async def stand_still() -> None:
        async with database.write() as stands:
            await settings.put(stands, "a", 1)
            async with asyncio.timeout(30), database.write() as conn:
                await settings.put(conn, "a", 2)
            await settings.put(stands, "b", 1)

    with pytest.raises(DBAPIError) as ended:
        await stand_still()
    assert trouble.meaning(ended.value) is not None, repr(ended.value)
    async with database.read() as conn:
        assert await settings.all(conn) == {"a": 2}


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
async def test_a_reader_may_take_its_time(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub.store.database.STANDING_WITHIN", timedelta(milliseconds=200))
    async with database.write() as conn:
        await settings.put(conn, "a", 1)
    async with database.read() as conn:  # over the same connection
        assert (await conn.execute(text("SHOW idle_in_transaction_session_timeout"))).scalar_one() == "0"
