"""Whether this process can do its work now: what a probe asks, every few seconds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass

from hub.errors import HubError
from hub.store import connections, trouble
from hub.store import secrets as safe
from hub.store.schema import refuse_outdated
from sync_jobs.hub import Hub

WITHIN = 3.0
"""Seconds that one thing looked at may take."""
SPARED = {"queue"}
"""What is looked at and may be away."""
SECRETS_OF = 20
"""Connections whose secrets are tried."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at. `why` is empty when it is well, and names no secret and no person."""

    name: str
    ok: bool
    why: str = ""


@dataclass(frozen=True, slots=True)
class Readiness:
    ok: bool
    checks: tuple[Check, ...]


async def readiness(hub: Hub, *, stopping: bool = False) -> Readiness:
    """The store answers and fits, our key opens its secrets, and the process does not stop. A queue that does not
    answer is told and keeps nobody from working: webhooks are noted, and workers find by the sweep what to do."""
    checks = [Check("running", not stopping, "the process is stopping" if stopping else "")]
    for name, look in (("store", _store), ("secrets", _secrets), ("queue", _queue)):
        checks.append(await _checked(name, look(hub)))
    return Readiness(all(check.ok for check in checks if check.name not in SPARED), tuple(checks))


async def _checked(name: str, look: Awaitable[None]) -> Check:
    try:
        async with asyncio.timeout(WITHIN):
            await look
    except HubError as error:
        return Check(name, False, error.message)
    except Exception as error:
        meant = trouble.meaning(error)
        return Check(name, False, meant.message if meant is not None else type(error).__name__)
    return Check(name, True)


async def _store(hub: Hub) -> None:
    refuse_outdated(await hub.database.schema())


async def _secrets(hub: Hub) -> None:
    """After keys were rotated, a process that goes on with the old ones would fail at every call."""
    async with hub.database.read() as conn:
        for row in (await connections.all(conn))[:SECRETS_OF]:
            await safe.fetch(conn, hub.vault, row.name)


async def _queue(hub: Hub) -> None:
    if await hub.queue.waiting() < 0:
        raise HubError("Redis does not answer; until it does, work begins by the sweep alone")
