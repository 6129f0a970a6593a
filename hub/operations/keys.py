"""The keys that seal secrets: a new data key, a new master key. No secret of a vendor changes by it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from hub import clock, settings
from hub.domain.moments import iso
from hub.errors import Refused
from hub.operations import home as homes
from hub.operations.database import refuse_busy
from hub.operations.turns import turn
from hub.store import schema, secrets
from hub.store.database import Database, Transaction
from hub.store.secrets import MasterKey

FRESH = "secret.key.new"
"""A key file that is to take the place of the one in use. Found there, a change was interrupted."""
VARIABLE = "HUB_SECRET_KEY"


@dataclass(frozen=True, slots=True)
class Rotated:
    """How many secrets were sealed anew, and which master key opens the new data key: the one that did before."""

    ok: bool
    secrets: int
    master: str


@dataclass(frozen=True, slots=True)
class MasterChanged:
    """`source`: where the new master key is, a file or `HUB_SECRET_KEY`. `kept`: the file that now holds the old key;
    None when there was none. `unset`: whether `HUB_SECRET_KEY` holds the old key and has to go."""

    ok: bool
    source: str
    kept: Path | None
    unset: bool


async def rotate(home: Path) -> Rotated:
    """Makes a new data key and seals every secret with it, in one transaction; the old data key is forgotten. Who works
    in the store meanwhile goes on, and follows."""
    async with _usable(home) as database, database.hearing() as conn:
        master = _master(home)
        await secrets.rotate(conn, master, iso(clock.now()))
        return Rotated(True, await secrets.count(conn), master.source)


async def change_master(home: Path, said: str | None = None) -> MasterChanged:
    """Seals the data keys with another master key: the one said (the environment is to give it from then on), else a
    new random one in the home's key file. The old key file is kept aside: it opens older backups.

    A change that was interrupted is brought to its end by the same command.
    """
    in_use = home / homes.KEY_FILE
    async with _alone(home) as database:
        if said is not None:
            new = secrets.master_key(said, "the new key")
            async with database.write() as conn:
                await secrets.change_master(conn, _master(home), new)
            kept = _aside(in_use)
            in_use.unlink(missing_ok=True)
            return MasterChanged(True, VARIABLE, kept, False)
        fresh = home / FRESH
        new = secrets.read_key_file(fresh) if fresh.exists() else secrets.make_key_file(fresh)
        async with database.write() as conn:
            if not await _opens(conn, new):
                await secrets.change_master(conn, _master(home), new)
        kept = _aside(in_use)
        fresh.replace(in_use)
    return MasterChanged(True, str(in_use), kept, homes.key_in_environment())


@asynccontextmanager
async def _alone(home: Path) -> AsyncIterator[Database]:
    """The home's store, with nobody else at work in it. Refused when there is, and for a store of another schema."""
    with turn(home):
        async with _usable(home) as database:
            await refuse_busy(database)
            yield database


@asynccontextmanager
async def _usable(home: Path) -> AsyncIterator[Database]:
    """The home's store. Refused when its schema is another one."""
    async with homes.store(home) as database:
        found = await database.schema()
        schema.refuse_unusable(found)
        if not found.usable:
            raise Refused("The store is not up to date. No key was changed.", mend="Run `hub db upgrade` first.")
        yield database


def _master(home: Path) -> MasterKey:
    """The master key in use. BadInput or Refused when there is none that may be used."""
    said = settings.load().secret_key
    return secrets.find_master_key(said.get_secret_value() if said is not None else None, home / homes.KEY_FILE)


async def _opens(conn: Transaction, key: MasterKey) -> bool:
    try:
        await secrets.open_vault(conn, key)
    except Refused:
        return False
    return True


def _aside(file: Path) -> Path | None:
    """A copy of the key file that stays. A copy, not a move: at no moment is there none."""
    if not file.exists():
        return None
    stamp = clock.now().strftime("%Y%m%dT%H%M%S%fZ")
    kept = file.with_name(f"{file.name}.old-{stamp}")
    with os.fdopen(os.open(kept, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as copy:
        copy.write(file.read_bytes())
        copy.flush()
        os.fsync(copy.fileno())
    return kept
