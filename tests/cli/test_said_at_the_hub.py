"""What an operator says to the hub itself: consent with evidence, and a refused write to be tried again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connectors.salesforce.sandbox.schema import SCHEMA
from hub.operations import sandboxes
from hub.operations.sandboxes import Serving
from hub.sdk.sandbox import SandboxOptions
from tests.cli.conftest import Hub, connect

EVIDENCE = ("--who", "Ann Lee", "--how", "signed form 12 at the fair")


@pytest.fixture
def systems() -> Iterator[dict[str, Serving]]:
    """Fresh systems for each test: it writes to them."""
    options = SandboxOptions(seed=7, people=30)
    serving = {name: sandboxes.start(name, options) for name in ("salesforce", "mailchimp")}
    yield serving
    for one in serving.values():
        one.running.stop()


@pytest.fixture
def person(systems: dict[str, Serving]) -> str:
    """The address of somebody whom both know and who refused nothing."""
    crm, mail = systems["salesforce"].sandbox.people, systems["mailchimp"].sandbox.people
    for record in crm.ids():
        row = crm.get(record) or {}
        member = mail.find(row.get("Email") or "nobody")
        if member and not row["HasOptedOutOfEmail"] and (mail.get(member) or {}).get("status") == "subscribed":
            return str(row["Email"])
    raise AssertionError("the seed holds nobody like that")


@pytest.fixture
def agreed(
    hub: Hub, home: Path, systems: dict[str, Serving], person: str, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Serving]:
    """The person opted out at Salesforce, where nobody typed a first name, and both systems agree on everything."""
    crm = systems["salesforce"].sandbox.people
    crm.edit(crm.find(person) or "", {"FirstName": None})
    crm.opt_out(crm.find(person) or "")
    for serving in systems.values():
        assert connect(hub, monkeypatch, serving).code == 0
    settle(hub)
    for name in systems:
        assert hub("connections", "allow-writes", name, "--creates", "500").code == 0
    settle(hub)
    return systems


def settle(hub: Hub) -> None:
    done = hub("sync", "--until-quiet", "--json")
    assert done.code in (0, 3), done.err + done.out
    assert not done.json["failed"], done.out


def held(systems: dict[str, Serving], person: str) -> tuple[Any, Any]:
    """What Salesforce and Mailchimp hold of the person's consent to e-mail."""
    crm, mail = systems["salesforce"].sandbox.people, systems["mailchimp"].sandbox.people
    row, member = crm.get(crm.find(person) or "") or {}, mail.get(mail.find(person) or "") or {}
    return row["HasOptedOutOfEmail"], member["status"]


def test_a_newer_evidenced_grant_lifts_a_denial_where_a_mapping_can_write_it(
    hub: Hub, agreed: dict[str, Serving], person: str
) -> None:
    assert held(agreed, person) == (True, "unsubscribed")
    (before,) = hub("explain", "contact", person, "consent.email", "--json").json["consent"]
    assert before["state"] == "denied"
    assert (
        f"hub consent grant contact {hub('explain', 'contact', person, '--json').json['entity_id']} email"
        in (before["lift"])
    )
    older = hub("consent", "grant", "contact", person, "email", *EVIDENCE, "--when", "2001-01-01", "--json")
    assert (older.code, older.json["consent"][0]["state"]) == (0, "denied"), older.err
    assert "lifts nothing" in older.json["notes"][0]
    settle(hub)
    assert held(agreed, person) == (True, "unsubscribed")

    newer = hub("consent", "grant", "contact", person, "email", *EVIDENCE, "--json")
    assert (newer.code, newer.json["consent"][0]["state"]) == (0, "granted"), newer.err
    assert any(n.startswith("salesforce/contacts is told") for n in newer.json["notes"])
    assert any(n.startswith("mailchimp/members stays denied") for n in newer.json["notes"])
    settle(hub)
    assert held(agreed, person) == (False, "unsubscribed")
    told = hub("explain", "contact", person, "consent.email", "--json").json
    (email,) = told["consent"]
    assert (email["state"], email["source"], email["lift"]) == ("granted", "a person at the hub", "")
    assert "signed form 12 at the fair, by Ann Lee, 20" in email["evidence"]
    assert any(v["value"] == "denied" and not v["wins"] for v in email["voices"])
    assert "signed form 12" in hub("explain", "contact", person, "consent.email").out
    settle(hub)
    assert held(agreed, person) == (False, "unsubscribed")

    crm = agreed["salesforce"].sandbox.people
    crm.opt_out(crm.find(person) or "")
    settle(hub)
    assert hub("consent", "show", "contact", person, "--json").json["consent"][0]["state"] == "denied"


def test_a_denial_recorded_at_the_hub_reaches_the_systems(hub: Hub, agreed: dict[str, Serving], person: str) -> None:
    crm = agreed["salesforce"].sandbox.people
    other = next(
        e
        for i in crm.ids()
        if (e := (crm.get(i) or {}).get("Email")) and e != person and agreed["mailchimp"].sandbox.people.find(e)
        if held(agreed, e) == (False, "subscribed")
    )
    said = hub("consent", "deny", "contact", other, "email", "--who", "Bo", "--how", "rang up", "--json")
    assert (said.code, said.json["consent"][0]["state"]) == (0, "denied"), said.err
    settle(hub)
    assert held(agreed, other) == (True, "unsubscribed")
    shown = hub("consent", "show", "contact", other)
    assert "a person at the hub" in shown.out
    assert "rang up, by Bo" in shown.out
    assert hub("verify").code == 0


def test_a_statement_that_cannot_be_is_refused(hub: Hub, agreed: dict[str, Serving], person: str) -> None:
    for words, complaint in (
        (["grant", "contact", person, "email", "--who", "Ann", "--how", " "], "--how is empty"),
        (["grant", "contact", person, "email", "--who", "Ann"], "--how"),
        (["grant", "contact", person, "email", *EVIDENCE, "--when", "2999-01-01"], "in the future"),
        (["grant", "contact", person, "email", *EVIDENCE, "--when", "yesterday"], "cannot be read as a time"),
        (["grant", "contact", person, "emial", *EVIDENCE], '"email"'),
        (["deny", "contact", "nobody@nowhere.example", "email"], "no contact is known by that"),
        (["deny", "campaign", "spring", "email"], "a campaign has no consent"),
        (["show", "contcat", person], '"contact"'),
    ):
        refused = hub("consent", *words)
        assert refused.code == 1, words
        assert complaint in refused.err
        assert "Traceback" not in refused.err
    assert hub("consent", "show", "contact", person, "--json").json["consent"][0]["state"] == "denied"
    assert held(agreed, person) == (True, "unsubscribed")


def test_a_refused_write_is_tried_again_when_somebody_says_that_it_was_mended(
    hub: Hub, agreed: dict[str, Serving], person: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    crm, mail = agreed["salesforce"].sandbox.people, agreed["mailchimp"].sandbox.people
    columns = SCHEMA["contact"].columns
    whole = columns["firstname"]
    monkeypatch.setitem(columns, "firstname", replace(whole, length=8))
    mail.edit(mail.find(person) or "", {"merge_fields": {"FNAME": "Quartermaine"}})
    hub("sync", "--until-quiet")
    (issue,) = [i for i in hub("issues", "list", "--json").json["issues"] if i["kind"] == "refused"]
    assert issue["field"] == "FirstName"
    assert "retry" in hub("issues", "show", str(issue["id"]), "--json").json["answers"]
    again = hub("sync", "--until-quiet", "--json").json["connections"]["salesforce"]["counts"]
    assert again["refused"] == 0, "what was refused is not repeated by itself"

    assert hub("issues", "answer", str(issue["id"]), "retry", "--json").json["issue"]["state"] == "closed"
    hub("sync", "--until-quiet")
    (reopened,) = [i for i in hub("issues", "list", "--json").json["issues"] if i["kind"] == "refused"]
    assert (crm.get(crm.find(person) or "") or {})["FirstName"] != "Quartermaine"

    monkeypatch.setitem(columns, "firstname", whole)
    assert hub("issues", "answer", str(reopened["id"]), "retry").code == 0
    settle(hub)
    assert (crm.get(crm.find(person) or "") or {})["FirstName"] == "Quartermaine"
    assert [i for i in hub("issues", "list", "--json").json["issues"] if i["kind"] == "refused"] == []
