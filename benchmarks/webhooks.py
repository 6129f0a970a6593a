"""How many webhooks `hub web` takes, and how long each waits, on SQLite and on PostgreSQL.

The server is a process of its own; this one sends signed messages of one id each over kept connections, at a steady
rate, and counts from the moment at which each was due to leave, so a server that falls behind shows. Then as fast as it
can. Ids come from 4,000, all of which wait in the store before the measuring begins: the dearest place below the bound
on waiting hints. PostgreSQL syncs each commit to the disk, as in production.

`--beside` measures `hub up` instead: the same process reads and hears a system of many people meanwhile, from a source
of its own. It says how many records a second that went at, so that neither is bought with the other.

Run `python -m benchmarks.webhooks` (`--rates`, `--seconds`, `--connections`, `--beside`, `--json`; `--check` ends with
1 when p99 is above 100 ms at the first of the rates, or a message is not taken).
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import random
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from sync_jobs.hub import Hub

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

P99_MAX = 100.0
IDS = 4_000
SECRET = "0123456789abcdef0123456789abcdef"
NAME = "shop"


SOURCE = "crm"
PEOPLE = 200_000
"""More than are heard while the measuring lasts."""


# --- the server -------------------------------------------------------------------------------------------------


async def serve(home: Path, database_url: str, *, working: bool) -> None:
    """`working`: as `hub up` does; answers how many records were heard, and in how many seconds, at the end."""
    from hub.operations import serving as operations
    from hub.web.app import make_app
    from hub.web.server import serving
    from sync_jobs.hub import Hub

    async with AsyncExitStack() as stack:
        hub = await stack.enter_async_context(await Hub.open(home, database_url=database_url))
        asked = asyncio.Event()
        work: asyncio.Task[None] | None = None
        if working:
            crew = await stack.enter_async_context(operations.up(hub))
            work = asyncio.create_task(crew.until(asked))
        print(await stack.enter_async_context(serving(make_app(hub), "127.0.0.1:0")), flush=True)
        begin = time.perf_counter()
        await asyncio.to_thread(sys.stdin.readline)
        took = time.perf_counter() - begin
        print(await heard(hub) / took, flush=True)
        asked.set()
        if work is not None:
            await work
        await asyncio.to_thread(sys.stdin.read)


async def heard(hub: Hub) -> int:
    from hub.store import links

    async with hub.database.read() as conn:
        return await links.total(conn, SOURCE)


async def prepare(home: Path, database_url: str, source: str) -> None:
    from hub.domain.connection import Connection
    from hub.domain.hint import Noted
    from hub.store import connections, hints, secrets
    from sync_jobs.hub import Hub

    async with await Hub.open(home, database_url=database_url) as hub:
        now = hub.now_text()
        async with hub.database.write() as conn:
            await connections.add(conn, Connection(NAME, "unruly", "http://unruly.invalid", created_at=now))
            await secrets.put(conn, hub.vault, NAME, {"token": "t", "webhook_secret": SECRET}, now)
            await hints.note(conn, [Noted(NAME, "people", str(n), now) for n in range(IDS)])
            if source:
                await connections.add(conn, Connection(SOURCE, "unruly", source, created_at=now))
                await secrets.put(conn, hub.vault, SOURCE, {"token": "t"}, now)


@dataclass(frozen=True, slots=True)
class Server:
    host: str
    port: int
    process: subprocess.Popen[str]

    def heard(self) -> float:
        """Records a second since it began. The work ends."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())


@contextmanager
def source(people: int) -> Iterator[str]:
    """Where a system of so many people answers."""
    command = [sys.executable, "-m", "benchmarks.source", str(people), "1000"]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
    finally:
        process.stdin.close()
        process.wait(30)
        process.stdout.close()


@contextmanager
def server(home: Path, database_url: str, *, working: bool) -> Iterator[Server]:
    command = [sys.executable, "-m", "benchmarks.webhooks", "--serve", str(home), database_url]
    command += ["--beside"] if working else []
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        host, _, port = process.stdout.readline().strip().removeprefix("http://").rpartition(":")
        yield Server(host, int(port), process)
    finally:
        process.stdin.close()
        process.wait(30)
        process.stdout.close()


@contextmanager
def stores() -> Iterator[dict[str, tuple[Path, str]]]:
    """A home and a URL for each kind of store."""
    from tests import postgres

    hasty = ("fsync", "full_page_writes")
    postgres.FLAGS = tuple(flag for flag in postgres.FLAGS if not flag.startswith(hasty))
    with TemporaryDirectory() as folder:
        homes = {kind: Path(folder, kind) for kind in ("sqlite", "postgresql")}
        for home in homes.values():
            home.mkdir()
        running = postgres.start(durable=True)
        try:
            yield {
                "sqlite": (homes["sqlite"], f"sqlite:///{homes['sqlite'] / 'hub.db'}"),
                "postgresql": (homes["postgresql"], running.url + "postgres"),
            }
        finally:
            running.stop()


# --- the load ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Measured:
    """Milliseconds. `rate` 0: as fast as the connections go."""

    store: str
    rate: int
    sent: int
    taken: int
    per_second: float
    p50: float
    p99: float
    worst: float
    heard: float = 0.0
    """Records a second that the same process heard meanwhile."""


def message(address: str, remote_id: int) -> bytes:
    from hub.sdk import relay

    body = orjson.dumps({"stream": "people", "ids": [str(remote_id)]})
    stamp = str(int(time.time()))
    return (
        f"POST /webhooks/{NAME} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n"
        f"X-Hub-Timestamp: {stamp}\r\nX-Hub-Signature-256: {relay.proof(SECRET, stamp, body)}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body


class Line:
    """One kept connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, host: str, port: int) -> Line:
        return cls(*await asyncio.open_connection(host, port))

    async def ask(self, text: bytes) -> int:
        self._writer.write(text)
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = next((int(h[15:]) for h in head.lower().split(b"\r\n") if h.startswith(b"content-length:")), 0)
        await self._reader.readexactly(length)
        return int(head[9:12])

    def close(self) -> None:
        self._writer.close()


async def steady(host: str, port: int, rate: int, seconds: float, connections: int) -> tuple[list[float], Counter[int]]:
    """`rate` messages a second; each counts from when it was due, whether or not a connection was free then."""
    free: asyncio.Queue[Line] = asyncio.Queue()
    for _ in range(connections):
        free.put_nowait(await Line.open(host, port))
    waits: list[float] = []
    answers: Counter[int] = Counter()

    async def one(due: float) -> None:
        line = await free.get()
        answers[await line.ask(message(f"{host}:{port}", random.randrange(IDS)))] += 1
        free.put_nowait(line)
        waits.append((time.perf_counter() - due) * 1000)

    begin = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for n in range(int(rate * seconds)):
            due = begin + n / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            tasks.create_task(one(due))
    while not free.empty():
        free.get_nowait().close()
    return waits, answers


async def flat_out(host: str, port: int, seconds: float, connections: int) -> tuple[list[float], Counter[int]]:
    """Every connection sends its next message when the last was answered."""
    waits: list[float] = []
    answers: Counter[int] = Counter()
    end = time.perf_counter() + seconds

    async def go() -> None:
        line = await Line.open(host, port)
        while (begin := time.perf_counter()) < end:
            answers[await line.ask(message(f"{host}:{port}", random.randrange(IDS)))] += 1
            waits.append((time.perf_counter() - begin) * 1000)
        line.close()

    async with asyncio.TaskGroup() as tasks:
        for _ in range(connections):
            tasks.create_task(go())
    return waits, answers


async def measure(store: str, at: Server, rate: int, seconds: float, connections: int) -> Measured:
    gc.collect()
    gc.disable()  # pauses of this process would count against the server
    begin = time.perf_counter()
    if rate:
        waits, answers = await steady(at.host, at.port, rate, seconds, connections)
    else:
        waits, answers = await flat_out(at.host, at.port, seconds, connections)
    took = time.perf_counter() - begin
    parts = statistics.quantiles(waits, n=100)
    return Measured(store, rate, len(waits), answers[200], len(waits) / took, parts[49], parts[98], max(waits))


def run(rates: list[int], seconds: float, connections: int) -> list[Measured]:
    found = []
    with stores() as there:
        for store, (home, url) in there.items():
            asyncio.run(prepare(home, url, ""))
            with server(home, url, working=False) as at:
                asyncio.run(measure(store, at, 50, 1.0, connections))  # warm
                found += [asyncio.run(measure(store, at, rate, seconds, connections)) for rate in (*rates, 0)]
    return found


def beside(rates: list[int], seconds: float, connections: int) -> list[Measured]:
    """Each rate on a fresh store, so that there is always something to hear."""
    found = []
    for rate in rates:
        with stores() as there, source(PEOPLE) as url:
            for store, (home, database_url) in there.items():
                asyncio.run(prepare(home, database_url, url))
                with server(home, database_url, working=True) as at:
                    asyncio.run(measure(store, at, 20, 2.0, connections))  # warm
                    measured = asyncio.run(measure(store, at, rate, seconds, connections))
                    found.append(replace(measured, heard=at.heard()))
    return found


def table(found: list[Measured]) -> str:
    head = {"asked/s": 9, "answered/s": 12, "p50 ms": 9, "p99 ms": 9, "worst": 9, "not taken": 11, "heard/s": 9}
    lines = [f"{'store':<12}" + "".join(f"{word:>{width}}" for word, width in head.items())]
    for m in found:
        asked = f"{m.rate:,}" if m.rate else "all"
        lines.append(
            f"{m.store:<12}{asked:>9}{m.per_second:>12,.0f}{m.p50:>9.1f}{m.p99:>9.1f}{m.worst:>9.1f}"
            f"{m.sent - m.taken:>11,}{m.heard:>9,.0f}"
        )
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rates", type=int, nargs="+", default=[200, 500], help="messages a second")
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--connections", type=int, default=50)
    parser.add_argument("--beside", action="store_true", help="while the same process hears many records")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--serve", nargs=2, metavar=("HOME", "URL"), help=argparse.SUPPRESS)
    said: Any = parser.parse_args()
    if said.serve:
        asyncio.run(serve(Path(said.serve[0]), said.serve[1], working=said.beside))
        return 0
    found = (beside if said.beside else run)(said.rates, said.seconds, said.connections)
    print(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode() if said.json else table(found))
    late = [m for m in found if m.rate == said.rates[0] and m.p99 > P99_MAX]
    lost = [m for m in found if m.taken < m.sent]
    for m in late:
        print(f"{m.store}: p99 is {m.p99:.0f} ms at {m.rate} a second, above {P99_MAX:.0f} ms", file=sys.stderr)
    return 1 if said.check and (late or lost) else 0


if __name__ == "__main__":
    raise SystemExit(main())
