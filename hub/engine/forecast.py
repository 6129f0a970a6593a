"""How many calls a day will see and how long a number of calls lasts, from what was counted and what is allowed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil

HOURS = 24


@dataclass(frozen=True, slots=True)
class Day:
    """`used` so far, `expected` by its end, and the calls an hour that this rests on."""

    used: int
    expected: int
    pace: float

    def runs_out(self, free: int) -> float | None:
        """Hours until `free` calls are used up at this pace; None when that takes longer than a day."""
        if free <= 0:
            return 0.0
        return free / self.pace if self.pace * HOURS > free else None


def day(hours: Sequence[int], of_today: int, into_hour: float) -> Day:
    """`hours`: the calls of each of the last hours, the one under way last, of which the part `into_hour` (above 0, at
    most 1) is over; `of_today` of them belong to the day. The rest of the day is expected to go on as these hours
    went. ValueError without a single hour of today."""
    if not 1 <= of_today <= min(len(hours), HOURS + 1) or not 0 < into_hour <= 1:
        raise ValueError("a day is forecast from its own hours")
    used = sum(hours[-of_today:])
    pace = sum(hours) / (len(hours) - 1 + into_hour)
    left = max(0.0, HOURS - of_today + 1 - into_hour)
    return Day(used, used + round(pace * left), pace)


@dataclass(frozen=True, slots=True)
class Passage:
    """What one window lets pass: `most` calls in any `seconds`, and `free` of them now."""

    most: int
    seconds: float
    free: int


def lasts(calls: int, through: Iterable[Passage], round_trip: float) -> float:
    """Seconds for so many calls, one after the other, each `round_trip` seconds long."""
    waits = [ceil((calls - window.free) / window.most) * window.seconds for window in through if calls > window.free]
    return max([calls * round_trip, *waits])
