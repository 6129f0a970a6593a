"""Tokens that survive a restart: kept in the store, sealed, together with the secrets that a grant rotated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hub.sdk.auth import Token
from hub.store import secrets
from hub.store.database import Database
from hub.store.secrets import Vault


@dataclass(frozen=True, slots=True)
class StoredTokens:
    """The token of one connection. `now` gives the time as text."""

    database: Database
    vault: Vault
    connection: str
    now: Callable[[], str]

    async def load(self) -> Token | None:
        async with self.database.read() as conn:
            return await secrets.fetch_token(conn, self.vault, self.connection)

    async def save(self, token: Token) -> None:
        async with self.database.write() as conn:
            await secrets.put_token(conn, self.vault, self.connection, token, self.now())
