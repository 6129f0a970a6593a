"""The whole path of a first sync: pages over HTTP, observations, mapping, identity, survivorship, a fresh SQLite store.

Beside it, in the same run and over the same pages, the floor: httpx reads them, orjson parses and writes their records,
sqlite3 upserts the same rows (observations, links, keys, golden records), ready made, into the same tables, one
transaction a page. The bare floor keeps one row per record in one table: what a program does that only copies.

Run `python -m benchmarks.whole_path` (`--people`, `--page`, `--rounds`, `--json`; `--check` ends with 1 when the ratio
is above 4). `--memory` only syncs 100,000 people and ends with 1 when the hub's process ever held 400 MB or more.
Each measurement is a process of its own; rounds alternate, and the best of each side counts, since other work on the
machine can only slow one down.
"""

from __future__ import annotations

import argparse
import asyncio
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
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
TABLES = ("observations", "links", "link_keys", "golden")
OWNERS = "(SELECT min(remote_id) FROM links WHERE links.entity_id = golden.entity_id)"
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


def walk(url: str, keep: Callable[[list[dict[str, Any]]], None]) -> dict[str, float]:
    """Reads all pages with httpx and orjson and gives each to `keep`."""
    import httpx

    watch, read = Watch(), 0
    following: dict[str, str] | None = {"id": "", "updated": ""}
    with httpx.Client(trust_env=False) as client:
        while following is not None:
            query = {"since": following["updated"], "after": following["id"], "limit": "1000"}
            answer = orjson.loads(client.get(f"{url}/people", params=query).content)
            keep(answer["people"])
            read += len(answer["people"])
            following = answer["next"]
    seconds, work = watch.read()
    return {"records": read, "seconds": seconds, "cpu_seconds": work}


def opened(path: Path) -> sqlite3.Connection:
    conn = sqlite3.connect(path, isolation_level=None)
    conn.execute("PRAGMA journal_mode = WAL")
    conn.execute("PRAGMA synchronous = NORMAL")
    return conn


def bare_floor(url: str, home: Path) -> dict[str, float]:
    """One row per record, in a table without further indexes."""
    conn = opened(home / "floor.db")
    conn.execute("CREATE TABLE people (id TEXT PRIMARY KEY, raw TEXT NOT NULL, updated TEXT)")

    def keep(people: list[dict[str, Any]]) -> None:
        conn.execute("BEGIN IMMEDIATE")
        conn.executemany(UPSERT, [(p["id"], orjson.dumps(p).decode(), p["updated"]) for p in people])
        conn.execute("COMMIT")

    return walk(url, keep)


def floor(url: str, home: Path) -> dict[str, float]:
    """The rows that the hub left in its store at `home`, ready made, into the same tables with the same indexes."""
    hub, conn = sqlite3.connect(home / "hub.db"), opened(home / "floor.db")
    upserts: dict[str, str] = {}
    ready: dict[str, dict[str, list[tuple[Any, ...]]]] = {}
    for table in TABLES:
        for (sql,) in hub.execute("SELECT sql FROM sqlite_master WHERE tbl_name = ? AND sql IS NOT NULL", (table,)):
            conn.execute(sql)
        columns = [(row[1], row[5]) for row in hub.execute(f"PRAGMA table_info({table})")]
        keys = ", ".join(f'"{name}"' for name, key in columns if key)
        changes = ", ".join(f'"{name}" = excluded."{name}"' for name, key in columns if not key)
        places = ", ".join("?" * len(columns))
        upserts[table] = f"INSERT INTO {table} VALUES ({places}) ON CONFLICT ({keys}) DO UPDATE SET {changes}"
        ready[table] = {}
        owner = OWNERS if table == "golden" else "remote_id"
        for remote_id, *row in hub.execute(f"SELECT {owner}, * FROM {table}"):
            ready[table].setdefault(remote_id, []).append(tuple(row))

    def keep(people: list[dict[str, Any]]) -> None:
        for person in people:
            orjson.dumps(person)
        conn.execute("BEGIN IMMEDIATE")
        for table, sql in upserts.items():
            conn.executemany(sql, [row for p in people for row in ready[table].get(p["id"], ())])
        conn.execute("COMMIT")

    return walk(url, keep)


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


def measure(side: str, url: str, home: str | None) -> dict[str, float]:
    """One side, in this process: records, seconds by the clock and of work, peak memory."""
    with TemporaryDirectory() as folder:
        if side == "hub":
            found = asyncio.run(whole(url, Path(home or folder)))
        else:
            found = floor(url, Path(home)) if home else bare_floor(url, Path(folder))
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


def apart(side: str, url: str, home: str | None = None) -> dict[str, float]:
    """`measure` in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.whole_path", "--side", side, "--url", url]
    command += ["--home", home] if home else []
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    found: dict[str, float] = orjson.loads(done.stdout)
    return found


def compare(people: int, page: int, rounds: int) -> dict[str, Any]:
    """Both sides, in turns; the quickest round of each."""
    sides: dict[str, list[dict[str, float]]] = {"bare_floor": [], "hub": [], "floor": []}
    with source(people, page) as url:
        for _ in range(rounds):
            with TemporaryDirectory() as home:
                sides["bare_floor"].append(apart("floor", url))
                sides["hub"].append(apart("hub", url, home))
                sides["floor"].append(apart("floor", url, home))
    best = {name: min(found, key=lambda r: r["seconds"]) for name, found in sides.items()}
    if any(found["records"] != people for found in best.values()):
        raise SystemExit(f"not every side read {people} people: {best}")
    seconds = {name: found["seconds"] for name, found in best.items()}
    return {
        "people": people,
        "page": page,
        **best,
        "ratio": round(seconds["hub"] / seconds["floor"], 2),
        "bare_ratio": round(seconds["hub"] / seconds["bare_floor"], 2),
    }


def told(found: dict[str, Any]) -> str:
    """The findings for people."""
    lines = [f"{found['people']:,} people in pages of {found['page']}"]
    for side in ("bare_floor", "floor", "hub"):
        if side in found:
            r = found[side]
            lines.append(f"{side:>10}: {r['per_second']:>7,} records a second, peak memory {r['peak_mb']:.0f} MB")
    if "ratio" in found:
        lines.append(
            f"     ratio: {found['ratio']} (wanted: at most {RATIO_MAX:g}); to the bare floor: {found['bare_ratio']}"
        )
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
    parser.add_argument("--home", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.side:
        print(orjson.dumps(measure(asked.side, asked.url, asked.home)).decode())
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
