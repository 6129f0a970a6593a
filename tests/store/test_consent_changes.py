"""Changes of consent: who is to be told first, when a change is through, and that asking never reads everybody."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import event, func, select, text

from hub.domain.consent import Consent, ConsentState
from hub.domain.consent_change import Addressee, ConsentChange, Latencies
from hub.domain.golden import Golden, GoldenState
from hub.domain.keys import Address
from hub.domain.link import Link, LinkState
from hub.domain.telling import Telling
from hub.store import consent_changes, golden, links
from hub.store.consent_changes import close_written, due, latencies, note, reassign, stuck
from hub.store.database import Database, Transaction
from hub.store.gauges import Backlog
from hub.store.tables import consent_changes as table

SEEN, HEARD, NOW = "2026-01-05T09:00:00.000Z", "2026-01-05T09:00:02.000Z", "2026-01-05T09:00:05.000Z"
CRM, MAIL = ("crm", "contacts"), ("mail", "members")
AT_CRM, AT_MAIL = (Addressee(*place, frozenset({"email"})) for place in (CRM, MAIL))


OUT = {"email": Consent(ConsentState.DENIED, SEEN)}


def denied(entity: str, seen_at: str = SEEN) -> ConsentChange:
    return ConsentChange(entity, "email", ConsentState.DENIED, seen_at, HEARD)


async def person(conn: Transaction, entity: str, *, rev: int = 2, state: GoldenState = GoldenState.LIVE) -> None:
    """Somebody who opted out, with a record in two systems, both of which were told of revision 1."""
    await golden.put(conn, [Golden(entity, "contact", consent=OUT, rev=rev, state=state)], NOW)
    await links.put(conn, [Link(Address(*place, entity), entity, LinkState.LIVE) for place in (CRM, MAIL)])
    await golden.tell(conn, [Telling(entity, *place, 1) for place in (CRM, MAIL)])


async def told(conn: Transaction, entity: str, place: tuple[str, str], rev: int = 2) -> None:
    await golden.tell(conn, [Telling(entity, *place, rev)])
    await links.put(conn, [Link(Address(*place, entity), entity, echo={"consent.email": "denied"})])


async def refused(conn: Transaction, entity: str, place: tuple[str, str], rev: int = 2) -> None:
    """Nothing more is told until there is news, and the record is as it was."""
    await golden.tell(conn, [Telling(entity, *place, rev)])


async def still_open(conn: Transaction) -> int:
    found = await conn.execute(select(func.count()).where(table.c.written_at.is_(None)))
    return int(found.scalar_one())


async def test_those_are_due_who_have_a_record_there_and_of_whom_it_was_not_told(database: Database) -> None:
    async with database.write() as conn:
        for entity in ("a", "b", "c", "d", "e", "f"):
            await person(conn, entity)
        await note(conn, [denied(e) for e in ("b", "a", "a", "c", "d", "e")])
        await told(conn, "c", MAIL)
        await golden.tell(conn, [Telling("d", *MAIL, 1, retry_at="2026-01-05T09:00:05.001Z")])
        await links.put(conn, [Link(Address(*MAIL, "e"), "e", LinkState.GONE)])
        assert await due(conn, AT_MAIL, "contact", NOW) == ["a", "b"]
        assert await due(conn, AT_MAIL, "contact", NOW, limit=1) == ["a"]
        assert await due(conn, AT_MAIL, "contact", NOW, "a", 1) == ["b"]
        assert await due(conn, AT_MAIL, "contact", "2026-01-05T09:00:05.001Z") == ["a", "b", "d"]
        assert await due(conn, AT_CRM, "contact", NOW) == ["a", "b", "c", "d", "e"]
        assert await due(conn, AT_MAIL, "campaign", NOW) == []
        assert await consent_changes.any_open(conn)


async def test_a_change_is_through_once_every_system_was_told(database: Database) -> None:
    async with database.write() as conn:
        await person(conn, "a")
        await note(conn, [denied("a")])
        assert await close_written(conn, [AT_CRM, AT_MAIL], NOW) == 0
        await told(conn, "a", CRM)
        assert await close_written(conn, [AT_CRM, AT_MAIL], NOW) == 0
        await told(conn, "a", MAIL)
        assert await close_written(conn, [AT_CRM, AT_MAIL], NOW) == 1
        assert not await consent_changes.any_open(conn)
        assert await close_written(conn, [AT_CRM, AT_MAIL], NOW) == 0


async def test_systems_that_are_not_written_to_do_not_count(database: Database) -> None:
    async with database.write() as conn:
        await person(conn, "a")
        await note(conn, [denied("a")])
        await told(conn, "a", MAIL)
        assert await close_written(conn, [AT_MAIL], NOW) == 1


async def test_a_place_whose_names_join_to_the_same_letters_is_another(database: Database) -> None:
    """One system and its stream are told, and another is not: places are compared whole."""
    async with database.write() as conn:
        await golden.put(conn, [Golden("a", "contact", consent=OUT, rev=2)], NOW)
        await links.put(conn, [Link(Address("crm", "contacts", "1"), "a", LinkState.LIVE)])
        await note(conn, [denied("a")])
        assert await due(conn, replace(AT_CRM, connection="crm2"), "contact", NOW) == []
        assert await due(conn, replace(AT_CRM, stream="contacts2"), "contact", NOW) == []
        assert await due(conn, AT_CRM, "contact", NOW) == ["a"], "never told at all"


async def test_what_was_refused_stays_open_and_is_not_told_again(database: Database) -> None:
    async with database.write() as conn:
        await person(conn, "a")
        await note(conn, [denied("a")])
        await told(conn, "a", CRM)
        await refused(conn, "a", MAIL)
        assert await due(conn, AT_MAIL, "contact", NOW) == []
        assert await close_written(conn, [AT_CRM, AT_MAIL], NOW) == 0
        assert await stuck(conn, [AT_CRM, AT_MAIL], NOW) == {"mail": Backlog(1, SEEN)}
        assert await stuck(conn, [AT_CRM, AT_MAIL], SEEN) == {}, "it was heard since"
        await told(conn, "a", MAIL)
        assert await stuck(conn, [AT_CRM, AT_MAIL], NOW) == {}
        assert await close_written(conn, [AT_CRM, AT_MAIL], NOW) == 1


async def test_a_system_without_a_field_for_it_has_nothing_to_be_told(database: Database) -> None:
    phones = replace(AT_MAIL, denials=frozenset({"phone"}))
    async with database.write() as conn:
        await person(conn, "a")
        await note(conn, [denied("a")])
        await told(conn, "a", CRM)
        assert await due(conn, phones, "contact", NOW) == []
        assert await close_written(conn, [AT_CRM, phones], NOW) == 1


async def test_a_connection_that_cannot_be_used_is_waited_for(database: Database) -> None:
    async with database.write() as conn:
        await person(conn, "a")
        await note(conn, [denied("a")])
        await told(conn, "a", CRM)
        assert await close_written(conn, [AT_CRM], NOW, ["mail"]) == 0
        assert await stuck(conn, [AT_CRM], NOW, ["mail"]) == {"mail": Backlog(1, SEEN)}
        await told(conn, "a", MAIL)
        assert await close_written(conn, [AT_CRM], NOW, ["mail"]) == 1


async def test_a_grant_is_waited_for_only_where_it_can_be_told(database: Database) -> None:
    granted = replace(denied("a"), state=ConsentState.GRANTED)
    able = replace(AT_CRM, grants=frozenset({"email"}))
    async with database.write() as conn:
        consent = {"email": Consent(ConsentState.GRANTED, SEEN)}
        await person(conn, "a")
        await told(conn, "a", CRM)
        await told(conn, "a", MAIL)
        await golden.put(conn, [Golden("a", "contact", consent=consent, rev=3)], NOW)
        await note(conn, [denied("a"), granted])
        assert await due(conn, AT_MAIL, "contact", NOW) == []
        assert await due(conn, able, "contact", NOW) == ["a"]
        assert await close_written(conn, [able, AT_MAIL], NOW) == 1, "the denial, which holds no more"
        await links.put(conn, [Link(Address(*CRM, "a"), "a", echo={"consent.email": "granted"})])
        assert await close_written(conn, [able, AT_MAIL], NOW) == 1


async def test_nothing_stays_open_for_ever(database: Database) -> None:
    """Of entities that are gone, merged, buried, or have no record anywhere."""
    async with database.write() as conn:
        await person(conn, "merged", state=GoldenState.MERGED)
        await person(conn, "buried", state=GoldenState.BURIED)
        await golden.put(conn, [Golden("nowhere", "contact", rev=2)], NOW)
        await note(conn, [denied(e) for e in ("merged", "buried", "nowhere", "erased")])
        assert await close_written(conn, [AT_CRM, AT_MAIL], NOW) == 3
        assert await due(conn, AT_MAIL, "contact", NOW) == ["buried"]
        for place in (CRM, MAIL):
            await told(conn, "buried", place)
        assert await close_written(conn, [AT_CRM, AT_MAIL], NOW) == 1


async def test_what_is_open_goes_over_to_who_absorbs_the_person(database: Database) -> None:
    async with database.write() as conn:
        await person(conn, "winner")
        await person(conn, "loser", state=GoldenState.MERGED)
        await note(conn, [denied("loser")])
        await reassign(conn, "loser", "winner")
        assert await close_written(conn, [AT_CRM, AT_MAIL], NOW) == 0
        assert await due(conn, AT_MAIL, "contact", NOW) == ["winner"]


async def test_closing_is_bounded(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consent_changes, "CLOSED_AT_ONCE", 4)
    async with database.write() as conn:
        await note(conn, [denied(f"erased{n}") for n in range(10)])
        assert [await close_written(conn, [AT_CRM], NOW) for _ in range(4)] == [4, 4, 2, 0]


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)  # SQLite has one writer at a time
async def test_closing_waits_for_nobody(database: Database) -> None:
    """Two workers close at once, or one hears meanwhile: else they could wait for each other for ever."""
    async with database.write() as conn:
        await note(conn, [denied("erased1"), denied("erased2")])
    async with database.write() as one, database.write() as two:
        await reassign(one, "erased1", "erased3")
        assert await close_written(two, [], NOW) == 1
    async with database.write() as conn:
        assert await close_written(conn, [], NOW) == 1


async def test_latencies_are_from_seen_to_written(database: Database) -> None:
    async with database.write() as conn:
        assert await latencies(conn, SEEN) == Latencies(None, None, 0, 0, None)
        await note(conn, [denied(f"erased{n}", f"2026-01-05T08:{n // 60:02}:{n % 60:02}.000Z") for n in range(100)])
        await close_written(conn, [], "2026-01-05T08:02:00.000Z")  # 120 s after the first, 21 s after the last
        await person(conn, "a")
        await note(conn, [denied("a", "2026-01-05T08:59:00.000Z"), denied("a")])
        assert await latencies(conn, "2026-01-05T08:02:00.000Z") == Latencies(
            70.0, 119.0, 100, 2, "2026-01-05T08:59:00.000Z"
        )
        assert (await latencies(conn, NOW)).number == 0


MANY = 20_000
FILL = {
    "golden": 'entity_id, entity, "values", origins, consent, state, rev, created_at, updated_at',
    "links": "connection, stream, remote_id, entity_id, "
    "state, echo, sent, said, statements, keys, in_scope, updated_at",
    "tellings": "entity_id, connection, stream, rev, tries",
    "consent_changes": "entity_id, channel, state, seen_at, heard_at, written_at",
}
ROWS = {
    "golden": "'e' || n, 'contact', '{}', '{}', '{}', 'live', 2, '', ''",
    "links": "'mail', 'members', n, 'e' || n, 'live', '{}', '{}', '{}', '{}', '[]', true, ''",
    "tellings": "'e' || n, 'mail', 'members', 2, 0",
    "consent_changes": "'e' || n, 'email', 'denied', '', '', '2026-01-04'",
}


async def test_asking_and_closing_never_go_through_everybody(database: Database) -> None:
    """A few changes among many people: on both databases every big table is entered by an index."""
    sqlite = database.dialect == "sqlite"
    numbers = (
        f"WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {MANY})"
        if sqlite
        else f"WITH numbers(n) AS (SELECT generate_series(1, {MANY}))"
    )
    async with database.write() as conn:
        for name, columns in FILL.items():
            await conn.execute(text(f"INSERT INTO {name} ({columns}) {numbers} SELECT {ROWS[name]} FROM numbers"))
        await note(conn, [denied(f"e{n}") for n in range(1, MANY, MANY // 10)])
    async with database.write() as conn:
        if not sqlite:
            await conn.execute(text("ANALYZE"))
        questions = (
            lambda: due(conn, AT_MAIL, "contact", NOW, "e2"),
            lambda: close_written(conn, [AT_CRM, AT_MAIL], NOW),
            lambda: stuck(conn, [AT_CRM, AT_MAIL], NOW, ["shop"]),
            lambda: consent_changes.any_open(conn),
        )
        for question in questions:
            for line in await plans(conn, question, sqlite):
                whole = any(line.startswith(f"SCAN {name}") or f"Seq Scan on {name}" in line for name in FILL)
                assert not whole or "ix_consent_changes_open" in line, line
                assert not line.startswith("SEARCH golden") or "(entity_id=?)" in line, line


async def plans(conn: Transaction, question: Callable[[], Awaitable[object]], sqlite: bool) -> list[str]:
    """How the database answers the one statement of a question, with the values that it was asked with."""
    asked: list[tuple[str, Any]] = []

    def noted(_conn: Any, _cursor: Any, statement: str, values: Any, *_rest: Any) -> None:
        asked.append((statement, values))

    event.listen(conn.sync_connection, "before_cursor_execute", noted)
    await question()
    event.remove(conn.sync_connection, "before_cursor_execute", noted)
    ((statement, values),) = asked
    explain = "EXPLAIN QUERY PLAN " if sqlite else "EXPLAIN "
    return [str(row[-1]) for row in (await conn.exec_driver_sql(explain + statement, values)).all()]
