"""HubSpot's two ways in: a private app's static token, and OAuth with a refresh token and 30-minute access tokens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from connectors.hubspot.settings import HubSpotSettings
from hub.sdk.auth import Auth, BearerSecret, Denied, Token, bearer
from hub.sdk.http import ContractBroken, Request, Response, send_form

TOKEN_PATH = "/oauth/v1/token"  # noqa: S105 - a path, not a secret


@dataclass(frozen=True, slots=True)
class RefreshGrant:
    """The refresh-token grant (HubSpot's OAuth guide). The lifetime is read from `expires_in`, never assumed; a
    refresh token that comes back changed is handed over for storing."""

    client_id: str
    client_secret: str = field(repr=False)
    refresh_token: str = field(repr=False)

    def token_request(self, now: datetime) -> Request | None:
        return send_form(
            TOKEN_PATH,
            {
                "grant_type": "refresh_token",
                "client_id": self.client_id,
                "client_secret": self.client_secret,
                "refresh_token": self.refresh_token,
            },
        )

    def token(self, response: Response, now: datetime) -> Token:
        body = response.json_or_none()
        if response.status in (400, 401, 403):
            said = body.get("status") or body.get("category") or body.get("error") if isinstance(body, dict) else None
            raise Denied(
                f"HubSpot refused the refresh token (HTTP {response.status}, {said or 'no reason given'}): "
                "was the app uninstalled, or its secret rotated? Connect again"
            )
        if not response.ok:
            raise ContractBroken(f"HubSpot's token endpoint answered HTTP {response.status}")
        fields = response.json()
        if not isinstance(fields, dict) or not isinstance(fields.get("access_token"), str):
            raise ContractBroken("HubSpot's token answer has no text `access_token`")
        lifetime = fields.get("expires_in")
        seconds = float(lifetime) if isinstance(lifetime, int | float) and not isinstance(lifetime, bool) else None
        rotated = fields.get("refresh_token")
        changed = rotated if isinstance(rotated, str) and rotated != self.refresh_token else ""
        return Token(
            access=fields["access_token"],
            expires_at=None if seconds is None else now + timedelta(seconds=seconds),
            secrets={"refresh_token": changed} if changed else {},
        )

    def sign(self, request: Request, token: Token | None) -> Request:
        return bearer(request, token)


def auth(settings: HubSpotSettings, secrets: Mapping[str, str]) -> Auth:
    if settings.auth == "private_app":
        return BearerSecret(secrets["token"])
    return RefreshGrant(settings.client_id, secrets["client_secret"], secrets["refresh_token"])
