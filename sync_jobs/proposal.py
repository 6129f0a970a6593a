"""An edit as jobs see it: the rules as they are, the rules as they would be, and what lies between."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hub.domain.edit import Edit
from hub.domain.policy import EntityPolicy
from hub.domain.version import MappingVersion, connection_of
from hub.errors import NotFound
from hub.store import mappings
from hub.store.database import Transaction
from mappings import compile, drifting, edits
from mappings.document import parse
from mappings.lens import Lens
from sync_jobs import documents
from sync_jobs.hub import Hub
from sync_jobs.rulebook import Rulebook


@dataclass(frozen=True, slots=True)
class Place:
    """A stream of a connection whose document is edited."""

    connection: str
    stream: str
    entity: str
    edit: Edit
    old: Lens
    new: Lens


@dataclass(frozen=True, slots=True)
class Resurvived:
    """An entity whose survivorship is edited; `fields` None means any."""

    entity: str
    fields: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class Proposal:
    """`versions` would be published in place of `bases`. `old` and `new` are the rules before and after."""

    versions: Mapping[str, MappingVersion]
    bases: Mapping[str, MappingVersion]
    old: Rulebook
    new: Rulebook
    places: tuple[Place, ...] = ()
    resurvived: tuple[Resurvived, ...] = ()

    @property
    def entities(self) -> tuple[str, ...]:
        """Kinds of entities that are touched."""
        return tuple(sorted({p.entity for p in self.places} | {r.entity for r in self.resurvived}))

    def edited(self, connection: str, stream: str) -> bool:
        return any((p.connection, p.stream) == (connection, stream) for p in self.places)

    @property
    def rekeys(self) -> bool:
        """Whether it may join people whom nothing joined before."""
        return any(p.edit.keys for p in self.places)


@dataclass(slots=True)
class _Draft:
    """A proposal being put together."""

    hub: Hub
    places: list[Place] = field(default_factory=list)
    resurvived: list[Resurvived] = field(default_factory=list)

    def document(self, base: MappingVersion, version: MappingVersion) -> None:
        connection = connection_of(version.name)
        stream = version.name.partition("/")[2]
        old, new = documents.lens_of(base), documents.lens_of(version)
        before, after = parse(base.text, documents.titled(base)), parse(version.text, documents.titled(version))
        edit = edits.edit(before, after, old, new)
        if not edit.empty and connection in self.hub.wired:
            rests = self.hub.wired[connection].parked.get(stream, ())
            if unmended := drifting.unmended(rests, before, after):  # drifted there, and not mended by this edit
                new = new.without(unmended)
            self.places.append(Place(connection, stream, new.entity, edit, old, new))

    def survivorship(self, base: MappingVersion, version: MappingVersion) -> EntityPolicy:
        old, new = documents.survivorship_of(base), documents.survivorship_of(version)
        named = frozenset(n for n in old.fields.keys() | new.fields.keys() if old.of(n) != new.of(n))
        if old.default != new.default:
            self.resurvived.append(Resurvived(version.name, None))
        elif named:
            self.resurvived.append(Resurvived(version.name, named))
        return new


async def bases_of(conn: Transaction, versions: Mapping[str, MappingVersion]) -> dict[str, MappingVersion]:
    """What each of them would take the place of. NotFound for a name that has nothing published."""
    published = await mappings.published(conn)
    for name in versions:
        if name not in published:
            raise NotFound(f"there is no mapping {name}", mend=f"Mappings: {', '.join(sorted(published)) or 'none'}")
    return {name: published[name] for name in versions}


def propose(hub: Hub, versions: Mapping[str, MappingVersion], bases: Mapping[str, MappingVersion]) -> Proposal:
    """What publishing these versions would change. `BadDocument` when one of them doesn't compile; Refused for a
    document of a connection that cannot be used now."""
    draft = _Draft(hub)
    policies: dict[str, EntityPolicy] = {}
    for name in sorted(versions):
        if connection_of(name):
            hub.connection(connection_of(name))
            draft.document(bases[name], versions[name])
        else:
            policies[name] = draft.survivorship(bases[name], versions[name])
    lenses = {(p.connection, p.stream): p.new for p in draft.places}
    return Proposal(
        versions,
        bases,
        hub.book,
        hub.book.edited(lenses, policies),
        tuple(draft.places),
        tuple(draft.resurvived),
    )


def compiled(text: str, file: str) -> Lens:
    """A document that is not in the store yet. `BadDocument` with every complaint."""
    return compile.lens(text, file)
