"""What happened at the systems, written down beside the hub: what people typed, what the hub was shown, what it did.

Every text that somebody types is unique, so that it can be recognised wherever it turns up.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Word:
    """A person typed `value` into a field of a record at `at`. `shown`: the hub was given an answer that holds it.
    `overwritten`: seconds since the hub had last seen the record, when a write of the hub replaced a word that it
    was never shown. No vendor here lets a writer ask "only if it is still as I saw it"."""

    email: str
    connection: str
    remote_id: str
    field: str
    value: str | None
    at: float
    shown: bool = False
    overwritten: float | None = None


@dataclass(frozen=True, slots=True)
class Denial:
    """A person opted out of e-mail in one system."""

    email: str
    connection: str
    at: float


@dataclass(frozen=True, slots=True)
class Told:
    """A write of the hub that changed whether somebody may be written to. `asked`: when its request began."""

    email: str
    connection: str
    remote_id: str
    contactable: bool
    created: bool
    asked: float
    at: float


@dataclass(frozen=True, slots=True)
class Made:
    """The hub created a record. `unseen`: seconds since a person had made one of that address in the same system,
    which the hub had not been shown by then; None when there was none."""

    email: str
    connection: str
    remote_id: str
    unseen: float | None


@dataclass(slots=True)
class Truth:
    """All of it, oldest first. `lines` is the same as a trace for people."""

    words: list[Word] = field(default_factory=list)
    denials: list[Denial] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    made: list[Made] = field(default_factory=list)
    loose: set[str] = field(default_factory=set)
    """Addresses about which only little can be said from outside: records of theirs were deleted, or fields blanked."""
    counts: dict[str, int] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)

    def count(self, what: str, by: int = 1) -> None:
        self.counts[what] = self.counts.get(what, 0) + by

    def note(self, at: float, *words: Any) -> None:
        self.lines.append(f"{at:9.3f} {' '.join(map(str, words))}")

    @property
    def denied(self) -> set[str]:
        return {d.email for d in self.denials}
