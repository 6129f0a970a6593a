"""When to try again: computed times, no sleeping in jobs."""

from __future__ import annotations

from datetime import datetime, timedelta

from hub.domain.outcome import Fault

FIRST = 2.0
LAST = 3600.0


def retry_at(now: datetime, tries: int, fault: Fault | None) -> datetime:
    """Doubling from two seconds to an hour; what the vendor asks for counts when it is longer."""
    wait = min(FIRST * 2 ** min(max(tries, 0), 16), LAST)
    if fault is not None and fault.retry_after is not None:
        wait = max(wait, fault.retry_after)
    return now + timedelta(seconds=wait)
