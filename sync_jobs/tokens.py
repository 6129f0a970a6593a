"""Tokens that survive a restart: kept in the store, sealed, together with the secrets that a grant rotated."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.sdk.auth import Token
from hub.store import secrets

if TYPE_CHECKING:
    from sync_jobs.hub import Hub


class StoredTokens:
    """The token of one connection."""

    def __init__(self, hub: Hub, connection: str) -> None:
        self._hub = hub
        self._connection = connection

    async def load(self) -> Token | None:
        async with self._hub.database.read() as conn:
            return await secrets.fetch_token(conn, self._hub.vault, self._connection)

    async def save(self, token: Token) -> None:
        async with self._hub.database.write() as conn:
            await secrets.put_token(conn, self._hub.vault, self._connection, token, self._hub.now_text())
