"""Undone runs: what they wrote is put back, what others changed since is kept, and it stays so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from hub.domain.policy import Brakes
from hub.engine import undo as engine
from hub.errors import Refused
from hub.store import attempts, connections, runs
from hub.transport.mishaps import Killed, Mishap
from sync_jobs.simulation.play import CALM
from sync_jobs.simulation.stage import Stage
from sync_jobs.undo import UndoReport, plan_undo, undo
from sync_jobs.verify import verify
from tests.sim.acting import ANN, WRITE, held, living, open_issues, plain, script, settle, well, writes_of

EVERYWHERE = {"alpha", "beta", "gamma"}
BOB = "bob@example.com"


async def wrote(stage: Stage) -> list[str]:
    """The pushes of the last sync that wrote anything."""
    assert stage.hub is not None
    async with stage.hub.database.read() as conn:
        last = await runs.last_that_wrote(conn, "push")
        assert last is not None
        whole = await runs.around(conn, last, "sync")
        assert whole is not None
        return [run.id for run in await runs.writing_within(conn, whole, "push")]


async def last_undo(stage: Stage) -> list[str]:
    assert stage.hub is not None
    async with stage.hub.database.read() as conn:
        last = await runs.last_that_wrote(conn, "undo")
    assert last is not None
    return [last.id]


async def undone(stage: Stage, chosen: Sequence[str] | None = None, **more: Any) -> UndoReport:
    """Undoes the last sync that wrote (or other runs), again and again until it is not killed."""
    chosen = chosen or await wrote(stage)
    for _ in range(5):
        stage.step(1)
        assert stage.hub is not None
        try:
            return await undo(stage.hub, chosen, **more)
        except Killed:
            await stage.reopen()
    raise AssertionError("it keeps dying")


def records(stage: Stage) -> dict[str, dict[str, Any]]:
    """Everything that every vendor holds, without the times."""
    return {
        name: {i: {k: v for k, v in (vendor.get(i) or {}).items() if k != "updated"} for i in vendor.ids()}
        for name, vendor in stage.vendors.items()
    }


def whys(report: UndoReport) -> set[tuple[str, str, str]]:
    return {(k.connection, k.field, k.why) for k in report.kept}


async def two_agree(stage: Stage) -> str:
    """Ann is everywhere, her title CEO, her city Bonn; answers her id in alpha."""
    ann = stage.vendors["alpha"].create({"email": ANN, "name": "Ann", "title": "CEO", "city": "Bonn", "phones": ["1"]})
    await well(stage)
    return ann


async def promoted(stage: Stage) -> str:
    """Then the title is changed in alpha, and a sync tells it."""
    ann = await two_agree(stage)
    stage.vendors["alpha"].edit(ann, {"title": "CTO", "phones": ["1", "2"]})
    await well(stage)
    assert plain(held(stage, "title")) == dict.fromkeys(EVERYWHERE, "cto")
    return ann


async def test_an_undo_puts_back_what_every_system_held_and_it_stays_so(stage: Stage) -> None:
    ann = await two_agree(stage)
    before = records(stage)
    stage.vendors["alpha"].edit(ann, {"title": "CTO", "phones": ["1", "2"]})
    await well(stage)
    report = await undone(stage)
    assert not report.kept
    after = records(stage)
    assert after["alpha"][ann]["title"] == "CTO"  # what a person did is no write of the hub
    assert (after["beta"], after["gamma"]) == (before["beta"], before["gamma"])
    for _ in range(3):
        assert (await settle(stage)).writes == 0
    assert records(stage) == after
    assert stage.hub is not None
    verified = await verify(stage.hub)
    assert verified.differ == 0
    assert verified.held_back == 2


async def test_when_the_golden_record_moves_on_it_is_told_again(stage: Stage) -> None:
    ann = await promoted(stage)
    await undone(stage)
    stage.vendors["alpha"].edit(ann, {"title": "CFO"})
    await well(stage)
    assert plain(held(stage, "title")) == dict.fromkeys(EVERYWHERE, "cfo")


async def test_an_edit_made_there_since_is_kept_and_listed(stage: Stage) -> None:
    await promoted(stage)
    beta = stage.vendors["beta"]
    there = beta.find(ANN) or ""
    beta.edit(there, {"title": "boss"})  # not even read yet
    report = await undone(stage)
    assert whys(report) == {("beta", "title", engine.MOVED)}
    assert held(stage, "title") == {"alpha": "CTO", "beta": "BOSS", "gamma": "ceo"}
    assert held(stage, "phones") == {"alpha": ["1", "2"], "beta": ["1"], "gamma": ["1"]}


async def test_what_the_hub_wrote_again_since_is_kept_unless_that_is_undone_too(stage: Stage) -> None:
    ann = await promoted(stage)
    first = await wrote(stage)
    stage.vendors["alpha"].edit(ann, {"title": "CFO"})
    await well(stage)
    second = await wrote(stage)
    report = await undone(stage, first)
    assert {(k.connection, k.field, k.why.split(",")[0]) for k in report.kept} == {
        (name, "title", "written again since") for name in ("beta", "gamma")
    }
    assert plain(held(stage, "title")) == dict.fromkeys(EVERYWHERE, "cfo")
    report = await undone(stage, [*first, *second])
    assert not report.kept
    assert plain(held(stage, "title")) == {"alpha": "cfo", "beta": "ceo", "gamma": "ceo"}
    await well(stage)


async def test_an_undo_can_be_undone(stage: Stage) -> None:
    await promoted(stage)
    before = records(stage)
    done = await undone(stage)
    assert records(stage) != before
    again = await undone(stage, sorted(done.runs.values()))
    assert not again.kept
    assert records(stage) == before
    await well(stage)
    assert records(stage) == before
    assert stage.hub is not None
    assert (await verify(stage.hub)).held_back == 0


async def test_an_undo_twice_writes_once(stage: Stage) -> None:
    await promoted(stage)
    chosen = await wrote(stage)
    await undone(stage, chosen)
    log = [list(v.log) for v in stage.vendors.values()]
    report = await undone(stage, chosen)
    assert report.back > 0
    assert not report.kept
    assert [v.log for v in stage.vendors.values()] == log


@pytest.mark.parametrize(
    "mishap", [Mishap.REPLY_LOST, Mishap.FAILS_AFTER, Mishap.DIES_AFTER, Mishap.DIES_BEFORE, Mishap.CUT_SHORT]
)
@pytest.mark.parametrize("vendor", ["beta", "gamma"])
async def test_a_lost_reply_or_a_death_in_the_middle_ends_the_same(stage: Stage, vendor: str, mishap: Mishap) -> None:
    await promoted(stage)
    chosen = await wrote(stage)
    script(stage, vendor, mishap)
    await undone(stage, chosen)
    assert stage.script[vendor, WRITE] == []
    stage.step(CALM)
    report = await undone(stage, chosen)
    assert not report.kept
    assert plain(held(stage, "title")) == {"alpha": "cto", "beta": "ceo", "gamma": "ceo"}
    await well(stage)
    assert plain(held(stage, "title")) == {"alpha": "cto", "beta": "ceo", "gamma": "ceo"}


async def test_a_sync_after_a_lost_reply_of_an_undo_does_not_tell_it_again(stage: Stage) -> None:
    """The doubt is resolved by the next push, not by the undo."""
    await promoted(stage)
    script(stage, "beta", Mishap.REPLY_LOST)
    await undone(stage)
    await well(stage)
    assert plain(held(stage, "title")) == {"alpha": "cto", "beta": "ceo", "gamma": "ceo"}


async def test_a_field_that_was_filled_is_blank_again(stage: Stage) -> None:
    alpha = stage.vendors["alpha"]
    ann = alpha.create({"email": ANN, "title": None})
    await well(stage)
    alpha.edit(ann, {"title": "CEO"})
    await well(stage)
    await undone(stage)
    assert plain(held(stage, "title")) == {"alpha": "ceo", "beta": "", "gamma": ""}
    await well(stage)
    assert plain(held(stage, "title")) == {"alpha": "ceo", "beta": "", "gamma": ""}


async def test_an_opt_out_that_was_told_stays_told(stage: Stage) -> None:
    ann = await two_agree(stage)
    stage.vendors["alpha"].opt_out(ann)
    await well(stage)
    report = await undone(stage)
    assert whys(report) == {(name, "consent.email", engine.DENY_WINS) for name in ("beta", "gamma")}
    assert held(stage, "opted_out") == dict.fromkeys(EVERYWHERE, True)


async def test_creates_are_kept_and_listed_unless_their_archiving_is_asked_for(stage: Stage) -> None:
    await two_agree(stage)
    chosen = await wrote(stage)
    report = await undone(stage, chosen)
    assert whys(report) == {("beta", "", engine.MADE), ("gamma", "", engine.MADE)}
    assert set(held(stage, "title")) == EVERYWHERE
    report = await undone(stage, chosen, archive_creates=True)
    assert not report.kept
    assert set(held(stage, "title")) == {"alpha"}
    await well(stage)
    assert set(held(stage, "title")) == {"alpha"}
    assert {v: writes_of(stage, v, "remove") for v in stage.vendors} == {"alpha": 0, "beta": 1, "gamma": 1}


async def test_a_value_comes_back_as_it_was_typed(stage: Stage) -> None:
    beta = stage.vendors["beta"]
    beta.create({"email": " Ann@Example.com ", "name": "Ann", "title": None, "phones": [" 1", "1", " 2 "]})
    ann = stage.vendors["alpha"].create({"email": ANN, "name": "Ann", "phones": ["2", "1"]})
    await well(stage)
    before = records(stage)["beta"]
    stage.vendors["alpha"].edit(ann, {"phones": ["1", "2", "3"]})
    await well(stage)
    assert records(stage)["beta"] != before
    await undone(stage)
    assert records(stage)["beta"] == before
    await settle(stage)
    assert records(stage)["beta"] == before


async def test_a_repeated_archiving_buries_nobody(stage: Stage) -> None:
    """The answer is lost, the request is sent again, and the record is gone already."""
    await two_agree(stage)
    script(stage, "beta", Mishap.REPLY_LOST)
    await undone(stage, archive_creates=True)
    await well(stage)
    assert set(held(stage, "title")) == {"alpha"}


@pytest.mark.parametrize("mishap", [Mishap.REPLY_LOST, Mishap.DIES_AFTER])
async def test_an_archiving_whose_reply_is_lost_buries_nobody(stage: Stage, mishap: Mishap) -> None:
    await two_agree(stage)
    chosen = await wrote(stage)
    script(stage, "beta", mishap)
    await undone(stage, chosen, archive_creates=True)
    await well(stage)
    assert set(held(stage, "title")) == {"alpha"}


@pytest.mark.parametrize("vendor", ["beta", "gamma"])
async def test_a_create_whose_answer_was_lost_is_archived_too(stage: Stage, vendor: str) -> None:
    stage.vendors["alpha"].create({"email": ANN, "name": "Ann", "title": "CEO"})
    script(stage, vendor, Mishap.REPLY_LOST)
    await well(stage)
    async with stage.hub.database.read() as conn:  # type: ignore[union-attr]
        pushes = await runs.recent(conn, 100, job="push")
    report = await undone(stage, [r.id for r in pushes], archive_creates=True)
    assert not report.kept
    assert set(held(stage, "title")) == {"alpha"}


async def test_a_record_in_which_somebody_worked_since_is_not_archived(stage: Stage) -> None:
    await two_agree(stage)
    gamma = stage.vendors["gamma"]
    gamma.edit(gamma.find(ANN) or "", {"city": "kiel"})
    report = await undone(stage, archive_creates=True)
    assert whys(report) == {("gamma", "", engine.WORDS + "city")}
    assert set(held(stage, "title")) == {"alpha", "gamma"}


async def test_an_archived_record_is_made_again_when_that_is_undone(stage: Stage) -> None:
    await two_agree(stage)
    report = await undone(stage, archive_creates=True)
    again = await undone(stage, sorted(report.runs.values()))
    assert not again.kept
    assert plain(held(stage, "title")) == dict.fromkeys(EVERYWHERE, "ceo")
    await well(stage)


async def test_removed_records_are_kept_removed_and_listed(stage: Stage) -> None:
    ann = await two_agree(stage)
    stage.vendors["alpha"].delete(ann)
    await well(stage)
    assert not living(stage, "beta")
    report = await undone(stage)
    assert {k.why for k in report.kept} == {engine.REMOVED}
    assert not living(stage, "beta")
    await well(stage)


async def test_a_record_that_is_gone_is_listed(stage: Stage) -> None:
    await promoted(stage)
    gamma = stage.vendors["gamma"]
    gamma.delete(gamma.find(ANN) or "")
    report = await undone(stage)
    assert ("gamma", "", engine.GONE) in whys(report)


async def test_a_record_that_was_merged_into_a_new_id_is_followed(stage: Stage) -> None:
    """Beta gives merged records a new id that answers for the old ones."""
    await promoted(stage)
    beta = stage.vendors["beta"]
    other = beta.create({"email": ANN, "title": None})
    beta.merge(beta.find(ANN) or "", other)
    chosen = await wrote(stage)
    await settle(stage)
    report = await undone(stage, chosen)
    assert not report.kept
    assert plain(held(stage, "title"))["beta"] == "ceo"


async def test_a_persons_word_between_two_writes_is_what_comes_back(stage: Stage) -> None:
    """The hub wrote, a person changed it, the hub overruled them: undoing both brings back the person's word."""
    ann = await promoted(stage)
    chosen = await wrote(stage)
    gamma = stage.vendors["gamma"]
    gamma.edit(gamma.find(ANN) or "", {"title": "boss"})
    stage.step(60)
    await well(stage)
    assert plain(held(stage, "title"))["gamma"] == "cto"
    chosen += await wrote(stage)
    await undone(stage, chosen)
    assert plain(held(stage, "title")) == {"alpha": "cto", "beta": "ceo", "gamma": "boss"}
    await well(stage)
    assert ann


async def test_the_brakes_look_at_the_whole_undo(stage: Stage) -> None:
    alpha = stage.vendors["alpha"]
    people = [alpha.create({"email": f"p{n}@example.com", "title": None}) for n in range(5)]
    await well(stage)
    for one in people:
        alpha.edit(one, {"title": "CEO"})
    await well(stage)
    assert stage.hub is not None
    stage.hub.brakes = replace(Brakes(), clears=3, clears_share=0.0)
    chosen = await wrote(stage)
    before = records(stage)
    report = await undone(stage, chosen)
    assert set(report.tripped) == {"beta/people", "gamma/people"}
    assert records(stage) == before
    assert {i.kind for i in await open_issues(stage)} == {"brake"}
    async with stage.hub.database.write() as conn:
        from sync_jobs import brakes

        for name in ("beta", "gamma"):
            await brakes.allow(conn, name, {"clears": 5})
    assert not (await undone(stage, chosen)).tripped
    assert records(stage) != before
    assert not await open_issues(stage)


async def test_a_connection_that_may_not_be_written_to_refuses_before_anything_is_written(stage: Stage) -> None:
    await promoted(stage)
    assert stage.hub is not None
    chosen = await wrote(stage)
    async with stage.hub.database.write() as conn:
        await connections.allow_writes(conn, "gamma", False)
    await stage.hub.wire()
    before = records(stage)
    with pytest.raises(Refused, match="gamma"):
        await undo(stage.hub, chosen)
    assert records(stage) == before


async def test_the_plan_writes_nothing_and_says_what_the_undo_does(stage: Stage) -> None:
    await promoted(stage)
    assert stage.hub is not None
    chosen = await wrote(stage)
    calls = sum(sum(v.calls.values()) for v in stage.vendors.values())
    plans = await plan_undo(stage.hub, chosen)
    assert sum(sum(v.calls.values()) for v in stage.vendors.values()) == calls
    cells = {(c.connection, x.field): (x.before, x.after, x.rule) for p in plans for c in p.changes for x in c.cells}
    assert cells == {
        ("beta", "title"): ("CTO", "CEO", "undo"),
        ("beta", "phones"): (("1", "2"), ("1",), "undo"),
        ("gamma", "title"): ("cto", "ceo", "undo"),
        ("gamma", "phones"): (("1", "2"), ("1",), "undo"),
    }
    await undone(stage, chosen)
    async with stage.hub.database.read() as conn:
        (run,) = [r for r in await runs.recent(conn, 50, job="undo") if r.connection == "beta"]
        (write,) = await attempts.of_run(conn, run.id)
    assert (write.undoes, run.counts["updated"], chosen[0] in run.note) == (True, 1, True)
    assert not [p.changes for p in await plan_undo(stage.hub, chosen) if p.changes]


async def test_a_vendor_that_keeps_values_beyond_recognition_gets_its_own_form_back(
    tmp_path: Path, store_url: str
) -> None:
    from connectors.unruly.sandbox import Manners

    manners = {"alpha": Manners(), "beta": Manners(case="mirror")}
    stage = await Stage.set(tmp_path, Random(1), "none", manners, store_url)
    try:
        alpha = stage.vendors["alpha"]
        ann = alpha.create({"email": ANN, "title": "CEO"})
        await settle(stage)
        alpha.edit(ann, {"title": "CTO"})
        await settle(stage)
        assert held(stage, "title")["beta"] == "OTC"
        report = await undone(stage)
        assert not report.kept
        assert held(stage, "title")["beta"] in ("CEO", "OEC")
        assert (await settle(stage)).writes == 0
    finally:
        await stage.close()
