"""What a run leaves beside its row: names in the lines that are logged meanwhile, and numbers for metrics."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from connectors.unruly.sandbox import Manners
from hub import counters, logs
from hub.domain.lane import Lane
from sync_jobs.pull import pull
from sync_jobs.recording import Recorded
from sync_jobs.runner import sync
from sync_jobs.simulation.stage import Stage
from sync_jobs.slices import Slice
from sync_jobs.tour import tour


@pytest.fixture(autouse=True)
def _counting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counters of this test alone."""
    monkeypatch.setattr(counters, "_counted", type(counters._counted)())
    monkeypatch.setattr(counters, "_timed", {})


async def test_a_sync_counts_each_record_and_write_once(tmp_path: Path) -> None:
    stage = await Stage.set(tmp_path, Random(1), "none", {"alpha": Manners(), "beta": Manners()})
    assert stage.hub is not None
    for number in range(3):
        stage.vendors["alpha"].create({"email": f"p{number}@x.example", "name": f"P {number}"})
    stage.step(1)
    await sync(stage.hub, until_quiet=True)
    counted = {(c.name, *dict(c.labels).values()): c.value for c in counters.all()}
    assert counted["records_read", "alpha", "people"] >= 3
    assert counted["records_heard", "alpha", "people"] == 3
    assert counted["writes", "beta", "created", "people"] == 3
    assert counted["runs", "", "sync", "done"] == 1
    calls = {name: wired.caller.total_calls for name, wired in stage.hub.wired.items()}
    assert {c[2]: v for c, v in counted.items() if c[0] == "api_calls"} == calls
    assert {dict(t.labels)["job"] for t in counters.timed()} >= {"sync", "pull", "push", "reconcile"}
    await stage.close()


async def test_the_lines_of_a_tour_name_its_lane_and_its_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = await Stage.set(tmp_path, Random(1), "none", {"alpha": Manners()})
    assert stage.hub is not None
    said: list[dict[str, str]] = []
    enter = Recorded.__aenter__

    async def noting(self: Recorded) -> Recorded:
        entered = await enter(self)
        said.append(dict(logs.names()))
        return entered

    monkeypatch.setattr(Recorded, "__aenter__", noting)
    await tour(stage.hub, "alpha", Lane.LIVE, Slice.whole(), term=timedelta(seconds=60))
    assert {(n["connection"], n["lane"]) for n in said} == {("alpha", "live")}
    assert {n["job"] for n in said} >= {"pull"}
    assert len({n["run"] for n in said}) == len(said)
    assert logs.names() == {}
    with logs.bound(lane="consent"):
        async with Recorded(stage.hub, "push", "alpha", "people") as recorded:
            assert logs.names()["lane"] == "consent"
            assert logs.names()["run"] == recorded.id
    await stage.close()


async def test_two_lanes_of_a_connection_count_their_own_calls(tmp_path: Path) -> None:
    """Both walk the same stream at the same time, through one caller."""
    stage = await Stage.set(tmp_path, Random(1), "none", {"alpha": Manners()})
    assert stage.hub is not None
    for number in range(300):
        stage.vendors["alpha"].create({"email": f"p{number}@x.example", "name": f"P {number}"})
    wired = stage.hub.wired["alpha"]
    before = wired.caller.total_calls
    walks = await asyncio.gather(
        *[pull(stage.hub, wired, "people", lane=lane, full=True) for lane in ("live", "verify")]
    )
    assert sum(walk.counts.api_calls for walk in walks) == wired.caller.total_calls - before
    assert walks[0].counts.api_calls == walks[1].counts.api_calls > 1
    await stage.close()
