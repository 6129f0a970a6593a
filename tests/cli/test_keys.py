"""`hub keys ...`, and what start-up says to a key that is missing or is another one."""

from __future__ import annotations

import io
import os
import sqlite3
import stat
from pathlib import Path
from typing import Any

import pytest

from hub.operations import keys
from hub.operations.sandboxes import Serving
from hub.operations.turns import turn
from hub.store import secrets
from tests.cli.conftest import Hub, connect
from tests.cli.test_database import empty as empty  # a fixture

PASSPHRASE = "correct horse battery staple"


@pytest.fixture
def crm(hub: Hub, home: Path, vendors: dict[str, Serving], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with one connection, whose secrets are in the store alone."""
    assert connect(hub, monkeypatch, vendors["hubspot"], "crm").code == 0
    for name in [n for n in os.environ if n.startswith("HUB_HUBSPOT") or n.startswith("HUB_CRM")]:
        monkeypatch.delenv(name)
    assert works(hub)
    return home


def works(hub: Hub) -> bool:
    """Whether the vendor takes the secrets as the store holds them."""
    return hub("connections", "check", "crm").code == 0


def sealed(home: Path) -> list[Any]:
    with sqlite3.connect(home / "hub.db") as connection:
        rows = connection.execute(
            "SELECT id, sealed FROM keyring UNION ALL SELECT name, sealed FROM secrets"
        ).fetchall()
    connection.close()
    return rows


def test_rotation_seals_everything_anew_under_the_same_master_key(hub: Hub, crm: Path) -> None:
    key, before = (crm / "secret.key").read_bytes(), sealed(crm)
    done = hub("keys", "rotate", "--json")
    assert (done.code, done.json["ok"], done.json["secrets"]) == (0, True, len(before) - 1)
    assert not {s for _, s in before} & {s for _, s in sealed(crm)}
    assert (crm / "secret.key").read_bytes() == key
    assert works(hub)
    assert "sealed with a new data key" in hub("keys", "rotate").out


def test_a_new_master_key_takes_the_place_of_the_file_which_is_kept(hub: Hub, crm: Path) -> None:
    old = (crm / "secret.key").read_bytes()
    done = hub("keys", "change-master", "--json")
    assert (done.code, done.json["source"], done.json["unset"]) == (0, str(crm / "secret.key"), False)
    assert (crm / "secret.key").read_bytes() != old
    assert stat.S_IMODE((crm / "secret.key").stat().st_mode) == 0o600
    kept = Path(done.json["kept"])
    assert kept.read_bytes() == old
    assert not (crm / keys.FRESH).exists()
    assert works(hub)
    kept.replace(crm / "secret.key")
    refused = hub("status", "--json")
    assert (refused.code, "does not open" in refused.json["error"]["message"]) == (1, True)


def test_from_the_file_to_the_environment_and_back(
    hub: Hub, crm: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(PASSPHRASE + "\n"))
    done = hub("keys", "change-master", "--to", "-")
    assert done.code == 0
    assert "HUB_SECRET_KEY" in done.out
    assert PASSPHRASE not in done.out + done.err
    assert not (crm / "secret.key").exists()
    assert hub("status").code == 1
    monkeypatch.setenv("HUB_SECRET_KEY", PASSPHRASE)
    assert works(hub)

    (tmp_path / "next").write_text("another passphrase of enough length\n")
    assert hub("keys", "change-master", "--to", f"@{tmp_path / 'next'}").code == 0
    monkeypatch.setenv("HUB_SECRET_KEY", "another passphrase of enough length")
    assert works(hub)

    back = hub("keys", "change-master", "--json")
    assert (back.code, back.json["unset"]) == (0, True)
    assert hub("status").code == 1, "the variable still holds the old key"
    monkeypatch.delenv("HUB_SECRET_KEY")
    assert works(hub)


@pytest.mark.parametrize("moment", ["before the store", "after the store"])
def test_a_change_that_was_interrupted_is_brought_to_its_end(
    hub: Hub, crm: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        place = (secrets, "change_master") if moment == "before the store" else (keys, "_aside")
        patch.setattr(*place, die)
        assert hub("keys", "change-master").code == 130
    assert (crm / "secret.key").exists()
    assert hub("status").code == (0 if moment == "before the store" else 1)
    assert hub("keys", "change-master").code == 0
    assert not (crm / keys.FRESH).exists()
    assert works(hub)


@pytest.mark.parametrize("command", [("rotate",), ("change-master",)])
def test_without_the_right_key_nothing_is_changed(
    hub: Hub, crm: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    before = sealed(crm)
    with monkeypatch.context() as patch:
        patch.setenv("HUB_SECRET_KEY", PASSPHRASE)
        assert "does not open" in hub("keys", *command, "--json").json["error"]["message"]
    assert hub("keys", "change-master", "--to", "in plain sight").code == 1
    assert sealed(crm) == before
    assert works(hub)


def test_while_somebody_works_keys_are_rotated_and_the_master_key_stays(hub: Hub, crm: Path) -> None:
    """Who works in the store follows a new data key; a new master key has to be handed to everybody first."""
    with turn(crm):
        before = sealed(crm)
        assert "another process" in hub("keys", "change-master", "--json").json["error"]["message"]
        assert sealed(crm) == before
        assert hub("keys", "rotate").code == 0
    assert works(hub)


def test_start_up_refuses_a_missing_key_and_another_one_and_says_what_to_do(
    hub: Hub, crm: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = (crm / "secret.key").read_text()
    (crm / "secret.key").unlink()
    for command in (("status",), ("sync",), ("keys", "rotate")):
        missing = hub(*command, "--json")
        assert missing.code == 1
        assert "no key file" in missing.json["error"]["message"]
        assert "Restore the file" in missing.json["error"]["mend"]
    assert not (crm / "secret.key").exists(), "no new key is made for a store that has one"
    monkeypatch.setenv("HUB_SECRET_KEY", PASSPHRASE)
    other = hub("status", "--json")
    assert other.code == 1
    assert "HUB_SECRET_KEY does not open this store's secrets" in other.json["error"]["message"]
    assert "last used with" in other.json["error"]["mend"]
    assert PASSPHRASE not in other.out + other.err
    monkeypatch.setenv("HUB_SECRET_KEY", key)
    assert works(hub)


def test_keys_change_on_postgresql_as_well(hub: Hub, crm: Path, empty: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert hub("db", "copy", empty).code == 0
    monkeypatch.setenv("HUB_DATABASE_URL", empty)
    assert hub("keys", "rotate").code == 0
    assert hub("keys", "change-master").code == 0
    assert works(hub)
    assert hub("db", "check").code == 0
