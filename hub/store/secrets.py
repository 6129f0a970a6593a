"""Secrets at rest: every secret is sealed with the store's data key, and that key with the operator's master key.

AES-256-GCM both times. A sealed secret is bound to its connection and name, so that a row copied onto another does
not open. The master key is 32 random bytes (base64), or a passphrase stretched by scrypt with a salt of the store's.
Nothing here shows a secret in its `repr` or in an error.
"""

from __future__ import annotations

import base64
import binascii
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import scrypt
from pathlib import Path
from typing import TypeAlias

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.domain import moments
from hub.errors import BadInput, Refused
from hub.sdk.auth import Token
from hub.store import tables

T = tables.secrets.c
R = tables.keyring.c
KEY_BYTES = 32
SALT_BYTES = 16
NONCE_BYTES = 12
PASSPHRASE_MIN = 12
FORM = b"\x01"
"""The first byte of everything sealed: which form it has."""
TOKEN = ".token"  # noqa: S105  (a name)
"""The name under which a fetched token is kept; no secret that an operator gives begins with a dot."""

Marks: TypeAlias = tuple[tuple[str, str], ...]
"""Which secrets a connection has, and when each was given."""


# --- the master key ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MasterKey:
    """What opens the store's data key. Exactly one of the two is set; `source` says where it came from."""

    source: str
    raw: bytes = field(default=b"", repr=False)
    passphrase: bytes = field(default=b"", repr=False)

    def stretched(self, salt: bytes) -> bytes:
        """The 32 bytes that seal. About 0.2 s and 32 MiB for a passphrase, on purpose."""
        if self.raw:
            return self.raw
        return scrypt(self.passphrase, salt=salt, n=1 << 15, r=8, p=3, maxmem=64 << 20, dklen=KEY_BYTES)


def master_key(text: str, source: str = "HUB_SECRET_KEY") -> MasterKey:
    """Reads base64 (of 32 bytes) or a passphrase of at least 12 characters. BadInput when it is neither."""
    text = text.strip()
    raw = _base64(text)
    if raw is not None:
        return MasterKey(source, raw=raw)
    if len(text) < PASSPHRASE_MIN:
        raise BadInput(
            f"{source} is too short: {len(text)} characters.",
            mend=f"Give 32 random bytes in base64, or a passphrase of at least {PASSPHRASE_MIN} characters.",
        )
    return MasterKey(source, passphrase=text.encode())


def _base64(text: str) -> bytes | None:
    try:
        raw = base64.b64decode(text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if len(raw) == KEY_BYTES else None


def find_master_key(variable: str | None, file: Path) -> MasterKey:
    """The value of `HUB_SECRET_KEY` when it is set, else what the key file holds. BadInput or Refused otherwise."""
    return master_key(variable) if variable else read_key_file(file)


def make_key_file(path: Path) -> MasterKey:
    """Writes a new random key that only its owner may read. BadInput when there is a file already."""
    raw = os.urandom(KEY_BYTES)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise BadInput(
            f"There is a key file at {path} already.",
            mend="Keep it: without it the secrets sealed with it cannot be read. Move it away to make another.",
        ) from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(base64.b64encode(raw) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    return MasterKey(str(path), raw=raw)


def read_key_file(path: Path) -> MasterKey:
    """Reads a key file. Refused when others may read it; BadInput when it is missing or holds no key."""
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            text = file.read(4096)
    except FileNotFoundError:
        raise BadInput(
            f"There is no key file at {path}, and HUB_SECRET_KEY is not set.",
            mend="Restore the file that was made with this store, or set HUB_SECRET_KEY to what it was then.",
        ) from None
    except OSError as error:
        raise BadInput(f"The key file {path} cannot be read: {error.strerror}.", mend="Mend its permissions.") from None
    if os.name == "posix" and mode & 0o077:
        raise Refused(
            f"The key file {path} can be read by others (mode {mode:o}).",
            mend=f"Run `chmod 600 {path}`; if others may have read it, rotate the key afterwards.",
        )
    raw = _base64(text.decode("ascii", "replace").strip())
    if raw is None:
        raise BadInput(
            f"The key file {path} does not hold a key.", mend="It is one line, 32 bytes in base64. Restore it."
        )
    return MasterKey(str(path), raw=raw)


# --- the data key -----------------------------------------------------------------------------------------------


class Vault:
    """The opened data keys of one store: seals with the newest, opens what any of them sealed. It follows a rotation by
    another process, as long as the master key that it was opened with opens the new data key."""

    __slots__ = ("_keys", "_master", "_newest")

    def __init__(self, keys: Mapping[str, bytes], newest: str, master: MasterKey) -> None:
        self._keys = {key_id: AESGCM(key) for key_id, key in keys.items()}
        self._newest = newest
        self._master = master

    async def follow(self, conn: AsyncConnection, *, writing: bool = False) -> None:
        """Takes over the data keys as they are now. `writing`: no rotation comes between that and the end of the
        transaction, so that nothing is sealed with a key that is forgotten. Refused when they do not open."""
        ids = await _key_ids(conn, writing)
        if ids != list(self._keys):
            now = await open_vault(conn, self._master)
            self._keys, self._newest = now._keys, now._newest

    def __repr__(self) -> str:
        return f"<Vault of {len(self._keys)} key(s)>"

    def seal(self, connection: str, name: str, secret: str) -> bytes:
        """form | key id (8) | nonce (12) | ciphertext and tag."""
        nonce = os.urandom(NONCE_BYTES)
        key_id = bytes.fromhex(self._newest)
        bound = _bound(connection, name, key_id)
        return FORM + key_id + nonce + self._keys[self._newest].encrypt(nonce, secret.encode(), bound)

    def open(self, connection: str, name: str, sealed: bytes) -> str:
        """Refused when the row was tampered with, belongs elsewhere, or its key is not in this store."""
        key_id, nonce, body = sealed[1:9], sealed[9 : 9 + NONCE_BYTES], sealed[9 + NONCE_BYTES :]
        key = self._keys.get(key_id.hex())
        if sealed[:1] != FORM or key is None:
            raise _unreadable(connection, name)
        try:
            return key.decrypt(nonce, body, _bound(connection, name, key_id)).decode()
        except (InvalidTag, ValueError):
            raise _unreadable(connection, name) from None


async def _key_ids(conn: AsyncConnection, writing: bool) -> list[str]:
    """The data keys, the newest last. A rotation that was waited for took away all that the first question saw."""
    chosen = select(R.id).order_by(R.created_at, R.id)
    for _ in range(2):
        ids = (await conn.execute(chosen.with_for_update(read=True) if writing else chosen)).scalars().all()
        if ids:
            break
    return list(ids)


def _bound(connection: str, name: str, key_id: bytes) -> bytes:
    """The associated data: unlike for every other pair of names."""
    return orjson.dumps(["hub secret", connection, name, key_id.hex()])


def _unreadable(connection: str, name: str) -> Refused:
    return Refused(
        f"The secret {name} of connection {connection} cannot be opened: its row was altered or comes from elsewhere.",
        mend=f"Give the secret again: `hub connections add` for {connection}, or restore the store from a backup.",
    )


def _seal_data_key(master: MasterKey, key_id: str, key: bytes) -> bytes:
    """form | salt (16) | nonce (12) | ciphertext and tag. The tag is the check that the master key is the right one."""
    salt, nonce = os.urandom(SALT_BYTES), os.urandom(NONCE_BYTES)
    return FORM + salt + nonce + AESGCM(master.stretched(salt)).encrypt(nonce, key, key_id.encode())


def _open_data_key(master: MasterKey, key_id: str, sealed: bytes) -> bytes:
    salt, rest = sealed[1 : 1 + SALT_BYTES], sealed[1 + SALT_BYTES :]
    try:
        return AESGCM(master.stretched(salt)).decrypt(rest[:NONCE_BYTES], rest[NONCE_BYTES:], key_id.encode())
    except (InvalidTag, ValueError):
        raise Refused(
            f"The key from {master.source} does not open this store's secrets.",
            mend="Give the key that this store was last used with, by HUB_SECRET_KEY or in the home's secret.key. A "
            "store from a backup made before `hub keys change-master` opens with secret.key.old-TIME. If the key is "
            "lost, the secrets are lost too: make a new home, and enter them again.",
        ) from None


async def open_vault(conn: AsyncConnection, master: MasterKey) -> Vault:
    """Opens the store's data keys. Refused when the master key is another one; BadInput when the store has none yet
    (then `make_vault` makes it)."""
    found = (await conn.execute(select(R.id, R.sealed).order_by(R.created_at, R.id))).all()
    if not found:
        raise BadInput("This store has no data key yet.", mend="Run `hub init` on its folder.")
    keys = {key_id: _open_data_key(master, key_id, sealed) for key_id, sealed in found}
    return Vault(keys, found[-1].id, master)


async def opens(conn: AsyncConnection, file: Path) -> bool:
    """Whether that key file is there and opens the store."""
    try:
        await open_vault(conn, read_key_file(file))
    except (BadInput, Refused):
        return False
    return True


async def make_vault(conn: AsyncConnection, master: MasterKey, now: str) -> Vault:
    """Opens the store's data keys, making the first one when there is none. Needs a writing connection."""
    if not (await conn.execute(select(R.id).limit(1))).first():
        await _add_data_key(conn, master, now)
    return await open_vault(conn, master)


async def is_new(conn: AsyncConnection) -> bool:
    """Whether no key was ever made for this store."""
    return not (await conn.execute(select(R.id).limit(1))).first()


async def _add_data_key(conn: AsyncConnection, master: MasterKey, now: str) -> None:
    key_id, key = os.urandom(8).hex(), AESGCM.generate_key(KEY_BYTES * 8)
    await conn.execute(
        insert(tables.keyring).values(id=key_id, sealed=_seal_data_key(master, key_id, key), created_at=now)
    )


async def change_master(conn: AsyncConnection, old: MasterKey, new: MasterKey) -> Vault:
    """Seals the data keys with another master key; the secrets themselves stay as they are. Refused when `old` does
    not open them."""
    for key_id, sealed in (await conn.execute(select(R.id, R.sealed))).all():
        key = _open_data_key(old, key_id, sealed)
        await conn.execute(update(tables.keyring).where(R.id == key_id).values(sealed=_seal_data_key(new, key_id, key)))
    return await open_vault(conn, new)


async def rotate(conn: AsyncConnection, master: MasterKey, now: str) -> Vault:
    """Makes a new data key, seals every secret anew with it and forgets the old ones, in this one transaction: one at
    a time. Waits for those who are putting secrets; others follow it."""
    before = await open_vault(conn, master)
    await conn.execute(delete(tables.keyring))
    await _add_data_key(conn, master, now)
    after = await open_vault(conn, master)
    for connection, name, sealed in (await conn.execute(select(T.connection, T.name, T.sealed))).all():
        fresh = after.seal(connection, name, before.open(connection, name, sealed))
        await conn.execute(
            update(tables.secrets).where(T.connection == connection, T.name == name).values(sealed=fresh)
        )
    return after


# --- the secrets ------------------------------------------------------------------------------------------------


async def put(conn: AsyncConnection, vault: Vault, connection: str, secrets: Mapping[str, str], now: str) -> None:
    """Keeps secrets by name, in place of those of the same names."""
    for name in secrets:
        if not name or name.startswith("."):
            raise BadInput(f"A secret cannot be named {name!r}.", mend="Names begin with a letter.")
    await _put(conn, vault, connection, secrets, now)


async def _put(conn: AsyncConnection, vault: Vault, connection: str, secrets: Mapping[str, str], now: str) -> None:
    await vault.follow(conn, writing=True)
    for name, secret in sorted(secrets.items()):
        await conn.execute(delete(tables.secrets).where(T.connection == connection, T.name == name))
        sealed = vault.seal(connection, name, secret)
        await conn.execute(
            insert(tables.secrets).values(connection=connection, name=name, sealed=sealed, updated_at=now)
        )


async def fetch(conn: AsyncConnection, vault: Vault, connection: str) -> dict[str, str]:
    """The secrets that a person gave for this connection, opened; without the fetched token."""
    await vault.follow(conn)
    found = await conn.execute(select(T.name, T.sealed).where(T.connection == connection, T.name != TOKEN))
    return {name: vault.open(connection, name, sealed) for name, sealed in found}


async def names(conn: AsyncConnection, connection: str) -> list[str]:
    """Which secrets a connection has: what may be shown."""
    found = await conn.execute(select(T.name).where(T.connection == connection, T.name != TOKEN).order_by(T.name))
    return list(found.scalars())


async def marks(conn: AsyncConnection) -> dict[str, Marks]:
    """Of each connection, which secrets it has and when each was given, without the fetched token: while that is the
    same, so are they."""
    found = await conn.execute(
        select(T.connection, T.name, T.updated_at).where(T.name != TOKEN).order_by(T.connection, T.name)
    )
    rows: dict[str, Marks] = {}
    for connection, name, updated_at in found:
        rows[connection] = (*rows.get(connection, ()), (name, updated_at))
    return rows


async def count(conn: AsyncConnection) -> int:
    """How many secrets are sealed in this store, fetched tokens among them."""
    return int((await conn.execute(select(func.count()).select_from(tables.secrets))).scalar_one())


async def drop(conn: AsyncConnection, connection: str, name: str | None = None) -> None:
    """Forgets a secret; without a name all of the connection's, its token too."""
    where = [T.connection == connection] if name is None else [T.connection == connection, T.name == name]
    await conn.execute(delete(tables.secrets).where(*where))


# --- tokens -----------------------------------------------------------------------------------------------------


async def put_token(conn: AsyncConnection, vault: Vault, connection: str, token: Token, now: str) -> None:
    """Keeps a fetched token, and with it, in the same transaction, the secrets it brought (a refresh token that the
    vendor replaced: the old one is dead already)."""
    expires = None if token.expires_at is None else token.expires_at.isoformat()
    form = {"access": token.access, "expires_at": expires, "base_url": token.base_url}
    await put(conn, vault, connection, token.secrets, now)
    await _put(conn, vault, connection, {TOKEN: orjson.dumps(form).decode()}, now)


async def fetch_token(conn: AsyncConnection, vault: Vault, connection: str) -> Token | None:
    """The token last kept, without the secrets it came with; None when there is none."""
    await vault.follow(conn)
    chosen = select(T.sealed).where(T.connection == connection, T.name == TOKEN)
    sealed = (await conn.execute(chosen)).scalar_one_or_none()
    if sealed is None:
        return None
    form = orjson.loads(vault.open(connection, TOKEN, sealed))
    expires: datetime | None = None if form["expires_at"] is None else moments.parse(form["expires_at"])
    return Token(form["access"], expires, form["base_url"])


async def drop_token(conn: AsyncConnection, connection: str) -> None:
    """Forgets the token: the next call fetches another."""
    await drop(conn, connection, TOKEN)
