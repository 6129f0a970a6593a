"""What the people of the marketing team do in the campaign screens of Google Ads."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from connectors.google_ads.queries import CAMPAIGN_FIELDS, gaql_name, plant
from connectors.google_ads.sandbox.accounts import CLIENT, Account, Campaign
from connectors.google_ads.sandbox.server import Service
from connectors.google_ads.utm import utm
from hub.sdk.sandbox import Unsupported

SETTERS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "campaign.name": ("name", str),
    "campaign.status": ("status", str),
    "campaign.advertisingChannelType": ("channel", str),
    "campaign.startDateTime": ("start", lambda said: date.fromisoformat(str(said)[:10])),
    "campaign.endDateTime": ("end", lambda said: date.fromisoformat(str(said)[:10]) if said else None),
    "campaign.finalUrlSuffix": ("suffix", lambda said: str(said or "")),
    "campaignBudget.amountMicros": ("budget_micros", int),
}


class Planners:
    """The `People` of this sandbox: its records are campaigns, found by the code in their name."""

    def __init__(self, service: Service) -> None:
        self._service = service

    @property
    def _account(self) -> Account:
        return self._service.accounts[CLIENT]

    def ids(self) -> list[str]:
        with self._service.lock:
            return [str(id_) for id_ in sorted(self._account.campaigns)]

    def find(self, email: str) -> str | None:
        """By the campaign code that stands in the name: people have no records here."""
        with self._service.lock:
            for campaign in self._account.campaigns.values():
                if re.search(rf"(?<!\w){re.escape(email.strip())}(?!\w)", campaign.name, re.I):
                    return str(campaign.id)
        return None

    def get(self, remote_id: str) -> dict[str, Any] | None:
        """As the API shows it with the fields that the stream always asks for."""
        with self._service.lock:
            campaign = self._account.campaigns.get(int(remote_id)) if remote_id.isdigit() else None
            if campaign is None:
                return None
            row = self._account.campaign_row(campaign, self._service.clock())
        raw: dict[str, Any] = {}
        for path in CAMPAIGN_FIELDS:
            value = row[gaql_name(path)]
            plant(raw, path, str(value) if isinstance(value, int) and not isinstance(value, bool) else value)
        raw["utm"] = utm(raw["campaign"])
        return raw

    def create(self, fields: Mapping[str, Any]) -> str:
        with self._service.lock:
            today = self._account.today(self._service.clock())
            made = Campaign(self._account.next_id(), "", "PAUSED", "SEARCH", today, None, 10_000_000, "")
            self._set(made, fields)
            return str(self._account.add(made).id)

    def edit(self, remote_id: str, fields: Mapping[str, Any]) -> None:
        with self._service.lock:
            self._set(self._account.campaigns[int(remote_id)], fields)

    def delete(self, remote_id: str) -> None:
        """Removing is a status; the campaign stays readable."""
        self.edit(remote_id, {"campaign.status": "REMOVED"})

    def merge(self, winner: str, loser: str) -> str:
        raise Unsupported("Google Ads has no merge of campaigns")

    def opt_out(self, remote_id: str) -> None:
        raise Unsupported("a campaign cannot opt out")

    def _set(self, campaign: Campaign, fields: Mapping[str, Any]) -> None:
        """All of the fields or none. A name must differ from those of the campaigns that are not removed."""
        unknown = sorted(set(fields) - set(SETTERS))
        if unknown:
            raise ValueError(f"{unknown[0]} cannot be edited; expected one of {', '.join(SETTERS)}")
        parsed = {SETTERS[path][0]: SETTERS[path][1](said) for path, said in fields.items()}
        name = parsed.get("name", campaign.name)
        others = (c for c in self._account.campaigns.values() if c.id != campaign.id and c.status != "REMOVED")
        if not name or any(other.name == name for other in others):
            raise ValueError("a campaign needs a name that no other active or paused campaign has")
        if campaign.status == "REMOVED":
            raise ValueError("a removed campaign cannot be changed")
        for attribute, value in parsed.items():
            setattr(campaign, attribute, value)
        if "status" in parsed:
            serving = campaign.status == "ENABLED"
            campaign.stopped = None if serving else self._account.today(self._service.clock())
