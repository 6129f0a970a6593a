"""What was measured of a campaign on a day, and since when the hub has known it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fact:
    """Measures of one campaign (its remote id) on one day (`YYYY-MM-DD` in the account's time zone). A measure that
    the vendor doesn't have is None, which is not zero. Money is in minor units of `currency`."""

    campaign_ref: str
    day: str
    currency: str | None = None
    impressions: int | None = None
    clicks: int | None = None
    cost_minor: int | None = None
    conversions: float | None = None
    value_minor: int | None = None
    sends: int | None = None
    opens: int | None = None
    unsubscribes: int | None = None


@dataclass(frozen=True, slots=True)
class KnownFact:
    """A fact with its source and the time the hub knew it: from `known_from` until `known_to` (None: still)."""

    connection: str
    stream: str
    fact: Fact
    known_from: str
    known_to: str | None = None
