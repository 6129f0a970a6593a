"""Which schema a store has, held against the one this release makes. Reads one row, and needs no migration library."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

from sqlalchemy import String, column, inspect, select, table
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.errors import Refused
from hub.store.tables import metadata

FOLDER = Path(__file__).parent / "migrations" / "versions"
FILE = re.compile(r"v(\d{4})_\w+\.py")
VERSIONS = table("alembic_version", column("version_num", String))


class SchemaState(StrEnum):
    EMPTY = "empty"  # nothing of the hub's is there yet
    CURRENT = "current"
    OLDER = "older"  # an upgrade brings it up to date
    NEWER = "newer"  # a version that this release doesn't know
    UNKNOWN = "unknown"  # tables of the hub's names without a version


@dataclass(frozen=True, slots=True)
class Step:
    """One migration: the version it leads to, and what it makes, in a sentence."""

    version: str
    makes: str


@dataclass(frozen=True, slots=True)
class Schema:
    """`held`: the store's version, "" when it has none. `release`: the one of this code."""

    state: SchemaState
    held: str
    release: str

    @property
    def steps(self) -> tuple[Step, ...]:
        """What an upgrade would run, in order; nothing when there is nothing to do or it would be refused."""
        if self.state not in (SchemaState.EMPTY, SchemaState.OLDER):
            return ()
        return tuple(Step(version, _makes(path)) for version, path in migrations() if version > self.held)


@cache
def migrations() -> tuple[tuple[str, Path], ...]:
    """Version and file of every migration of this release, oldest first. The files are numbered without gaps."""
    named = ((FILE.fullmatch(path.name), path) for path in FOLDER.iterdir())
    return tuple(sorted((match[1], path) for match, path in named if match is not None))


def release() -> str:
    """The schema version that this release works with."""
    return migrations()[-1][0]


def _makes(path: Path) -> str:
    said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or path.stem
    return said.partition("\n")[0]


async def read(conn: AsyncConnection) -> Schema:
    """The schema of the store behind this transaction."""
    held = await conn.run_sync(_held)
    known = [version for version, _ in migrations()]
    if held == known[-1]:
        state = SchemaState.CURRENT
    elif held in known:
        state = SchemaState.OLDER
    elif held:
        state = SchemaState.NEWER
    else:
        state = SchemaState.UNKNOWN if await conn.run_sync(_has_tables) else SchemaState.EMPTY
    return Schema(state, held, known[-1])


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
            "only: a newer release upgraded it. Nothing was changed.",
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
