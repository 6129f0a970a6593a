"""Bad input never costs more than itself: it ends as an issue that says where and what, and the rest goes on."""

from __future__ import annotations

from typing import Any

import pytest

from hub.store import observations
from hub.transport.mishaps import Mishap
from sync_jobs.runner import sync
from sync_jobs.simulation.stage import Stage
from tests.sim.acting import ANN, golden_of, held, living, open_issues, script, settle, well
from tests.sync_jobs.publishing import publish

BOB = "bob@example.com"


async def issue_of(stage: Stage, kind: str) -> Any:
    found = [i for i in await open_issues(stage) if i.kind == kind]
    assert len(found) == 1, found
    return found[0]


@pytest.mark.parametrize("mishap", [Mishap.HTML, Mishap.CUT_SHORT])
async def test_a_page_that_is_no_json_stops_its_stream_alone_and_heals(stage: Stage, mishap: Mishap) -> None:
    stage.vendors["alpha"].create({"email": ANN, "title": "CEO"})
    stage.vendors["beta"].create({"email": BOB, "title": "CTO"})
    script(stage, "alpha", *[mishap] * 5, path="/people")
    assert stage.hub is not None
    stage.step(600)
    report = await sync(stage.hub, sleep=stage._sleep)
    assert set(report.faults) == {"alpha"}
    issue = await issue_of(stage, "connection")
    assert "not JSON" in issue.summary
    assert ("HTML" in issue.summary) == (mishap is Mishap.HTML)
    assert await golden_of(stage, BOB) is not None
    await well(stage)
    assert set(held(stage, "title")) == {"alpha", "beta", "gamma"}
    assert not [i for i in await open_issues(stage) if i.kind == "connection"]


async def test_invalid_utf_8_is_refused_with_a_message(stage: Stage) -> None:
    alpha = stage.vendors["alpha"]
    alpha.create({"email": ANN, "title": "CEO"})
    assert stage.hub is not None
    from hub.sdk.http import ContractBroken, Response

    stream = stage.hub.wired["alpha"].stream("people")
    position = stream.start(None, stage.now)
    with pytest.raises(ContractBroken, match="not JSON"):
        stream.page(position, Response(200, b'{"people": [{"id": "1", "name": "\xff\xfe"}]}'))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("title", {"deep": "thing"}),
        ("city", ["a", "b"]),
        ("email", "not an address"),
        ("phones", {"x": 1}),
        ("opted_out", "perhaps?"),
    ],
)
async def test_a_value_of_the_wrong_form_costs_only_itself(stage: Stage, field: str, value: Any) -> None:
    alpha = stage.vendors["alpha"]
    fields = {"email": ANN, "title": "CEO", "city": "Bonn", "phones": ["1"]}
    alpha.create({**fields, field: value})
    alpha.create({"email": BOB, "title": "CTO"})
    await settle(stage)
    assert len(living(stage, "beta", BOB)) == 1
    if field == "opted_out":
        return  # a value that is neither yes nor no says nothing
    issue = await issue_of(stage, "value")
    assert (issue.connection, issue.stream, issue.remote_id, issue.field) == ("alpha", "people", "a00001", field)
    assert issue.detail["expected"]
    assert "not an address" not in issue.summary
    if field != "email":
        assert len(living(stage, "beta", ANN)) == 1
    alpha.edit("a00001", {field: fields[field]})
    await settle(stage)
    assert not [i for i in await open_issues(stage) if i.kind == "value"]
    assert len(living(stage, "beta", ANN)) == 1


async def test_an_unknown_picklist_value_and_an_impossible_date_cost_only_themselves(stage: Stage) -> None:
    assert stage.hub is not None
    await publish(
        stage.hub,
        "alpha/people",
        """
mapping: unruly/people
version: 1
entity: contact
match: [{key: email, from: [email]}]
fields:
  email: email
  title: title
  lifecycle_stage: {path: stage, direction: in, table: {Hot: lead, Sold: customer}}
  custom.birthday: {path: born, kind: date, direction: in}
""",
    )
    alpha = stage.vendors["alpha"]
    alpha.create({"email": ANN, "title": "CEO", "stage": "Warm", "born": "2001-02-30"})
    await settle(stage)
    found = {i.field: i for i in await open_issues(stage)}
    assert set(found) == {"lifecycle_stage", "custom.birthday"}
    assert "Hot" in found["lifecycle_stage"].detail["expected"]
    assert len(living(stage, "beta")) == 1


async def test_a_record_of_ten_megabytes_is_refused_alone(stage: Stage) -> None:
    alpha = stage.vendors["alpha"]
    alpha.create({"email": ANN, "title": "x" * 10_000_000})
    alpha.create({"email": BOB, "title": "CTO"})
    await settle(stage)
    issue = await issue_of(stage, "unreadable")
    assert issue.remote_id == "a00001"
    assert "1,048,576" in issue.summary
    assert len(living(stage, "beta", BOB)) == 1
    assert stage.hub is not None
    async with stage.hub.database.read() as conn:
        assert (await observations.count(conn, "alpha")).live == 1


async def test_a_record_without_an_id_is_refused_alone(stage: Stage) -> None:
    alpha = stage.vendors["alpha"]
    alpha.create({"email": ANN, "title": "CEO"})
    nameless = alpha.create({"email": BOB})
    alpha.people_by_id[nameless]["id"] = 7
    await settle(stage)
    assert "without an id" in (await issue_of(stage, "unreadable")).summary
    assert len(living(stage, "beta", ANN)) == 1


async def test_no_issue_quotes_a_person(stage: Stage) -> None:
    alpha = stage.vendors["alpha"]
    alpha.create({"email": "anna.secret@", "name": "Anna Secret", "title": {"anna": "secret"}, "phones": {"x": "y"}})
    await settle(stage)
    found = await open_issues(stage)
    assert found
    assert "secret" not in repr(found).casefold()
