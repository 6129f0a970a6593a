"""A process that books, for tests of budgets across processes: `python -m tests.transport.booker URL WHAT [LANE]`.

`book SECONDS`: as fast as it may; says on stdout, for each call, the server's time before and after, in microseconds.
`hold`: takes a place, says so, and keeps it until it is killed.
"""

from __future__ import annotations

import asyncio
import sys
import time

from redis.asyncio import Redis

from hub.domain.lane import Lane
from hub.sdk.limits import Limit
from hub.transport import redis_budget
from hub.transport.passbook import Call
from hub.transport.redis_budget import Line, RedisBudget

ACCOUNT = "vendor/account 1"
LIMITS = (Limit("b", 20, 0.5), Limit("b", 50, 2.0, concurrent=2))
PLACE = 1.5


def say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


def short_places() -> None:
    redis_budget.PLACE, redis_budget.RENEWED = PLACE, PLACE / 3


async def book(server: Redis, call: Call, seconds: float) -> None:
    budget = RedisBudget(Line(server), ACCOUNT, LIMITS)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        before = await server.time()
        wait = await budget.book(call, time.time())
        after = await server.time()
        if wait:
            await asyncio.sleep(min(wait, 0.1))
        else:
            say(" ".join(str(s * 1_000_000 + us) for s, us in (before, after)))


async def hold(server: Redis, call: Call) -> None:
    short_places()
    async with RedisBudget(Line(server), ACCOUNT, LIMITS).slot(call) as wait:
        say("full" if wait else "held")
        await asyncio.sleep(60)


async def main(url: str, what: str, lane: str = "live", seconds: str = "3") -> None:
    call = Call("b", lane=Lane(lane))
    async with Redis.from_url(url) as server:
        await (book(server, call, float(seconds)) if what == "book" else hold(server, call))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
