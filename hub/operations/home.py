"""The hub's home: a folder with its database, its key and the operator's own mapping documents."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from hub.errors import BadInput, NotFound
from hub.store.secrets import make_key_file
from sync_jobs.hub import Hub

DATABASE = "hub.db"
KEY_FILE = "secret.key"
MAPPINGS = "mappings"
README = """This folder is the home of a martech hub.

  hub.db       the store: what every system showed, what was agreed on, every write
  secret.key   the master key that seals the secrets in hub.db; keep a copy elsewhere, never beside hub.db
  mappings/    your own mapping documents, as CONNECTOR/STREAM.yaml; they come before the ones the hub brings

Work in it with `cd` to here, `hub --home DIR ...`, or HUB_HOME. `hub doctor` says whether it is well.
"""


@dataclass(frozen=True, slots=True)
class HomeMade:
    """`created` is False when the folder was a home already; then its database was brought up to date."""

    ok: bool
    home: Path
    created: bool


def find(said: Path | None, environ: Mapping[str, str] | None = None) -> Path:
    """The home to work in: the one said, else HUB_HOME, else the current folder when it holds a database."""
    environ = os.environ if environ is None else environ
    named = said or (Path(environ["HUB_HOME"]) if environ.get("HUB_HOME") else None)
    home = (named or Path.cwd()).expanduser().resolve()
    if is_home(home):
        return home
    if named is not None:
        raise NotFound(f"{home} is not a hub's home: it holds no {DATABASE}", mend=f"make one with `hub init {named}`")
    raise NotFound(
        "no home is named, and this folder is not one",
        mend="say --home DIR or HUB_HOME=DIR, or `cd` to a home; `hub init DIR` makes one",
    )


def is_home(folder: Path) -> bool:
    return (folder / DATABASE).is_file() or (folder / KEY_FILE).is_file()


async def init(folder: Path) -> HomeMade:
    """Makes a home: folder (mode 700), key file (mode 600), database, place for mapping documents.

    A home that exists is only brought up to date; a folder that holds something else is left alone.
    """
    folder, existed = await asyncio.to_thread(_prepare, folder)
    async with opened(folder):
        pass
    return HomeMade(True, folder, not existed)


def _prepare(said: Path) -> tuple[Path, bool]:
    """The folder with everything but its database, and whether it was a home already."""
    folder = said.expanduser().resolve()
    if is_home(folder):
        return folder, True
    if folder.exists() and not folder.is_dir():
        raise BadInput(f"{folder} is a file", mend="name a folder that does not exist yet, or an empty one")
    if folder.is_dir() and any(folder.iterdir()):
        raise BadInput(
            f"{folder} is not empty and not a hub's home; nothing was changed",
            mend="name a folder that does not exist yet, or an empty one",
        )
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / MAPPINGS).mkdir()
        (folder / "README.txt").write_text(README, encoding="utf-8")
    except OSError as error:
        raise BadInput(f"{folder} cannot be made: {error.strerror}") from error
    if not key_in_environment():
        make_key_file(folder / KEY_FILE)
    return folder, False


def key_in_environment() -> bool:
    """Whether HUB_SECRET_KEY gives the master key; then no key file is needed."""
    return bool(os.environ.get("HUB_SECRET_KEY"))


@asynccontextmanager
async def opened(home: Path) -> AsyncIterator[Hub]:
    """The hub of that home, opened for one operation."""
    hub = await Hub.open(home)
    try:
        yield hub
    finally:
        await hub.close()
