"""The campaigns of a seeded world: planned in Salesforce, some of them sent by Mailchimp, some bought at Google Ads."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from hub.sdk.crowd import EPOCH

REGIONS = ("EMEA", "NA", "DACH", "APAC", "GLOBAL")
THEMES = (
    "Spring launch",
    "Webinar: attribution",
    "Black Friday",
    "Customer stories",
    "Newsletter",
    "Product tour",
    "Partner summit",
    "Free trial",
    "Retargeting",
    "Brand search",
    "Café & croissants",
    "O'Brien roadshow",
)
CHANNELS = ("email", "email", "email", "search", "search", "display", "video", "shopping", "event", "webinar")
BOUGHT = frozenset({"search", "display", "video", "shopping"})
KNOWN = {
    "salesforce": (frozenset(CHANNELS), 0.85),
    "mailchimp": (frozenset({"email"}), 1.0),
    "google_ads": (BOUGHT, 1.0),
}
"""Which channels' campaigns a vendor holds, and how many of them."""
SOURCES = {"email": ("mailchimp", "email"), "search": ("google", "cpc"), "shopping": ("google", "cpc")}


@dataclass(frozen=True, slots=True)
class CampaignSeed:
    """A campaign as one vendor has it. `code` is the same at every vendor that has the campaign; `channel` and
    `status` are canonical; `budget_minor` is in minor units of `currency`, 0 where the vendor has no budget."""

    code: str
    name: str
    channel: str
    status: str
    start: date
    end: date
    budget_minor: int
    currency: str
    utm_source: str
    utm_medium: str


def plan_campaigns(seed: int, people: int) -> tuple[CampaignSeed, ...]:
    """All campaigns there are: 12 for a small world, up to 240."""
    rng = Random(f"{seed}/campaigns")  # noqa: S311 - a seeded world, not a secret
    return tuple(_campaign(rng, number) for number in range(min(240, max(12, people // 25))))


def campaigns_at(seed: int, vendor: str, planned: tuple[CampaignSeed, ...]) -> tuple[CampaignSeed, ...]:
    """What one vendor has of them, with names, states and budgets that drifted. KeyError for an unknown vendor."""
    rng = Random(f"{seed}/campaigns/{vendor}")  # noqa: S311
    channels, share = KNOWN[vendor]
    return tuple(_drifted(rng, vendor, c) for c in planned if c.channel in channels and rng.random() < share)


def _campaign(rng: Random, number: int) -> CampaignSeed:
    start = EPOCH.date() - timedelta(days=rng.randrange(-30, 400))
    end = start + timedelta(days=rng.choice((14, 30, 60, 90)))
    channel = CHANNELS[number % len(CHANNELS)]
    region, theme = rng.choice(REGIONS), rng.choice(THEMES)
    source, medium = SOURCES.get(channel, ("google" if channel in BOUGHT else "event", channel))
    today = EPOCH.date()
    status = "planned" if start > today else "completed" if end < today else rng.choice(("active", "active", "paused"))
    return CampaignSeed(
        code=f"{start.year}Q{(start.month + 2) // 3}-{region}-{number + 1:03d}",
        name=f"{theme} {region} {start.year}",
        channel=channel,
        status=status,
        start=start,
        end=end,
        budget_minor=rng.randrange(5, 500) * 10_000,
        currency="USD" if channel in BOUGHT else rng.choice(("USD", "USD", "EUR", "GBP", "JPY")),
        utm_source=source,
        utm_medium=medium,
    )


def _drifted(rng: Random, vendor: str, seed: CampaignSeed) -> CampaignSeed:
    name, status, budget = seed.name, seed.status, seed.budget_minor
    chance = rng.random()
    if chance < 0.1:
        name = name.upper()
    elif chance < 0.2:
        name = f"{name} "
    elif chance < 0.25:
        name = f"{name} (copy)"
    if rng.random() < 0.1 and status != "planned":
        status = rng.choice(("active", "paused", "completed"))
    if vendor == "mailchimp":
        budget = 0
    elif rng.random() < 0.15:
        budget += rng.randrange(-40, 40) * 1_000
    return CampaignSeed(
        seed.code,
        name,
        seed.channel,
        status,
        seed.start,
        seed.end,
        budget,
        seed.currency,
        seed.utm_source,
        seed.utm_medium,
    )
