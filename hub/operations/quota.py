"""What may still be asked of each vendor, what used it, and what a backfill would take of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil

from hub.domain.lane import Lane
from hub.domain.moments import iso, parse
from hub.domain.quota import HOUR, CallCount
from hub.domain.run import Run
from hub.engine.forecast import Day, Passage, day, lasts
from hub.engine.quota import left, room
from hub.operations.connections import named
from hub.sdk.limits import ALL
from hub.store import quotas, runs
from hub.store.database import Transaction
from hub.transport.budget import Budget, Standing
from hub.transport.passbook import is_long
from sync_jobs.hub import Hub
from sync_jobs.wiring import Wired

LATELY = 24
"""Hours on which a forecast rests."""
LEAST = 3
"""And the fewest: a hub that has just begun has little to go by."""
RUNS = 200
"""Runs of a connection in which its latest pace is looked for."""
ROUND_TRIP = 0.3
"""Seconds that a call takes where no run has shown it."""
READERS = ("pull", "backfill")
"""Jobs whose runs show how a stream is read."""
BUCKET = "default"


@dataclass(frozen=True, slots=True)
class Said:
    """The vendor's own last word on a window: None where it didn't say."""

    limit: int | None
    used: int | None
    at: str


@dataclass(frozen=True, slots=True)
class Window:
    """One window of the account that a connection calls on, all its connections together.

    `limit`: None where only the vendor knows and didn't say yet; `ours`: the hub takes no more of it. `used`: in the
    window up to now, None where other processes count it for themselves. `frees_at`: when the next of it comes free;
    `runs_out_at`: when it is used up if the day goes on as it went, None when that takes longer than a day.
    """

    bucket: str
    seconds: float
    limit: int | None
    ours: int | None
    used: int | None
    backfill_left: int | None
    said: Said | None
    frees_at: str | None
    runs_out_at: str | None


@dataclass(frozen=True, slots=True)
class ConnectionQuota:
    """`shares_with`: other connections to the same account. `at_once`: calls under way at most, by bucket. `rests`:
    until when the vendor wants no calls, by bucket. `today`: calls since midnight (UTC) by lane; `expected`: by the
    end of the day."""

    connection: str
    connector: str
    shares_with: tuple[str, ...]
    windows: tuple[Window, ...]
    at_once: Mapping[str, int]
    rests: Mapping[str, str]
    today: Mapping[str, int]
    expected: int


@dataclass(frozen=True, slots=True)
class Quotas:
    at: str
    connections: tuple[ConnectionQuota, ...]


@dataclass(frozen=True, slots=True)
class Effort:
    """What reading `records` takes, by how the stream was read before: calls, and seconds at the lane's share of the
    quota. `left_today`: calls that the lane may still make of the scarcest window of hours; None: nothing limits it."""

    records: int
    calls: int
    seconds: float
    left_today: int | None


async def quota(hub: Hub, connection: str | None = None) -> Quotas:
    """Of one connection or of all. NotFound for one that there is not."""
    if connection is not None:
        await named(hub, connection)
        hub.connection(connection)
    now = hub.clock()
    async with hub.database.read() as conn:
        shown = [
            await _of(conn, hub, wired, now) for name, wired in sorted(hub.wired.items()) if connection in (None, name)
        ]
    return Quotas(iso(now), tuple(shown))


async def _of(conn: Transaction, hub: Hub, wired: Wired, now: datetime) -> ConnectionQuota:
    budget = wired.caller.budget
    account = sorted(budget.passbook.connections & hub.wired.keys())
    hour = int(now.timestamp() // HOUR)
    counts = await quotas.since(conn, account, hour - LATELY + 1)
    today = int(now.replace(hour=0, minute=0, second=0, microsecond=0).timestamp() // HOUR)
    mine = [count for count in counts if count.connection == wired.name]
    by_lane = {
        lane.value: sum(count.calls for count in mine if count.lane is lane and count.hour >= today) for lane in Lane
    }
    return ConnectionQuota(
        connection=wired.name,
        connector=wired.connector.name,
        shares_with=tuple(name for name in account if name != wired.name),
        windows=tuple([_window(hub, budget, s, counts, now) for s in await budget.standings(now.timestamp())]),
        at_once={limit.bucket: limit.concurrent for limit in budget.limits if limit.concurrent},
        rests={
            bucket: iso(datetime.fromtimestamp(until, UTC))
            for bucket, until in budget.passbook.rests.items()
            if until > now.timestamp()
        },
        today=by_lane,
        expected=_day(mine, sum(by_lane.values()), now).expected,
    )


def _window(hub: Hub, budget: Budget, standing: Standing, counts: Sequence[CallCount], now: datetime) -> Window:
    limit, known = standing.limit, standing.shared
    said = budget.passbook.said.get((limit.bucket, limit.seconds))
    most = room(standing.most, hub.budgets.shares, Lane.BACKFILL, limit.share) if standing.most else None
    frees_at = runs_out_at = None
    if is_long(limit):
        frees = budget.passbook.frees(limit, now.timestamp())
        frees_at = _text(frees)
        if most is not None:
            of_it = [count for count in counts if limit.bucket in (ALL, count.bucket)]
            free = left(standing.used, most, Lane.LIVE)
            hours = _day(of_it, 0, now).runs_out(free)
            runs_out_at = None if hours is None else iso(now + timedelta(hours=hours))
    return Window(
        bucket=limit.bucket,
        seconds=limit.seconds,
        limit=standing.most or None,
        ours=most.own if most is not None and limit.share < 1 else None,
        used=standing.used.all if known else None,
        backfill_left=left(standing.used, most, Lane.BACKFILL) if most is not None and known else None,
        said=None if said is None else Said(said.limit, said.used, iso(datetime.fromtimestamp(said.at, UTC))),
        frees_at=frees_at,
        runs_out_at=runs_out_at,
    )


def _text(at: float | None) -> str | None:
    return None if at is None else iso(datetime.fromtimestamp(at, UTC))


def _day(counts: Sequence[CallCount], used: int, now: datetime) -> Day:
    """As the hours went since the first calls, at most a day ago."""
    hour = int(now.timestamp() // HOUR)
    by_hour: Counter[int] = Counter()
    for count in counts:
        by_hour[count.hour] += count.cost
    since = max(hour - LATELY + 1, min([*by_hour, hour - LEAST + 1]))
    into = max(0.02, (now.minute * 60 + now.second) / HOUR)
    return day(used, 24 - now.hour - into, [by_hour[h] for h in range(since, hour + 1)], into)


async def effort(hub: Hub, wired: Wired, stream: str, records: int) -> Effort | None:
    """Of reading so many records in the lane of backfills. None when no run has shown how many come with one call."""
    async with hub.database.read() as conn:
        lately = [r for job in READERS for r in await runs.recent(conn, RUNS, connection=wired.name, job=job)]
    largest = max((r for r in lately if r.stream == stream and _read(r)), key=_read, default=None)
    if largest is None:
        return None
    made = largest.counts.get("api_calls", 0) or 1
    calls = ceil(records * made / _read(largest))
    standings = await wired.caller.budget.standings(hub.clock().timestamp())
    shares, through, days = hub.budgets.shares, [], []
    for s in standings:
        if s.most and s.limit.bucket in (BUCKET, ALL):
            most = room(s.most, shares, Lane.BACKFILL, s.limit.share)
            free = left(s.used, most, Lane.BACKFILL)
            through.append(Passage(min(most.lane, most.patient), s.limit.seconds, free))
            days += [free] if is_long(s.limit) else []
    return Effort(records, calls, round(lasts(calls, through, _seconds(largest) / made), 1), min(days, default=None))


def _read(run: Run) -> int:
    """Records that a run read from the vendor."""
    return run.counts.get("read", 0)


def _seconds(run: Run) -> float:
    if run.ended_at is None:
        return ROUND_TRIP * run.counts.get("api_calls", 1)
    return (parse(run.ended_at) - parse(run.started_at)).total_seconds()
