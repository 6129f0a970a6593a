"""Carries a sandbox's webhooks to whoever asked for them, over real HTTP, from a thread of its own.

Nothing but sandboxes may use it: the hub itself reaches the network by `hub.transport` alone.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import TypeAlias
from urllib.parse import urlsplit

WAITING_MAX = 10_000
ANSWERS_KEPT = 1_000
TIMEOUT = 5.0


@dataclass(frozen=True, slots=True)
class Letter:
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


Write: TypeAlias = Callable[[int], Letter | None]
"""Makes a letter for its nth attempt, counted from 0, so that each attempt is signed when it leaves. None: there is
nothing left to say."""


class Courier:
    """Letters leave one after the other. One that isn't taken (no 2xx) is tried again, `tries` times in all, after
    `pause` seconds and twice as many each time; then it is given up."""

    def __init__(self, tries: int = 6, pause: float = 0.1) -> None:
        self.answers: deque[int] = deque(maxlen=ANSWERS_KEPT)
        """Statuses of all attempts; 0 where nobody answered."""
        self.delivered = 0
        self.given_up = 0
        self._tries = tries
        self._pause = pause
        self._waiting: queue.Queue[Write] = queue.Queue(WAITING_MAX)
        self._thread: threading.Thread | None = None

    def send(self, write: Write) -> None:
        """Returns at once. Given up when too many wait."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="courier", daemon=True)
            self._thread.start()
        try:
            self._waiting.put_nowait(write)
        except queue.Full:
            self.given_up += 1

    def settle(self, seconds: float = 30.0) -> bool:
        """Waits until all that waits was delivered or given up; False when that takes longer."""
        deadline = time.monotonic() + seconds
        while self._waiting.unfinished_tasks and time.monotonic() < deadline:
            time.sleep(0.005)
        return not self._waiting.unfinished_tasks

    def _run(self) -> None:
        while True:
            write = self._waiting.get()
            try:
                self._deliver(write)
            finally:
                self._waiting.task_done()

    def _deliver(self, write: Write) -> None:
        for attempt in range(self._tries):
            if attempt:
                time.sleep(self._pause * 2 ** (attempt - 1))
            letter = write(attempt)
            if letter is None:
                return
            self.answers.append(ask("POST", letter.url, letter.headers, letter.body))
            if 200 <= self.answers[-1] < 300:
                self.delivered += 1
                return
        self.given_up += 1


def ask(method: str, url: str, headers: Mapping[str, str] | None = None, body: bytes | None = None) -> int:
    """One request; the status of its answer, 0 when there is none."""
    parts = urlsplit(url)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=TIMEOUT)
    try:
        connection.request(
            method, (parts.path or "/") + (f"?{parts.query}" if parts.query else ""), body, headers or {}
        )
        answer = connection.getresponse()
        answer.read()
        return answer.status
    except (OSError, HTTPException):
        return 0
    finally:
        connection.close()
