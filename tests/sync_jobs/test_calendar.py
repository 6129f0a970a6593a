"""What is due, as the store says: after walks, in the middle of one, by schedules, for connections that rest."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from connectors.unruly.sandbox import Manners
from connectors.unruly.streams import LIMIT
from hub.domain.connection import ConnectionState
from hub.domain.lane import Lane
from hub.domain.moments import iso, parse
from hub.domain.outcome import Fault, FaultKind
from hub.domain.schedule import Schedule
from hub.sdk.http import ContractBroken, Request, Response
from hub.store import connections, cursors, schedules
from hub.store.schedules import EVERY_STREAM
from sync_jobs import calendar, circuits
from sync_jobs.calendar import due_streams, next_due, plan
from sync_jobs.hub import Hub
from sync_jobs.pull import pull
from sync_jobs.simulation.stage import Stage
from sync_jobs.slices import Slice
from sync_jobs.tending import Tending
from sync_jobs.tour import tour
from tests.sync_jobs.test_counts import counted
from tests.sync_jobs.test_drift import world


@pytest.fixture
async def stage(tmp_path: Path, store_url: str) -> AsyncIterator[Stage]:
    manners = {"alpha": Manners(shows_deletes=False), "beta": Manners()}
    made = await Stage.set(tmp_path, Random(1), "none", manners, database_url=store_url)
    yield made
    await made.close()


@pytest.fixture
def hub(stage: Stage) -> Hub:
    assert stage.hub is not None
    return stage.hub


async def walked(hub: Hub, name: str) -> None:
    assert (await pull(hub, hub.connection(name), "people")).finished


async def due(hub: Hub, name: str = "alpha") -> bool:
    return await due_streams(hub, hub.connection(name)) == ["people"]


async def said(hub: Hub, schedule: Schedule, stream: str = "people", name: str = "alpha") -> None:
    async with hub.database.write() as conn:
        await schedules.put(conn, name, stream, schedule)


async def test_a_stream_is_due_at_first_and_a_minute_after_it_began(stage: Stage, hub: Hub) -> None:
    assert await due(hub)
    assert await next_due(hub) == stage.now
    await walked(hub, "alpha")
    assert not await due(hub)
    stage.step(59)
    assert not await due(hub)
    stage.step(7.1)
    assert await due(hub)


async def test_schedules_of_a_stream_come_before_those_of_its_connection(stage: Stage, hub: Hub) -> None:
    await walked(hub, "alpha")
    began = stage.now
    await said(hub, Schedule(every=600), EVERY_STREAM)
    (shared, _) = await plan(hub)
    assert (shared.schedule.every, shared.said_of) == (600, "connection")
    await said(hub, Schedule(every=300))
    (own, usual) = await plan(hub)
    assert (own.schedule.every, own.said_of, usual.schedule.every, usual.said_of) == (300, "stream", 60, "")
    assert own.next_at is not None
    assert timedelta(seconds=300) <= own.next_at - began <= timedelta(seconds=330)
    stage.step(331)
    assert await due(hub)


async def test_a_walk_under_way_goes_on_at_once_but_not_before_the_vendor_said(stage: Stage, hub: Hub) -> None:
    for number in range(3 * LIMIT):
        stage.vendors["alpha"].create({"email": f"p{number}@x.example"})
    stage.step(1)
    assert not (await pull(hub, hub.connection("alpha"), "people", pages=1)).finished
    assert await due(hub)
    async with hub.database.write() as conn:
        row = await cursors.fetch(conn, "alpha", "people")
        assert row.moved_at == iso(stage.now)
        await cursors.save(conn, replace(row, not_before=iso(stage.now + timedelta(seconds=30))))
    assert not await due(hub)
    assert (await plan(hub, ["alpha"]))[0].next_at == stage.now + timedelta(seconds=30)
    stage.step(30)
    assert await due(hub)


async def test_a_walk_of_hours_keeps_no_other_stream_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tour begins with what comes first: whoever takes its whole slice, again and again, comes last."""
    async with world(tmp_path, "salesforce") as made:
        hub, wired = made.hub, made.hub.connection("salesforce")
        made.step(600)
        first, *others = await due_streams(hub, wired)
        async with hub.database.write() as conn:
            row = await cursors.fetch(conn, wired.name, first)
            position = wired.stream(first).start(None, hub.clock())
            await cursors.save(conn, replace(row, position=position, moved_at=hub.now_text()))
        assert await due_streams(hub, wired) == [*others, first]
        walks: list[str] = []

        async def walk(_: Tending, stream: str) -> int:
            walks.append(stream)
            return 0

        monkeypatch.setattr(Tending, "walk", walk)
        await tour(hub, wired.name, Lane.LIVE, Slice.of(), term=timedelta(seconds=30))
        assert walks == [*others, first]


async def test_outside_its_hours_a_walk_neither_begins_nor_goes_on(stage: Stage, hub: Hub) -> None:
    for number in range(2 * LIMIT):
        stage.vendors["alpha"].create({"email": f"p{number}@x.example"})
    stage.step(1)
    hours = Schedule(every=60, hours="mon-fri 07:00-20:00", zone="Europe/Berlin")  # it is Monday, 10:00 there
    await said(hub, hours)
    assert not (await pull(hub, hub.connection("alpha"), "people", pages=1)).finished
    stage.now = datetime.fromisoformat("2026-01-05T20:30:00+01:00")
    assert not await due(hub)
    assert (await plan(hub, ["alpha"]))[0].next_at == parse("2026-01-06T06:00:00Z")
    await walked(hub, "alpha")  # by hand
    opens = (await plan(hub, ["alpha"]))[0].next_at
    assert opens is not None
    assert parse("2026-01-06T06:00:00Z") <= opens <= parse("2026-01-06T06:00:06Z")
    stage.now = opens
    assert await due(hub)


async def test_a_stream_that_breaks_its_contract_is_not_asked_at_every_sweep(
    stage: Stage, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(request: Request) -> Response:
        raise ContractBroken("no such page")

    with monkeypatch.context() as patched:
        patched.setattr(hub.connection("alpha").caller, "send", broken)
        assert (await pull(hub, hub.connection("alpha"), "people")).fault is not None
    assert not await due(hub)
    stage.step(15 * 60)
    assert await due(hub)
    await walked(hub, "alpha")  # also by hand, and at once
    async with hub.database.read() as conn:
        assert (await cursors.fetch(conn, "alpha", "people")).not_before is None


async def test_a_paused_connection_has_nothing_due(hub: Hub) -> None:
    async with hub.database.write() as conn:
        await connections.set_state(conn, "alpha", ConnectionState.PAUSED)
        await connections.set_state(conn, "beta", ConnectionState.BROKEN)
    await hub.wire()
    assert not await due(hub)
    assert await next_due(hub) is None
    assert [(p.next_at, p.late) for p in await plan(hub)] == [(None, None)] * 2


async def test_a_connection_that_rests_counts_from_the_end_of_its_rest(stage: Stage, hub: Hub) -> None:
    until = await circuits.failed(hub, "alpha", Fault(FaultKind.RATE_LIMITED, "http_429", "slow", retry_after=5))
    await walked(hub, "beta")
    assert await next_due(hub) == until == stage.now + timedelta(seconds=5)


async def test_what_was_missed_counts_from_the_last_page(stage: Stage, hub: Hub) -> None:
    await walked(hub, "alpha")
    stage.step(600)
    assert (await plan(hub, ["alpha"]))[0].late is None
    stage.step(1)
    assert (await plan(hub, ["alpha"]))[0].late == timedelta(seconds=541)
    (never,) = await plan(hub, ["beta"])
    assert never.late == timedelta(seconds=541), "of a stream that was never read, since the connection was made"
    async with hub.database.write() as conn:
        row = await cursors.fetch(conn, "alpha", "people")
        await cursors.save(conn, replace(row, position={"token": 7}, moved_at=iso(stage.now)))
    assert (await plan(hub, ["alpha"]))[0].late is None, "a long walk that moves on is not late"


async def test_a_stream_that_shows_no_deletions_is_read_whole_once_a_day(stage: Stage, hub: Hub) -> None:
    found = []
    for name in ("alpha", "beta"):
        await walked(hub, name)
    for hours in (0, 23, 24):
        now = stage.now + timedelta(hours=hours)
        async with hub.database.read() as conn:
            rows = [await cursors.fetch(conn, name, "people") for name in ("alpha", "beta")]
        found.append(tuple(calendar.whole_due(hub.connection(r.connection), "people", r, now) for r in rows))
    assert found == [(False, False), (False, False), (True, False)]


async def test_asking_costs_the_same_however_many_streams_there_are(hub: Hub) -> None:
    """Each sweep asks for every connection."""
    await said(hub, Schedule(every=600), EVERY_STREAM)
    with counted() as seen:
        await due_streams(hub, hub.connection("alpha"))
    assert sum(s.startswith("SELECT") for s in seen) == 2
    with counted() as seen:
        await next_due(hub)
    assert sum(s.startswith("SELECT") for s in seen) == 3
