"""Real worker processes, and one who starts them again when they are gone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests import servers

ROOT = Path(__file__).resolve().parents[2]
WORKER = (sys.executable, "-m", "hub.cli", "worker", "--json")


def environment(home: Path, database_url: str, redis_url: str, **said: str) -> dict[str, str]:
    """That of a worker: nothing of the hub's besides what is said here."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
    hub = {"HUB_HOME": str(home), "HUB_DATABASE_URL": database_url, "HUB_REDIS_URL": redis_url, **said}
    return {**bare, "PYTHONPATH": str(ROOT), **hub}


@dataclass(slots=True)
class Worker:
    """One process after another under a number. `log` is what they say on stderr."""

    number: int
    environment: Mapping[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    asleep: bool = False
    _said: int = 0

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._said = log.tell()
            self.process = subprocess.Popen(
                WORKER, env=dict(self.environment), stdout=log, stderr=log, preexec_fn=servers.die_with_parent
            )
        self.asleep = False

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def working(self) -> bool:
        """It has begun: it said so, which takes a process seconds on a busy machine."""
        return self.alive and not self.asleep and self.log.stat().st_size > self._said

    def send(self, what: signal.Signals) -> None:
        if self.alive:
            assert self.process is not None
            self.process.send_signal(what)
            if what in (signal.SIGSTOP, signal.SIGCONT):
                self.asleep = what is signal.SIGSTOP

    def end(self, within: float) -> float | None:
        """Asks it to end, and waits; the seconds that it took. None when it had to be killed."""
        if not self.alive:
            return 0.0
        assert self.process is not None
        began = time.monotonic()
        self.process.terminate()
        try:
            self.process.wait(within)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return None
        return time.monotonic() - began

    def drop(self) -> None:
        """Whatever it does, it is gone."""
        if self.alive:
            assert self.process is not None
            self.process.kill()
            self.process.wait()


@dataclass(slots=True)
class Supervisor:
    """`fell`: how often a worker ended that nobody had killed, with its exit codes."""

    workers: list[Worker]
    starts: int = 0
    kills: int = 0
    fell: list[int] = field(default_factory=list)
    _killed: set[int] = field(default_factory=set)

    def tend(self) -> None:
        """Starts whoever is gone."""
        for worker in self.workers:
            if worker.alive:
                continue
            if worker.process is not None and worker.process.pid not in self._killed:
                self.fell.append(worker.process.returncode)
            worker.start()
            self.starts += 1

    def kill(self, worker: Worker) -> None:
        if worker.alive:
            assert worker.process is not None
            self._killed.add(worker.process.pid)
            worker.send(signal.SIGKILL)
            self.kills += 1

    def end(self, within: float = 20.0) -> list[float | None]:
        """Asks all of them to end, one after the other; see `Worker.end`."""
        return [worker.end(within) for worker in self.workers]

    def drop(self) -> None:
        """Whatever they do, they are gone."""
        for worker in self.workers:
            worker.drop()
