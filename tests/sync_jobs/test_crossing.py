"""What a person types into a record while a write to it is under way, and another lane happens to see it: what was seen
is heard, although the write takes it away from the vendor."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from connectors.unruly.sandbox import Manners
from hub.transport.mishaps import Killed, Mishap
from sync_jobs import write
from sync_jobs.hub import Hub
from sync_jobs.look import look
from sync_jobs.runner import sync
from sync_jobs.simulation.stage import Stage
from tests.sim.acting import script


@pytest.fixture
async def stage(tmp_path: Path, store_url: str) -> AsyncIterator[Stage]:
    made = await Stage.set(tmp_path, Random(1), "none", {"alpha": Manners(), "beta": Manners()}, database_url=store_url)
    made.vendors["alpha"].create({"email": "ann@x.example", "name": "Ann"})
    await settle(made)
    yield made
    await made.close()


def hub_of(stage: Stage) -> Hub:
    assert stage.hub is not None
    return stage.hub


async def settle(stage: Stage) -> None:
    stage.step(5)
    assert (await sync(hub_of(stage), until_quiet=True, side_by_side=False)).quiet
    stage.step(5)


def cities(stage: Stage) -> dict[str, Any]:
    return {name: (vendor.get(vendor.ids()[0]) or {}).get("city") for name, vendor in stage.vendors.items()}


async def typed_and_seen(stage: Stage) -> None:
    """A person types, and a lane that is at work beside the write looks, and hears nothing yet."""
    hub, alpha = hub_of(stage), stage.vendors["alpha"]
    alpha.edit(alpha.ids()[0], {"city": "Rome"})
    wired = hub.connection("alpha")
    await look(hub, wired, "people", wired.sink("people"), alpha.ids(), ())


async def write_meets(stage: Stage, monkeypatch: pytest.MonkeyPatch, when: str, mishap: Mishap) -> None:
    """Beta's edit goes to alpha, and `mishap` is what becomes of it. Somebody types there as the writer `begins` to
    open the attempt, or when that `ends` and the request leaves. A hub that dies of it begins anew."""
    met: list[str] = []
    beneath = write.Writer._open

    async def opened(self: write.Writer, *given: Any) -> Any:
        meets = self.wired.name == "alpha" and not met
        if meets:
            met.append(when)
        if meets and when == "begins":
            await typed_and_seen(stage)
        done = await beneath(self, *given)
        if meets and when == "ends":
            await typed_and_seen(stage)
        return done

    stage.vendors["beta"].edit(stage.vendors["beta"].ids()[0], {"city": "Kiel"})
    script(stage, "alpha", mishap)
    with monkeypatch.context() as patched:
        patched.setattr(write.Writer, "_open", opened)
        try:
            await settle(stage)
        except Killed:
            await stage.reopen()
            await settle(stage)
    assert met


async def test_a_record_that_shows_news_is_not_written_to(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    await write_meets(stage, monkeypatch, "begins", Mishap.NONE)
    assert cities(stage) == {"alpha": "Rome", "beta": "Rome"}


@pytest.mark.parametrize("mishap", [Mishap.NONE, Mishap.REPLY_LOST, Mishap.DIES_AFTER])
async def test_news_seen_while_a_write_was_on_its_way_are_heard_before_anything_takes_their_place(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, mishap: Mishap
) -> None:
    await write_meets(stage, monkeypatch, "ends", mishap)
    assert cities(stage) == {"alpha": "Rome", "beta": "Rome"}
