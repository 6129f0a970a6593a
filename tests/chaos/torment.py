"""Whoever torments the workers, their queue and their store."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import TypeAlias

from tests import postgres, redis
from tests.chaos.sockets import holder
from tests.chaos.theatre import Ambush
from tests.chaos.workers import Supervisor, Worker
from tests.conftest import execute, outside

Torment: TypeAlias = Callable[[], None]


@dataclass(slots=True)
class Tormentor:
    """Kills a worker every few seconds, and does everything else in turns. Call `go` often: it does what it is time
    for. `clock`, `note` and `ambush` are the theatre's."""

    supervisor: Supervisor
    queue: redis.Server
    store: postgres.Server
    database: str
    chance: Random
    clock: Callable[[], float]
    note: Callable[[str], None]
    lease: float
    ambush: Ambush
    slowness: float = 1.0
    """How many times longer than usual everything takes here: then the torments come so much later."""
    counts: Counter[str] = field(default_factory=Counter)
    turned: bool = False
    """Everything was done once."""
    _later: list[tuple[float, Torment]] = field(default_factory=list)
    _kill_at: float = 0.0
    _next_at: float = 0.0
    _turns: list[str] = field(default_factory=list)
    _began: bool = False

    def go(self) -> None:
        now = self.clock()
        for due in [d for d in self._later if d[0] <= now]:
            self._later.remove(due)
            due[1]()
        if now >= self._kill_at:
            self._kill_at = now + self.chance.uniform(3, 6) * self.slowness
            self._kill()
        if now >= self._next_at:
            self._next_at = now + self.chance.uniform(2, 5) * self.slowness
            self._next()

    def stop(self) -> None:
        """Everything that is down or asleep is up again."""
        self.ambush.act = None
        for _, torment in sorted(self._later, key=lambda d: d[0]):
            torment()
        self._later.clear()

    # --- torments ---------------------------------------------------------------------------------------------

    def _next(self) -> None:
        turns: dict[str, Torment] = {"put a worker to sleep": self._sleep, "emptied the queue": self._flush}
        turns["dropped database connections"] = self._drop
        if self.queue.process is not None:
            turns |= {"stopped the queue": self._stop_queue, "crashed the queue": self._crash_queue}
        if self.store.process is not None:
            turns["restarted the database"] = self.store.restart
        if not self._turns:
            self.turned = self._began
            self._began = True
            self._turns = self.chance.sample(sorted(turns), len(turns))
        what = self._turns.pop()
        self._do(what, turns[what])

    def _do(self, what: str, torment: Torment) -> None:
        self.counts[what] += 1
        self.note(what)
        torment()

    def _kill(self) -> None:
        """Any worker, at any moment; or whoever sends a write next, just before or after it is done."""
        if self.ambush.act is not None or self.chance.random() < 0.4:
            self.ambush.act = None
            if self._working:
                self._do("killed at any moment", lambda: self.supervisor.kill(self.chance.choice(self._working)))
            return
        self.ambush.when = self.chance.choice(("before", "after"))
        self.ambush.act = self._strike

    def _strike(self, port: int) -> None:
        """Called by the theatre, in its thread, while the request of that worker waits."""
        processes = {w.process.pid: w for w in self.supervisor.workers if w.process is not None}
        found = holder(port, processes)
        if found is not None:
            self._do(f"killed {self.ambush.when} a write", lambda: self.supervisor.kill(processes[found]))

    def _sleep(self) -> None:
        """For less than a lease, or for more."""
        if not self._working:
            return
        worker = self.chance.choice(self._working)
        worker.send(signal.SIGSTOP)
        self._after(self.chance.choice((0.5, 2.0)) * self.lease, lambda: worker.send(signal.SIGCONT))

    def _flush(self) -> None:
        if not self._queue_is_down:
            self.queue.command("FLUSHALL")

    def _stop_queue(self) -> None:
        """In good order; it comes back empty."""
        self.queue.halt()
        self._after(self.chance.uniform(0.5, 3), self.queue.resume)

    def _crash_queue(self) -> None:
        self.queue.kill()
        self._after(self.chance.uniform(0.1, 1), self.queue.resume)

    def _drop(self) -> None:
        """Every connection to the store, or about half of them."""
        share = self.chance.choice((0.5, 1.0))
        outside(
            execute(
                self.store,
                f"SELECT setseed({self.chance.random():.6f})",
                f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{self.database}' "
                f"AND pid != pg_backend_pid() AND random() <= {share}",
            )
        )

    # --- how --------------------------------------------------------------------------------------------------

    def _after(self, seconds: float, torment: Torment) -> None:
        self._later.append((self.clock() + seconds, torment))

    @property
    def _working(self) -> list[Worker]:
        return [w for w in self.supervisor.workers if w.working]

    @property
    def _queue_is_down(self) -> bool:
        return any(torment == self.queue.resume for _, torment in self._later)
