"""Nothing is written to Google Ads: campaigns are planned there, and people are not known to it one by one."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.google_ads.settings import Settings
from hub.sdk.sinks import Sink


def sink(name: str, _settings: Settings, _fields: Sequence[str]) -> Sink:
    """There is none: KeyError for every name."""
    raise KeyError(name)
