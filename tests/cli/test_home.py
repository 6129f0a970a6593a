"""Making and finding a home; command lines that make no sense."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from tests.cli.conftest import Hub


def test_init_makes_a_home_that_only_its_owner_reads(hub: Hub, tmp_path: Path) -> None:
    made = hub("init", str(tmp_path / "a" / "home"), "--json")
    assert made.code == 0
    folder = Path(made.json["home"])
    assert made.json["created"] is True
    assert {p.name for p in folder.iterdir()} >= {"hub.db", "secret.key", "mappings", "README.txt"}
    assert stat.S_IMODE((folder / "secret.key").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_init_again_only_brings_it_up_to_date(hub: Hub, home: Path) -> None:
    key = (home / "secret.key").read_bytes()
    again = hub("init", str(home), "--json")
    assert (again.code, again.json["created"]) == (0, False)
    assert (home / "secret.key").read_bytes() == key


def test_init_leaves_a_foreign_folder_alone(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "mum.txt").write_text("dear")
    refused = hub("init", str(tmp_path / "letters"))
    assert refused.code == 1
    assert "not empty" in refused.err
    assert [p.name for p in (tmp_path / "letters").iterdir()] == ["mum.txt"]


def test_init_needs_no_key_file_when_the_environment_gives_the_key(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUB_SECRET_KEY", "correct horse battery staple")
    assert hub("init", str(tmp_path / "home")).code == 0
    assert not (tmp_path / "home" / "secret.key").exists()
    assert hub("--home", str(tmp_path / "home"), "status").code == 0


@pytest.mark.parametrize("way", ["option", "option before", "variable", "folder"])
def test_a_home_is_found_in_four_ways(
    hub: Hub, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    if way != "folder":
        monkeypatch.chdir(tmp_path)
    if way == "variable":
        monkeypatch.setenv("HUB_HOME", str(home))
    words = {"option": ["status", "--home", str(home)], "option before": ["--home", str(home), "status"]}
    shown = hub(*words.get(way, ["status"]), "--json")
    assert (shown.code, shown.json["home"]) == (0, str(home))


def test_without_a_home_the_error_says_how_to_get_one(hub: Hub, tmp_path: Path) -> None:
    lost = hub("status")
    assert lost.code == 1
    assert "hub init" in lost.err
    assert "hub init" in hub("status", "--home", str(tmp_path / "none")).err


def test_nonsense_is_exit_code_1_not_2_and_names_the_nearest(hub: Hub) -> None:
    shown = hub("statsu")
    assert shown.code == 1
    assert "status" in shown.err
    assert hub("status", "--jsn").code == 1
    assert hub("backfill", "crm").code == 1


def test_nonsense_with_json_is_one_document(hub: Hub) -> None:
    shown = hub("statsu", "--json")
    assert shown.json["ok"] is False
    assert "statsu" in shown.json["error"]["message"]


def test_help_lists_the_commands(hub: Hub) -> None:
    shown = hub()
    assert shown.code == 0
    for command in ("demo", "init", "connections", "sync", "backfill", "status", "runs", "plan", "issues", "explain",
                    "verify", "export", "settings", "doctor", "sandbox", "simulate"):  # fmt: skip
        assert command in shown.out


def test_every_command_takes_json(hub: Hub) -> None:
    for command in ("demo", "init", "sync", "backfill", "status", "runs", "plan", "explain", "verify", "export",
                    "settings", "doctor", "sandbox", "simulate", "connections add", "connections list",
                    "connections check", "connections discover", "connections pause", "connections resume",
                    "connections remove", "connections allow-writes", "connections deny-writes",
                    "connections connectors", "issues list", "issues show", "issues answer"):  # fmt: skip
        shown = hub(*command.split(), "--help")
        assert shown.code == 0, command
        assert "--json" in shown.out, command


def test_a_store_that_cannot_be_used_is_no_defect(hub: Hub, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "hub.db").write_bytes(b"this is no database at all" * 100)
    for leftover in ("hub.db-wal", "hub.db-shm"):
        (home / leftover).unlink(missing_ok=True)
    broken = hub("status")
    assert broken.code == 1
    assert "backup" in broken.err
    assert "Traceback" not in broken.err
    monkeypatch.setenv("HUB_DATABASE_URL", "postgresql://hub:hush-hush@127.0.0.1:1/hub")
    gone = hub("status")
    assert gone.code == 1
    assert "HUB_DATABASE_URL" in gone.err
    assert "hush-hush" not in gone.err + hub("settings", "--json").out


def test_a_bad_environment_is_complained_of(hub: Hub, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_LOG_LEVEL", "loud")
    shown = hub("status", "--json")
    assert shown.code == 1
    assert shown.json["error"]["complaints"][0]["where"] == "environment HUB_LOG_LEVEL"
    assert hub("--help").code == 0


def test_settings_say_where_they_come_from(hub: Hub, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_LOG_FORMAT", "json")
    shown = {s["name"]: s for s in hub("settings", "--json").json["settings"]}
    assert shown["log_format"]["source"] == "HUB_LOG_FORMAT"
    assert shown["database_url"]["value"] == str(home / "hub.db")
    assert shown["brakes.creates"] == {
        "name": "brakes.creates",
        "value": "500",
        "source": "default",
        "means": "records that one run may make at a connection",
    }


def test_brakes_can_be_set_and_bad_ones_change_nothing(hub: Hub, home: Path) -> None:
    assert hub("settings", "--set", "brakes.creates=7", "--set", "brakes.removes_share=0.5").code == 0
    shown = {s["name"]: s for s in hub("settings", "--json").json["settings"]}
    assert (shown["brakes.creates"]["value"], shown["brakes.creates"]["source"]) == ("7", "changed")
    assert shown["brakes.removes_share"]["value"] == "0.5"
    assert shown["brakes.clears"]["source"] == "default"
    bad = hub("settings", "--set", "brakes.clears=many", "--set", "brakes.creates_share=2")
    assert bad.code == 1
    assert "brakes.clears" in bad.err
    assert "0 to 1" in bad.err
    assert "brakes.creates" in hub("settings", "--set", "brakes.create=1").err
    after = {s["name"]: s for s in hub("settings", "--json").json["settings"]}
    assert after["brakes.clears"]["source"] == "default"
