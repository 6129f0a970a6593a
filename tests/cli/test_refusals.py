"""What start-up refuses, as the operator of a service sees it: the last lines on stderr say what is wrong and how to
mend it, the exit code is 1, and nothing was changed."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hub.operations import home as homes
from tests import postgres
from tests.cli.conftest import Hub
from tests.conftest import execute, outside

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ("up", "web", "worker")
WITHIN = 90


def key() -> str:
    return b64encode(secrets.token_bytes(32)).decode()


Start = Callable[..., str]


def refused(code: int, out: str, err: str) -> str:
    """What was said, on one line."""
    assert (code, out) == (1, ""), err
    assert "Traceback" not in err
    assert "unexpected" not in err
    assert err.startswith("error: ")
    assert "mend: " in err or "expected" in err
    return " ".join(err.split())


@pytest.fixture
def start(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Starts a service that is to refuse; answers what it said. One that doesn't is stopped after a while."""

    def late(*_: object) -> None:
        raise TimeoutError("it did not refuse")

    def started(service: str, home: Path | None = None, **environment: str) -> str:
        for name, value in ({"HUB_LISTEN": "127.0.0.1:0"} | environment).items():
            monkeypatch.setenv(name, value)
        signal.alarm(WITHIN)
        shown = hub(*(["--home", str(home)] if home else []), service)
        signal.alarm(0)
        return refused(shown.code, shown.out, shown.err)

    before = signal.signal(signal.SIGALRM, late)
    yield started
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def in_a_process(service: str, home: Path) -> str:
    """The same as systemd or an engine would start it."""
    bare = {k: v for k, v in os.environ.items() if not k.startswith("HUB_")} | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "hub.cli", "--home", str(home), service]
    done = subprocess.run(command, env=bare, capture_output=True, text=True, timeout=WITHIN, cwd="/")
    return refused(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def apart(hub: Hub, tmp_path: Path) -> Path:
    """A home, not the folder in which the commands work."""
    folder = tmp_path / "apart"
    assert hub("init", str(folder)).code == 0
    return folder


def contents(home: Path) -> dict[str, bytes]:
    """What the home holds, the journal of its store taken in."""
    with sqlite3.connect(home / "hub.db") as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return {path.name: path.read_bytes() for path in home.iterdir() if path.is_file() and "hub.db-" not in path.name}


@pytest.mark.parametrize("service", SERVICES)
def test_a_key_of_another_store(apart: Path, service: str) -> None:
    (apart / "secret.key").write_text(key())
    before = contents(apart)
    said = in_a_process(service, apart)
    assert f"The key from {apart / 'secret.key'} does not open this store's secrets" in said
    assert "mend: Give the key that this store was last used with" in said
    assert {n: b for n, b in contents(apart).items() if n != ".up"} == {n: b for n, b in before.items() if n != ".up"}


def test_a_variable_that_hides_the_right_key_file(start: Start, apart: Path) -> None:
    said = start("web", apart, HUB_SECRET_KEY=key())
    assert "The key from HUB_SECRET_KEY does not open" in said
    assert f"Unset HUB_SECRET_KEY (and HUB_SECRET_KEY_FILE): {apart / 'secret.key'} opens it" in said


def test_no_key_is_ever_made_for_a_store_that_has_one(start: Start, apart: Path) -> None:
    (apart / "secret.key").unlink()
    said = start("up", apart)
    assert "There is no key file" in said
    assert "Restore the file" in said
    assert not (apart / "secret.key").exists()


@pytest.mark.parametrize(
    ("text", "mode", "expected"),
    [("garbage", 0o600, "does not hold a key"), ("", 0o600, "does not hold a key"), (None, 0o644, "chmod 600")],
)
def test_a_key_file_that_is_none(start: Start, apart: Path, text: str | None, mode: int, expected: str) -> None:
    path = apart / "secret.key"
    if text is not None:
        path.write_text(text)
    path.chmod(mode)
    assert expected in start("web", apart)
    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_a_file_of_the_environment_that_is_missing(start: Start, apart: Path, tmp_path: Path) -> None:
    said = start("up", apart, HUB_SECRET_KEY_FILE=str(tmp_path / "nowhere"))
    assert "HUB_SECRET_KEY_FILE" in said
    assert "No such file" in said


def test_a_container_without_a_key(start: Start, tmp_path: Path) -> None:
    said = start("web", HUB_HOME=str(tmp_path), HUB_DATABASE_URL="postgresql://hub@127.0.0.1:1/hub")
    assert "there is no master key" in said
    assert "HUB_SECRET_KEY_FILE" in said


def test_a_home_that_is_none(start: Start, tmp_path: Path) -> None:
    assert "hub init" in start("up", HUB_HOME=str(tmp_path / "nowhere"))
    assert "hub init" in start("up", HUB_HOME=str(tmp_path))


@pytest.mark.parametrize("service", ["up", "web"])
def test_a_store_of_a_newer_release(start: Start, apart: Path, service: str) -> None:
    with sqlite3.connect(apart / "hub.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    said = start(service, apart)
    assert "version 9999" in said
    assert "Run the newer release" in said


@pytest.fixture
def empty(postgres_server: postgres.Server, worker: str) -> Iterator[str]:
    """The URL of an empty PostgreSQL database."""
    name = f"hub_refusing_{worker}"
    outside(execute(postgres_server, f"CREATE DATABASE {name}"))
    yield postgres_server.url + name
    outside(execute(postgres_server, f"DROP DATABASE {name} WITH (FORCE)"))


def test_an_empty_store_where_one_job_upgrades(start: Start, tmp_path: Path, empty: str) -> None:
    said = start(
        "worker",
        HUB_HOME=str(tmp_path),
        HUB_DATABASE_URL=empty,
        HUB_SECRET_KEY=key(),
        HUB_REDIS_URL="redis://127.0.0.1:1/0",
        HUB_MIGRATE="never",
    )
    assert "The store is empty" in said
    assert "hub db upgrade" in said


@pytest.fixture
def guest(postgres_server: postgres.Server, worker: str, empty: str) -> Iterator[str]:
    """The URL of an empty database for a role that may make nothing in it."""
    role = f"guest_{worker}"
    outside(execute(postgres_server, f"CREATE ROLE {role} LOGIN"))
    yield empty.replace("//hub@", f"//{role}@")
    outside(execute(postgres_server, f"DROP ROLE {role}"))


def test_a_role_that_may_make_no_tables(start: Start, apart: Path, guest: str) -> None:
    said = start("web", apart, HUB_DATABASE_URL=guest)
    assert "permission denied for schema public" in said
    assert "mend: let the role own" in said


def test_a_database_and_a_role_that_are_not_there(start: Start, apart: Path, empty: str) -> None:
    for url in (f"{empty}_not", empty.replace("//hub@", "//nobody@")):
        said = start("web", apart, HUB_DATABASE_URL=url)
        assert "does not exist" in said
        assert "name the right one" in said


@pytest.mark.parametrize(
    ("host", "expected"), [("127.0.0.1:1", "the database runs"), ("nowhere.invalid", "has no address")]
)
def test_a_database_that_cannot_be_reached(
    start: Start, apart: Path, host: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(homes, "PATIENCE", 0.0)
    said = start("up", apart, HUB_DATABASE_URL=f"postgresql://hub:hush-hush@{host}/hub")
    assert "the store cannot be used" in said
    assert expected in said
    assert "hush" not in said


def test_a_worker_without_what_workers_share(start: Start, apart: Path) -> None:
    assert "HUB_REDIS_URL is not set" in start("worker", apart)
    said = start("worker", apart, HUB_REDIS_URL="redis://127.0.0.1:1/0")
    assert "hub db copy" in said
    assert "HUB_REDIS_URL" in start("worker", apart, HUB_REDIS_URL="memcached://127.0.0.1:1/0")


def test_an_address_that_is_taken(start: Start, apart: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        said = start("web", apart, HUB_LISTEN=f"127.0.0.1:{taken.getsockname()[1]}")
    assert "cannot be listened at" in said
    assert "in use" in said


def test_a_container_whose_folder_is_empty_and_store_and_key_elsewhere_is_served(
    hub: Hub, apart: Path, tmp_path: Path, empty: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "container"
    folder.mkdir()
    (tmp_path / "key").write_text(key())
    (tmp_path / "url").write_text(empty)
    monkeypatch.setenv("HUB_HOME", str(folder))
    monkeypatch.setenv("HUB_SECRET_KEY_FILE", str(tmp_path / "key"))
    monkeypatch.setenv("HUB_DATABASE_URL_FILE", str(tmp_path / "url"))
    monkeypatch.setenv("HUB_MIGRATE", "never")
    monkeypatch.chdir(tmp_path)
    assert "The store is empty" in hub("status").err
    assert hub("db", "upgrade", "--pre").code == 0
    shown = hub("settings", "--json")
    assert shown.code == 0
    by = {s["name"]: s["source"] for s in shown.json["settings"]}
    assert (by["secret_key"], by["database_url"]) == ("HUB_SECRET_KEY_FILE", "HUB_DATABASE_URL_FILE")
    assert hub("doctor").code in (0, 1)
    assert list(folder.iterdir()) == [], "nothing is left in it"
    shutil.rmtree(folder)
    assert hub("status").code == 1
