"""What two workers may do to each other in one store, and don't: each case fails without the rule that it names."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest

from hub.domain.connection import ConnectionState
from hub.domain.golden import GoldenState
from hub.domain.lane import Lane
from hub.domain.plan import Change
from hub.sdk.http import Request, Response
from hub.store import attempts, connections, dialect, golden, issues, links
from hub.transport import lanes
from sync_jobs.hub import Hub
from sync_jobs.item import Item
from sync_jobs.pull import pull
from sync_jobs.push import push, push_some
from sync_jobs.reconcile import reconcile
from sync_jobs.runner import sync
from sync_jobs.simulation.stage import Stage
from sync_jobs.slices import Slice
from sync_jobs.view import View
from sync_jobs.write import Writer
from tests.conftest import EmptyStore

PEOPLE = 60


@pytest.fixture
async def two(tmp_path: Path, empty_store: EmptyStore) -> AsyncIterator[tuple[Stage, Hub, Hub]]:
    stage = await Stage.set(tmp_path, Random(1), "none", database_url=await empty_store("postgresql"))
    one = stage.hub
    await stage.open()
    other = stage.hub
    assert one is not None
    assert other is not None
    yield stage, one, other
    await one.close()
    await other.close()


async def heard_at_once(two: tuple[Stage, Hub, Hub]) -> int:
    """The same new people turn up in two systems, and two workers hear of them at the same moment. How many golden
    records there are then."""
    stage, one, other = two
    for number in range(PEOPLE):
        for name in ("alpha", "beta"):
            stage.vendors[name].create({"email": f"p{number}@example.com", "name": f"Nr {number}"})
    for name in ("alpha", "beta"):
        await pull(one, one.wired[name], "people")
    await asyncio.gather(reconcile(one, one.wired["alpha"], "people"), reconcile(other, other.wired["beta"], "people"))
    async with one.database.read() as conn:
        return await golden.count(conn, "contact")


async def test_people_heard_of_by_two_workers_at_once_are_one_each(two: tuple[Stage, Hub, Hub]) -> None:
    assert await heard_at_once(two) == PEOPLE


async def test_without_hearing_one_at_a_time_they_are_two(
    two: tuple[Stage, Hub, Hub], monkeypatch: pytest.MonkeyPatch
) -> None:
    """So the test above can fail."""

    async def nobody_waits(*_: object) -> None:
        return None

    monkeypatch.setattr(dialect, "hold_hearing", nobody_waits)
    try:
        count = await heard_at_once(two)
    except Exception:
        return  # the database itself objects
    assert count > PEOPLE


async def test_news_heard_between_deciding_and_writing_stop_the_write(
    two: tuple[Stage, Hub, Hub], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ann's title is about to be told when another worker hears that it is another one by now."""
    stage, one, other = two
    stage.vendors["alpha"].create({"email": "ann@example.com", "title": "Old"})
    await sync(one, until_quiet=True, side_by_side=False)
    (ann,) = stage.vendors["alpha"].ids()
    stage.step(60)
    stage.vendors["alpha"].edit(ann, {"title": "Head"})
    await pull(one, one.wired["alpha"], "people")
    await reconcile(one, one.wired["alpha"], "people")
    real, fresh = Writer._items, []

    async def meanwhile(self: Writer, seen: View, changes: Sequence[Change]) -> list[Item]:
        items = await real(self, seen, changes)
        if not fresh:
            fresh.append(True)
            stage.step(60)
            stage.vendors["alpha"].edit(ann, {"title": "Chief"})
            await pull(other, other.wired["alpha"], "people")
            await reconcile(other, other.wired["alpha"], "people")
        return items

    monkeypatch.setattr(Writer, "_items", meanwhile)
    before = len(stage.vendors["gamma"].log)
    await push(one, one.wired["gamma"], "people", "run_1")
    assert len(stage.vendors["gamma"].log) == before
    await push(one, one.wired["gamma"], "people", "run_2")
    (told,) = stage.vendors["gamma"].ids()
    assert str(stage.vendors["gamma"].get(told)["title"]).casefold() == "chief"  # type: ignore[index]


async def test_two_lanes_do_not_tell_one_person_at_once(
    two: tuple[Stage, Hub, Hub], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write of the consent lane is under way: the live lane neither takes it for one whose process died, nor writes
    beside it."""
    stage, one, other = two
    stage.vendors["alpha"].create({"email": "ann@example.com", "title": "Old"})
    await sync(one, until_quiet=True, side_by_side=False)
    stage.step(60)
    stage.vendors["alpha"].edit(stage.vendors["alpha"].ids()[0], {"title": "Head"})
    await pull(one, one.wired["alpha"], "people")
    await reconcile(one, one.wired["alpha"], "people")
    log, caller = stage.vendors["gamma"].log, one.wired["gamma"].caller
    before, real, beside = len(log), caller.send, []

    async def send(request: Request, **more: Any) -> Response:
        """The consent lane's write, once opened, waits until the live lane has had its turn."""
        async with other.database.read() as conn:
            opened = await attempts.unsettled_of(conn, "gamma", "people")
        if opened and not beside:
            beside.append(await push(other, other.wired["gamma"], "people", "run_2", lane=Lane.LIVE))
        return await real(request, **more)

    monkeypatch.setattr(caller, "send", send)
    async with one.database.read() as conn:
        ids = await golden.due(conn, "gamma", "people", one.now_text())
    with lanes.working(Lane.CONSENT):
        await push_some(one, one.wired["gamma"], "people", "run_1", ids, Slice.of(), Lane.CONSENT)
    assert beside
    assert len(log) == before + 1
    async with one.database.read() as conn:
        assert not await attempts.unsettled_of(conn, "gamma", "people")


@pytest.mark.parametrize("change", ["paused", "read-only"])
async def test_an_operator_who_stops_a_connection_is_heard_before_the_next_batch(
    two: tuple[Stage, Hub, Hub], monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    """Everybody is due; while the first of them is told, another process takes the leave to write back."""
    stage, one, other = two
    for number in range(30):
        stage.vendors["alpha"].create({"email": f"p{number}@example.com", "title": "Old"})
    await pull(one, one.wired["alpha"], "people")
    await reconcile(one, one.wired["alpha"], "people")
    batch = one.wired["gamma"].sink("people").batch_max
    caller, log = one.wired["gamma"].caller, stage.vendors["gamma"].log
    real = caller.send

    async def send(request: Request, **more: Any) -> Response:
        response = await real(request, **more)
        if log:
            async with other.database.write() as conn:
                if change == "paused":
                    await connections.set_state(conn, "gamma", ConnectionState.PAUSED)
                else:
                    await connections.allow_writes(conn, "gamma", False)
        return response

    monkeypatch.setattr(caller, "send", send)
    await push(one, one.wired["gamma"], "people", "run_1")
    assert len(log) == batch < 30


@pytest.mark.parametrize("told", ["update", "create"])
async def test_a_write_under_way_is_ours_though_its_person_turns_out_to_be_another(
    two: tuple[Stage, Hub, Hub], monkeypatch: pytest.MonkeyPatch, told: str
) -> None:
    """Ann's and Bob's writes are on their way when another worker hears that Ann has his address: they are one."""
    stage, one, other = two
    alpha, gamma = stage.vendors["alpha"], stage.vendors["gamma"]
    both = [alpha.create({"email": f"{name}@example.com", "title": f"{name} I"}) for name in ("ann", "bob")]
    if told == "update":
        await sync(one, until_quiet=True, side_by_side=False)
        stage.step(60)
        for remote_id in both:
            alpha.edit(remote_id, {"title": f"{remote_id} II"})
    await pull(one, one.wired["alpha"], "people")
    await reconcile(one, one.wired["alpha"], "people")
    caller, done = one.wired["gamma"].caller, []
    real = caller.send

    async def send(request: Request, **more: Any) -> Response:
        response = await real(request, **more)
        if gamma.log and not done and request.path.endswith("/write"):
            done.append(True)
            stage.step(1)
            alpha.edit(both[0], {"email": "bob@example.com"})
            await pull(other, other.wired["alpha"], "people")
            await reconcile(other, other.wired["alpha"], "people")
        return response

    gamma.log.clear()
    monkeypatch.setattr(caller, "send", send)
    await push(one, one.wired["gamma"], "people", "run_1")
    monkeypatch.undo()
    assert done
    async with one.database.read() as conn:
        assert await issues.list_(conn) == []
        told_to = [link async for batch in links.each(conn, "gamma", "people") for link in batch]
        (person,) = {link.entity_id for link in told_to}
        assert (await golden.fetch(conn, [person]))[person].state is GoldenState.LIVE
    assert (await sync(one, until_quiet=True, side_by_side=False)).quiet
    async with one.database.read() as conn:
        said = [link.said async for batch in links.each(conn, "gamma", "people") for link in batch]
    assert not any("title" in words for words in said), "it was taken for somebody's edit there"
