"""The world's HubSpot appearances as contacts of the sandbox account."""

from __future__ import annotations

from connectors.hubspot.sandbox.account import Account
from hub.sdk.world import Appearance, World

STAGES = {"mql": "marketingqualifiedlead", "sql": "salesqualifiedlead"}


def seed(account: Account, world: World) -> None:
    """Contacts in the order in which they were created, so that ids grow with time as HubSpot's do."""
    appearances = sorted(world.appearances("hubspot"), key=lambda a: (a.created, a.email))
    account.owners = tuple(sorted({a.owner for a in appearances if a.owner}))
    for appearance in appearances:
        if appearance.opted_out:
            account.preferences.unsubscribe_all(appearance.email, by_person=True, at=appearance.opted_out_at)
        elif appearance.opted_in_at:
            account.preferences.subscribe_by_person(appearance.email, at=appearance.opted_in_at)
        account.contacts.create(properties(account, appearance), at=appearance.modified, created=appearance.created)
    account.contacts.seeded()


def properties(account: Account, appearance: Appearance) -> dict[str, str]:
    found = {
        "firstname": appearance.given,
        "lastname": appearance.family,
        "email": appearance.email,
        "hs_additional_emails": ";".join(address.strip().lower() for address in appearance.more_emails),
        "phone": appearance.phone,
        "company": appearance.company,
        "jobtitle": appearance.title,
        "address": appearance.street,
        "city": appearance.city,
        "state": appearance.region,
        "zip": appearance.postal_code,
        "country": appearance.country,
        "lifecyclestage": STAGES.get(appearance.stage, appearance.stage),
        "hubspot_owner_id": account.owner_id(appearance.owner) if appearance.owner else "",
    }
    return {name: value for name, value in found.items() if value}
