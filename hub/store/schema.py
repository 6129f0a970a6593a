"""Which schema a store has, held against the one this release makes. Reads one row, and needs no migration library."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from itertools import takewhile
from pathlib import Path

from sqlalchemy import String, column, inspect, select, table
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.errors import Refused
from hub.store import settings
from hub.store.tables import metadata

WORKS_WITH = "schema.works_with"
"""The setting that says from which schema version on a release may work on the store. Not set: from the store's own."""
FIRST_TO_READ_IT = "0004"
FOLDER = Path(__file__).parent / "migrations" / "versions"
FILE = re.compile(r"v(\d{4})_\w+\.py")
VERSIONS = table("alembic_version", column("version_num", String))


class SchemaState(StrEnum):
    EMPTY = "empty"  # nothing of the hub's is there yet
    CURRENT = "current"
    WAITING = "waiting"  # fit for this release: only steps are missing that wait until no older process is left
    AHEAD = "ahead"  # a newer release has begun to upgrade it, and said that this one may go on
    OLDER = "older"  # an upgrade brings it up to date
    NEWER = "newer"  # a version that this release doesn't know
    UNKNOWN = "unknown"  # tables of the hub's names without a version


USABLE = (SchemaState.CURRENT, SchemaState.WAITING, SchemaState.AHEAD)


class Phase(StrEnum):
    """When a step may run, seen from the processes of the release before."""

    PRE = "pre"  # while they work: it only adds, and they go on as before
    POST = "post"  # when none of them is left: it takes away what they need


@dataclass(frozen=True, slots=True)
class Step:
    """One migration: the version it leads to, what it makes, in a sentence, and when it may run."""

    version: str
    makes: str
    phase: Phase


@dataclass(frozen=True, slots=True)
class Schema:
    """`held`: the store's version, "" when it has none. `release`: the one of this code."""

    state: SchemaState
    held: str
    release: str

    @property
    def usable(self) -> bool:
        """Whether this release may work on the store as it is."""
        return self.state in USABLE

    @property
    def steps(self) -> tuple[Step, ...]:
        """What an upgrade would run, in order; nothing when there is nothing to do or it would be refused."""
        if self.state not in (SchemaState.EMPTY, SchemaState.OLDER, SchemaState.WAITING):
            return ()
        return tuple(_step(version, path) for version, path in migrations() if version > self.held)

    @property
    def first_steps(self) -> tuple[Step, ...]:
        """Those that may run while processes of the release before work: up to the first that may not. An empty store
        has no such processes."""
        if self.state is SchemaState.EMPTY:
            return self.steps
        return tuple(takewhile(lambda step: step.phase is Phase.PRE, self.steps))


@cache
def migrations() -> tuple[tuple[str, Path], ...]:
    """Version and file of every migration of this release, oldest first. The files are numbered without gaps."""
    named = ((FILE.fullmatch(path.name), path) for path in FOLDER.iterdir())
    return tuple(sorted((match[1], path) for match, path in named if match is not None))


def release() -> str:
    """The schema version that this release works with."""
    return migrations()[-1][0]


def works_with(version: str) -> str:
    """The oldest release, by its schema version, that may work on a store of this version of ours: the one that came
    with the last step which took something away."""
    taken = (step.version for step in map(_step, *zip(*migrations(), strict=True)) if step.phase is Phase.POST)
    return max(FIRST_TO_READ_IT, *(post for post in taken if post <= version), "")


@cache
def _step(version: str, path: Path) -> Step:
    """Read, not imported: looking needs no migration library."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    phase = next(node.value for node in tree.body if isinstance(node, ast.Assign) and _named(node, "PHASE"))
    makes = (ast.get_docstring(tree) or path.stem).partition("\n")[0]
    return Step(version, makes, Phase(ast.literal_eval(phase)))


def _named(node: ast.Assign, name: str) -> bool:
    return any(isinstance(target, ast.Name) and target.id == name for target in node.targets)


async def read(conn: AsyncConnection) -> Schema:
    """The schema of the store behind this transaction."""
    held = await conn.run_sync(_held)
    known = [version for version, _ in migrations()]
    if held == known[-1]:
        state = SchemaState.CURRENT
    elif held in known:
        left = Schema(SchemaState.OLDER, held, known[-1]).steps
        state = SchemaState.OLDER if any(step.phase is Phase.PRE for step in left) else SchemaState.WAITING
    elif held:
        floor = await settings.get(conn, WORKS_WITH) or held
        state = SchemaState.AHEAD if floor <= known[-1] < held else SchemaState.NEWER
    else:
        state = SchemaState.UNKNOWN if await conn.run_sync(_has_tables) else SchemaState.EMPTY
    return Schema(state, held, known[-1])


async def note_floor(conn: AsyncConnection) -> None:
    """Says in the store which older releases may go on working on it, in the transaction that upgraded it."""
    held = await conn.run_sync(_held)
    floor = works_with(held)
    if floor < held:
        await settings.put(conn, WORKS_WITH, floor)
    else:
        await settings.drop(conn, WORKS_WITH)


def _held(conn: Connection) -> str:
    if not inspect(conn).has_table(VERSIONS.name):
        return ""
    return " ".join(sorted(conn.execute(select(VERSIONS.c.version_num)).scalars()))


def _has_tables(conn: Connection) -> bool:
    return not metadata.tables.keys().isdisjoint(inspect(conn).get_table_names())


def refuse_unusable(schema: Schema) -> None:
    """Refused for a store that this release can neither use nor upgrade; it was not touched."""
    if schema.state is SchemaState.NEWER:
        raise Refused(
            f"The store's schema is version {schema.held}, and this release knows versions up to {schema.release} "
            "only: a newer release upgraded it, and this one can't work on it any more. Nothing was changed.",
            mend="Run the newer release, or give this one a store from a backup made before the upgrade.",
        )
    if schema.state is SchemaState.UNKNOWN:
        raise Refused(
            "The database holds tables with names of the hub's, but no schema version. Nothing was changed.",
            mend="Name a database of the hub's own in HUB_DATABASE_URL, or restore the store from a backup.",
        )


def refuse_outdated(schema: Schema) -> None:
    """Refused also for a store that an upgrade would make usable: where nothing but `hub db upgrade` may do it."""
    refuse_unusable(schema)
    if schema.state is SchemaState.OLDER:
        raise Refused(
            f"The store's schema is version {schema.held}, and this release needs {schema.release}. "
            "HUB_MIGRATE=never, so it was left as it is.",
            mend="Back the store up and run `hub db upgrade` (`hub db check` says what it will do).",
        )
    if schema.state is SchemaState.EMPTY:
        raise Refused(
            "The store is empty. HUB_MIGRATE=never, so no tables were made.",
            mend="Run `hub db upgrade`, or name the right store in HUB_DATABASE_URL.",
        )
