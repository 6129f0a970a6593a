"""Fields that no mapping read before: read before they are planned, once, by a walk that may stop and go on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from hub.errors import HubError, NeedsPerson
from hub.operations.mappings import drafts, plans, releases
from hub.operations.mappings.plans import EditPlanned
from hub.store import cursors, observations
from hub.transport.mishaps import Mishap
from sync_jobs.discover import discover
from sync_jobs.simulation.stage import VENDORS, Stage
from tests.sim.acting import ANN, golden_of, once, script, settle, well

BOB = "bob@example.com"
NAME = "alpha/people"
PEOPLE = 120
MANNERS = {name: replace(manners, describes=True) for name, manners in VENDORS.items()}


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """Vendors that show the fields they are asked for; alpha has a field more, which nobody asks for."""
    made = await Stage.set(tmp_path, Random(1), "none", MANNERS)
    alpha = made.vendors["alpha"]
    alpha.create({"email": ANN, "name": "Ann"})
    alpha.create({"email": BOB, "name": "Bob"})
    for number in range(PEOPLE - 2):
        alpha.create({"email": f"p{number}@example.com", "name": "P"})
    await well(made)
    alpha.add_field("nickname")
    for email, name in ((ANN, "Annie"), (BOB, "Bobby")):
        alpha.edit(alpha.find(email) or "", {"nickname": name})
    await settle(made)
    assert made.hub is not None
    await discover(made.hub, "alpha")
    yield made
    await made.close()


async def plan(stage: Stage, *, read: bool = False) -> EditPlanned:
    assert stage.hub is not None
    begun = await drafts.begin(stage.hub, NAME, who="test")
    text = begun.text if "nickname" in begun.text else drafts.with_said(
        begun.text, ["fields.custom.nickname={path: nickname, compare: exact}"], []
    )  # fmt: skip
    done = await drafts.write(stage.hub, begun, text)
    assert done.ok, done.complaints
    return await plans.plan(stage.hub, NAME, read=read)


async def nickname(stage: Stage, email: str) -> object:
    found = await golden_of(stage, email)
    assert found is not None
    return found.values.get("custom.nickname")


def reads(stage: Stage) -> int:
    return stage.vendors["alpha"].calls.total()


async def test_what_was_never_read_is_told_and_not_guessed(stage: Stage) -> None:
    assert stage.hub is not None
    planned = await plan(stage)
    (unread,) = planned.unread
    assert (unread.connection, unread.stream, unread.paths, unread.records) == (
        "alpha",
        "people",
        ("nickname",),
        PEOPLE,
    )
    assert (planned.empty, planned.differences) == (True, True)
    with pytest.raises(NeedsPerson, match="alpha/people: nickname"):
        await releases.publish(stage.hub, planned.hash)


async def test_reading_it_costs_one_walk_and_moves_nothing_else(stage: Stage) -> None:
    assert stage.hub is not None
    before = (await golden_of(stage), dict(stage.vendors["beta"].calls))
    count = reads(stage)
    planned = await plan(stage, read=True)
    assert reads(stage) - count == 3  # 120 people in pages of 50
    assert (planned.read, planned.unread, planned.golden) == (PEOPLE, (), {"custom.nickname": 2})
    assert (await golden_of(stage), dict(stage.vendors["beta"].calls)) == before
    count = reads(stage)
    again = await plan(stage, read=True)
    assert (reads(stage) - count, again.read, again.hash) == (0, 0, planned.hash)
    assert (await settle(stage)).writes == 0


async def test_what_moved_between_reading_and_publishing_is_known_too(stage: Stage) -> None:
    """A job that ran meanwhile asked for the old fields alone, and what it kept no longer shows the new one."""
    assert stage.hub is not None
    planned = await plan(stage, read=True)
    alpha = stage.vendors["alpha"]
    stage.step(600)
    alpha.edit(alpha.find(ANN) or "", {"name": "Anna", "nickname": "Nan"})
    await settle(stage)
    stage.step(600)
    await once(stage)  # and the overlap is behind it
    count = reads(stage)
    await releases.publish(stage.hub, planned.hash)
    assert (await nickname(stage, ANN), await nickname(stage, BOB)) == ("Nan", "Bobby")
    assert reads(stage) - count <= 2
    await well(stage)


async def test_published_blind_it_comes_as_records_change(stage: Stage) -> None:
    assert stage.hub is not None
    planned = await plan(stage)
    await releases.publish(stage.hub, planned.hash, blind=True)
    assert await nickname(stage, ANN) is None
    alpha = stage.vendors["alpha"]
    stage.step(600)
    alpha.edit(alpha.find(ANN) or "", {"name": "Anna"})
    await settle(stage)
    assert (await nickname(stage, ANN), await nickname(stage, BOB)) == ("Annie", None)


async def test_a_vendor_that_fails_halfway_is_gone_on_with(stage: Stage) -> None:
    assert stage.hub is not None
    failing = [Mishap.NONE, *[Mishap.FAILS_BEFORE] * 20]
    script(stage, "alpha", *failing, path="/people")
    with pytest.raises(HubError, match="alpha"):
        await plan(stage, read=True)
    stage.script.clear()
    async with stage.hub.database.read() as conn:
        rows = [r for r in await cursors.all(conn, "alpha") if r.lane.startswith("fields:")]
    assert [(r.position is not None, r.read, r.finished_at) for r in rows] == [(True, 50, None)]
    planned = await plan(stage, read=True)
    assert (planned.read, planned.unread) == (PEOPLE - 50, ())


async def test_nothing_is_taken_for_deleted_by_it(stage: Stage) -> None:
    assert stage.hub is not None
    alpha = stage.vendors["alpha"]
    alpha.delete(alpha.find(BOB) or "")
    await plan(stage, read=True)
    async with stage.hub.database.read() as conn:
        assert (await observations.count(conn, "alpha", "people")).live >= PEOPLE - 1
    planned = await plan(stage)
    assert planned.destructive == {}
