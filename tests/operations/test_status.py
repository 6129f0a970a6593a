"""How the hub stands, where connections differ."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

import pytest

from connectors.unruly.sandbox import Manners
from hub.domain.attempt import Attempt, AttemptState
from hub.domain.plan import Op
from hub.operations.status import status
from hub.store import attempts
from sync_jobs.hub import Hub
from sync_jobs.simulation.stage import Stage


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Hub]:
    stage = await Stage.set(tmp_path, Random(1), "none", {"alpha": Manners(), "beta": Manners()})
    assert stage.hub is not None
    yield stage.hub
    await stage.close()


def write(number: int, connection: str) -> Attempt:
    """One that was sent, and whose answer nobody saw."""
    return Attempt(
        *(f"a{number}", "r", "con_a", connection, "people", str(number), Op.UPDATE, None, "", (), {}, None),
        AttemptState.IN_DOUBT,
        "2026-01-05T09:00:00.000Z",
    )


async def test_writes_in_doubt_are_counted_also_of_what_cannot_be_used_and_none_is_read(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with hub.database.write() as conn:
        places = ["alpha", "alpha", "beta", "removed"]
        await attempts.open(conn, [write(number, name) for number, name in enumerate(places)])
    del hub.wired["beta"]
    hub.unusable["beta"] = "its mapping document does not compile"

    def read(_: object) -> Attempt:
        raise AssertionError("a write was read only to be counted")

    monkeypatch.setattr(attempts, "_attempt", read)
    assert (await status(hub)).in_doubt == 3
