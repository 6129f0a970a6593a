"""Fills an audience and its campaigns from the seeded world."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any

from connectors.mailchimp.sandbox.audience import BY_PERSON, Audience, Member, digest
from connectors.mailchimp.sandbox.mailings import Mailing, Mailings
from hub.sdk.names import PLACES
from hub.sdk.world import Appearance, World

COUNTRIES = {spelling.casefold(): place.code for place in PLACES for spelling in place.spellings}
OTHERWISE = (("cleaned", 2), ("archived", 6), ("transactional", 14))
"""Up to which per cent those who did not opt out bounced, were archived, or bought something without signing up."""
SENT = {"completed": "sent", "active": "sent", "paused": "paused", "planned": "schedule", "draft": "save"}


def people(audience: Audience, world: World) -> None:
    for seed in world.appearances("mailchimp"):
        _member(audience, seed)


def _member(audience: Audience, seed: Appearance) -> Member:
    status = _status(seed)
    changed = max(filter(None, (seed.modified, seed.opted_out_at if seed.opted_out else None)))
    member = audience.place(seed.email, status, source="Import", at=changed.replace(microsecond=0))
    member.merge |= {
        "FNAME": seed.given,
        "LNAME": seed.family,
        "PHONE": seed.phone,
        "COMPANY": seed.company,
        "ADDRESS": _address(seed),
    }
    member.timestamp_signup = seed.created.replace(microsecond=0)
    if seed.opted_in_at is not None and status != "transactional":
        member.timestamp_opt, member.ip_opt = seed.opted_in_at.replace(microsecond=0), "203.0.113.7"
    if status in ("unsubscribed", "cleaned"):
        member.blocked = True
        member.unsubscribe_reason = BY_PERSON if status == "unsubscribed" else ""
    return member


def _status(seed: Appearance) -> str:
    if seed.opted_out:
        return "unsubscribed"
    draw = int(digest(f"status {seed.email.lower()}")[:6], 16) % 100
    other = next((status for status, share in OTHERWISE if draw < share), "")
    if not other and seed.opted_in_at is None:
        return "transactional"
    return other or "subscribed"


def _address(seed: Appearance) -> Any:
    """Mailchimp keeps the country as two letters, and shows an address that nobody gave as an empty text."""
    if not (seed.street or seed.city):
        return ""
    return {
        "addr1": seed.street,
        "addr2": "",
        "city": seed.city,
        "state": seed.region,
        "zip": seed.postal_code,
        "country": COUNTRIES.get(seed.country.strip().casefold(), ""),
    }


def campaigns(mailings: Mailings, world: World, now: datetime) -> None:
    """The campaign's code is the name under which Google Analytics knows it (utm_campaign)."""
    subscribed = [m.contact_id for m in mailings.audience.members.values() if m.status == "subscribed"]
    for number, seed in enumerate(world.campaigns("mailchimp")):
        start = datetime.combine(seed.start, time(9, number % 60), UTC)
        status = SENT.get(seed.status, "save")
        if status == "sent" and start > now:
            status = "schedule"
        mailing = Mailing(
            digest(f"campaign {seed.code}")[:10],
            5_000 + number,
            seed.name,
            seed.name,
            status,
            mailings.audience.list_id,
            start - timedelta(days=9),
            start if status in ("sent", "schedule") else None,
            len(subscribed) if status == "sent" else 0,
            seed.code,
            from_name=mailings.audience.company,
        )
        if status == "sent":
            mailing.recipients = list(subscribed)
        mailings.add(mailing)
