"""Crews at work on made-up vendors, by the real clock."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from connectors.unruly.sandbox import TOKEN, Manners, Unruly
from hub import clock
from hub.domain.connection import Connection
from hub.domain.moments import iso
from hub.domain.policy import Brakes
from hub.domain.schedule import Schedule
from hub.sdk.sandbox import SandboxOptions
from hub.store import connections, schedules, secrets
from hub.transport.mishaps import Mishap, Mishaps
from sync_jobs.crew import Crew, Pace
from sync_jobs.hub import Hub
from sync_jobs.queue import Queue

PACE = Pace(lease=timedelta(seconds=3), sweep=0.3, jobs=10)
PATIENCE = 40.0
"""Seconds after which what should happen counts as never happening."""


@dataclass
class Town:
    """Vendors with people, and a store that knows them."""

    vendors: dict[str, Unruly]
    home: Path
    url: str

    async def hub(self, queue: Queue | None = None) -> Hub:
        def calm(_: str, __: str) -> Mishap:
            return Mishap.NONE

        transports = {name: Mishaps(vendor.app, calm) for name, vendor in self.vendors.items()}
        hub = await Hub.open(self.home, database_url=self.url, transports=transports, queue=queue)
        hub.brakes = replace(Brakes(), creates=10_000, clears=10_000, removes=10_000)
        return hub

    def agrees(self, field: str, value: object) -> bool:
        """Whether the one person has it everywhere."""
        return all(
            str((vendor.get(i) or {}).get(field)).casefold() == str(value).casefold()
            for vendor in self.vendors.values()
            for i in vendor.ids()
        ) and all(vendor.ids() for vendor in self.vendors.values())


async def town(home: Path, url: str, names: str = "ab") -> Town:
    made = Town({n: Unruly(SandboxOptions(people=0), Manners(), prefix=n) for n in names}, home, url)
    hub = await made.hub()
    now = iso(clock.now())
    async with hub.database.write() as conn:
        for rank, (name, vendor) in enumerate(made.vendors.items()):
            settings = dict(vendor.connection().settings)
            row = Connection(name, "unruly", "http://unruly.invalid", settings, writes=True, rank=rank, created_at=now)
            await connections.add(conn, row)
            await secrets.put(conn, hub.vault, name, {"token": TOKEN}, now)
            await schedules.put(conn, name, "", Schedule(every=1))
    await hub.close()
    return made


async def until(so: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not so():
        assert time.monotonic() < deadline, f"{what} never happened"
        await asyncio.sleep(0.05)


@asynccontextmanager
async def at_work(crew: Crew, *loops: asyncio.Task[None]) -> AsyncIterator[Crew]:
    """The crew works while the block runs, and ends in order."""
    running = asyncio.create_task(crew.run())
    try:
        yield crew
    finally:
        crew.stopping.set()
        await running
        for loop in loops:
            loop.cancel()
        if loops:
            await asyncio.wait(loops)
