"""The token endpoint and the sessions it opens: three grants, sessions that end, refresh tokens that may rotate."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import cached_property
from hashlib import blake2b
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from connectors.salesforce.grants import JWT_GRANT

USERNAME = "hub@hub-customer.example"
AUDIENCES = ("https://login.salesforce.com", "https://test.salesforce.com")


class OAuthError(Exception):
    """`{"error", "error_description"}` with status 400."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(error)
        self.error = error
        self.description = description
        self.status = status


class Sessions:
    """Dials for tests: `timeout` of an idle session, `rotates` (each refresh token works once), `approved` (the user
    may use the app)."""

    def __init__(self, seed: int, clock: Callable[[], datetime], org_id: str, user_id: str) -> None:
        self.client_id = f"3MVG9sandbox{seed}"
        self.client_secret = _secret(seed, "client")
        self.username = USERNAME
        self.refresh_token = f"5Aep861{_secret(seed, 'refresh')}"
        self.timeout = timedelta(hours=2)
        self.rotates = False
        self.approved = True
        self._seed = seed
        self._clock = clock
        self._org_id = org_id
        self._user_id = user_id
        self._live: dict[str, datetime] = {}
        self._count = 0

    @cached_property
    def _key(self) -> rsa.RSAPrivateKey:
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)

    @property
    def private_key(self) -> str:
        """The key whose certificate the connected app holds (PEM). Made when first asked for."""
        pem = self._key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return pem.decode()

    def expire_all(self) -> None:
        """Ends every session, as an administrator can."""
        self._live.clear()

    def revoke(self) -> None:
        """The user withdraws the app's access: the refresh token is worth nothing any more."""
        self.refresh_token = f"5Aep861{_secret(self._seed, 'revoked')}"
        self._live.clear()

    def alive(self, token: str) -> bool:
        """Whether the session lives; being used keeps it alive."""
        used = self._live.get(token)
        now = self._clock()
        if used is None or now - used > self.timeout:
            self._live.pop(token, None)
            return False
        self._live[token] = now
        return True

    def grant(self, form: Mapping[str, str], authorization: str, base_url: str) -> dict[str, Any]:
        """The answer of the token endpoint. Raises `OAuthError`."""
        kind = form.get("grant_type", "")
        if kind == "refresh_token":
            return self._refresh(form, authorization, base_url)
        if kind == "client_credentials":
            self._client(form, authorization)
            return self._open(base_url)
        if kind == JWT_GRANT:
            self._assertion(form.get("assertion", ""), base_url)
            return self._open(base_url)
        raise OAuthError("unsupported_grant_type", "grant type not supported")

    def _client(self, form: Mapping[str, str], authorization: str) -> None:
        client_id, secret = form.get("client_id", ""), form.get("client_secret", "")
        if authorization.startswith("Basic "):
            try:
                client_id, _, secret = base64.b64decode(authorization[6:]).decode().partition(":")
            except (binascii.Error, UnicodeDecodeError) as error:
                raise OAuthError("invalid_client_id", "client identifier invalid") from error
        if client_id != self.client_id:
            raise OAuthError("invalid_client_id", "client identifier invalid")
        if secret != self.client_secret:
            raise OAuthError("invalid_client", "invalid client credentials")

    def _refresh(self, form: Mapping[str, str], authorization: str, base_url: str) -> dict[str, Any]:
        self._client(form, authorization)
        if form.get("refresh_token") != self.refresh_token:
            raise OAuthError("invalid_grant", "expired access/refresh token")
        answer = self._open(base_url)
        if self.rotates:
            self.refresh_token = f"5Aep861{_secret(self._seed, f'refresh {self._count}')}"
            answer["refresh_token"] = self.refresh_token
        return answer

    def _assertion(self, assertion: str, base_url: str) -> None:
        audiences = (*AUDIENCES, base_url)
        try:
            claims = jwt.decode(
                assertion,
                self._key.public_key(),
                algorithms=["RS256"],
                audience=audiences,
                options={"verify_exp": False, "require": ["iss", "sub", "aud", "exp"]},
            )
            expires = int(claims["exp"])
        except jwt.InvalidAudienceError as error:
            raise OAuthError("invalid_grant", "audience is invalid") from error
        except (jwt.PyJWTError, ValueError) as error:
            raise OAuthError("invalid_grant", "invalid assertion") from error
        now = self._clock().timestamp()
        if not now < expires <= now + 300:
            raise OAuthError("invalid_grant", "expired authorization code")
        if claims["iss"] != self.client_id:
            raise OAuthError("invalid_client_id", "client identifier invalid")
        if claims["sub"] != self.username or not self.approved:
            raise OAuthError("invalid_grant", "user hasn't approved this consumer")

    def identity(self, base_url: str) -> dict[str, Any]:
        """The user the sessions belong to."""
        return {
            "id": f"{base_url}/id/{self._org_id}/{self._user_id}",
            "user_id": self._user_id,
            "organization_id": self._org_id,
            "username": self.username,
            "email": self.username,
            "active": True,
            "urls": {"rest": f"{base_url}/services/data/v{{version}}/"},
        }

    def _open(self, base_url: str) -> dict[str, Any]:
        self._count += 1
        now = self._clock()
        token = f"{self._org_id[:15]}!AQ{_secret(self._seed, f'access {self._count}')}"
        self._live[token] = now
        return {
            "access_token": token,
            "instance_url": base_url,
            "id": f"{base_url}/id/{self._org_id}/{self._user_id}",
            "token_type": "Bearer",
            "issued_at": str(int(now.timestamp() * 1000)),
            "signature": _secret(self._seed, f"signature {self._count}"),
            "scope": "api refresh_token",
        }


def _secret(seed: int, what: str) -> str:
    """A text that nobody types by accident; the same for the same seed."""
    return blake2b(f"{seed} {what}".encode(), digest_size=20).hexdigest()
