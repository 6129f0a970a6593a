"""The store itself: whether its schema fits this release and it is whole; bringing it up to date; moving it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hub import clock, settings
from hub.domain.lease import NOBODY
from hub.domain.moments import iso
from hub.errors import HubError, Refused
from hub.operations import home as homes
from hub.operations.turns import LEASE, turn
from hub.store import copying, health, leases, schema
from hub.store.copying import Copied
from hub.store.database import Database, open_database
from hub.store.schema import Schema, SchemaState, Step
from sync_jobs.counts import Progress, Silent

UPGRADE = "upgrade"


@dataclass(frozen=True, slots=True)
class Trouble:
    what: str
    found: str
    mend: str


@dataclass(frozen=True, slots=True)
class Checked:
    """`ok`: the schema fits and nothing is wrong. `steps` is what an upgrade would run. `held` is "" in a store
    without a schema."""

    ok: bool
    store: str
    schema: SchemaState
    held: str
    release: str
    steps: tuple[Step, ...]
    looked_at: tuple[str, ...]
    troubles: tuple[Trouble, ...]


async def check(home: Path) -> Checked:
    """Looks at the store and changes nothing in it. What is wrong is told, not raised."""
    store = settings.without_password(homes.address(home))
    try:
        return await _check(home, store)
    except HubError as error:
        unread = Schema(SchemaState.UNKNOWN, "", schema.release())
        return _checked(store, unread, ("store",), (Trouble("store", error.message, error.mend),))


async def _check(home: Path, store: str) -> Checked:
    if _no_file(homes.address(home)):
        return _checked(store, Schema(SchemaState.EMPTY, "", schema.release()))
    async with homes.store(home) as database:
        found = await database.schema()
        try:
            schema.refuse_unusable(found)
        except Refused as error:
            return _checked(store, found, (), (Trouble("schema", error.message, error.mend),))
        if found.state is not SchemaState.CURRENT:
            return _checked(store, found)
        async with database.read() as conn:
            looked = await health.examine(conn)
    troubles = tuple(Trouble(one.what, wrong, one.mend) for one in looked for wrong in one.wrong[: health.MOST])
    return _checked(store, found, tuple(one.what for one in looked), troubles)


def _no_file(url: str) -> bool:
    """Whether this names an SQLite file that doesn't exist: opening it would make it."""
    return url.startswith("sqlite") and not _file(url).exists()


def _file(url: str) -> Path:
    return Path(url.partition(":///")[2])


def _checked(store: str, found: Schema, looked: Sequence[str] = (), troubles: Sequence[Trouble] = ()) -> Checked:
    ok = found.state is SchemaState.CURRENT and not troubles
    return Checked(ok, store, found.state, found.held, found.release, found.steps, ("schema", *looked), tuple(troubles))


@dataclass(frozen=True, slots=True)
class Upgraded:
    """From which schema version ("" for an empty store) to which; `steps` is empty when it was up to date."""

    ok: bool
    store: str
    before: str
    after: str
    steps: tuple[Step, ...]


async def upgrade(home: Path, progress: Progress | None = None) -> Upgraded:
    """Runs the migrations that are missing, all in one transaction: after a failure the store is as it was."""
    async with homes.store(home) as database:
        before = await _upgrade(database, progress or Silent())
    return Upgraded(True, settings.without_password(homes.address(home)), before.held, before.release, before.steps)


async def _upgrade(database: Database, progress: Progress) -> Schema:
    total = len((await database.schema()).steps)
    done = 0

    def told(_: str) -> None:
        nonlocal done
        done += 1
        progress.update(UPGRADE, "", "", {"done": done}, total)

    before = await database.upgrade(told=told)
    async with database.write() as conn:
        await health.set_numbering(conn)
    return before


@dataclass(frozen=True, slots=True)
class Moved:
    """A copy that was compared with its original. `store` stays as it was; `target` is not in use yet."""

    ok: bool
    store: str
    target: str
    rows: int
    tables: tuple[Copied, ...]


async def copy(home: Path, target_url: str, progress: Progress | None = None) -> Moved:
    """Copies the home's store into an empty one. Nothing may work in this home meanwhile: what is written to the store
    after the copy began is not in the copy."""
    watching = progress or Silent()

    def told(job: str, table: str, done: int, total: int) -> None:
        watching.update(job, table, "", {"done": done}, total)

    with homes.spoken(), turn(home):
        async with homes.store(home) as source:
            await refuse_busy(source)
            target = open_database(target_url)
            try:
                if _no_file(target_url):
                    _file(target_url).touch(mode=0o600)  # it will hold personal data
                await _reach(target)
                copied = await copying.copy(source, target, told)
            finally:
                await target.close()
    store, there = (settings.without_password(url) for url in (homes.address(home), target_url))
    return Moved(True, store, there, sum(one.rows for one in copied), copied)


async def _reach(target: Database) -> None:
    """Opens it for the first time, so that trouble at the target is told from trouble at the home's own store."""
    try:
        with homes.spoken():
            await target.schema()
    except HubError as error:
        raise HubError(
            f"the target: {error.message}",
            mend="check TARGET_URL (the password may be in PGPASSWORD), and that the database there exists",
        ) from None


async def refuse_busy(database: Database) -> None:
    """Refused while another host works in a store that hosts share."""
    if not database.shared or (await database.schema()).state is not SchemaState.CURRENT:
        return
    async with database.read() as conn:
        lease = await leases.fetch(conn, LEASE)
    if lease is not None and lease.holder != NOBODY and lease.until > iso(clock.now()):
        raise Refused("another host is working in this store", mend="let it end; `hub runs` shows what it does")
