"""The budget of an account across all processes that share a Redis: one script books in every short window at once, by
the server's clock; calls under way hold places that expire. Long windows are the passbook's, as ever.

Redis may be away or forget: then each process counts for itself, within the same limits, and goes on. What that costs
is that the processes together may ask for more than the vendor allows, which the vendor says.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, tzinfo
from itertools import count
from typing import Any, Protocol
from uuid import uuid4

from hub import counters
from hub.domain.lane import Lane
from hub.engine.quota import Room, Shares, Used
from hub.logs import log
from hub.sdk.limits import ALL, Limit, Meter
from hub.transport.budget import Standing
from hub.transport.memory_budget import MemoryBudget, MemoryBudgets
from hub.transport.passbook import Call
from hub.transport.scripts import BOOK, GIVE, HEAR, LOOK, RENEW, REST, TAKE, Script

PREFIX = "hub:budget"
TIMEOUT = 1.0
"""Seconds that a booking waits for Redis."""
AWAY = 5.0
"""Seconds for which a Redis that did not answer is left alone."""
PLACE = 30.0
"""Seconds after which a place is free whose process died."""
RENEWED = PLACE / 3
PAUSES = (0.05, 0.2)
"""Between so many seconds are waited for a place that other processes hold."""
LETTERS = {Lane.LIVE: "u", Lane.CONSENT: "u", Lane.BACKFILL: "b", Lane.VERIFY: "v"}
MICRO = 1_000_000

_log = log(__name__)


class Server(Protocol):
    """What is needed of a Redis client."""

    def eval(self, script: str, numkeys: int, *keys_and_args: Any) -> Any:
        """An awaitable of the script's answer."""
        ...

    def evalsha(self, sha: str, numkeys: int, *keys_and_args: Any) -> Any: ...


class Away(Exception):
    """Redis did not answer, or not as it should."""


class Line:
    """The way to Redis of one process, which bounds what a Redis costs that is away."""

    def __init__(self, server: Server, *, seconds: Callable[[], float] | None = None) -> None:
        self._server = server
        self._seconds = seconds or (lambda: asyncio.get_running_loop().time())
        self._until = 0.0
        self._away = False
        self._process = uuid4().hex[:12]
        self._numbers = count(1)

    def name(self) -> str:
        """A name that no other call has, in whatever process."""
        return f"{self._process}-{next(self._numbers)}"

    async def run(self, script: Script, keys: Sequence[str], *args: object) -> Any:
        if self._seconds() < self._until:
            raise Away
        try:
            async with asyncio.timeout(TIMEOUT):
                answer = await self._ask(script, keys, args)
        except Exception as error:  # whatever ails it: the work doesn't wait for Redis
            self._until = self._seconds() + AWAY
            if not self._away:
                _log.warning("Redis is away: each process keeps the limits by itself", error=type(error).__name__)
            self._away = True
            raise Away from error
        if self._away:
            _log.warning("Redis is back: limits are kept across processes again")
            self._away = False
        return answer

    async def _ask(self, script: Script, keys: Sequence[str], args: Sequence[object]) -> Any:
        try:
            return await self._server.evalsha(script.sha, len(keys), *keys, *args)
        except Exception as error:
            if "NoScript" not in type(error).__name__ and "NOSCRIPT" not in str(error):
                raise
            return await self._server.eval(script.text, len(keys), *keys, *args)


class RedisBudget(MemoryBudget):
    """What it inherits is what it falls back to, and what it counts along for that time."""

    def __init__(
        self,
        line: Line,
        account: str,
        limits: Sequence[Limit] = (),
        shares: Shares | None = None,
        zone: tzinfo = UTC,
    ) -> None:
        super().__init__(limits, shares, zone)
        self._line = line
        self._key = f"{PREFIX}:{{{account.translate({ord(c): '_' for c in '{} '})}}}"

    async def book(self, call: Call, now: float) -> float:
        wait = self.passbook.wait(call, now, self.shares)
        if wait > 0:
            return wait
        self.passbook.add(call, now)  # before others of this process get to ask
        try:
            wait = await self._book(call)
        except Away:
            counters.add("budget_fallbacks")
            wait = self.short_wait(call, now)
        except BaseException:
            self.passbook.take_back(call, now)
            raise
        if wait > 0:
            self.passbook.take_back(call, now)
            return wait
        self.note(call, now)
        return 0.0

    async def _book(self, call: Call) -> float:
        keys = [self._rest(call.bucket), self._rest(ALL)]
        args: list[object] = [self._line.name(), call.cost, LETTERS[call.lane]]
        for limit in self.short:
            most = self.room(limit, call) if call.meets(limit) else None
            if most is not None:
                keys += self._window(limit)
                args += [int(limit.seconds * MICRO), *most]
        return int(await self._line.run(BOOK, keys, *args)) / MICRO

    def _rest(self, bucket: str) -> str:
        return f"{self._key}:{bucket}:rest"

    def _window(self, limit: Limit) -> list[str]:
        name = f"{self._key}:{limit.bucket}:{limit.seconds:g}"
        return [f"{name}:log", f"{name}:sums"]

    async def rest(self, bucket: str, until: float, now: float) -> None:
        await super().rest(bucket, until, now)
        with suppress(Away):
            await self._line.run(REST, [self._rest(bucket)], max(1, int((until - now) * 1000)))

    async def hear(self, meters: Sequence[Meter], sent: float, now: float) -> None:
        for meter in meters:
            self.passbook.hear(meter, now)
            for limit, used in self.dear(meter):
                if self.is_prompt(limit, sent, now):
                    await self._hear(limit, used, sent, now)

    async def _hear(self, limit: Limit, used: int, sent: float, now: float) -> None:
        try:
            ago = int((now - sent) * MICRO)
            await self._line.run(HEAR, self._window(limit), self._line.name(), used, ago, int(limit.seconds * MICRO))
        except Away:
            self.log(limit).hear(used, sent, now)

    async def standings(self, now: float) -> list[Standing]:
        return [await self._across(standing) for standing in await super().standings(now)]

    async def _across(self, standing: Standing) -> Standing:
        if standing.shared:
            return standing
        try:
            used = await self._line.run(LOOK, self._window(standing.limit), int(standing.limit.seconds * MICRO))
        except Away:
            return standing
        return replace(standing, used=Used(*(int(n) for n in used)), shared=True)

    def slot(self, call: Call) -> AbstractAsyncContextManager[float]:
        """First a place in this process, so that no more of its calls ask Redis than can hold one."""
        most = self.most_under_way(call)
        return self._place(call, most) if most is not None else super().slot(call)

    @asynccontextmanager
    async def _place(self, call: Call, most: Room) -> AsyncIterator[float]:
        key, name = f"{self._key}:{call.bucket}:places", f"{LETTERS[call.lane]}:{self._line.name()}"
        async with super().slot(call):
            try:
                taken = await self._line.run(TAKE, [key], name, int(PLACE * 1000), *most)
            except Away:
                counters.add("budget_fallbacks")
                yield 0.0
                return
            if not taken:
                yield random.uniform(*PAUSES)  # noqa: S311 so that processes don't ask in step
                return
            keeper = _Keeper(self._line, key, name)
            try:
                yield 0.0
            finally:
                await keeper.give()


class _Keeper:
    """Keeps a place for as long as its call lasts; a call that ends before needs no renewal."""

    def __init__(self, line: Line, key: str, name: str) -> None:
        self._line, self._key, self._name = line, key, name
        self._loop = asyncio.get_running_loop()
        self._renewing: asyncio.Task[None] | None = None
        self._timer = self._loop.call_later(RENEWED, self._renew)

    def _renew(self) -> None:
        self._renewing = self._loop.create_task(self._renewed())
        self._timer = self._loop.call_later(RENEWED, self._renew)

    async def _renewed(self) -> None:
        with suppress(Away):
            await self._line.run(RENEW, [self._key], self._name, int(PLACE * 1000))

    async def give(self) -> None:
        self._timer.cancel()
        if self._renewing is not None:
            self._renewing.cancel()
        with suppress(Away):
            await self._line.run(GIVE, [self._key], self._name)


class RedisBudgets(MemoryBudgets):
    """The budgets of processes that share a Redis."""

    def __init__(self, server: Server, shares: Shares | None = None) -> None:
        super().__init__(shares)
        self._line = Line(server)

    def make(self, account: str, limits: Sequence[Limit], zone: tzinfo) -> MemoryBudget:
        return RedisBudget(self._line, account, limits, self.shares, zone)
