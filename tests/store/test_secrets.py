"""Secrets at rest: sealed, bound to their place, opened by the right key alone, shown to nobody."""

from __future__ import annotations

import asyncio
import base64
import logging
import os
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import text

from hub.errors import BadInput, HubError, Refused
from hub.sdk.auth import Token
from hub.store import secrets
from hub.store.database import Database, Transaction
from hub.store.secrets import MasterKey, master_key

NOW = "2026-01-05T09:00:00.000Z"
RAW = base64.b64encode(bytes(range(32))).decode()
PASSPHRASE = "correct horse battery staple"
SECRET = "pat-na1-0000-very-secret"


async def everything(conn: Transaction) -> bytes:
    """All bytes of the tables that hold secrets."""
    rows = [*(await conn.execute(text("SELECT * FROM secrets"))), *(await conn.execute(text("SELECT * FROM keyring")))]
    return b"|".join(part if isinstance(part, bytes) else str(part).encode() for row in rows for part in row)


@pytest.mark.parametrize("said", [RAW, RAW.rstrip("="), PASSPHRASE])
async def test_what_is_sealed_opens_with_the_same_key_and_is_not_in_the_tables(database: Database, said: str) -> None:
    async with database.write() as conn:
        vault = await secrets.make_vault(conn, master_key(said), NOW)
        await secrets.put(conn, vault, "crm", {"access_token": SECRET, "other": "é🙂"}, NOW)
        await secrets.put(conn, vault, "ads", {"access_token": "x"}, NOW)
    async with database.read() as conn:
        again = await secrets.open_vault(conn, master_key(f" {said}\n"))
        assert await secrets.fetch(conn, again, "crm") == {"access_token": SECRET, "other": "é🙂"}
        assert await secrets.names(conn, "crm") == ["access_token", "other"]
        held = await everything(conn)
        assert SECRET.encode() not in held
        assert bytes(range(32)) not in held
        assert PASSPHRASE.encode() not in held


async def test_the_format_is_aes_gcm_as_documented(database: Database) -> None:
    """Opened by hand with the cryptography library alone, from the documented layout."""
    async with database.write() as conn:
        vault = await secrets.make_vault(conn, master_key(RAW), NOW)
        await secrets.put(conn, vault, "crm", {"token": SECRET}, NOW)
        key_id, key = (await conn.execute(text("SELECT id, sealed FROM keyring"))).one()
        row = (await conn.execute(text("SELECT sealed FROM secrets"))).scalar_one()
    data_key = AESGCM(bytes(range(32))).decrypt(key[17:29], key[29:], key_id.encode())
    bound = f'["hub secret","crm","token","{key_id}"]'.encode()
    assert AESGCM(data_key).decrypt(row[9:21], row[21:], bound).decode() == SECRET


async def test_a_wrong_master_key_is_refused_with_a_way_out(database: Database) -> None:
    async with database.write() as conn:
        await secrets.make_vault(conn, master_key(PASSPHRASE), NOW)
        for wrong in (RAW, PASSPHRASE + "!"):
            with pytest.raises(Refused) as refused:
                await secrets.open_vault(conn, master_key(wrong))
            assert "HUB_SECRET_KEY" in refused.value.mend
            assert wrong not in str(refused.value) + refused.value.mend


async def test_a_store_without_a_data_key_says_so(database: Database) -> None:
    async with database.read() as conn:
        with pytest.raises(BadInput, match="no data key"):
            await secrets.open_vault(conn, master_key(RAW))


@pytest.mark.parametrize("column", ["connection", "name"])
async def test_a_row_moved_elsewhere_does_not_open(database: Database, column: str) -> None:
    async with database.write() as conn:
        vault = await secrets.make_vault(conn, master_key(RAW), NOW)
        await secrets.put(conn, vault, "crm", {"a": SECRET}, NOW)
        await conn.execute(text(f"UPDATE secrets SET {column} = 'elsewhere'"))
        with pytest.raises(Refused, match="comes from elsewhere") as refused:
            await secrets.fetch(conn, vault, "elsewhere" if column == "connection" else "crm")
        assert SECRET not in str(refused.value)


async def test_a_row_with_any_byte_altered_does_not_open(database: Database) -> None:
    async with database.write() as conn:
        vault = await secrets.make_vault(conn, master_key(RAW), NOW)
    sealed = vault.seal("crm", "a", SECRET)
    assert vault.open("crm", "a", sealed) == SECRET
    for place in range(len(sealed)):
        altered = bytearray(sealed)
        altered[place] ^= 1
        with pytest.raises(Refused):
            vault.open("crm", "a", bytes(altered))
    for length in range(len(sealed)):
        with pytest.raises(Refused):
            vault.open("crm", "a", sealed[:length])
    assert vault.seal("crm", "a", SECRET) != sealed


async def test_another_master_key_opens_the_same_secrets_and_the_old_one_none(database: Database) -> None:
    async with database.write() as conn:
        vault = await secrets.make_vault(conn, master_key(RAW), NOW)
        await secrets.put(conn, vault, "crm", {"a": SECRET}, NOW)
        with pytest.raises(Refused):
            await secrets.change_master(conn, master_key("not the right one"), master_key(PASSPHRASE))
        await secrets.change_master(conn, master_key(RAW), master_key(PASSPHRASE))
        opened = await secrets.open_vault(conn, master_key(PASSPHRASE))
        assert await secrets.fetch(conn, opened, "crm") == {"a": SECRET}
        with pytest.raises(Refused):
            await secrets.open_vault(conn, master_key(RAW))


async def test_after_a_rotation_the_old_data_key_opens_nothing(database: Database) -> None:
    token = Token("access", None, None)
    async with database.write() as conn:
        old = await secrets.make_vault(conn, master_key(RAW), NOW)
        await secrets.put(conn, old, "crm", {"a": SECRET, "b": "2"}, NOW)
        await secrets.put_token(conn, old, "crm", token, NOW)
        new = await secrets.rotate(conn, master_key(RAW), NOW)
        assert await secrets.fetch(conn, new, "crm") == {"a": SECRET, "b": "2"}
        assert await secrets.fetch_token(conn, new, "crm") == token
        sealed = (await conn.execute(text("SELECT sealed FROM secrets WHERE name = 'a'"))).scalar_one()
        with pytest.raises(Refused):
            old.open("crm", "a", sealed)
        assert await secrets.fetch(conn, old, "crm") == {"a": SECRET, "b": "2"}, "it follows"
        assert old.open("crm", "a", sealed) == SECRET
        assert (await conn.execute(text("SELECT count(*) FROM keyring"))).scalar_one() == 1


async def test_a_token_kept_while_keys_are_rotated_opens_afterwards(database: Database) -> None:
    """A worker that opened the store before keeps what its vendor just rotated, at the very moment of the rotation:
    either waits for the other, and nothing is sealed with a key that is forgotten."""
    async with database.write() as conn:
        vault = await secrets.make_vault(conn, master_key(RAW), NOW)
        worker = await secrets.open_vault(conn, master_key(RAW))
        await secrets.put(conn, vault, "crm", {"refresh_token": "old"}, NOW)

    async def rotate() -> None:
        for _ in range(5):
            async with database.hearing() as conn:
                await secrets.rotate(conn, master_key(RAW), NOW)

    async def keep() -> None:
        for n in range(20):
            async with database.write() as conn:
                await secrets.put_token(
                    conn, worker, "crm", Token(f"t{n}", None, None, {"refresh_token": f"r{n}"}), NOW
                )

    await asyncio.gather(keep(), rotate())
    async with database.read() as conn:
        for opened in (vault, worker, await secrets.open_vault(conn, master_key(RAW))):
            assert await secrets.fetch(conn, opened, "crm") == {"refresh_token": "r19"}
            assert await secrets.fetch_token(conn, opened, "crm") == Token("t19", None, None)


async def test_a_token_brings_its_rotated_secrets_along(database: Database) -> None:
    expires = datetime(2026, 1, 5, 10, 30, 15, 123456, tzinfo=UTC)
    async with database.write() as conn:
        vault = await secrets.make_vault(conn, master_key(RAW), NOW)
        await secrets.put(conn, vault, "crm", {"refresh_token": "old", "token": "given by a person"}, NOW)
        assert await secrets.fetch_token(conn, vault, "crm") is None
        token = Token("acc", expires, "https://eu1.example", {"refresh_token": "new"})
        await secrets.put_token(conn, vault, "crm", token, NOW)
        assert await secrets.fetch_token(conn, vault, "crm") == Token("acc", expires, "https://eu1.example")
        assert await secrets.fetch(conn, vault, "crm") == {"refresh_token": "new", "token": "given by a person"}
        await secrets.drop_token(conn, "crm")
        assert await secrets.fetch_token(conn, vault, "crm") is None
        await secrets.drop(conn, "crm", "token")
        assert await secrets.names(conn, "crm") == ["refresh_token"]
        await secrets.drop(conn, "crm")
        assert await secrets.fetch(conn, vault, "crm") == {}
        for name in ("", ".token"):
            with pytest.raises(BadInput):
                await secrets.put(conn, vault, "crm", {name: "x"}, NOW)


async def test_nothing_printable_and_nothing_logged(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with database.write() as conn:
        vault = await secrets.make_vault(conn, master_key(PASSPHRASE), NOW)
        await secrets.put(conn, vault, "crm", {"a": SECRET}, NOW)
    shown = " ".join([repr(master_key(RAW)), repr(master_key(PASSPHRASE)), str(vault), repr(vault), caplog.text])
    for hidden in (SECRET, PASSPHRASE, RAW, repr(bytes(range(32)))):
        assert hidden not in shown


def test_a_key_file_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "hub.key"
    made = secrets.make_key_file(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert secrets.read_key_file(path) == made
    assert secrets.find_master_key(None, path) == made
    assert secrets.find_master_key(RAW, path) == MasterKey("HUB_SECRET_KEY", raw=bytes(range(32)))
    with pytest.raises(BadInput, match="already"):
        secrets.make_key_file(path)
    assert secrets.read_key_file(path) == made


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o666, 0o610])
def test_a_key_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "hub.key"
    secrets.make_key_file(path)
    path.chmod(mode)
    with pytest.raises(Refused, match="by others") as refused:
        secrets.read_key_file(path)
    assert "chmod 600" in refused.value.mend


def test_a_umask_does_not_open_the_key_file(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        secrets.make_key_file(tmp_path / "hub.key")
    finally:
        os.umask(before)
    secrets.read_key_file(tmp_path / "hub.key")


@pytest.mark.parametrize("contents", [b"", b"short", b"\xff\xfe" * 40, base64.b64encode(b"x" * 31)])
def test_a_key_file_without_a_key_says_so(tmp_path: Path, contents: bytes) -> None:
    path = tmp_path / "hub.key"
    path.touch(mode=0o600)
    path.write_bytes(contents)
    with pytest.raises(HubError, match="does not hold a key"):
        secrets.read_key_file(path)


def test_missing_and_too_short_keys_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as missing:
        secrets.find_master_key(None, tmp_path / "none")
    assert "HUB_SECRET_KEY" in str(missing.value)
    with pytest.raises(BadInput, match="too short") as short:
        master_key("geheim")
    assert "geheim" not in str(short.value) + short.value.mend
