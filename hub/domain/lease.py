"""A lease: the right to do, for a while, what only one may do at a time."""

from __future__ import annotations

from dataclasses import dataclass

NOBODY = ""
"""The holder of a lease that was given back."""


@dataclass(frozen=True, slots=True)
class Lease:
    """`name` says what for, `holder` who (no two acquisitions share a holder's name). `token` is the number of times
    the lease was taken, so an older one is known by its smaller token. `until`: ISO 8601; others may take it then."""

    name: str
    holder: str
    token: int
    until: str

    def held_at(self, now: str) -> bool:
        """Whether it is somebody's at that time."""
        return self.holder != NOBODY and self.until > now
