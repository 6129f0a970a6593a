"""Backfills in slices: beside the live reading, never over what it saw, on from where they stood."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from connectors.unruly.sandbox import Manners, Unruly
from connectors.unruly.streams import LIMIT
from hub.domain.keys import Address
from hub.domain.moments import iso
from hub.sdk.http import ContractBroken
from hub.store import cursors, observations, runs
from hub.store.cursors import CursorRow
from hub.transport.mishaps import Mishap
from sync_jobs.backfill import backfill, begin, cancel, lane_of, pending, slice_, span_of, under_way
from sync_jobs.hub import Hub
from sync_jobs.pull import pull
from sync_jobs.simulation.stage import Stage
from sync_jobs.slices import Slice

LANE = lane_of(None, None)


@pytest.fixture
async def stage(tmp_path: Path, store_url: str) -> AsyncIterator[Stage]:
    """A vendor with three pages of people, whom the live reading has not read."""
    made = await Stage.set(tmp_path, Random(1), "none", {"alpha": Manners()}, database_url=store_url)
    for number in range(2 * LIMIT + 10):
        made.vendors["alpha"].create({"email": f"p{number}@x.example", "city": "Bonn"})
    made.step(60)
    yield made
    await made.close()


def hub_of(stage: Stage) -> Hub:
    assert stage.hub is not None
    return stage.hub


def alpha(stage: Stage) -> Unruly:
    return stage.vendors["alpha"]


async def row(hub: Hub) -> CursorRow:
    async with hub.database.read() as conn:
        return await cursors.fetch(conn, "alpha", "people", LANE)


async def city(hub: Hub, remote_id: str) -> str:
    address = Address("alpha", "people", remote_id)
    async with hub.database.read() as conn:
        return str((await observations.fetch(conn, [address]))[address].raw["city"])


async def go_on(stage: Stage, records: float = float("inf")) -> bool:
    """One slice; whether there is more."""
    done = await slice_(hub_of(stage), "alpha", "people", LANE, Slice(None, records))
    assert done.fault is None
    return done.more


async def test_a_backfill_is_read_in_slices_and_goes_on_after_a_restart(stage: Stage) -> None:
    await begin(hub_of(stage), "alpha", "people", None, None)
    assert await pending(hub_of(stage)) == [("alpha", "people", LANE)]
    reads = []
    while await go_on(stage, LIMIT):
        reads.append((await row(hub_of(stage))).read)
        await stage.reopen()
    assert reads == [LIMIT, 2 * LIMIT]
    hub = hub_of(stage)
    done = await row(hub)
    assert (done.read, done.position, done.finished_at) == (2 * LIMIT + 10, None, iso(stage.now))
    assert await pending(hub) == []
    async with hub.database.read() as conn:
        assert (await observations.count(conn, "alpha", "people")).live == 2 * LIMIT + 10
        assert (await cursors.fetch(conn, "alpha", "people")) == CursorRow("alpha", "people"), "live is not touched"
        ran = await runs.recent(conn, 10)
    assert {(r.job, r.lane) for r in ran} == {("backfill", LANE)}
    assert sum(r.counts["read"] for r in ran) == 2 * LIMIT + 10


async def test_what_the_live_reading_saw_meanwhile_stays(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page was asked for, somebody edits, the live reading shows it, then the page is kept."""
    hub, vendor = hub_of(stage), alpha(stage)
    wired = hub.connection("alpha")
    first = min(vendor.ids())
    send = wired.caller.send

    async def slow(request):  # type: ignore[no-untyped-def]
        answer = await send(request)
        monkeypatch.setattr(wired.caller, "send", send)
        stage.step(1)
        vendor.people_by_id[first]["city"] = "Rome"  # without a time of change, so that only the rule can tell
        await pull(hub, wired, "people", full=True)
        return answer

    await begin(hub, "alpha", "people", None, None)
    monkeypatch.setattr(wired.caller, "send", slow)
    assert not await go_on(stage)
    assert await city(hub, first) == "Rome"


async def test_what_is_older_than_the_question_is_overwritten(stage: Stage) -> None:
    hub, vendor = hub_of(stage), alpha(stage)
    await pull(hub, hub.connection("alpha"), "people")
    stage.step(1)
    first = min(vendor.ids())
    vendor.people_by_id[first]["city"] = "Rome"
    await begin(hub, "alpha", "people", None, None)
    assert not await go_on(stage)
    assert await city(hub, first) == "Rome"


async def test_no_backfill_begins_twice_and_one_that_ended_stays_ended(stage: Stage) -> None:
    hub = hub_of(stage)
    before = await begin(hub, "alpha", "people", None, None)
    await go_on(stage, LIMIT)
    stage.step(1)
    assert (await begin(hub, "alpha", "people", None, None)).read == LIMIT
    assert (await begin(hub, "alpha", "people", None, None)).began_at == before.began_at
    while await go_on(stage):
        pass
    assert (await begin(hub, "alpha", "people", None, None)).position is None
    assert await pending(hub) == []


async def test_a_vendor_that_asks_to_wait_is_not_asked_before(stage: Stage) -> None:
    hub = hub_of(stage)
    held = await begin(hub, "alpha", "people", None, None)
    async with hub.database.write() as conn:
        await cursors.save(conn, replace(held, not_before=iso(stage.now + timedelta(seconds=30))))
    assert await pending(hub) == []
    assert [r.lane for r in await under_way(hub)] == [LANE]
    stage.step(30)
    assert await pending(hub) == [("alpha", "people", LANE)]


async def test_a_fault_leaves_it_where_it_stood(stage: Stage) -> None:
    hub = hub_of(stage)
    await begin(hub, "alpha", "people", None, None)
    await go_on(stage, LIMIT)
    stage.script["alpha", "/people"] = [Mishap.FAILS_BEFORE] * 12
    done = await slice_(hub, "alpha", "people", LANE, Slice.whole())
    assert (done.fault is not None, done.more, (await row(hub)).read) == (True, False, LIMIT)
    assert await pending(hub) == [("alpha", "people", LANE)], "when it is tried again is the circuit's business"


async def test_a_vendor_that_breaks_its_contract_is_left_alone_for_a_while(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = hub_of(stage)
    await begin(hub, "alpha", "people", None, None)

    async def broken(request):  # type: ignore[no-untyped-def]
        raise ContractBroken("no such page")

    monkeypatch.setattr(hub.connection("alpha").caller, "send", broken)
    assert (await slice_(hub, "alpha", "people", LANE, Slice.whole())).fault is not None
    assert await pending(hub) == []
    stage.step(15 * 60)
    assert await pending(hub) == [("alpha", "people", LANE)]


async def test_a_cancelled_one_is_forgotten_and_what_it_read_stays(stage: Stage) -> None:
    hub = hub_of(stage)
    await begin(hub, "alpha", "people", None, None)
    await go_on(stage, LIMIT)
    await cancel(hub, await under_way(hub))
    assert await under_way(hub) == []
    async with hub.database.read() as conn:
        assert (await observations.count(conn, "alpha", "people")).live == LIMIT


async def test_one_that_somebody_waits_for_goes_on_with_what_workers_began(stage: Stage) -> None:
    hub = hub_of(stage)
    await begin(hub, "alpha", "people", None, None)
    await go_on(stage, LIMIT)
    counts = await backfill(hub, "alpha", "people", None, None)
    assert counts.read == LIMIT + 10
    assert await pending(hub) == []


def test_spans_are_read_from_their_lanes() -> None:
    assert span_of(LANE) == (None, None)
    at = "2025-01-31T00:00:00.000Z"
    assert span_of(f"backfill:{at}..") == (at, None)
    assert span_of(f"backfill:..{at}") == (None, at)
