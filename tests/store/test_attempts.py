"""Attempts come back equal, and what is unsettled is found by entity, by sink and by age."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hub.domain.attempt import Attempt, AttemptState
from hub.domain.keys import Key
from hub.domain.outcome import Fault, FaultKind
from hub.domain.plan import Cell, Op
from hub.store import attempts
from hub.store.database import Database
from tests.store.statements import counted

NOW, LATER = "2026-01-05T09:00:00.000Z", "2026-01-05T10:00:00.000Z"
FIRST = Attempt(
    id="a1",
    run_id="r1",
    entity_id="con_a",
    connection="crm",
    stream="contacts",
    remote_id=None,
    op=Op.CREATE,
    key=Key("email", "ann@x.com"),
    part="subscriptions",
    cells=(Cell("emails", None, ("a@x.com",), "union", "crm"), Cell("title", "Dr", "", "ranked")),
    expect={"emails": ("a@x.com",), "title": "", "n": 1.5},
    before=None,
    state=AttemptState.OPEN,
    opened_at=NOW,
)


async def test_an_attempt_comes_back_equal_open_and_closed(database: Database) -> None:
    fault = Fault(FaultKind.INVALID, "INVALID_EMAIL", "not an address", "email", 1.5)
    bare = replace(FIRST, id="a2", remote_id="7", op=Op.UPDATE, key=None, part="", cells=(), before={"x": [1, None]})
    async with database.write() as conn:
        await attempts.open(conn, [FIRST, bare])
        assert await attempts.of_run(conn, "r1") == [FIRST, bare]
        closed = [
            replace(FIRST, state=AttemptState.APPLIED, closed_at=LATER, remote_id="99"),
            replace(bare, state=AttemptState.REFUSED, closed_at=LATER, fault=fault),
        ]
        await attempts.close(conn, closed)
        assert await attempts.of_run(conn, "r1") == closed


@pytest.mark.parametrize("state", list(AttemptState))
async def test_open_and_in_doubt_are_unsettled_and_nothing_else(database: Database, state: AttemptState) -> None:
    other = replace(FIRST, id="other", entity_id="con_b", stream="leads")
    async with database.write() as conn:
        await attempts.open(conn, [FIRST, other])
        attempt = replace(FIRST, state=state, closed_at=LATER)
        await attempts.close(conn, [attempt])
        unsettled = [attempt] if state in (AttemptState.OPEN, AttemptState.IN_DOUBT) else []
        assert (await attempts.unsettled(conn, ["con_a", "con_c"])).get("con_a", []) == unsettled
        assert await attempts.unsettled_of(conn, "crm", "contacts") == unsettled
        stale = [attempt] if state is AttemptState.OPEN else []
        assert [a for a in await attempts.stale_open(conn, LATER) if a.id == "a1"] == stale
        assert await attempts.stale_open(conn, NOW) == []


async def test_the_unsettled_of_some_connections_are_counted(database: Database) -> None:
    places = [("crm", "contacts"), ("crm", "leads"), ("mail", "members"), ("gone", "people")]
    some = [replace(FIRST, id=f"a{n}", connection=c, stream=s) for n, (c, s) in enumerate(places * 2)]
    async with database.write() as conn:
        await attempts.open(conn, some)
        await attempts.close(conn, [replace(some[0], state=AttemptState.SETTLED, closed_at=LATER)])
        assert await attempts.count_unsettled(conn, {"crm", "mail", "new"}) == 5
        assert await attempts.count_unsettled(conn, set()) == 0


async def test_what_a_look_did_not_show_is_asked_for_again_after_its_time(database: Database) -> None:
    async with database.write() as conn:
        await attempts.open(conn, [FIRST, replace(FIRST, id="a2")])
        assert await attempts.looked_at(conn, "crm", "contacts") is None
        await attempts.close(conn, [replace(FIRST, id="a2", state=AttemptState.IN_DOUBT, closed_at=LATER)])
        assert await attempts.looked_at(conn, "crm", "contacts") == LATER
        assert [a.id for a in await attempts.unsettled_of(conn, "crm", "contacts", looked=NOW)] == ["a1"]
        assert [a.id for a in await attempts.unsettled_of(conn, "crm", "contacts", looked=LATER)] == ["a1", "a2"]


async def test_unsettled_ones_follow_a_merge_and_settled_ones_stay(database: Database) -> None:
    async with database.write() as conn:
        await attempts.open(conn, [FIRST, replace(FIRST, id="a2")])
        await attempts.close(conn, [replace(FIRST, id="a2", state=AttemptState.APPLIED, closed_at=LATER)])
        await attempts.reassign(conn, "con_a", "con_b")
        assert [a.id for a in (await attempts.unsettled(conn, ["con_a", "con_b"]))["con_b"]] == ["a1"]
        assert [a.id for a in await attempts.of_entity(conn, "con_a")] == ["a2"]


async def test_the_history_of_an_entity_begins_with_the_last(database: Database) -> None:
    async with database.write() as conn:
        await attempts.open(
            conn, [replace(FIRST, id=f"a{n}", opened_at=f"2026-01-0{n}T00:00:00.000Z") for n in range(1, 8)]
        )
        assert [a.id for a in await attempts.of_entity(conn, "con_a", 3)] == ["a7", "a6", "a5"]
        assert [a.id for a in await attempts.unsettled_of(conn, "crm", "contacts", 2, after="a5")] == ["a6", "a7"]


async def test_statements_do_not_multiply_with_rows(database: Database) -> None:
    async def cost(prefix: str, size: int) -> list[int]:
        some = [replace(FIRST, id=f"{prefix}{n}", entity_id=f"con_{n}") for n in range(size)]
        costs = []
        async with database.write() as conn:
            for step in (
                lambda: attempts.open(conn, some),
                lambda: attempts.unsettled(conn, [a.entity_id for a in some]),
                lambda: attempts.close(conn, [replace(a, state=AttemptState.LATER) for a in some]),
            ):
                with counted(conn) as seen:
                    await step()
                costs.append(len(seen))
        return costs

    assert await cost("a", 2) == await cost("b", 900)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_the_unsettled_are_found_by_index(database: Database) -> None:
    async with database.write() as conn:
        with counted(conn) as seen:
            await attempts.unsettled(conn, ["con_a"])
            await attempts.unsettled_of(conn, "crm", "contacts")
            await attempts.stale_open(conn, NOW)
            await attempts.count_unsettled(conn, {"crm"})
        for statement in seen:
            values = tuple("[]" if n == 0 else 1 for n in range(statement.count("?")))
            plan = str((await conn.exec_driver_sql("EXPLAIN QUERY PLAN " + statement, values)).all())
            assert "SCAN attempts" not in plan or "ix_attempts_unsettled" in plan, plan
