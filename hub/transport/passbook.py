"""What is known of a vendor account for longer than a moment, and outlives the process in the store: its calls by the
hour, what the vendor last said of its quota, and until when it rests.

Windows of an hour and more are held against it, by whole hours: a call counts until the hour in which it was made has
left the window entirely, so no such window ever holds more than its limit.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import NamedTuple, TypeAlias

from hub.domain.lane import Lane
from hub.domain.quota import HOUR, CallCount, Said
from hub.engine.quota import PATIENT, Shares, Used, fits, room
from hub.sdk.limits import ALL, Limit, Meter

FRESH = 900.0
"""Seconds for which the vendor's word on what is used is believed. After them a call finds out anew."""

Window: TypeAlias = tuple[str, float]
"""Bucket and seconds: what names a limit, and the meter that speaks of it."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request that wants to leave: against which bucket, for how many calls it counts, in which lane of which
    connection."""

    bucket: str
    cost: int = 1
    lane: Lane = Lane.LIVE
    connection: str = ""

    def meets(self, limit: Limit) -> bool:
        return limit.bucket in (self.bucket, ALL)


class _Place(NamedTuple):
    connection: str
    bucket: str
    hour: int
    lane: Lane


def is_long(limit: Limit) -> bool:
    """Whether the window is counted by the hour."""
    return limit.seconds >= HOUR


class Passbook:
    """Of one account, in one process. Times are seconds since 1970; `zone` says when the account's days begin.

    `connections`: those that call on the account. `said`: what the vendor said, by window. `rests`: no calls of a
    bucket before. `unsaved`: something of these two is not in the store yet. `recalled`: what the store knew was taken
    over.
    """

    def __init__(self, limits: Sequence[Limit], zone: tzinfo = UTC) -> None:
        self.connections: set[str] = set()
        self.said: dict[Window, Said] = {}
        self.rests: dict[str, float] = {}
        self.unsaved = False
        self.recalled = False
        self._limits = {(limit.bucket, limit.seconds): limit for limit in limits}
        self._long = [limit for limit in limits if is_long(limit)]
        self._zone = zone
        self._hours: defaultdict[str, dict[int, Counter[Lane]]] = defaultdict(dict)
        self._calls: Counter[_Place] = Counter()
        self._cost: Counter[_Place] = Counter()
        self._leaving: list[CallCount] = []
        self._since: Counter[Window] = Counter()

    @property
    def reach(self) -> float:
        """Seconds of the past that its windows look at; 0 without a long one."""
        return max((limit.seconds + HOUR for limit in self._long), default=0.0)

    @property
    def has_news(self) -> bool:
        """Whether the store lacks something."""
        return self.unsaved or bool(self._calls)

    # --- may a call leave ---------------------------------------------------------------------------------------

    def most(self, limit: Limit) -> int:
        """What the window holds: as the vendor said, else as declared. 0: it is not limited, or nobody said how."""
        said = self.said.get((limit.bucket, limit.seconds))
        return said.limit if said is not None and said.limit else limit.calls

    def wait(self, call: Call, now: float, shares: Shares) -> float:
        """Seconds until nothing rests and the call fits into every long window; 0: it may leave."""
        waits = [self._wait(limit, call, now, shares) for limit in self._long if call.meets(limit)]
        return max(self.resting(call.bucket, now), *waits, 0.0)

    def resting(self, bucket: str, now: float) -> float:
        """Seconds until the vendor wants to be asked again."""
        return max(self.rests.get(bucket, now) - now, self.rests.get(ALL, now) - now, 0.0)

    def rest(self, bucket: str, until: float) -> None:
        """The vendor's word on when to come back; it wins over all limits, and a later one over an earlier."""
        if until > self.rests.get(bucket, 0.0):
            self.rests[bucket] = until
            self.unsaved = True

    def _wait(self, limit: Limit, call: Call, now: float, shares: Shares) -> float:
        calls = self.most(limit)
        if calls <= 0:
            return 0.0
        most = room(calls, shares, call.lane, limit.share)
        if fits(self.used(limit, now), most, call.cost, call.lane):
            return 0.0
        changes = (at for at in self._changes(limit, now) if fits(self.used(limit, at), most, call.cost, call.lane))
        return next(changes, now + limit.seconds) - now

    def used(self, limit: Limit, now: float) -> Used:
        """Of a long window. Where the vendor said lately how much is used, that holds, and what we used since."""
        own: Counter[Lane] = Counter()
        first = int(self._begins(limit, now) // HOUR)
        for hour, lanes in self._hours[limit.bucket].items():
            if hour >= first:
                own.update(lanes)
        total, patient, verify = own.total(), sum(own[lane] for lane in PATIENT), own[Lane.VERIFY]
        window = (limit.bucket, limit.seconds)
        said = self.said.get(window)
        if said is None or said.used is None or not self._is_fresh(limit, said, now):
            return Used(total, total, patient, verify)
        everybody = said.used + self._since[window]
        return Used(everybody, min(total, everybody), min(patient, everybody), min(verify, everybody))

    def _is_fresh(self, limit: Limit, said: Said, now: float) -> bool:
        return now - said.at < FRESH and not (limit.midnight and said.at < self._begins(limit, now))

    def _begins(self, limit: Limit, now: float) -> float:
        return self._midnight(now) if limit.midnight else now - limit.seconds

    def _midnight(self, now: float, days: int = 0) -> float:
        """When the account's day began, or another one so many days later."""
        day = datetime.fromtimestamp(now, self._zone) + timedelta(days=days)
        return day.replace(hour=0, minute=0, second=0, microsecond=0).timestamp()

    def _changes(self, limit: Limit, now: float) -> Iterator[float]:
        """When something of the window may come free, in order."""
        if limit.midnight:
            changes = {self._midnight(now, days=1)}
        else:
            changes = {(hour + 1) * HOUR + limit.seconds for hour in self._hours[limit.bucket]}
        said = self.said.get((limit.bucket, limit.seconds))
        if said is not None:
            changes.add(said.at + FRESH)
        yield from sorted(at for at in changes if at > now)

    def frees(self, limit: Limit, now: float) -> float | None:
        """When the next of what is used comes free; None when nothing is used."""
        if limit.midnight:
            return self._midnight(now, days=1)
        first = int(self._begins(limit, now) // HOUR)
        hours = [hour for hour, lanes in self._hours[limit.bucket].items() if hour >= first and lanes.total()]
        return (min(hours) + 1) * HOUR + limit.seconds if hours else None

    # --- what happened ------------------------------------------------------------------------------------------

    def add(self, call: Call, now: float) -> None:
        """The call leaves."""
        self._count(call, now, 1)

    def take_back(self, call: Call, now: float) -> None:
        """It did not leave after all."""
        self._count(call, now, -1)

    def _count(self, call: Call, now: float, calls: int) -> None:
        place = _Place(call.connection, call.bucket, int(now // HOUR), call.lane)
        self._calls[place] += calls
        self._cost[place] += calls * call.cost
        self._note(place, calls * call.cost)
        for limit in self._long:
            if call.meets(limit):
                self._since[limit.bucket, limit.seconds] += calls * call.cost

    def _note(self, place: _Place, cost: int) -> None:
        if self._long:
            for held_against in (place.bucket, ALL):
                self._hours[held_against].setdefault(place.hour, Counter())[place.lane] += cost

    def hear(self, meter: Meter, now: float) -> None:
        """What an answer said of a window."""
        window = (meter.bucket, meter.seconds)
        before, declared = self.said.get(window), self._limits.get(window)
        limit = meter.limit if meter.limit and meter.limit > 0 else before.limit if before else None
        used, most = meter.used, limit or (declared.calls if declared else 0)
        if used is None and meter.remaining is not None and most:
            used = max(0, most - meter.remaining)
        self.said[window] = Said(limit, used, now)
        self._since[window] = 0
        self.unsaved = True

    # --- in and out of the store --------------------------------------------------------------------------------

    def leave(self) -> list[CallCount]:
        """What was counted since the last time, to be added to what the store holds. Then `keep` or `stay`."""
        self._leaving = [CallCount(*place, calls, self._cost[place]) for place, calls in self._calls.items() if calls]
        self._calls.clear()
        self._cost.clear()
        return self._leaving

    def keep(self, stored: Iterable[CallCount]) -> None:
        """What left is in the store: `stored` is all that it holds of the account in reach, by whichever process."""
        self._leaving = []
        self.see(stored)

    def see(self, stored: Iterable[CallCount]) -> None:
        """What the store holds of the account in reach; what did not leave yet comes on top."""
        self._hours.clear()
        for count in [*stored, *self._leaving]:
            self._note(_Place(count.connection, count.bucket, count.hour, count.lane), count.cost)
        for place, cost in self._cost.items():
            self._note(place, cost)

    def stay(self) -> None:
        """What left did not arrive: it leaves again the next time."""
        for count in self._leaving:
            place = _Place(count.connection, count.bucket, count.hour, count.lane)
            self._calls[place] += count.calls
            self._cost[place] += count.cost
        self._leaving = []

    def recall(self, said: Mapping[Window, Said], rests: Mapping[str, float]) -> None:
        """What other processes were told, as far as it is later than what this one was."""
        self.recalled = True
        for window, word in said.items():
            mine = self.said.get(window)
            if mine is None or mine.at < word.at:
                self.said[window] = word
                self._since[window] = 0
        for bucket, until in rests.items():
            self.rests[bucket] = max(until, self.rests.get(bucket, until))
