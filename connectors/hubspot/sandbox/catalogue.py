"""The property catalogue of the sandbox's account, and what HubSpot accepts as a value of each."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from hub.domain.moments import iso, parse

EMAIL = re.compile(r"[^\s@<>;,\"]+@[^\s@<>;,\"]+\.[^\s@<>;,\"]{2,}")
TEXT_MAX = 65_536
STAGES = (
    ("subscriber", "Subscriber"),
    ("lead", "Lead"),
    ("marketingqualifiedlead", "Marketing Qualified Lead"),
    ("salesqualifiedlead", "Sales Qualified Lead"),
    ("opportunity", "Opportunity"),
    ("customer", "Customer"),
    ("evangelist", "Evangelist"),
    ("other", "Other"),
)
ORDER = {value: rank for rank, (value, _) in enumerate(STAGES)}


@dataclass(frozen=True, slots=True)
class Property:
    """One property. `choices` are (value, label); several of them are joined by ";" in a checkbox property."""

    name: str
    label: str
    type: str = "string"
    field_type: str = "text"
    choices: tuple[tuple[str, str], ...] = ()
    read_only: bool = False
    calculated: bool = False
    unique: bool = False
    external: bool = False
    custom: bool = False

    def shown(self) -> dict[str, Any]:
        """As `GET /crm/v3/properties/contacts` shows it."""
        options = [
            {"label": label, "value": value, "displayOrder": place, "hidden": False}
            for place, (value, label) in enumerate(self.choices)
        ]
        return {
            "name": self.name,
            "label": self.label,
            "type": self.type,
            "fieldType": self.field_type,
            "description": "",
            "groupName": "contactinformation",
            "options": options,
            "displayOrder": -1,
            "calculated": self.calculated,
            "externalOptions": self.external,
            "hasUniqueValue": self.unique,
            "hidden": False,
            "hubspotDefined": not self.custom,
            "formField": not self.read_only,
            "archived": False,
            "modificationMetadata": {
                "archivable": self.custom,
                "readOnlyDefinition": not self.custom,
                "readOnlyValue": self.read_only,
                "readOnlyOptions": not self.custom,
            },
        }

    def problem(self, value: str) -> tuple[str, str] | None:
        """(code, message) of a value HubSpot would refuse; the message quotes it, as HubSpot does."""
        if self.read_only:
            return "READ_ONLY_VALUE", f'"{self.name}" is a read only property; its value cannot be set.'
        if value == "":
            return None
        if self.choices:
            return self._bad_choice(value)
        if len(value) > TEXT_MAX:
            return "INVALID_STRING_LENGTH", f"Property {self.name} is too long: it may have {TEXT_MAX} characters"
        if self.name == "email" and not EMAIL.fullmatch(value.strip()):
            return "INVALID_EMAIL", f"Email address {value} is invalid"
        return self._bad_form(value)

    def _bad_choice(self, value: str) -> tuple[str, str] | None:
        allowed = [choice for choice, _ in self.choices]
        picked = value.split(";") if self.field_type == "checkbox" else [value]
        wrong = next((item for item in picked if item not in allowed), None)
        if wrong is None:
            return None
        return "INVALID_OPTION", f"{wrong} was not one of the allowed options: {allowed}"

    def _bad_form(self, value: str) -> tuple[str, str] | None:
        if self.type == "number":
            return None if number(value) is not None else ("INVALID_NUMBER", f"{value} was not a valid number.")
        if self.type in ("date", "datetime"):
            moment_ = moment(value)
            midnight = moment_ is not None and (self.type == "datetime" or moment_.time() == datetime.min.time())
            return None if midnight else ("INVALID_DATE", f"{value} is not a valid {self.type}.")
        if self.type == "bool" and value not in ("true", "false"):
            return "INVALID_BOOLEAN", f"{value} was not a valid boolean."
        return None


def number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


@lru_cache(maxsize=65_536)
def moment(text: str) -> datetime | None:
    """Epoch milliseconds or ISO 8601."""
    try:
        if re.fullmatch(r"-?\d{1,15}", text):
            return datetime.fromtimestamp(int(text) / 1000, UTC)
        return parse(text)
    except (ValueError, OverflowError, OSError):
        return None


def kept(prop: Property, value: str) -> str:
    """The form in which HubSpot keeps an accepted value."""
    if prop.name == "email":
        return value.strip().lower()
    found = moment(value) if value and prop.type in ("date", "datetime") else None
    if found is not None:
        return found.strftime("%Y-%m-%d") if prop.type == "date" else iso(found)
    return value


def _texts() -> Iterator[Property]:
    for name, label in (
        ("firstname", "First Name"),
        ("lastname", "Last Name"),
        ("company", "Company Name"),
        ("jobtitle", "Job Title"),
        ("address", "Street Address"),
        ("city", "City"),
        ("state", "State/Region"),
        ("zip", "Postal Code"),
        ("country", "Country/Region"),
        ("website", "Website URL"),
    ):
        yield Property(name, label)


def _read_only() -> Iterator[Property]:
    for name, label, kind in (
        ("hs_object_id", "Record ID", "number"),
        ("createdate", "Create Date", "datetime"),
        ("lastmodifieddate", "Last Modified Date", "datetime"),
        ("hs_merged_object_ids", "Merged record IDs", "enumeration"),
        ("hs_calculated_merged_vids", "Merged vids with timestamps", "string"),
        ("hs_email_domain", "Email Domain", "string"),
        ("hs_email_optout", "Unsubscribed from all email", "bool"),
        ("hs_marketable_status", "Marketing contact status", "bool"),
    ):
        calculated = name in ("hs_calculated_merged_vids", "hs_email_domain")
        yield Property(name, label, kind, "calculation_equation" if calculated else "text", (), True, calculated)


INTERESTS = (("newsletter", "Newsletter"), ("product", "Product news"), ("events", "Events"))


def catalogue() -> dict[str, Property]:
    """HubSpot's own properties that the hub is likely to meet, and three an account might have made."""
    own = (
        Property("email", "Email", unique=True),
        Property("hs_additional_emails", "Additional email addresses", "enumeration", "checkbox", read_only=True),
        Property("phone", "Phone Number", "string", "phonenumber"),
        Property("mobilephone", "Mobile Phone Number", "string", "phonenumber"),
        Property("lifecyclestage", "Lifecycle Stage", "enumeration", "radio", STAGES),
        Property("hubspot_owner_id", "Contact owner", "enumeration", "select", external=True),
        Property("hubspotscore", "HubSpot Score", "number", "number", read_only=True),
        Property("interests", "Interests", "enumeration", "checkbox", INTERESTS, custom=True),
        Property("renewal_date", "Renewal date", "date", "date", custom=True),
        Property("seats", "Seats", "number", "number", custom=True),
    )
    return {prop.name: prop for prop in (*_texts(), *own, *_read_only())}


def from_request(body: Mapping[str, Any]) -> Property | None:
    """A property that somebody makes; None when the request lacks something."""
    name, label, kind, field_type = (body.get(key) for key in ("name", "label", "type", "fieldType"))
    if not all(isinstance(value, str) and value for value in (name, label, kind, field_type)):
        return None
    options = body.get("options")
    choices = tuple(
        (str(option.get("value")), str(option.get("label")))
        for option in (options if isinstance(options, list) else ())
        if isinstance(option, dict)
    )
    unique = body.get("hasUniqueValue") is True
    return Property(str(name), str(label), str(kind), str(field_type), choices, unique=unique, custom=True)
