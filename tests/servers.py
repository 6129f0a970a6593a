"""What the servers that tests start have in common: a process that dies with ours, a port, a folder of its own."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

PR_SET_PDEATHSIG = 1
STARTS_WITHIN = 60.0
"""Seconds; a busy machine and a recovery after a crash are slow."""
STOPS_WITHIN = 10.0


@dataclass(slots=True)
class Process:
    """A server on a port of this machine. Start it in a thread that lives as long as it should: the kernel ends it
    with the *thread* that started it."""

    command: Sequence[str]
    root: Path
    port: int
    answers: Callable[[int], bool]
    end: signal.Signals
    user: int | None = None
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self) -> None:
        """Returns when it answers, at once when it runs already. RuntimeError with its last words when it does not."""
        if self._process is not None and self._process.poll() is None:
            return
        log = self.root / "log"
        with log.open("ab") as output:
            self._process = process = subprocess.Popen(
                self.command,
                stdout=output,
                stderr=output,
                user=self.user,
                group=self.user,
                preexec_fn=die_with_parent,
                cwd=self.root,
            )
        deadline = time.monotonic() + STARTS_WITHIN
        while not self.answers(self.port):
            if process.poll() is not None or time.monotonic() > deadline:
                self.halt(signal.SIGKILL)
                raise RuntimeError(f"{self.command[0]} did not start: {log.read_text(errors='replace')[-400:]}")
            time.sleep(0.02)

    def halt(self, how: signal.Signals | None = None) -> None:
        """Ends it by this signal and waits; `start` starts it again where it was."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(how or self.end)
        try:
            self._process.wait(STOPS_WITHIN)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(STOPS_WITHIN)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def remove(self) -> None:
        """Ends it for good, and its folder with it."""
        self.halt()
        shutil.rmtree(self.root, ignore_errors=True)


def folder(prefix: str) -> Path:
    """A folder for a server, which names its owner."""
    root = Path(tempfile.mkdtemp(prefix=prefix))
    (root / "owner").write_text(str(os.getpid()))
    return root


def sweep(prefix: str) -> None:
    """Removes what killed test processes left: their servers are dead, their folders are not."""
    for root in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
        try:
            pid = int((root / "owner").read_text())
        except (OSError, ValueError):
            continue  # it is just being made
        if not Path(f"/proc/{pid}").exists() and Path("/proc/self").exists():
            shutil.rmtree(root, ignore_errors=True)


def ends(pid: int) -> bool:
    """Whether this process ends in time. Its port tells nothing: the next server may have it already."""
    deadline = time.monotonic() + STOPS_WITHIN
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True  # and nobody buried it
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.05)
    return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def die_with_parent() -> None:
    """To be called in a new process before its program begins."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGQUIT)
