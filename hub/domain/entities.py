"""The canonical entities and their fields: what a contact and a campaign are, for every system."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """The form of a field's value."""

    TEXT = "text"
    EMAIL = "email"
    PHONE = "phone"
    ENUM = "enum"
    BOOLEAN = "boolean"
    INTEGER = "integer"
    NUMBER = "number"
    DATE = "date"
    DATETIME = "datetime"
    MONEY = "money"
    TEXT_SET = "text_set"


@dataclass(frozen=True, slots=True)
class FieldDef:
    """One canonical field. `choices` closes an enum; a field of kind `text_set` is many-valued."""

    name: str
    kind: Kind
    title: str
    choices: tuple[str, ...] = ()

    @property
    def many(self) -> bool:
        return self.kind is Kind.TEXT_SET


@dataclass(frozen=True, slots=True)
class EntityDef:
    """An entity: its fields by name; names that begin with `custom.` are legal beside them."""

    name: str
    fields: dict[str, FieldDef] = field(default_factory=dict)
    channels: tuple[str, ...] = ()
    custom: bool = True

    def field(self, name: str) -> FieldDef | None:
        """The definition of a field, also of a custom one; None when there is no such field."""
        known = self.fields.get(name)
        if known is None and self.custom and name.startswith("custom.") and len(name) > len("custom."):
            return FieldDef(name, Kind.TEXT, name.removeprefix("custom."))
        return known


LIFECYCLE_STAGES = ("subscriber", "lead", "mql", "sql", "opportunity", "customer", "evangelist", "other")
CAMPAIGN_CHANNELS = ("email", "search", "display", "video", "shopping", "social", "event", "webinar", "other")
CAMPAIGN_STATUSES = ("draft", "planned", "active", "paused", "completed", "removed")
CHANNELS = ("email", "phone", "sms")
"""Consent channels. A consent is the canonical pseudo-field `consent.<channel>`."""


def _fields(*defs: FieldDef) -> dict[str, FieldDef]:
    return {d.name: d for d in defs}


CONTACT = EntityDef(
    "contact",
    _fields(
        FieldDef("given_name", Kind.TEXT, "First name"),
        FieldDef("family_name", Kind.TEXT, "Last name"),
        FieldDef("email", Kind.EMAIL, "Primary e-mail"),
        FieldDef("emails", Kind.TEXT_SET, "All e-mails"),
        FieldDef("phone", Kind.PHONE, "Primary phone"),
        FieldDef("phones", Kind.TEXT_SET, "All phones"),
        FieldDef("company_name", Kind.TEXT, "Company"),
        FieldDef("title", Kind.TEXT, "Job title"),
        FieldDef("street", Kind.TEXT, "Street"),
        FieldDef("city", Kind.TEXT, "City"),
        FieldDef("region", Kind.TEXT, "State or region"),
        FieldDef("postal_code", Kind.TEXT, "Postal code"),
        FieldDef("country", Kind.TEXT, "Country (ISO 3166 alpha-2 where recognised)"),
        FieldDef("owner_email", Kind.EMAIL, "Owner"),
        FieldDef("lifecycle_stage", Kind.ENUM, "Lifecycle stage", LIFECYCLE_STAGES),
    ),
    channels=CHANNELS,
)

CAMPAIGN = EntityDef(
    "campaign",
    _fields(
        FieldDef("name", Kind.TEXT, "Name"),
        FieldDef("channel", Kind.ENUM, "Channel", CAMPAIGN_CHANNELS),
        FieldDef("status", Kind.ENUM, "Status", CAMPAIGN_STATUSES),
        FieldDef("start_date", Kind.DATE, "First day"),
        FieldDef("end_date", Kind.DATE, "Last day"),
        FieldDef("budget_minor", Kind.MONEY, "Budget in minor units"),
        FieldDef("currency", Kind.TEXT, "Currency (ISO 4217)"),
        FieldDef("code", Kind.TEXT, "Campaign code"),
        FieldDef("utm_source", Kind.TEXT, "UTM source"),
        FieldDef("utm_medium", Kind.TEXT, "UTM medium"),
        FieldDef("utm_campaign", Kind.TEXT, "UTM campaign"),
        FieldDef("utm_content", Kind.TEXT, "UTM content"),
        FieldDef("utm_term", Kind.TEXT, "UTM term"),
    ),
)

FACT = EntityDef(
    "fact",
    _fields(
        FieldDef("campaign_ref", Kind.TEXT, "Remote id of the campaign"),
        FieldDef("day", Kind.DATE, "Day in the account's time zone"),
        FieldDef("currency", Kind.TEXT, "Currency (ISO 4217)"),
        FieldDef("impressions", Kind.INTEGER, "Impressions"),
        FieldDef("clicks", Kind.INTEGER, "Clicks"),
        FieldDef("cost_minor", Kind.MONEY, "Cost in minor units"),
        FieldDef("conversions", Kind.NUMBER, "Conversions"),
        FieldDef("value_minor", Kind.MONEY, "Conversion value in minor units"),
        FieldDef("sends", Kind.INTEGER, "Messages sent"),
        FieldDef("opens", Kind.INTEGER, "Unique opens"),
        FieldDef("unsubscribes", Kind.INTEGER, "Unsubscribes"),
    ),
    custom=False,
)

ENTITIES = {e.name: e for e in (CONTACT, CAMPAIGN, FACT)}
