"""A HubSpot account to try things on: stateful, over real HTTP, with HubSpot's own rules and slips.

`routes.py` paths · `objects.py`, `batches.py`, `consents.py`, `about.py` endpoints · `contacts.py` the records and the
lagging index · `searching.py` · `catalogue.py` properties · `preferences.py` subscriptions · `gate.py` tokens and
limits · `people.py` what users do · `seeding.py` the world · `webhooks.py` events told to a hub.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from threading import RLock

from starlette.types import ASGIApp

from connectors.hubspot.sandbox.account import Account
from connectors.hubspot.sandbox.contacts import Contacts
from connectors.hubspot.sandbox.gate import CLIENT_ID, Gate, too_many
from connectors.hubspot.sandbox.people import HubSpotPeople
from connectors.hubspot.sandbox.preferences import Preferences
from connectors.hubspot.sandbox.routes import application
from connectors.hubspot.sandbox.seeding import seed
from connectors.hubspot.sandbox.webhooks import Webhooks
from hub.sdk.courier import Courier
from hub.sdk.sandbox import Front, People, SandboxConnection, SandboxOptions

INDEX_DELAY = timedelta(seconds=1)
"""How long a write stays invisible to search. Real accounts are reported to lag 10 to 60 seconds and more."""
MARGIN_SECONDS = 5.0


class HubSpotSandbox:
    """`account` is the state behind the HTTP face, for tests that look or prepare; take `lock` around its use while
    the server runs."""

    name = "hubspot"

    def __init__(self, options: SandboxOptions, *, index_delay: timedelta = INDEX_DELAY, rolling: int = 100) -> None:
        self.lock = RLock()
        contacts = Contacts(options.clock, index_delay)
        gate = Gate(options.clock, rolling=rolling)
        self.account = Account(options.clock, contacts, Preferences(options.clock), gate)
        self.token = gate.private_token()
        seed(self.account, options.the_world())
        self._front = Front(
            application(self.account, self.lock), options, too_many=lambda: too_many("TEN_SECONDLY_ROLLING")
        )
        self.app: ASGIApp = self._front
        self.people: People = HubSpotPeople(self.account, self.lock)
        self.courier: Courier | None = None
        if options.webhooks:
            self.tell(options.webhooks)

    def tell(self, url: str) -> Courier:
        """From now on every event is told at that address, signed with the app's client secret."""
        secret = self.account.gate.client_secret
        webhooks = Webhooks(url, secret, self.account.clock, lambda: self.account.acting)
        with self.lock:
            self.account.contacts.told = webhooks.told
            self.courier = webhooks.courier
        return webhooks.courier

    @property
    def calls(self) -> Counter[str]:
        return self._front.calls

    def connection(self) -> SandboxConnection:
        """With the private app's token; and its client secret, when it tells events."""
        secrets = {"token": self.token}
        if self.courier is not None:
            secrets["client_secret"] = self.account.gate.client_secret
        return SandboxConnection({"search_margin_seconds": MARGIN_SECONDS}, secrets)

    def oauth_connection(self) -> SandboxConnection:
        """With an OAuth app, whose access tokens live for 30 minutes of the sandbox's clock."""
        gate = self.account.gate
        return SandboxConnection(
            {"auth": "oauth", "client_id": CLIENT_ID, "search_margin_seconds": MARGIN_SECONDS},
            {"client_secret": gate.client_secret, "refresh_token": gate.refresh_token},
        )


def sandbox(options: SandboxOptions) -> HubSpotSandbox:
    return HubSpotSandbox(options)
