"""One stream that fails keeps no other waiting; a hint is answered by a walk that began after it; a push reads no more
than its slice."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from connectors.unruly.sandbox import Manners
from connectors.unruly.sinks import PeopleSink
from hub.domain.hint import ANYTHING
from hub.domain.lane import Lane
from hub.domain.moments import iso, parse
from hub.store import circuits, cursors
from hub.transport.mishaps import Mishap, Mishaps
from sync_jobs import write
from sync_jobs.push import LOOK_SINGLY_MAX
from sync_jobs.runner import sync
from sync_jobs.simulation.stage import Stage
from sync_jobs.slices import Slice
from sync_jobs.sweep import tours
from sync_jobs.tour import Toured, tour
from tests.sync_jobs.test_drift import World, world
from tests.sync_jobs.test_hinted import _singly as singly
from tests.sync_jobs.test_hinted import left, note, person

TERM = timedelta(minutes=1)
PATHS = {"members": "/members", "campaigns": "/campaigns", "reports": "/reports"}


def failing(made: World, *streams: str) -> None:
    """Mailchimp answers requests for these streams with 500."""
    door = made.hub._transports["mailchimp"]
    assert isinstance(door, Mishaps)

    def choose(_method: str, path: str) -> Mishap:
        return Mishap.FAILS_BEFORE if any(PATHS[s] in path for s in streams) else Mishap.NONE

    door._choose = choose


async def toured(made: World, seconds: float = 120, clock: Callable[[], float] | None = None) -> Toured:
    """A minute later there is a tour."""
    made.step(seconds)
    slice_ = Slice.whole() if clock is None else Slice(15.0, 20_000, clock=clock)
    return await tour(made.hub, "mailchimp", Lane.LIVE, slice_, term=TERM)


async def read(made: World, stream: str) -> cursors.CursorRow:
    async with made.hub.database.read() as conn:
        return await cursors.fetch(conn, "mailchimp", stream)


async def resting(made: World) -> bool:
    async with made.hub.database.read() as conn:
        circuit = await circuits.get(conn, "mailchimp")
    return circuit is not None and parse(circuit.until) > made.time[0]


@pytest.mark.parametrize(("stream", "other"), [("members", "campaigns"), ("campaigns", "members")])
async def test_a_stream_that_fails_for_long_is_put_off_and_the_others_are_walked(
    tmp_path: Path, stream: str, other: str
) -> None:
    async with world(tmp_path, "mailchimp") as made:
        failing(made, stream)
        for _ in range(8):
            before = made.time[0] + timedelta(hours=1)
            await toured(made, 3_700)
            assert not await resting(made)
            assert ((await read(made, other)).finished_at or "") >= iso(before)
            row = await read(made, stream)
            assert row.not_before is not None
            assert row.not_before > iso(made.time[0])
        failing(made)
        done = await toured(made, 3_700)
        assert (done.fault, done.spared) == (None, None)
        assert (await read(made, stream)).not_before is None


async def test_a_stream_that_was_put_off_does_not_rest_the_connection_when_it_alone_is_due(tmp_path: Path) -> None:
    async with world(tmp_path, "mailchimp") as made:
        failing(made, "members")
        for number in range(12):
            done = await toured(made, 3_700 if number == 0 else 300)
            assert done.fault is None
            assert not await resting(made)


async def test_a_stream_that_takes_the_whole_slice_to_fail_lets_another_go_first(tmp_path: Path) -> None:
    """Nobody knows yet whether it is the connection: the circuit hears of it once."""
    time = [0.0]
    async with world(tmp_path, "mailchimp") as made:
        streams = made.hub.connection("mailchimp").streams()
        stream, other = streams[0], streams[1]
        failing(made, stream)
        real = made.hub._sleep

        async def slow(seconds: float) -> None:
            time[0] += 20
            await real(seconds)

        made.hub.connection("mailchimp").caller._sleep = slow
        assert (await toured(made, 3_700, lambda: time[0])).fault is not None
        time[0] = 0.0
        before = made.time[0]
        await toured(made, 30, lambda: time[0])
        assert ((await read(made, other)).finished_at or "") >= iso(before)
        assert not await resting(made)


async def test_a_connection_of_which_nothing_answers_rests(tmp_path: Path) -> None:
    async with world(tmp_path, "mailchimp") as made:
        failing(made, *PATHS)
        assert (await toured(made, 3_700)).fault is not None
        for _ in range(2):
            await toured(made, 5)
        assert await resting(made)


async def unfinished(stage: Stage) -> None:
    """A walk of alpha that has more to show."""
    for number in range(120):
        stage.vendors["alpha"].create(person(number))
    assert (await walk(stage, 1)).more


async def walk(stage: Stage, records: int = 20_000) -> Toured:
    assert stage.hub is not None
    return await tour(stage.hub, "alpha", Lane.LIVE, Slice.of(seconds=600, records=records), term=TERM)


async def test_a_walk_that_began_before_a_hint_does_not_answer_it(stage: Stage) -> None:
    await unfinished(stage)
    stage.step(5)
    await note(stage, ANYTHING)
    assert not (await walk(stage)).more
    assert await left(stage) == [ANYTHING]
    assert stage.hub is not None
    assert "alpha" in {wake.connection for wake in await tours(stage.hub)}
    await walk(stage)
    assert await left(stage) == []


async def test_a_hint_is_not_answered_by_a_walk_that_is_not_at_its_end(stage: Stage) -> None:
    for number in range(120):
        stage.vendors["alpha"].create(person(number))
    await note(stage, ANYTHING)
    assert (await walk(stage, 1)).more
    assert await left(stage) == [ANYTHING]


async def test_a_walk_of_many_slices_answers_the_hints_that_were_there_before_it(stage: Stage) -> None:
    await note(stage, ANYTHING)
    stage.step(120)
    await unfinished(stage)
    await walk(stage)
    assert await left(stage) == []


async def test_hints_that_could_not_be_looked_at_are_answered_by_a_walk(stage: Stage) -> None:
    """The way to read by id fails for long; the listing works."""
    await note(stage, stage.vendors["alpha"].create(person(1)))
    stage.script["alpha", "/people/read"] = [Mishap.FAILS_BEFORE] * 50
    done = await walk(stage)
    assert (done.fault, done.counts.read) == (None, 1)
    assert await left(stage) == []


@pytest.mark.parametrize("holds", [write.HOLDS, timedelta(seconds=-1)], ids=["before it", "beside its writes"])
async def test_a_read_inside_a_push_ends_with_its_slice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, holds: timedelta
) -> None:
    """Gamma shows one record per call, and much changed there since the last walk."""
    monkeypatch.setattr(write, "HOLDS", holds)
    monkeypatch.setattr(PeopleSink, "__init__", singly(PeopleSink.__init__))
    stage = await Stage.set(tmp_path, Random(1), "none", {"alpha": Manners(), "gamma": Manners()})
    hub = stage.hub
    assert hub is not None
    mine = [stage.vendors["alpha"].create(person(n)) for n in range(LOOK_SINGLY_MAX + 5)]
    await sync(hub, until_quiet=True, sleep=stage._sleep, side_by_side=False)
    for number in range(500):
        stage.vendors["gamma"].create(person(1_000 + number))
    for ann in mine:
        stage.vendors["alpha"].edit(ann, {"title": "Head"})
    stage.step(100)
    await walk(stage)
    before = stage.vendors["gamma"].calls["GET /people"]
    async with hub.database.write() as conn:
        row = await cursors.fetch(conn, "gamma", "people")
        await cursors.save(conn, cursors.CursorRow("gamma", "people", walk=row.walk, began_at=iso(stage.now)))
    tours_made = 0
    while await told(stage) < len(mine):
        calls = stage.vendors["gamma"].calls["GET /people"]
        await tour(hub, "gamma", Lane.LIVE, Slice.of(seconds=600, records=20), term=TERM)
        assert stage.vendors["gamma"].calls["GET /people"] - calls <= 2
        stage.step(1)
        tours_made += 1
        assert tours_made < 100
    assert stage.vendors["gamma"].calls["GET /people"] > before
    await stage.close()


async def told(stage: Stage) -> int:
    gamma = stage.vendors["gamma"]
    return sum((gamma.get(i) or {}).get("title") == "Head" for i in gamma.ids())
