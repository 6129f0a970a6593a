"""Versions of mapping documents: who wrote what when, and which one holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class VersionState(StrEnum):
    DRAFT = "draft"
    """Written down; its checks have not passed since."""
    VALIDATED = "validated"
    """It compiles, its examples hold, its loops settle."""
    PUBLISHED = "published"
    """The one that jobs work by. At most one of a name."""
    RETIRED = "retired"
    """Was published once."""
    DROPPED = "dropped"
    """A draft that somebody took back."""


OPEN = (VersionState.DRAFT, VersionState.VALIDATED)
"""States of a document that is still to be published."""


@dataclass(frozen=True, slots=True)
class MappingVersion:
    """One version of the document `name`: `CONNECTION/STREAM`, or the entity whose survivorship it holds.

    `parent` is the version it was made from (None: the first). `text` is the document as it was written, comments and
    all; `hash` changes with its meaning alone. `plan` is the hash of the plan under which it was published.
    """

    name: str
    version: int
    state: VersionState
    parent: int | None
    text: str
    hash: str
    who: str
    why: str
    at: str
    published_at: str | None = None
    plan: str = ""

    @property
    def open(self) -> bool:
        return self.state in OPEN


class Phase(StrEnum):
    """How far a re-reading is: the stream's records first, then the entities that its policy touches."""

    RECORDS = "records"
    ENTITIES = "entities"


@dataclass(frozen=True, slots=True)
class Rereading:
    """What is still to be read again after `to_version` took over from `from_version`: all behind `after`."""

    name: str
    from_version: int
    to_version: int
    phase: Phase
    after: str
    began_at: str


@dataclass(frozen=True, slots=True)
class KeptPlan:
    """What a plan of an edit promised. `versions`: name -> version that would be published; `bases`: name -> version
    that held. `counts`: what would be done, by `CONNECTION/STREAM op` and class."""

    hash: str
    versions: Mapping[str, int]
    bases: Mapping[str, int]
    hashes: Mapping[str, str]
    counts: Mapping[str, int] = field(default_factory=dict)
    at: str = ""


def connection_of(name: str) -> str:
    """The connection whose document it is; "" for a survivorship document."""
    return name.partition("/")[0] if "/" in name else ""
