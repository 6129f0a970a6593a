"""Stopping a connection whose trouble only its operator can mend: one notice, and no further calls until then."""

from __future__ import annotations

from hub.domain.connection import ConnectionState
from hub.domain.outcome import Fault, FaultKind
from hub.store import connections, issues
from sync_jobs import troubles
from sync_jobs.hub import Hub
from sync_jobs.wiring import Wired


async def stop(hub: Hub, wired: Wired, fault: Fault) -> None:
    """Unauthorised and misconfigured stop the connection; a broken contract only leaves the issue."""
    now = hub.now_text()
    async with hub.database.write() as conn:
        await issues.raise_(conn, troubles.stopped(wired.name, fault, now))
        if fault.kind in (FaultKind.UNAUTHORISED, FaultKind.MISCONFIGURED):
            reason = f"{fault.code}: {fault.message}"
            await connections.set_state(conn, wired.name, ConnectionState.BROKEN, reason)
    await hub.wire()


async def mended(hub: Hub, wired: Wired) -> None:
    """The connection answered: closes the notice."""
    async with hub.database.write() as conn:
        await issues.close(conn, [f"{troubles.CONNECTION}/{wired.name}"], hub.now_text())
