"""UTM values of a campaign: they are not fields of Google Ads, they stand in its URL options.

The final URL suffix (`utm_source=google&utm_campaign=Q1`) is what Google recommends; older accounts have them in the
tracking template (`{lpurl}?utm_source=google`). `{campaignid}` is the one ValueTrack parameter that is known here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

NAMES = ("source", "medium", "campaign", "content", "term")
NEEDS = ("campaign.finalUrlSuffix", "campaign.trackingUrlTemplate")
"""The remote paths from which the values are read."""


def utm(campaign: Mapping[str, Any]) -> dict[str, str | None]:
    """`{"source": "google", ...}` of a campaign as the API shows it; None where nothing fixed is said."""
    said: dict[str, str] = {}
    for text in (campaign.get("trackingUrlTemplate"), campaign.get("finalUrlSuffix")):
        if isinstance(text, str):
            said.update(_parameters(text))
    number = str(campaign.get("id") or "")
    found: dict[str, str | None] = {}
    for name in NAMES:
        value = said.get(f"utm_{name}", "").replace("{campaignid}", number).strip()
        found[name] = None if not value or "{" in value else value
    return found


def _parameters(text: str) -> dict[str, str]:
    _, mark, query = text.partition("?")
    try:
        pairs = parse_qsl((query if mark else text).partition("#")[0], max_num_fields=200)
    except ValueError:
        return {}
    return {name.lower(): value for name, value in pairs}
