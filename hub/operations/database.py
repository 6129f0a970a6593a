"""The store itself: whether its schema fits this release and it is whole; bringing it up to date."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hub import settings
from hub.errors import HubError, Refused
from hub.operations import home as homes
from hub.store import health, schema
from hub.store.database import Database
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
    scheme, _, path = url.partition(":///")
    return scheme.startswith("sqlite") and not Path(path).exists()


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
