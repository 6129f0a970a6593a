"""What goes wrong around the work: a pause, Ctrl-C, a reader that goes away, a mapping document with a mistake."""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import hub.cli as command_line
from hub.operations import home as homes
from hub.operations.sandboxes import Serving
from hub.operations.turns import turn
from tests.cli.conftest import Hub, connect


def test_a_pause_is_said_and_not_overruled(
    hub: Hub, home: Path, vendors: dict[str, Serving], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("hubspot", "mailchimp"):
        assert connect(hub, monkeypatch, vendors[name]).code == 0
    assert hub("connections", "pause", "mailchimp").code == 0
    named = hub("sync", "mailchimp")
    assert named.code == 1
    assert "mailchimp is paused" in named.err
    assert "hub connections resume mailchimp" in named.err
    everything = hub("sync")
    assert everything.code == 0
    assert "paused, not read: mailchimp" in everything.out
    assert hub("connections", "resume", "mailchimp").code == 0
    assert hub("sync", "mailchimp", "--json").json["connections"]["mailchimp"]["counts"]["read"] > 0
    assert "to now" in hub("backfill", "mailchimp", "members", "--since", "9000d", "--dry-run").out


async def test_a_reader_that_goes_away_is_no_trouble_of_the_store(hub: Hub, home: Path) -> None:
    with pytest.raises(BrokenPipeError):
        async with homes.opened(home):
            raise BrokenPipeError


def test_ctrl_c_while_the_program_loads_is_an_end_like_any_other(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    class Loading(ModuleType):
        def __getattr__(self, name: str) -> Any:
            raise KeyboardInterrupt

    monkeypatch.setitem(sys.modules, "hub.cli.app", Loading("hub.cli.app"))
    with pytest.raises(SystemExit) as left:
        command_line.main()
    assert left.value.code == command_line.INTERRUPTED
    assert "Traceback" not in capfd.readouterr().err


def test_a_mistake_in_a_mapping_costs_only_its_connection(
    hub: Hub, home: Path, vendors: dict[str, Serving], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also what was said there keeps its place in who wins: the others are told nothing new meanwhile."""
    crm, mail = vendors["hubspot"].sandbox.people, vendors["mailchimp"].sandbox.people
    assert connect(hub, monkeypatch, vendors["hubspot"], "crm").code == 0
    assert connect(hub, monkeypatch, vendors["mailchimp"], "mail").code == 0
    assert hub("sync", "--until-quiet").code == 0
    email, member = next(
        (e, m)
        for i in crm.ids()
        if (e := (crm.get(i) or {}).get("email")) and (crm.get(i) or {}).get("firstname") and (m := mail.find(e))
    )
    before = hub("explain", "contact", email, "given_name", "--json").json["fields"][0]
    assert before["source"].startswith("crm/")

    right = stored(
        home,
        "crm/contacts",
        "mapping: hubspot/contacts\nversion: 1\nentity: contact\nfields:\n  given_nam: firstname\n",
    )
    mail.edit(member, {"merge_fields": {"FNAME": "Meanwhile"}})
    done = hub("sync", "--until-quiet", "--json")
    assert (done.code, list(done.json["failed"])) == (1, ["crm"])
    assert done.json["connections"]["mail"]["counts"]["read"] > 0
    field = hub("explain", "contact", email, "given_name", "--json").json["fields"][0]
    assert (field["value"], field["source"]) == (before["value"], before["source"])
    for words in (["sync", "crm"], ["connections", "check", "crm"], ["plan", "crm"], ["backfill", "crm", "contacts"]):
        refused = hub(*words)
        assert refused.code == 1, words
        assert 'Did you mean "given_name"?' in refused.err.replace("\n", "")
        assert "Traceback" not in refused.err
    listed = hub("connections", "list")
    assert listed.code == 0
    assert "given_nam" in listed.out
    stored(home, "crm/contacts", right)
    assert hub("sync", "--until-quiet").code == 0


def stored(home: Path, name: str, text: str) -> str:
    """Puts another text in the place of a published one behind the hub's back, as a stricter release would make of
    it; answers the text before."""
    with closing(sqlite3.connect(home / "hub.db")) as store, store:
        before: str = store.execute("SELECT text FROM mapping_versions WHERE name = ?", (name,)).fetchone()[0]
        store.execute("UPDATE mapping_versions SET text = ? WHERE name = ?", (text, name))
    return before


def test_two_syncs_of_one_home_do_not_overlap(
    hub: Hub, home: Path, vendors: dict[str, Serving], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert connect(hub, monkeypatch, vendors["hubspot"]).code == 0
    with turn(home):
        refused = hub("sync")
        assert refused.code == 1
        assert "another process" in refused.err
    assert hub("sync").code == 0
