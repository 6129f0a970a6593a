"""Verification beside the live reading: what it finds, what it doesn't mistake for a finding, and where it goes on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import func, select, update

from connectors.unruly.sandbox import Manners, Unruly
from connectors.unruly.streams import LIMIT
from hub.domain.issue import IssueState
from hub.domain.lane import Lane
from hub.domain.moments import iso
from hub.domain.run import Run, RunState
from hub.domain.schedule import Schedule
from hub.store import cursors, issues, runs, schedules
from hub.store.tables import golden, links, observations, verified
from hub.transport.mishaps import Mishap
from sync_jobs.calendar import whole_due
from sync_jobs.hub import Hub
from sync_jobs.pull import pull
from sync_jobs.reconcile import reconcile
from sync_jobs.runner import sync
from sync_jobs.simulation.stage import Stage
from sync_jobs.slices import Slice
from sync_jobs.verifying import pending, schedule, slice_

WEEK = timedelta(days=7)


@pytest.fixture
async def stage(tmp_path: Path, store_url: str) -> AsyncIterator[Stage]:
    manners = {"alpha": Manners(), "beta": Manners(shows_deletes=False)}
    made = await Stage.set(tmp_path, Random(1), "none", manners, database_url=store_url)
    for number in range(12):
        made.vendors["alpha"].create({"email": f"p{number}@x.example", "name": f"P {number}", "city": "Bonn"})
        made.step(600)
    await settle(made)
    yield made
    await made.close()


def hub_of(stage: Stage) -> Hub:
    assert stage.hub is not None
    return stage.hub


def vendor(stage: Stage, name: str = "alpha") -> Unruly:
    return stage.vendors[name]


async def settle(stage: Stage) -> None:
    stage.step(5)
    assert (await sync(hub_of(stage), until_quiet=True, side_by_side=False)).quiet
    stage.step(5)


async def live(stage: Stage, name: str = "alpha") -> None:
    """One turn of the live reading; nothing is told."""
    hub = hub_of(stage)
    stage.step(5)
    wired = hub.connection(name)
    async with hub.database.read() as conn:
        row = await cursors.fetch(conn, name, "people")
    assert (await pull(hub, wired, "people", full=whole_due(wired, "people", row, stage.now))).finished
    await reconcile(hub, wired, "people")
    stage.step(5)


async def verified_whole(stage: Stage, name: str = "alpha") -> Run:
    """Goes on with the verification, minute after minute with the live reading between, until it is over."""
    hub = hub_of(stage)
    for _ in range(20):
        done = await slice_(hub, name, Slice.whole())
        assert done.fault is None
        if (
            (run := await last_run(hub, name)) is not None
            and run.ended_at is not None
            and run.ended_at > iso(stage.now - timedelta(seconds=1))
        ):
            return run
        stage.step(70)
        await live(stage, name)
    raise AssertionError("it never ended")


async def last_run(hub: Hub, name: str) -> Run | None:
    async with hub.database.read() as conn:
        return next((r for r in await runs.recent(conn, 50) if (r.job, r.connection) == ("verify", name)), None)


async def found(hub: Hub) -> list[str]:
    async with hub.database.read() as conn:
        return [i.dedupe for i in await issues.list_(conn, kind="differs", state=IssueState.OPEN)]


async def test_once_a_week_unless_somebody_says_otherwise(stage: Stage) -> None:
    hub = hub_of(stage)
    assert await pending(hub) == []
    stage.step(WEEK.total_seconds() + 300)
    assert await pending(hub) == ["alpha", "beta"]
    async with hub.database.write() as conn:
        await schedule(conn, None)
    assert await pending(hub) == []
    async with hub.database.write() as conn:
        await schedule(conn, Schedule(every=86_400))
    assert await pending(hub) == ["alpha", "beta"]


async def test_what_was_never_read_is_not_verified(tmp_path: Path) -> None:
    stage = await Stage.set(tmp_path, Random(1), "none", {"alpha": Manners()})
    stage.step(2 * WEEK.total_seconds())
    assert await pending(hub_of(stage)) == []
    await live(stage)
    assert await pending(hub_of(stage)) == ["alpha"]
    await stage.close()


async def test_agreement_leaves_a_run_and_no_issue(stage: Stage) -> None:
    stage.step(WEEK.total_seconds() + 300)
    hub = hub_of(stage)
    run = await verified_whole(stage)
    assert (run.state, dict(run.counts), run.note) == (RunState.DONE, {"read": 12, "agree": 12}, "")
    assert (run.stream, run.lane) == ("people", Lane.VERIFY)
    assert await found(hub) == []
    assert await pending(hub) == ["beta"], "the next is due in a week"
    async with hub.database.read() as conn:
        assert (await conn.execute(select(func.count()).select_from(verified))).scalar_one() == 0


async def test_what_the_live_reading_lost_is_found_and_one_issue_says_so_until_it_is_mended(stage: Stage) -> None:
    hub, alpha = hub_of(stage), vendor(stage)
    stage.step(WEEK.total_seconds() + 300)
    ids = sorted(alpha.ids())
    for number in range(2):
        stage.step(1)
        alpha.edit(ids[number], {"city": "Rome"})
    async with hub.database.write() as conn:  # as if the live reading had passed them by
        row = await cursors.fetch(conn, "alpha", "people")
        await cursors.save(conn, replace(row, at=iso(stage.now + timedelta(hours=1))))
    run = await verified_whole(stage)
    assert (run.state, run.counts["differ"], run.counts["agree"]) == (RunState.PARTIAL, 2, 10)
    assert "live reading did not show it" in run.note
    assert await found(hub) == ["differs/alpha/people"]
    async with hub.database.read() as conn:
        (issue,) = await issues.list_(conn, kind="differs")
    assert "2 records of alpha/people" in issue.summary
    await pull(hub, hub.connection("alpha"), "people", full=True)
    await settle(stage)
    stage.step(WEEK.total_seconds() + 300)
    assert (await verified_whole(stage)).state is RunState.DONE
    assert await found(hub) == []


async def test_what_was_told_and_not_kept_is_found(stage: Stage) -> None:
    hub = hub_of(stage)
    async with hub.database.write() as conn:
        changed = {"values": func.replace(golden.c["values"], "Bonn", "Rome")}
        await conn.execute(update(golden).where(golden.c["values"].contains("p3@x.example")).values(changed))
    stage.step(WEEK.total_seconds() + 300)
    run = await verified_whole(stage)
    assert (run.counts["differ"], run.counts["agree"]) == (1, 11)
    assert await found(hub) == ["differs/alpha/people"]


async def test_an_edit_made_meanwhile_is_no_difference(stage: Stage) -> None:
    """Neither one that the live reading shows a little later, nor one that is still to be told."""
    hub, alpha, beta = hub_of(stage), vendor(stage), vendor(stage, "beta")
    stage.step(WEEK.total_seconds() + 300)
    alpha.edit(min(alpha.ids()), {"city": "Rome"})
    stage.step(1)
    run = await verified_whole(stage)
    assert (run.state, run.counts.get("differ", 0)) == (RunState.DONE, 0)
    alpha.edit(max(alpha.ids()), {"city": "Oslo"})
    await live(stage)  # heard, and not told to beta yet
    run = await verified_whole(stage, "beta")
    assert (run.counts.get("differ", 0), run.counts["unknown"], run.counts["agree"]) == (0, 2, 10)
    assert beta.ids()
    assert await found(hub) == []


async def test_a_record_that_the_live_reading_never_showed_is_found(stage: Stage) -> None:
    hub = hub_of(stage)
    async with hub.database.write() as conn:
        for table in (observations, links):
            await conn.execute(table.delete().where(table.c.remote_id == min(vendor(stage).ids())))
    stage.step(WEEK.total_seconds() + 300)
    run = await verified_whole(stage)
    assert (run.counts["differ"], run.counts["agree"]) == (1, 11)


@pytest.mark.parametrize("name", ["alpha", "beta"])
async def test_a_record_that_is_gone_there_is_found_unless_the_live_reading_sees_it(stage: Stage, name: str) -> None:
    system = vendor(stage, name)
    stage.step(WEEK.total_seconds() + 300)
    lost = min(system.ids())
    system.people_by_id.pop(lost)  # without a trace
    run = await verified_whole(stage, name)
    if name == "alpha":  # deletions show there, and this one doesn't
        assert (run.counts["differ"], run.note) == (1, "1 no longer there")
    else:  # read whole once a day: by the time it is judged, the live reading knows
        assert (run.counts.get("differ", 0), run.counts["agree"]) == (0, 11)


async def test_it_goes_on_where_it_stood_page_by_page_and_after_a_restart(stage: Stage) -> None:
    alpha = vendor(stage)
    for number in range(2 * LIMIT):
        alpha.create({"email": f"q{number}@x.example", "name": f"Q {number}"})
    await settle(stage)
    stage.step(WEEK.total_seconds() + 300)
    shown, more = 0, True
    while more:
        done = await slice_(hub_of(stage), "alpha", Slice(None, LIMIT))
        more = done.more
        shown += done.counts.read
        assert done.counts.read <= LIMIT, "a slice is bounded"
        await stage.reopen()
    run = await last_run(hub_of(stage), "alpha")
    assert run is not None
    assert shown == 2 * LIMIT + 12
    assert dict(run.counts) == {"read": shown, "agree": shown}


async def test_a_fault_leaves_it_where_it_stood(stage: Stage) -> None:
    hub = hub_of(stage)
    stage.step(WEEK.total_seconds() + 300)
    stage.script["alpha", "/people"] = [Mishap.FAILS_BEFORE] * 12
    done = await slice_(hub, "alpha", Slice.whole())
    assert done.fault is not None
    stage.script.clear()
    assert (await verified_whole(stage)).counts["agree"] == 12


async def test_outside_the_hours_of_a_stream_it_is_not_verified(stage: Stage) -> None:
    """Somebody said when that system may be read: a verification reads all of it."""
    hub = hub_of(stage)
    stage.step(8 * 86_400)
    await live(stage)
    assert "alpha" in await pending(hub)
    hour = stage.now.hour
    closed = f"{(hour + 2) % 24:02}:00-{(hour + 3) % 24:02}:00"
    async with hub.database.write() as conn:
        await schedules.put(conn, "alpha", "people", Schedule(every=600, hours=closed))
    vendor(stage).calls.clear()
    assert "alpha" not in await pending(hub)
    await slice_(hub, "alpha", Slice.whole())
    assert not vendor(stage).calls
    stage.step(2 * 3_600)
    assert "alpha" in await pending(hub)
    await slice_(hub, "alpha", Slice.whole())
    assert vendor(stage).calls
