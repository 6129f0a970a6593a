"""One at a time: two processes that write to the same systems could both create the same person."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import IO

from hub.domain.moments import iso
from hub.errors import Refused
from hub.store import leases, passes
from sync_jobs.counts import Progress, Silent
from sync_jobs.hub import Hub
from sync_jobs.lease import HOME, held

try:
    import fcntl
except ImportError:  # not a POSIX system: there the operator keeps runs apart
    fcntl = None  # type: ignore[assignment]

FILE = ".working"
UP = ".up"
TAKEN = {
    FILE: ("another process is working in this home", "let it end; `hub runs` shows what it does"),
    UP: ("another process is up in this home", "leave the work to that `hub up`, or stop it first"),
}
"""What is said to a second one, and how to mend it."""
PATIENCE = 90.0
"""Seconds for workers to end their tours: each is bounded, and one whose process died loses its lease before."""
POLL = 0.2


@asynccontextmanager
async def sole_turn(hub: Hub, progress: Progress | None = None) -> AsyncIterator[None]:
    """Holds the home, and the store for all hosts that can reach it, for one run. Refused while another process holds
    either; workers end what they are at and wait meanwhile. What loses the store's lease commits nothing more and
    raises LeaseLost. `progress` is told while workers are waited for."""
    with turn(hub.home):
        # On this host the file says that a former holder is dead; another host's may only be silent.
        async with held(hub, HOME, by_force=not hub.database.shared):
            await _workers_paused(hub, progress or Silent())
            async with hub.database.write() as conn:
                await passes.drop_all(conn)
            yield


async def _workers_paused(hub: Hub, progress: Progress) -> None:
    """Until no tour is under way. None begins while the home's lease is held; of one that fell silent the lease is
    taken away, so that it commits nothing when it wakes up."""
    most = 0
    nobody_up = not hub.database.shared and not _is_taken(hub.home / UP)
    for _ in range(int(PATIENCE / POLL)):
        async with hub.database.write() as conn:
            touring, now = await leases.tours(conn), iso(await leases.time(conn, hub.clock))
            for lease in touring:
                if nobody_up or not lease.held_at(now):
                    await leases.free(conn, lease.name)
                    touring = [t for t in touring if t is not lease]
        most = max(most, len(touring))
        if most:
            progress.update("pause", "", "", {"done": most - len(touring)}, most)
        if not touring:
            return
        await asyncio.sleep(POLL)
    names = ", ".join(lease.name for lease in touring)
    raise Refused(f"workers did not pause within {PATIENCE:.0f} s: {names}", mend="try again; `hub runs` shows more")


@contextmanager
def turn(home: Path, name: str = FILE) -> Iterator[None]:
    """Holds the home on this host; the system lets go of it when the process ends, however it ends. Refused while
    another process holds it."""
    with _opened(home / name) as file:
        if fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                message, mend = TAKEN[name]
                raise Refused(message, mend=mend) from None
        yield


def _opened(path: Path) -> IO[str]:
    try:
        return path.open("a")
    except OSError as error:
        raise Refused(
            f"{path} cannot be written: {error.strerror}",
            mend="give the home, and this file in it, to the hub's user: a command that root ran may have left it",
        ) from None


def _is_taken(file: Path) -> bool:
    try:
        with turn(file.parent, file.name):
            return False
    except Refused:
        return True
