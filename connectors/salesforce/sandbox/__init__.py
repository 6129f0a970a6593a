"""A Salesforce org in memory, over real HTTP: sessions, SOQL, collections, recycle bin, merges, conversion.

`schema.py` objects and columns · `values.py` what fits into a column · `org.py` tables and rules · `soql.py` and
`select.py` queries · `queries.py`, `single.py`, `collections.py` resources · `wire.py` calls and replies ·
`sessions.py` tokens · `app.py` paths and quota · `seed.py` the world · `people.py` what persons do.
"""

from __future__ import annotations

from collections import Counter

from starlette.types import ASGIApp

from connectors.salesforce.sandbox.app import Api, too_many
from connectors.salesforce.sandbox.org import Org
from connectors.salesforce.sandbox.people import OrgPeople
from connectors.salesforce.sandbox.schema import SCHEMA
from connectors.salesforce.sandbox.seed import Seed
from connectors.salesforce.sandbox.sessions import USERNAME, Sessions
from hub.sdk.sandbox import Front, SandboxConnection, SandboxOptions


class SalesforceSandbox:
    """One org. `people` work with contacts, `leads` with leads; `org`, `sessions` and `api` hold dials for tests."""

    name = "salesforce"

    def __init__(self, options: SandboxOptions) -> None:
        self.org = Org(options.clock)
        org_id = Seed(self.org).fill(options.the_world(), USERNAME)
        self.sessions = Sessions(options.seed, options.clock, org_id, self.org.user_id)
        self.api = Api(self.org, self.sessions)
        self._front = Front(self.api.app(), options, too_many=too_many)
        self.people = OrgPeople(self.org, SCHEMA["contact"])
        self.leads = OrgPeople(self.org, SCHEMA["lead"])
        self.campaigns = OrgPeople(self.org, SCHEMA["campaign"])

    @property
    def app(self) -> ASGIApp:
        return self._front

    @property
    def calls(self) -> Counter[str]:
        return self._front.calls

    def connection(self) -> SandboxConnection:
        """By refresh token. The org has several currencies and a campaign code, so it has both optional fields."""
        sessions = self.sessions
        return SandboxConnection(
            {
                "grant": "refresh_token",
                "client_id": sessions.client_id,
                "external_id_field": "HubId__c",
                "optional_fields": ["Campaign_Code__c", "CurrencyIsoCode"],
            },
            {"client_secret": sessions.client_secret, "refresh_token": sessions.refresh_token},
        )


def sandbox(options: SandboxOptions) -> SalesforceSandbox:
    """An org filled with the seeded world."""
    return SalesforceSandbox(options)
