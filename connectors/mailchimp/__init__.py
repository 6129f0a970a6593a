"""Mailchimp: the members of one audience, its campaigns and what came of them.

settings.py  what the operator sets              access.py     API key, or OAuth with its metadata call
members.py   a member as the hub keeps it        fields.py     merge fields, for discovery
streams.py   members, by change                  campaigns.py  campaigns and reports
sinks.py     members, 500 at a time              answers.py    what became of each of them
listing.py   what every listing answers          faults.py     what Mailchimp's refusals mean
sandbox/     a local imitation of the service
"""

from __future__ import annotations

from collections.abc import Mapping

from connectors.mailchimp.access import auth
from connectors.mailchimp.faults import classify
from connectors.mailchimp.settings import Settings, home, payer, secrets
from connectors.mailchimp.sinks import sink
from connectors.mailchimp.streams import stream
from connectors.mailchimp.webhooks import HOOK
from hub.sdk.connector import Account, Connector, Limit
from hub.sdk.http import ContractBroken, Request, Response, get


def check(settings: Settings) -> Request:
    """The audience itself: that it answers proves the key and the audience at once."""
    return get(f"/3.0/lists/{settings.audience_id}", {"fields": "id,name,contact.company"})


def account(response: Response) -> Account:
    body = response.json()
    if not isinstance(body, Mapping) or not isinstance(body.get("id"), str):
        raise ContractBroken("an audience has no id")
    contact = body.get("contact")
    company = contact.get("company") if isinstance(contact, Mapping) else ""
    return Account(body["id"], " of ".join(str(part) for part in (body.get("name"), company) if part))


CONNECTOR = Connector(
    name="mailchimp",
    title="Mailchimp",
    api_version="3.0",
    default_base_url="https://login.mailchimp.com",
    settings=Settings,
    secrets=secrets,
    auth=auth,
    streams=("members", "campaigns", "reports"),
    sinks=("members",),
    stream=stream,
    sink=sink,
    classify=classify,
    check=check,
    account=account,
    # 10 connections at once, over all apps and audiences of the user, and no quota beside that (Mailchimp's guide to
    # its limits). The pace of the metadata call is our own.
    limits=(Limit("default", calls=0, seconds=1.0, concurrent=8), Limit("login", calls=1, seconds=1.0)),
    payer=payer,
    rank=30,
    docs="https://mailchimp.com/developer/marketing/api/",
    home=home,
    hook=HOOK,
)
