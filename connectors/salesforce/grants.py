"""The three OAuth grants for servers. Salesforce's token answer has no `expires_in`: a session ends when the org's
timeout says so (15 minutes at the least), so a token is renewed by a timer and on the first 401."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import jwt

from connectors.salesforce.settings import Settings
from hub.sdk.auth import Auth, Denied, Token, bearer
from hub.sdk.http import ContractBroken, Request, Response, send_form

TOKEN_PATH = "/services/oauth2/token"  # noqa: S105
JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
JWT_LIFE = timedelta(minutes=3)

TEMPORARY = frozenset({"unknown_error", "server_error", "temporarily_unavailable", "rate_limit_exceeded"})
"""OAuth errors after which the same request may work (`unknown_error` comes with "retry your request")."""


def _token_path(settings: Settings) -> str:
    return settings.login_url.rstrip("/") + TOKEN_PATH


def _read(settings: Settings, response: Response, now: datetime, held: str = "") -> Token:
    """The token of an answer. `held` is the refresh token that was sent: another one in the answer replaces it."""
    body = response.json()
    if not isinstance(body, dict):
        raise ContractBroken("the token answer is not an object")
    if not response.ok:
        error = str(body.get("error", f"HTTP {response.status}"))[:80]
        if error in TEMPORARY or response.status >= 500:
            raise ContractBroken(f"the token endpoint could not answer: {error}")
        reason = _REASONS.get(error, "")
        raise Denied(f"Salesforce refused the grant {settings.grant}: {error}{reason}")
    access, instance = body.get("access_token"), body.get("instance_url")
    if not isinstance(access, str) or not isinstance(instance, str) or not access or not instance:
        raise ContractBroken("the token answer lacks access_token or instance_url")
    rotated = body.get("refresh_token")
    return Token(
        access,
        expires_at=now + timedelta(minutes=settings.session_minutes),
        base_url=settings.instance_url.rstrip("/") or instance.rstrip("/"),
        secrets={"refresh_token": rotated} if held and isinstance(rotated, str) and rotated != held else {},
    )


_REASONS = {
    "invalid_grant": ": the refresh token or assertion is expired, revoked, or the user may not use the app",
    "invalid_client_id": ": there is no connected app with this client_id here",
    "invalid_client": ": the client secret is wrong, or the app does not allow this grant",
    "invalid_client_credentials": ": the client secret is wrong",
    "invalid_app_access": ": an administrator must approve the user for the connected app",
    "inactive_user": ": the user was deactivated",
    "inactive_org": ": the org is locked or gone",
    "unsupported_grant_type": ": the app or host does not allow it (client_credentials needs the My Domain host)",
}


@dataclass(frozen=True, slots=True)
class RefreshGrant:
    """`refresh_token`: what an operator gets by authorising the connected app once. The answer may carry a new refresh
    token, which replaces the old one."""

    settings: Settings
    refresh_token: str = field(repr=False)
    client_secret: str = field(default="", repr=False)

    def token_request(self, now: datetime) -> Request:
        form = {
            "grant_type": "refresh_token",
            "client_id": self.settings.client_id,
            "refresh_token": self.refresh_token,
        }
        if self.client_secret:
            form["client_secret"] = self.client_secret
        # Repeatable even where the app rotates refresh tokens: if the answer with the new one was lost, the old one is
        # spent whether or not we ask again.
        return send_form(_token_path(self.settings), form)

    def token(self, response: Response, now: datetime) -> Token:
        return _read(self.settings, response, now, self.refresh_token)

    def sign(self, request: Request, token: Token | None) -> Request:
        return bearer(request, token)


@dataclass(frozen=True, slots=True)
class JwtGrant:
    """`jwt_bearer`: an assertion signed with the key whose certificate is in the connected app; no refresh token."""

    settings: Settings
    private_key: str = field(repr=False)

    def token_request(self, now: datetime) -> Request:
        claims = {
            "iss": self.settings.client_id,
            "sub": self.settings.username,
            "aud": self.settings.audience or _audience(self.settings.login_url),
            "exp": int((now + JWT_LIFE).timestamp()),
        }
        # Environment variables often carry a PEM with "\n" spelled out.
        pem = self.private_key.replace("\\n", "\n")
        try:
            assertion = jwt.encode(claims, pem, algorithm="RS256")
        except (ValueError, TypeError, jwt.PyJWTError) as error:
            raise Denied("the secret private_key is not an RSA private key in PEM form") from error
        return send_form(_token_path(self.settings), {"grant_type": JWT_GRANT, "assertion": assertion})

    def token(self, response: Response, now: datetime) -> Token:
        return _read(self.settings, response, now)

    def sign(self, request: Request, token: Token | None) -> Request:
        return bearer(request, token)


def _audience(login_url: str) -> str:
    """The audience names the kind of org, not the host: a sandbox's My Domain host has `.sandbox.` in it."""
    host = urlsplit(login_url).hostname or ""
    kind = "test" if host.startswith("test.") or ".sandbox." in host else "login"
    return f"https://{kind}.salesforce.com"


@dataclass(frozen=True, slots=True)
class ClientCredentialsGrant:
    """`client_credentials`: runs as the user the connected app names; only the My Domain host answers it."""

    settings: Settings
    client_secret: str = field(repr=False)

    def token_request(self, now: datetime) -> Request:
        pair = base64.b64encode(f"{self.settings.client_id}:{self.client_secret}".encode()).decode()
        request = send_form(_token_path(self.settings), {"grant_type": "client_credentials"})
        return request.with_header("Authorization", f"Basic {pair}")

    def token(self, response: Response, now: datetime) -> Token:
        return _read(self.settings, response, now)

    def sign(self, request: Request, token: Token | None) -> Request:
        return bearer(request, token)


def auth(settings: Settings, secrets: Mapping[str, str]) -> Auth:
    """The scheme of the settings' grant. KeyError names a secret that is missing."""
    if settings.grant == "jwt_bearer":
        return JwtGrant(settings, secrets["private_key"])
    if settings.grant == "client_credentials":
        return ClientCredentialsGrant(settings, secrets["client_secret"])
    return RefreshGrant(settings, secrets["refresh_token"], secrets.get("client_secret", ""))
