"""Undo beside the rest: published edits of mappings, merged people, many records, few calls."""

from __future__ import annotations

import pytest

from hub.engine import undo as engine
from sync_jobs.publish import publish
from sync_jobs.simulation.stage import Stage
from sync_jobs.undo import plan_undo, undo
from sync_jobs.verify import verify
from tests.sim.acting import ANN, held, plain, settle
from tests.sim.test_undo import records, undone, wrote
from tests.sync_jobs.test_publish import BOB, draft, planned

UPPER = ("title: {path: title, compare: exact}", "title: {path: title, normalise: [trim, upper]}")


@pytest.fixture
async def shouting(stage: Stage) -> Stage:
    """Ann and Bob are everywhere; then an edit of alpha's mapping was published, and gamma was told the new form."""
    stage.vendors["alpha"].create({"email": ANN, "name": "Ann", "title": "ceo", "city": " Bonn"})
    stage.vendors["alpha"].create({"email": BOB, "name": "Bob", "title": "cto"})
    await settle(stage)
    stage.vendors["gamma"].manners = type(stage.vendors["gamma"].manners)(upserts_by_key=True, unique_email=True)
    plan = await planned(stage, await draft(stage, "alpha/people", UPPER))
    assert stage.hub is not None
    await publish(stage.hub, plan.hash)
    await settle(stage)
    assert held(stage, "title") == {"alpha": "ceo", "beta": "CEO", "gamma": "CEO"}
    return stage


async def test_what_a_published_edit_wrote_is_undone_and_stays_so(shouting: Stage) -> None:
    report = await undone(shouting)
    assert not report.kept
    assert held(shouting, "title")["gamma"] == "ceo"
    assert held(shouting, "title", BOB)["gamma"] == "cto"
    before = records(shouting)
    assert (await settle(shouting)).writes == 0
    assert records(shouting) == before


async def test_an_undo_holds_while_other_edits_are_published(shouting: Stage) -> None:
    await undone(shouting)
    before = records(shouting)
    for name in ("alpha/people", "gamma/people"):
        edit = ("city: {path: city, compare: trimmed}", "city: {path: city, compare: casefold}")
        plan = await planned(shouting, await draft(shouting, name, edit))
        assert shouting.hub is not None
        await publish(shouting.hub, plan.hash)
        assert (await settle(shouting)).writes == 0
    assert records(shouting) == before
    assert shouting.hub is not None
    assert (await verify(shouting.hub)).held_back == 2


async def test_a_field_that_the_mapping_reads_otherwise_since_is_kept_and_says_why(shouting: Stage) -> None:
    chosen = await wrote(shouting)
    table = "{CEO: chief, CTO: tech, ceo: boss, cto: boss}"
    edit = ("title: {path: title, compare: exact}", f"title: {{path: title, table: {table}}}")
    plan = await planned(shouting, await draft(shouting, "gamma/people", edit))
    assert shouting.hub is not None
    await publish(shouting.hub, plan.hash)
    plans = await plan_undo(shouting.hub, chosen)
    assert not [p.changes for p in plans if p.changes]
    assert {k.why for p in plans for k in p.kept} <= {engine.READ_OTHERWISE, engine.NOT_SHOWN}


async def test_two_people_who_became_one_are_undone_record_by_record(stage: Stage) -> None:
    alpha, beta = stage.vendors["alpha"], stage.vendors["beta"]
    ann = alpha.create({"email": ANN, "name": "Ann", "title": "CEO"})
    bob = alpha.create({"email": BOB, "name": "Bob", "title": "CTO"})
    await settle(stage)
    before = records(stage)
    alpha.edit(ann, {"title": "CFO"})
    alpha.edit(bob, {"title": "COO"})
    await settle(stage)
    chosen = await wrote(stage)
    alpha.merge(ann, bob)
    await settle(stage)
    await undone(stage, chosen)
    there = {p["email"]: p["title"] for p in records(stage)["beta"].values()}
    assert there[ANN] == next(p["title"] for p in before["beta"].values() if p["email"] == ANN)
    assert beta.ids()


async def test_an_undo_reads_and_writes_in_batches(stage: Stage) -> None:
    """40 people at a vendor that takes 20 writes and 50 looks in a call: one look and two writes for each system."""
    alpha = stage.vendors["alpha"]
    people = [alpha.create({"email": f"p{n}@example.com", "title": f"T {n}"}) for n in range(40)]
    await settle(stage)
    before = records(stage)
    for n, one in enumerate(people):
        alpha.edit(one, {"title": f"U {n}"})
    await settle(stage)
    chosen = await wrote(stage)
    for vendor in stage.vendors.values():
        vendor.calls.clear()
    assert stage.hub is not None
    report = await undo(stage.hub, chosen)
    assert {n: c.updated for n, c in report.counts.items()} == {"beta": 40, "gamma": 40}
    for name in ("beta", "gamma"):
        assert dict(stage.vendors[name].calls) == {"POST /people/read": 1, "POST /people/write": 2}
        assert records(stage)[name] == before[name]
    assert not stage.vendors["alpha"].calls
    assert plain(held(stage, "title", "p7@example.com")) == {"alpha": "u 7", "beta": "t 7", "gamma": "t 7"}
