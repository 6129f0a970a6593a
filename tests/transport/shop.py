"""A small vendor of our own for the transport's tests: a connector and a clock that only sleeping moves."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from pydantic import BaseModel

from hub.domain.outcome import Fault, FaultKind
from hub.sdk.auth import Auth, Denied, NoAuth, Token, bearer
from hub.sdk.connector import Account, Connector, Limit, Meter
from hub.sdk.http import Request, Response, get, send_form
from hub.transport.client import Caller
from hub.transport.tokens import MemoryTokens, TokenKeeper

DEFAULT_URL = "https://login.shop.example"
START = datetime(2026, 1, 5, 9, tzinfo=UTC)


class Settings(BaseModel):
    pass


def classify(request: Request, response: Response) -> Fault | None:
    if response.status == 401:
        return Fault(FaultKind.UNAUTHORISED, "401", "the token is not accepted")
    if response.status == 429:
        return Fault(FaultKind.RATE_LIMITED, "429", "too many requests")
    if response.status >= 500:
        return Fault(FaultKind.TRANSIENT, str(response.status), "the shop is closed")
    if response.status == 403:
        return Fault(FaultKind.MISCONFIGURED, "403", "a scope is missing")
    return None


def meters(response: Response) -> tuple[Meter, ...]:
    left = response.headers.get("x-left")
    return (Meter("default", 10.0, remaining=int(left)),) if left else ()


def connector(*limits: Limit) -> Connector:
    def unused(*_: Any) -> Any:
        raise AssertionError("the transport has no use for this")

    return Connector(
        name="shop",
        title="Shop",
        api_version="1",
        default_base_url=DEFAULT_URL,
        settings=Settings,
        secrets=unused,
        auth=unused,
        streams=(),
        sinks=(),
        stream=unused,
        sink=unused,
        classify=classify,
        check=lambda settings: get("/me"),
        account=lambda response: Account("shop"),
        limits=limits,
        meters=meters,
    )


@dataclass
class Clock:
    """Stands still but for `sleep`."""

    now: datetime = START
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> datetime:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += timedelta(seconds=seconds)


@dataclass(frozen=True)
class Grant:
    """OAuth with a refresh token that every answer replaces."""

    refresh: str = "r1"

    def token_request(self, now: datetime) -> Request | None:
        return send_form("/token", {"refresh_token": self.refresh})

    def token(self, response: Response, now: datetime) -> Token:
        if not response.ok:
            raise Denied("the shop refuses the grant")
        said = response.json()
        lives = said.get("expires_in")
        return Token(
            said["access"],
            now + timedelta(seconds=lives) if lives else None,
            said.get("base_url"),
            {"refresh": said["refresh"]} if "refresh" in said else {},
        )

    def sign(self, request: Request, token: Token | None) -> Request:
        return bearer(request, token)


class Desk:
    """A token endpoint that rotates: refresh token rN buys access token aN and rN+1."""

    def __init__(self, expires_in: int | None = 600, **more: str) -> None:
        self.bought = 0
        self.expires_in = expires_in
        self.more = more
        self.used: list[str] = []

    def sell(self, request: httpx.Request) -> httpx.Response:
        refresh = request.content.decode().removeprefix("refresh_token=")
        self.used.append(refresh)
        if refresh != f"r{self.bought + 1}":
            return httpx.Response(400, json={"error": "invalid_grant"})
        self.bought += 1
        said = {"access": f"a{self.bought}", "refresh": f"r{self.bought + 1}", **self.more}
        return httpx.Response(200, json=said | ({"expires_in": self.expires_in} if self.expires_in else {}))

    def serve(self, request: httpx.Request) -> httpx.Response:
        if request.headers.get("authorization") != f"Bearer a{self.bought}":
            return httpx.Response(401)
        return httpx.Response(200, json={})


def caller(
    clock: Clock,
    *limits: Limit,
    auth: Auth | None = None,
    base_url: str = DEFAULT_URL,
    tokens: TokenKeeper | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
    **more: Any,
) -> Caller:
    """A caller without randomness: every pause is half of what it could be."""
    return Caller(
        connector(*limits),
        base_url,
        auth or NoAuth(),
        tokens or MemoryTokens(),
        clock=clock,
        sleep=clock.sleep,
        transport=transport,
        jitter=lambda: 0.5,
        **more,
    )
