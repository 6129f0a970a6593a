"""HubSpot: contacts read and written, with e-mail consent. The table of contents.

Facts are HubSpot's public API reference and guides, and the type tables of its own Python client; README.md says
what an operator does at the vendor.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from connectors.hubspot.auth import auth
from connectors.hubspot.faults import DAY, classify, meters
from connectors.hubspot.settings import HubSpotSettings, account_path
from connectors.hubspot.sinks import ContactsSink
from connectors.hubspot.streams import Contacts
from connectors.hubspot.webhooks import HOOK
from hub.sdk.connector import Account, Connector, Limit, Secret
from hub.sdk.http import ContractBroken, Request, Response, get
from hub.sdk.limits import ALL
from hub.sdk.sinks import Sink
from hub.sdk.streams import Stream


def _secrets(settings: HubSpotSettings) -> Sequence[Secret]:
    if settings.auth == "private_app":
        return (Secret("token", "Private app access token (pat-...)"),)
    return (Secret("client_secret", "OAuth client secret"), Secret("refresh_token", "OAuth refresh token"))


def _stream(name: str, settings: HubSpotSettings, fields: Sequence[str]) -> Stream:
    if name != "contacts":
        raise KeyError(name)
    return Contacts(settings, fields)


def _sink(name: str, settings: HubSpotSettings, fields: Sequence[str]) -> Sink:
    if name != "contacts":
        raise KeyError(name)
    return ContactsSink(settings, fields)


def _check(settings: HubSpotSettings) -> Request:
    return get(account_path(settings))


def _account(response: Response) -> Account:
    said: Any = response.json()
    if not isinstance(said, dict) or not said.get("portalId"):
        raise ContractBroken("expected account details with a `portalId`")
    portal = str(said["portalId"])
    kind = str(said.get("accountType") or "").replace("_", " ").lower()
    return Account(
        key=portal,
        title=f"HubSpot account {portal}" + (f" ({kind})" if kind else ""),
        time_zone=str(said.get("timeZone") or ""),
        currency=str(said.get("companyCurrency") or ""),
    )


CONNECTOR = Connector(
    name="hubspot",
    title="HubSpot",
    api_version="v3",
    default_base_url="https://api.hubapi.com",
    settings=HubSpotSettings,
    secrets=_secrets,
    auth=auth,
    streams=("contacts",),
    sinks=("contacts",),
    stream=_stream,
    sink=_sink,
    classify=classify,
    check=_check,
    account=_account,
    # The smallest allowance of any plan: 100 calls in 10 seconds, and 5 searches a second in a bucket of their own
    # (HubSpot's usage guidelines; its search API guide). The headers tell what the plan really allows, and the daily
    # limit, which counts from midnight and which only private apps have.
    limits=(Limit("default", 100, 10.0), Limit("search", 5, 1.0), Limit(ALL, 0, DAY, midnight=True)),
    rank=20,
    docs="https://developers.hubspot.com/docs/api-reference",
    meters=meters,
    hook=HOOK,
)
