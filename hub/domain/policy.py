"""Rules as data: what the mapping documents say, in the form the engine reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Compare(StrEnum):
    """How a vendor keeps a value: two values that are equal under it are the same news."""

    EXACT = "exact"
    TRIMMED = "trimmed"
    CASEFOLD = "casefold"
    PHONE = "phone"
    SET = "set"


class Direction(StrEnum):
    IN = "in"
    OUT = "out"
    BOTH = "both"

    @property
    def reads(self) -> bool:
        return self is not Direction.OUT

    @property
    def writes(self) -> bool:
        return self is not Direction.IN


class Rule(StrEnum):
    """Who wins a canonical field among those who said something."""

    RANKED = "ranked"
    NEWEST = "newest"
    LONGEST = "longest"
    UNION = "union"
    ASK = "ask"


class Weight(StrEnum):
    """How much one connection's word counts for a field: `owner` before all ranks, `if_empty` after them,
    `never` not at all."""

    OWNER = "owner"
    RANKED = "ranked"
    IF_EMPTY = "if_empty"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Survivorship:
    """The rule of one canonical field. `rank` lists connection or connector names, best first."""

    rule: Rule = Rule.RANKED
    rank: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EntityPolicy:
    """Survivorship of every field of an entity; `default` where a field has no rule of its own."""

    entity: str
    default: Survivorship = Survivorship()
    fields: Mapping[str, Survivorship] = field(default_factory=dict)

    def of(self, name: str) -> Survivorship:
        return self.fields.get(name, self.default)


@dataclass(frozen=True, slots=True)
class FieldPolicy:
    """What a mapping says of one canonical field in one stream. `part` names the write call the field travels in
    (some vendors take consent, say, by a call of its own); "" is the record itself."""

    name: str
    direction: Direction = Direction.BOTH
    compare: Compare = Compare.EXACT
    weight: Weight = Weight.RANKED
    part: str = ""
    write_if_empty: bool = False

    @property
    def counts(self) -> bool:
        """Whether what people there say of the field has a say in who wins."""
        return self.direction.reads and self.weight is not Weight.NEVER


class OnGone(StrEnum):
    """What it means for the entity that a remote record was deleted there."""

    BURY = "bury"
    UNLINK = "unlink"
    ASK = "ask"


class OnBuried(StrEnum):
    """What to do here with the record of an entity that was buried."""

    REMOVE = "remove"
    LEAVE = "leave"


class OnDrift(StrEnum):
    """What to do when the remote's fields changed: nothing, take it up in a draft of the mapping, or hold the fields
    that it breaks until a person agreed."""

    IGNORE = "ignore"
    ADOPT = "adopt"
    PARK = "park"


@dataclass(frozen=True, slots=True)
class DriftPolicy:
    """What to do about a remote field that is new, that was removed, or that changed its type."""

    new: OnDrift = OnDrift.IGNORE
    removed: OnDrift = OnDrift.PARK
    retyped: OnDrift = OnDrift.PARK


@dataclass(frozen=True, slots=True)
class Cap:
    """The most that one run may do of one thing in a stream: a number of records or fields, or a share of the records
    that the hub knows there. One of the two is None."""

    number: int | None = None
    share: float | None = None

    def of(self, known: int) -> int:
        """The number, where the hub knows `known` records."""
        if self.number is not None:
            return self.number
        return int((self.share or 0.0) * known)


@dataclass(frozen=True, slots=True)
class Caps:
    """What a mapping allows at most in one run. Where the hub's own brakes allow less, these hold."""

    creates: Cap | None = None
    clears: Cap | None = None
    removes: Cap | None = None
    gone: Cap | None = None
    """Records that a complete read of the stream no longer shows."""


@dataclass(frozen=True, slots=True)
class StreamPolicy:
    """What a mapping says of one stream of a connection.

    `creates`: may the hub create records here; `create_denied`: also of people who denied a channel;
    `create_key`: the canonical field without which nothing is created (never create what could not be found again).
    """

    entity: str
    fields: Mapping[str, FieldPolicy]
    creates: bool = True
    create_denied: bool = True
    create_key: str = "email"
    create_requires: tuple[str, ...] = ()
    on_gone: OnGone = OnGone.UNLINK
    on_buried: OnBuried = OnBuried.LEAVE
    grants: tuple[str, ...] = ()
    """Channels for which an evidenced grant can be told here. Denials can be told wherever `fields` holds a writable
    `consent.<channel>`."""
    create_beside: bool = False
    """Create also for an entity that lives in another stream of the same connection: where this stream is a list of
    its own (the file that the hub writes beside the exports it reads), not another form of the same people (a lead)."""
    drift: DriftPolicy = DriftPolicy()
    caps: Caps = Caps()


@dataclass(frozen=True, slots=True)
class Keep:
    """For how many days the store remembers. `runs`: runs that wrote, which is how long they can be undone, and
    whatever else tells how the hub fared; `idle_runs`: runs that wrote nothing; `history`: the writes themselves, and
    what changed in golden records. What held at the end of that time is kept beyond it."""

    runs_days: int = 90
    idle_runs_days: int = 14
    history_days: int = 400


@dataclass(frozen=True, slots=True)
class Brakes:
    """The most that one run may do to one connection before a person must agree: a number, and a share of the
    records that the hub knows there. The larger of the two counts, so that small stores are not stopped by shares."""

    creates: int = 500
    creates_share: float = 0.5
    clears: int = 50
    clears_share: float = 0.05
    removes: int = 10
    removes_share: float = 0.01
