"""Golden records come back equal; who has to be told is always answered from the tables."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from hub.domain.connection import Connection
from hub.domain.consent import Consent, ConsentState, Evidence
from hub.domain.golden import Golden, GoldenState, Origin
from hub.domain.keys import Address, Key
from hub.domain.link import Link
from hub.domain.telling import NEVER, Telling
from hub.store import connections, golden, links
from hub.store.database import Database, Transaction
from tests.store.statements import counted

NOW, LATER = "2026-01-05T09:00:00.000Z", "2026-01-05T10:00:00.000Z"
ANN = Golden(
    "con_ann",
    "contact",
    {"given_name": "Ann", "emails": ("a@x.com", "b@x.com"), "phone": None, "title": "", "custom.score": 1.5},
    {"given_name": Origin(Address("crm", "contacts", "1"), NOW, "ranked"), "title": Origin(None, NOW, "pinned")},
    {
        "email": Consent(ConsentState.DENIED, NOW, "crm/contacts/1"),
        "sms": Consent(ConsentState.GRANTED, NOW, "hub", Evidence("ann", NOW, "form 12")),
    },
    GoldenState.LIVE,
    None,
    7,
)


def person(n: int, rev: int = 1, state: GoldenState = GoldenState.LIVE) -> Golden:
    return Golden(f"con_{n:04}", "contact", {"given_name": str(n)}, state=state, rev=rev)


SINKS = [("crm", "contacts", "contact"), ("crm", "leads", "contact"), ("crm", "campaigns", "campaign")]


async def known(conn: Transaction) -> None:
    """A connection with its sinks."""
    await connections.add(conn, Connection("crm", "unruly", "http://x.invalid", {}, created_at=NOW))
    await golden.make_known(conn, SINKS)


async def due(
    conn: Transaction, now: str = NOW, after: str = "", limit: int = 99, stream: str = "contacts"
) -> list[str]:
    return await golden.due(conn, "crm", stream, now, after, limit)


async def test_a_golden_record_comes_back_equal(database: Database) -> None:
    merged = Golden("con_old", "contact", state=GoldenState.MERGED, merged_into="con_ann")
    async with database.write() as conn:
        await golden.put(conn, [replace(ANN, rev=1), merged, ANN], NOW)
        back = await golden.fetch(conn, ["con_ann", "con_old", "con_none"])
    assert back == {"con_ann": ANN, "con_old": merged}
    assert type(back["con_ann"].values["emails"]) is tuple


async def test_due_is_what_is_missing_or_behind_or_was_made_due(database: Database) -> None:
    async with database.write() as conn:
        await known(conn)
        await golden.put(conn, [person(n, rev=3) for n in range(5)], NOW)
        await golden.put(conn, [person(5, state=GoldenState.MERGED), person(6, state=GoldenState.BURIED)], NOW)
        await golden.put(conn, [Golden("cam_1", "campaign")], NOW)
        told = Telling("con_0000", "crm", "contacts", 3)
        await golden.tell(
            conn,
            [
                told,
                replace(told, entity_id="con_0001", rev=2),
                replace(told, entity_id="con_0002"),
                replace(told, entity_id="con_0003", stream="leads"),
                replace(told, entity_id="con_0004", rev=4),
            ],
        )
        assert await due(conn) == ["con_0001", "con_0003", "con_0006"]
        await golden.make_due(conn, ["con_0002", "con_0009"], "crm", "contacts")
        expected = ["con_0001", "con_0002", "con_0003", "con_0006"]
        assert await due(conn) == expected
        assert await due(conn, after="con_0001", limit=2) == ["con_0002", "con_0003"]
        assert await golden.due_count(conn, "crm", "contacts", NOW) == 4
        assert await due(conn, stream="campaigns") == ["cam_1"]


async def test_due_waits_for_its_time(database: Database) -> None:
    async with database.write() as conn:
        await known(conn)
        await golden.put(conn, [person(1), person(2), person(3)], NOW)
        waiting = Telling("con_0001", "crm", "contacts", 0, retry_at=LATER, tries=2)
        await golden.tell(conn, [waiting, replace(waiting, entity_id="con_0002", retry_at=NOW)])
        assert await due(conn) == ["con_0002", "con_0003"]
        assert await golden.next_retry(conn, "crm", "contacts", NOW) == LATER
        assert await due(conn, now=LATER) == ["con_0001", "con_0002", "con_0003"]
        assert await golden.next_retry(conn, "crm", "contacts", LATER) is None
        never = Telling("con_0003", "crm", "contacts", NEVER)
        told = await golden.tellings(conn, ["con_0001", "con_0003", "con_0004"], "crm", "contacts")
        assert told == {"con_0001": waiting, "con_0003": never}
        done = replace(waiting, rev=1, retry_at=None, tries=0)
        await golden.tell(conn, [waiting, done])
        assert (await golden.tellings(conn, ["con_0001"], "crm", "contacts")) == {"con_0001": done}
        assert await due(conn, now=LATER) == ["con_0002", "con_0003"]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_the_question_who_is_due_reads_those_who_are_due_and_nobody_else(database: Database) -> None:
    async with database.write() as conn:
        with counted(conn) as seen:
            await due(conn)
            await golden.due_count(conn, "crm", "contacts", NOW)
        for statement in seen:
            values = tuple(0 for _ in range(statement.count("?")))
            plan = str((await conn.exec_driver_sql("EXPLAIN QUERY PLAN " + statement, values)).all())
            assert "SEARCH tellings USING INDEX ix_tellings_due" in plan
            assert "TEMP B-TREE" not in plan


async def test_a_sink_that_comes_to_be_known_is_due_of_all_that_there_are(database: Database) -> None:
    async with database.write() as conn:
        people = [person(1), person(2, state=GoldenState.MERGED), person(3, state=GoldenState.BURIED)]
        await golden.put(conn, people, NOW)
        assert await due(conn) == []
        await golden.make_known(conn, SINKS)
        assert await golden.sinks_of(conn) == frozenset()  # its connection was removed meanwhile
        await known(conn)
        assert await golden.sinks_of(conn) == frozenset(SINKS)
        assert await due(conn) == ["con_0001", "con_0003"]
        await golden.tell(conn, [Telling("con_0001", "crm", "contacts", 1)])
        await golden.make_known(conn, SINKS)
        assert await due(conn) == ["con_0003"]
        await connections.remove(conn, "crm")
        assert (await golden.sinks_of(conn), await due(conn)) == (frozenset(), [])


async def test_who_turns_out_to_be_another_one_is_not_told_of(database: Database) -> None:
    async with database.write() as conn:
        await known(conn)
        await golden.put(conn, [person(1), person(2)], NOW)
        await golden.put(conn, [replace(person(1, rev=2, state=GoldenState.MERGED), merged_into="con_0002")], NOW)
        assert await due(conn) == ["con_0002"]
        await golden.tell(conn, [Telling("con_0001", "crm", "contacts", NEVER - 1, LATER)])  # by a write under way
        assert await due(conn, LATER) == ["con_0002"]


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
async def test_who_is_told_while_news_are_heard_stays_due(database: Database) -> None:
    """The one sees nothing of what the other has not committed yet."""
    async with database.write() as conn:
        await known(conn)
        await golden.put(conn, [person(1)], NOW)

    async def tell() -> None:
        async with database.write() as conn:
            await golden.tell(conn, [Telling("con_0001", "crm", "contacts", 1)])

    async with database.hearing() as conn:
        await golden.put(conn, [person(1, rev=2)], NOW)
        telling = asyncio.create_task(tell())
        await asyncio.wait({telling}, timeout=0.3)
    await telling
    async with database.read() as conn:
        assert await due(conn) == ["con_0001"]


async def test_each_and_count_go_by_state(database: Database) -> None:
    async with database.write() as conn:
        await golden.put(conn, [person(n) for n in range(12)] + [person(99, state=GoldenState.BURIED)], NOW)
        await golden.put(conn, [Golden("cam_1", "campaign")], NOW)
        parts = [part async for part in golden.each(conn, "contact", 5)]
        assert [len(part) for part in parts] == [5, 5, 2]
        assert [g for part in parts for g in part] == [person(n) for n in range(12)]
        assert len([g async for part in golden.each(conn, "contact", 5, state=None) for g in part]) == 13
        assert await golden.count(conn, "contact") == 12
        assert await golden.count(conn, "contact", GoldenState.BURIED) == 1
        assert await golden.count(conn, "contact", None) == 13


async def test_a_person_is_found_by_id_key_and_remote_id(database: Database) -> None:
    at = Address("crm", "contacts", "003xx")
    link = Link(at, "con_ann", keys=(Key("email", "ann@x.com"), Key("phone_name", "+1555:ann lee")))
    async with database.write() as conn:
        await golden.put(conn, [ANN, person(1)], NOW)
        await links.put(conn, [link, Link(Address("crm", "contacts", "9"), "con_0001")])
        await links.put_keys(conn, "contact", [link])
        for said in ("con_ann", "ann@x.com", " Ann@X.com ", "email:ann@x.com", "phone_name:+1555:ann lee", "003xx"):
            assert [g.entity_id for g in await golden.find(conn, "contact", said)] == ["con_ann"], said
        for said in ("nobody", "", "ann", "%"):
            assert await golden.find(conn, "contact", said) == []
        assert await golden.find(conn, "campaign", "con_ann") == []


async def test_statements_do_not_multiply_with_rows(database: Database) -> None:
    async def cost(start: int, size: int) -> list[int]:
        some = [person(n) for n in range(start, start + size)]
        ids = [g.entity_id for g in some]
        costs = []
        async with database.write() as conn:
            for step in (
                lambda: golden.put(conn, some, NOW),
                lambda: golden.fetch(conn, ids),
                lambda: golden.tell(conn, [Telling(i, "crm", "contacts", 1) for i in ids]),
                lambda: golden.tellings(conn, ids, "crm", "contacts"),
            ):
                with counted(conn) as seen:
                    await step()
                costs.append(len(seen))
        return costs

    assert await cost(0, 2) == await cost(1000, 900)
