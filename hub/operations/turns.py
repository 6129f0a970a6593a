"""One at a time: two processes that write to the same systems could both create the same person."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from hub.errors import Refused
from sync_jobs.hub import Hub
from sync_jobs.lease import held

try:
    import fcntl
except ImportError:  # not a POSIX system: there the operator keeps runs apart
    fcntl = None  # type: ignore[assignment]

FILE = ".working"
LEASE = "home"
"""The store's lease of whoever works all of it."""


@asynccontextmanager
async def sole_turn(hub: Hub) -> AsyncIterator[None]:
    """Holds the home, and with it a store that other hosts can reach, for one run. Refused while another process holds
    either. What loses the store's lease meanwhile commits nothing more and raises LeaseLost."""
    with turn(hub.home):
        if hub.database.shared:
            async with held(hub, LEASE):
                yield
        else:
            yield


@contextmanager
def turn(home: Path) -> Iterator[None]:
    """Holds the home on this host; the system lets go of it when the process ends, however it ends. Refused while
    another process holds it."""
    with (home / FILE).open("a") as file:
        if fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise Refused(
                    "another process is working in this home",
                    mend="let it end; `hub runs` shows what it does",
                ) from None
        yield
