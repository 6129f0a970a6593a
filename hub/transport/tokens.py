"""Tokens of one connection: kept, and renewed by one caller at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from datetime import datetime, timedelta
from typing import Protocol, TypeAlias

from hub.clock import Clock
from hub.domain.outcome import Fault, FaultKind
from hub.sdk.auth import Auth, Denied, Token
from hub.sdk.http import ContractBroken, Request, Response
from hub.transport.failed import Failed

MARGIN = timedelta(seconds=60)
"""A token is renewed this long before it expires, or a tenth of its life before where that is shorter."""


class TokenKeeper(Protocol):
    """Where tokens outlive the process. `save` also keeps `Token.secrets` over the old ones, at once; `secrets` are
    those to fetch the next one with, as whoever fetched last left them. `alone`: while the block runs, nobody else
    fetches a token of this connection: where a vendor rotates refresh tokens, two who fetch at once would lock each
    other out."""

    async def load(self) -> Token | None: ...

    async def secrets(self) -> Mapping[str, str]: ...

    def alone(self) -> AbstractAsyncContextManager[None]: ...

    async def save(self, token: Token) -> None: ...


class MemoryTokens:
    """Keeps the token for as long as the process lives."""

    def __init__(self, token: Token | None = None) -> None:
        self.token = token

    async def load(self) -> Token | None:
        return self.token

    async def secrets(self) -> Mapping[str, str]:
        return self.token.secrets if self.token is not None else {}

    def alone(self) -> AbstractAsyncContextManager[None]:
        return nullcontext()

    async def save(self, token: Token) -> None:
        self.token = token


Ask: TypeAlias = Callable[[Request], Awaitable[Response]]
"""Sends a token request once. Raises `Failed`."""
Reauth: TypeAlias = Callable[[Mapping[str, str]], Auth]
"""The scheme anew, with rotated secrets over the old ones."""


class TokenDesk:
    """Hands out the token of a connection. All calls must come from one event loop."""

    def __init__(self, auth: Auth, keeper: TokenKeeper, ask: Ask, clock: Clock, reauth: Reauth | None = None) -> None:
        self.auth = auth
        self._keeper = keeper
        self._ask = ask
        self._clock = clock
        self._reauth = reauth
        self._lock = asyncio.Lock()
        self._token: Token | None = None
        self._unkept: Token | None = None
        self._margin = MARGIN
        self._fixed: bool | None = None

    @property
    def fixed(self) -> bool:
        """True when there is no token to renew: a secret is used as it is."""
        if self._fixed is None:
            self._fixed = self._is_fixed()
        return self._fixed

    async def current(self) -> Token | None:
        """A token that lives; fetched when there is none. None where the scheme has none. Raises `Failed`."""
        async with self._lock:
            if self.fixed:
                return None
            await self._keep(self._unkept)
            if self._token is None:
                self._adopt(await self._keeper.load())
            return self._token if self._lives(self._token) and self._token else await self._fetch(self._token)

    async def renew(self, stale: Token | None) -> Token | None:
        """Another token than `stale`, which the vendor refused. Many may ask at once: one call is made."""
        async with self._lock:
            await self._keep(self._unkept)
            if self._token is not None and not _same(self._token, stale):
                return self._token
            return await self._fetch(stale)

    def _is_fixed(self) -> bool:
        try:
            return self.auth.token_request(self._clock()) is None
        except Denied:
            return False

    def _lives(self, token: Token | None) -> bool:
        return token is not None and (token.expires_at is None or token.expires_at - self._margin > self._clock())

    def _adopt(self, token: Token | None) -> None:
        self._token = token
        if token is not None:
            self._take(token.secrets)

    def _take(self, secrets: Mapping[str, str]) -> None:
        if secrets and self._reauth is not None:
            self.auth = self._reauth(secrets)

    async def _keep(self, token: Token | None) -> None:
        """What could not be kept is kept with the next call: the secret that bought it is spent."""
        self._unkept = token
        if token is not None:
            await self._keeper.save(token)
            self._unkept = None

    async def _fetch(self, stale: Token | None) -> Token | None:
        """Another token than `stale`: one that somebody else fetched meanwhile, or one that is asked for now."""
        async with self._keeper.alone():
            kept = await self._keeper.load()
            if kept is not None and not _same(kept, stale) and self._lives(kept):
                self._adopt(kept)
                return kept
            self._take(await self._keeper.secrets())  # another process may have been given them
            return await self._ask_anew()

    async def _ask_anew(self) -> Token | None:
        asked_at: datetime = self._clock()
        try:
            request = self.auth.token_request(asked_at)
            if request is None:
                return None
            response = await self._asked(request)
            token = self.auth.token(response, asked_at)
        except Denied as denied:
            raise Failed(Fault(FaultKind.UNAUTHORISED, "denied", str(denied)), sent=False) from None
        except ContractBroken as broken:
            raise Failed(broken.fault(), sent=False) from None
        if token.expires_at is not None:
            self._margin = min(MARGIN, (token.expires_at - asked_at) / 10)
        self._adopt(token)
        await self._keep(token)
        return token

    async def _asked(self, request: Request) -> Response:
        """The token call never counts as the request having been sent."""
        try:
            return await self._ask(request)
        except Failed as failed:
            if failed.sent and not request.repeatable:
                text = "the answer to a token request that may not be repeated was lost"
                raise Failed(Fault(FaultKind.UNAUTHORISED, "token_lost", text), sent=False) from failed
            raise Failed(failed.fault, sent=False) from failed


def _same(token: Token, other: Token | None) -> bool:
    return other is not None and token.access == other.access
