"""Histories in which a vendor's fields change: what breaks rests, everything else flows, and nobody's value is lost."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from connectors.unruly.sandbox import Manners, Unruly
from hub.domain.issue import Issue, IssueState
from hub.operations import issues as operations
from hub.store import discoveries, issues, runs
from hub.transport.mishaps import Mishap
from sync_jobs import drifts
from sync_jobs.simulation.stage import VENDORS, Stage
from tests.sim.acting import ANN, golden_of, held, once, open_issues, plain, script, settle, well

DAY = 86_400.0
MANNERS = {name: replace(manners, describes=True) for name, manners in VENDORS.items()}


@pytest.fixture
async def stage(tmp_path: Path, store_url: str) -> AsyncIterator[Stage]:
    """Three vendors that list their fields, and Ann in all of them."""
    made = await Stage.set(tmp_path, Random(1), "none", MANNERS, store_url)
    made.vendors["alpha"].create({"email": ANN, "name": "Ann", "title": "CEO", "city": "Bonn"})
    for number in range(5):
        made.vendors["alpha"].create({"email": f"p{number}@example.com", "name": "P", "title": "CTO", "city": "Ulm"})
    await well(made)
    yield made
    await made.close()


async def drifted(stage: Stage, state: IssueState = IssueState.OPEN) -> list[Issue]:
    assert stage.hub is not None
    async with stage.hub.database.read() as conn:
        return await issues.list_(conn, state=state, kind="drift")


def vendor(stage: Stage, name: str) -> Unruly:
    return stage.vendors[name]


def edit(stage: Stage, name: str, **fields: str) -> None:
    vendor(stage, name).edit(vendor(stage, name).find(ANN) or "", fields)


async def test_a_removed_field_costs_only_itself(stage: Stage) -> None:
    vendor(stage, "beta").remove_field("title")
    edit(stage, "alpha", title="Chair", city="Rome")
    report = await settle(stage)
    assert report.quiet, report
    assert plain(held(stage, "city")) == {"alpha": "rome", "beta": "rome", "gamma": "rome"}
    assert plain(held(stage, "title")) == {"alpha": "chair", "beta": "ceo", "gamma": "chair"}
    (issue,) = await drifted(stage)
    assert issue.dedupe == "drift/beta/people/title"
    assert (issue.connection, issue.stream, issue.field) == ("beta", "people", "title")
    assert issue.detail["fields"] == ["title"]
    assert issue.detail["what"] == "was removed"
    assert issue.detail["followed"].startswith("park")
    assert issue.detail["mapping"] == "beta/people version 1"
    assert "beta/people" in issue.detail["mend"]
    assert [i.kind for i in await open_issues(stage)] == ["drift"]


async def test_it_flows_again_when_it_is_back_and_the_issue_closes_itself(stage: Stage) -> None:
    vendor(stage, "beta").remove_field("title")
    edit(stage, "alpha", title="Chair")
    await settle(stage)
    vendor(stage, "beta").add_field("title")
    stage.step(DAY)
    await well(stage)
    assert plain(held(stage, "title")) == {"alpha": "chair", "beta": "chair", "gamma": "chair"}
    assert await drifted(stage) == []
    (issue,) = await drifted(stage, IssueState.CLOSED)
    assert issue.closed_at is not None


async def test_what_people_did_there_meanwhile_is_heard(stage: Stage) -> None:
    vendor(stage, "alpha").remove_field("title")
    await settle(stage)
    edit(stage, "alpha", title="Founder")
    edit(stage, "beta", city="Rome")
    await settle(stage)
    assert plain(held(stage, "title"))["beta"] == "ceo"
    vendor(stage, "alpha").add_field("title")
    stage.step(DAY)
    await well(stage)
    assert plain(held(stage, "title")) == {"alpha": "founder", "beta": "founder", "gamma": "founder"}


@pytest.mark.parametrize("name", list(MANNERS))
async def test_a_field_made_anew_is_blank_and_nobody_is_erased(stage: Stage, name: str) -> None:
    vendor(stage, name).remove_field("title")
    await settle(stage)
    vendor(stage, name).add_field("title", blank=True)
    assert held(stage, "title")[name] is None
    stage.step(DAY)
    await well(stage)
    assert plain(held(stage, "title")) == {"alpha": "ceo", "beta": "ceo", "gamma": "ceo"}
    everybody = [p for v in stage.vendors.values() for i in v.ids() if (p := v.get(i))]
    assert len(everybody) == 18
    assert all(p["title"] for p in everybody)
    assert (await golden_of(stage)).values["title"] == "CEO"  # type: ignore[union-attr]


async def test_what_rests_survives_a_restart(stage: Stage) -> None:
    vendor(stage, "beta").remove_field("title")
    await settle(stage)
    await stage.reopen()
    assert stage.hub is not None
    assert "title" not in stage.hub.wired["beta"].lenses["people"].reads
    calls = dict(vendor(stage, "beta").calls)
    edit(stage, "alpha", title="Chair", city="Berlin")
    assert (await settle(stage)).quiet
    assert plain(held(stage, "city"))["beta"] == "berlin"
    assert vendor(stage, "beta").calls["GET /fields"] == calls["GET /fields"]
    assert len(await drifted(stage)) == 1


async def test_fields_are_looked_at_once_a_day(stage: Stage) -> None:
    seen = [v.calls["GET /fields"] for v in stage.vendors.values()]
    assert seen == [1, 1, 1]
    for _ in range(5):
        stage.step(DAY / 10)
        await settle(stage)
    assert [v.calls["GET /fields"] for v in stage.vendors.values()] == [1, 1, 1]
    stage.step(DAY)
    await settle(stage)
    assert [v.calls["GET /fields"] for v in stage.vendors.values()] == [2, 2, 2]


async def test_a_refusal_is_looked_into_at_once_and_only_once(stage: Stage) -> None:
    vendor(stage, "beta").remove_field("title")
    before = dict(vendor(stage, "beta").calls)
    report = await once(stage)
    assert report.faults == {}
    after = vendor(stage, "beta").calls
    assert after["GET /fields"] - before["GET /fields"] == 1
    assert after["GET /people"] - before["GET /people"] == 2
    assert (await drifted(stage))[0].times == 1


async def test_a_refused_write_is_looked_into_too(stage: Stage) -> None:
    """The field goes away between the walk and the write."""
    edit(stage, "alpha", title="Chair", city="Berlin")
    beta = vendor(stage, "beta")

    def vanish() -> None:
        if "title" in beta.kinds:
            beta.remove_field("title")

    beta.before_write = vanish
    report = await settle(stage)
    assert report.quiet, report
    assert plain(held(stage, "city"))["beta"] == "berlin"
    assert plain(held(stage, "title"))["beta"] == "ceo"
    assert [i.kind for i in await open_issues(stage)] == ["drift"]


async def test_one_issue_however_many_days_it_lasts(stage: Stage) -> None:
    vendor(stage, "beta").remove_field("title")
    for _ in range(4):
        await settle(stage)
        stage.step(DAY)
    (issue,) = await drifted(stage)
    assert issue.times == 1


async def test_it_may_come_and_go(stage: Stage) -> None:
    for turn in range(3):
        vendor(stage, "beta").remove_field("title")
        await settle(stage)
        assert len(await drifted(stage)) == 1, turn
        vendor(stage, "beta").add_field("title")
        stage.step(DAY)
        await settle(stage)
        assert await drifted(stage) == [], turn
    await well(stage)


async def test_gone_again_before_it_was_read_whole_is_held_again(stage: Stage) -> None:
    beta = vendor(stage, "beta")
    beta.remove_field("title")
    await settle(stage)
    beta.add_field("title")
    hub = stage.hub
    assert hub is not None
    async with hub.database.write() as conn:
        (there,) = await drifts.of(conn, "beta")
        await drifts.give_back(conn, there)
    await hub.rewire("beta")
    beta.remove_field("title")
    assert (await settle(stage)).quiet
    assert len(await drifted(stage)) == 1
    assert "title" not in hub.wired["beta"].lenses["people"].reads


async def test_an_empty_answer_is_a_fault_and_parks_nothing(stage: Stage) -> None:
    beta = vendor(stage, "beta")
    kept, beta.kinds = beta.kinds, {}
    stage.step(DAY)
    beta.manners = replace(beta.manners, describes=False)  # the records themselves are shown as ever
    edit(stage, "alpha", title="Chair")
    beta.kinds = {}
    lenses = stage.hub.wired["beta"].lenses["people"].reads  # type: ignore[union-attr]
    await once(stage)
    assert stage.hub is not None
    assert stage.hub.wired["beta"].lenses["people"].reads == lenses
    (issue,) = await drifted(stage)
    assert (issue.dedupe, issue.field) == ("drift/beta/people", "")
    assert "gone at once" in issue.summary
    beta.kinds = kept
    beta.manners = replace(beta.manners, describes=True)
    stage.step(DAY)
    await well(stage)
    assert await drifted(stage) == []


async def test_a_look_that_fails_costs_no_record(stage: Stage) -> None:
    stage.step(DAY)
    edit(stage, "alpha", title="Chair")
    script(stage, "beta", *[Mishap.HTML] * 5, path="/fields")
    report = await settle(stage)
    assert report.faults == {}
    assert plain(held(stage, "title"))["beta"] == "chair"
    (issue,) = await drifted(stage)
    assert (issue.dedupe, issue.field) == ("drift/beta", "")
    calls = vendor(stage, "beta").calls["GET /fields"]
    await settle(stage)
    assert vendor(stage, "beta").calls["GET /fields"] == calls, "not again within the hour"
    stage.step(DAY / 12)
    await settle(stage)
    assert vendor(stage, "beta").calls["GET /fields"] == calls + 1
    assert await drifted(stage) == []


async def test_a_field_of_another_type_rests_and_a_person_may_accept_it(stage: Stage) -> None:
    alpha = vendor(stage, "alpha")
    alpha.kinds["title"] = "number"
    stage.step(DAY)
    edit(stage, "alpha", title="7", city="Berlin")
    assert (await settle(stage)).quiet
    assert plain(held(stage, "title")) == {"alpha": "7", "beta": "ceo", "gamma": "ceo"}
    assert plain(held(stage, "city"))["beta"] == "berlin"
    (issue,) = await drifted(stage)
    assert "string is now number" in issue.summary
    assert stage.hub is not None
    assert list(operations.answers(issue)) == ["accept"]
    await operations.answer(stage.hub, issue.id, "accept")
    await well(stage)
    assert plain(held(stage, "title")) == {"alpha": "7", "beta": "7", "gamma": "7"}
    assert await drifted(stage) == []
    stage.step(DAY)
    await settle(stage)
    assert await drifted(stage) == []


async def test_a_type_that_is_as_it_was_closes_its_issue(stage: Stage) -> None:
    alpha = vendor(stage, "alpha")
    alpha.kinds["title"] = "number"
    stage.step(DAY)
    await settle(stage)
    assert len(await drifted(stage)) == 1
    alpha.kinds["title"] = "string"
    edit(stage, "alpha", title="Chair")
    stage.step(DAY)
    await well(stage)
    assert await drifted(stage) == []
    assert plain(held(stage, "title"))["beta"] == "chair"


async def test_accepting_what_is_still_missing_holds_it_again(stage: Stage) -> None:
    vendor(stage, "beta").remove_field("title")
    await settle(stage)
    (issue,) = await drifted(stage)
    assert stage.hub is not None
    await operations.answer(stage.hub, issue.id, "accept")
    assert (await settle(stage)).quiet
    (again,) = await drifted(stage)
    assert (again.id, again.times) == (issue.id, 2)


async def test_without_its_key_nothing_is_created_until_it_is_back(stage: Stage) -> None:
    vendor(stage, "beta").remove_field("email")
    await settle(stage)
    vendor(stage, "alpha").create({"email": "new@example.com", "name": "New", "city": "Ulm"})
    assert (await settle(stage)).quiet
    assert vendor(stage, "beta").find("new@example.com") is None
    assert vendor(stage, "gamma").find("new@example.com") is not None
    vendor(stage, "beta").add_field("email")
    stage.step(DAY)
    await well(stage)
    assert vendor(stage, "beta").find("new@example.com") is not None
    assert len(vendor(stage, "beta").ids()) == 7


async def test_the_look_is_a_run_that_counts_its_calls(stage: Stage) -> None:
    assert stage.hub is not None
    async with stage.hub.database.read() as conn:
        (run,) = await runs.recent(conn, connection="beta", job="discover")
        (found,) = await discoveries.all(conn, "beta")
    assert run.counts == {"api_calls": 1}
    assert run.state.value == "done"
    assert [f.path for f in found.fields] == ["email", "name", "title", "city", "phones", "opted_out"]


async def test_vendors_without_a_list_of_fields_are_asked_nothing(tmp_path: Path, store_url: str) -> None:
    made = await Stage.set(tmp_path, Random(1), "none", {"alpha": Manners()}, store_url)
    try:
        await settle(made)
        assert made.vendors["alpha"].calls["GET /fields"] == 0
    finally:
        await made.close()
