"""Calls as they are counted against quotas."""

from __future__ import annotations

from dataclasses import dataclass

from hub.domain.lane import Lane

HOUR = 3_600


@dataclass(frozen=True, slots=True)
class CallCount:
    """What one lane of a connection sent in one hour, counted from 1970: how many calls, and for how many the vendor
    counts them."""

    connection: str
    bucket: str
    hour: int
    lane: Lane
    calls: int
    cost: int


@dataclass(frozen=True, slots=True)
class Said:
    """The vendor's last word on one window of its quota, the calls of others included; None: it didn't say. `at` in
    seconds since 1970."""

    limit: int | None
    used: int | None
    at: float
