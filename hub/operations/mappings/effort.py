"""What an edit costs: calls, the share of the day's quota that they take, and how long they last."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hub.domain.run import Run
from hub.sdk.connector import Connector
from hub.store import runs
from hub.store.database import Transaction

DAY = 86_400.0
ROUND_TRIP = 0.3
"""Seconds that a call takes where nobody limits it."""
MOST_RUNS = 2_000


@dataclass(frozen=True, slots=True)
class Quota:
    """Of one connection. `limit`: calls a day, None where neither the connector nor its answers say; `spent`: calls
    that the hub made today (UTC)."""

    connection: str
    calls: int
    limit: int | None
    spent: int
    seconds: float

    @property
    def share(self) -> float | None:
        """Of the day's quota, by what is planned."""
        return self.calls / self.limit if self.limit else None


async def quota(
    conn: Transaction, name: str, connector: Connector, meters: Mapping[str, int], calls: int, today: str
) -> Quota:
    """`today` is the day as ISO 8601, UTC. `meters`: what the vendor's answers said last."""
    limit = meters.get("limit") or next((at.calls for at in connector.limits if at.seconds >= DAY), None)
    lately = await runs.recent(conn, MOST_RUNS, connection=name)
    return Quota(name, calls, limit, sum(_calls(r) for r in lately if r.started_at >= today), _lasts(connector, calls))


def _calls(run: Run) -> int:
    return run.counts.get("api_calls", 0)


def _lasts(connector: Connector, calls: int) -> float:
    """Calls are made one after the other, no faster than the vendor's limit for short times lets them."""
    paces = [at.seconds / at.calls for at in connector.limits if at.seconds < DAY and at.bucket == "default"]
    return round(calls * max([ROUND_TRIP, *paces]), 1)
