"""The budget of an account within one process: a log of the calls of each short window, slots for those under way, and
the passbook for long windows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, tzinfo

from hub.engine.quota import Room, Shares, room
from hub.sdk.connector import Connector
from hub.sdk.limits import Limit, Meter
from hub.transport.budget import Standing
from hub.transport.passbook import Call, Passbook, is_long
from hub.transport.windows import Log, Slots

LATE = 0.25
"""Part of a short window after which an answer says nothing of it any more: what it counted has partly left."""
DEAR = 0.5
"""Part of a short window that is to be used before the vendor's word on it is listened to."""


class MemoryBudget:
    """For one event loop."""

    def __init__(self, limits: Sequence[Limit] = (), shares: Shares | None = None, zone: tzinfo = UTC) -> None:
        self.limits = tuple(limits)
        self.shares = shares or Shares()
        self.passbook = Passbook(limits, zone)
        self.short = [limit for limit in limits if not is_long(limit)]
        self._logs = {(limit.bucket, limit.seconds): Log(limit.seconds) for limit in self.short}
        concurrent: defaultdict[str, list[int]] = defaultdict(list)
        for limit in limits:
            if limit.concurrent > 0:
                concurrent[limit.bucket].append(limit.concurrent)
        self._slots = {bucket: Slots(min(most)) for bucket, most in concurrent.items()}

    async def book(self, call: Call, now: float) -> float:
        wait = max(self.passbook.wait(call, now, self.shares), self.short_wait(call, now))
        if wait <= 0:
            self.note(call, now)
            self.passbook.add(call, now)
            return 0.0
        return wait

    def short_wait(self, call: Call, now: float) -> float:
        """Seconds until the call fits into every short window."""
        waits = [
            self.log(limit).wait(call.cost, call.lane, most, now)
            for limit in self.short
            if call.meets(limit) and (most := self.room(limit, call))
        ]
        return max(waits, default=0.0)

    def note(self, call: Call, now: float) -> None:
        """Counts a call in every short window, whether it fits or not."""
        for limit in self.short:
            if call.meets(limit):
                self.log(limit).add(call.cost, call.lane, now)

    def room(self, limit: Limit, call: Call) -> Room | None:
        """The most of a window for the call's lane; None where nothing limits it."""
        calls = self.passbook.most(limit)
        return room(calls, self.shares, call.lane, limit.share) if calls > 0 else None

    def log(self, limit: Limit) -> Log:
        """Of a short window."""
        return self._logs[limit.bucket, limit.seconds]

    async def rest(self, bucket: str, until: float, now: float) -> None:
        self.passbook.rest(bucket, until)

    async def hear(self, meters: Sequence[Meter], sent: float, now: float) -> None:
        for meter in meters:
            self.passbook.hear(meter, now)
            for limit, used in self.dear(meter):
                if self.is_prompt(limit, sent, now):
                    self.log(limit).hear(used, sent, now)

    def dear(self, meter: Meter) -> Sequence[tuple[Limit, int]]:
        """The short window that the meter speaks of, with what the vendor says is used, when that is much."""
        limit = next((x for x in self.short if (x.bucket, x.seconds) == (meter.bucket, meter.seconds)), None)
        said = self.passbook.said.get((meter.bucket, meter.seconds))
        if limit is None or said is None or said.used is None:
            return ()
        return [(limit, said.used)] if said.used >= self.passbook.most(limit) * DEAR else ()

    def is_prompt(self, limit: Limit, sent: float, now: float) -> bool:
        """Whether an answer came soon enough to say something of a short window."""
        return now - sent < limit.seconds * LATE

    def most_under_way(self, call: Call) -> Room | None:
        """How many calls may be under way; None where nothing limits them."""
        slots = self._slots.get(call.bucket)
        return None if slots is None else room(slots.most, self.shares, call.lane)

    @asynccontextmanager
    async def _held(self, call: Call, most: Room) -> AsyncIterator[float]:
        async with self._slots[call.bucket].hold(call.lane, most):
            yield 0.0

    @asynccontextmanager
    async def _free(self) -> AsyncIterator[float]:
        yield 0.0

    def slot(self, call: Call) -> AbstractAsyncContextManager[float]:
        most = self.most_under_way(call)
        return self._held(call, most) if most is not None else self._free()

    async def standings(self, now: float) -> list[Standing]:
        return [self.standing(limit, now) for limit in self.limits if limit.calls > 0 or limit.concurrent == 0]

    def standing(self, limit: Limit, now: float) -> Standing:
        used = self.passbook.used(limit, now) if is_long(limit) else self.log(limit).used(now)
        return Standing(limit, self.passbook.most(limit), used, shared=is_long(limit))


class MemoryBudgets:
    """The budgets of a process that works alone. Calls by the hour are shared by way of the store all the same."""

    def __init__(self, shares: Shares | None = None) -> None:
        self.shares = shares or Shares()
        self._budgets: dict[str, MemoryBudget] = {}

    @property
    def passbooks(self) -> Mapping[str, Passbook]:
        return {account: budget.passbook for account, budget in self._budgets.items()}

    def of(self, connector: Connector, account: str, connection: str, zone: tzinfo = UTC) -> MemoryBudget:
        key = f"{connector.name}/{account}"
        if key not in self._budgets:
            self._budgets[key] = self.make(key, connector.limits, zone)
        passbook = self._budgets[key].passbook
        if connection not in passbook.connections:
            passbook.connections.add(connection)
            passbook.recalled = False
        return self._budgets[key]

    def make(self, account: str, limits: Sequence[Limit], zone: tzinfo) -> MemoryBudget:
        return MemoryBudget(limits, self.shares, zone)

    def share(self, shares: Shares) -> None:
        self.shares = shares
        for budget in self._budgets.values():
            budget.shares = shares
