"""Consent is a lattice: deny wins. A denial is lifted only by a grant that is newer *and* evidenced."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ConsentState(StrEnum):
    DENIED = "denied"
    GRANTED = "granted"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Evidence:
    """Who granted, when (ISO 8601, UTC) and how ("double opt-in, form 12"). All three or it is none."""

    who: str
    when: str
    how: str


@dataclass(frozen=True, slots=True)
class ConsentReading:
    """What a remote shows for a channel now: `denied`, `granted`, or `none` (shows that nothing was said).

    `at` is the vendor's own time of the statement, if it has one; `evidence` only with a grant.
    """

    state: str
    at: str | None = None
    evidence: Evidence | None = None


@dataclass(frozen=True, slots=True)
class Statements:
    """All that one link (or one person at the hub) ever said of a channel, as far as it matters: the latest denial
    and the latest evidenced grant. Joining is commutative, associative and idempotent.

    `denial`: who recorded the denial and how they know, as far as they said; a denial counts without.
    `early`: the evidence of a grant that was dated later than it was seen. It counts for nothing, also when that time
    has come: remembered, so that nobody takes it for a new one then."""

    denied_at: str | None = None
    granted_at: str | None = None
    evidence: Evidence | None = None
    denial: Evidence | None = None
    early: Evidence | None = None

    def join(self, other: Statements) -> Statements:
        grant = max((s for s in (self, other)), key=lambda s: (s.granted_at or "", repr(s.evidence)))
        denied = max((self, other), key=lambda s: (s.denied_at or "", s.denial is not None, repr(s.denial)))
        early = max((self.early, other.early), key=lambda e: (e.when if e else "", repr(e)))
        return Statements(denied.denied_at, grant.granted_at, grant.evidence, denied.denial, early)


@dataclass(frozen=True, slots=True)
class Consent:
    """The golden consent of one channel: state, since when, from where, and the rule that decided."""

    state: ConsentState
    at: str | None = None
    origin: str = ""
    evidence: Evidence | None = None
