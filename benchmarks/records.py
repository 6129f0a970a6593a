"""Records as connectors show them, from the seeded world by way of the sandboxes, each made wide by what accounts have
beside the mapped fields."""

from __future__ import annotations

from typing import Any

import orjson

from connectors.hubspot.records import Properties, record
from connectors.hubspot.sandbox import HubSpotSandbox
from connectors.mailchimp.members import Shape
from connectors.mailchimp.sandbox import MailchimpSandbox
from hub.sdk.sandbox import SandboxOptions

PROPERTIES = 40
"""Of a HubSpot contact, the mapped ones among them; an account has hundreds and asks for some."""


def hubspot_contacts(people: int, seed: int = 1) -> list[dict[str, Any]]:
    """HubSpot contacts of a world of `people`: all of the sandbox's properties, and others as HubSpot fills them."""
    contacts = HubSpotSandbox(SandboxOptions(seed, people)).account.contacts
    names = list(contacts.properties)
    found = []
    for number, contact in enumerate(contacts.live.values()):
        item = contacts.show(contact, names)
        item["properties"] |= _beside(number, PROPERTIES - len(item["properties"]))
        read, _ = record(orjson.loads(orjson.dumps(item)), Properties.of(item["properties"]))
        found.append(dict(read.raw))
    return found


def _beside(number: int, count: int) -> dict[str, str | None]:
    """Properties that HubSpot keeps of every contact: half of them times, numbers and words, half empty."""
    filled: dict[str, str | None] = {
        "hs_analytics_source": "ORGANIC_SEARCH",
        "hs_analytics_num_visits": str(number % 40),
        "hs_analytics_first_timestamp": "2026-01-05T09:30:00.000Z",
        "hs_lifecyclestage_lead_date": "2026-02-01T10:00:00.000Z",
        "num_associated_deals": str(number % 3),
        "hs_predictivecontactscore_v2": f"{number % 97}.{number % 10}",
    }
    empty = {f"hs_analytics_empty_{index}": None for index in range(count)}
    return dict(list((filled | empty).items())[:count])


def mailchimp_members(people: int, seed: int = 1) -> list[dict[str, Any]]:
    """Mailchimp members as the API shows them, without their links."""
    audience = MailchimpSandbox(SandboxOptions(seed, people)).audience
    shape = Shape(())
    members = (member.shown(audience.list_id) for member in audience.members.values())
    return [dict(shape.record(orjson.loads(orjson.dumps(member))).raw) for member in members]
