"""Answers to queries: rows from the state, in the JSON of proto3 (camelCase, int64 as text, unset left out)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from connectors.google_ads.sandbox.accounts import METRICS, Account, Campaign
from connectors.google_ads.sandbox.fields import FIELDS, FieldFact
from connectors.google_ads.sandbox.gaql import Query

DEVICES = (("DESKTOP", 0.4), ("MOBILE", 0.6))
WHOLE = {name for name in METRICS if FIELDS[name].type == "INT64"}


def camel(name: str) -> str:
    return re.sub(r"_([a-z0-9])", lambda match: match[1].upper(), name)


def rows(account: Account, query: Query, now: datetime, accounts: Mapping[str, Account]) -> list[dict[str, Any]]:
    """The answer's rows by GAQL name, filtered, ordered and cut."""
    plain = [condition for condition in query.where if condition.fact.name != "segments.date"]
    found = [
        row
        for row in _candidates(account, query, now, accounts)
        if all(condition.holds(row.get(condition.fact.name)) for condition in plain)
    ]
    for fact, down in reversed(query.order):
        found.sort(key=lambda row: _sortable(row.get(fact.name)), reverse=down)
    return found[: query.limit] if query.limit else found


def _sortable(value: object) -> tuple[bool, Any]:
    return (value is not None, 0 if value is None else value)


def _candidates(
    account: Account, query: Query, now: datetime, accounts: Mapping[str, Account]
) -> Iterator[dict[str, Any]]:
    if query.resource == "customer_client":
        for level, child in enumerate((account, *(accounts[id_] for id_ in account.children))):
            yield {**account.row(), **_client(account, child, min(level, 1))}
        return
    for base, campaigns in _entities(account, query, now):
        if query.measured() or any(fact.category == "SEGMENT" for fact in query.select):
            yield from _measured(account, query, base, campaigns, now)
        else:
            yield base


def _entities(account: Account, query: Query, now: datetime) -> Iterator[tuple[dict[str, Any], list[Campaign]]]:
    if query.resource == "customer":
        yield account.row(), list(account.campaigns.values())
        return
    for campaign in account.campaigns.values():
        row = account.campaign_row(campaign, now)
        yield (row if query.resource == "campaign" else {**account.row(), **account.budget_row(campaign)}), [campaign]


def _client(manager: Account, child: Account, level: int) -> dict[str, Any]:
    shown = {f"customer_client.{name.partition('.')[2]}": value for name, value in child.row().items()}
    return shown | {
        "customer_client.resource_name": f"customers/{manager.id}/customerClients/{child.id}",
        "customer_client.client_customer": f"customers/{child.id}",
        "customer_client.level": level,
        "customer_client.hidden": False,
    }


def _measured(
    account: Account, query: Query, base: dict[str, Any], campaigns: list[Campaign], now: datetime
) -> Iterator[dict[str, Any]]:
    """One row, or one per segment; with segments, rows without any of the selected metrics vanish."""
    segments = {fact.name for fact in query.select if fact.category == "SEGMENT"}
    days = list(_days(account, query, campaigns, now))
    for group in ([day] for day in days) if "segments.date" in segments else iter([days]):
        total = _total(account, campaigns, group, now)
        for row in _divided(segments, total):
            if "segments.date" in segments:
                row["segments.date"] = group[0].isoformat()
            selected = [fact.name for fact in query.select if fact.category == "METRIC"]
            if not segments or not selected or any(row.get(name) for name in selected):
                yield {**base, **row}


def _days(account: Account, query: Query, campaigns: list[Campaign], now: datetime) -> Iterator[date]:
    today = account.today(now)
    span = query.days(today)
    if span is None:
        first = min((campaign.start for campaign in campaigns), default=today)
        span = first, today
    day, last = span[0], min(span[1], today)
    listed = [c.operand for c in query.where if c.fact.name == "segments.date" and c.operator == "IN"]
    while day <= last:
        if all(isinstance(days, tuple) and day.isoformat() in days for days in listed):
            yield day
        day += timedelta(days=1)


def _total(account: Account, campaigns: list[Campaign], days: list[date], now: datetime) -> dict[str, int | float]:
    total: dict[str, int | float] = dict.fromkeys(METRICS, 0)
    for campaign in campaigns:
        for day in days:
            for name, value in account.metrics(campaign, day, now).items():
                total[name] += value
    return {name: value if name in WHOLE else round(value, 2) for name, value in total.items()}


def _divided(segments: set[str], total: dict[str, int | float]) -> Iterator[dict[str, Any]]:
    parts: list[tuple[dict[str, Any], float]] = [({}, 1.0)]
    if "segments.device" in segments:
        parts = [({"segments.device": device}, share) for device, share in DEVICES]
    for part, share in parts:
        row: dict[str, Any] = dict(part)
        if "segments.conversion_action_name" in segments:
            row["segments.conversion_action_name"] = "Purchase"
        for name, value in total.items():
            row[name] = int(value * share) if name in WHOLE else round(value * share, 2)
        impressions, clicks = row["metrics.impressions"], row["metrics.clicks"]
        row["metrics.ctr"] = clicks / impressions if impressions else 0.0
        row["metrics.average_cpc"] = row["metrics.cost_micros"] / clicks if clicks else 0.0
        yield row


def as_json(query: Query, row: Mapping[str, Any]) -> dict[str, Any]:
    """A GoogleAdsRow: the selected fields, and unasked the resource name of every resource among them."""
    shown: dict[str, Any] = {}
    heads = {query.resource} | {fact.head for fact in query.select if fact.category == "ATTRIBUTE"}
    for head in sorted(heads):
        if row.get(f"{head}.resource_name"):
            shown.setdefault(camel(head), {})["resourceName"] = row[f"{head}.resource_name"]
    for fact in query.select:
        value = _json_value(fact, row.get(fact.name))
        if value is not None:
            head, _, name = fact.name.partition(".")
            shown.setdefault(camel(head), {})[camel(name)] = value
    return shown


def _json_value(fact: FieldFact, value: Any) -> Any:
    """None for what proto3 JSON leaves out: the unset, and the zero of a metric."""
    if value is None or (fact.category == "METRIC" and not value):
        return None
    return str(value) if fact.type == "INT64" else value
