"""The store itself: whether its schema fits this release and it is whole; bringing it up to date; moving it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from hub import __version__, clock, settings
from hub.domain.moments import iso
from hub.domain.policy import Keep
from hub.errors import HubError, Refused
from hub.operations import home as homes
from hub.operations.turns import turn
from hub.store import copying, health, leases, schema, workers
from hub.store.copying import Copied
from hub.store.database import Database, open_database
from hub.store.schema import Phase, Schema, SchemaState, Step
from sync_jobs import retention
from sync_jobs.counts import Progress, Silent
from sync_jobs.hub import Hub
from sync_jobs.lease import HOME

UPGRADE = "upgrade"


@dataclass(frozen=True, slots=True)
class Trouble:
    what: str
    found: str
    mend: str


@dataclass(frozen=True, slots=True)
class Checked:
    """`ok`: this release may work on the store and nothing is wrong. `steps` is what an upgrade would run, each before
    or after the processes of the release before are gone. `held` is "" in a store without a schema."""

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
        if not found.usable:
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
    ok = found.usable and not troubles
    return Checked(ok, store, found.state, found.held, found.release, found.steps, ("schema", *looked), tuple(troubles))


@dataclass(frozen=True, slots=True)
class Upgraded:
    """From which schema version ("" for an empty store) to which, by these steps; `left`: the steps that are still to
    be run when no process of an older release is left."""

    ok: bool
    store: str
    before: str
    after: str
    steps: tuple[Step, ...]
    left: tuple[Step, ...]


async def upgrade(home: Path, progress: Progress | None = None, *, phase: Phase | None = None) -> Upgraded:
    """Runs the migrations that are missing, all in one transaction: after a failure the store is as it was.

    `phase` pre: only those that the processes of the release before can work with. Post: the rest; refused while there
    are workers of another release.
    """
    async with homes.store(home) as database:
        found = await database.schema()
        schema.refuse_unusable(found)
        todo = found.first_steps if phase is Phase.PRE else found.steps
        if phase is Phase.POST and todo:
            await _refuse_too_early(database, found)
        before = await _upgrade(database, todo, progress or Silent())
        after = await database.schema()
        run = tuple(step for step in before.steps if step.version <= after.held)
        return Upgraded(True, settings.without_password(homes.address(home)), before.held, after.held, run, after.steps)


async def _upgrade(database: Database, todo: Sequence[Step], progress: Progress) -> Schema:
    done = 0

    def told(_: str) -> None:
        nonlocal done
        done += 1
        progress.update(UPGRADE, "", "", {"done": done}, len(todo))

    if todo:
        before = await database.upgrade(todo[-1].version, told=told)
    else:
        before = await database.schema()
    if before.usable or todo:
        async with database.write() as conn:
            await health.set_numbering(conn)
    return before


SILENT_AFTER = timedelta(minutes=2)
"""A process that said nothing for so long is taken for gone."""


async def _refuse_too_early(database: Database, found: Schema) -> None:
    """Refused while processes of another release were heard of lately: they may need what the steps take away. Also
    where these steps are not all that there is to do."""
    if found.state is SchemaState.EMPTY:
        raise Refused(
            "The store is empty: there is nothing of an older release to take away.",
            mend="Run `hub db upgrade`: it makes the tables, by every step at once.",
        )
    if found.state is not SchemaState.WAITING:
        raise Refused(
            f"The store's schema is version {found.held}: there is more to do than the steps for afterwards.",
            mend="Run `hub db upgrade --pre`, and --post when every process is of this release; or stop all "
            "processes, and `hub db upgrade` runs everything.",
        )
    async with database.read() as conn:
        lately = await workers.all(conn, iso(clock.now() - SILENT_AFTER))
    theirs = [
        f"{w.role} on {w.host}, process {w.process}, release {w.release}" for w in lately if w.release != __version__
    ]
    if theirs:
        raise Refused(
            f"Processes of another release are at work: {'; '.join(theirs)}.",
            mend=f"Stop them, or replace them by release {__version__}, and run the same command again.",
        )


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
    """Refused while a run works in the store, or a worker or `hub web` lives, also one that has nothing to do now."""
    if not (await database.schema()).usable:
        return
    now = clock.now()
    async with database.read() as conn:
        home = await leases.fetch(conn, HOME) if database.shared else None  # on one host the file has said it
        held = [lease for lease in (home, *await leases.tours(conn)) if lease is not None and lease.held_at(iso(now))]
        lately = await workers.all(conn, iso(now - SILENT_AFTER))
    busy = sorted({lease.name for lease in held}) + [f"{w.role} on {w.host}, process {w.process}" for w in lately]
    if busy:
        raise Refused(
            f"somebody is working in this store ({', '.join(busy)})",
            mend="stop `hub up`, `hub worker` and `hub web`, and let the others end; `hub runs` shows what they do. "
            "A process that was killed counts for two minutes after its last sign of life",
        )


@dataclass(frozen=True, slots=True)
class Trimmed:
    """Rows that were forgotten by table; with `dry_run`, those that would be."""

    ok: bool
    dry_run: bool
    keep: Keep
    rows: Mapping[str, int]


async def trim(hub: Hub, *, dry_run: bool = False) -> Trimmed:
    """Forgets all that is older than the settings say."""
    rows: Counter[str] = Counter()
    more = True
    while more:
        found = await retention.trim(hub, dry_run=dry_run)
        rows.update(found.rows)
        more = found.more
    async with hub.database.read() as conn:
        return Trimmed(True, dry_run, await retention.fetch(conn), dict(rows))
