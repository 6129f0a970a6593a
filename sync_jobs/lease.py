"""Working under a lease: what only one may do at a time, on whatever host.

Whoever stands still for longer than a term loses the lease to another, and from then on commits nothing: every write
transaction of the work asks for the lease last (`Database.guarded`). Vendors ask no such thing, so nothing is sent to
them either once the term is over by this process's own clock (`lanes.permitted`).

Tours of workers hold `CONNECTION/LANE`; whoever works the whole store holds `home`, and tours wait meanwhile.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

from hub import counters
from hub.domain.lane import Lane
from hub.domain.lease import Lease
from hub.domain.moments import iso
from hub.errors import LeaseLost, Refused
from hub.logs import log
from hub.store import leases
from hub.transport import lanes
from sync_jobs.hub import Hub

TERM = timedelta(seconds=60)
"""How long others wait for a command that fell silent."""
RENEWALS = 3
"""Renewals within one term, so that two may fail."""
HOME = "home"
"""The lease of whoever works the whole store: `hub sync` and the like."""

_log = log(__name__)


def _passed() -> float:
    """Seconds on this machine's own clock, also those that it slept: `monotonic` stops while a laptop or a virtual
    machine is suspended."""
    since_boot = getattr(time, "CLOCK_BOOTTIME", None)  # on Linux
    return time.monotonic() if since_boot is None else time.clock_gettime(since_boot)


def tour_lease(connection: str, lane: Lane) -> str:
    return f"{connection}/{lane}"


class Busy(Refused):
    """The lease is somebody's."""


@dataclass(slots=True)
class _Held:
    """`until`: the end of the term on this process's own clock, which goes on while the process stands still."""

    lease: Lease
    until: float


@asynccontextmanager
async def held(hub: Hub, name: str, *, term: timedelta = TERM, by_force: bool = False) -> AsyncIterator[Lease]:
    """Takes the lease, keeps it while the block runs, gives it back. Every write of the block, and of the tasks made
    in it, raises LeaseLost once somebody else took it, and no request leaves after the term. Busy, with who and until
    when, while it is somebody's; `by_force` takes it all the same, from one who is known to be dead."""
    held = await _taken(hub, name, term, by_force=by_force)
    renewing = asyncio.create_task(_keep(hub, held, term))
    try:
        with (
            hub.database.guarded(lambda conn: leases.hold(conn, held.lease)),
            lanes.permitted(lambda: _passed() < held.until),
        ):
            yield held.lease
    finally:
        renewing.cancel()
        await asyncio.wait({renewing})
        await _give_back(hub, held.lease)


async def is_held(hub: Hub, name: str) -> bool:
    """Whether somebody holds the lease now."""
    async with hub.database.read() as conn:
        lease = await leases.fetch(conn, name)
        return lease is not None and lease.held_at(iso(await leases.time(conn, hub.clock)))


def holder() -> str:
    """A name for one acquisition, by which people find the process: host, process id, chance."""
    return f"{socket.gethostname()}/{os.getpid()}/{uuid4().hex[:8]}"


async def _taken(hub: Hub, name: str, term: timedelta, *, by_force: bool) -> _Held:
    until = _passed() + term.total_seconds()
    async with hub.database.write() as conn:
        if by_force:
            await leases.free(conn, name)
        now = await leases.time(conn, hub.clock)
        lease = await leases.acquire(conn, name, holder(), now, term)
        if lease is not None:
            return _Held(lease, until)
        other = await leases.fetch(conn, name)
    assert other is not None  # it would have been free
    host, _, process = other.holder.rpartition("/")[0].partition("/")
    raise Busy(
        f"another process works here: process {process} on {host} holds the lease {name!r} until {other.until}, "
        "and renews it while it works",
        mend="let it end; `hub runs` shows what it does. If it was killed, try again after that time "
        f"(it is {iso(now)} now)",
    )


async def _keep(hub: Hub, held: _Held, term: timedelta) -> None:
    """Renews the lease until it is cancelled or the lease is lost."""
    while True:
        await asyncio.sleep(term.total_seconds() / RENEWALS)
        asked = _passed()
        try:
            async with hub.database.write() as conn:
                await leases.renew(conn, held.lease, await leases.time(conn, hub.clock), term)
            held.until = asked + term.total_seconds()
        except LeaseLost:
            counters.add("leases_lost")
            _log.warning("lease lost", lease=held.lease.name)
            held.until = 0.0
            return
        except Exception as error:  # whatever it was, the next renewal may go well; the fence doesn't rest on it
            _log.warning("a lease was not renewed", lease=held.lease.name, error=type(error).__name__)


async def _give_back(hub: Hub, lease: Lease) -> None:
    """A store that is away must not hide how the work ended: then the lease just expires."""
    try:
        async with hub.database.write() as conn:
            await leases.release(conn, lease)
    except Exception as error:
        _log.warning("a lease was not given back", lease=lease.name, error=type(error).__name__)
