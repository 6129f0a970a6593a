"""A process says in the store that it lives, what it is and what it does, for as long as it goes on."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta

from hub import __version__
from hub.domain.moments import iso
from hub.domain.worker import Role, Worker
from hub.logs import log
from hub.store import trouble, workers
from sync_jobs.hub import Hub

BEAT = 5.0
"""Seconds between two signs of life."""
SILENT = timedelta(minutes=10)
"""For how long a process that fell silent is remembered."""
LAST = 3.0
"""Seconds for the last word."""

LOG = log(__name__)


def _nothing() -> Sequence[str]:
    return ()


def _none() -> Mapping[str, int]:
    return {}


@dataclass(slots=True)
class Presence:
    """`doing` and `counts` are asked at each sign of life: see `Worker`."""

    hub: Hub
    role: Role
    id: str
    doing: Callable[[], Sequence[str]] = _nothing
    counts: Callable[[], Mapping[str, int]] = _none
    _since: str = field(init=False)

    def __post_init__(self) -> None:
        self._since = self.hub.now_text()

    async def keep(self) -> None:
        """Says so again and again, until it is cancelled."""
        while True:
            try:
                await self.say()
            except Exception as error:
                meant = trouble.meaning(error)
                if meant is not None:
                    LOG.warning("a sign of life failed", error=meant.message)
                else:
                    LOG.error("a sign of life failed", error=type(error).__name__, exc_info=error)
            await asyncio.sleep(BEAT)

    async def say(self) -> None:
        now = self.hub.clock()
        alive = Worker(
            self.id,
            socket.gethostname(),
            os.getpid(),
            __version__,
            self._since,
            iso(now),
            tuple(self.doing()),
            dict(self.counts()),
            self.role,
        )
        async with self.hub.database.write() as conn:
            await workers.put(conn, alive)
            await workers.drop_silent(conn, iso(now - SILENT))

    async def leave(self) -> None:
        """It ends as it should: nobody looks for it."""
        with suppress(Exception):
            async with asyncio.timeout(LAST), self.hub.database.write() as conn:
                await workers.drop(conn, self.id)


@asynccontextmanager
async def present(hub: Hub, role: Role) -> AsyncIterator[None]:
    """The process is there, in that role, while the block runs."""
    presence = Presence(hub, role, hub.new_id(role.value))
    saying = asyncio.create_task(presence.keep())
    try:
        yield
    finally:
        saying.cancel()
        with suppress(asyncio.CancelledError):
            await saying
        await presence.leave()
