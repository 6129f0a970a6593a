"""Who is who: records that share a key are one entity. An entity is a connected component, whatever the order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from hub.domain.keys import Address, Key, entity_id

CROWD = 25
"""A key that more records than this hold is a shared mailbox or a placeholder, not a person: it joins nobody."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A record that was shown: its keys now, and the entity it is linked to already, if it is."""

    address: Address
    keys: tuple[Key, ...]
    entity_id: str | None = None


@dataclass(frozen=True, slots=True)
class Identities:
    """`entity_of`: the entity of every candidate; `merged`: entity -> the one that absorbs it; `founded`: entities
    that did not exist before; `crowded`: keys that were not believed."""

    entity_of: Mapping[Address, str]
    merged: Mapping[str, str] = field(default_factory=dict)
    founded: frozenset[str] = frozenset()
    crowded: tuple[Key, ...] = ()


def _place(candidate: Candidate) -> tuple[str, str, str]:
    address = candidate.address
    return address.connection, address.stream, address.remote_id


class _Components:
    """Union-find over texts; the smallest member names its component."""

    def __init__(self) -> None:
        self.parent: dict[str, str] = {}

    def find(self, x: str) -> str:
        parent = self.parent
        root = x
        while parent.setdefault(root, root) != root:
            root = parent[root]
        while parent[x] != root:
            parent[x], x = root, parent[x]
        return root

    def join(self, a: str, b: str) -> None:
        a, b = self.find(a), self.find(b)
        if a != b:
            low, high = sorted((a, b))
            self.parent[high] = low


def identify(
    entity: str,
    candidates: Sequence[Candidate],
    holders: Mapping[Key, Sequence[tuple[Address, str]]],
) -> Identities:
    """`holders`: for every key of the candidates, the records that held it before, with their entities."""
    components = _Components()
    members: dict[Address, str] = {}
    existing: set[str] = set()
    crowded: set[Key] = set()
    claims: dict[Key, str] = {}
    for candidate in sorted(candidates, key=_place):
        node = candidate.entity_id or entity_id(entity, candidate.address)
        members[candidate.address] = node
        if candidate.entity_id:
            existing.add(candidate.entity_id)
        components.find(node)
        for key in candidate.keys:
            held = holders.get(key, ())
            if len(held) > CROWD:
                crowded.add(key)
                continue
            for _, other in held:
                existing.add(other)
                components.join(node, other)
            if key in claims:
                components.join(node, claims[key])
            claims[key] = node
    return _named(components, members, existing, tuple(sorted(crowded)))


def _named(
    components: _Components, members: Mapping[Address, str], existing: set[str], crowded: tuple[Key, ...]
) -> Identities:
    """A component is named by its smallest entity that existed, else by its smallest founder."""
    name: dict[str, str] = {}
    for entity in sorted(existing):
        name.setdefault(components.find(entity), entity)
    entity_of: dict[Address, str] = {}
    for address, node in members.items():
        root = components.find(node)
        entity_of[address] = name.setdefault(root, root)
    merged = {e: name[components.find(e)] for e in sorted(existing) if name[components.find(e)] != e}
    founded = frozenset(e for e in entity_of.values() if e not in existing)
    return Identities(entity_of, merged, founded, crowded)


def keys_of(candidates: Iterable[Candidate]) -> tuple[Key, ...]:
    return tuple(sorted({key for c in candidates for key in c.keys}, key=lambda k: (k.kind, k.value)))
