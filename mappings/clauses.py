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
class ComputeDoc:
    """An expression over the record. `reads`: the remote paths it looks at; `room`: how large a record it may be
    given."""

    text: str
    reads: tuple[str, ...] = ()
    room: int = 0


@dataclass(frozen=True, slots=True)
class CompositeDoc:
    """One remote field that holds several canonical ones, in the order of `form`, or separated `by` a text."""

    path: str
    fields: tuple[str, ...]
    form: str = ""
    by: str = ""
    empty: str = "keep"
    max_length: int | None = None


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
    on_unknown: str = "reject"
    """`reject`, `pass`, or `default`: then `default` is taken."""
    default: Scalar = None
    country: Country = Country()
    compare: Compare = Compare.TRIMMED
    empty: str = "keep"
    direction: Direction = Direction.BOTH
    weight: Weight = Weight.RANKED
    write_if_empty: bool = False
    part: str = ""
    max_length: int | None = None
    composite: CompositeDoc | None = None
    """What the field is a part of; its one path is then that of the whole."""
    compute: ComputeDoc | None = None


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
    when: ComputeDoc | None = None
    """A condition of the scope as an expression, beside the others."""
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
