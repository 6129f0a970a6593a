"""What the hub remembers of a connection that fails again and again."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Circuit:
    """`failures` in a row since `since`; no calls before `until` (both ISO 8601); `reason`: the last failure's, without
    personal data. None is kept of a connection that works."""

    connection: str
    failures: int
    until: str
    since: str
    reason: str
