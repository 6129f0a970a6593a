"""What a process that goes on for months takes over from others: accounts, secrets, and fields that rest."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from connectors.unruly.sandbox import TOKEN
from hub import clock
from hub.domain.connection import ConnectionState
from hub.domain.lane import Lane
from hub.domain.moments import iso
from hub.operations import connections as operations
from hub.sdk.auth import Token
from hub.store import connections, secrets
from sync_jobs.hub import Hub
from sync_jobs.slices import Slice
from sync_jobs.sweep import tours
from sync_jobs.tour import tour
from sync_jobs.wiring import Wired
from tests.sync_jobs.crews import PACE, Town, town
from tests.sync_jobs.test_drift import DAY, world


@pytest.fixture
async def place(tmp_path: Path, store_url: str) -> Town:
    return await town(tmp_path, store_url)


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as opened:
        yield opened


async def put_secret(hub: Hub, token: str) -> None:
    async with hub.database.write() as conn:
        await secrets.put(conn, hub.vault, "a", {"token": token}, iso(clock.now()))


async def test_a_secret_that_an_operator_changed_is_spoken_with_from_the_next_tour_on(
    place: Town, stack: AsyncExitStack
) -> None:
    """As after the alert that a token is about to end: the worker was begun with the old one."""
    operator = await stack.enter_async_context(await place.hub())
    await operations.change(operator, "a", secrets={"token": "one that ended"})
    worker = await stack.enter_async_context(await place.hub())
    await operations.change(operator, "a", secrets={"token": TOKEN})
    done = await tour(worker, "a", Lane.LIVE, Slice.of(), term=PACE.lease)
    assert done.fault is None
    assert worker.wired["a"].connection.state is ConnectionState.ACTIVE
    assert place.vendors["a"].calls


async def test_what_is_as_it_was_is_not_made_anew(place: Town, stack: AsyncExitStack) -> None:
    """Also where secrets were sealed anew, or rotated by this very process: whoever speaks there is not interrupted."""
    hub = await stack.enter_async_context(await place.hub())
    before = dict(hub.wired)
    await put_secret(hub, TOKEN)
    await hub.refresh()
    assert hub.wired["a"] is before["a"]
    desk = hub.wired["a"].caller._desk
    rotated = Token("access", secrets={"token": "rotated"})
    desk._adopt(rotated)
    await desk._keeper.save(rotated)
    await hub.refresh()
    assert hub.wired["a"] is before["a"]
    assert hub.wired["b"] is before["b"]


async def test_a_field_that_another_process_saw_vanish_rests_here_too_and_returns(tmp_path: Path) -> None:
    async with world(tmp_path, "salesforce", "mailchimp") as made:
        doors = dict(made.hub._transports)
        async with await Hub.open(tmp_path, clock=lambda: made.time[0], transports=doors) as other:

            def asks() -> bool:
                return "Title" in other.wired["salesforce"].lenses["contacts"].reads

            assert asks()
            made.boxes["salesforce"].people.remove_field("Title")
            made.step(DAY)
            await made.sync()
            await other.refresh()
            assert not asks()
            rests = other.wired["salesforce"]
            await other.refresh()
            assert other.wired["salesforce"] is rests, "once is enough"
            made.boxes["salesforce"].people.restore_field("Title")
            made.step(DAY)
            await made.sync()
            await other.refresh()
            assert asks()


async def test_while_a_connection_is_made_anew_the_old_one_is_there_and_two_make_it_once(
    place: Town, stack: AsyncExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every tour and every sweep refreshes what the whole process works with."""
    hub = await stack.enter_async_context(await place.hub())
    before, made = hub.wired["a"], 0
    begun, go_on = asyncio.Event(), asyncio.Event()
    real = Hub._wire

    async def slow(self: Hub, *given: object) -> Wired:
        nonlocal made
        made += 1
        begun.set()
        await go_on.wait()
        return await real(self, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(Hub, "_wire", slow)
    async with hub.database.write() as conn:
        await connections.allow_writes(conn, "a", False)
    two = [asyncio.create_task(hub.refresh()) for _ in range(2)]
    await begun.wait()
    assert hub.connection("a") is before
    assert set(hub.book.wired) == {"a", "b"}, "nobody is judged without what a connection says"
    assert {wake.connection for wake in await tours(hub)} == {"a", "b"}
    go_on.set()
    await asyncio.gather(*two)
    assert made == 1
    assert not hub.wired["a"].connection.writes
