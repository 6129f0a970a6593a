"""Tokens that survive a restart: kept in the store, sealed, together with the secrets that a grant rotated."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

from hub import logs
from hub.clock import Clock
from hub.domain.moments import iso
from hub.domain.outcome import Fault, FaultKind
from hub.sdk.auth import Token
from hub.store import leases, secrets
from hub.store.database import Database
from hub.store.secrets import Vault
from hub.transport.failed import Failed

TERM = timedelta(seconds=60)
"""How long the fetching of a token may take before others try."""
POLL = 0.25


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

    async def save(self, token: Token) -> None:
        logs.conceal(f"{self.connection} token", token.access, *token.secrets.values())
        async with self.database.write() as conn:
            await secrets.put_token(conn, self.vault, self.connection, token, iso(self.clock()))

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """By a lease where other processes may work in the store. Raises Failed when it doesn't become free."""
        if not self.database.shared:
            yield
            return
        name, me = f"token:{self.connection}", f"{os.getpid()}/{uuid4().hex[:8]}"
        for _ in range(int(TERM.total_seconds() * 1.5 / POLL)):
            async with self.database.write() as conn:
                lease = await leases.acquire(conn, name, me, self.clock(), TERM)
            if lease is not None:
                break
            await asyncio.sleep(POLL)
        else:
            text = "another process is fetching a token of this connection, and doesn't end"
            raise Failed(Fault(FaultKind.TRANSIENT, "token_busy", text), sent=False)
        try:
            yield
        finally:
            async with self.database.write() as conn:
                await leases.release(conn, lease)
