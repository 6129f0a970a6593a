"""What an edit costs: calls, the share of the day's quota that they take, and how long they last."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from hub.domain.quota import HOUR
from hub.engine.forecast import Passage, lasts
from hub.store import quotas
from hub.store.database import Transaction
from hub.transport.budget import Budget
from hub.transport.passbook import is_long

ROUND_TRIP = 0.3
"""Seconds that a call takes where nobody limits it."""
BUCKET = "default"


@dataclass(frozen=True, slots=True)
class Quota:
    """Of one connection. `limit`: calls a day that the hub may make, None where neither the connector nor the vendor's
    answers say; `spent`: calls that it made today (UTC)."""

    connection: str
    calls: int
    limit: int | None
    spent: int
    seconds: float

    @property
    def share(self) -> float | None:
        """Of the day's quota, by what is planned."""
        return self.calls / self.limit if self.limit else None


async def quota(conn: Transaction, name: str, budget: Budget, calls: int, now: datetime) -> Quota:
    """Of so many calls that are planned."""
    midnight = int(now.replace(hour=0, minute=0, second=0, microsecond=0).timestamp() // HOUR)
    spent = sum(count.calls for count in await quotas.since(conn, [name], midnight))
    standings = await budget.standings(now.timestamp())
    days = [int(s.most * s.limit.share) for s in standings if is_long(s.limit) and s.most]
    short = [s for s in standings if not is_long(s.limit) and s.most and s.limit.bucket == BUCKET]
    # One that holds a limit of its own for the pace alone: the day's rest is told beside it.
    through = [Passage(s.most, s.limit.seconds, s.most) for s in short]
    return Quota(name, calls, min(days, default=None), spent, round(lasts(calls, through, ROUND_TRIP), 1))
