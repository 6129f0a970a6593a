"""Authentication as data: a scheme computes the token request and signs requests; the transport sends and stores."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

from hub.sdk.http import Request, Response


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret the operator gives. Also read from the environment variable `HUB_<CONNECTION>_<NAME>`. `least`: shorter
    ones are refused, where it is the operator who thinks it up."""

    name: str
    title: str
    required: bool = True
    least: int = 0


@dataclass(frozen=True, slots=True)
class Token:
    """What a token call gave. `expires_at` None: nobody knows; refresh on the first 401. `base_url`: where the vendor
    says the API lives for this account. `secrets` are to be stored over the old ones at once (rotated refresh
    tokens). `repr` hides everything."""

    access: str = field(repr=False)
    expires_at: datetime | None = None
    base_url: str | None = None
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)


class Auth(Protocol):
    def token_request(self, now: datetime) -> Request | None:
        """The call that gets a token; None when a secret is used as it is. Its path may be a whole URL."""
        ...

    def token(self, response: Response, now: datetime) -> Token:
        """Reads the answer. Raises `Denied` when the grant is refused for good."""
        ...

    def sign(self, request: Request, token: Token | None) -> Request: ...


class Denied(Exception):
    """The vendor refused the grant: a person must reconnect. The text is free of secrets."""


@dataclass(frozen=True, slots=True)
class NoAuth:
    """For folders and open servers."""

    def token_request(self, now: datetime) -> Request | None:
        return None

    def token(self, response: Response, now: datetime) -> Token:
        raise NotSupported

    def sign(self, request: Request, token: Token | None) -> Request:
        return request


class NotSupported(Exception):
    """Asked of a scheme that has no such step."""


@dataclass(frozen=True, slots=True)
class BearerSecret:
    """A static token in the Authorization header."""

    secret: str = field(repr=False)

    def token_request(self, now: datetime) -> Request | None:
        return None

    def token(self, response: Response, now: datetime) -> Token:
        raise NotSupported

    def sign(self, request: Request, token: Token | None) -> Request:
        return request.with_header("Authorization", f"Bearer {self.secret}")


@dataclass(frozen=True, slots=True)
class BasicSecret:
    """HTTP Basic."""

    user: str
    secret: str = field(repr=False)

    def token_request(self, now: datetime) -> Request | None:
        return None

    def token(self, response: Response, now: datetime) -> Token:
        raise NotSupported

    def sign(self, request: Request, token: Token | None) -> Request:
        pair = base64.b64encode(f"{self.user}:{self.secret}".encode()).decode()
        return request.with_header("Authorization", f"Basic {pair}")


def bearer(request: Request, token: Token | None) -> Request:
    """Signs with a fetched token, as OAuth schemes do."""
    return request if token is None else request.with_header("Authorization", f"Bearer {token.access}")


def without_secrets(token: Token) -> Token:
    return replace(token, secrets={})
