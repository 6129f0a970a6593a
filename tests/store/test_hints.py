"""Hints: kept once however often they come, bounded, and not lost to one that looks while they come again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest

from hub.domain.connection import Connection
from hub.domain.hint import ANYTHING, Noted
from hub.store import connections, hints
from hub.store.database import Database
from tests.store.statements import counted


def at(second: int) -> str:
    return f"2026-03-01T12:00:{second:02}.000Z"


def crm(remote_id: str, second: int = 0, stream: str = "contacts") -> Noted:
    return Noted("crm", stream, remote_id, at(second))


async def note(database: Database, *rows: Noted) -> None:
    async with database.write() as conn:
        await hints.note(conn, rows)


async def drop(database: Database, rows: Iterable[Noted]) -> None:
    async with database.write() as conn:
        await hints.drop(conn, list(rows))


async def waiting(database: Database, stream: str = "contacts", limit: int = 10_000) -> list[Noted]:
    async with database.read() as conn:
        return await hints.of(conn, "crm", stream, limit)


async def test_a_hint_that_comes_again_is_one_hint(database: Database) -> None:
    await note(database, crm("1"), crm("2"), crm("1"))
    await note(database, crm("1", 5))
    assert await waiting(database) == [crm("2"), crm("1", 5)]
    async with database.read() as conn:
        assert await hints.count(conn) == {("crm", "contacts"): 2}


async def test_those_that_waited_longest_come_first(database: Database) -> None:
    await note(database, *(crm(str(n), 59 - n) for n in range(20)))
    assert [n.remote_id for n in await waiting(database, limit=3)] == ["19", "18", "17"]


async def test_streams_and_connections_do_not_mix(database: Database) -> None:
    await note(database, crm("1"), crm("1", stream="leads"), Noted("mail", "contacts", "1", at(0)))
    await drop(database, await waiting(database))
    async with database.read() as conn:
        assert await hints.count(conn) == {("crm", "leads"): 1, ("mail", "contacts"): 1}


@pytest.mark.parametrize("again", [7, 1], ids=["later", "by the clock of a host that is behind"])
async def test_what_came_again_while_it_was_looked_at_stays(database: Database, again: int) -> None:
    await note(database, crm("1", 3), crm("2", 3))
    taken = await waiting(database)
    await note(database, crm("1", again))
    await drop(database, taken)
    assert await waiting(database) == [crm("1", again)]


async def test_too_many_ids_become_one_hint_of_their_stream(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hints, "IDS_MAX", 10)
    await note(database, *(crm(str(n)) for n in range(10)), crm("1", stream="leads"))
    assert len(await waiting(database)) == 10
    await note(database, crm("10", 1), crm("2", 2, stream="leads"))
    assert await waiting(database) == [crm(ANYTHING, 1)]
    assert len(await waiting(database, "leads")) == 2


async def test_beside_anything_ids_say_nothing_more(database: Database) -> None:
    await note(database, crm("1"))
    await note(database, crm(ANYTHING, 1), crm("2", 1))
    await note(database, crm("3", 4), crm("4", 3))
    assert await waiting(database) == [crm(ANYTHING, 4)]
    await drop(database, await waiting(database))
    await note(database, crm("5", 9))
    assert await waiting(database) == [crm("5", 9)]


async def test_a_walk_that_began_before_a_hint_came_does_not_drop_it(database: Database) -> None:
    await note(database, crm(ANYTHING, 1))
    walked = await waiting(database)
    await note(database, crm("7", 2))
    await drop(database, walked)
    assert await waiting(database) == [crm(ANYTHING, 2)]


async def test_nothing_noted_and_nothing_dropped_is_nothing_done(database: Database) -> None:
    await note(database)
    await drop(database, [])
    assert await waiting(database) == []


async def test_many_hints_cost_as_many_statements_as_one(database: Database) -> None:
    async with database.write() as conn:
        with counted(conn) as one:
            await hints.note(conn, [crm("1")])
    async with database.write() as conn:
        with counted(conn) as many:
            await hints.note(conn, [crm(str(n), n % 60) for n in range(1_000)])
    assert len(many) == len(one) <= 6


async def test_writers_in_opposite_orders_do_not_stop_each_other(database: Database) -> None:
    """Row locks alone would make PostgreSQL name one of them the victim of a deadlock."""

    async def notes(*which: Noted) -> None:
        async with database.write() as conn:
            for one in which:
                await hints.note(conn, [one])
                await asyncio.sleep(0.05)

    await asyncio.gather(notes(crm("1", 1), crm("2", 1)), notes(crm("2", 2), crm("1", 2)))
    assert [n.remote_id for n in await waiting(database)] == ["1", "2"]


async def test_a_connection_that_is_removed_takes_its_hints_along(database: Database) -> None:
    async with database.write() as conn:
        await connections.add(conn, Connection("crm", "hubspot", "http://x"))
    await note(database, crm("1"), Noted("mail", "members", "1", at(0)))
    async with database.write() as conn:
        await connections.remove(conn, "crm")
    async with database.read() as conn:
        assert await hints.count(conn) == {("mail", "members"): 1}
