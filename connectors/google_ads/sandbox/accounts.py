"""The state of the sandbox: accounts, campaigns, and what each campaign did on each day."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from hashlib import blake2b
from typing import Any
from zoneinfo import ZoneInfo

from hub.sdk.world import CampaignSeed

MANAGER, CLIENT, CLOSED, FOREIGN = "9990000001", "1234567890", "5550000003", "7770000009"
CHANNELS = {"search": "SEARCH", "display": "DISPLAY", "video": "VIDEO", "shopping": "SHOPPING"}
STATUSES = {"active": "ENABLED", "planned": "ENABLED", "paused": "PAUSED", "completed": "PAUSED", "removed": "REMOVED"}
RESTATED_DAYS = 30
"""Conversions of a day go on arriving for so long."""

MICROS = {"JPY": 1_000_000}
FIRST_ID = 20_000_000_001


@dataclass(slots=True)
class Campaign:
    """`stopped` is the day on which it was paused or removed; it has no activity from then on."""

    id: int
    name: str
    status: str
    channel: str
    start: date
    end: date | None
    budget_micros: int
    suffix: str
    stopped: date | None = None

    def serves(self, day: date) -> bool:
        return (
            self.start <= day and (self.end is None or day <= self.end) and (self.stopped is None or day < self.stopped)
        )


@dataclass(slots=True)
class Account:
    """One Google Ads account. Campaign days are computed from the seed, never stored."""

    id: str
    name: str
    currency: str = "USD"
    zone: str = "America/New_York"
    manager: bool = False
    status: str = "ENABLED"
    campaigns: dict[int, Campaign] = field(default_factory=dict)
    children: tuple[str, ...] = ()
    seed: int = 1

    def today(self, now: datetime) -> date:
        return now.astimezone(ZoneInfo(self.zone)).date()

    def row(self) -> dict[str, Any]:
        return {
            "customer.resource_name": f"customers/{self.id}",
            "customer.id": int(self.id),
            "customer.descriptive_name": self.name,
            "customer.currency_code": self.currency,
            "customer.time_zone": self.zone,
            "customer.manager": self.manager,
            "customer.test_account": False,
            "customer.status": self.status,
        }

    def campaign_row(self, campaign: Campaign, now: datetime) -> dict[str, Any]:
        """The campaign, its budget and its account by GAQL name; None is unset."""
        budget = f"customers/{self.id}/campaignBudgets/{campaign.id + 5_000}"
        return {
            **self.row(),
            "campaign.resource_name": f"customers/{self.id}/campaigns/{campaign.id}",
            "campaign.id": campaign.id,
            "campaign.name": campaign.name,
            "campaign.status": campaign.status,
            "campaign.serving_status": self._serving(campaign, now),
            "campaign.advertising_channel_type": campaign.channel,
            "campaign.start_date_time": f"{campaign.start} 00:00:00",
            "campaign.end_date_time": None if campaign.end is None else f"{campaign.end} 23:59:59",
            "campaign.final_url_suffix": campaign.suffix or None,
            "campaign.tracking_url_template": None,
            "campaign.campaign_budget": budget,
            **self.budget_row(campaign),
        }

    def budget_row(self, campaign: Campaign) -> dict[str, Any]:
        return {
            "campaign_budget.resource_name": f"customers/{self.id}/campaignBudgets/{campaign.id + 5_000}",
            "campaign_budget.id": campaign.id + 5_000,
            "campaign_budget.name": f"Budget of {campaign.name}",
            "campaign_budget.amount_micros": campaign.budget_micros,
            "campaign_budget.total_amount_micros": None,
            "campaign_budget.period": "DAILY",
            "campaign_budget.explicitly_shared": False,
        }

    def _serving(self, campaign: Campaign, now: datetime) -> str:
        today = self.today(now)
        if campaign.status != "ENABLED":
            return "SUSPENDED"
        if campaign.end is not None and campaign.end < today:
            return "ENDED"
        return "SERVING" if campaign.start <= today else "PENDING"

    def metrics(self, campaign: Campaign, day: date, now: datetime) -> dict[str, int | float]:
        """What the campaign did on a day as it is known now: today so far; conversions arrive for 30 days; invalid
        clicks are taken back on the third day."""
        today = self.today(now)
        if not campaign.serves(day) or day > today:
            return dict.fromkeys(METRICS, 0)
        draw = self._draw(campaign, day)
        if next(draw) < 0.04:
            return dict.fromkeys(METRICS, 0)
        elapsed = self._elapsed(day, now)
        so_far = min(1.0, elapsed)
        impressions = int((200 + next(draw) * 4000) * so_far)
        clicks = int(impressions * (0.005 + next(draw) * 0.05) * (1.03 if elapsed < 3 else 1.0))
        cost = clicks * int(150_000 + next(draw) * 1_500_000)
        settled = min(1.0, max(0.0, elapsed) / RESTATED_DAYS)
        conversions = round(clicks * next(draw) * 0.08 * (0.35 + 0.65 * settled), 2)
        value = round(conversions * (20 + next(draw) * 80), 2)
        views = int(conversions * 2)
        return {
            "metrics.impressions": impressions,
            "metrics.clicks": clicks,
            "metrics.cost_micros": cost,
            "metrics.conversions": conversions,
            "metrics.conversions_value": value,
            "metrics.all_conversions": round(conversions * 1.2, 2),
            "metrics.view_through_conversions": views,
        }

    def _elapsed(self, day: date, now: datetime) -> float:
        """Days since the day began in the account's time zone."""
        began = datetime.combine(day, time(), ZoneInfo(self.zone))
        return (now.astimezone(UTC) - began.astimezone(UTC)).total_seconds() / 86_400

    def _draw(self, campaign: Campaign, day: date) -> Iterator[float]:
        digest = blake2b(f"{self.seed}/{campaign.id}/{day}".encode(), digest_size=24).digest()
        for at in range(0, 24, 4):
            yield int.from_bytes(digest[at : at + 4], "big") / 2**32

    def add(self, campaign: Campaign) -> Campaign:
        self.campaigns[campaign.id] = campaign
        return campaign

    def next_id(self) -> int:
        return max(self.campaigns, default=FIRST_ID - 1) + 1


METRICS = (
    "metrics.impressions",
    "metrics.clicks",
    "metrics.cost_micros",
    "metrics.conversions",
    "metrics.conversions_value",
    "metrics.all_conversions",
    "metrics.view_through_conversions",
)


def suffix(code: str, source: str, medium: str) -> str:
    """The final URL suffix by which a campaign's clicks are told apart at the landing page."""
    return f"utm_source={source}&utm_medium={medium}&utm_campaign={code}"


def accounts(seed: int, seeds: tuple[CampaignSeed, ...]) -> dict[str, Account]:
    """A manager with a client that has the world's campaigns and one that was closed; and somebody else's account."""
    client = Account(CLIENT, "Hub customer", seed=seed)
    for number, planned in enumerate(seeds):
        status = STATUSES.get(planned.status, "PAUSED")
        if number % 9 == 8:
            status = "REMOVED"
        client.add(
            Campaign(
                id=FIRST_ID + number,
                name=f"{planned.code} | {planned.name}",
                status=status,
                channel=CHANNELS.get(planned.channel, "PERFORMANCE_MAX"),
                start=planned.start,
                end=planned.end if number % 4 else None,
                budget_micros=planned.budget_minor * MICROS.get(client.currency, 10_000),
                suffix=suffix(planned.code, planned.utm_source, planned.utm_medium),
                stopped=None if status == "ENABLED" else planned.end,
            )
        )
    manager = Account(MANAGER, "Hub customer agency", manager=True, children=(CLIENT, CLOSED))
    closed = Account(CLOSED, "Closed shop", status="CANCELED")
    foreign = Account(FOREIGN, "Somebody else", zone="Europe/Berlin", currency="EUR")
    return {account.id: account for account in (manager, client, closed, foreign)}
