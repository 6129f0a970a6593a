"""The parts of a checked mapping document, with every default filled in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hub.domain.entities import EntityDef, FieldDef
from hub.domain.policy import Compare, Direction, StreamPolicy, Weight
from hub.domain.values import Scalar


@dataclass(frozen=True, slots=True)
class Country:
    """The default region of phone numbers: fixed, or named by the record at `path`."""

    region: str | None = None
    path: str | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """A text itself, or the path of one."""

    text: str = ""
    path: str | None = None


@dataclass(frozen=True, slots=True)
class FieldDoc:
    """A field as the document says it, with all defaults filled in. `table` is (text form, remote, canonical)."""

    name: str
    definition: FieldDef
    free: bool = False
    paths: tuple[str, ...] = ()
    constant: Scalar = None
    join: str | None = None
    split: str | None = None
    normalise: tuple[str, ...] = ()
    transform: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    table: tuple[tuple[str, Scalar, Scalar], ...] = ()
    write_table: Mapping[str, Scalar] = field(default_factory=dict)
    on_unknown: Scalar = "reject"
    country: Country = Country()
    compare: Compare = Compare.TRIMMED
    empty: str = "keep"
    direction: Direction = Direction.BOTH
    weight: Weight = Weight.RANKED
    write_if_empty: bool = False
    part: str = ""
    max_length: int | None = None


@dataclass(frozen=True, slots=True)
class MatchDoc:
    key: str
    paths: tuple[str, ...]
    split: str | None = None
    normalise: tuple[str, ...] = ()
    country: Country = Country()
    name_from: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ConsentRead:
    """Values are in text form, casefolded. `none` is None when any other value says nothing."""

    path: str
    denied: frozenset[str]
    granted: frozenset[str]
    none: frozenset[str] | None
    at: str | None = None
    who: Source = Source()
    how: Source = Source()
    when: str | None = None


@dataclass(frozen=True, slots=True)
class ConsentDoc:
    channel: str
    reads: tuple[ConsentRead, ...] = ()
    deny: Mapping[str, Scalar] = field(default_factory=dict)
    grant: Mapping[str, Scalar] = field(default_factory=dict)
    part: str = ""


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition of the scope: `op` is in, not_in, present, starts_with, ends_with, contains or any."""

    op: str
    path: str = ""
    values: frozenset[str] = frozenset()
    present: bool = True
    text: str = ""
    any: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class Document:
    """A checked mapping document. `hash` covers what it means, not its comments, its `about` or its examples."""

    file: str
    connector: str
    stream: str
    entity: EntityDef
    hash: str
    policy: StreamPolicy
    match: tuple[MatchDoc, ...] = ()
    fields: tuple[FieldDoc, ...] = ()
    consent: tuple[ConsentDoc, ...] = ()
    scope: tuple[Condition, ...] = ()
    examples: tuple[Mapping[str, Any], ...] = ()
    lines: Mapping[tuple[str, ...], int] = field(default_factory=dict, compare=False, repr=False)
    """The line of every place, so that later complaints name one, too."""

    def where(self, *place: str) -> str:
        """A place as complaints name it: `file:line fields.email.path`; the nearest line above where it has none."""
        known = place
        while known and known not in self.lines:
            known = known[:-1]
        line = self.lines.get(known)
        named = f"{self.file}:{line}" if line else self.file
        return f"{named} {'.'.join(place)}" if place else named
