"""Connections on the command line, against a HubSpot sandbox: secrets stay secret, complaints are friendly."""

from __future__ import annotations

import io
import sqlite3
from pathlib import Path

import pytest

from hub.operations.sandboxes import Serving
from tests.cli.conftest import Hub, connect


@pytest.fixture
def hubspot(vendors: dict[str, Serving]) -> Serving:
    return vendors["hubspot"]


def token(serving: Serving) -> str:
    return next(iter(serving.up.secrets.values()))


def test_a_new_connection_is_read_only_and_keeps_its_secret_sealed(
    hub: Hub, home: Path, hubspot: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    added = connect(hub, monkeypatch, hubspot, "crm")
    assert added.code == 0, added.err
    assert added.json["writes"] is False
    assert added.json["secrets"] == list(hubspot.up.secrets)
    listed = hub("connections", "list")
    for shown in (added, listed, hub("connections", "list", "--json")):
        assert token(hubspot) not in shown.out + shown.err
    assert "read-only" in listed.out
    held = b"".join(p.read_bytes() for p in home.glob("hub.db*"))
    assert token(hubspot).encode() not in held


def test_the_vendor_answers_who_we_are(hub: Hub, home: Path, hubspot: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(hub, monkeypatch, hubspot, "crm")
    checked = hub("connections", "check", "crm", "--json")
    assert checked.code == 0, checked.err
    assert checked.json["account"]["key"]
    assert checked.json["account"]["key"] in str(hub("connections", "list", "--json").json) or (
        checked.json["account"]["title"] in str(hub("connections", "list", "--json").json)
    )


def test_discovery_shows_the_fields(hub: Hub, home: Path, hubspot: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(hub, monkeypatch, hubspot, "crm")
    found = hub("connections", "discover", "crm", "contacts", "--json")
    assert found.code == 0, found.err
    assert "email" in {f["path"] for f in found.json["streams"]["contacts"]}
    unknown = hub("connections", "discover", "crm", "contcats")
    assert unknown.code == 1
    assert "contacts" in unknown.err


def test_a_wrong_token_is_the_operators_to_mend(hub: Hub, home: Path, hubspot: Serving) -> None:
    name = next(iter(hubspot.up.secrets))
    assert hub("connections", "add", "crm", "-c", "hubspot", "--base-url", hubspot.up.base_url, "--secret",
               f"{name}=not-the-token").code == 0  # fmt: skip
    checked = hub("connections", "check", "crm")
    assert checked.code == 1
    assert "hub connections check crm" in checked.err
    assert "not-the-token" not in checked.err + checked.out
    assert "Traceback" not in checked.err


def test_a_secret_may_come_by_stdin(hub: Hub, home: Path, hubspot: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(token(hubspot) + "\n"))
    name = next(iter(hubspot.up.secrets))
    added = hub("connections", "add", "crm", "-c", "hubspot", "--base-url", hubspot.up.base_url, "--secret",
                f"{name}=-")  # fmt: skip
    assert added.code == 0, added.err
    assert hub("connections", "check", "crm").code == 0


def test_a_secret_in_the_command_is_warned_of(hub: Hub, home: Path, hubspot: Serving) -> None:
    name = next(iter(hubspot.up.secrets))
    added = hub("connections", "add", "crm", "-c", "hubspot", "--secret", f"{name}=abc", "--json")
    assert "history" in added.err
    assert "abc" not in added.err
    assert added.json["name"] == "crm"


def test_nothing_is_kept_when_anything_is_wrong(hub: Hub, home: Path) -> None:
    for words in (
        ["crm", "-c", "hubsport"],
        ["CRM", "-c", "hubspot"],
        ["crm", "-c", "hubspot", "--set", "nonsense=1", "--secret", "access_token=x"],
        ["crm", "-c", "hubspot"],
        ["crm", "-c", "hubspot", "--base-url", "https://user:pw@host"],
    ):
        refused = hub("connections", "add", *words)
        assert refused.code == 1, words
        assert "Traceback" not in refused.err
        assert "user:pw" not in refused.err
    with sqlite3.connect(home / "hub.db") as conn:
        assert conn.execute("SELECT count(*) FROM connections").fetchone() == (0,)
        assert conn.execute("SELECT count(*) FROM secrets").fetchone() == (0,)


def test_pause_resume_writes_and_remove(
    hub: Hub, home: Path, hubspot: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(hub, monkeypatch, hubspot, "crm")
    assert hub("connections", "pause", "crm", "--json").json["state"] == "paused"
    assert hub("sync", "--json").json["connections"]["crm"]["counts"]["read"] == 0
    assert hub("connections", "resume", "crm", "--json").json["state"] == "active"
    assert hub("connections", "allow-writes", "crm", "--json").json["writes"] is True
    assert hub("connections", "deny-writes", "crm", "--json").json["writes"] is False
    assert hub("connections", "add", "crm", "-c", "csv").code == 1
    asks = hub("connections", "remove", "crm", "--json")
    assert asks.code == 1
    assert "--yes" in asks.json["error"]["mend"]
    assert hub("connections", "remove", "crm", "--yes", "--json").json["ok"] is True
    assert hub("connections", "list", "--json").json["connections"] == []
    for command in ("check", "pause", "allow-writes"):
        assert hub("connections", command, "crm").code == 1


def test_an_unknown_connection_answers_with_the_nearest(
    hub: Hub, home: Path, hubspot: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(hub, monkeypatch, hubspot, "warehouse")
    for words in (
        ["sync", "warehuose"],
        ["plan", "warehuose"],
        ["verify", "warehuose"],
        ["connections", "check", "warehuose"],
    ):
        shown = hub(*words)
        assert shown.code == 1
        assert '"warehouse"' in shown.err


def test_the_catalogue_names_every_connector(hub: Hub) -> None:
    names = {c["name"] for c in hub("connections", "connectors", "--json").json["connectors"]}
    assert {"salesforce", "hubspot", "mailchimp", "google_ads"} <= names


def test_a_rotated_token_is_changed_in_place(hub: Hub, home: Path, hubspot: Serving) -> None:
    secret = next(iter(hubspot.up.secrets))
    (home / "token").write_text("stale\n")
    hub("connections", "add", "crm", "-c", "hubspot", "--base-url", hubspot.up.base_url, "--secret", f"{secret}=@token")
    assert hub("connections", "check", "crm").code == 1
    (home / "token").write_text(token(hubspot) + "\n")
    changed = hub("connections", "change", "crm", "--secret", f"{secret}=@token", "--json")
    assert changed.code == 0, changed.err
    assert changed.json["base_url"] == hubspot.up.base_url
    assert token(hubspot) not in changed.out
    assert hub("connections", "check", "crm").code == 0
    assert hub("connections", "change", "crm", "--secret", "tokken=-").code == 1
    assert hub("connections", "change", "crm", "--set", "nonsense=1").code == 1


def test_settings_that_no_longer_fit_stop_their_connection_alone(
    hub: Hub, home: Path, hubspot: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(hub, monkeypatch, hubspot, "crm")
    connect(hub, monkeypatch, hubspot, "old")
    with sqlite3.connect(home / "hub.db") as conn:
        conn.execute("UPDATE connections SET settings = '{\"gone_with_version_2\": 1}' WHERE name = 'old'")
    conn.close()
    done = hub("sync", "--json")
    assert done.code == 1
    assert list(done.json["failed"]) == ["old"]
    assert done.json["connections"]["crm"]["counts"]["read"] > 0
    for words in (["status"], ["connections", "list"], ["doctor"]):
        shown = hub(*words)
        assert "gone_with_version_2" in shown.out, words
        assert "Traceback" not in shown.err
    assert "gone_with_version_2" in hub("connections", "check", "old").err
    changed = hub("connections", "change", "old", "--json")
    assert changed.code == 0, changed.err
    assert "gone_with_version_2" in " ".join(changed.json["warnings"])
    assert hub("sync", "--json").code == 0


def test_somebody_with_nothing_but_exports_runs_the_main_job(hub: Hub, home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "exports"
    folder.mkdir()
    (folder / "contacts.csv").write_text(
        "Email,First Name,Last Name,Phone Number\n"
        "ann@x.example,Ann,O'Brien,=1+1\n"
        "bob@x.example,Bob,Byron,+12125550123\n"
    )
    for url in ([], ["--base-url", str(tmp_path / "none")], ["--base-url", "api.example.com"]):
        refused = hub("connections", "add", "files", "-c", "csv", *url)
        assert refused.code == 1
        assert "file:///" in refused.err
    assert hub("connections", "add", "files", "-c", "csv", "--base-url", str(folder)).code == 0
    assert hub("connections", "check", "files").code == 0
    assert hub("sync", "--until-quiet", "--json").json["connections"]["files"]["counts"]["read"] == 2
    shown = hub("issues", "list")
    assert "phone" in shown.out
    assert "=1+1" not in shown.out
    exported = hub("export", "contacts").out
    assert "ann@x.example" in exported
    assert "O'Brien" in exported
