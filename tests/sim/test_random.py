"""Random histories over the real store, reader and writer, half of them on each database. `make nightly` plays 500,
the normal run 26."""

from __future__ import annotations

import pytest

from sync_jobs.simulation import simulate
from tests.conftest import DIALECTS, EmptyStore

FAULTS = ("none", "light", "heavy")


def database_of(seed: int) -> str:
    return DIALECTS[seed % 2]


@pytest.mark.parametrize("seed", range(26))
async def test_a_random_history_keeps_every_law(seed: int, empty_store: EmptyStore) -> None:
    trace = await simulate(seed, 40, FAULTS[seed % 3], database_url=await empty_store(database_of(seed)))
    assert not trace.violations, (trace.violations, trace.lines[-40:])


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(1000, 1500))
async def test_a_random_history_keeps_every_law_at_night(seed: int, empty_store: EmptyStore) -> None:
    trace = await simulate(seed, 60, FAULTS[seed % 3], database_url=await empty_store(database_of(seed)))
    assert not trace.violations, (trace.violations, trace.lines[-60:])


async def test_the_same_seed_gives_the_same_trace_on_whatever_database(empty_store: EmptyStore) -> None:
    """Also which request follows which: no query leaves its order to the database."""
    first = await simulate(8, 40, "light")
    assert first.hash == (await simulate(8, 40, "light")).hash
    assert first.lines == (await simulate(8, 40, "light", database_url=await empty_store("postgresql"))).lines
    assert first.hash != (await simulate(7, 40, "light")).hash
