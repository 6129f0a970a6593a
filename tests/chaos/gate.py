"""Made-up vendors over real HTTP, behind a gate at which a request can be held, and whoever sent it."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import TypeAlias

from starlette.types import Receive, Scope, Send

from connectors.unruly.sandbox import TOKEN, Manners, Unruly
from hub import clock
from hub.domain.connection import Connection
from hub.domain.moments import iso
from hub.domain.schedule import Schedule
from hub.operations import settings
from hub.sdk.sandbox import SandboxOptions, serve
from hub.store import connections, schedules, secrets
from hub.store.schedules import EVERY_STREAM
from sync_jobs.hub import Hub
from tests.chaos.sockets import holder
from tests.chaos.workers import Worker, environment

Hold: TypeAlias = Callable[[int], Awaitable[None]]

LEASE = 3.0
WRITE, LOOK = "/people/write", "/people/read"


@dataclass(slots=True)
class Gate:
    """Before one vendor. `holds`: by path, what is awaited once, with the process that asked, before the vendor hears
    of it. `passed`: (path, process) of all that was asked there."""

    vendor: Unruly
    workers: Sequence[Worker]
    holds: dict[str, Hold] = field(default_factory=dict)
    passed: list[tuple[str, int]] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            process = holder(scope["client"][1], [w.process.pid for w in self.workers if w.process]) or 0
            self.passed.append((scope["path"], process))
            hold = self.holds.pop(scope["path"], None)
            if hold is not None:
                await hold(process)
        await self.vendor.app(scope, receive, send)


async def asleep(process: int) -> None:
    """Puts whoever asks to sleep before it is answered."""
    os.kill(process, signal.SIGSTOP)


class Silence:
    """Accepts every connection, and never says a word. `connected` counts them."""

    def __init__(self) -> None:
        self.connected = 0
        self._held: list[socket.socket] = []
        self._bound = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.url = f"http://127.0.0.1:{self._bound.getsockname()[1]}"
        self._thread = Thread(target=self._accept, name="silence", daemon=True)

    def __enter__(self) -> Silence:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bound.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)
        for held in (self._bound, *self._held):
            held.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                self._held.append(self._bound.accept()[0])
                self.connected += 1


@dataclass(slots=True)
class Street:
    """Vendors a and b with one way of working: workers on PostgreSQL and Redis."""

    gates: dict[str, Gate]
    workers: list[Worker]

    @property
    def vendors(self) -> dict[str, Unruly]:
        return {name: gate.vendor for name, gate in self.gates.items()}

    def agrees(self, field: str, value: str, people: int = 1) -> bool:
        """Whether everybody has it everywhere."""
        return all(
            len(v.ids()) == people and {(v.get(i) or {}).get(field) for i in v.ids()} == {value}
            for v in self.vendors.values()
        )


async def street(
    folder: Path, urls: Sequence[str], redis_url: str, stack: ExitStack, *, dead: str | None = None
) -> Street:
    """A home, two vendors that it may write to and reads every second, and a worker for each URL of the store, not
    started yet; all of it ends with the stack. `dead`: the address of one more vendor, where nobody answers."""
    home = folder / "home"
    home.mkdir()
    said = {"HUB_LEASE_SECONDS": f"{LEASE:g}", "HUB_SWEEP_SECONDS": "0.3", "HUB_LOG_FORMAT": "json"}
    said["HUB_DOUBT_SECONDS"] = "2"  # what these vendors have not done by then they never do
    workers = [
        Worker(n, environment(home, url, redis_url, **said), folder / f"worker-{n}.log") for n, url in enumerate(urls)
    ]
    gates = {n: Gate(Unruly(SandboxOptions(people=0), Manners(), prefix=n), workers) for n in ("a", "b")}
    async with await Hub.open(home, database_url=urls[0]) as hub:
        await settings.change(hub, dict.fromkeys(("creates", "clears", "removes"), "100000"))
        now = iso(clock.now())
        places = {name: stack.enter_context(serve(gate)).url for name, gate in gates.items()}
        places |= {"dead": dead} if dead else {}
        async with hub.database.write() as conn:
            for rank, (name, url) in enumerate(places.items()):
                said_of = dict(gates["a"].vendor.connection().settings)
                row = Connection(name, "unruly", url, said_of, writes=True, rank=rank, created_at=now)
                await connections.add(conn, row)
                await secrets.put(conn, hub.vault, name, {"token": TOKEN}, now)
                await schedules.put(conn, name, EVERY_STREAM, Schedule(every=1))
    for worker in workers:
        stack.callback(worker.drop)
    return Street(gates, workers)


async def until(so: Callable[[], bool], what: str, patience: float = 150.0) -> None:
    """Waits until it is so."""
    deadline = asyncio.get_running_loop().time() + patience
    while not so():
        assert asyncio.get_running_loop().time() < deadline, f"{what} never happened"
        await asyncio.sleep(0.05)
