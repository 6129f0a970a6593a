"""A run that loses its lease, at whatever point: it stops there, and the next run ends as if it had never been."""

from __future__ import annotations

import asyncio
from contextvars import Context
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest

from hub.errors import LeaseLost
from hub.store import leases
from hub.transport.mishaps import Mishaps
from sync_jobs import runner
from sync_jobs.hub import Hub
from sync_jobs.lease import held
from sync_jobs.simulation.stage import Stage

NAME = "home"
AGES = timedelta(days=1)
PEOPLE = 4


async def steal(hub: Hub) -> None:
    """As another host would that took this one for dead."""

    async def take() -> None:
        async with hub.database.write() as conn:
            assert await leases.acquire(conn, NAME, "thief", hub.clock() + AGES, AGES) is not None

    await asyncio.create_task(take(), context=Context())


async def free(hub: Hub) -> None:
    async with hub.database.write() as conn:
        standing = await leases.fetch(conn, NAME)
        assert standing is not None
        await leases.release(conn, standing)


def shown(stage: Stage) -> dict[str, dict[str, Any]]:
    """Every record of every vendor."""
    return {name: {i: vendor.get(i) for i in vendor.ids()} for name, vendor in stage.vendors.items()}


def addresses(stage: Stage) -> dict[str, list[str]]:
    records = {name: [r for r in people.values() if r is not None] for name, people in shown(stage).items()}
    return {name: sorted(str(r["email"]).lower() for r in people) for name, people in records.items()}


async def run(hub: Hub) -> int:
    """One sync under the lease; answers how many writes it made."""
    async with held(hub, NAME):
        return (await runner.sync(hub, until_quiet=True, sleep=hub._sleep, side_by_side=False)).writes


async def robbed(home: Path, after: int, moment: str, monkeypatch: pytest.MonkeyPatch) -> bool:
    """A first sync that loses its lease as that request leaves, or as its answer arrives. False: it made fewer."""
    stage = await Stage.set(home, Random(1), "none")
    hub = stage.hub
    assert hub is not None
    for number, vendor in enumerate(stage.vendors.values()):
        for one in range(number, number + PEOPLE):  # each vendor shares some people with the next
            vendor.create({"email": f"p{one}@x.example", "name": f"P {one}", "city": "Bonn"})
    requests = 0
    then: dict[str, dict[str, Any]] = {}
    send = Mishaps.handle_async_request

    async def sent(self: Mishaps, request: httpx.Request) -> httpx.Response:
        nonlocal requests
        requests += 1
        number = requests
        if (number, moment) == (after, "leaves"):
            await steal(hub)
        response = await send(self, request)
        if (number, moment) == (after, "arrives"):
            await steal(hub)
        if number == after:
            then.update(shown(stage))
        return response

    try:
        with monkeypatch.context() as patched:
            patched.setattr(Mishaps, "handle_async_request", sent)
            try:
                await run(hub)
            except LeaseLost:
                assert shown(stage) == then, "something was written after the lease was lost"
                await free(hub)
            else:
                assert requests < after
                return False
        stage.step(60)
        await run(hub)
        everyone = sorted(f"p{n}@x.example" for n in range(PEOPLE + len(stage.vendors) - 1))
        assert addresses(stage) == dict.fromkeys(stage.vendors, everyone)
        stage.step(60)
        assert await run(hub) == 0
    finally:
        await stage.close()
    return True


@pytest.mark.parametrize(("moment", "stride"), [("arrives", 3), ("leaves", 4)])
async def test_whenever_a_run_loses_its_lease_it_writes_nothing_more_and_nobody_is_made_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str, stride: int
) -> None:
    after = 1
    while True:
        home = tmp_path / str(after)
        home.mkdir()
        if not await robbed(home, after, moment, monkeypatch):
            break
        after += stride
    assert after > 12, "there was hardly anything to interrupt"
