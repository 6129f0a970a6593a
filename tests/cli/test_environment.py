"""What the environment says to the command line."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from hub.operations import home as homes
from tests.cli.conftest import Hub


def test_another_database_and_key_leave_a_home_without_either(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "home"
    monkeypatch.setenv("HUB_SECRET_KEY", "correct horse battery staple")
    monkeypatch.setenv("HUB_DATABASE_URL", f"sqlite:///{tmp_path / 'elsewhere.db'}")
    made = hub("init", str(folder))
    assert made.code == 0
    assert "HUB_DATABASE_URL" in made.out
    assert "HUB_SECRET_KEY" in made.out
    assert "secret.key" not in made.out
    assert (tmp_path / "elsewhere.db").is_file()
    assert not (folder / "hub.db").exists()
    assert not (folder / "secret.key").exists()
    assert hub("--home", str(folder), "status").code == 0
    shown = {s["name"]: s for s in hub("--home", str(folder), "settings", "--json").json["settings"]}
    assert shown["database_url"]["source"] == "HUB_DATABASE_URL"
    assert shown["log_level"]["value"] == "warning"
    assert "horse" not in str(shown)


async def test_alone_keeps_out_of_the_environments_database(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUB_DATABASE_URL", f"sqlite:///{tmp_path / 'production.db'}")
    async with homes.opened(home, alone=True):
        pass
    assert not (tmp_path / "production.db").exists()


def test_a_bad_variable_is_named_before_anything_is_done(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUB_LOG_LEVEL", "loud")
    refused = hub("init", str(tmp_path / "home"), "--json")
    assert refused.code == 1
    assert "HUB_LOG_LEVEL" in str(refused.json["error"]["complaints"])
    assert not (tmp_path / "home").exists()


def test_logs_go_to_stderr_and_answers_to_stdout(hub: Hub, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_LOG_LEVEL", "info")
    monkeypatch.setenv("HUB_LOG_FORMAT", "json")
    assert hub("connections", "add", "nowhere", "--connector", "csv", "--base-url", "http://127.0.0.1:9/").code == 0
    checked = hub("connections", "check", "nowhere", "--json")
    assert checked.code == 1
    assert orjson.loads(checked.out)
    said = [orjson.loads(line) for line in checked.err.splitlines() if line.startswith("{")]
    assert any(line["event"] == "trying again" and line["fault"] == "not_reached" for line in said), checked.err
