"""Fills an org from the seeded world: users, accounts, contacts, leads and campaigns as people typed them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.salesforce.sandbox.org import Org
from connectors.salesforce.sandbox.schema import SCHEMA, SObject
from connectors.salesforce.sandbox.values import parsed
from hub.sdk.world import EPOCH, OWNERS, Appearance, CampaignSeed, World

NO_NAME = "[not provided]"
"""What people type where Salesforce insists on a last name."""
LEAD_STATUS = {"mql": "Working - Contacted", "sql": "Working - Contacted", "other": "Closed - Not Converted"}
CAMPAIGN_TYPE = {
    "email": "Email",
    "search": "Paid Search",
    "display": "Banner Ads",
    "video": "Video",
    "shopping": "Shopping",
    "social": "Paid Social",
    "event": "Conference",
    "webinar": "Webinar",
}
CAMPAIGN_STATUS = {"active": "In Progress", "paused": "Paused", "completed": "Completed", "removed": "Aborted"}


class Seed:
    """Fills one org."""

    def __init__(self, org: Org) -> None:
        self._org = org
        self._users: dict[str, str] = {}
        self._accounts: dict[str, str] = {}

    def fill(self, world: World, username: str) -> str:
        """Fills the org; its own id."""
        born = EPOCH - timedelta(days=1500)
        self._org.user_id = self._user(username)
        org_id = self._plant("organization", born, born, Name="Hub Customer", OrganizationType="Enterprise Edition")
        row = self._org.tables["organization"][org_id[:15]]
        row.update(TimeZoneSidKey="America/New_York", InstanceName="NA1", LanguageLocaleKey="en_US")
        for owner in OWNERS:
            self._user(owner)
        for appearance in world.appearances("salesforce"):
            self._contact(appearance)
        for appearance in world.appearances("salesforce_leads"):
            self._lead(appearance)
        for campaign in world.campaigns("salesforce"):
            self._campaign(campaign)
        return org_id

    def _plant(self, name: str, created: datetime, modified: datetime, **values: Any) -> str:
        sobject = SCHEMA[name]
        return self._org.plant(sobject, _fitting(sobject, values), created, modified)

    def _user(self, email: str) -> str:
        if email not in self._users:
            born = EPOCH - timedelta(days=1400)
            first, _, last = email.partition("@")[0].title().partition(".")
            self._users[email] = self._plant(
                "user", born, born, Username=email, Email=email, FirstName=first, LastName=last or first, IsActive=True
            )
        return self._users[email]

    def _account(self, name: str, owner: str) -> str | None:
        name = name.strip()
        if name and name not in self._accounts:
            born = EPOCH - timedelta(days=900)
            self._accounts[name] = self._plant("account", born, born, Name=name, OwnerId=owner)
        return self._accounts.get(name)

    def _contact(self, a: Appearance) -> None:
        owner = self._user(a.owner) if a.owner else self._org.user_id
        self._plant(
            "contact",
            a.created,
            a.modified,
            FirstName=a.given,
            LastName=a.family.strip() or NO_NAME,
            Email=a.email,
            Phone=a.phone,
            Title=a.title,
            AccountId=self._account(a.company, owner),
            MailingStreet=a.street,
            MailingCity=a.city,
            MailingState=a.region,
            MailingPostalCode=a.postal_code,
            MailingCountry=a.country,
            OwnerId=owner,
            HasOptedOutOfEmail=a.opted_out,
        )

    def _lead(self, a: Appearance) -> None:
        self._plant(
            "lead",
            a.created,
            a.modified,
            FirstName=a.given,
            LastName=a.family.strip() or NO_NAME,
            Company=a.company.strip() or f"{a.given} {a.family}".strip(),
            Email=a.email,
            Phone=a.phone,
            Title=a.title,
            Street=a.street,
            City=a.city,
            State=a.region,
            PostalCode=a.postal_code,
            Country=a.country,
            Status=LEAD_STATUS.get(a.stage, "Open - Not Contacted"),
            OwnerId=self._user(a.owner) if a.owner else self._org.user_id,
            HasOptedOutOfEmail=a.opted_out,
        )

    def _campaign(self, c: CampaignSeed) -> None:
        born = min(datetime(c.start.year, c.start.month, c.start.day, 9, tzinfo=UTC), EPOCH) - timedelta(days=21)
        self._plant(
            "campaign",
            born,
            born + timedelta(hours=2),
            Name=c.name,
            Type=CAMPAIGN_TYPE.get(c.channel, "Other"),
            Status=CAMPAIGN_STATUS.get(c.status, "Planned"),
            StartDate=c.start.isoformat(),
            EndDate=c.end.isoformat(),
            # Budgets have no decimals in Salesforce; the yen has none anywhere.
            BudgetedCost=c.budget_minor if c.currency == "JPY" else c.budget_minor // 100,
            CurrencyIsoCode=c.currency,
            IsActive=c.status == "active",
            Campaign_Code__c=c.code,
            UTM_Source__c=c.utm_source,
            UTM_Medium__c=c.utm_medium,
        )


def _fitting(sobject: SObject, values: dict[str, Any]) -> dict[str, Any]:
    """The values as Salesforce would have kept them: trimmed, e-mails lower-case, cut to the columns' lengths."""
    out: dict[str, Any] = {}
    for name, value in values.items():
        column = sobject.columns[name.lower()]
        kept = parsed(column, value)
        out[name] = kept[: column.length].strip() if isinstance(kept, str) and column.length else kept
    return out
