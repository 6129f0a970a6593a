"""When somebody should know: conditions out of a situation, and alerts that begin and end out of conditions.

Two things keep an alert from flapping. It takes more to begin than to last (`Condition.strong`), and it ends only when
its condition was away for a while, which doubles each time the same trouble comes back within a day.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from math import sqrt
from statistics import median

from hub.domain.alert import Alert, AlertKind, Condition
from hub.domain.circuit import Circuit
from hub.domain.connection import ConnectionState
from hub.domain.moments import iso, parse
from hub.engine.circuit import is_open

# --- the situation ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StreamSituation:
    """`late`: for how long a walk has been overdue, when that is worth a word; `schedule` in words. `days`: changed
    records by how many times 24 hours ago; `wholes`: what whole walks showed, the latest first. `parked`: what a
    brake that tripped says, and how to agree."""

    name: str
    schedule: str = ""
    late: timedelta | None = None
    days: Mapping[int, int] = field(default_factory=dict)
    wholes: Sequence[int] = ()
    unheard: int = 0
    oldest_unheard: datetime | None = None
    parked: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class QuotaSituation:
    """How much of what the vendor allows within a window was used."""

    bucket: str
    seconds: float
    used: int
    limit: int


@dataclass(frozen=True, slots=True)
class Failing:
    """Runs of one job and stream that failed in a row, and what the last one said."""

    what: str
    times: int
    note: str


@dataclass(frozen=True, slots=True)
class ConnectionSituation:
    """`stopped`: why nothing can be done there, "" where something can. `written` and `refused`: writes of the last 24
    hours, or only those since `counted_since` where there are too many runs to look at. `expiries`: what ends when,
    without renewal. `oldest_doubt`: the write of which nobody has known longest whether it was applied. `opt_outs`:
    people who opted out long ago and whose records there don't show it, the first since `oldest_opt_out`."""

    name: str
    state: ConnectionState = ConnectionState.ACTIVE
    stopped: str = ""
    failing: Sequence[Failing] = ()
    circuit: Circuit | None = None
    written: int = 0
    refused: int = 0
    expiries: Mapping[str, datetime] = field(default_factory=dict)
    quotas: Sequence[QuotaSituation] = ()
    oldest_doubt: datetime | None = None
    streams: Sequence[StreamSituation] = ()
    counted_since: datetime | None = None
    opt_outs: int = 0
    oldest_opt_out: datetime | None = None


# --- conditions -------------------------------------------------------------------------------------------------

FAILING_TIMES = 3
CIRCUIT_AFTER = timedelta(minutes=5)
"""A vendor that is away for less is nobody's business."""
BACKLOG_AFTER, BACKLOG_LASTS = timedelta(minutes=30), timedelta(minutes=10)
DOUBT_AFTER = timedelta(hours=1)
REFUSED_LEAST, REFUSED_SHARE = 10, 0.10
REFUSED_LEAST_LASTS, REFUSED_SHARE_LASTS = 5, 0.05
QUOTA_SHARE, QUOTA_SHARE_LASTS = 0.90, 0.80
QUOTA_WINDOW = 3_600.0
"""Seconds: shorter windows fill and empty all the time."""
EXPIRY_BEFORE = timedelta(days=7)


def conditions(situations: Iterable[ConnectionSituation], now: datetime) -> tuple[Condition, ...]:
    """Everything that is wrong now, each trouble once, by key. Pauses are somebody's will: nothing is wrong there, but
    for opt-outs, which wait for nobody's will."""
    found: dict[str, Condition] = {}
    for connection in situations:
        for condition in _of(connection, now):
            held = found.get(condition.key)
            if held is None or (condition.strong and not held.strong):
                found[condition.key] = condition
    return tuple(found[key] for key in sorted(found))


def _of(connection: ConnectionSituation, now: datetime) -> Iterator[Condition]:
    yield from _opt_outs(connection, now)
    if connection.state is ConnectionState.PAUSED:
        return
    yield from _failed(connection, now)
    yield from _expiring(connection, now)
    yield from _quotas(connection)
    yield from _refused(connection)
    yield from _doubt(connection, now)
    for stream in connection.streams:
        yield from _parked(connection.name, stream)
        yield from _backlog(connection.name, stream, now)
        if not connection.stopped:
            yield from _stale(connection.name, stream)
            yield from _deviation(connection.name, stream)


def _failed(connection: ConnectionSituation, now: datetime) -> Iterator[Condition]:
    name, circuit = connection.name, connection.circuit
    if connection.stopped:
        mend = f"`hub doctor` looks at it; `hub connections resume {name}` once it is mended"
        yield Condition(AlertKind.FAILED, name, f"{name} is stopped: {connection.stopped}", mend)
        return
    left_alone = circuit is not None and is_open(circuit)
    if circuit is not None and left_alone:
        lasts = now - parse(circuit.since)
        said = f"{name} failed {circuit.failures} times in a row and is tried from time to time: {circuit.reason}"
        mend = "nothing, if the vendor is down: it goes on by itself. `hub doctor` says whether it answers"
        yield Condition(AlertKind.CIRCUIT_OPEN, name, said, mend, strong=lasts >= CIRCUIT_AFTER)
    failing = [f for f in connection.failing if f.times >= FAILING_TIMES]
    if failing:
        worst = max(failing, key=lambda f: f.times)
        what = ", ".join(sorted(f.what for f in failing))
        said = f"{name}: the last {worst.times} runs failed ({what}): {worst.note}"
        # Nobody has to be told beside the circuit, nor that it recovered because it is left alone by now.
        yield Condition(AlertKind.FAILED, name, said, "`hub runs` and `hub doctor` say more", strong=not left_alone)


def _expiring(connection: ConnectionSituation, now: datetime) -> Iterator[Condition]:
    for what, at in connection.expiries.items():
        if at - now <= EXPIRY_BEFORE:
            tense = "expires" if at > now else "expired"
            yield Condition(
                AlertKind.TOKEN_EXPIRING,
                connection.name,
                f"the {what} of {connection.name} {tense} on {iso(at)[:16].replace('T', ' ')} UTC",
                f"get another one from the vendor, then `hub connections change {connection.name} --secret {what}=-`",
                part=what,
            )


def _quotas(connection: ConnectionSituation) -> Iterator[Condition]:
    for quota in connection.quotas:
        if quota.limit <= 0 or quota.seconds < QUOTA_WINDOW:
            continue
        share = quota.used / quota.limit
        if share >= QUOTA_SHARE_LASTS:
            hours = f"{quota.seconds / 3600:,.0f} h"
            yield Condition(
                AlertKind.QUOTA,
                connection.name,
                f"{connection.name} used {quota.used:,} of {quota.limit:,} calls ({quota.bucket}) in {hours}",
                "`hub quota` says what used them and when there are more",
                part=f"{quota.bucket} {hours}",
                strong=share >= QUOTA_SHARE,
            )


def _refused(connection: ConnectionSituation) -> Iterator[Condition]:
    tried = connection.refused + connection.written
    share = connection.refused / tried if tried else 0.0
    since = connection.counted_since
    over = f"since {since:%Y-%m-%d %H:%M} UTC" if since is not None else "in 24 h"
    if connection.refused >= REFUSED_LEAST_LASTS and share >= REFUSED_SHARE_LASTS:
        yield Condition(
            AlertKind.REFUSED_SHARE,
            connection.name,
            f"{connection.name} refused {connection.refused:,} of {tried:,} writes {over}",
            f"`hub issues list --connection {connection.name}` says why",
            strong=connection.refused >= REFUSED_LEAST and share >= REFUSED_SHARE,
        )


def _doubt(connection: ConnectionSituation, now: datetime) -> Iterator[Condition]:
    if connection.oldest_doubt is not None and now - connection.oldest_doubt >= DOUBT_AFTER:
        yield Condition(
            AlertKind.BACKLOG,
            connection.name,
            f"{connection.name}: for over an hour nobody knows whether a write was applied",
            "`hub doctor` says whether the connection answers: writes in doubt are looked up there",
            part="in doubt",
        )


def _opt_outs(connection: ConnectionSituation, now: datetime) -> Iterator[Condition]:
    """Also beside what says that the connection failed: that may wait, and who opted out may not be written to."""
    if connection.opt_outs and connection.oldest_opt_out is not None:
        name, people = connection.name, "person" if connection.opt_outs == 1 else "people"
        yield Condition(
            AlertKind.OPT_OUT,
            name,
            f"{name} doesn't show the opt-out of {connection.opt_outs:,} {people}, the first of them seen "
            f"{_duration(now - connection.oldest_opt_out)} ago",
            f"write to none of them from {name}. `hub issues list --connection {name}` says what it refused or did not "
            "keep, `hub doctor` whether it can be written to",
        )


def _parked(name: str, stream: StreamSituation) -> Iterator[Condition]:
    if stream.parked is not None:
        said, mend = stream.parked
        yield Condition(AlertKind.BRAKE, name, said, mend, stream.name)


def _backlog(name: str, stream: StreamSituation, now: datetime) -> Iterator[Condition]:
    if stream.oldest_unheard is None or now - stream.oldest_unheard < BACKLOG_LASTS:
        return
    age = now - stream.oldest_unheard
    yield Condition(
        AlertKind.BACKLOG,
        name,
        f"{stream.unheard:,} records of {name}/{stream.name} wait to be heard, the oldest for {_duration(age)}",
        "`hub status` and `hub runs` show what is under way; more workers hear no faster, a faster store does",
        stream.name,
        strong=age >= BACKLOG_AFTER,
    )


def _stale(name: str, stream: StreamSituation) -> Iterator[Condition]:
    if stream.late is not None:
        yield Condition(
            AlertKind.STALE,
            name,
            f"{name}/{stream.name} has been overdue for {_duration(stream.late)} (schedule: {stream.schedule})",
            "`hub status` says when it was read last; is a worker running?",
            stream.name,
        )


# --- what is usual ----------------------------------------------------------------------------------------------

TYPICAL_LEAST = 100
"""Below that, a stream is too small for its volume to say anything."""
THOUSANDS = 1_000
KNOWN_DAYS = 8
"""A week, and the same day of the week once."""
LOOK_BACK = 28
ROWS_LEAST = 5
WHOLES_LEAST = 3
SPREAD, SPREAD_LASTS = 6.0, 4.0
LOW, LOW_LASTS = 0.5, 0.7
HIGH, HIGH_LASTS = 4.0, 3.0


@dataclass(frozen=True, slots=True)
class Usual:
    """What days (or whole walks) of a stream look like: in the middle, how far they spread, and the least and most of
    those that it should be like most."""

    middle: float
    spread: float
    least: float
    most: float

    def low(self, shown: int, spread: float, share: float) -> bool:
        return shown < self.middle - spread * self.spread and shown < share * self.least

    def high(self, shown: int, spread: float, times: float) -> bool:
        return shown > self.middle + spread * self.spread and shown > times * self.most


def usual_day(days: Mapping[int, int]) -> Usual | None:
    """Of the last four weeks, by median and median deviation of the days with records: one odd day moves neither. The
    same days of the week say what may be less or more: weekends, the first of a month. None: too little is known."""
    known = max(days, default=0)
    rows = [n for ago, n in days.items() if 1 <= ago <= LOOK_BACK and n > 0]
    if known < KNOWN_DAYS or len(rows) < ROWS_LEAST:
        return None
    peers = [days.get(ago, 0) for ago in range(7, LOOK_BACK + 1, 7) if ago < known]
    return _usual(rows, peers)


def usual_whole(wholes: Sequence[int]) -> Usual | None:
    """Of earlier whole walks that showed anything."""
    rows = [n for n in wholes[1:] if n > 0]
    return None if len(rows) < WHOLES_LEAST else _usual(rows, rows)


def _usual(rows: Sequence[int], peers: Sequence[int]) -> Usual:
    middle = median(rows)
    deviation = median(abs(n - middle) for n in rows)
    spread = max(1.4826 * deviation, 0.05 * middle, sqrt(middle))
    return Usual(middle, spread, min(peers), max(peers))


def _deviation(name: str, stream: StreamSituation) -> Iterator[Condition]:
    """A stream that isn't read says nothing of its volume, and one that a brake holds has been told of."""
    if stream.late is not None or stream.parked is not None:
        return
    day = usual_day(stream.days)
    if day is not None:
        yield from _odd(name, stream.name, stream.days.get(0, 0), day, "changed in 24 h")
    whole = usual_whole(stream.wholes)
    if whole is not None:
        yield from _odd(name, stream.name, stream.wholes[0], whole, "shown by the last whole read")


def _odd(name: str, stream: str, shown: int, usual: Usual, what: str) -> Iterator[Condition]:
    if usual.middle < TYPICAL_LEAST:
        return
    low, high = usual.low(shown, SPREAD_LASTS, LOW_LASTS), usual.high(shown, SPREAD_LASTS, HIGH_LASTS)
    if not low and not high:
        return
    none = shown == 0 and usual.middle >= THOUSANDS and usual.least >= TYPICAL_LEAST
    yield Condition(
        AlertKind.ZERO_ROWS if none else AlertKind.VOLUME,
        name,
        f"{name}/{stream}: {shown:,} records {what}, where {usual.middle:,.0f} are usual",
        "look there whether somebody moved, hid or rewrote records, or took a right away from the hub's account",
        stream,
        strong=usual.low(shown, SPREAD, LOW) or usual.high(shown, SPREAD, HIGH),
    )


def _duration(span: timedelta) -> str:
    minutes = int(span.total_seconds() // 60)
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // (24 * 60)} days"


# --- beginning and ending ---------------------------------------------------------------------------------------

CALM, CALM_MOST = timedelta(minutes=15), timedelta(hours=24)
"""For how long a condition has to be away before its alert ends."""
LATELY = timedelta(hours=24)
"""A trouble that comes back within that time is the same one coming and going."""
CAUSES = (AlertKind.FAILED, AlertKind.CIRCUIT_OPEN)
EFFECTS = (AlertKind.STALE, AlertKind.BACKLOG, AlertKind.VOLUME, AlertKind.ZERO_ROWS)
"""What follows by itself where a connection fails: that was told already."""


@dataclass(frozen=True, slots=True)
class Changed:
    """Alerts as they are to be kept. `lasts`: with the latest summary and time; those neither seen nor ended are in
    none of the three."""

    begins: tuple[Alert, ...] = ()
    lasts: tuple[Alert, ...] = ()
    ends: tuple[Alert, ...] = ()


def changed(open_: Iterable[Alert], earlier: Iterable[Alert], seen: Iterable[Condition], now: datetime) -> Changed:
    """`open_`: alerts that have not ended; `earlier`: those of the same keys that have."""
    at = iso(now)
    held = {alert.key: alert for alert in open_}
    there = {condition.key: condition for condition in seen}
    failing = {a.connection for a in held.values() if a.kind in CAUSES}
    failing |= {c.connection for c in there.values() if c.kind in CAUSES}
    begins = [
        Alert(c.key, c.kind, c.connection, c.stream, c.summary, c.mend, at, at)
        for key, c in there.items()
        if key not in held and c.strong and not (c.kind in EFFECTS and c.connection in failing)
    ]
    lasts = [
        replace(alert, seen_at=at, summary=there[key].summary, mend=there[key].mend)
        for key, alert in held.items()
        if key in there
    ]
    before = sorted(earlier, key=lambda alert: alert.began_at, reverse=True)
    ends = [
        replace(alert, ended_at=at)
        for key, alert in held.items()
        if key not in there and now - parse(alert.seen_at) >= calm(_returns(alert, before))
    ]
    return Changed(tuple(begins), tuple(lasts), tuple(ends))


def _returns(alert: Alert, before: Iterable[Alert]) -> int:
    """How often this trouble came back, each time within `LATELY` of its last end. `before`: the latest first."""
    times, began = 0, parse(alert.began_at)
    for other in before:
        if other.key != alert.key or other.ended_at is None:
            continue
        if began - parse(other.ended_at) > LATELY:
            break
        times, began = times + 1, parse(other.began_at)
    return times


def calm(returns: int) -> timedelta:
    """How long a condition has to be away that came back so many times."""
    return min(CALM * (1 << min(returns, 16)), CALM_MOST)
