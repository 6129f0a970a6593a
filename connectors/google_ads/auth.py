"""OAuth 2 with a refresh token (Google Identity's guide to OAuth for web server applications)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from connectors.google_ads.settings import Settings
from hub.sdk.auth import Denied, Token, bearer
from hub.sdk.http import ContractBroken, Request, Response, send_form

LASTING = ("invalid_grant", "invalid_client", "unauthorized_client", "deleted_client", "disabled_client")
"""Answers of the token endpoint that no repetition mends."""

MENDS = {
    "invalid_grant": "the refresh token was revoked, unused for six months, or made while the consent screen was in "
    "testing (then it lives 7 days): give a new one",
}


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """Access tokens live an hour; the refresh token stays the same."""

    token_url: str
    client_id: str = field(repr=False)
    client_secret: str = field(repr=False)
    refresh_token: str = field(repr=False)
    login_customer_id: str = ""
    developer_token: str = field(default="", repr=False)

    def token_request(self, now: datetime) -> Request | None:
        form = {
            "grant_type": "refresh_token",
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "refresh_token": self.refresh_token,
        }
        return send_form(self.token_url, form)

    def token(self, response: Response, now: datetime) -> Token:
        body = response.json_or_none()
        said = body if isinstance(body, dict) else {}
        code = said.get("error")
        if isinstance(code, str) and code in LASTING:
            raise Denied(f"Google refused the grant ({code}): {MENDS.get(code, 'check client_id and client_secret')}")
        access, seconds = said.get("access_token"), said.get("expires_in")
        if not response.ok or not isinstance(access, str) or not access:
            raise ContractBroken(f"the token endpoint answered HTTP {response.status} without an access token")
        lives = seconds if isinstance(seconds, int | float) and seconds > 0 else 3600
        return Token(access, now + timedelta(seconds=lives))

    def sign(self, request: Request, token: Token | None) -> Request:
        signed = bearer(request, token)
        if self.login_customer_id:
            signed = signed.with_header("login-customer-id", self.login_customer_id)
        if self.developer_token:
            signed = signed.with_header("developer-token", self.developer_token)
        return signed


def auth(settings: Settings, secrets: Mapping[str, str]) -> RefreshToken:
    return RefreshToken(
        settings.token_url,
        secrets["client_id"],
        secrets["client_secret"],
        secrets["refresh_token"],
        settings.login_customer_id,
        secrets.get("developer_token", ""),
    )
