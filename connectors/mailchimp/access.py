"""Signing. An API key travels as HTTP Basic; an OAuth token as Bearer, after the metadata call has named the API's
address. OAuth tokens never expire and there is no refresh token (Mailchimp's OAuth 2 guide)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from connectors.mailchimp.settings import Settings
from hub.sdk.auth import Auth, BasicSecret, BearerSecret, Denied, Token, bearer
from hub.sdk.http import ContractBroken, Request, Response, describe, get

METADATA = "/oauth2/metadata"


@dataclass(frozen=True, slots=True)
class OAuth:
    """The token is used as it is, but only its metadata says which data centre answers for it."""

    access: str = field(repr=False)

    def token_request(self, now: datetime) -> Request | None:
        return get(METADATA, bucket="login").with_header("Authorization", f"OAuth {self.access}")

    def token(self, response: Response, now: datetime) -> Token:
        """The call answers 200 for a bad token too (the public Singer tap guards against it): `api_endpoint` tells."""
        body = response.json_or_none()
        if response.status >= 500 or (response.ok and not isinstance(body, dict)):
            raise ContractBroken(f"the OAuth metadata call gave no metadata: {describe(response)}")
        endpoint = body.get("api_endpoint") if isinstance(body, dict) else None
        if not response.ok or not isinstance(endpoint, str) or not endpoint.startswith(("http://", "https://")):
            raise Denied("Mailchimp does not know this access token: connect the account again")
        return Token(self.access, base_url=endpoint.rstrip("/"))

    def sign(self, request: Request, token: Token | None) -> Request:
        return bearer(request, token)


def auth(settings: Settings, secrets: Mapping[str, str]) -> Auth:
    """The user name of Basic is free: Mailchimp looks at the password alone. With the data centre set, nothing is left
    for the metadata call to say."""
    if settings.auth == "oauth" and settings.data_center:
        return BearerSecret(secrets["access_token"])
    if settings.auth == "oauth":
        return OAuth(secrets["access_token"])
    return BasicSecret("hub", secrets["api_key"])
