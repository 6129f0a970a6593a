"""Tokens that survive a restart: kept in the store, sealed, together with the secrets that a grant rotated."""

from __future__ import annotations

import asyncio
import os
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from contextvars import Context
from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4
from weakref import WeakKeyDictionary

from hub import logs
from hub.clock import Clock
from hub.domain.lease import Lease
from hub.domain.moments import iso
from hub.domain.outcome import Fault, FaultKind
from hub.sdk.auth import Token
from hub.store import leases, secrets
from hub.store.database import Database
from hub.store.secrets import Vault
from hub.transport.failed import Failed

TERM = timedelta(seconds=60)
"""How long others wait for one who fell silent while fetching a token."""
RENEWED = TERM.total_seconds() / 3
POLL = 0.25
PAUSES = (0.2, 1.0, 2.0, 4.0)
"""Seconds between tries to keep a token while the store is away."""

_fetching: WeakKeyDictionary[Database, defaultdict[str, asyncio.Lock]] = WeakKeyDictionary()
"""Of each store, who of this process fetches a token of a connection: a caller that is being replaced may, and the new
one."""


@dataclass(frozen=True, slots=True)
class StoredTokens:
    """The token of one connection."""

    database: Database
    vault: Vault
    connection: str
    clock: Clock

    async def load(self) -> Token | None:
        async with self.database.read() as conn:
            token = await secrets.fetch_token(conn, self.vault, self.connection)
        if token is not None:
            logs.conceal(f"{self.connection} token", token.access)
        return token

    async def secrets(self) -> Mapping[str, str]:
        async with self.database.read() as conn:
            opened = await secrets.fetch(conn, self.vault, self.connection)
        logs.conceal(self.connection, *opened.values())
        return opened

    async def save(self, token: Token) -> None:
        """Kept whoever holds a lease by now, and also when the work is cut off: the secret that bought the token is
        spent."""
        logs.conceal(f"{self.connection} token", token.access, *token.secrets.values())
        await asyncio.shield(asyncio.create_task(self._save(token), context=Context()))

    async def _save(self, token: Token) -> None:
        for pause in PAUSES:
            with suppress(Exception):  # whatever it is, it may pass; the last try tells
                await self._put(token)
                return
            await asyncio.sleep(pause)
        await self._put(token)

    async def _put(self, token: Token) -> None:
        async with self.database.write() as conn:
            await secrets.put_token(conn, self.vault, self.connection, token, iso(self.clock()))

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """By a lease besides where other processes may work in the store. Raises Failed when it doesn't become free."""
        async with _fetching.setdefault(self.database, defaultdict(asyncio.Lock))[self.connection]:
            if not self.database.shared:
                yield
                return
            async with self._leased():
                yield

    @asynccontextmanager
    async def _leased(self) -> AsyncIterator[None]:
        lease = await self._taken()
        renewing = asyncio.create_task(self._renew(lease), context=Context())
        try:
            yield
        finally:
            renewing.cancel()
            await asyncio.wait({renewing})
            await asyncio.shield(asyncio.create_task(self._release(lease), context=Context()))

    async def _taken(self) -> Lease:
        name, me = f"token:{self.connection}", f"{os.getpid()}/{uuid4().hex[:8]}"
        for _ in range(int(TERM.total_seconds() * 1.5 / POLL)):
            async with self.database.write() as conn:
                lease = await leases.acquire(conn, name, me, await leases.time(conn, self.clock), TERM)
            if lease is not None:
                return lease
            await asyncio.sleep(POLL)
        text = "another process is fetching a token of this connection, and doesn't end"
        raise Failed(Fault(FaultKind.TRANSIENT, "token_busy", text), sent=False)

    async def _renew(self, lease: Lease) -> None:
        """A token endpoint may take longer than a term."""
        while True:
            await asyncio.sleep(RENEWED)
            with suppress(Exception):  # the next renewal may go well; nothing rests on one
                async with self.database.write() as conn:
                    await leases.renew(conn, lease, await leases.time(conn, self.clock), TERM)

    async def _release(self, lease: Lease) -> None:
        """A store that is away must not hide how the fetching ended: then the lease just expires."""
        with suppress(Exception):
            async with self.database.write() as conn:
                await leases.release(conn, lease)
