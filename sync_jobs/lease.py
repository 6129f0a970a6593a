"""Working under a lease: what only one may do at a time, on whatever host.

Whoever stands still for longer than a term loses the lease to another, and from then on commits nothing: every write
transaction of the work asks for the lease last (`Database.guarded`).
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import uuid4

from hub.domain.lease import Lease
from hub.domain.moments import iso
from hub.errors import LeaseLost, Refused
from hub.logs import log
from hub.store import leases
from sync_jobs.hub import Hub

TERM = timedelta(seconds=60)
"""How long others wait for a worker that fell silent."""
RENEWALS = 3
"""Renewals within one term, so that two may fail."""

_log = log(__name__)


@asynccontextmanager
async def held(hub: Hub, name: str, *, term: timedelta = TERM) -> AsyncIterator[Lease]:
    """Takes the lease, keeps it while the block runs, gives it back. Every write of the block, and of the tasks made
    in it, raises LeaseLost once somebody else took it. Refused, with who and until when, while it is somebody's."""
    lease = await _taken(hub, name, term)
    renewing = asyncio.create_task(_keep(hub, lease, term))
    try:
        with hub.database.guarded(lambda conn: leases.hold(conn, lease)):
            yield lease
    finally:
        renewing.cancel()
        await asyncio.wait({renewing})
        await _give_back(hub, lease)


def holder() -> str:
    """A name for one acquisition, by which people find the process: host, process id, chance."""
    return f"{socket.gethostname()}/{os.getpid()}/{uuid4().hex[:8]}"


async def _taken(hub: Hub, name: str, term: timedelta) -> Lease:
    async with hub.database.write() as conn:
        lease = await leases.acquire(conn, name, holder(), hub.clock(), term)
        if lease is not None:
            return lease
        other = await leases.fetch(conn, name)
    assert other is not None  # it would have been free
    host, _, process = other.holder.rpartition("/")[0].partition("/")
    raise Refused(
        f"another process works here: process {process} on {host} holds the lease {name!r} until {other.until}, "
        "and renews it while it works",
        mend="let it end; `hub runs` shows what it does. If it was killed, try again after that time "
        f"(it is {iso(hub.clock())} now)",
    )


async def _keep(hub: Hub, lease: Lease, term: timedelta) -> None:
    """Renews the lease until it is cancelled or the lease is lost."""
    while True:
        await asyncio.sleep(term.total_seconds() / RENEWALS)
        try:
            async with hub.database.write() as conn:
                await leases.renew(conn, lease, hub.clock(), term)
        except LeaseLost:
            _log.warning("lease lost", lease=lease.name)
            return
        except Exception as error:  # whatever it was, the next renewal may go well; the fence doesn't rest on it
            _log.warning("a lease was not renewed", lease=lease.name, error=type(error).__name__)


async def _give_back(hub: Hub, lease: Lease) -> None:
    """A store that is away must not hide how the work ended: then the lease just expires."""
    try:
        async with hub.database.write() as conn:
            await leases.release(conn, lease)
    except Exception as error:
        _log.warning("a lease was not given back", lease=lease.name, error=type(error).__name__)
