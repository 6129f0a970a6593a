"""Random histories in which several workers tour one store at the same time, in any order, doubled and cut short.

Which request follows which is up to the event loop here, so a seed gives the same acts of people and the same mishaps
to choose from, not the same trace.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from hub.domain.lane import Lane
from hub.errors import LeaseLost
from hub.transport.mishaps import Killed
from sync_jobs.consents import close_written
from sync_jobs.hub import Hub
from sync_jobs.queue import Job, Wake
from sync_jobs.simulation.people import Crowd
from sync_jobs.simulation.play import _resume, finish
from sync_jobs.simulation.stage import Stage
from sync_jobs.slices import Slice
from sync_jobs.sweep import tours
from sync_jobs.tour import tour
from tests.conftest import DIALECTS, EmptyStore

FAULTS = ("none", "light", "heavy")
TERM = timedelta(seconds=30)


@dataclass
class Office:
    """Workers of one store. On SQLite one process works, and its lanes go side by side."""

    stage: Stage
    chance: Random
    workers: list[Hub] = field(default_factory=list)
    tours: int = 0

    async def hire(self, number: int) -> None:
        for _ in range(number):
            await self.stage.open()
            assert self.stage.hub is not None
            self.workers.append(self.stage.hub)

    async def work(self) -> None:
        """Some tours at once: what a sweep finds, some of it lost, some doubled, and some that nobody asked for."""
        wakes = [w for w in await tours(self.workers[0]) if self.chance.random() > 0.2]
        wakes += [Wake(Job.TOUR, name, lane=self.lane()) for name in self.stage.vendors if self.chance.random() < 0.3]
        wakes += [w for w in wakes if self.chance.random() < 0.3]
        self.chance.shuffle(wakes)
        going = [self.go(self.chance.randrange(len(self.workers)), wake) for wake in wakes]
        for number in {n for n in await asyncio.gather(*going) if n is not None}:
            await self.replace(number)
        with suppress(LeaseLost):
            await close_written(self.workers[0])
        await _resume(self.workers[0])

    def lane(self) -> Lane:
        return self.chance.choice((Lane.LIVE, Lane.LIVE, Lane.CONSENT))

    async def go(self, number: int, wake: Wake) -> int | None:
        """One tour, of a slice that may be tiny. Answers the worker that died of it."""
        bounds = Slice.of(seconds=30, records=self.chance.choice((1, 3, 1000)))
        self.tours += 1
        try:
            await tour(self.workers[number], wake.connection, wake.lane, bounds, term=TERM)
        except Killed:
            return number
        except LeaseLost:
            self.stage.notes.append("lost a lease")
        return None

    async def replace(self, number: int) -> None:
        self.stage.deaths += 1
        with suppress(Exception):
            await self.workers[number].close()
        await self.stage.open()
        assert self.stage.hub is not None
        self.workers[number] = self.stage.hub

    async def leave_one(self) -> None:
        for hub in self.workers[1:]:
            await hub.close()
        self.stage.hub = self.workers[0]


@asynccontextmanager
async def office(seed: int, home: Path, faults: str, url: str, workers: int) -> AsyncIterator[tuple[Office, Crowd]]:
    chance = Random(seed)
    stage = await Stage.set(home, chance, faults, database_url=url)
    assert stage.hub is not None
    opened = Office(stage, chance, [stage.hub])
    await opened.hire(workers - 1)
    try:
        yield opened, Crowd(stage, chance)
    finally:
        await opened.leave_one()
        await stage.close()


async def play(seed: int, home: Path, faults: str, url: str, *, workers: int, steps: int) -> None:
    async with office(seed, home, faults, url, workers) as (working, crowd):
        stage = working.stage
        for _ in range(steps):
            stage.step(working.chance.uniform(1, 120))
            if working.chance.random() < 0.6:
                stage.notes.append(crowd.act())
            else:
                await working.work()
        assert working.tours > steps / 4
        await working.leave_one()
        trace = await finish(stage, crowd, seed, steps)
    assert not trace.violations, (trace.violations, trace.lines[-40:])


@pytest.mark.parametrize("seed", range(12))
async def test_many_workers_keep_every_law(seed: int, tmp_path: Path, empty_store: EmptyStore) -> None:
    dialect = DIALECTS[seed % 4 != 0]
    workers = 1 if dialect == "sqlite" else 3
    await play(seed, tmp_path, FAULTS[seed % 3], await empty_store(dialect), workers=workers, steps=40)


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(2000, 2200))
async def test_many_workers_keep_every_law_at_night(seed: int, tmp_path: Path, empty_store: EmptyStore) -> None:
    await play(seed, tmp_path, FAULTS[seed % 3], await empty_store("postgresql"), workers=3, steps=60)
