"""Looking at mapping documents and editing drafts on the command line; nothing is published here."""

from __future__ import annotations

import asyncio
import getpass
import io
import shutil
import stat
import sys
from pathlib import Path

import orjson
import pytest

from hub.domain.version import Phase, Rereading
from hub.operations import home as homes
from hub.operations.sandboxes import Serving
from hub.store import mappings
from mappings import library
from tests.cli.conftest import Hub, connect
from tests.cli.lives import CRM, MAIL, edited

ROOT = Path(__file__).parents[2]
LIBRARY = ROOT / "mappings/library"


@pytest.fixture
def connected(hub: Hub, home: Path, vendors: dict[str, Serving], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with both connections; nothing was read."""
    for serving in vendors.values():
        assert connect(hub, monkeypatch, serving).code == 0
    return home


@pytest.fixture
def alone(hub: Hub, home: Path, vendors: dict[str, Serving], monkeypatch: pytest.MonkeyPatch) -> Path:
    assert connect(hub, monkeypatch, vendors["hubspot"]).code == 0
    return home


# -- looking --------------------------------------------------------------------------------------------------------


def test_the_list_names_every_document_with_what_holds(hub: Hub, connected: Path) -> None:
    shown = hub("mappings", "list", "--json")
    assert shown.code == 0, shown.err
    by_name = {m["name"]: m for m in shown.json["mappings"]}
    assert {CRM, MAIL, "contact", "campaign", "mailchimp/reports"} <= by_name.keys()
    assert (by_name[CRM]["version"], by_name[CRM]["who"], by_name[CRM]["entity"]) == (1, "library", "contact")
    assert all((m["drafts"], m["library"], m["file"], m["reading"]) == ([], False, None, False)
               for m in by_name.values())  # fmt: skip
    assert CRM in hub("mappings", "list").out


def test_without_a_home_or_connections_it_says_so(hub: Hub, home: Path) -> None:
    assert {m["name"] for m in hub("mappings", "list", "--json").json["mappings"]} == {"contact", "campaign"}
    missing = hub("mappings", "show", CRM)
    assert (missing.code, missing.out) == (1, "")
    assert "there is no mapping" in missing.err


def test_show_gives_the_text_byte_for_byte_and_the_rest_on_stderr(hub: Hub, alone: Path) -> None:
    shown = hub("mappings", "show", CRM)
    assert shown.code == 0
    assert shown.out.encode() == (LIBRARY / "hubspot/contacts.yaml").read_bytes()
    assert "version 1 published" in shown.err
    assert hub("mappings", "show", CRM, "--json").json["text"] == shown.out


def test_unknown_names_and_versions_are_answered_with_the_nearest(hub: Hub, alone: Path) -> None:
    assert f'the nearest is "{CRM}"' in hub("mappings", "show", "hubspot/contact").err
    of_connection = hub("mappings", "history", "hubspot")
    assert of_connection.code == 1
    assert CRM in of_connection.err
    assert "it has: 1" in hub("mappings", "show", CRM, "--version", "7").err
    nothing = hub("mappings", "plan", CRM)
    assert (nothing.code, "version 1 holds" in nothing.err) == (1, True)


def test_fields_are_a_table_of_remote_and_canonical(hub: Hub, alone: Path) -> None:
    shown = hub("mappings", "show", CRM, "--fields", "--json")
    assert shown.code == 0, shown.err
    fields = {f["canonical"]: f for f in shown.json["fields"]}
    assert (fields["title"]["remote"], fields["title"]["direction"], fields["title"]["wins"]) == (
        "jobtitle", "both", "ranked",
    )  # fmt: skip
    assert fields["emails"]["direction"] == "in"
    assert fields["lifecycle_stage"]["wins"] == "owner"
    assert fields["lifecycle_stage"]["table"]["marketingqualifiedlead"] == "mql"
    assert fields["consent.email"]["wins"] == "deny wins"
    assert "jobtitle" in hub("mappings", "show", CRM, "--fields").out
    rules = hub("mappings", "show", "contact", "--fields", "--json").json["rules"]
    assert rules["emails"].startswith("union")
    assert "union" in hub("mappings", "show", "contact", "--fields").out


def test_the_schema_is_json_schema(hub: Hub) -> None:
    shown = hub("mappings", "schema")
    assert shown.json["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert "fields" in shown.json["properties"]
    assert "default" in hub("mappings", "schema", "--who-wins").json["properties"]


def test_diff_tells_what_differs_by_meaning_and_line_by_line(hub: Hub, alone: Path) -> None:
    edited(hub, CRM, "fields.title.direction=in")
    found = hub("mappings", "diff", CRM, "--json")
    assert found.code == 2, found.err
    assert [d["path"] for d in found.json["differences"]] == ["fields.title.direction"]
    assert "in" in found.json["differences"][0]["after"]
    drawn = hub("mappings", "diff", CRM)
    assert (drawn.code, "fields.title" in drawn.out) == (2, True)
    lines = hub("mappings", "diff", CRM, "1", "2", "--text")
    assert (lines.code, lines.out.startswith(f"--- {CRM} version 1")) == (2, True)
    assert "+  title: {path: jobtitle, empty: is_null, direction: in}" in lines.out.splitlines()
    assert hub("mappings", "diff", CRM, "2", "2").code == 0
    turned = hub("mappings", "diff", CRM, "2", "--json").json
    assert (turned["before"]["version"], turned["after"]["version"]) == (1, 2)
    edited(hub, "contact", "fields.title=newest")
    assert hub("mappings", "diff", "contact", "--json").json["differences"][0]["path"] == "title"
    assert hub("mappings", "diff", "campaign").code == 1
    (alone / "same.yaml").write_text(hub("mappings", "show", CRM).out.replace("\n", "\r\n"), newline="")
    assert hub("mappings", "edit", CRM, "--file", "same.yaml", "--who", "ann", "--json").json["differs"] is False
    same = hub("mappings", "diff", CRM)
    assert (same.code, "they mean the same" in same.out) == (2, True)
    (alone / "broken.yaml").write_text("a: [")
    hub("mappings", "edit", CRM, "--file", "broken.yaml", "--who", "ann")
    assert "does not compile" in hub("mappings", "diff", CRM).out


# -- drafts ---------------------------------------------------------------------------------------------------------


def test_an_edit_makes_a_draft_and_goes_on_with_it(hub: Hub, alone: Path) -> None:
    before = hub("mappings", "show", CRM).out
    made = hub("mappings", "edit", CRM, "--set", "fields.title.direction=in", "--why", "sales owns titles", "--json")
    assert made.code == 0, made.err
    version = made.json["version"]
    assert (version["version"], version["parent"], version["state"]) == (2, 1, "draft")
    assert (version["who"], version["why"]) == (getpass.getuser(), "sales owns titles")
    assert (made.json["created"], made.json["changed"], made.json["differs"]) == (True, True, True)
    again = hub("mappings", "edit", CRM, "--set", "fields.city.direction=in", "--json").json
    assert (again["version"]["version"], again["created"]) == (2, False)
    text = hub("mappings", "show", CRM, "--version", "2").out
    assert text.count("direction: in") == before.count("direction: in") + 2
    assert hub("mappings", "show", CRM).out == before
    undone = hub("mappings", "edit", CRM, "--unset", "fields.title.direction", "--unset", "fields.city.direction",
                 "--json").json  # fmt: skip
    assert undone["differs"] is False
    assert {f["found"] for f in hub("doctor", "--json").json["findings"] if f["what"] == "mappings"} == {
        f"{CRM}: a draft waits: 2 by {getpass.getuser()}"
    }


def test_comments_stay_where_they_are(hub: Hub, alone: Path) -> None:
    edited(hub, "contact", "fields.title=newest")
    text = hub("mappings", "show", "contact", "--version", "2").out
    for line in (LIBRARY / "contact.yaml").read_text().splitlines():
        if line.lstrip().startswith("#"):
            assert line in text
    assert "title: newest" in text


def test_a_text_that_does_not_compile_is_kept_with_every_complaint(hub: Hub, alone: Path) -> None:
    broken = "mapping: hubspot/contacts\nversion: 2\nentity: contcat\nfields:\n  titel: {path: t, normalize: [trim]}\n"
    (alone / "broken.yaml").write_text(broken)
    done = hub("mappings", "edit", CRM, "--file", "broken.yaml", "--json")
    assert done.code == 1
    assert (done.json["ok"], done.json["version"]["version"]) == (False, 2)
    places = [c["where"] for c in done.json["complaints"]]
    assert places == [f"{CRM} version 2:3 entity", f"{CRM} version 2:5 fields.titel.normalize"]
    assert '"contact"' in done.json["complaints"][0]["mend"]
    assert hub("mappings", "show", CRM, "--version", "2").out == broken
    said = hub("mappings", "edit", CRM, "--file", "broken.yaml")
    assert (said.code, "entity" in said.out, 'Did you mean "normalise"?' in said.out) == (1, True, True)
    for command in ("validate", "plan"):
        shown = hub("mappings", command, CRM)
        assert (shown.code, "entity" in shown.out + shown.err) == (1, True), command
        assert "Traceback" not in shown.err
    shown = hub("mappings", "test", CRM)
    assert (shown.code, "does not compile" in shown.err) == (1, True)


def test_the_document_of_another_stream_is_refused_with_its_line(hub: Hub, connected: Path) -> None:
    done = hub("mappings", "edit", CRM, "--file", str(LIBRARY / "mailchimp/members.yaml"), "--json")
    assert done.code == 1
    (complaint,) = done.json["complaints"]
    assert complaint["where"] == f"{CRM} version 2:1 mapping"
    assert (complaint["said"], complaint["expected"]) == ('"mailchimp/members"', "hubspot/contacts")
    done = hub("mappings", "edit", "contact", "--file", str(LIBRARY / "campaign.yaml"), "--json")
    assert (done.code, done.json["complaints"][0]["expected"]) == (1, "contact")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\xff\xfe no utf-8", "UTF-8"),
        (b"a: \0", "characters that no text has"),
        (b"# " + b"x" * 300_000, "larger than"),
    ],
)
def test_what_no_store_should_hold_makes_no_draft(hub: Hub, alone: Path, data: bytes, said: str) -> None:
    (alone / "odd.yaml").write_bytes(data)
    done = hub("mappings", "edit", CRM, "--file", "odd.yaml")
    assert (done.code, said in done.err) == (1, True), done.err
    assert hub("mappings", "history", CRM, "--json").json["versions"][0]["version"] == 1
    assert "cannot be read" in hub("mappings", "edit", CRM, "--file", "nowhere.yaml").err


def test_the_text_may_be_piped_in(hub: Hub, alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = hub("mappings", "show", CRM).out.replace("jobtitle", "job_title")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    done = hub("mappings", "edit", CRM, "--file", "-", "--json")
    assert done.code == 0, done.err
    assert hub("mappings", "show", CRM, "--version", "2").out == text


def test_the_editor_works_on_the_draft(hub: Hub, alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = alone / "editor.sh"
    script.write_text('#!/bin/sh\nstat -c %a "$1" > seen; sed -i "s/jobtitle/job_title/" "$1"\n')
    script.chmod(0o755)
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", str(script))
    done = hub("mappings", "edit", CRM, "--json")
    assert done.code == 0, done.err
    assert "job_title" in hub("mappings", "show", CRM, "--version", "2").out
    monkeypatch.setenv("EDITOR", "true")
    same = hub("mappings", "edit", CRM, "--json")
    assert (same.code, same.json["changed"], same.json["version"]["version"]) == (0, False, 2)
    assert hub("mappings", "drop", CRM).code == 0
    nothing = hub("mappings", "edit", CRM)
    assert (nothing.code, "no draft was made" in nothing.err) == (1, True)
    monkeypatch.setenv("EDITOR", "false")
    assert "ended with 1" in hub("mappings", "edit", CRM).err
    monkeypatch.setenv("VISUAL", "/nowhere/at/all")
    assert "cannot be run" in hub("mappings", "edit", CRM).err


def test_two_drafts_of_one_version_are_seen_and_one_has_to_be_named(hub: Hub, alone: Path) -> None:
    edited(hub, CRM, "fields.title.direction=in", who="ann")
    other = edited(hub, CRM, "fields.city.direction=in", who="bob")
    assert other == 3
    shown = hub("mappings", "plan", CRM)
    assert shown.code == 1
    assert "2 drafts of version 1: 2 by ann, 3 by bob" in shown.err
    assert "--version" in shown.err
    lines = next(m for m in hub("mappings", "list", "--json").json["mappings"] if m["name"] == CRM)["drafts"]
    assert [(d["version"], d["who"], d["rivals"]) for d in lines] == [(2, "ann", [3]), (3, "bob", [2])]
    assert "publishing one makes the rest stale" in hub("mappings", "list").out
    assert "publishing one makes the rest stale" in hub("mappings", "show", CRM).err
    assert edited(hub, CRM, "fields.title.direction=out", who="ann") == 2
    assert hub("mappings", "plan", CRM, "--version", "3", "--json").json["versions"][0]["rivals"] == [2]
    dropped = hub("mappings", "drop", CRM, "--version", "3", "--json")
    assert (dropped.code, dropped.json["version"]["state"]) == (0, "dropped")
    assert hub("mappings", "plan", CRM).code == 0
    gone = hub("mappings", "plan", CRM, "--version", "3")
    assert (gone.code, "is dropped, and no draft" in gone.err) == (1, True)
    assert edited(hub, CRM, "fields.title.direction=in", who="ann", new=True) == 4
    assert "2 by ann, 4 by ann" in hub("mappings", "edit", CRM, "--set", "a=b", "--who", "ann").err


def test_sets_that_make_no_sense_are_answered(hub: Hub, alone: Path) -> None:
    for words, said in (
        (["--set", "fields.title"], "sets nothing"),
        (["--set", "fields.title=[a"], "no YAML in one line"),
        (["--unset", "fields.titel"], "there is no fields.titel"),
        (["--set", "a=b", "--version", "1", "--library"], "exclude each other"),
        (["--set", "fields.title.direction=in", "--version", "1"], "no draft"),
        (["--from-version", "9"], "has no version 9"),
    ):
        done = hub("mappings", "edit", CRM, *words)
        assert (done.code, said in done.err) == (1, True), (words, done.err)
        assert "Traceback" not in done.err
    assert len(hub("mappings", "history", CRM, "--json").json["versions"]) == 1


def test_the_library_and_earlier_versions_begin_new_drafts(hub: Hub, alone: Path) -> None:
    edited(hub, CRM, "fields.title.direction=in")
    done = hub("mappings", "edit", CRM, "--library", "--json").json
    assert (done["version"]["version"], done["version"]["why"], done["differs"]) == (3, "the library's document", False)
    done = hub("mappings", "edit", CRM, "--from-version", "2", "--why", "again", "--json").json
    assert (done["version"]["version"], done["version"]["parent"], done["version"]["why"]) == (4, 1, "again")
    assert hub("mappings", "show", CRM, "--version", "4").out == hub("mappings", "show", CRM, "--version", "2").out


# -- checks ---------------------------------------------------------------------------------------------------------


def test_validate_says_what_it_looked_at_and_marks_the_draft(hub: Hub, connected: Path) -> None:
    held = hub("mappings", "validate", CRM, "--json")
    assert (held.code, held.json["version"], held.json["state"]) == (0, 1, "published")
    assert "nothing was discovered yet" in next(c for c in held.json["checks"] if c["what"] == "fields")["said"]
    edited(hub, CRM, "fields.title.direction=in")
    found = hub("mappings", "validate", CRM, "--json")
    assert (found.code, found.json["ok"], found.json["state"]) == (0, True, "validated")
    assert [c["what"] for c in found.json["checks"]] == ["document", "examples", "fields", "loops", "cases"]
    edited(hub, CRM, "fields.title.direction=out")
    assert hub("mappings", "history", CRM, "--json").json["versions"][0]["state"] == "draft"


def test_validate_holds_the_document_against_discovered_fields(hub: Hub, alone: Path) -> None:
    assert hub("connections", "discover", "hubspot").code == 0
    edited(hub, CRM, "fields.title.path=jobtitel")
    found = hub("mappings", "validate", CRM, "--json")
    assert found.code == 1
    fields = next(c for c in found.json["checks"] if c["what"] == "fields")
    (complaint,) = fields["complaints"]
    assert "fields.title" in complaint["where"]
    assert "jobtitle" in complaint["mend"]
    assert "jobtitle" in hub("mappings", "validate", CRM).out


def test_validate_finds_examples_that_do_not_hold_and_test_says_which(hub: Hub, alone: Path) -> None:
    edited(hub, CRM, "fields.given_name.normalise=[trim, upper]")
    found = hub("mappings", "validate", CRM, "--json")
    assert found.code == 1
    assert next(c for c in found.json["checks"] if c["what"] == "examples")["complaints"]
    ran = hub("mappings", "test", CRM, "--json")
    assert (ran.code, ran.json["ok"]) == (1, False)
    wrong = [e for e in ran.json["examples"] if e["differs"]]
    assert 0 < len(wrong) < len(ran.json["examples"])
    assert all(e["line"] for e in ran.json["examples"])
    assert "ANNA" in hub("mappings", "test", CRM).out
    assert hub("mappings", "test", CRM, "--version", "1").code == 0
    assert hub("mappings", "test", "contact").code == 0


def test_validate_finds_loops_that_never_settle_and_names_the_systems(hub: Hub, connected: Path) -> None:
    """Mailchimp tells what HubSpot says in upper case back in lower case, for ever."""
    edited(hub, CRM, "fields.title={path: jobtitle, normalise: [trim, upper], compare: exact, empty: is_null}")
    assert hub("mappings", "validate", CRM).code == 0
    draft = edited(hub, MAIL, "fields.given_name.transform=[{default: Nobody}]")
    found = hub("mappings", "validate", MAIL, "--version", str(draft), "--json")
    loops = next(c for c in found.json["checks"] if c["what"] == "loops")
    cases = next(c for c in found.json["checks"] if c["what"] == "cases")
    assert found.code == 1
    assert loops["complaints"] or cases["complaints"]
    assert any("given_name" in c["where"] for c in (*loops["complaints"], *cases["complaints"]))


def test_validate_of_a_file_keeps_nothing(hub: Hub, alone: Path) -> None:
    text = hub("mappings", "show", CRM).out
    (alone / "good.yaml").write_text(text)
    (alone / "bad.yaml").write_text(text.replace("entity: contact", "entity: contcat"))
    good = hub("mappings", "validate", CRM, "--file", "good.yaml", "--json")
    assert (good.code, good.json["version"]) == (0, None)
    bad = hub("mappings", "validate", CRM, "--file", "bad.yaml")
    assert (bad.code, "bad.yaml:4 entity" in bad.out) == (1, True)
    assert len(hub("mappings", "history", CRM, "--json").json["versions"]) == 1


def test_ranks_that_nobody_has_are_warned_of(hub: Hub, alone: Path) -> None:
    edited(hub, "contact", "default.rank=[hubspto, salesforce]")
    found = hub("mappings", "validate", "contact", "--json")
    (warning,) = found.json["checks"][0]["warnings"]
    assert (found.code, warning["said"]) == (0, '"hubspto"')
    assert "hubspot" in warning["mend"]


# -- examples of real records ---------------------------------------------------------------------------------------


def test_an_example_of_a_real_record_tells_nothing_of_the_person(
    hub: Hub, alone: Path, vendors: dict[str, Serving]
) -> None:
    assert hub("sync", "--json").code == 0
    people = vendors["hubspot"].sandbox.people
    record, raw = next(
        (i, r) for i in people.ids() if (r := people.get(i) or {}).get("email") and r.get("lastname") and r.get("city")
    )
    made = hub("mappings", "example", CRM, record)
    assert made.code == 0, made.err
    for name in ("email", "firstname", "lastname", "city", "address", "phone"):
        if raw.get(name) and len(str(raw[name])) > 3:
            assert str(raw[name]).casefold() not in made.out.casefold(), name
    by_mail = hub("mappings", "example", CRM, str(raw["email"]).upper(), "--json")
    assert (by_mail.code, by_mail.json["added"]) == (0, None)
    assert by_mail.json["example"]["gives"].keys() >= {"email", "family_name"}
    unknown = hub("mappings", "example", CRM, "nobody@nowhere.example")
    assert (unknown.code, "no record known by that" in unknown.err) == (1, True)
    assert "nobody@" not in unknown.err
    assert "who wins" in hub("mappings", "example", "contact", record).err


def test_an_added_example_holds_and_leaves_the_comments(hub: Hub, alone: Path, vendors: dict[str, Serving]) -> None:
    assert hub("sync", "--json").code == 0
    before = len(hub("mappings", "test", CRM, "--json").json["examples"])
    record = next(iter(vendors["hubspot"].sandbox.people.ids()))
    made = hub("mappings", "example", CRM, record, "--add", "--json")
    assert made.code == 0, made.err
    assert (made.json["added"]["version"]["version"], made.json["added"]["differs"]) == (2, False)
    ran = hub("mappings", "test", CRM, "--json")
    assert (ran.code, ran.json["version"], len(ran.json["examples"])) == (0, 2, before + 1)
    text = hub("mappings", "show", CRM, "--version", "2").out
    assert text.startswith(hub("mappings", "show", CRM).out.rstrip("\n"))


# -- files of the home, connections that go -------------------------------------------------------------------------


def test_the_homes_own_file_is_read_once_and_a_later_change_is_told(
    hub: Hub, home: Path, vendors: dict[str, Serving], monkeypatch: pytest.MonkeyPatch
) -> None:
    own = home / "mappings/hubspot/contacts.yaml"
    own.parent.mkdir(parents=True)
    text = "# ours\n" + (LIBRARY / "hubspot/contacts.yaml").read_text()
    own.write_text(text)
    assert connect(hub, monkeypatch, vendors["hubspot"]).code == 0
    assert hub("mappings", "show", CRM).out == text
    own.write_text(text + "# later\n")
    assert hub("mappings", "show", CRM).out == text
    line = next(m for m in hub("mappings", "list", "--json").json["mappings"] if m["name"] == CRM)
    assert (line["who"], line["file"]) == ("the home's own file", str(own))
    assert "says something else than what holds" in hub("mappings", "list").out
    told = [f for f in hub("doctor", "--json").json["findings"] if f["what"] == "mappings"]
    assert (len(told), told[0]["health"], "contacts.yaml" in told[0]["found"]) == (1, "warning", True)
    assert hub("mappings", "edit", CRM, "--file", str(own), "--json").json["differs"] is False


def test_a_newer_library_is_told_and_changes_nothing_by_itself(
    hub: Hub, alone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer = alone / "library"
    shutil.copytree(LIBRARY, newer)
    path = newer / f"{CRM}.yaml"
    held = path.read_text()
    monkeypatch.setattr(library, "ROOT", newer)
    path.write_text(f"# only a comment\n{held}")
    assert told_of_library(hub) == set()
    path.write_text(held.replace("title: {path: jobtitle, empty: is_null}", "title: {path: job, empty: is_null}"))
    assert told_of_library(hub) == {CRM}
    assert hub("mappings", "show", CRM).out == held
    assert f"hub mappings edit {CRM} --library" in hub("mappings", "list").out
    taken = hub("mappings", "edit", CRM, "--library", "--json").json
    assert (taken["differs"], taken["version"]["parent"]) == (True, 1)
    assert told_of_library(hub) == set()  # a version means the same: it is known


def told_of_library(hub: Hub) -> set[str]:
    return {m["name"] for m in hub("mappings", "list", "--json").json["mappings"] if m["library"]}


def test_records_still_to_be_read_again_are_told_and_the_next_sync_goes_on(hub: Hub, alone: Path) -> None:
    async def interrupted() -> None:
        async with homes.opened(alone) as opened, opened.database.write() as conn:
            await mappings.note(conn, Rereading(CRM, 1, 1, Phase.RECORDS, "", "2026-01-01T00:00:00.000Z"))

    asyncio.run(interrupted())
    assert next(m for m in hub("mappings", "list", "--json").json["mappings"] if m["name"] == CRM)["reading"]
    assert "still being read again" in hub("mappings", "list").out
    (finding,) = [f for f in hub("doctor", "--json").json["findings"] if f["what"] == "mappings"]
    assert (finding["health"], "hub sync" in finding["mend"]) == ("warning", True)
    assert hub("sync").code == 0
    assert not any(m["reading"] for m in hub("mappings", "list", "--json").json["mappings"])


def test_a_connection_that_is_removed_takes_its_documents_along(hub: Hub, connected: Path) -> None:
    edited(hub, CRM, "fields.title.direction=in")
    assert hub("connections", "remove", "hubspot", "--yes").code == 0
    names = {m["name"] for m in hub("mappings", "list", "--json").json["mappings"]}
    assert MAIL in names
    assert CRM not in names


def test_rows_go_to_a_file_that_only_its_owner_reads(hub: Hub, alone: Path) -> None:
    assert hub("sync", "--json").code == 0
    edited(hub, CRM, "fields.title.normalise=[trim, upper]")
    plan = hub("mappings", "plan", CRM, "--rows", "rows.jsonl", "--json").json
    lines = [orjson.loads(line) for line in (alone / "rows.jsonl").read_bytes().splitlines()]
    assert lines == plan["rows"]
    assert stat.S_IMODE((alone / "rows.jsonl").stat().st_mode) == 0o600
    assert "--rows needs a file" in hub("mappings", "plan", CRM, "--rows", "-").err
    assert "cannot be written" in hub("mappings", "plan", CRM, "--rows", "none/such.jsonl").err
