"""The whole job on the command line, against two sandboxes of the same people: read, plan, allow, write, explain,
verify, export."""

from __future__ import annotations

import csv
import io
import stat
from collections.abc import Iterator
from pathlib import Path

import orjson
import pyarrow.parquet as parquet  # type: ignore[import-untyped]
import pytest

from hub.domain.policy import Brakes
from hub.operations import sandboxes
from hub.operations.sandboxes import Serving
from hub.sdk.sandbox import SandboxOptions
from tests.cli.conftest import PEOPLE, Hub, Shown, connect

TIGHT = Brakes(creates=1, creates_share=0.0)


@pytest.fixture
def systems() -> Iterator[dict[str, Serving]]:
    """Fresh systems for each test: it writes to them."""
    options = SandboxOptions(seed=7, people=PEOPLE)
    serving = {name: sandboxes.start(name, options) for name in ("hubspot", "mailchimp")}
    yield serving
    for one in serving.values():
        one.running.stop()


@pytest.fixture
def read(hub: Hub, home: Path, systems: dict[str, Serving], monkeypatch: pytest.MonkeyPatch) -> dict[str, Serving]:
    """Both connected and read, nothing written yet."""
    for serving in systems.values():
        assert connect(hub, monkeypatch, serving).code == 0
    first = hub("sync", "--until-quiet", "--json")
    assert first.code == 0, first.err
    assert first.json["quiet"] is True
    for name, serving in systems.items():
        counts = first.json["connections"][name]["counts"]
        assert counts["read"] >= serving.up.people
        assert counts["created"] == counts["updated"] == counts["removed"] == 0
    return systems


@pytest.fixture
def agreed(hub: Hub, read: dict[str, Serving]) -> dict[str, Serving]:
    """Written until quiet."""
    for name in read:
        assert hub("connections", "allow-writes", name, "--creates", "500").code == 0
    done = hub("sync", "--until-quiet", "--json")
    assert done.code == 0, done.err + done.out
    return read


def test_nothing_is_written_before_it_is_allowed_and_the_plan_says_what_would_be(
    hub: Hub, read: dict[str, Serving]
) -> None:
    planned = hub("plan", "--json")
    assert planned.code == 2
    assert planned.json["total"] == len(planned.json["changes"]) > 0
    ops = [c["op"] for c in planned.json["changes"]]
    assert sum(s["creates"] for s in planned.json["summary"]) == ops.count("create")
    assert sum(s["updates"] for s in planned.json["summary"]) == ops.count("update")
    assert all(s["writes"] is False for s in planned.json["summary"])
    cell = next(c for c in planned.json["changes"] if c["op"] == "update")["cells"][0]
    assert cell["rule"]
    assert cell["before"] != cell["after"]
    assert hub("plan", "hubspot", "--json").json["total"] < planned.json["total"]
    shown = hub("plan", "--limit", "3")
    assert "read-only" in shown.out
    assert f"… and {planned.json['total'] - 3:,} more" in shown.out


def test_after_writing_everything_agrees_and_a_second_run_writes_nothing(hub: Hub, agreed: dict[str, Serving]) -> None:
    assert hub("plan").code == 0
    verified = hub("verify", "--json")
    assert (verified.code, verified.json["differ"], verified.json["unknown"]) == (0, 0, 0), verified.out
    assert verified.json["agree"] > PEOPLE
    again = hub("sync", "--until-quiet", "--json").json["connections"]
    assert all(c["counts"][w] == 0 for c in again.values() for w in ("created", "updated", "removed", "refused"))


def test_verify_finds_a_hand_edit_and_sync_carries_it_over(hub: Hub, agreed: dict[str, Serving]) -> None:
    crm, mail = agreed["hubspot"].sandbox.people, agreed["mailchimp"].sandbox.people
    email, record = next(
        (e, i) for i in crm.ids() if (e := (crm.get(i) or {}).get("email")) and mail.find(e) is not None
    )
    crm.edit(record, {"lastname": "Quartermaine"})
    verified = hub("verify", "--json")
    assert (verified.code, verified.json["differ"]) == (2, 1)
    (difference,) = verified.json["differences"]
    assert (difference["connection"], difference["field"], difference["remote"]) == (
        "hubspot", "family_name", "Quartermaine",
    )  # fmt: skip
    assert "Quartermaine" in hub("verify").out
    for _ in range(20):  # HubSpot's index shows the edit a moment later
        assert hub("sync", "--until-quiet").code == 0
        if hub("verify").code == 0:
            break
    else:
        pytest.fail("the edit never arrived")
    told = mail.get(mail.find(email) or "")
    assert told is not None
    assert told["merge_fields"]["LNAME"] == "Quartermaine"

    told_why = hub("explain", "contact", email, "family_name", "--json")
    assert told_why.code == 0, told_why.err
    (field,) = told_why.json["fields"]
    assert field["value"] == "Quartermaine"
    assert field["source"] == f"hubspot/contacts/{record}"
    assert [v["wins"] for v in field["voices"]].count(True) == 1
    assert all(v["why"] for v in field["voices"] if not v["wins"])
    assert field["changes"][0]["after"] == "Quartermaine"
    assert told_why.json["pushes"][0]["connection"] == "mailchimp"
    assert "Quartermaine" in hub("explain", "contact", email.upper()).out


def test_explain_answers_the_unknown_with_the_nearest(hub: Hub, agreed: dict[str, Serving]) -> None:
    crm = agreed["hubspot"].sandbox.people
    email = next(e for i in crm.ids() if (e := (crm.get(i) or {}).get("email")))
    assert "no contact is known by that" in hub("explain", "contact", "nobody@nowhere.example").err
    assert '"family_name"' in hub("explain", "contact", email, "familyname").err
    assert '"contact"' in hub("explain", "contcat", email).err
    assert hub("explain", "contact", email, "title").code == 0


def test_the_golden_records_come_out_in_three_forms(hub: Hub, home: Path, agreed: dict[str, Serving]) -> None:
    people = hub("status", "--json").json["golden"]["contact"]
    as_csv = hub("export", "contacts")
    assert as_csv.code == 0
    rows = list(csv.DictReader(io.StringIO(as_csv.out, newline="")))
    assert len(rows) == people
    as_lines = hub("export", "contacts", "--format", "jsonl", "--out", "people.jsonl", "--json")
    assert (as_lines.code, as_lines.json["rows"]) == (0, people)
    assert stat.S_IMODE((home / "people.jsonl").stat().st_mode) == 0o600
    lines = [orjson.loads(line) for line in (home / "people.jsonl").read_bytes().splitlines()]
    assert hub("export", "contacts", "-f", "parquet", "-o", "people.parquet").code == 0
    table = parquet.read_table(home / "people.parquet").to_pylist()
    emails = {r["id"]: r["email"] for r in rows}
    assert {r["id"]: r.get("email") or "" for r in lines} == emails
    assert {r["id"]: r["email"] or "" for r in table} == emails
    assert hub("export", "facts", "-o", "facts.csv", "--json").code == 0
    assert not list(home.glob("*.part"))


def test_exports_that_cannot_be(hub: Hub, home: Path) -> None:
    for words in (["contacts", "-f", "parquet"], ["contcats"], ["contacts", "-f", "xml"], ["contacts", "--json"],
                  ["contacts", "-o", "none/such/file.csv"]):  # fmt: skip
        refused = hub("export", *words)
        assert refused.code == 1, words
        assert "Traceback" not in refused.err


def test_status_runs_and_doctor_say_what_is(hub: Hub, agreed: dict[str, Serving]) -> None:
    status = hub("status", "--json").json
    streams = {(c["name"], s["stream"]): s for c in status["connections"] for s in c["streams"]}
    assert streams["hubspot", "contacts"]["records"] == len(agreed["hubspot"].sandbox.people.ids())
    assert streams["hubspot", "contacts"]["read_at"]
    assert (status["in_doubt"], status["buried"]) == (0, 0)
    runs = hub("runs", "--limit", "500", "--json").json["runs"]
    assert {"pull", "reconcile", "push"} <= {r["job"] for r in runs}
    assert all(r["ended_at"] for r in runs)
    assert hub("runs").code == 0
    doctor = hub("doctor", "--json")
    assert (doctor.code, doctor.json["ok"]) == (0, True), doctor.out


def test_doctor_finds_what_is_wrong(hub: Hub, home: Path, agreed: dict[str, Serving]) -> None:
    agreed["mailchimp"].running.stop()
    found = hub("doctor", "--json")
    assert found.code == 1
    assert {f["what"] for f in found.json["findings"] if f["health"] == "failed"} == {"connection mailchimp"}
    (home / "secret.key").chmod(0o644)
    found = hub("doctor", "--json")
    assert "master key" in {f["what"] for f in found.json["findings"] if f["health"] == "failed"}
    assert "chmod 600" in hub("doctor").out


def test_a_dead_system_fails_alone(hub: Hub, agreed: dict[str, Serving]) -> None:
    agreed["mailchimp"].running.stop()
    crm = agreed["hubspot"].sandbox.people
    crm.edit(crm.ids()[0], {"jobtitle": "Harbourmaster"})
    for _ in range(20):  # HubSpot's index shows the edit a moment later
        done = hub("sync", "--json")
        assert done.code == 1
        assert list(done.json["failed"]) == ["mailchimp"]
        if done.json["connections"]["hubspot"]["counts"]["read"]:
            break
    else:
        pytest.fail("the living system was not read")
    assert "mailchimp" in hub("sync").out
    assert hub("verify", "--json").code == 1


def test_a_backfill_reads_a_span_beside_the_live_reading(hub: Hub, agreed: dict[str, Serving]) -> None:
    dry = hub("backfill", "hubspot", "contacts", "--since", "2020-01-01", "--dry-run", "--json")
    assert (dry.code, dry.json["counts"]) == (0, {})
    done = hub("backfill", "hubspot", "contacts", "--since", "2020-01-01", "--json")
    assert done.code == 0, done.err + done.out
    assert done.json["finished"] is True
    assert done.json["counts"]["read"] > 0
    assert done.json["counts"]["created"] == 0
    for words in (
        ["--since", "yesterday"],
        ["--since", "2025-02-01", "--until", "2025-01-01"],
        ["--until", "2999-01-01"],
    ):
        refused = hub("backfill", "hubspot", "contacts", *words)
        assert refused.code == 1
        assert "Traceback" not in refused.err
    assert '"contacts"' in hub("backfill", "hubspot", "contcats").err


def test_a_tripped_brake_parks_the_run_and_an_answer_releases_it(
    hub: Hub, read: dict[str, Serving], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sync_jobs.hub.Brakes", lambda: TIGHT)
    hub("connections", "allow-writes", "hubspot")
    parked = hub("sync", "--until-quiet", "--json")
    assert parked.code == 3
    assert "creates planned" in parked.json["parked"]["hubspot"]
    assert parked.json["connections"]["hubspot"]["counts"]["created"] == 0
    (issue,) = [i for i in hub("issues", "list", "--json").json["issues"] if i["kind"] == "brake"]
    assert "allow" in hub("issues", "show", str(issue["id"]), "--json").json["answers"]
    assert hub("issues", "answer", str(issue["id"]), "perhaps").code == 1
    answered = hub("issues", "answer", str(issue["id"]), "allow", "--json")
    assert (answered.code, answered.json["issue"]["state"]) == (0, "closed"), answered.err
    done = hub("sync", "--until-quiet", "--json")
    assert done.code == 0
    assert done.json["connections"]["hubspot"]["counts"]["created"] > 1
    assert hub("issues", "show", "99999").code == 1


def test_a_parked_push_stays_parked_whatever_the_next_sink_of_the_connection_says(
    hub: Hub, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Salesforce takes people as contacts and as leads. The push to contacts is parked; leads need nothing."""
    systems = {name: sandboxes.start(name, SandboxOptions(people=PEOPLE)) for name in ("salesforce", "mailchimp")}
    try:
        for serving in systems.values():
            assert connect(hub, monkeypatch, serving).code == 0
        hub("connections", "allow-writes", "salesforce", "--creates", "500")
        assert hub("sync", "--until-quiet", "--json").json["quiet"] is True
        for number in range(3):
            fields = {
                "email_address": f"new{number}@x.example",
                "merge_fields": {"FNAME": "New", "LNAME": f"N{number}"},
            }
            systems["mailchimp"].sandbox.people.create(fields)
        monkeypatch.setattr("sync_jobs.hub.Brakes", lambda: TIGHT)
        parked = hub("sync", "--json")
        assert (parked.code, parked.json["ok"]) == (3, False)
        assert "3 creates planned" in parked.json["parked"]["salesforce"]
    finally:
        for serving in systems.values():
            serving.running.stop()


def test_even_debug_logs_hold_nobody(hub: Hub, agreed: dict[str, Serving], monkeypatch: pytest.MonkeyPatch) -> None:
    crm = agreed["hubspot"].sandbox.people
    monkeypatch.setenv("HUB_LOG_LEVEL", "debug")
    crm.edit(crm.ids()[0], {"lastname": "Quartermaine", "jobtitle": "Harbourmaster"})
    shown = hub("sync", "--until-quiet", "--json")
    shown = Shown(shown.code, shown.out, shown.err + hub("verify", "--json").err)
    assert "debug" in shown.err
    for record in crm.ids():
        person = crm.get(record) or {}
        for field in ("email", "lastname", "phone"):
            said = person.get(field)
            assert not said or len(said) < 5 or said not in shown.err
    assert agreed["hubspot"].up.secrets["token"] not in shown.err
