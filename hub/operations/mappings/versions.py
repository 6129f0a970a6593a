"""The documents there are, the text of each version, and the history of a name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hub.domain.version import MappingVersion, connection_of
from hub.errors import NotFound
from hub.operations.mappings import documents, names
from hub.operations.mappings.names import VersionLine
from hub.store import mappings as store
from hub.store.database import Transaction
from mappings.schema import entity_schema, schema
from sync_jobs.documents import FOLDER
from sync_jobs.hub import Hub

LIBRARY = "library"
"""Who wrote what was taken over from the library."""


@dataclass(frozen=True, slots=True)
class MappingLine:
    """One document. `about` is its entity, for survivorship "who wins"; `library`: the hub's library has a newer one
    than was taken over; `file`: the home's own file, where it holds something else than what holds; `reading`: records
    are still to be read again after it was published."""

    name: str
    entity: str
    version: int
    who: str
    why: str
    published_at: str | None
    drafts: tuple[VersionLine, ...]
    library: bool
    file: Path | None
    reading: bool


@dataclass(frozen=True, slots=True)
class Mappings:
    mappings: tuple[MappingLine, ...]


@dataclass(frozen=True, slots=True)
class VersionShown:
    """A version with its text; `drafts`: open drafts of the name."""

    version: VersionLine
    text: str
    drafts: tuple[VersionLine, ...]


@dataclass(frozen=True, slots=True)
class History:
    """Every version of a name, the latest first."""

    name: str
    versions: tuple[VersionLine, ...]


async def list_(hub: Hub) -> Mappings:
    """Every document by name, those of connections first."""
    async with hub.database.read() as conn:
        published = await store.published(conn)
        drafts = await store.drafts(conn)
        reading = {r.name for r in await store.pending(conn)}
        lines = []
        for name in sorted(published, key=lambda n: (not connection_of(n), n)):
            held = published[name]
            mine = [d for d in drafts if d.name == name]
            lines.append(
                MappingLine(
                    name,
                    await _entity(conn, held),
                    held.version,
                    held.who,
                    held.why,
                    held.published_at,
                    tuple(names.line(d, held, mine) for d in mine),
                    await library_moved(conn, name),
                    own_file(hub.home, held),
                    name in reading,
                )
            )
    return Mappings(tuple(lines))


async def _entity(conn: Transaction, held: MappingVersion) -> str:
    read = await documents.version(conn, held)
    if read.document is not None:
        return read.document.entity.name
    return "who wins" if not connection_of(held.name) else ""


async def library_moved(conn: Transaction, name: str) -> bool:
    """Whether the library means something that no version of the name ever meant, though one came from the library."""
    versions = await store.history(conn, name)
    if not any(v.who == LIBRARY for v in versions):
        return False
    try:
        text = await documents.of_library(conn, name)
    except NotFound:
        return False
    read = await documents.read(conn, name, text, "library")
    return bool(read.hash) and read.hash not in await _meanings(conn, versions)


async def _meanings(conn: Transaction, versions: Sequence[MappingVersion]) -> set[str]:
    """What the versions mean to this hub: an older one may have kept another hash for the same."""
    return {v.hash for v in versions} | {(await documents.version(conn, v)).hash for v in versions}


def own_file(home: Path, held: MappingVersion) -> Path | None:
    """The home's own file of a document when it differs from what holds; None where they agree or there is none."""
    path = home / FOLDER / f"{held.name}.yaml"
    try:
        return path if path.is_file() and path.read_bytes() != held.text.encode() else None
    except OSError:
        return path


async def show(hub: Hub, name: str, number: int | None = None) -> VersionShown:
    """A version with its text; the published one without a number."""
    async with hub.database.read() as conn:
        held = await names.holding(conn, name)
        chosen = held if number is None else await names.numbered(conn, name, number)
        drafts = await store.drafts(conn, name)
    lines = tuple(names.line(d, held, drafts) for d in drafts)
    return VersionShown(names.line(chosen, held, drafts), chosen.text, lines)


async def history(hub: Hub, name: str) -> History:
    async with hub.database.read() as conn:
        held = await names.holding(conn, name)
        drafts = await store.drafts(conn, name)
        versions = await store.history(conn, name)
    return History(name, tuple(names.line(v, held, drafts) for v in versions))


def language(*, survivorship: bool = False) -> dict[str, object]:
    """The JSON Schema of mapping documents, or of those that say who wins."""
    return entity_schema() if survivorship else schema()
