"""What a booking costs, in memory and on Redis, and the fullest window when several processes book at once.

`python -m benchmarks.quota` prints a table; `--json` one line of JSON; `--bookings N` and `--processes N` say how much.
A Redis is started as the tests start theirs (`HUB_TEST_REDIS_URL` names another). Costs are the process's own CPU time
and the time that passes, best of the rounds; the fullest window is counted by the server's clock, from both sides of
each booking, so that only what surely fell into one window counts.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson
from redis.asyncio import Redis

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from hub.sdk.limits import Limit
from hub.transport.memory_budget import MemoryBudget
from hub.transport.passbook import Call
from hub.transport.redis_budget import Line, RedisBudget
from tests import redis
from tests.transport import booker

ROOT = Path(__file__).resolve().parents[1]
PLENTY = 10_000_000
ROUNDS = 5
KINDS = {
    "one window": (Limit("b", PLENTY, 10.0),),
    "two windows": (Limit("b", PLENTY, 10.0), Limit("b", PLENTY, 1.0)),
    "two windows, and a day": (Limit("b", PLENTY, 10.0), Limit("b", PLENTY, 1.0), Limit("b", PLENTY, 86_400.0)),
    "two windows, and a place": (Limit("b", PLENTY, 10.0), Limit("b", PLENTY, 1.0, concurrent=8)),
}
FULL = (Limit("b", 100, 10.0), Limit("b", 20, 1.0))


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one booking: microseconds of this process's CPU, and of the clock."""

    what: str
    where: str
    cpu: float
    clock: float


@dataclass(frozen=True, slots=True)
class Fullest:
    """Of what processes booked at once: the fullest window, and its limit."""

    processes: int
    seconds: float
    granted: int
    fullest: int
    limit: int


async def once(budget: MemoryBudget, call: Call) -> None:
    async with budget.slot(call):
        await budget.book(call, time.time())


async def cost(what: str, where: str, step: Callable[[], Awaitable[None]], bookings: int) -> Cost:
    best = (float("inf"), float("inf"))
    for _ in range(ROUNDS):
        cpu, clock = time.process_time(), time.perf_counter()
        for _ in range(bookings // ROUNDS):
            await step()
        took = (time.process_time() - cpu, time.perf_counter() - clock)
        best = min(best[0], took[0]), min(best[1], took[1])
    per = 1e6 / (bookings // ROUNDS)
    return Cost(what, where, round(best[0] * per, 1), round(best[1] * per, 1))


async def costs(url: str, bookings: int) -> list[Cost]:
    found = []
    async with Redis.from_url(url) as server:
        for what, limits in KINDS.items():
            alone, shared = MemoryBudget(limits), RedisBudget(Line(server), f"bench {what}", limits)
            for where, budget in (("memory", alone), ("redis", shared)):
                found.append(await cost(what, where, lambda b=budget: once(b, Call("b")), bookings))
        alone, shared = MemoryBudget(FULL), RedisBudget(Line(server), "bench full", FULL)
        for where, budget in (("memory", alone), ("redis", shared)):
            found.append(await cost("refused: 20 of 20 a second", where, lambda b=budget: once(b, Call("b")), bookings))
    return found


def fullest(url: str, processes: int, seconds: float) -> list[Fullest]:
    command = [sys.executable, "-m", "tests.transport.booker", url, "book", "live", str(seconds)]
    running = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(processes)]
    times = [tuple(map(int, line.split())) for p in running for line in p.communicate()[0].splitlines()]
    return [
        Fullest(processes, limit.seconds, len(times), most_within(times, limit.seconds), limit.calls)
        for limit in booker.LIMITS
    ]


def most_within(times: list[tuple[int, ...]], seconds: float) -> int:
    width = seconds * 1_000_000
    return max((sum(at <= before and after < at + width for before, after in times) for at, _ in times), default=0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--bookings", type=int, default=5_000)
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=5.0)
    said = parser.parse_args()
    server = redis.start()
    try:
        server.command("FLUSHDB")
        url = f"{server.url}0"
        cost_of = asyncio.run(costs(url, said.bookings))
        full = fullest(url, said.processes, said.seconds)
    finally:
        server.stop()
    if said.json:
        print(orjson.dumps({"costs": [asdict(c) for c in cost_of], "fullest": [asdict(f) for f in full]}).decode())
        return
    print(f"{'a booking':<28} {'where':<8} {'µs CPU':>8} {'µs':>8}")
    for c in cost_of:
        print(f"{c.what:<28} {c.where:<8} {c.cpu:>8,.1f} {c.clock:>8,.1f}")
    print(f"\n{'processes':<10} {'window':>8} {'granted':>8} {'fullest':>8} {'limit':>6}")
    for f in full:
        print(f"{f.processes:<10} {f.seconds:>6g} s {f.granted:>8,} {f.fullest:>8,} {f.limit:>6,}")


if __name__ == "__main__":
    main()
