"""`hub undo` against two real sandboxes: what a sync wrote is put back byte for byte, and stays so."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import pytest

from hub.cli import INTERRUPTED
from hub.operations.sandboxes import Serving
from tests.cli.conftest import Hub
from tests.cli.test_main_job import agreed, read, systems

__all__ = ["agreed", "read", "systems"]

TIMES = {"lastmodifieddate", "hs_lastmodifieddate", "last_changed"}
EDITED = {"firstname": "Berta", "lastname": "Quartermaine", "company": "Harbour"}
WRITES = ("created", "updated", "removed", "refused", "in_doubt")

Records = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Edited:
    """Mailchimp before a sync wrote three edits of HubSpot there; the record ids, there and here."""

    before: Records
    mail: tuple[str, ...]
    crm: tuple[str, ...]


def members(systems: dict[str, Serving]) -> Records:
    """Everything that Mailchimp holds of living members, without the times of change."""
    people = systems["mailchimp"].sandbox.people
    found = {i: people.get(i) or {} for i in people.ids()}
    return {
        i: {k: v for k, v in r.items() if k not in TIMES} for i, r in found.items() if r.get("status") != "archived"
    }


def quiet(hub: Hub) -> int:
    """Syncs until quiet; answers how many writes there were."""
    done = hub("sync", "--until-quiet", "--json")
    assert done.code == 0, done.err + done.out
    return sum(c["counts"][w] for c in done.json["connections"].values() for w in WRITES)


def oddly(fields: dict[str, str]) -> dict[str, str]:
    """The same values as a person may have typed them: in forms that the hub would never write."""
    return {
        name: f"  {value} " if name in ("FNAME", "LNAME", "COMPANY") and value else value
        for name, value in fields.items()
    }


@pytest.fixture
def edited(hub: Hub, agreed: dict[str, Serving]) -> Edited:
    crm, mail = agreed["hubspot"].sandbox.people, agreed["mailchimp"].sandbox.people
    persons: dict[str, tuple[str, str]] = {}  # by name: the same person may be there twice
    for i in crm.ids():
        there = mail.find(str((crm.get(i) or {}).get("email") or ""))
        if there is not None and (mail.get(there) or {}).get("status") == "subscribed":
            persons.setdefault(str(fields(agreed, there)["LNAME"]).casefold(), (i, there))
    pairs = list(persons.values())[:3]
    for _, there in pairs:
        mail.edit(there, {"merge_fields": oddly((mail.get(there) or {})["merge_fields"])})
    assert quiet(hub) == 0
    before = members(agreed)
    assert all(before[there]["merge_fields"]["FNAME"].startswith("  ") for _, there in pairs)
    for number, (here, _) in enumerate(pairs):
        crm.edit(here, {**EDITED, "phone": f"+1310555017{number}"})  # with one phone they would be one person
    for _ in range(40):  # HubSpot's index shows the edits a moment later, perhaps not all at once
        quiet(hub)
        if all(fields(agreed, there)["LNAME"] == EDITED["lastname"] for _, there in pairs):
            break
    else:
        pytest.fail("the edits never arrived")
    assert changed(before, agreed) == {there for _, there in pairs}
    return Edited(before, tuple(there for _, there in pairs), tuple(here for here, _ in pairs))


def fields(systems: dict[str, Serving], member: str) -> dict[str, Any]:
    record = systems["mailchimp"].sandbox.people.get(member)
    assert record is not None
    return dict(record["merge_fields"])


def changed(before: Records, systems: dict[str, Serving]) -> set[str]:
    """Members that are not what they were, byte for byte."""
    after = members(systems)
    return {i for i in before.keys() | after.keys() if before.get(i) != after.get(i)}


def updates(hub: Hub, least: int) -> list[str]:
    """The last runs that updated Mailchimp, newest first, until they are `least` records."""
    runs = hub("runs", "--limit", "500", "--json").json["runs"]
    chosen, n = [], 0
    for run in runs:
        if run["job"] == "push" and run["connection"] == "mailchimp" and n < least:
            n += run["counts"].get("updated", 0)
            chosen += [run["id"]] if run["counts"].get("updated") else []
    return chosen


def undone(hub: Hub, *words: str) -> Any:
    """The answer of an undo that went well."""
    done = hub("undo", *words, "--yes", "--json")
    assert done.code == 0, done.err + done.out
    return done.json


def test_what_a_sync_wrote_is_put_back_byte_for_byte_and_stays_so(
    hub: Hub, agreed: dict[str, Serving], edited: Edited
) -> None:
    runs = updates(hub, 3)
    planned = hub("undo", *runs, "--dry-run", "--json")
    assert planned.code == 2, planned.err
    assert planned.json["kept"] == []
    assert {cell["rule"] for c in planned.json["plan"]["changes"] for cell in c["cells"]} == {"undo"}
    assert {c["remote_id"] for c in planned.json["plan"]["changes"]} == set(edited.mail)
    shown = hub("undo", runs[0][:12], "--dry-run")  # as `hub runs` shows it
    assert shown.code == 2
    assert EDITED["lastname"] in shown.out
    assert runs[0][:12] in hub("runs", "--limit", "100").out
    done = undone(hub, *runs)
    assert done["connections"]["mailchimp"]["counts"]["updated"] == 3
    assert changed(edited.before, agreed) == set()
    for _ in range(3):
        assert quiet(hub) == 0
    assert changed(edited.before, agreed) == set()
    verified = hub("verify", "--json")
    assert (verified.code, verified.json["differ"], verified.json["held_back"]) == (0, 0, 3)
    assert "holds a value back" in hub("verify").out
    again = hub("undo", *runs, "--yes", "--json").json
    assert (
        again["plan"]["total"] == 0 if "plan" in again else again["connections"]["mailchimp"]["counts"]["updated"] == 0
    )
    email = (agreed["hubspot"].sandbox.people.get(edited.crm[0]) or {})["email"]
    pushed = hub("explain", "contact", email, "--json").json["pushes"]
    assert pushed[0]["op"] == "undo: update"


def test_a_persons_edit_since_is_kept_and_listed_and_a_moved_golden_value_is_told_again(
    hub: Hub, agreed: dict[str, Serving], edited: Edited
) -> None:
    mail, crm = agreed["mailchimp"].sandbox.people, agreed["hubspot"].sandbox.people
    first, second, third = edited.mail
    mail.edit(first, {"merge_fields": {**fields(agreed, first), "COMPANY": "Typed Since"}})
    done = undone(hub, *updates(hub, 3))
    assert [(k["remote_id"], k["field"], k["why"]) for k in done["kept"]] == [
        (first, "company_name", "changed there since")
    ]
    assert changed(edited.before, agreed) == {first}
    assert fields(agreed, first) == {**edited.before[first]["merge_fields"], "COMPANY": "Typed Since"}
    crm.edit(edited.crm[1], {"lastname": "Moved On"})
    for _ in range(40):
        quiet(hub)
        if fields(agreed, second)["LNAME"] == "Moved On":
            break
    else:
        pytest.fail("the moved value never arrived")
    assert fields(agreed, second)["FNAME"] == edited.before[second]["merge_fields"]["FNAME"]
    assert fields(agreed, third) == edited.before[third]["merge_fields"]


def test_it_shows_what_it_would_do_and_asks(
    hub: Hub, agreed: dict[str, Serving], edited: Edited, monkeypatch: pytest.MonkeyPatch
) -> None:
    there, runs = members(agreed), updates(hub, 3)
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    refused = hub("undo", *runs)
    assert (refused.code, refused.out.strip()) == (INTERRUPTED, "")
    assert EDITED["lastname"] in refused.err
    assert changed(there, agreed) == set()
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    done = hub("undo", *runs)
    assert done.code == 0, done.err
    assert "to go back: hub undo run_" in done.out
    assert changed(edited.before, agreed) == set()


def test_an_undo_is_undone(hub: Hub, agreed: dict[str, Serving], edited: Edited) -> None:
    there = members(agreed)
    done = undone(hub, *updates(hub, 3))
    assert changed(edited.before, agreed) == set()
    undone(hub, *done["undos"].values())
    assert changed(there, agreed) == set()
    assert quiet(hub) == 0
    assert hub("verify", "--json").json["held_back"] == 0


def test_creates_are_archived_only_when_asked(hub: Hub, read: dict[str, Serving]) -> None:
    before = {name: set(one.sandbox.people.ids()) for name, one in read.items()}
    for name in read:
        assert hub("connections", "allow-writes", name, "--creates", "500").code == 0
    quiet(hub)
    made = len(members(read)) - len(before["mailchimp"])
    assert made > 3
    kept = undone(hub, "last")["kept"]
    assert {k["why"] for k in kept} == {"made by this run; only archived when asked for (--archive-creates)"}
    assert len(members(read)) == len(before["mailchimp"]) + made
    parked = hub("undo", "last", "--archive-creates", "--yes", "--json")
    assert parked.code == 3, parked.out
    assert len(members(read)) == len(before["mailchimp"]) + made
    (issue,) = [i for i in hub("issues", "list", "--json").json["issues"] if i["connection"] == "mailchimp"]
    assert "hub undo" in issue["detail"]["mend"]
    for name in read:
        assert hub("connections", "allow-writes", name, "--removes", "100").code == 0
    undone(hub, "last", "--archive-creates")
    assert set(members(read)) == before["mailchimp"]
    assert set(read["hubspot"].sandbox.people.ids()) == before["hubspot"]
    assert quiet(hub) == 0
    assert set(members(read)) == before["mailchimp"]
    assert hub("issues", "list", "--json").json["issues"] == []


def test_what_cannot_be_undone_says_so(hub: Hub, read: dict[str, Serving]) -> None:
    assert "no sync has written anything yet" in hub("undo", "last", "--dry-run").err
    assert "too short" in hub("undo", "run", "--dry-run").err
    assert "there is no run" in hub("undo", "run_zzzzzzzz", "--dry-run").err
    pull = next(r for r in hub("runs", "--limit", "100", "--json").json["runs"] if r["job"] == "pull")
    assert "wrote to no system" in hub("undo", pull["id"], "--dry-run").err
    asked = hub("undo", "last", "--json")
    assert (asked.code, "leaves nobody to ask" in asked.out) == (1, True)


def test_a_connection_that_may_no_longer_be_written_to_refuses(
    hub: Hub, agreed: dict[str, Serving], edited: Edited
) -> None:
    assert hub("connections", "deny-writes", "mailchimp").code == 0
    runs = updates(hub, 3)
    assert hub("undo", *runs, "--dry-run").code == 2
    refused = hub("undo", *runs, "--yes")
    assert refused.code == 1
    assert "allow-writes mailchimp" in refused.err
    assert changed(edited.before, agreed) == set(edited.mail)
