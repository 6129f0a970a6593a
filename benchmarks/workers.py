"""A first sync by one `hub worker` and by two, on a real PostgreSQL and a real Redis: records a second, and what the
queue takes of the time.

Four systems hold the same people, in pages made beforehand (`benchmarks.source`); the workers read all of them and make
golden records of them, and write nothing. The clock runs from when the workers are there to when nothing is unheard.
PostgreSQL syncs each commit to the disk, as in production. Beside it, in the same run: what one wake-up costs, from
being sent to a worker's taking it, when nothing is to be done.

Run `python -m benchmarks.workers` (`--people` a system, `--workers 1,2`, `--rounds`, `--json`).
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import asyncpg
import orjson

from benchmarks.whole_path import source
from tests import postgres, redis

ROOT = Path(__file__).resolve().parents[1]

SYSTEMS = 4
PAGE = 100
PATIENCE = 900.0
WAKES = 1_000
UNHEARD = "SELECT count(*) FROM observations WHERE revision > heard"
HELD = "SELECT count(*) FROM observations"
TOURS = "SELECT counts FROM workers"


async def prepare(home: Path, urls: list[str]) -> None:
    """A home with the systems connected; the environment says where its store is."""
    from hub.domain.connection import Connection
    from hub.operations import home as homes
    from hub.store import connections, secrets

    await homes.init(home)
    async with homes.opened(home) as hub, hub.database.write() as conn:
        for number, url in enumerate(urls):
            name = f"source{number}"
            await connections.add(conn, Connection(name, "unruly", url, rank=number, created_at=hub.now_text()))
            await secrets.put(conn, hub.vault, name, {"token": "made-up"}, hub.now_text())


async def database(server: postgres.Server, name: str) -> str:
    connection = await asyncpg.connect(server.url + "postgres")
    try:
        await connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        await connection.execute(f"CREATE DATABASE {name}")
        for setting, value in (("fsync", "on"), ("synchronous_commit", "on"), ("full_page_writes", "on")):
            await connection.execute(f"ALTER SYSTEM SET {setting} = '{value}'")
        await connection.execute("SELECT pg_reload_conf()")
    finally:
        await connection.close()
    return server.url + name


async def finished(url: str, records: int, since: float) -> tuple[float, float]:
    """Seconds until everything was read and heard, and tours a second that the workers say they made."""
    connection = await asyncpg.connect(url)
    try:
        while time.perf_counter() - since < PATIENCE:
            held, unheard = await connection.fetchval(HELD), await connection.fetchval(UNHEARD)
            if held >= records and not unheard:
                seconds = time.perf_counter() - since
                await asyncio.sleep(6)  # until each has told of its tours
                told = [orjson.loads(row["counts"]) for row in await connection.fetch(TOURS)]
                return seconds, sum(sum(counts.values()) for counts in told) / (time.perf_counter() - since)
            await asyncio.sleep(0.1)
    finally:
        await connection.close()
    raise SystemExit(f"not done within {PATIENCE:.0f} s")


@contextmanager
def at_work(home: Path, number: int) -> Iterator[float]:
    """That many workers; answers when the last of them was ready."""
    command = [sys.executable, "-m", "hub.cli", "--home", str(home), "worker", "--json"]
    workers = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) for _ in range(number)]
    try:
        for worker in workers:
            assert worker.stdout is not None
            worker.stdout.readline()
        yield time.perf_counter()
    finally:
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.communicate(timeout=30)


def one(server: postgres.Server, cache: redis.Server, urls: list[str], people: int, number: int) -> tuple[float, float]:
    """Seconds of one first sync, and tours a second."""
    url = asyncio.run(database(server, "hub_bench"))
    cache.command("FLUSHALL")
    os.environ.update(
        {
            "HUB_DATABASE_URL": url,
            "HUB_REDIS_URL": f"{cache.url}0",
            "HUB_SECRET_KEY": "a passphrase of the benchmark",
            "HUB_SWEEP_SECONDS": "1",
        }
    )
    with TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        asyncio.run(prepare(home, urls))
        with at_work(home, number) as since:
            return asyncio.run(finished(url, people * SYSTEMS, since))


async def wakes(url: str) -> tuple[float, float]:
    """Seconds to send `WAKES` wake-ups, and to have them all taken by one worker that has nothing to do."""
    from sync_jobs.arq_queue import ArqQueue
    from sync_jobs.crew import Crew, Pace
    from sync_jobs.queue import Job, Wake
    from sync_jobs.worker import from_redis

    taken, all_taken = 0, asyncio.Event()

    class Idle(Crew):
        def __init__(self) -> None:
            self.stopping = asyncio.Event()
            self.pace = Pace()

        async def do(self, wake: Wake) -> None:
            nonlocal taken
            taken += 1
            if taken == WAKES:
                all_taken.set()

    queue = ArqQueue(url)
    began = time.perf_counter()
    for number in range(WAKES):
        await queue.wake(Wake(Job.TOUR, f"c{number}"))
    sent = time.perf_counter() - began
    crew = Idle()
    began = time.perf_counter()
    working = asyncio.create_task(from_redis(crew, queue))
    await all_taken.wait()
    done = time.perf_counter() - began
    crew.stopping.set()
    await working
    await queue.close()
    return sent, done


def measure(people: int, numbers: list[int], rounds: int) -> dict[str, Any]:
    with ExitStack() as stack:
        server, cache = postgres.start(), redis.start()
        stack.callback(server.stop)
        stack.callback(cache.stop)
        urls = [stack.enter_context(source(people, PAGE)) for _ in range(SYSTEMS)]
        found: dict[int, list[tuple[float, float]]] = {number: [] for number in numbers}
        for _ in range(rounds):
            for number in numbers:
                found[number].append(one(server, cache, urls, people, number))
        cache.command("FLUSHALL")
        sent, taken = asyncio.run(wakes(f"{cache.url}0"))
    best = {number: min(seconds) for number, seconds in found.items()}
    wake = (sent + taken) / WAKES
    return {
        "records": people * SYSTEMS,
        "workers": {
            str(n): {
                "seconds": round(seconds, 2),
                "per_second": round(people * SYSTEMS / seconds),
                "tours_per_second": round(tours, 2),
                "queue_share": round(wake * tours / n, 4),
            }
            for n, (seconds, tours) in best.items()
        },
        "microseconds_a_wake_up": round(wake * 1e6),
    }


def told(found: dict[str, Any]) -> str:
    lines = [f"{found['records']:,} records of {SYSTEMS} systems, in pages of {PAGE}, read and heard"]
    first = None
    for number, one in found["workers"].items():
        first = first or one["per_second"]
        times = f"  x {one['per_second'] / first:.2f}"
        queue = f"{one['tours_per_second']:.1f} tours/s, the queue takes {100 * one['queue_share']:.2f} % of the time"
        lines.append(
            f"{number:>3} workers: {one['per_second']:>6,} records/s in {one['seconds']:.1f} s{times}; {queue}"
        )
    lines.append(f"one wake-up, sent and taken: {found['microseconds_a_wake_up']:,} us")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--people", type=int, default=5_000, help="of each system (default 5,000)")
    parser.add_argument("--workers", default="1,2")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    said = parser.parse_args()
    found = measure(said.people, [int(n) for n in said.workers.split(",")], said.rounds)
    print(orjson.dumps(found).decode() if said.json else told(found))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
