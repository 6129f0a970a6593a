"""The whole path of a first sync: pages over HTTP, observations, mapping, identity, survivorship, a fresh SQLite store.

Beside it, in the same run and over the same pages, the floor: httpx reads them, orjson parses them, sqlite3 upserts one
row per record, a transaction per page. The hub keeps four (observation, link, keys, golden record) and indexes them.

Run `python -m benchmarks.whole_path` (`--people`, `--page`, `--rounds`, `--json`; `--check` ends with 1 when the ratio
is above 4). `--memory` only syncs 100,000 people and ends with 1 when the hub's process ever held 400 MB or more.
Each measurement is a process of its own; rounds alternate, and the best of each side counts, since other work on the
machine can only slow one down.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from tempfile import TemporaryDirectory
from typing import Any

import orjson

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

RATIO_MAX = 4.0
MEMORY_MAX = 400.0
"""Megabytes (10^6 bytes) of resident memory."""
MEMORY_PEOPLE = 100_000
UPSERT = """INSERT INTO people (id, raw, updated) VALUES (?, ?, ?)
ON CONFLICT (id) DO UPDATE SET raw = excluded.raw, updated = excluded.updated"""


def peak_mb() -> float:
    """The most resident memory this process ever held, in MB. Not from rusage on Linux: there a child begins with what
    its parent held."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / 1e6
    return getrusage(RUSAGE_SELF).ru_maxrss / 1e6


class Watch:
    """Seconds since it was made: of the clock, and of this process's own work."""

    def __init__(self) -> None:
        self._began, self._worked = time.perf_counter(), time.process_time()

    def read(self) -> tuple[float, float]:
        return round(time.perf_counter() - self._began, 3), round(time.process_time() - self._worked, 3)


def floor(url: str, home: Path) -> dict[str, float]:
    """Reads all pages and upserts their records."""
    import sqlite3

    import httpx

    conn = sqlite3.connect(home / "floor.db", isolation_level=None)
    conn.execute("PRAGMA journal_mode = WAL")
    conn.execute("PRAGMA synchronous = NORMAL")
    conn.execute("CREATE TABLE people (id TEXT PRIMARY KEY, raw TEXT NOT NULL, updated TEXT)")
    watch, read = Watch(), 0
    following: dict[str, str] | None = {"id": "", "updated": ""}
    with httpx.Client(trust_env=False) as client:
        while following is not None:
            query = {"since": following["updated"], "after": following["id"], "limit": "1000"}
            answer = orjson.loads(client.get(f"{url}/people", params=query).content)
            rows = [(p["id"], orjson.dumps(p).decode(), p["updated"]) for p in answer["people"]]
            conn.execute("BEGIN IMMEDIATE")
            conn.executemany(UPSERT, rows)
            conn.execute("COMMIT")
            read += len(rows)
            following = answer["next"]
    seconds, work = watch.read()
    conn.close()
    return {"records": read, "seconds": seconds, "cpu_seconds": work}


async def whole(url: str, home: Path) -> dict[str, float]:
    """Pulls all pages and reconciles them."""
    from hub.domain.connection import Connection
    from hub.store import connections, secrets
    from sync_jobs.hub import Hub
    from sync_jobs.pull import pull
    from sync_jobs.reconcile import reconcile

    async with await Hub.open(home) as hub:
        async with hub.database.write() as conn:
            await connections.add(conn, Connection("source", "unruly", url, created_at=hub.now_text()))
            await secrets.put(conn, hub.vault, "source", {"token": "made-up"}, hub.now_text())
        await hub.wire()
        wired = hub.connection("source")
        watch = Watch()
        pulled = await pull(hub, wired, "people", full=True)
        if not pulled.finished:
            raise SystemExit(f"the pull did not end: {pulled.fault}")
        pull_seconds, _ = watch.read()
        counts = await reconcile(hub, wired, "people")
        seconds, work = watch.read()
    return {"records": counts.heard, "seconds": seconds, "cpu_seconds": work, "pull_seconds": pull_seconds}


def measure(side: str, url: str) -> dict[str, float]:
    """One side, in this process: records, seconds by the clock and of work, peak memory."""
    with TemporaryDirectory() as folder:
        found = floor(url, Path(folder)) if side == "floor" else asyncio.run(whole(url, Path(folder)))
    return found | {"per_second": round(found["records"] / found["seconds"]), "peak_mb": round(peak_mb(), 1)}


@contextmanager
def source(people: int, page: int) -> Iterator[str]:
    """The source's address, while it is served."""
    command = [sys.executable, "-m", "benchmarks.source", str(people), str(page)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.stdin.close()


def apart(side: str, url: str) -> dict[str, float]:
    """`measure` in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.whole_path", "--side", side, "--url", url]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    found: dict[str, float] = orjson.loads(done.stdout)
    return found


def compare(people: int, page: int, rounds: int) -> dict[str, Any]:
    """Both sides, in turns; the quickest round of each."""
    floors, hubs = [], []
    with source(people, page) as url:
        for _ in range(rounds):
            floors.append(apart("floor", url))
            hubs.append(apart("hub", url))
    low, hub = (min(side, key=lambda r: r["seconds"]) for side in (floors, hubs))
    if not low["records"] == hub["records"] == people:
        raise SystemExit(f"of {people} people the floor kept {low['records']} and the hub {hub['records']}")
    work = [min(r["cpu_seconds"] for r in side) for side in (hubs, floors)]
    return {
        "people": people,
        "page": page,
        "floor": low,
        "hub": hub,
        "ratio": round(hub["seconds"] / low["seconds"], 2),
        "cpu_ratio": round(work[0] / work[1], 2),
    }


def told(found: dict[str, Any]) -> str:
    """The findings for people."""
    lines = [f"{found['people']:,} people in pages of {found['page']}"]
    for side in ("floor", "hub"):
        if side in found:
            r = found[side]
            lines.append(f"{side:>6}: {r['per_second']:>7,} records a second, peak memory {r['peak_mb']:.0f} MB")
    if "ratio" in found:
        lines.append(f" ratio: {found['ratio']} (of work alone: {found['cpu_ratio']}); wanted: at most {RATIO_MAX:g}")
    else:
        lines.append(f"wanted: less than {MEMORY_MAX:.0f} MB")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--people", type=int)
    parser.add_argument("--page", type=int, default=100, help="records on a page (default 100)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--check", action="store_true", help="end with 1 when the ratio is too high")
    parser.add_argument("--memory", action="store_true", help="only the peak memory of a large first sync")
    parser.add_argument("--side", choices=("floor", "hub"), help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.side:
        print(orjson.dumps(measure(asked.side, asked.url)).decode())
        return 0
    if asked.memory:
        people = asked.people or MEMORY_PEOPLE
        with source(people, asked.page) as url:
            found: dict[str, Any] = {"people": people, "page": asked.page, "hub": apart("hub", url)}
        failed = found["hub"]["peak_mb"] >= MEMORY_MAX or found["hub"]["records"] != people
    else:
        found = compare(asked.people or 20_000, asked.page, asked.rounds)
        failed = asked.check and found["ratio"] > RATIO_MAX
    print(orjson.dumps(found).decode() if asked.json else told(found))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
