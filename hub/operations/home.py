"""The hub's home: a folder with its database, its key and the operator's own mapping documents."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hub import settings
from hub.errors import BadInput, HubError, NotFound
from hub.logs import log
from hub.store import trouble
from hub.store.database import Database, open_database
from hub.store.schema import SchemaState
from hub.store.secrets import make_key_file
from hub.transport.budget import Budgets
from sync_jobs import quotas
from sync_jobs.hub import Hub

if TYPE_CHECKING:
    from sync_jobs.arq_queue import ArqQueue

LOG = log(__name__)
PATIENCE = 30.0
"""Seconds that a process which works for good waits for its store to start: after a boot both start at once."""
AGAIN = 1.0
"""Seconds between two tries."""
DATABASE = "hub.db"
KEY_FILE = "secret.key"
MAPPINGS = "mappings"
NOTE = "README.txt"
README = """This folder is the home of a martech hub.

  hub.db       the store: what every system showed, what was agreed on, every write
  secret.key   the master key that seals the secrets in hub.db; keep a copy elsewhere, never beside hub.db
  mappings/    mapping documents that are taken over before the hub's own when a connection is first made ready:
               CONNECTION/STREAM.yaml, and contact.yaml or campaign.yaml for who wins; afterwards `hub mappings`

Work in it with `cd` to here, `hub --home DIR ...`, or HUB_HOME. `hub doctor` says whether it is well.
"""


@dataclass(frozen=True, slots=True)
class HomeMade:
    """`created` is False when the folder was a home already; then its database was brought up to date. `database` and
    `master_key` say where they are: a file, or the variable that names them."""

    ok: bool
    home: Path
    created: bool
    database: str
    master_key: str


def find(said: Path | None, environ: Mapping[str, str] | None = None) -> Path:
    """The home to work in: the one said, else HUB_HOME, else the current folder when it holds a database."""
    given = settings.load(environ)
    named = said or given.home
    home = (named or Path.cwd()).expanduser().resolve()
    if is_home(home):
        return home
    if named is not None and home.is_dir() and given.database_url is not None and given.secret_key is not None:
        return home  # a container's: the store and the key are elsewhere, and mapping documents are in the store
    if named is not None and home.is_dir() and given.database_url is not None:
        raise NotFound(
            f"there is no master key: HUB_SECRET_KEY is not set, and {home} holds no {KEY_FILE}",
            mend="set HUB_SECRET_KEY, or HUB_SECRET_KEY_FILE to a file with it: the key that opens the store",
        )
    if named is not None:
        raise NotFound(f"{home} is not a hub's home: it holds no {DATABASE}", mend=f"make one with `hub init {named}`")
    raise NotFound(
        "no home is named, and this folder is not one",
        mend="say --home DIR or HUB_HOME=DIR, or `cd` to a home; `hub init DIR` makes one",
    )


def is_home(folder: Path) -> bool:
    """A database or a key in it, or, where the environment gives both, the page that `init` left."""
    if (folder / DATABASE).is_file() or (folder / KEY_FILE).is_file():
        return True
    page = folder / "README.txt"
    return page.is_file() and page.read_text(encoding="utf-8", errors="replace").startswith(README.partition("\n")[0])


async def init(folder: Path, *, alone: bool = False) -> HomeMade:
    """Makes a home: folder (mode 700), key file (mode 600), database, place for mapping documents.

    A home that exists is only brought up to date; a folder that holds something else is left alone. `alone`: see
    `opened`.
    """
    folder, existed = await asyncio.to_thread(_prepare, folder)
    if not alone:
        async with store(folder) as database:
            if (await database.schema()).state is SchemaState.EMPTY:  # making a store is what was asked for
                await database.upgrade()
    async with opened(folder, alone=alone):
        pass
    elsewhere = settings.load().database_url is not None and not alone
    where = "the one that HUB_DATABASE_URL names" if elsewhere else str(folder / DATABASE)
    key = "HUB_SECRET_KEY" if key_in_environment() else str(folder / KEY_FILE)
    return HomeMade(True, folder, not existed, where, key)


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
        (folder / NOTE).write_text(README, encoding="utf-8")
    except OSError as error:
        raise BadInput(f"{folder} cannot be made: {error.strerror}") from error
    if not key_in_environment():
        make_key_file(folder / KEY_FILE)
    return folder, False


def key_in_environment() -> bool:
    """Whether HUB_SECRET_KEY gives the master key; then no key file is needed."""
    return settings.load().secret_key is not None


@asynccontextmanager
async def opened(home: Path, *, alone: bool = False, patient: asyncio.Event | None = None) -> AsyncIterator[Hub]:
    """The hub of that home, opened for one operation. Its store is the one that HUB_DATABASE_URL names, else the
    home's own file; `alone` means the file in any case (a demo must not write to somebody's store). `patient`: a store
    that is just starting is waited for, until that event is set."""
    said = settings.load()
    url = None if alone else address(home)
    with spoken():
        redis_url = None if alone or said.redis_url is None else said.redis_url.get_secret_value()
        queue, budgets = _on_redis(redis_url) if redis_url is not None else (None, None)
        migrate = alone or said.migrate == "auto"
        hub = await _open(home, patient, database_url=url, migrate=migrate, queue=queue, budgets=budgets)
    flushing = asyncio.create_task(quotas.keep_flushing(hub))
    try:
        with spoken():
            yield hub
    finally:
        flushing.cancel()
        await asyncio.wait({flushing})
        await hub.close()
        if queue is not None:
            await queue.close()


async def _open(home: Path, patient: asyncio.Event | None, **how: Any) -> Hub:
    deadline = time.monotonic() + PATIENCE
    told = False
    while True:
        try:
            return await Hub.open(home, **how)
        except Exception as error:
            if patient is None or not trouble.passing(error) or time.monotonic() > deadline:
                raise
            if not told:
                meant = trouble.meaning(error)
                LOG.warning("waiting for the store", error=meant.message if meant else type(error).__name__)
                told = True
            with suppress(TimeoutError):
                async with asyncio.timeout(AGAIN):
                    await patient.wait()
            if patient.is_set():
                raise


def _on_redis(url: str) -> tuple[ArqQueue, Budgets]:
    from hub.transport.redis_budget import RedisBudgets
    from sync_jobs.arq_queue import ArqQueue  # slow to load, and most homes have no Redis

    queue = ArqQueue(url)
    return queue, RedisBudgets(queue)


def address(home: Path) -> str:
    """The URL of the home's store. It may hold a password: show it by `settings.without_password`."""
    elsewhere = settings.load().database_url
    return elsewhere.get_secret_value() if elsewhere is not None else f"sqlite:///{home / DATABASE}"


@asynccontextmanager
async def store(home: Path) -> AsyncIterator[Database]:
    """The home's store alone, as it is: nothing is upgraded, no key is asked for."""
    with spoken():
        database = open_database(address(home))
        try:
            yield database
        finally:
            await database.close()


@contextmanager
def spoken() -> Iterator[None]:
    """A store that fails is an error for its operator, not a defect of the hub."""
    try:
        yield
    except (HubError, BrokenPipeError):  # a reader of our output that went away is no trouble of the store
        raise
    except Exception as error:
        meant = trouble.meaning(error)
        if meant is None:
            raise
        raise meant from None
