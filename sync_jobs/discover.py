"""Asking a vendor who answers and which fields there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace

from hub.sdk.connector import Account
from hub.sdk.streams import FieldInfo
from hub.store import connections, discoveries
from sync_jobs.connection import mended
from sync_jobs.hub import Hub


async def check(hub: Hub, connection: str) -> Account:
    """Who answers. Raises Failed with the fault when nobody does, or refuses."""
    wired = hub.connection(connection)
    account = wired.connector.account(await wired.caller.send(wired.connector.check(wired.settings)))
    async with hub.database.write() as conn:
        await connections.put(conn, replace(wired.connection, account=asdict(account)))
    await mended(hub, wired)
    await hub.wire()
    return account


async def discover(hub: Hub, connection: str) -> dict[str, Sequence[FieldInfo]]:
    """The remote fields of every stream, kept for the mapping editor."""
    wired = hub.connection(connection)
    found: dict[str, Sequence[FieldInfo]] = {}
    for name in wired.streams():
        stream = wired.stream(name)
        request = stream.describe()
        found[name] = stream.fields(await wired.caller.send(request) if request else None)
    async with hub.database.write() as conn:
        for name, fields in found.items():
            await discoveries.save(conn, connection, name, fields, hub.now_text())
    return found
