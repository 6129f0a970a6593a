"""`hub db ...` as an operator uses it, and what start-up says to a store or a key that doesn't fit."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, insert

from hub import __version__, clock
from hub.domain.moments import iso
from hub.domain.worker import Role
from hub.operations.sandboxes import Serving
from hub.operations.turns import turn
from hub.store import schema
from hub.store.tables import leases, workers
from sync_jobs.lease import HOME
from tests import postgres
from tests.cli.conftest import Hub, connect
from tests.conftest import execute, outside
from tests.store.releases_to_come import Become, become
from tests.store.test_schema import down
from tests.stores import opened

__all__ = ["become"]


def as_if_newer(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()


@pytest.fixture
async def older(home: Path) -> Path:
    """A home whose store has the first schema."""
    async with opened(f"sqlite:///{home / 'hub.db'}") as database:
        await down(database, "0001")
    return home


def test_check_is_content_with_a_fresh_home(hub: Hub, home: Path) -> None:
    found = hub("db", "check", "--json")
    assert found.code == 0
    assert (found.json["ok"], found.json["held"], found.json["steps"]) == (True, schema.release(), [])
    assert "all is well" in hub("db", "check").out


def test_check_says_what_an_upgrade_would_do_and_upgrade_does_it(hub: Hub, older: Path) -> None:
    found = hub("db", "check", "--json")
    assert found.code == 2
    assert (found.json["ok"], found.json["schema"], found.json["held"]) == (False, "older", "0001")
    assert hub("db", "check", "--json").json == found.json, "looking changes nothing"
    assert "hub db upgrade" in hub("db", "check").out
    done = hub("db", "upgrade", "--json")
    assert done.code == 0
    assert (done.json["before"], done.json["after"]) == ("0001", schema.release())
    assert done.json["steps"] == found.json["steps"]
    assert hub("db", "check").code == 0
    assert "up to date" in hub("db", "upgrade").out


def test_every_command_upgrades_unless_that_is_left_to_a_job(
    hub: Hub, older: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUB_MIGRATE", "never")
    refused = hub("status", "--json")
    assert refused.code == 1
    assert "0001" in refused.json["error"]["message"]
    assert "hub db upgrade" in refused.json["error"]["mend"]
    assert hub("db", "check", "--json").json["held"] == "0001"
    monkeypatch.delenv("HUB_MIGRATE")
    assert hub("status").code == 0
    assert hub("db", "check").code == 0


def test_never_still_lets_init_make_a_home_and_the_job_upgrade_it(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUB_MIGRATE", "never")
    folder = tmp_path / "home"
    assert hub("init", str(folder)).code == 0
    assert hub("--home", str(folder), "status").code == 0
    (folder / "hub.db").unlink()
    for beside in folder.glob("hub.db-*"):
        beside.unlink()
    assert "store is empty" in hub("--home", str(folder), "status").err
    assert hub("--home", str(folder), "db", "upgrade").code == 0
    assert hub("--home", str(folder), "status").code == 0


def test_a_store_of_a_newer_release_is_refused_by_every_command(hub: Hub, home: Path) -> None:
    as_if_newer(home / "hub.db")
    for command in (("status",), ("sync",), ("db", "upgrade")):
        refused = hub(*command, "--json")
        assert refused.code == 1
        assert "9999" in refused.json["error"]["message"], command
        assert "newer release" in refused.json["error"]["mend"]
    found = hub("db", "check", "--json")
    assert found.code == 1
    assert [t["what"] for t in found.json["troubles"]] == ["schema"]
    assert "9999" in hub("db", "check").out


def test_an_upgrade_without_downtime(hub: Hub, home: Path, become: Become, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_MIGRATE", "never")
    become(2)
    assert "needs 9002" in hub("status").err
    early = hub("db", "upgrade", "--post", "--json")
    assert (early.code, early.json["error"]["kind"]) == (1, "Refused")
    assert "--pre" in early.json["error"]["mend"]
    found = hub("db", "check", "--json")
    assert [(s["version"], s["phase"]) for s in found.json["steps"]] == [("9001", "pre"), ("9002", "post")]

    first = hub("db", "upgrade", "--pre", "--json")
    assert (first.code, first.json["before"], first.json["after"]) == (0, schema.works_with("9001"), "9001")
    assert ([s["version"] for s in first.json["steps"]], [s["version"] for s in first.json["left"]]) == (
        ["9001"],
        ["9002"],
    )
    assert "hub db upgrade --post" in hub("db", "upgrade", "--pre").out, "again, nothing is to be done"
    assert hub("status").code == 0
    found = hub("db", "check", "--json")
    assert (found.code, found.json["ok"], found.json["schema"]) == (2, True, "waiting")
    assert "--post" in hub("db", "check").out

    become(0)
    assert hub("status").code == 0, "the old release goes on"
    assert hub("db", "check", "--json").json["schema"] == "ahead"
    assert hub("db", "upgrade", "--json").json["after"] == "9001"

    become(2)
    for role in Role:
        outside(say(f"sqlite:///{home / 'hub.db'}", role, "0.0.9", clock.now()))
        refused = hub("db", "upgrade", "--post", "--json")
        assert refused.code == 1
        assert f"{role} on elsewhere, process 7, release 0.0.9" in refused.json["error"]["message"]
    outside(say(f"sqlite:///{home / 'hub.db'}", Role.WORKER, "0.0.9", clock.now() - timedelta(minutes=3)))
    done = hub("db", "upgrade", "--post", "--json")
    assert (done.code, done.json["after"], done.json["left"]) == (0, "9002", [])
    assert hub("db", "check", "--json").json["schema"] == "current"


async def say(url: str, role: Role, release: str, at: datetime) -> None:
    """As a process on another host would say that it is there."""
    row = {"id": "w", "host": "elsewhere", "process": 7, "role": role, "release": release, "doing": [], "counts": {}}
    async with opened(url) as database, database.write() as conn:
        await conn.execute(delete(workers))
        await conn.execute(insert(workers).values(**row, started_at=iso(at), seen_at=iso(at)))


def test_both_phases_cannot_be_named_at_once(hub: Hub, home: Path) -> None:
    assert hub("db", "upgrade", "--pre", "--post", "--json").json["error"]["kind"] == "BadInput"


def test_an_empty_store_has_nothing_to_finish(hub: Hub, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_DATABASE_URL", f"sqlite:///{home / 'empty.db'}")
    refused = hub("db", "upgrade", "--post", "--json")
    assert (refused.code, refused.json["error"]["kind"]) == (1, "Refused")
    assert "The store is empty" in refused.json["error"]["message"]
    assert "`hub db upgrade`" in refused.json["error"]["mend"]
    assert hub("db", "upgrade", "--json").json["after"] == schema.release()


def test_the_release_says_its_version(hub: Hub) -> None:
    said = hub("--version")
    assert (said.code, said.out) == (0, f"hub {__version__}, schema {schema.release()}\n")
    project = Path(__file__).parents[2] / "pyproject.toml"
    assert f'version = "{__version__}"' in project.read_text()


def test_a_missing_store_is_not_made_by_looking(hub: Hub, home: Path) -> None:
    for file in home.glob("hub.db*"):
        file.unlink()
    found = hub("db", "check", "--json")
    assert (found.code, found.json["schema"]) == (2, "empty")
    assert not (home / "hub.db").exists()


@pytest.mark.parametrize("damage", ["a page", "all of it"])
def test_a_damaged_store_is_wrong(hub: Hub, home: Path, damage: str) -> None:
    with sqlite3.connect(home / "hub.db") as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    held = (home / "hub.db").read_bytes()
    (home / "hub.db").write_bytes(held[:-4096] + bytes(4096) if damage == "a page" else b"no database" * 500)
    found = hub("db", "check", "--json")
    assert found.code == 1
    assert found.json["troubles"]
    assert "backup" in found.json["troubles"][0]["mend"]
    assert "unexpected" not in found.err


async def set_lease(url: str, until: str) -> None:
    """As a worker on another host would hold the store."""
    async with opened(url) as database, database.write() as conn:
        await conn.execute(delete(leases))
        await conn.execute(insert(leases).values(name=HOME, holder="elsewhere", token=7, until=until))


@pytest.fixture
def empty(postgres_server: postgres.Server, worker: str) -> Iterator[str]:
    """The URL of an empty PostgreSQL database."""
    name = f"hub_cli_{worker}"
    outside(execute(postgres_server, f"CREATE DATABASE {name}"))
    yield postgres_server.url + name
    outside(execute(postgres_server, f"DROP DATABASE {name} WITH (FORCE)"))


def test_a_home_moves_to_postgresql_and_back_with_its_secrets(
    hub: Hub,
    home: Path,
    vendors: dict[str, Serving],
    empty: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert connect(hub, monkeypatch, vendors["hubspot"]).code == 0
    assert hub("sync", "--json").code == 0
    before = hub("export", "contacts", "--format", "jsonl").out
    assert len(before.splitlines()) > 10

    there = hub("db", "copy", empty, "--json")
    assert there.code == 0
    assert there.json["rows"] == sum(t["rows"] for t in there.json["tables"]) > 100
    monkeypatch.setenv("HUB_DATABASE_URL", empty)
    assert hub("db", "check").code == 0
    assert hub("export", "contacts", "--format", "jsonl").out == before
    monkeypatch.delenv("HUB_HUBSPOT_ACCESS_TOKEN", raising=False)
    assert hub("connections", "check", "hubspot").code == 0, "the sealed secrets open there"

    back = tmp_path / "back.db"
    outside(set_lease(empty, "2999-01-01T00:00:00.000Z"))
    busy = hub("db", "copy", f"sqlite:///{back}", "--json")
    assert "somebody is working" in busy.json["error"]["message"]
    assert not back.exists()
    outside(set_lease(empty, "2020-01-01T00:00:00.000Z"))
    shown = hub("db", "copy", f"sqlite:///{back}")
    assert shown.code == 0
    assert "HUB_DATABASE_URL" in shown.out
    assert stat.S_IMODE(back.stat().st_mode) == 0o600
    monkeypatch.setenv("HUB_DATABASE_URL", f"sqlite:///{back}")
    assert hub("export", "contacts", "--format", "jsonl").out == before
    assert hub("sync", "--json").code == 0


def test_copy_says_what_stands_in_its_way(hub: Hub, home: Path, tmp_path: Path) -> None:
    full = hub("db", "copy", f"sqlite:///{home / 'hub.db'}", "--json")
    assert (full.code, "not empty" in full.json["error"]["message"]) == (1, True)
    nowhere = hub("db", "copy", "postgresql://hub:hush-hush@127.0.0.1:1/hub", "--json")
    assert nowhere.code == 1
    assert "HUB_DATABASE_URL" not in nowhere.json["error"]["mend"], "it is the target that cannot be reached"
    assert "hush" not in nowhere.out + nowhere.err
    assert hub("db", "copy", "mysql://x/y", "--json").json["error"]["kind"] == "BadInput"
    with turn(home):
        busy = hub("db", "copy", f"sqlite:///{tmp_path / 'other.db'}", "--json")
    assert (busy.code, busy.json["error"]["kind"]) == (1, "Refused")
    assert not (tmp_path / "other.db").exists()


@pytest.mark.parametrize("command", ["db copy", "keys change-master"])
def test_a_worker_that_has_nothing_to_do_is_noticed(hub: Hub, home: Path, tmp_path: Path, command: str) -> None:
    """It would go on in the store that was copied, and what it told the systems would be known there alone."""
    words = [*command.split(), *([f"sqlite:///{tmp_path / 'other.db'}"] if command == "db copy" else [])]
    outside(say(f"sqlite:///{home / 'hub.db'}", Role.WORKER, __version__, clock.now() - timedelta(seconds=5)))
    busy = hub(*words, "--json")
    assert (busy.code, "worker on elsewhere" in busy.json["error"]["message"]) == (1, True)
    assert not (tmp_path / "other.db").exists()
    outside(say(f"sqlite:///{home / 'hub.db'}", Role.WORKER, __version__, clock.now() - timedelta(minutes=5)))
    assert hub(*words, "--json").code == 0
