"""What a vendor allows, as a connector declares it and as the vendor's answers say."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

ALL = "*"
"""The bucket of limits and meters that hold for the calls of every bucket together."""


@dataclass(frozen=True, slots=True)
class Limit:
    """Calls of the bucket cost at most `calls` together in any `seconds`, and at most `concurrent` are under way at
    once. 0: not limited; with `calls` 0, the limit of the window is what the vendor's answers say (`Meter`), if
    anything. `midnight`: the window begins at midnight in the account's time zone, instead of `seconds` ago. `share`:
    how much of it the hub takes at most, where the account is others' as well."""

    bucket: str
    calls: int
    seconds: float
    concurrent: int = 0
    share: float = 1.0
    midnight: bool = False


@dataclass(frozen=True, slots=True)
class Meter:
    """What an answer says of one window of the quota, the calls of others included; None: it doesn't say. The window
    is that of the `Limit` with the same bucket and seconds."""

    bucket: str
    seconds: float
    limit: int | None = None
    used: int | None = None
    remaining: int | None = None


def fingerprint(secret: str) -> str:
    """What tells two secrets apart and gives neither away; for long random ones, not for passwords."""
    return hashlib.sha256(secret.encode()).hexdigest()[:24]
