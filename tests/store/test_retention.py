"""What may be forgotten, and above all what may not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, insert, select

from hub.domain.attempt import Attempt, AttemptState
from hub.domain.history import FieldChange
from hub.domain.issue import Issue
from hub.domain.moments import iso
from hub.domain.plan import Cell, Op
from hub.domain.run import Run, RunState
from hub.store import attempts, changes, issues, retention, runs, tables
from hub.store.database import Database, Transaction
from hub.store.retention import Slice, Times
from tests.store.test_attempts import FIRST

FAR = "2999-01-01T00:00:00.000Z"
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


def day(number: float) -> str:
    return iso(EPOCH + timedelta(days=number))


def ran(name: str, job: str, began: float, lasted: float | None = 0.01, place: str = "crm", **more: Any) -> Run:
    ended = None if lasted is None else day(began + lasted)
    state = RunState.RUNNING if lasted is None else RunState.DONE
    return Run(name, job, day(began), "" if job == "sync" else place, state=state, ended_at=ended, **more)


def wrote(name: str, run: str, at: float, *fields: str, **more: Any) -> Attempt:
    cells = tuple(Cell(field, None, "x", "", "") for field in fields)
    done = {"op": Op.UPDATE, "state": AttemptState.APPLIED, "remote_id": "7", **more}
    return replace(FIRST, id=name, run_id=run, opened_at=day(at), closed_at=day(at), cells=cells, **done)


async def keep(database: Database, ran: Sequence[Run] = (), wrote: Sequence[Attempt] = ()) -> None:
    async with database.write() as conn:
        for run in ran:
            await runs.start(conn, run)
        await attempts.open(conn, wrote)


async def walked(conn: Transaction, look: Any, begin: Any, before: str = FAR) -> set[Any]:
    """Everything that a walk to the end would forget."""
    found: set[Any] = set()
    slice_: Slice = await look(conn, begin, before)
    while True:
        found.update(slice_.ids)
        if slice_.last:
            return found
        slice_ = await look(conn, slice_.after, before)


async def idle(database: Database, before: str = FAR) -> set[str]:
    async with database.read() as conn:
        return await walked(conn, retention.idle_runs, ["", ""], before)


async def old(database: Database, before: str = FAR) -> set[str]:
    async with database.read() as conn:
        return await walked(conn, retention.old_runs, ["", ""], before)


async def closed(database: Database, before: str = FAR) -> set[str]:
    async with database.read() as conn:
        return await walked(conn, retention.attempts, ["", ""], before)


async def test_runs_that_wrote_nothing_go_first_and_the_last_of_each_kind_stays(database: Database) -> None:
    await keep(
        database,
        [
            *(ran(f"pull{n}", "pull", n) for n in range(3)),
            ran("elsewhere", "pull", 0, place="shop"),
            ran("push1", "push", 1),
            ran("push2", "push", 2),
            ran("dead", "verify", 0, None),
            ran("verified", "verify", 1),
        ],
        [wrote("a1", "push1", 1, "phone")],
    )
    assert await idle(database) == {"pull0", "pull1"}
    assert await idle(database, day(1)) == {"pull0"}
    assert await old(database) == {"pull0", "pull1", "push1", "dead"}


async def test_a_sync_is_kept_with_what_was_written_during_it(database: Database) -> None:
    await keep(
        database,
        [
            ran("wrote", "sync", 1, 0.5),
            ran("push", "push", 1.2),
            ran("idle", "sync", 2, 0.5),
            ran("pull", "pull", 2.2),
            ran("last", "sync", 3, 0.5),
        ],
        [wrote("a1", "push", 1.2, "phone")],
    )
    assert await idle(database) == {"idle"}


async def test_a_run_after_a_sync_that_never_ended_tells_how_far_that_one_went(database: Database) -> None:
    await keep(
        database,
        [ran("killed", "sync", 1, None), ran("next", "sync", 2), ran("another", "sync", 3), ran("last", "sync", 4)],
    )
    assert await idle(database) == {"another"}
    async with database.read() as conn:
        killed = await runs.get(conn, "killed")
        assert killed is not None
    await keep(database, [ran("push", "push", 3.5)], [wrote("a1", "push", 3.5, "phone")])
    async with database.write() as conn:
        await retention.drop_runs(conn, sorted(await idle(database)))
        assert await runs.writing_within(conn, killed, "push") == [], "an undo of it takes nothing of later syncs along"


async def test_an_undo_and_what_is_unsettled_keep_their_runs(database: Database) -> None:
    await keep(
        database,
        [
            ran("undo", "undo", 1),
            ran("undo nothing", "undo", 2),
            ran("doubtful", "push", 1),
            ran("lasting", "undo", 3),
            ran("last", "push", 3),
        ],
        [
            wrote("a1", "undo", 1, "phone"),
            wrote("a2", "doubtful", 1, "phone", state=AttemptState.IN_DOUBT),
            wrote("a3", "doubtful", 1, "city"),
        ],
    )
    assert await old(database) == {"undo nothing"}
    assert await closed(database) == set()


async def test_of_the_writes_the_latest_word_of_each_field_stays(database: Database) -> None:
    await keep(
        database,
        [],
        [
            wrote("a1", "r", 1, "phone", "city"),
            wrote("a2", "r", 2, "phone"),
            wrote("a3", "r", 3, "phone", state=AttemptState.REFUSED),
            wrote("a4", "r", 4, "phone", state=AttemptState.IN_DOUBT),
            wrote("a5", "r", 5, "phone"),
            wrote("b1", "r", 1, "city", remote_id="8"),
            wrote("b2", "r", 2, "city", stream="leads"),
            wrote("c1", "r", 1, op=Op.REMOVE, remote_id="9"),
            wrote("c2", "r", 2, op=Op.REMOVE, remote_id="9"),
            wrote("d1", "r", 1, "city", entity_id="con_b"),
        ],
    )
    assert await closed(database) == {"a2", "a3", "c1"}
    assert await closed(database, day(3)) == {"c1"}, "what held at the end of that time stays"


async def test_the_writes_of_a_run_that_is_kept_stay_whole(database: Database) -> None:
    await keep(database, [ran("kept", "push", 9)], [wrote("a1", "kept", 1, "phone"), wrote("a2", "r", 2, "phone")])
    assert await closed(database) == set()
    async with database.read() as conn:
        assert set((await retention.attempts(conn, ["", ""], FAR, gone={"kept"})).ids) == {"a1"}


@pytest.mark.parametrize("about", ["the entity", "the record", "another record"])
async def test_what_an_open_issue_is_about_keeps_its_writes(database: Database, about: str) -> None:
    await keep(database, [], [wrote("a1", "r", 1, "phone"), wrote("a2", "r", 2, "phone")])
    issue = {
        "the entity": Issue("conflict", "d", "", entity_id=FIRST.entity_id, opened_at=day(2)),
        "the record": Issue("invalid", "d", "", connection="crm", stream="contacts", remote_id="7", opened_at=day(2)),
        "another record": Issue(
            "invalid", "d", "", connection="shop", stream="contacts", remote_id="7", opened_at=day(2)
        ),
    }[about]
    async with database.write() as conn:
        await issues.raise_(conn, issue)
    assert await closed(database) == ({"a1"} if about == "another record" else set())
    async with database.write() as conn:
        await issues.close(conn, ["d"])
    assert await closed(database) == {"a1"}


async def change(database: Database, *rows: tuple[str, str, float]) -> None:
    async with database.write() as conn:
        await changes.append(conn, [FieldChange(e, f, None, str(n), "rank", None, day(n)) for e, f, n in rows])


async def superseded(database: Database, begin: int = 0, before: str = FAR) -> set[int]:
    async with database.read() as conn:
        ids = await walked(conn, retention.changes, begin, before)
        return {
            int(after) for after in (await conn.execute(select(tables.changes.c.after).where(
                tables.changes.c.id.in_(ids)
            ))).scalars()
        }  # fmt: skip


async def test_of_the_changes_the_latest_of_each_field_stays_and_all_of_consent(database: Database) -> None:
    await change(
        database,
        ("a", "phone", 1),
        ("a", "city", 2),
        ("a", "consent.email", 3),
        ("b", "phone", 4),
        ("a", "phone", 5),
        ("a", "consent.email", 6),
        ("a", "phone", 7),
    )
    assert await superseded(database) == {1, 5}
    assert await superseded(database, before=day(6)) == {1}


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
async def test_slices_of_any_size_forget_the_same(
    database: Database, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(retention, "SLICE", size)
    await change(database, *(("ab"[n % 2], "phone", n) for n in range(1, 8)))
    assert await superseded(database) == {1, 2, 3, 4, 5}
    await keep(
        database,
        [ran(f"pull{n}", "pull", 1 if n < 4 else 2) for n in range(7)],
        [wrote(f"a{n}", "r", 1 if n < 4 else 2, "phone") for n in range(7)],
    )
    assert await idle(database) == {f"pull{n}" for n in range(4)}
    assert await closed(database) == {f"a{n}" for n in range(6)}


async def test_a_walk_goes_on_where_it_ended_and_still_finds_what_is_superseded_later(database: Database) -> None:
    await change(database, ("a", "phone", 1), ("a", "city", 2))
    async with database.write() as conn:
        first = await retention.changes(conn, 0, day(3))
        assert (first.ids, first.last) == ((), True)
    await change(database, ("a", "phone", 3), ("a", "phone", 9))
    async with database.write() as conn:
        nothing_older = await retention.changes(conn, first.after, day(3))
        assert (nothing_older.ids, nothing_older.after) == ((), None)
    assert await superseded(database, first.after, day(4)) == {1}


async def rows_in(database: Database, name: str) -> int:
    async with database.read() as conn:
        return int((await conn.execute(select(func.count()).select_from(tables.metadata.tables[name]))).scalar_one())


SMALL: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "alerts": (
        {"key": "k", "kind": "x", "summary": "", "began_at": day(0), "seen_at": day(0), "ended_at": day(1)},
        {"key": "l", "ended_at": None},
    ),
    "call_counts": (
        {"connection": "c", "bucket": "b", "hour": day(1)[:13], "lane": "live", "calls": 1, "cost": 1},
        {"hour": day(20)[:13]},
    ),
    "consent_changes": (
        {
            "entity_id": "e",
            "channel": "email",
            "state": "denied",
            "seen_at": day(1),
            "heard_at": day(1),
            "written_at": day(1),
        },
        {"written_at": None},
    ),
    "hints": ({"connection": "c", "stream": "s", "remote_id": "1", "at": day(1)}, {"remote_id": "2", "at": day(20)}),
    "mapping_plans": (
        {"hash": "h", "versions": {}, "bases": {}, "hashes": {}, "counts": {}, "at": day(1)},
        {"hash": "published"},
    ),
    "volumes": (
        {"connection": "c", "stream": "s", "hour": int(EPOCH.timestamp()) // 3600 + 24, "changed": 1},
        {"hour": int(EPOCH.timestamp()) // 3600 + 24 * 20},
    ),
    "workers": (
        {
            "id": "w",
            "host": "h",
            "process": 1,
            "role": "worker",
            "release": "1",
            "doing": [],
            "counts": {},
            "started_at": day(0),
            "seen_at": day(1),
        },
        {"id": "v", "seen_at": day(20)},
    ),
}


def test_every_small_table_is_tried() -> None:
    assert SMALL.keys() == set(retention.SMALL)


@pytest.mark.parametrize("name", sorted(SMALL))
async def test_of_a_small_table_what_is_over_goes(database: Database, name: str) -> None:
    old_row, other = SMALL[name]
    times = Times(EPOCH + timedelta(days=10), EPOCH + timedelta(days=10))
    version = {"name": "n", "version": 1, "state": "retired", "text": "", "hash": "", "who": "", "why": "", "at": ""}
    async with database.write() as conn:
        await conn.execute(insert(tables.mapping_versions).values(**version, plan="published"))
        for row in (old_row, {**old_row, **other}):
            await conn.execute(insert(tables.metadata.tables[name]).values(**row))
        assert await retention.count_small(conn, name, times) == 1
        assert await retention.drop_small(conn, name, times) == 1
        assert await retention.drop_small(conn, name, times) == 0
    assert await rows_in(database, name) == 1
