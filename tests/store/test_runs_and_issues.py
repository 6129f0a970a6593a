"""Runs count; the same trouble is one issue."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from hub.domain.issue import Issue, IssueState
from hub.domain.keys import Address
from hub.domain.run import Run, RunState
from hub.errors import NotFound, Refused
from hub.store import issues, runs
from hub.store.database import Database
from tests.store.statements import counted

NOW, LATER = "2026-01-05T09:00:00.000Z", "2026-01-05T10:00:00.000Z"
TROUBLE = Issue(
    "invalid",
    "invalid/crm/contacts/1/email",
    "the e-mail is none",
    NOW,
    "crm",
    "contacts",
    "1",
    "con_a",
    "email",
    {"n": [1]},
)


async def test_a_run_counts_and_ends(database: Database) -> None:
    run = Run("r1", "pull", NOW, "crm", "contacts", counts={"read": 1})
    async with database.write() as conn:
        await runs.start(conn, run)
        assert await runs.get(conn, "r1") == run
        await runs.bump(conn, "r1", {"read": 2, "created": 5})
        await runs.finish(conn, "r1", RunState.PARTIAL, LATER, note="2 refused", counts={"refused": 2})
        assert await runs.get(conn, "r1") == replace(
            run,
            state=RunState.PARTIAL,
            ended_at=LATER,
            note="2 refused",
            counts={"read": 3, "created": 5, "refused": 2},
        )
        assert await runs.get(conn, "r2") is None
        with pytest.raises(NotFound):
            await runs.bump(conn, "r2", {"read": 1})


async def test_counts_of_writers_side_by_side_add_up(database: Database) -> None:
    async with database.write() as conn:
        await runs.start(conn, Run("r1", "push", NOW))

    async def bump() -> None:
        async with database.write() as conn:
            await runs.bump(conn, "r1", {"read": 1})

    await asyncio.gather(*(bump() for _ in range(20)))
    async with database.read() as conn:
        run = await runs.get(conn, "r1")
    assert run is not None
    assert run.counts == {"read": 20}


async def test_recent_runs_begin_with_the_last(database: Database) -> None:
    async with database.write() as conn:
        for n in range(5):
            await runs.start(conn, Run(f"r{n}", "pull" if n % 2 else "push", f"2026-01-0{n + 1}T00:00:00.000Z", "crm"))
        assert [r.id for r in await runs.recent(conn, 2)] == ["r4", "r3"]
        assert [r.id for r in await runs.recent(conn, job="pull", connection="crm")] == ["r3", "r1"]
        assert await runs.recent(conn, state=RunState.DONE) == []


async def test_the_same_trouble_is_one_issue(database: Database) -> None:
    async with database.write() as conn:
        first = await issues.raise_(conn, TROUBLE)
        again = await issues.raise_(conn, replace(TROUBLE, summary="still none", opened_at=LATER))
        assert again == first
        await issues.raise_all(conn, [TROUBLE, TROUBLE, replace(TROUBLE, dedupe="other")])
        kept = await issues.list_(conn)
        assert [(i.dedupe, i.times) for i in kept] == [(TROUBLE.dedupe, 4), ("other", 1)]
        assert kept[0] == replace(TROUBLE, times=4, id=first)


async def test_a_closed_issue_opens_again_without_its_old_answer(database: Database) -> None:
    async with database.write() as conn:
        number = await issues.raise_(conn, TROUBLE)
        await issues.answer(conn, number, {"use": "con_b"})
        assert await issues.close(conn, [TROUBLE.dedupe, "none"], LATER) == 1
        closed = await issues.get(conn, number)
        assert closed is not None
        assert (closed.state, closed.closed_at, closed.answer) == (IssueState.CLOSED, LATER, {"use": "con_b"})
        assert await issues.close(conn, [TROUBLE.dedupe], LATER) == 0
        with pytest.raises(Refused):
            await issues.answer(conn, number, 1)
        await issues.raise_(conn, replace(TROUBLE, opened_at=LATER))
        assert await issues.get(conn, number) == replace(TROUBLE, id=number, times=2, opened_at=LATER)


async def test_an_answer_survives_until_it_is_acted_on(database: Database) -> None:
    async with database.write() as conn:
        number = await issues.raise_(conn, TROUBLE)
        await issues.answer(conn, number, "yes")
        await issues.raise_(conn, TROUBLE)
        kept = await issues.get(conn, number)
        assert kept is not None
        assert (kept.state, kept.answer, kept.times) == (IssueState.ANSWERED, "yes", 2)
        assert await issues.list_(conn) == []
        assert await issues.list_(conn, state=IssueState.ANSWERED) == [kept]
        with pytest.raises(NotFound):
            await issues.answer(conn, 999, 1)


async def test_issues_close_by_kind_and_record(database: Database) -> None:
    async with database.write() as conn:
        for kind in ("invalid", "ambiguous", "brake"):
            for remote_id in "12":
                await issues.raise_(
                    conn, replace(TROUBLE, kind=kind, remote_id=remote_id, dedupe=f"{kind}/{remote_id}")
                )
        await issues.close_for(conn, ["invalid", "ambiguous"], Address("crm", "contacts", "1"), LATER)
        assert {i.dedupe for i in await issues.list_(conn)} == {"invalid/2", "ambiguous/2", "brake/1", "brake/2"}
        await issues.close_for(conn, ["invalid", "brake"], [Address("crm", "contacts", n) for n in "12"], LATER)
        assert {i.dedupe for i in await issues.list_(conn)} == {"ambiguous/2"}
        assert await issues.count(conn) == {"crm": {"ambiguous": 1}}
        assert await issues.count(conn, state=IssueState.CLOSED) == {"crm": {"ambiguous": 1, "brake": 2, "invalid": 2}}


async def test_issues_are_listed_by_what_they_are_about(database: Database) -> None:
    async with database.write() as conn:
        await issues.raise_all(conn, [replace(TROUBLE, dedupe=f"{n}", connection=f"c{n % 2}") for n in range(6)])
        first = await issues.list_(conn, connection="c1", limit=2)
        rest = await issues.list_(conn, connection="c1", after=first[-1].id)
        assert [i.dedupe for i in first + rest] == ["1", "3", "5"]
        assert len(await issues.list_(conn, kind="invalid", entity_id="con_a")) == 6
        assert await issues.list_(conn, kind="none") == []


async def test_many_issues_cost_one_statement(database: Database) -> None:
    async with database.write() as conn:
        with counted(conn) as seen:
            await issues.raise_all(conn, [replace(TROUBLE, dedupe=f"{n}") for n in range(900)])
            await issues.close(conn, [f"{n}" for n in range(900)])
        assert len(seen) == 2
