"""The caps of a mapping park a push and hold back deletions, also where the hub's own brakes would allow them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

from connectors.unruly.sandbox import Manners
from hub.store import issues
from mappings import library
from sync_jobs.brakes import allow
from sync_jobs.plan import plan
from sync_jobs.runner import sync
from sync_jobs.simulation.stage import Stage


@asynccontextmanager
async def two_systems(home: Path, caps: str) -> AsyncIterator[Stage]:
    """Alpha with ten people and beta with none; beta's mapping has the caps, alpha's too."""
    text = library.source("unruly", "people").read_text(encoding="utf-8")
    for name in ("alpha", "beta"):
        folder = home / "mappings" / name
        folder.mkdir(parents=True)
        (folder / "people.yaml").write_text(text.replace("policy:\n", f"policy:\n  caps: {caps}\n", 1))
    stage = await Stage.set(home, Random(1), "none", {"alpha": Manners(), "beta": Manners()})
    for number in range(10):
        stage.vendors["alpha"].create({"email": f"p{number}@x.example", "name": f"P {number}"})
    stage.step(600)
    try:
        yield stage
    finally:
        await stage.close()


async def run(stage: Stage) -> None:
    assert stage.hub is not None
    stage.step(600)
    await sync(stage.hub, until_quiet=True, full=True, sleep=stage._sleep)


async def kinds(stage: Stage) -> set[str]:
    assert stage.hub is not None
    async with stage.hub.database.read() as conn:
        return {issue.kind for issue in await issues.list_(conn)}


async def test_more_creates_than_the_mapping_allows_are_parked(tmp_path: Path) -> None:
    async with two_systems(tmp_path, "{creates: 9}") as stage:
        await run(stage)
        assert stage.hub is not None
        assert stage.vendors["beta"].ids() == []
        assert "brake" in await kinds(stage)
        (tripped,) = (await plan(stage.hub)).tripped["beta"]
        assert (tripped.what, tripped.planned, tripped.allowed, tripped.by_mapping) == ("creates", 10, 9, True)


async def test_as_many_as_the_mapping_allows_go_through(tmp_path: Path) -> None:
    async with two_systems(tmp_path, "{creates: 10}") as stage:
        await run(stage)
        assert len(stage.vendors["beta"].ids()) == 10
        assert "brake" not in await kinds(stage)


async def test_a_person_agrees_to_more_than_the_cap(tmp_path: Path) -> None:
    async with two_systems(tmp_path, "{creates: 0%}") as stage:
        await run(stage)
        assert stage.hub is not None
        assert stage.vendors["beta"].ids() == []
        async with stage.hub.database.write() as conn:
            await allow(conn, "beta", {"creates": 10})
        await run(stage)
        assert len(stage.vendors["beta"].ids()) == 10


async def test_records_gone_beyond_the_cap_bury_nobody(tmp_path: Path) -> None:
    async with two_systems(tmp_path, "{gone: 1}") as stage:
        await run(stage)
        alpha = stage.vendors["alpha"]
        kept = dict(alpha.people_by_id)
        for gone in list(alpha.people_by_id)[:2]:
            del alpha.people_by_id[gone]
        await run(stage)
        assert "vanished" in await kinds(stage)
        alpha.people_by_id = kept
        await run(stage)
        assert "vanished" not in await kinds(stage)
