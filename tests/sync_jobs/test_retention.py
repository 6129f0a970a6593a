"""A hub that forgets: a year of edits, trimmed every day, beside one that remembers everything."""

from __future__ import annotations

from collections.abc import AsyncIterator
from random import Random
from typing import Any

import pytest
from sqlalchemy import func, select

from hub.domain.attempt import AttemptState
from hub.store import attempts, runs, tables
from hub.transport.mishaps import Killed, Mishap
from sync_jobs import retention
from sync_jobs.runner import sync
from sync_jobs.simulation.stage import Stage
from sync_jobs.undo import plan_undo, undo
from sync_jobs.verify import verify
from tests.sim.acting import ANN, held, plain, script, settle, well
from tests.sim.test_undo import records, undone, wrote

DAY = 86_400.0
WATCHED = ("runs", "attempts", "changes")


@pytest.fixture
async def other(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """The same stage, whose hub remembers everything."""
    made = await Stage.set(tmp_path_factory.mktemp("other"), Random(1), "none")
    yield made
    await made.close()


async def days(stage: Stage, **keep: int) -> None:
    assert stage.hub is not None
    async with stage.hub.database.write() as conn:
        await retention.put(conn, keep)


async def trim(stage: Stage, *, dry_run: bool = False) -> dict[str, int]:
    assert stage.hub is not None
    found = await retention.trim(stage.hub, dry_run=dry_run)
    assert not found.more
    return {table: rows for table, rows in found.rows.items() if rows}


async def sizes(stage: Stage) -> dict[str, int]:
    assert stage.hub is not None
    async with stage.hub.database.read() as conn:
        return {
            name: (await conn.execute(select(func.count()).select_from(tables.metadata.tables[name]))).scalar_one()
            for name in WATCHED
        }


async def live(stage: Stage, times: int) -> str:
    """Somebody edits Ann's title every fifteenth day."""
    ann = stage.vendors["alpha"].create({"email": ANN, "name": "Ann", "title": "T"})
    await settle(stage)
    await edits(stage, ann, times)
    return ann


async def edits(stage: Stage, ann: str, times: int, *, trimmed: bool = False) -> None:
    for n in range(times):
        stage.step(15 * DAY)
        stage.vendors["alpha"].edit(ann, {"title": f"T{n}"})
        await settle(stage)
        if trimmed:
            await trim(stage)


def whole(stage: Stage) -> dict[str, Any]:
    return records(stage)


async def test_a_hub_that_forgets_does_the_same_as_one_that_remembers(stage: Stage, other: Stage) -> None:
    await days(stage, runs_days=30, idle_runs_days=10, history_days=60)
    for one in (stage, other):
        ann = await live(one, 1)
        await edits(one, ann, 8, trimmed=one is stage)
        chosen = await wrote(one)
        assert (await undone(one, chosen)).counts.keys() == {"beta", "gamma"}
        await edits(one, ann, 2, trimmed=one is stage)
        await well(one)
    assert whole(stage) == whole(other)
    small, large = await sizes(stage), await sizes(other)
    assert small["attempts"] < large["attempts"]
    assert small["changes"] < large["changes"]
    assert small["runs"] < large["runs"] / 2


async def test_kept_runs_are_undone_as_if_nothing_had_been_forgotten(stage: Stage, other: Stage) -> None:
    """The last sync but one: the later one's word on the title stands, whatever was forgotten."""
    plans = []
    for one in (stage, other):
        ann = await live(one, 4)
        one.vendors["alpha"].edit(ann, {"city": "Bonn"})
        await settle(one)
        chosen = await wrote(one)
        stage_title = [f"T{n}" for n in range(4)][-1].casefold()
        assert plain(held(one, "title"))["beta"] == stage_title
        if one is stage:
            await days(stage, runs_days=4, idle_runs_days=1, history_days=4)
            one.step(3 * DAY)
            assert (await trim(stage)).keys() >= {"runs", "attempts", "changes"}
        else:
            one.step(3 * DAY)
        assert one.hub is not None
        plans.append([(p.connection, p.stream, len(p.changes), len(p.kept)) for p in await plan_undo(one.hub, chosen)])
        await undo(one.hub, chosen)
    assert plans[0] == plans[1]
    assert whole(stage) == whole(other)


async def test_what_an_undo_holds_back_is_still_known_years_later(stage: Stage) -> None:
    await live(stage, 2)
    await undone(stage)
    stage.step(2_000 * DAY)
    await settle(stage)
    await trim(stage)
    stage.step(2_000 * DAY)
    await settle(stage)
    assert stage.hub is not None
    verified = await verify(stage.hub)
    assert (verified.differ, verified.held_back) == (0, 2)


async def test_a_write_in_doubt_is_looked_up_however_old(stage: Stage) -> None:
    ann = await live(stage, 1)
    stage.vendors["alpha"].edit(ann, {"title": "Late"})
    script(stage, "beta", Mishap.DIES_AFTER)
    stage.step(60)
    assert stage.hub is not None
    with pytest.raises(Killed):
        await sync(stage.hub, sleep=stage._sleep)
    await stage.reopen()
    stage.step(2_000 * DAY)
    await trim(stage)
    async with stage.hub.database.read() as conn:
        left = await attempts.unsettled_of(conn, "beta", "people")
        assert [a.state for a in left] == [AttemptState.OPEN]
        assert await runs.get(conn, left[0].run_id) is not None
    await well(stage)
    assert plain(held(stage, "title")) == {"alpha": "late", "beta": "late", "gamma": "late"}


async def test_a_dry_run_counts_what_the_next_one_forgets_and_forgets_nothing(stage: Stage) -> None:
    await live(stage, 4)
    await days(stage, runs_days=20, idle_runs_days=5, history_days=20)
    before = await sizes(stage)
    foretold = await trim(stage, dry_run=True)
    assert await sizes(stage) == before
    assert foretold.keys() >= {"runs", "attempts", "changes"}
    assert await trim(stage) == foretold
    assert {n: before[n] - rows for n, rows in (await sizes(stage)).items()} == {n: foretold[n] for n in WATCHED}
    assert await trim(stage) == {}


async def test_writes_are_not_passed_by_because_their_runs_are_kept_for_longer(stage: Stage) -> None:
    await live(stage, 4)
    await days(stage, runs_days=20, idle_runs_days=5, history_days=1)
    kept = (await sizes(stage))["attempts"] - (await trim(stage))["attempts"]
    stage.step(100 * DAY)
    await edits(stage, stage.vendors["alpha"].ids()[0], 2)
    assert (await trim(stage))["attempts"] >= kept - 4, "those of the runs that were kept are forgotten with them"


async def test_every_call_is_bounded_and_the_next_one_goes_on(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    await live(stage, 4)
    await days(stage, runs_days=20, idle_runs_days=5, history_days=20)
    foretold = await trim(stage, dry_run=True)
    monkeypatch.setattr(retention, "SLICES", 2)
    monkeypatch.setattr(retention.retention, "SLICE", 2)
    done: dict[str, int] = {}
    calls = 0
    more = True
    assert stage.hub is not None
    while more:
        found = await retention.trim(stage.hub)
        more = found.more
        calls += 1
        done = {table: done.get(table, 0) + rows for table, rows in found.rows.items()}
        assert calls < 200
    assert {table: rows for table, rows in done.items() if rows} == foretold
    assert calls > 3
