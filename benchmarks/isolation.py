"""What a vendor that takes connections and never answers costs the others: how long an edit takes from one vendor to
another, with a silent third connection and without.

Real: a `hub worker`, PostgreSQL, Redis, HTTP. Streams are read every second, so half a second of each lag is waiting
for the next look. Rounds alternate; what other work on the machine does to one side it does to the other.

Run `python -m benchmarks.isolation` (`--edits` a round, `--rounds`, `--json`, `--check`: ends with 1 when the silent
connection makes the 95th percentile more than a tenth longer).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from contextlib import ExitStack
from pathlib import Path
from random import Random
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from typing import Any

from tests import postgres, redis
from tests.chaos.gate import Silence, Street, street, until
from tests.conftest import execute

PEOPLE = 40
BETWEEN = 0.25
"""Seconds between two edits, on average."""
ALLOWED = 1.10


async def lags(made: Street, edits: int, chance: Random) -> list[float]:
    """Seconds from each edit at a until it is at b."""
    a, b = made.vendors["a"], made.vendors["b"]
    for number in range(PEOPLE):
        a.create({"email": f"p{number}@example.com", "title": "Nr"})
    for worker in made.workers:
        worker.start()
    await until(lambda: made.agrees("title", "Nr", PEOPLE), "the people")
    await asyncio.sleep(3)
    there = {str((b.get(i) or {})["email"]): i for i in b.ids()}
    typed: dict[str, tuple[str, float]] = {}
    found: list[float] = []
    people = sorted(a.ids())
    began = time.perf_counter()
    next_at, number = began, 0
    while len(found) < edits:
        now = time.perf_counter()
        if number < edits and now >= next_at:
            next_at = now + chance.uniform(0, 2 * BETWEEN)
            free = [i for i in people if str((a.get(i) or {})["email"]) not in typed]
            if free:
                chosen, number = chance.choice(free), number + 1
                a.edit(chosen, {"title": f"Nr{number}"})
                typed[str((a.get(chosen) or {})["email"])] = (f"Nr{number}", now)
        for email, (title, at) in list(typed.items()):
            if (b.get(there[email]) or {}).get("title") == title:
                found.append(time.perf_counter() - at)
                del typed[email]
        await asyncio.sleep(0.01)
    return found


async def one(store: postgres.Server, queue: redis.Server, edits: int, seed: int, *, dead: bool) -> list[float]:
    name = f"hub_isolation_{time.time_ns()}"
    await execute(store, f"CREATE DATABASE {name}")
    queue.command("FLUSHALL")
    try:
        with TemporaryDirectory() as folder, ExitStack() as stack:
            silence = stack.enter_context(Silence()) if dead else None
            made = await street(
                Path(folder), [store.url + name], f"{queue.url}0", stack, dead=silence.url if silence else None
            )
            return await lags(made, edits, Random(seed))
    finally:
        await execute(store, f"DROP DATABASE {name} WITH (FORCE)")


def measure(edits: int, rounds: int) -> dict[str, Any]:
    store, queue = postgres.start(durable=True), redis.start()
    found: dict[bool, list[float]] = {False: [], True: []}
    try:
        for number in range(rounds):
            for dead in (False, True) if number % 2 == 0 else (True, False):
                found[dead] += asyncio.run(one(store, queue, edits, number, dead=dead))
    finally:
        queue.stop()
        store.stop()
    p95 = {dead: quantiles(lag, n=20, method="inclusive")[18] for dead, lag in found.items()}
    return {
        "edits": edits * rounds,
        "undisturbed": {"p50": round(median(found[False]), 3), "p95": round(p95[False], 3)},
        "with_a_silent_one": {"p50": round(median(found[True]), 3), "p95": round(p95[True], 3)},
        "ratio_p95": round(p95[True] / p95[False], 3),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--edits", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--check", action="store_true")
    said = parser.parse_args()
    found = measure(said.edits, said.rounds)
    if said.json:
        print(json.dumps(found))
    else:
        for side in ("undisturbed", "with_a_silent_one"):
            words = side.replace("_", " ")
            print(f"{words:<18} lag of {found['edits']} edits: p50 {found[side]['p50']} s, p95 {found[side]['p95']} s")
        print(f"ratio of p95: {found['ratio_p95']}")
    return int(said.check and found["ratio_p95"] > ALLOWED)


if __name__ == "__main__":
    raise SystemExit(main())
