"""Lanes: kinds of work on a connection that go on side by side, each under a lease and with a share of its own."""

from __future__ import annotations

from enum import StrEnum


class Lane(StrEnum):
    LIVE = "live"
    """What changed, read and told."""
    CONSENT = "consent"
    """Changes of consent alone, past whatever the live lane is busy with."""
    BACKFILL = "backfill"
    VERIFY = "verify"
