"""Who may ask, and how often: tokens with their scopes, the rolling and the daily limits, and search's own bucket."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from starlette.responses import Response

from connectors.hubspot.sandbox.answers import Refused, answer, correlation, refusal

TIME_ZONE = ZoneInfo("US/Eastern")
LIFETIME = timedelta(minutes=30)
SCOPES = frozenset(
    {
        "crm.objects.contacts.read",
        "crm.objects.contacts.write",
        "crm.objects.owners.read",
        "crm.schemas.contacts.read",
        "crm.schemas.contacts.write",
        "communication_preferences.read",
        "communication_preferences.read_write",
        "oauth",
    }
)
PORTAL = 48_120_077
CLIENT_ID = "sandbox-client"


@dataclass(frozen=True, slots=True)
class Grant:
    scopes: frozenset[str]
    expires_at: datetime | None = None
    """None: a private app's token, which never expires."""


@dataclass(slots=True)
class Gate:
    clock: Callable[[], datetime]
    rolling: int = 100
    daily: int = 250_000
    searches: int = 5
    tokens: dict[str, Grant] = field(default_factory=dict)
    client_secret: str = "sandbox-client-secret"  # noqa: S105 - opens this sandbox only
    refresh_token: str = "sandbox-refresh-token"  # noqa: S105 - opens this sandbox only
    _minted: int = 0
    _recent: deque[datetime] = field(default_factory=deque)
    _searched: deque[datetime] = field(default_factory=deque)
    _day: str = ""
    _used_today: int = 0

    def private_token(self, scopes: frozenset[str] = SCOPES) -> str:
        token = f"pat-na1-sandbox-{len(self.tokens) + 1}"
        self.tokens[token] = Grant(scopes)
        return token

    def mint(self, scopes: frozenset[str] = SCOPES) -> str:
        """An OAuth access token for half an hour."""
        self._minted += 1
        token = f"sandbox-access-{self._minted}"
        self.tokens[token] = Grant(scopes, self.clock() + LIFETIME)
        return token

    def enter(self, authorization: str, scope: str, *, search: bool) -> dict[str, str]:
        """The rate headers for the answer. Raises `Refused` as HubSpot would."""
        grant = self._grant(authorization)
        headers = self._count(private=grant.expires_at is None, search=search)
        if scope and scope not in grant.scopes and f"{scope}_write" not in grant.scopes:
            raise _missing_scope(scope)
        return headers

    def _grant(self, authorization: str) -> Grant:
        kind, _, token = authorization.partition(" ")
        grant = self.tokens.get(token.strip()) if kind.lower() == "bearer" else None
        if grant is None:
            raise refusal(
                401,
                "INVALID_AUTHENTICATION",
                "Authentication credentials not found. This API supports OAuth 2.0 authentication.",
            )
        late = self.clock() - grant.expires_at if grant.expires_at else timedelta(0)
        if late > timedelta(0):
            raise refusal(
                401,
                "EXPIRED_AUTHENTICATION",
                f"The OAuth token used to make this call expired {int(late.total_seconds())} second(s) ago.",
            )
        return grant

    def _count(self, *, private: bool, search: bool) -> dict[str, str]:
        """Counts a call. Searches have a bucket of their own and show no rate headers; OAuth apps have no daily limit
        and no daily headers (HubSpot's changelog)."""
        now = self.clock()
        day = now.astimezone(TIME_ZONE).date().isoformat()
        if day != self._day:
            self._day, self._used_today = day, 0
        if search:
            _leave(self._searched, now - timedelta(seconds=1))
            if len(self._searched) >= self.searches:
                raise Refused(too_many("SECONDLY"))
            self._searched.append(now)
        else:
            _leave(self._recent, now - timedelta(seconds=10))
            if len(self._recent) >= self.rolling:
                raise Refused(too_many("TEN_SECONDLY_ROLLING"))
            self._recent.append(now)
        if private:
            if self._used_today >= self.daily:
                raise Refused(too_many("DAILY"))
            self._used_today += 1
        return {} if search else self._headers(private=private)

    def _headers(self, *, private: bool) -> dict[str, str]:
        headers = {
            "X-HubSpot-RateLimit-Max": str(self.rolling),
            "X-HubSpot-RateLimit-Remaining": str(max(0, self.rolling - len(self._recent))),
            "X-HubSpot-RateLimit-Interval-Milliseconds": "10000",
        }
        if private:
            headers["X-HubSpot-RateLimit-Daily"] = str(self.daily)
            headers["X-HubSpot-RateLimit-Daily-Remaining"] = str(max(0, self.daily - self._used_today))
        return headers

    def exchange(self, form: Mapping[str, str]) -> dict[str, Any]:
        """The refresh-token grant (and the code grant with any code). Raises `Refused`."""
        if form.get("client_id") != CLIENT_ID or form.get("client_secret") != self.client_secret:
            raise Refused(_oauth_error(401, "BAD_CLIENT_SECRET", "missing or unknown client id or secret"))
        kind = form.get("grant_type")
        if kind not in ("refresh_token", "authorization_code"):
            raise Refused(_oauth_error(400, "BAD_GRANT_TYPE", "missing or unknown grant type"))
        if kind == "refresh_token" and form.get("refresh_token") != self.refresh_token:
            raise Refused(_oauth_error(400, "BAD_REFRESH_TOKEN", "missing or unknown refresh token"))
        return {
            "token_type": "bearer",
            "access_token": self.mint(),
            "refresh_token": self.refresh_token,
            "expires_in": int(LIFETIME.total_seconds()),
        }

    def describe(self, token: str) -> dict[str, Any]:
        grant = self.tokens.get(token)
        if grant is None or grant.expires_at is None or grant.expires_at <= self.clock():
            raise Refused(_oauth_error(404, "BAD_ACCESS_TOKEN", "token not found or expired"))
        return {
            "token": token,
            "hub_id": PORTAL,
            "user_id": 1,
            "app_id": 4_711,
            "user": "admin@hub-customer.example",
            "hub_domain": "hub-customer.example",
            "scopes": sorted(grant.scopes),
            "token_type": "access",
            "expires_in": int((grant.expires_at - self.clock()).total_seconds()),
        }


def _leave(times: deque[datetime], before: datetime) -> None:
    while times and times[0] <= before:
        times.popleft()


def too_many(policy: str) -> Response:
    """HubSpot's 429, which names the policy that was met."""
    said = {
        "DAILY": "You have reached your daily limit.",
        "SECONDLY": "You have reached your secondly limit.",
    }.get(policy, "You have reached your ten_secondly_rolling limit.")
    body = {
        "status": "error",
        "message": said,
        "errorType": "RATE_LIMIT",
        "correlationId": correlation(policy),
        "policyName": policy,
        "requestId": correlation("request"),
    }
    return answer(429, body)


def _oauth_error(status: int, word: str, message: str) -> Response:
    return answer(status, {"status": word, "message": message, "correlationId": correlation(word)})


def _missing_scope(scope: str) -> Refused:
    return refusal(
        403,
        "MISSING_SCOPES",
        "This app hasn't been granted all required scopes to make this call.",
        errors=[
            {
                "message": "One or more of the following scopes are required.",
                "context": {"requiredGranularScopes": [scope]},
            }
        ],
        links={"scopes": "https://developers.hubspot.com/scopes"},
    )
