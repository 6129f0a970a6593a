"""Short windows and calls under way, counted in the memory of one process and one event loop."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from hub.domain.lane import Lane
from hub.engine.quota import PATIENT, Room, Used, fits


@dataclass(slots=True)
class Log:
    """The calls of the last `seconds`: when, at what cost, in which lane (None: not ours). A clock that was set back
    forgets those that then lie in the future."""

    seconds: float
    _calls: deque[tuple[float, int, Lane | None]] = field(default_factory=deque)
    _used: Used = field(default_factory=Used)

    def used(self, now: float) -> Used:
        while self._calls and (now - self._calls[0][0] >= self.seconds or now < self._calls[0][0]):
            _, cost, lane = self._calls.popleft()
            self._used = _plus(self._used, -cost, lane)
        return self._used

    def wait(self, cost: int, lane: Lane, most: Room, now: float) -> float:
        """Seconds until the call fits."""
        used = self.used(now)
        if fits(used, most, cost, lane):
            return 0.0
        for at, of_it, whose in self._calls:
            used = _plus(used, -of_it, whose)
            if fits(used, most, cost, lane):
                return max(0.0, at + self.seconds - now)
        return self.seconds

    def add(self, cost: int, lane: Lane | None, now: float) -> None:
        self.used(now)
        self._calls.append((now, cost, lane))
        self._used = _plus(self._used, cost, lane)

    def hear(self, used: int, sent: float, now: float) -> None:
        """The vendor counted `used` when it got a call that left at `sent`: more than we know of was others'."""
        others = used - self.used(now).all
        if others > 0:
            self._calls = deque(sorted([*self._calls, (sent, others, None)], key=lambda call: call[0]))
            self._used = _plus(self._used, others, None)


def _plus(used: Used, cost: int, lane: Lane | None) -> Used:
    own = cost if lane is not None else 0
    patient = cost if lane in PATIENT else 0
    verify = cost if lane is Lane.VERIFY else 0
    return Used(used.all + cost, used.own + own, used.patient + patient, used.verify + verify)


class Slots:
    """Places for calls under way: at most `most`, of which lanes that can wait hold at most `patient`. Who waits gets
    the next place in the order of arrival, live work before the others."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.held = Used()
        self._waiting: list[tuple[bool, asyncio.Future[None], Room, Lane]] = []

    @asynccontextmanager
    async def hold(self, lane: Lane, most: Room) -> AsyncIterator[None]:
        await self._take(lane, most)
        try:
            yield
        finally:
            self._give(lane)

    async def _take(self, lane: Lane, most: Room) -> None:
        patient = lane in PATIENT
        ahead = any(who <= patient for who, _, _, _ in self._waiting)
        if not ahead and fits(self.held, most, 1, lane):
            self.held = _plus(self.held, 1, lane)
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        mine = (patient, turn, most, lane)
        self._waiting.append(mine)
        try:
            await turn
        except asyncio.CancelledError:
            if mine in self._waiting:
                self._waiting.remove(mine)
            else:
                self._give(lane)  # it was ours for a moment
            raise

    def _give(self, lane: Lane) -> None:
        self.held = _plus(self.held, -1, lane)
        for mine in sorted(self._waiting, key=lambda waiting: waiting[0]):
            _, turn, most, whose = mine
            if not turn.done() and fits(self.held, most, 1, whose):
                self.held = _plus(self.held, 1, whose)
                self._waiting.remove(mine)
                turn.set_result(None)
