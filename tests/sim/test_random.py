"""Random histories over the real store, reader and writer. `make nightly` plays 500, the normal run 25."""

from __future__ import annotations

import pytest

from sync_jobs.simulation import simulate

FAULTS = ("none", "light", "heavy")


@pytest.mark.parametrize("seed", range(25))
async def test_a_random_history_keeps_every_law(seed: int) -> None:
    trace = await simulate(seed, 40, FAULTS[seed % 3])
    assert not trace.violations, (trace.violations, trace.lines[-40:])


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(1000, 1500))
async def test_a_random_history_keeps_every_law_at_night(seed: int) -> None:
    trace = await simulate(seed, 60, FAULTS[seed % 3])
    assert not trace.violations, (trace.violations, trace.lines[-60:])


async def test_the_same_seed_gives_the_same_trace() -> None:
    first = await simulate(7, 30, "heavy")
    assert first.hash == (await simulate(7, 30, "heavy")).hash
    assert first.hash != (await simulate(8, 30, "heavy")).hash
