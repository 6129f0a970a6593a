"""The whole life of an edit on the command line, against two sandboxes of the same people: edit, validate, plan,
publish, sync, roll back; and everything that can come between."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from hub.operations import sandboxes
from hub.operations.sandboxes import Serving
from hub.operations.turns import turn
from hub.sdk.sandbox import People, SandboxOptions
from tests.cli.conftest import PEOPLE, Hub, connect
from tests.cli.lives import CRM, MAIL, cells, edited, moved, planned, snapshot

SHOUT = "fields.given_name.normalise=[trim, upper]"


@pytest.fixture
def systems() -> Iterator[dict[str, Serving]]:
    """Fresh systems for each test: it writes to them."""
    options = SandboxOptions(seed=7, people=PEOPLE)
    serving = {name: sandboxes.start(name, options) for name in ("hubspot", "mailchimp")}
    yield serving
    for one in serving.values():
        one.running.stop()


@pytest.fixture
def agreed(hub: Hub, home: Path, systems: dict[str, Serving], monkeypatch: pytest.MonkeyPatch) -> dict[str, Serving]:
    """Both connected, read and written until quiet."""
    for name, serving in systems.items():
        assert connect(hub, monkeypatch, serving).code == 0
        assert hub("connections", "allow-writes", name, "--creates", "500").code == 0
    done = hub("sync", "--until-quiet", "--json")
    assert (done.code, done.json["quiet"]) == (0, True), done.err + done.out
    return systems


def shouted(hub: Hub) -> int:
    """A draft under which the CRM's given names count in capitals; without the examples, which say the old form."""
    done = hub("mappings", "edit", CRM, "--set", SHOUT, "--unset", "examples", "--who", "ann", "--json")
    assert done.code == 0, done.err
    number: int = done.json["version"]["version"]
    return number


# -- from draft to rollback -----------------------------------------------------------------------------------------


def test_the_whole_life_of_an_edit(hub: Hub, agreed: dict[str, Serving]) -> None:
    number = shouted(hub)
    valid = hub("mappings", "validate", CRM, "--json")
    assert (valid.code, valid.json["state"]) == (0, "validated"), valid.out

    before = snapshot(agreed)
    plan = planned(hub, CRM)
    assert snapshot(agreed) == before
    assert plan["total"] == len(plan["rows"]) > 5
    assert {(s, f) for s, _, f, _ in cells(plan)} == {("mailchimp", "given_name")}
    (share,) = [s for s in plan["shares"] if s["updates"]]
    assert (share["creates"], share["clears"], share["removes"], share["writes"]) == (0, 0, 0, True)
    assert share["fields"] == {"given_name": plan["total"]}
    assert plan["golden"]["given_name"] >= plan["total"]
    assert (plan["destructive"], plan["brakes"], plan["refused"], plan["unread"]) == ({}, [], 0, [])
    (quota,) = [q for q in plan["quotas"] if q["connection"] == "mailchimp"]
    assert quota["calls"] == share["calls"] > 0
    assert quota["seconds"] > 0
    drawn = hub("mappings", "plan", CRM, "--limit", "2")
    assert drawn.code == 2
    assert f"hub mappings publish {CRM} --plan {plan['hash']}" in drawn.out
    assert f"… and {plan['total'] - 2:,} more" in drawn.out

    calls = {name: s.sandbox.calls.total() for name, s in agreed.items()}
    done = hub("mappings", "publish", CRM, "--plan", plan["hash"], "--json")
    assert done.code == 0, done.err + done.out
    assert done.json["versions"] == {CRM: number}
    made = {name: s.sandbox.calls.total() - calls[name] for name, s in agreed.items()}
    (told,) = [t for t in done.json["told"] if t["connection"] == "mailchimp"]
    assert told["planned"]["updated"] == told["counts"]["updated"] == plan["total"]
    assert made == {"hubspot": 0, "mailchimp": told["counts"]["api_calls"]}
    assert made["mailchimp"] <= share["calls"]
    after = snapshot(agreed)
    assert moved(before, after) == {(s, record) for s, record, _, _ in cells(plan)}
    for system, record, _, value in cells(plan):
        assert after[system, record]["merge_fields"]["FNAME"] == value

    assert hub("plan").code == 0
    quiet = hub("sync", "--until-quiet", "--json").json
    assert all(c["counts"][w] == 0 for c in quiet["connections"].values() for w in ("created", "updated", "removed"))
    assert moved(after, snapshot(agreed)) == set()
    lines = hub("mappings", "history", CRM, "--json").json["versions"]
    assert [(v["version"], v["state"]) for v in lines] == [(2, "published"), (1, "retired")]
    assert lines[0]["plan"] == plan["hash"]

    back = hub("mappings", "rollback", CRM, "--json")
    assert (back.code, back.json["to"]) == (2, 1)
    assert back.json["plan"]["total"] == plan["total"]
    undone = hub("mappings", "rollback", CRM, "--plan", back.json["plan"]["hash"], "--json")
    assert undone.code == 0, undone.err + undone.out
    assert undone.json["versions"] == {CRM: 3}
    assert moved(before, snapshot(agreed)) == set()
    assert hub("mappings", "show", CRM).out == hub("mappings", "show", CRM, "--version", "1").out
    assert hub("plan").code == 0
    assert hub("mappings", "rollback", CRM, "--to", "1", "--json").json["plan"]["empty"] is True


def test_telling_may_be_left_to_the_next_sync(hub: Hub, agreed: dict[str, Serving]) -> None:
    shouted(hub)
    plan = planned(hub, CRM)
    before = snapshot(agreed)
    done = hub("mappings", "publish", CRM, "--plan", plan["hash"], "--no-write", "--json")
    assert (done.code, done.json["told"], done.json["left"]) == (0, [], True)
    assert moved(before, snapshot(agreed)) == set()
    assert hub("plan", "--json").json["total"] == plan["total"]
    synced = hub("sync", "--until-quiet", "--json").json
    assert synced["connections"]["mailchimp"]["counts"]["updated"] == plan["total"]
    assert moved(before, snapshot(agreed)) == {(s, record) for s, record, _, _ in cells(plan)}


def test_systems_that_may_not_be_written_to_are_named_and_left(hub: Hub, agreed: dict[str, Serving]) -> None:
    assert hub("connections", "deny-writes", "mailchimp").code == 0
    shouted(hub)
    plan = planned(hub, CRM)
    assert [s["writes"] for s in plan["shares"] if s["updates"]] == [False]
    assert "read-only: mailchimp" in hub("mappings", "plan", CRM).out
    before = snapshot(agreed)
    done = hub("mappings", "publish", CRM, "--plan", plan["hash"])
    assert (done.code, "read-only: mailchimp" in done.out) == (0, True), done.err + done.out
    assert moved(before, snapshot(agreed)) == set()


def test_an_edit_without_consequences_is_published_without_a_call(hub: Hub, agreed: dict[str, Serving]) -> None:
    text = hub("mappings", "show", CRM).out + "# a word more\n"
    Path("more.yaml").write_text(text)
    assert hub("mappings", "edit", CRM, "--file", "more.yaml", "--json").json["differs"] is False
    plan = planned(hub, CRM, code=0)
    assert (plan["same"], plan["judged"], plan["total"]) == ([CRM], 0, 0)
    assert "means what holds already" in hub("mappings", "plan", CRM).out
    done = hub("mappings", "publish", CRM, "--plan", plan["hash"], "--json")
    assert (done.code, done.json["told"]) == (0, [])
    assert hub("mappings", "show", CRM).out == text


def test_who_wins_is_edited_like_any_other_document(hub: Hub, agreed: dict[str, Serving]) -> None:
    """The CRM's titles lose to the newsletter's once the ranks are turned."""
    crm, mail = agreed["hubspot"].sandbox.people, agreed["mailchimp"].sandbox.people
    record, other = next(
        (i, m) for i in crm.ids() if (e := (crm.get(i) or {}).get("email")) and (m := mail.find(e)) is not None
    )
    crm.edit(record, {"lastname": "Quartermaine"})
    mail.edit(other, {"merge_fields": {"LNAME": "Ashworth"}})
    assert hub("sync", "--until-quiet").code == 0
    edited(hub, "contact", "fields.family_name={rule: ranked, rank: [mailchimp, hubspot]}")
    plan = planned(hub, "contact", code=None)
    assert ("hubspot", record, "family_name", "Ashworth") in cells(plan)
    done = hub("mappings", "publish", "contact", "--plan", plan["hash"], "--json")
    assert done.code == 0, done.err + done.out
    assert (crm.get(record) or {})["lastname"] == "Ashworth"


# -- what keeps a draft from being published ------------------------------------------------------------------------


def test_a_stale_draft_is_seen_and_refused_and_made_anew(hub: Hub, agreed: dict[str, Serving]) -> None:
    shouted(hub)
    other = edited(hub, CRM, "fields.city.direction=in", who="bob")
    theirs = planned(hub, CRM, "--version", str(other), code=None)
    mine = planned(hub, CRM, "--version", "2")
    assert hub("mappings", "publish", CRM, "--plan", mine["hash"]).code == 0
    refused = hub("mappings", "publish", CRM, "--plan", theirs["hash"])
    assert refused.code == 1
    assert f"{CRM} version 3 was made from version 1, and version 2 holds since" in refused.err
    assert f"hub mappings diff {CRM} 1 2" in refused.err
    assert "(stale)" in hub("mappings", "list").out
    late = hub("mappings", "plan", CRM, "--json")
    assert (late.code, late.json["versions"][0]["stale"]) == (3, True)
    drawn = hub("mappings", "plan", CRM).out
    assert "stale" in drawn
    assert f"publish {CRM} --plan" not in drawn
    assert hub("mappings", "publish", CRM, "--plan", late.json["hash"]).code == 1

    anew = hub("mappings", "edit", CRM, "--from-version", "3", "--who", "bob", "--json").json
    assert (anew["version"]["version"], anew["version"]["parent"], anew["dropped"]) == (4, 2, 3)
    assert hub("mappings", "history", CRM, "--json").json["versions"][1]["state"] == "dropped"


def test_a_draft_that_was_touched_after_its_plan_is_not_published(hub: Hub, agreed: dict[str, Serving]) -> None:
    shouted(hub)
    plan = planned(hub, CRM)
    assert hub("mappings", "edit", CRM, "--who", "ann", "--set", "fields.city.direction=in").code == 0
    refused = hub("mappings", "publish", CRM, "--plan", plan["hash"])
    assert (refused.code, "was changed after the plan" in refused.err) == (1, True), refused.err
    assert "there is no plan" in hub("mappings", "publish", CRM, "--plan", "0000").err
    assert "is of" in hub("mappings", "publish", MAIL, "--plan", plan["hash"]).err


def test_a_world_that_moved_too_far_is_planned_anew(hub: Hub, agreed: dict[str, Serving]) -> None:
    shouted(hub)
    plan = planned(hub, CRM)
    crm = agreed["hubspot"].sandbox.people
    for record in [i for i in crm.ids() if (crm.get(i) or {}).get("email")][:20]:
        crm.edit(record, {"firstname": "SHOUTED"})
    assert hub("sync", "--until-quiet").code == 0
    for _ in range(20):  # HubSpot's index shows edits a moment later
        if planned(hub, CRM, code=None)["total"] < plan["total"] - 5:
            break
        assert hub("sync", "--until-quiet").code == 0
    refused = hub("mappings", "publish", CRM, "--plan", plan["hash"])
    assert refused.code == 1
    assert "the world moved since the plan was made" in refused.err
    fresh = planned(hub, CRM)
    assert fresh["hash"] in refused.err
    assert hub("mappings", "publish", CRM, "--plan", fresh["hash"]).code == 0


def test_destructive_classes_stand_apart_and_have_to_be_allowed(hub: Hub, agreed: dict[str, Serving]) -> None:
    """Companies were blanked in the newsletter and kept, since the CRM says them. Once the CRM has no say they go."""
    crm, mail = agreed["hubspot"].sandbox.people, agreed["mailchimp"].sandbox.people
    both = [m for i in crm.ids() if (r := crm.get(i) or {}).get("company") and (m := mail.find(r.get("email") or ""))]
    for member in both[:4]:
        mail.edit(member, {"merge_fields": {"COMPANY": ""}})
    assert hub("sync", "--until-quiet").code == 0
    edited(hub, CRM, "fields.company_name.weight=never")
    plan = planned(hub, CRM, code=3)
    clears = plan["destructive"]["clears"]
    assert clears == sum(s["clears"] for s in plan["shares"]) > 0
    drawn = hub("mappings", "plan", CRM)
    assert (drawn.code, "DESTRUCTIVE" in drawn.out, "--allow clears" in drawn.out) == (3, True, True)
    before = snapshot(agreed)
    asked = hub("mappings", "publish", CRM, "--plan", plan["hash"])
    assert (asked.code, f"{clears} clears" in asked.err) == (3, True), asked.err
    wrong = hub("mappings", "publish", CRM, "--plan", plan["hash"], "--allow", "claers")
    assert (wrong.code, "classes: creates, clears" in wrong.err) == (1, True), wrong.err
    assert moved(before, snapshot(agreed)) == set()
    assert hub("mappings", "show", CRM, "--json").json["version"]["version"] == 1
    done = hub("mappings", "publish", CRM, "--plan", plan["hash"], "--allow", "clears,creates", "--json")
    assert done.code == 0, done.err + done.out
    assert moved(before, snapshot(agreed)) == {(s, record) for s, record, _, _ in cells(plan)}
    assert hub("plan").code == 0


def test_a_document_that_fails_its_checks_is_not_published(hub: Hub, agreed: dict[str, Serving]) -> None:
    edited(hub, CRM, SHOUT)  # the examples still say the old form
    plan = planned(hub, CRM)
    before = snapshot(agreed)
    refused = hub("mappings", "publish", CRM, "--plan", plan["hash"], "--json")
    assert refused.code == 1
    assert refused.json["error"]["kind"] == "BadInput"
    assert any("examples" in c["where"] for c in refused.json["error"]["complaints"])
    assert moved(before, snapshot(agreed)) == set()
    assert hub("mappings", "show", CRM, "--json").json["version"]["version"] == 1


def test_one_at_a_time(hub: Hub, home: Path, agreed: dict[str, Serving]) -> None:
    shouted(hub)
    plan = planned(hub, CRM)
    with turn(home):
        assert hub("mappings", "plan", CRM).code == 2
        refused = hub("mappings", "publish", CRM, "--plan", plan["hash"])
    assert (refused.code, "another process" in refused.err) == (1, True)


# -- fields that were never read ------------------------------------------------------------------------------------


def test_a_field_that_was_never_read_is_read_first(hub: Hub, agreed: dict[str, Serving]) -> None:
    crm = agreed["hubspot"].sandbox.people
    people = [i for i in crm.ids() if (crm.get(i) or {}).get("email")]
    for record in people[:4]:
        crm.edit(record, {"website": f"https://{record}.example"})
    assert hub("sync", "--until-quiet").code == 0
    edited(hub, CRM, "fields.custom.site={path: website, empty: is_null}")
    plan = planned(hub, CRM)
    (unread,) = plan["unread"]
    assert (unread["connection"], unread["paths"], unread["records"] >= PEOPLE // 2) == ("hubspot", ["website"], True)
    assert "never read" in hub("mappings", "plan", CRM).out
    asked = hub("mappings", "publish", CRM, "--plan", plan["hash"])
    assert (asked.code, "--read" in asked.err) == (3, True)

    read = planned(hub, CRM, "--read", code=None)
    assert read["unread"] == []
    assert read["read"] >= len(people)
    assert read["golden"]["custom.site"] == 4
    crm.edit(people[4], {"website": "https://late.example", "lastname": "Late"})  # and a job reads it meanwhile
    arrived(hub, crm, people[4], "family_name", "Late")
    done = hub("mappings", "publish", CRM, "--plan", read["hash"], "--json")
    assert done.code == 0, done.err + done.out
    for record in (people[0], people[4]):
        arrived(hub, crm, record, "custom.site", (crm.get(record) or {})["website"])


def arrived(hub: Hub, crm: People, record: str, field: str, value: str) -> None:
    """HubSpot's index shows edits a moment later: syncs until the hub holds the value."""
    email = str((crm.get(record) or {})["email"])
    for _ in range(20):
        found = hub("explain", "contact", email, field, "--json")
        if found.code == 0 and found.json["fields"][0]["value"] == value:
            return
        assert hub("sync", "--until-quiet").code == 0
    pytest.fail(f"{field} never arrived")


# -- facts ----------------------------------------------------------------------------------------------------------


def test_facts_are_measured_anew_from_what_is_stored(hub: Hub, agreed: dict[str, Serving]) -> None:
    opens = measured(hub, "opens")
    assert any(opens.values())
    edited(hub, "mailchimp/reports", "fields.opens.path=opens.opens_total")
    assert hub("mappings", "edit", "mailchimp/reports", "--unset", "examples", "--who", "ann").code == 0
    plan = planned(hub, "mailchimp/reports")
    assert (plan["measures"], plan["total"]) == ({"mailchimp/reports": len(opens)}, 0)
    assert "measured anew" in hub("mappings", "plan", "mailchimp/reports").out
    calls = agreed["mailchimp"].sandbox.calls.total()
    done = hub("mappings", "publish", "mailchimp/reports", "--plan", plan["hash"], "--json")
    assert done.code == 0, done.err
    assert agreed["mailchimp"].sandbox.calls.total() == calls
    after = measured(hub, "opens")
    assert after.keys() == opens.keys()
    assert all(after[day] >= opens[day] for day in after)
    assert after != opens


def measured(hub: Hub, measure: str) -> dict[str, int]:
    """(campaign and day) -> the measure."""
    assert hub("export", "facts", "--format", "jsonl", "--out", "facts.jsonl").code == 0
    rows = [orjson.loads(line) for line in Path("facts.jsonl").read_bytes().splitlines()]
    return {f"{r['campaign_ref']} {r['day']}": r[measure] for r in rows if r["stream"] == "reports"}
