"""GAQL, the query language of Google Ads: queries from remote paths (Google Ads Query Language grammar).

A remote path is a JSON path of the answer (`campaign.advertisingChannelType`); the query wants the same in snake case.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from connectors.google_ads.settings import Settings
from connectors.google_ads.utm import NAMES, NEEDS
from hub.sdk.http import Request, send_json

PATH = re.compile(r"(campaign|campaignBudget|customer|metrics|segments)(\.[a-z][A-Za-z0-9]{0,80}){1,4}")
CAPITAL = re.compile(r"([A-Z])")
UNDERSCORE = re.compile(r"_([a-z0-9])")

ACCOUNT_FIELDS = (
    "customer.id",
    "customer.descriptiveName",
    "customer.currencyCode",
    "customer.timeZone",
    "customer.manager",
    "customer.status",
)
CAMPAIGN_FIELDS = (
    "campaign.id",
    "campaign.name",
    "campaign.status",
    "campaign.servingStatus",
    "campaign.advertisingChannelType",
    "campaign.startDateTime",
    "campaign.endDateTime",
    *NEEDS,
    "campaignBudget.amountMicros",
    "campaignBudget.period",
    "customer.currencyCode",
)
DAILY_FIELDS = (
    "campaign.id",
    "segments.date",
    "metrics.impressions",
    "metrics.clicks",
    "metrics.costMicros",
    "metrics.conversions",
    "metrics.conversionsValue",
    "customer.currencyCode",
)


def gaql_name(path: str) -> str:
    """`campaignBudget.amountMicros` -> `campaign_budget.amount_micros`."""
    return CAPITAL.sub(lambda m: "_" + m[1].lower(), path)


def json_path(name: str) -> str:
    """`campaign_budget.amount_micros` -> `campaignBudget.amountMicros`."""
    return UNDERSCORE.sub(lambda m: m[1].upper(), name)


DERIVED = tuple(f"utm.{name}" for name in NAMES)
"""Paths of campaign records that no query asks for: the connector reads them from the URL options."""


def wanted(always: Sequence[str], asked: Iterable[str]) -> tuple[str, ...]:
    """The paths to select, each once: the stream's own and the mapping's. ValueError for one that no query can ask."""
    paths = dict.fromkeys(always)
    for path in asked:
        if path in DERIVED:
            continue
        if not PATH.fullmatch(path):
            raise ValueError(
                f"{path!r} cannot be read from Google Ads; expected campaign.*, campaignBudget.*, customer.* or "
                "metrics.*, in the spelling of the JSON answers (campaign.startDateTime)"
            )
        paths[path] = None
    return tuple(paths)


def search(settings: Settings, query: str) -> Request:
    """One operation against the day's quota, whatever it answers. Reading is repeatable although it is a POST."""
    path = f"/{settings.api_version}/customers/{settings.customer_id}/googleAds:searchStream"
    return send_json("POST", path, {"query": query}, repeatable=True)


def account(settings: Settings) -> Request:
    """Who the account is: its time zone decides which day it is, its currency what a micro is worth."""
    return search(settings, _query(ACCOUNT_FIELDS, "customer", "LIMIT 1"))


def campaigns(settings: Settings, paths: Sequence[str], after: int) -> Request:
    """A page of campaigns in the order of their ids, removed ones included."""
    return search(settings, _query(paths, "campaign", f"WHERE campaign.id > {after} {_page(settings)}"))


def daily(settings: Settings, paths: Sequence[str], first: str, last: str, after: int) -> Request:
    """A page of campaign days between two dates (both included), in the order of campaign ids."""
    span = f"WHERE segments.date BETWEEN '{first}' AND '{last}' AND campaign.id > {after}"
    return search(settings, _query(paths, "campaign", f"{span} {_page(settings)}"))


def field_list(settings: Settings, prefix: str) -> Request:
    """The fields that Google describes under a prefix, for discovery."""
    query = (
        "SELECT name, category, data_type, selectable, filterable, sortable, is_repeated, enum_values "
        f"WHERE name LIKE '{prefix}%'"
    )
    return send_json("POST", f"/{settings.api_version}/googleAdsFields:search", {"query": query}, repeatable=True)


def _query(paths: Sequence[str], resource: str, rest: str) -> str:
    names = ", ".join(gaql_name(path) for path in paths)
    return f"SELECT {names} FROM {resource} {rest}"  # noqa: S608 -- names passed PATH; GAQL can only read


def _page(settings: Settings) -> str:
    return f"ORDER BY campaign.id LIMIT {settings.page_rows}"


def dig(row: Mapping[str, Any], path: str) -> Any:
    """The value at a path of a row; None where it is not shown."""
    value: Any = row
    for name in path.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    return value


def plant(row: dict[str, Any], path: str, value: object) -> None:
    """Sets the value at a path of a row, making what is missing on the way."""
    *heads, last = path.split(".")
    for head in heads:
        nested = row.get(head)
        if not isinstance(nested, dict):
            nested = row[head] = {}
        row = nested
    row[last] = value
