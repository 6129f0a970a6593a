"""`hub schedule`, backfills for workers, and how often all is verified, as an operator uses them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Hub


@pytest.fixture
def files(hub: Hub, home: Path, tmp_path: Path) -> None:
    """A connection to a folder with two people."""
    folder = tmp_path / "exports"
    folder.mkdir()
    (folder / "contacts.csv").write_text("id,email,first name\n1,a@x.example,Ann\n2,b@x.example,Bob\n")
    assert hub("connections", "add", "files", "--connector", "csv", "--base-url", str(folder)).code == 0


def rows(hub: Hub, *arguments: str) -> dict[str, dict[str, Any]]:
    shown = hub("schedule", *arguments, "--json")
    assert shown.code == 0, shown.err
    return {row["stream"]: row for row in shown.json["schedules"]}


def test_everything_is_due_at_first_and_then_once_a_minute(hub: Hub, files: None) -> None:
    before = rows(hub)["contacts"]
    assert (before["often"], before["said_of"], before["began_at"], before["late"]) == ("every 1m", "", None, None)
    assert "now" in hub("schedule").out
    assert hub("sync").code == 0
    after = rows(hub, "files", "contacts")["contacts"]
    assert after["began_at"] < after["ended_at"] < after["next_at"]


def test_what_is_said_of_a_stream_comes_before_its_connection_and_is_forgotten(hub: Hub, files: None) -> None:
    said = rows(hub, "files", "--every", "5m", "--hours", "Mon-Fri  07:00-20:00", "--zone", "Europe/Berlin")
    assert {r["often"] for r in said.values()} == {"every 5m"}
    assert {(r["hours"], r["zone"]) for r in said.values()} == {("mon-fri 07:00-20:00", "Europe/Berlin")}
    own = rows(hub, "files", "contacts", "--every", "90s")["contacts"]
    assert (own["often"], own["hours"], own["said_of"]) == ("every 90s", "mon-fri 07:00-20:00", "stream")
    always = rows(hub, "files", "contacts", "--hours", "always")["contacts"]
    assert (always["often"], always["hours"]) == ("every 90s", "")
    cron = rows(hub, "files", "contacts", "--cron", "0  3 * * *")["contacts"]
    assert (cron["often"], cron["hours"]) == ("0 3 * * * (Europe/Berlin)", "")
    assert rows(hub, "files", "contacts", "--default")["contacts"]["said_of"] == "connection"
    assert {r["said_of"] for r in rows(hub, "files", "--default").values()} == {""}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("files", "contcts"), 'the nearest is "contacts"'),
        (("file",), 'the nearest is "files"'),
        (("--every", "5m"), "needs a connection"),
        (("--default",), "needs a connection"),
        (("files", "--every", "5"), "90s, 5m, 2h or 1d"),
        (("files", "--every", "5m", "--cron", "* * * * *"), "exclude each other"),
        (("files", "--every", "5m", "--default"), "exclude each other"),
        (("files", "--cron", "61 * * * *"), "bad minute"),
        (("files", "--hours", "mon-fri 07:00-20:00"), "say --every 5m"),
        (("files", "contacts", "--zone", "Mars"), "Europe/Berlin"),
    ],
)
def test_what_cannot_be_says_what_was_expected_and_changes_nothing(
    hub: Hub, files: None, arguments: tuple[str, ...], said: str
) -> None:
    refused = hub("schedule", *arguments)
    assert refused.code == 1
    assert said in refused.err
    assert {r["said_of"] for r in rows(hub).values()} == {""}


def test_a_backfill_is_begun_listed_and_cancelled(hub: Hub, files: None) -> None:
    assert "no backfill is under way" in hub("backfill", "--list").out
    begun = hub("backfill", "files", "contacts", "--background", "--json")
    assert (begun.code, begun.json["background"], begun.json["finished"]) == (0, True, False)
    (shown,) = hub("backfill", "--list", "--json").json["backfills"]
    assert (shown["stream"], shown["since"], shown["read"], shown["state"]) == ("contacts", None, 0, "under way")
    assert "backfill files/contacts" in hub("status").out
    assert hub("connections", "pause", "files").code == 0
    assert hub("backfill", "--list", "--json").json["backfills"][0]["state"] == "paused"
    assert hub("backfill", "files", "campaigns", "--cancel").code == 1
    gone = hub("backfill", "files", "--cancel", "--json")
    assert (gone.json["cancelled"], len(gone.json["backfills"])) == (True, 1)
    assert hub("backfill", "--list", "--json").json["backfills"] == []
    assert hub("backfill", "files", "--cancel").code == 1


def test_a_backfill_that_was_begun_for_workers_may_be_waited_for(hub: Hub, files: None) -> None:
    assert hub("backfill", "files", "contacts", "--background").code == 0
    done = hub("backfill", "files", "contacts", "--json")
    assert (done.code, done.json["finished"], done.json["resumes"], done.json["counts"]["read"]) == (0, True, True, 2)
    assert hub("backfill").code == 1


@pytest.mark.parametrize(("text", "shown"), [("off", "off"), ("12h", "12h"), ("0 3 * * sun", "0 3 * * sun")])
def test_how_often_all_is_verified_is_a_setting(hub: Hub, home: Path, text: str, shown: str) -> None:
    def setting(found: Any) -> tuple[str, str]:
        return next((s["value"], s["source"]) for s in found.json["settings"] if s["name"] == "verify.every")

    assert setting(hub("settings", "--json")) == ("7d", "default")
    assert setting(hub("settings", "--set", f"verify.every={text}", "--json")) == (shown, "changed")
    refused = hub("settings", "--set", "verify.every=often")
    assert (refused.code, "7d or 12h" in refused.err) == (1, True)
    assert setting(hub("settings", "--json")) == (shown, "changed")
