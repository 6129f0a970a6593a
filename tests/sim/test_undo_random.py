"""Law 6 on random histories: what a sync wrote is put back, except where somebody touched it since, and it stays so.

The judge reads the vendors alone: what they held before the sync, what people did since, what they hold afterwards.
"""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import pytest

from hub.domain.moments import iso
from hub.store import runs
from hub.transport.mishaps import Killed
from sync_jobs.runner import sync
from sync_jobs.simulation.people import Crowd
from sync_jobs.simulation.play import CALM
from sync_jobs.simulation.stage import Stage
from sync_jobs.undo import undo
from tests.conftest import EmptyStore
from tests.sim.acting import settle
from tests.sim.test_random import database_of

FIELDS = ("name", "title", "city", "phones")
Held = dict[tuple[str, str], dict[str, Any]]
Cell = tuple[str, str, str]


def held(stage: Stage) -> Held:
    """By vendor and id what every living record holds."""
    return {(name, i): dict(v.get(i) or {}) for name, v in stage.vendors.items() for i in v.ids()}


async def written(stage: Stage, crowd: Crowd) -> list[str]:
    """People act, and the hub syncs under mishaps until all is quiet; answers its pushes."""
    began = iso(stage.now)
    for _ in range(8):
        stage.step(1)
        assert stage.hub is not None
        try:
            await sync(stage.hub, sleep=stage._sleep, side_by_side=False)
        except Killed:
            await stage.reopen()
    stage.healed = True
    await settle(stage)
    stage.healed = False
    assert stage.hub is not None
    async with stage.hub.database.read() as conn:
        return [r.id for r in await runs.recent(conn, 500, job="push") if r.started_at >= began]


async def undone(stage: Stage, chosen: list[str]) -> None:
    """Under mishaps first, then once more when all is healed."""
    for turn in range(4):
        stage.healed = turn == 3
        stage.step(CALM)
        assert stage.hub is not None
        try:
            await undo(stage.hub, chosen)
        except Killed:
            await stage.reopen()
    stage.healed = False


def touch(stage: Stage, crowd: Crowd, acts: int) -> set[Cell]:
    """Edits of people; the cells they touched."""
    before = held(stage)
    for _ in range(acts):
        stage.step(5)
        crowd.chance.choice((crowd.edit, crowd.edit, crowd.blank))()
    after = held(stage)
    return {(*at, f) for at, record in after.items() for f in FIELDS if before[at].get(f) != record.get(f)}


def wrong(stage: Stage, before: Held, since: Held, touched: set[Cell]) -> list[str]:
    """Cells that hold neither what they held before the sync nor what a person typed since."""
    found = []
    after = held(stage)
    upserted = {(name, i) for name, v in stage.vendors.items() for op, i in v.log if op == "upsert"}
    for at in before.keys() & after.keys() - upserted:
        for name in FIELDS:
            right = since[at] if (*at, name) in touched else before[at]
            if after[at].get(name) != right.get(name):
                found.append(f"{at} {name}: {before[at].get(name)!r} -> {after[at].get(name)!r}, {right.get(name)!r}")
    return found


@pytest.mark.parametrize("faults", ["none", "light", "heavy"])
@pytest.mark.parametrize("seed", range(6))
async def test_undo_restores_what_nobody_touched_since_and_it_stays_so(
    tmp_path: Path, empty_store: EmptyStore, seed: int, faults: str
) -> None:
    chance = Random(seed)
    stage = await Stage.set(tmp_path, chance, faults, database_url=await empty_store(database_of(seed)))
    crowd = Crowd(stage, chance)
    try:
        for _ in range(14):
            stage.step(chance.uniform(1, 60))
            crowd.act()
        stage.healed = True
        await settle(stage)
        stage.healed = False
        for _ in range(8):
            stage.step(chance.uniform(1, 60))
            crowd.act()
        stage.step(CALM)
        before = held(stage)
        chosen = await written(stage, crowd)
        touched = touch(stage, crowd, chance.randrange(5))
        since = held(stage)
        await undone(stage, chosen)
        assert wrong(stage, before, since, touched) == []
        rested = held(stage)
        stage.healed = True
        await settle(stage)
        moved = {(str(since[c[:2]].get("email")).strip().casefold(), c[2]) for c in touched}
        told = [
            (at, f)
            for at, record in held(stage).items()
            for f in FIELDS
            if at in rested
            and record.get(f) != rested[at].get(f)
            and (str(record.get("email")).strip().casefold(), f) not in moved
        ]
        assert told == []
    finally:
        await stage.close()


async def test_the_histories_write_touch_and_undo_something(tmp_path: Path) -> None:
    """Otherwise the law above would be true of nothing."""
    wrote = put_back = kept = 0
    for seed in range(6):
        chance = Random(seed)
        stage = await Stage.set(_made(tmp_path / str(seed)), chance, "none")
        crowd = Crowd(stage, chance)
        try:
            for _ in range(14):
                stage.step(chance.uniform(1, 60))
                crowd.act()
            await settle(stage)
            for _ in range(8):
                stage.step(chance.uniform(1, 60))
                crowd.act()
            stage.step(CALM)
            before = held(stage)
            chosen = await written(stage, crowd)
            after = held(stage)
            wrote += sum(after[a].get(f) != before[a].get(f) for a in before.keys() & after.keys() for f in FIELDS)
            touch(stage, crowd, 4)
            stage.step(CALM)
            assert stage.hub is not None
            report = await undo(stage.hub, chosen)
            put_back += sum(c.updated for c in report.counts.values())
            kept += sum(k.why == "changed there since" for k in report.kept)
        finally:
            await stage.close()
    assert wrote >= 10
    assert put_back >= 5
    assert kept >= 2


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
