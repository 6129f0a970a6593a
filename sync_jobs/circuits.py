"""Leaving alone a connection that fails, so that nobody waits for it again and again, on whatever host.

A tour asks `let_in` before it calls and says afterwards how it went: `worked` or `failed`.
"""

from __future__ import annotations

from datetime import datetime

from hub import counters
from hub.domain.circuit import Circuit
from hub.domain.moments import iso, parse
from hub.domain.outcome import Fault
from hub.engine import circuit as engine
from hub.logs import log
from hub.store import circuits
from sync_jobs.hub import Hub

LOG = log(__name__)


async def resting_until(hub: Hub, name: str) -> datetime | None:
    """Until when nobody calls there; None when a tour may. Asks only."""
    async with hub.database.read() as conn:
        circuit = await circuits.get(conn, name)
    return None if circuit is None or (until := parse(circuit.until)) <= hub.clock() else until


async def let_in(hub: Hub, name: str) -> datetime | None:
    """None: the tour may call. Otherwise until when it may not: the connection rests, or it failed so often that
    another tour tries first."""
    now = hub.clock()
    async with hub.database.read() as conn:
        circuit = await circuits.get(conn, name)
    if circuit is None:
        return None
    through = engine.let_through(circuit, now)
    if through is None:
        return parse(circuit.until)
    if through is circuit:
        return None
    async with hub.database.write() as conn:
        if await circuits.exchange(conn, circuit, through):
            return None
    return parse(through.until)


async def failed(hub: Hub, name: str, fault: Fault) -> datetime | None:
    """A tour ended with this fault. Until when the connection rests for it; None when it doesn't."""
    now = hub.clock()
    async with hub.database.write() as conn:
        if engine.after_fault(None, name, fault, now) is None:
            return None
        await circuits.begin(conn, Circuit(name, 0, iso(now), iso(now), ""))  # so that two first failures are two
        before = await circuits.get(conn, name, lock=True)
        after = engine.after_fault(before, name, fault, now)
        assert after is not None
        await circuits.put(conn, after)
    if engine.is_open(after) and not (before is not None and engine.is_open(before)):
        counters.add("circuits_opened", connection=name)
        LOG.warning("circuit opened", connection=name, until=after.until, fault=fault.code)
    return until if (until := parse(after.until)) > now else None


async def worked(hub: Hub, name: str) -> None:
    """A tour was answered as it should be. Not to be said of one that asked nothing."""
    async with hub.database.read() as conn:  # seldom is there anything to forget, and a write waits for writers
        if await circuits.get(conn, name) is None:
            return
    async with hub.database.write() as conn:
        before = await circuits.get(conn, name, lock=True)
        after = None if before is None else engine.after_success(before, hub.clock())
        if after is not None:
            await circuits.put(conn, after)
        else:
            await circuits.drop(conn, name)
    if before is not None and engine.is_open(before):
        LOG.info("circuit closed", connection=name, since=before.since)
