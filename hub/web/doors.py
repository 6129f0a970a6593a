"""Which webhooks each connection has, with what proves them at hand: secrets are opened once, not for each request."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import BaseModel

import connectors
from hub.domain.connection import Connection
from hub.errors import HubError
from hub.logs import conceal, log
from hub.sdk import relay
from hub.sdk.connector import Connector
from hub.sdk.hooks import Hook
from hub.store import connections
from hub.store import secrets as safe
from hub.store.database import Transaction
from sync_jobs.hub import Hub

LOOK_SECONDS = 2.0
"""How long a changed secret or connection may go unnoticed here."""
_log = log(__name__)


@dataclass(frozen=True, slots=True)
class Door:
    """One connection's ways in. `secrets` are those of its webhooks alone."""

    name: str
    connector: Connector
    settings: BaseModel
    account: str
    secrets: Mapping[str, str] = field(repr=False)
    sealed: object = field(repr=False)
    """What it was made of: while that is the same, it is."""

    def hook(self, headers: Mapping[str, str]) -> Hook | None:
        """The hook that a request with these headers is for; None when the connection has no secret for it."""
        hook = relay.RELAY if relay.meant(headers) else self.connector.hook
        return hook if hook is not None and hook.ready(self.secrets) else None

    @property
    def validates(self) -> bool:
        hook = self.connector.hook
        return hook is not None and hook.validates


class Doors:
    """The doors of a store, as they were at most `LOOK_SECONDS` ago while `keep` runs."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._doors: dict[str, Door] = {}
        self._unfit: dict[str, object] = {}

    def at(self, name: str) -> Door | None:
        return self._doors.get(name)

    async def keep(self) -> None:
        """Looks again and again, until it is cancelled. While the store is away, what was last seen holds."""
        failed = False
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self.look()
                failed = False
            except Exception as error:
                if not failed:  # and not every two seconds
                    _log.warning("connections cannot be read anew; those last seen hold", error=type(error).__name__)
                failed = True

    async def look(self) -> None:
        """Opens what is new or changed, forgets what is gone."""
        found: dict[str, Door] = {}
        async with self._hub.database.read() as conn:
            marks = await safe.marks(conn)
            for row in await connections.all(conn):
                door = await self._door(conn, row, (row, marks.get(row.name)))
                if door is not None:
                    found[row.name] = door
        self._doors = found

    async def _door(self, conn: Transaction, row: Connection, sealed: object) -> Door | None:
        """A connection that cannot be used has no door, and is tried again when it changes; one whose changed secrets
        cannot be opened keeps the door it had."""
        old = self._doors.get(row.name)
        if old is not None and old.sealed == sealed:
            return old
        if self._unfit.get(row.name) == sealed:
            return old
        try:
            connector = connectors.load(row.connector)
            settings = connector.settings.model_validate(dict(row.settings))
            opened = await safe.fetch(conn, self._hub.vault, row.name)
        except (HubError, ValueError, KeyError) as error:
            _log.warning("a connection takes no webhooks", connection=row.name, error=type(error).__name__)
            self._unfit[row.name] = sealed
            return old
        conceal(row.name, *opened.values())
        self._unfit.pop(row.name, None)
        names = {secret.name for hook in connector.hooks for secret in hook.secrets}
        secrets = {name: value for name, value in opened.items() if name in names}
        return Door(row.name, connector, settings, str((row.account or {}).get("key", "")), secrets, sealed)
