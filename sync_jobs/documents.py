"""The documents that jobs work by: the published version of every name, compiled.

A connection's documents are taken over into the store when it is first made ready: from the home's own files, else
from the library. From then on the store says what holds; a newer library changes nothing by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path

from hub.domain.policy import EntityPolicy
from hub.domain.version import MappingVersion, VersionState, connection_of
from hub.store import mappings
from hub.store.database import Transaction
from mappings import compile, library, survivorship
from mappings.lens import Lens

FOLDER = "mappings"
"""Where a home keeps documents of its own, before they are taken over."""
ENTITIES = library.ENTITIES


def name_of(connection: str, stream: str) -> str:
    return f"{connection}/{stream}"


def titled(version: MappingVersion) -> str:
    """How complaints name the document."""
    return f"{version.name} version {version.version}"


def lens_of(version: MappingVersion) -> Lens:
    """The compiled document. `BadDocument` with every complaint."""
    return compile.lens(version.text, titled(version))


def survivorship_of(version: MappingVersion) -> EntityPolicy:
    """Who wins, as that version says. `BadDocument` with every complaint."""
    return survivorship.parse(version.text, titled(version))


def missing(home: Path, connection: str, connector: str, streams: Sequence[str], held: Iterable[str]) -> list[str]:
    """Streams of a connection that have a document in the home or the library, and none in the store yet."""
    own = home / FOLDER / connection
    known = library.names()
    there = set(held)
    return [
        s
        for s in streams
        if name_of(connection, s) not in there and ((connector, s) in known or (own / f"{s}.yaml").is_file())
    ]


async def adopt(conn: Transaction, home: Path, connection: str, connector: str, stream: str, now: str) -> None:
    """Takes a document over into the store as its first version. `BadDocument` when it is wrong."""
    own = home / FOLDER / connection
    lens = library.load(connector, stream, own)
    source = library.source(connector, stream, own)
    who = "the home's own file" if source.parent == own else "library"
    await _first(conn, name_of(connection, stream), source, lens.hash, who, now)


async def adopt_survivorship(conn: Transaction, home: Path, entity: str, now: str) -> None:
    """Takes a survivorship document over into the store as its first version. `BadDocument` when it is wrong."""
    own = home / FOLDER
    policy = library.entity_policy(entity, own)
    source = library.entity_source(entity, own)
    who = "the home's own file" if source.parent == own else "library"
    await _first(conn, entity, source, meaning_of(policy), who, now)


def meaning_of(policy: EntityPolicy) -> str:
    """A hash that changes with what a survivorship document means, and with nothing else."""
    said = (policy.entity, policy.default, sorted(policy.fields.items()))
    return blake2b(repr(said).encode(), digest_size=16).hexdigest()


async def _first(conn: Transaction, name: str, source: Path, hash: str, who: str, now: str) -> None:
    version = MappingVersion(name, 1, VersionState.PUBLISHED, None, _text(source), hash, who, "taken over", now, now)
    await mappings.add(conn, version)


def _text(source: Path) -> str:
    return source.read_bytes().decode()


def of_connection(published: Mapping[str, MappingVersion], connection: str) -> dict[str, MappingVersion]:
    """Stream -> version."""
    return {name.partition("/")[2]: v for name, v in published.items() if connection_of(name) == connection}


def numbers(published: Mapping[str, MappingVersion], connection: str) -> dict[str, int]:
    """Stream -> number of its published version."""
    return {stream: v.version for stream, v in of_connection(published, connection).items()}


def own_survivorship(home: Path, entity: str) -> EntityPolicy:
    """Who wins, as the home's own file says, or the library. `BadDocument` with every complaint."""
    return library.entity_policy(entity, home / FOLDER)
