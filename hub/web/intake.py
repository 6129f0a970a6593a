"""Keeping hints: those of many requests in one transaction, and nobody is told "taken" before it is committed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from hub.domain.hint import Noted
from hub.domain.lane import Lane
from hub.logs import log
from hub.store import hints
from sync_jobs.hub import Hub
from sync_jobs.queue import Job, Wake

GATHER_SECONDS = 0.004
"""How long a commit waits for company: less than it takes itself."""
COMMIT_SECONDS = 3.0
"""How long a request waits for its commit: the least patient vendor waits 5 s."""
WAITING_MAX = 20_000
"""Hints that may wait for a commit; beyond that, requests are sent away, and their vendors try again later."""
BATCH_MAX = 5_000
WAKE_SECONDS = 0.05
"""The least time between two wake-ups of one connection: in between, one is as good as many."""
_log = log(__name__)


class Busy(Exception):
    """More waits already than may wait."""


class Away(Exception):
    """The store did not take the hints in time."""


@dataclass(slots=True)
class _Request:
    rows: Sequence[Noted]
    kept: asyncio.Future[None]


class Intake:
    """`note` may be called by any number of requests while `run` runs."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._requests: list[_Request] = []
        self._waiting = 0
        self._news = asyncio.Event()
        self._trouble = ""
        self._asleep: set[str] = set()
        self._someone = asyncio.Event()

    async def note(self, rows: Sequence[Noted]) -> None:
        """Returns when the hints are committed. Busy, Away: they may or may not be kept, and should be sent again."""
        if self._waiting + len(rows) > WAITING_MAX:
            raise Busy
        request = _Request(rows, asyncio.get_running_loop().create_future())
        self._requests.append(request)
        self._waiting += len(rows)
        self._news.set()
        try:
            async with asyncio.timeout(COMMIT_SECONDS):
                await request.kept
        except TimeoutError:
            raise Away from None

    async def run(self) -> None:
        """Commits and wakes, until it is cancelled. What waits then is lost to its senders, who weren't told
        otherwise."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._commit())
            tasks.create_task(self._wake())

    async def _commit(self) -> None:
        while True:
            await self._news.wait()
            await asyncio.sleep(GATHER_SECONDS)
            batch = self._taken()
            try:
                async with asyncio.timeout(COMMIT_SECONDS), self._hub.database.write(hurried=True) as conn:
                    await hints.note(conn, [row for request in batch for row in request.rows])
            except Exception as error:
                self._said(type(error).__name__)
                _answer(batch, Away())
            else:
                self._said("")
                _answer(batch, None)
                self._asleep |= {row.connection for request in batch for row in request.rows}
                self._someone.set()

    def _said(self, trouble: str) -> None:
        """Logs when the store goes and when it is back, not each time that it is still away."""
        if trouble and not self._trouble:
            _log.warning("hints cannot be kept; vendors are asked to come again", error=trouble)
        elif self._trouble and not trouble:
            _log.warning("hints are kept again")
        self._trouble = trouble

    def _taken(self) -> list[_Request]:
        """The requests that have waited longest, of at most `BATCH_MAX` hints (or one request)."""
        size = count = 0
        for request in self._requests:
            if count and size + len(request.rows) > BATCH_MAX:
                break
            size += len(request.rows)
            count += 1
        batch, self._requests = self._requests[:count], self._requests[count:]
        self._waiting -= size
        if not self._requests:
            self._news.clear()
        return batch

    async def _wake(self) -> None:
        """Beside the commits: a queue that is slow to answer holds up no request."""
        while True:
            await self._someone.wait()
            self._someone.clear()
            names, self._asleep = self._asleep, set()
            try:
                for name in sorted(names):
                    await self._hub.queue.wake(Wake(Job.TOUR, name, "", Lane.LIVE))
            except Exception as error:  # whatever it was: the hints are kept, and the sweep finds them
                _log.warning("nobody could be woken for hints", error=type(error).__name__)
            await asyncio.sleep(WAKE_SECONDS)


def _answer(batch: Sequence[_Request], error: Exception | None) -> None:
    for request in batch:
        if request.kept.done():  # its sender is gone
            continue
        if error is None:
            request.kept.set_result(None)
        else:
            request.kept.set_exception(error)
