"""What may be answered to an issue, and what may not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

import pytest

from connectors.unruly.sandbox import Manners
from hub.domain.entities import CAMPAIGN, FACT, EntityDef
from hub.domain.golden import Golden
from hub.domain.issue import Issue
from hub.errors import BadInput
from hub.operations import issues as operations
from hub.store import golden, issues, pins
from sync_jobs import troubles
from sync_jobs.hub import Hub
from sync_jobs.simulation.stage import Stage


@pytest.mark.parametrize("said", ["nan", "-NaN", "inf", "-Infinity", "1e999", "many", ""])
@pytest.mark.parametrize(("entity", "name"), [(FACT, "conversions"), (FACT, "clicks"), (CAMPAIGN, "budget_minor")])
def test_what_is_no_finite_number_is_none(entity: EntityDef, name: str, said: str) -> None:
    with pytest.raises(BadInput, match=f"{name} takes"):
        operations._typed(entity, name, said)


def test_numbers_are_taken_as_they_are() -> None:
    assert operations._typed(FACT, "conversions", "-1.5e3") == -1500.0
    assert operations._typed(CAMPAIGN, "budget_minor", str(2**63 - 1)) == 2**63 - 1


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Hub]:
    stage = await Stage.set(tmp_path, Random(1), "none", {"alpha": Manners()})
    assert stage.hub is not None
    yield stage.hub
    await stage.close()


async def test_a_number_that_no_store_holds_is_refused_and_the_issue_stays_open(hub: Hub) -> None:
    now = hub.now_text()
    async with hub.database.write() as conn:
        await golden.put(conn, [Golden("cam_a", "campaign")], now)
        dispute = Issue(troubles.DISPUTE, "d", "two budgets", now, entity_id="cam_a", field="budget_minor")
        number = await issues.raise_(conn, dispute)
    with pytest.raises(BadInput, match="budget_minor takes no number of that size"):
        await operations.answer(hub, number, f"pin={2**63}")
    async with hub.database.read() as conn:
        assert await pins.fetch(conn, ["cam_a"]) == {}
        assert [i.id for i in await issues.list_(conn)] == [number]
