"""A local Google Ads: stateful, over HTTP, with a manager account, its client, a closed account and a foreign one.

fields.py    what can be selected, with traits     gaql.py     the query language and its refusals
accounts.py  the state; metrics from the seed      results.py  queries answered, in proto3 JSON
server.py    tokens, methods, checks               errors.py   Google's error envelope
people.py    what planners do on the web pages
"""

from __future__ import annotations

from collections import Counter

from starlette.responses import Response
from starlette.types import ASGIApp

from connectors.google_ads.sandbox.accounts import CLIENT, MANAGER, accounts
from connectors.google_ads.sandbox.errors import answer, exhausted
from connectors.google_ads.sandbox.people import Planners
from connectors.google_ads.sandbox.server import CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN, Service
from hub.sdk.sandbox import Front, SandboxConnection, SandboxOptions


class GoogleAdsSandbox:
    """`service` is the state behind it, for tests that revoke tokens or exhaust the quota."""

    name = "google_ads"

    def __init__(self, options: SandboxOptions) -> None:
        seeds = options.the_world().campaigns("google_ads")
        self.service = Service(accounts(options.seed, seeds), options.clock)
        self.people = Planners(self.service)
        self._front = Front(self.service.app(), options, too_many=_too_many)

    @property
    def app(self) -> ASGIApp:
        return self._front

    @property
    def calls(self) -> Counter[str]:
        return self._front.calls

    def connection(self) -> SandboxConnection:
        settings = {"customer_id": CLIENT, "login_customer_id": MANAGER, "token_url": "/token"}
        secrets = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "refresh_token": REFRESH_TOKEN}
        return SandboxConnection(settings, secrets)


def _too_many() -> Response:
    return answer(exhausted("1s"), "sandbox-throttled", framed=True)


def sandbox(options: SandboxOptions) -> GoogleAdsSandbox:
    """A fresh one for the world of the options."""
    return GoogleAdsSandbox(options)
