"""Google Ads: campaigns with their budgets, and what they did each day, by the REST interface of the Google Ads API.

settings.py  what the operator sets            auth.py     OAuth with a refresh token
queries.py   GAQL from remote paths            streams.py  campaigns, daily
faults.py    what Google's errors mean         sandbox/    a local imitation of the service
"""

from __future__ import annotations

from connectors.google_ads import queries
from connectors.google_ads.auth import auth
from connectors.google_ads.faults import classify
from connectors.google_ads.settings import Settings, payer, secrets
from connectors.google_ads.sinks import sink
from connectors.google_ads.streams import customer, stream
from hub.sdk.connector import Account, Connector, Limit
from hub.sdk.http import Response


def account(response: Response) -> Account:
    """Who answered, from the answer to `queries.account`; a manager account is shown as one, reading it is refused."""
    who = customer(response)
    title = str(who.get("descriptiveName") or "")
    if who.get("manager"):
        title = f"{title} (manager account: name a client account instead)".strip()
    return Account(str(who["id"]), title, str(who.get("timeZone") or ""), str(who.get("currencyCode") or ""))


CONNECTOR = Connector(
    name="google_ads",
    title="Google Ads",
    api_version="v26",
    default_base_url="https://googleads.googleapis.com",
    settings=Settings,
    secrets=secrets,
    auth=auth,
    streams=("campaigns", "daily"),
    sinks=(),
    stream=stream,
    sink=sink,
    classify=classify,
    check=queries.account,
    account=account,
    # Operations a day of the access level that allows fewest (Explorer: 2,880; a query is one operation). Google
    # documents no limit for a second, it says when it is too much: the pace is our own.
    limits=(Limit("default", calls=5, seconds=1.0, concurrent=2), Limit("default", calls=2_880, seconds=86_400.0)),
    payer=payer,
    rank=40,
    every={"campaigns": 3_600},
    docs="https://developers.google.com/google-ads/api/docs/start",
)
