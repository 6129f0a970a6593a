"""A folder of CSV files: real exports of HubSpot, Salesforce and Mailchimp as sources, one clean file as the target.

settings.py  what the operator sets         folder.py   the folder's listing, pieces of files, what is new
sniff.py     encoding, delimiter            rows.py     bytes into rows, exact about lines
headers.py   the vendors' headers           shapes.py   a row into a record
streams.py   contacts, campaigns, the target file as a stream
sinks.py     writing the target file        target.py   the target file in memory
faults.py    what the folder refuses        sandbox.py  a folder of seeded exports
"""

from __future__ import annotations

from typing import Any

from connectors.csv import folder
from connectors.csv.faults import classify
from connectors.csv.settings import Settings, auth, secrets
from connectors.csv.sinks import sink
from connectors.csv.streams import TARGET, stream
from hub.sdk.connector import Account, Connector
from hub.sdk.http import Request, Response


def check(_settings: Any) -> Request:
    return folder.list_files()


def account(response: Response) -> Account:
    """Says how many files lie in the folder."""
    files = folder.listing(response)
    size = sum(file.size for file in files)
    return Account("folder", f"{len(files)} files, {size / 1e6:,.1f} MB")


CONNECTOR = Connector(
    name="csv",
    title="Folder of CSV files",
    api_version="RFC 4180",
    default_base_url="",
    settings=Settings,
    secrets=secrets,
    auth=auth,
    streams=("contacts", "campaigns", TARGET),
    sinks=(TARGET,),
    stream=stream,
    sink=sink,
    classify=classify,
    check=check,
    account=account,
    rank=60,
    docs="https://www.rfc-editor.org/rfc/rfc4180",
)
