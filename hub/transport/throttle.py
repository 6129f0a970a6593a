"""Keeps the declared limits of a vendor account: a sliding log of the calls in each window, and slots for those in
flight. In memory, for one event loop; connections of one account may share a throttle."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field

from hub.sdk.connector import Limit


@dataclass(slots=True)
class _Window:
    limit: Limit
    log: deque[float] = field(default_factory=deque)

    def wait(self, now: float) -> float:
        """Seconds until one more call fits."""
        while self.log and (now - self.log[0] >= self.limit.seconds or now < self.log[0]):
            self.log.popleft()
        if len(self.log) < self.limit.calls:
            return 0.0
        return max(0.0, self.log[-self.limit.calls] + self.limit.seconds - now)


class Throttle:
    """Times are seconds on one clock; a clock that was set back forgets the calls that then lie in the future."""

    def __init__(self, limits: Sequence[Limit] = ()) -> None:
        self._windows: dict[str, list[_Window]] = {}
        self._slots: dict[str, asyncio.Semaphore] = {}
        self._resting: dict[str, float] = {}
        for limit in limits:
            if limit.calls > 0:
                self._windows.setdefault(limit.bucket, []).append(_Window(limit))
        for bucket in {limit.bucket for limit in limits}:
            most = [limit.concurrent for limit in limits if limit.bucket == bucket and limit.concurrent > 0]
            if most:
                self._slots[bucket] = asyncio.Semaphore(min(most))

    def book(self, bucket: str, now: float) -> float:
        """0: the call is booked, go. Else the seconds to wait before asking again; nothing is booked."""
        windows = self._windows.get(bucket, [])
        wait = max((window.wait(now) for window in windows), default=0.0)
        wait = max(wait, self._resting.get(bucket, now) - now)
        if wait <= 0:
            for window in windows:
                window.log.append(now)
            return 0.0
        return wait

    def rest(self, bucket: str, until: float) -> None:
        """The vendor said when to come back: nobody asks before. Its word wins over the declared limits."""
        self._resting[bucket] = max(until, self._resting.get(bucket, until))

    def slot(self, bucket: str) -> AbstractAsyncContextManager[None]:
        """A place among the calls in flight."""
        return self._slots.get(bucket) or nullcontext()
