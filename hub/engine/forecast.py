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


def day(used: int, left: float, lately: Sequence[int], into_hour: float) -> Day:
    """`used` so far, and `left` hours of the day. These are expected to go on as the last ones went: `lately` are the
    calls of each of them, the one under way last, of which the part `into_hour` (above 0, at most 1) is over.
    ValueError without any."""
    if not lately or not 0 < into_hour <= 1:
        raise ValueError("a day is forecast from hours")
    pace = sum(lately) / (len(lately) - 1 + into_hour)
    return Day(used, used + round(pace * max(0.0, left)), pace)


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
