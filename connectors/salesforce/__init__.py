"""Salesforce: contacts, leads and campaigns by SOQL and sObject Collections.

`settings.py` what the operator says · `grants.py` tokens · `shapes.py` which sObject a stream is · `soql.py` queries as
text · `streams.py` reading · `records.py` rows as records · `describe.py` fields of the org · `sinks.py` writing ·
`faults.py` errors and quota · `ids.py` 15 and 18 characters · `sandbox/` an org to try things on.
"""

from __future__ import annotations

from connectors.salesforce import soql
from connectors.salesforce.faults import DAY, classify, quota
from connectors.salesforce.grants import auth
from connectors.salesforce.settings import Settings, secrets
from connectors.salesforce.shapes import SHAPES
from connectors.salesforce.sinks import sink
from connectors.salesforce.streams import stream
from connectors.salesforce.webhooks import HOOK
from hub.sdk.connector import Account, Connector, Limit
from hub.sdk.http import ContractBroken, Request, Response

_ORGANIZATION = ("Id", "Name", "OrganizationType", "IsSandbox", "TimeZoneSidKey")


def check(settings: Settings) -> Request:
    """The cheapest call that proves a login: the org's own record."""
    return soql.query(settings.data, f"{soql.select('Organization', _ORGANIZATION)} LIMIT 1", deleted=False)


def account(response: Response) -> Account:
    """The org that answered `check`."""
    body = response.json()
    rows = body.get("records") if isinstance(body, dict) else None
    if not isinstance(rows, list) or not rows or not isinstance(rows[0], dict) or "Id" not in rows[0]:
        raise ContractBroken("the org's own record must come back from `check`")
    org = rows[0]
    kind = "sandbox" if org.get("IsSandbox") else str(org.get("OrganizationType") or "").lower()
    title = f"{org.get('Name') or ''} ({kind})" if kind else str(org.get("Name") or "")
    return Account(key=str(org["Id"]), title=title, time_zone=str(org.get("TimeZoneSidKey") or ""))


CONNECTOR = Connector(
    name="salesforce",
    title="Salesforce",
    api_version="62.0",
    default_base_url="https://login.salesforce.com",
    settings=Settings,
    secrets=secrets,
    auth=auth,
    streams=tuple(SHAPES),
    sinks=tuple(SHAPES),
    stream=stream,
    sink=sink,
    classify=classify,
    check=check,
    account=account,
    # The smallest production org has 100,000 requests in any 24 hours, for everybody together; the header tells the
    # org's own limit. Of requests that last longer than 20 seconds a developer org runs 5 at once.
    limits=(Limit("default", 100_000, DAY, concurrent=5, share=0.25),),
    rank=10,
    docs="connectors/salesforce/README.md",
    meters=quota,
    hook=HOOK,
)
