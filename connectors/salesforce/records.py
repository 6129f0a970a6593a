"""Rows of a query as records: deletion, merge and conversion read from Salesforce's own columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connectors.salesforce.ids import is_id, long_id
from connectors.salesforce.shapes import Shape
from hub.domain.moments import normal
from hub.domain.observation import Record
from hub.sdk.http import ContractBroken, Response
from hub.sdk.streams import Complaint


@dataclass(frozen=True, slots=True)
class Rows:
    """The answer to a query. `next_path`: where Salesforce's own locator goes on, when there is more."""

    rows: tuple[Any, ...]
    done: bool
    total: int | None
    next_path: str = ""


def rows(response: Response) -> Rows:
    """`{"totalSize": n, "done": bool, "records": [...]}`. Raises `ContractBroken` for anything else."""
    body = response.json()
    shown, done = (body.get("records"), body.get("done")) if isinstance(body, dict) else (None, None)
    if not isinstance(shown, list) or not isinstance(done, bool):
        raise ContractBroken("a query answer must be an object with `records` and `done`")
    total, following = body.get("totalSize"), body.get("nextRecordsUrl")
    return Rows(
        tuple(shown),
        done,
        total if isinstance(total, int) else None,
        following if isinstance(following, str) and following.startswith("/services/data/") else "",
    )


def place(row: Any) -> tuple[str, str] | None:
    """(SystemModstamp as ISO 8601, 18-character Id) of a row; None when it has none that can be read."""
    if not isinstance(row, dict):
        return None
    stamp, id_ = row.get("SystemModstamp"), row.get("Id")
    if not isinstance(stamp, str) or not isinstance(id_, str) or not is_id(id_):
        return None
    try:
        return normal(stamp) or "", long_id(id_)
    except ValueError:
        return None


def record(shape: Shape, row: Any, fields: Sequence[str], currency: str = "") -> Record | Complaint:
    """A row as a record. `currency` is that of an org which has but one, and so no column CurrencyIsoCode.

    A row in the recycle bin is `gone`; `MasterRecordId` names the survivor when it got there by a merge. A converted
    lead is `gone` too: Salesforce makes it read-only and its contact goes on in the stream `contacts`, where it is read
    under its own id (`ConvertedContactId` stays in the record for people to see; it is no id of this stream, so it
    is not `merged_into`). Columns only the connector asked for are left out of `raw`, so that a moved SystemModstamp
    alone doesn't make the contents look changed.
    """
    at = place(row)
    if at is None:
        shown = row.get("Id") if isinstance(row, dict) else None
        known = shown if isinstance(shown, str) and is_id(shown) else ""
        return Complaint(known, f"a {shape.sobject} row without a readable Id and SystemModstamp", "SystemModstamp")
    wanted = {path.lower() for path in fields}
    hidden = {m for m in shape.marks if m.lower() not in wanted}
    raw = {k: _plain(v) for k, v in row.items() if k != "attributes" and k not in hidden}
    raw["Id"] = at[1]
    if currency and "currencyisocode" in wanted:
        raw["CurrencyIsoCode"] = currency
    master = row.get("MasterRecordId")
    deleted = row.get("IsDeleted") is True
    return Record(
        id=at[1],
        raw=raw,
        modified_at=at[0],
        gone=deleted or row.get("IsConverted") is True,
        merged_into=long_id(master) if deleted and isinstance(master, str) and is_id(master) else None,
    )


def _plain(value: Any) -> Any:
    """A value without the `attributes` that every nested sObject carries."""
    if isinstance(value, Mapping):
        return {k: _plain(v) for k, v in value.items() if k != "attributes"}
    if isinstance(value, list):
        return [_plain(v) for v in value]
    return value
