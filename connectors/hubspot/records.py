"""HubSpot objects as records, and the answers of `batch/read`, for stream and sink alike."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.hubspot.faults import category, texts
from hub.domain.moments import iso, normal, parse
from hub.domain.observation import Record
from hub.sdk.http import ContractBroken, Request, Response, send_json
from hub.sdk.streams import Complaint

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ID = re.compile(r"[0-9]{1,20}")
WRITE_ONLY = "subscriptions"
"""First step of the paths that exist only in writes: consent goes by the communication-preferences API."""
OWN = ("lastmodifieddate", "hs_merged_object_ids", "hs_calculated_merged_vids")
"""What the connector asks for beside the mapping's properties: the modified time and the ids a merge absorbed."""
KEYS = ("email", "hs_additional_emails")
BATCH = 100
"""HubSpot's limit for inputs of a batch call (CRM API reference)."""


@dataclass(frozen=True, slots=True)
class Properties:
    """The properties a mapping reads. `id` is no property, and `subscriptions.*` cannot be read from a contact."""

    mapped: tuple[str, ...]

    @classmethod
    def of(cls, paths: Iterable[str]) -> Properties:
        heads = (path.split(".", 1)[0] for path in paths)
        return cls(tuple(sorted({head for head in heads if head not in ("", "id", WRITE_ONLY)})))

    def asked(self, *more: str) -> tuple[str, ...]:
        """The names to ask for, the mapping's first."""
        return tuple(dict.fromkeys((*self.mapped, *OWN, *more)))


@dataclass(frozen=True, slots=True)
class Read:
    """Records of an answer, and what of it could not be read."""

    records: tuple[Record, ...] = ()
    missing: tuple[str, ...] = ()
    complaints: tuple[Complaint, ...] = ()
    emails: Mapping[str, str] | None = None
    """Lower-cased address -> id of the record that holds it, also as a secondary address."""


def milliseconds(moment: datetime) -> int:
    """Epoch milliseconds, rounded down: HubSpot's search drops finer parts."""
    return (moment - EPOCH) // timedelta(milliseconds=1)


def from_milliseconds(value: int) -> str:
    return iso(EPOCH + timedelta(milliseconds=value))


def absorbed(properties: Mapping[str, Any], own: str) -> tuple[str, ...]:
    """Ids that merges brought under this record. `hs_merged_object_ids` is "id;id", `hs_calculated_merged_vids` is
    "id:time;id:time"."""
    found: dict[str, None] = {}
    for name in ("hs_merged_object_ids", "hs_calculated_merged_vids"):
        value = properties.get(name)
        for part in value.split(";") if isinstance(value, str) else ():
            identity = part.split(":", 1)[0].strip()
            if ID.fullmatch(identity) and identity != own:
                found[identity] = None
    return tuple(found)


def results(response: Response, *accepted: int) -> tuple[dict[str, Any], list[Any]]:
    """The body and its `results`. Raises `ContractBroken` when the answer has another form or status."""
    if response.status not in accepted:
        body = response.json_or_none()
        word = category(body) if isinstance(body, dict) else ""
        raise ContractBroken(f"expected HTTP {' or '.join(map(str, accepted))}, got {response.status} {word}".rstrip())
    body = response.json()
    if not isinstance(body, dict) or not isinstance(body.get("results"), list):
        raise ContractBroken("expected a JSON object with a list `results`")
    return body, body["results"]


def identity(item: Any) -> str:
    """The id of one object of an answer. Raises `ContractBroken`: without ids nothing on the page can be placed."""
    found = item.get("id") if isinstance(item, dict) else None
    if isinstance(found, int) and not isinstance(found, bool):
        found = str(found)
    if not isinstance(found, str) or not ID.fullmatch(found):
        raise ContractBroken("expected every object of `results` to have an `id` of digits")
    return found


def record(item: Any, wanted: Properties, *, gone: bool = False) -> tuple[Record, tuple[Complaint, ...]]:
    """One object as a record: the mapped properties flattened to the top, and `id`. A property that HubSpot knows
    and that has no value is null; one that it does not know is missing. A value that is neither text nor null is left
    out and complained about: every property value is a text by HubSpot's contract."""
    own = identity(item)
    properties = item.get("properties")
    if not isinstance(properties, dict):
        return Record(own, {"id": own}, gone=gone), (
            Complaint(own, f"contact {own}: expected an object `properties`, got {type(properties).__name__}"),
        )
    raw: dict[str, Any] = {"id": own}
    complaints = []
    for name in wanted.mapped:
        if name not in properties:
            continue
        value = properties[name]
        if value is None or isinstance(value, str):
            raw[name] = value
        else:
            complaints.append(
                Complaint(own, f"contact {own}: expected a text or null, got {type(value).__name__}", field=name)
            )
    modified, bad = _modified(item, properties, own)
    aliases = absorbed(properties, own)
    return Record(own, raw, modified, gone=gone, aliases=aliases), (*complaints, *bad)


def _modified(item: Mapping[str, Any], properties: Mapping[str, Any], own: str) -> tuple[str | None, list[Complaint]]:
    said = properties.get("lastmodifieddate") or item.get("updatedAt")
    try:
        return normal(said) if isinstance(said, str) else None, []
    except ValueError:
        message = f"contact {own}: expected an ISO 8601 moment"
        return None, [Complaint(own, message, field="lastmodifieddate")]


def modified_milliseconds(item: Mapping[str, Any]) -> int | None:
    """`lastmodifieddate` of a search result; None when it does not show one."""
    properties = item.get("properties")
    said = properties.get("lastmodifieddate") if isinstance(properties, dict) else None
    try:
        return milliseconds(parse(said)) if isinstance(said, str) else None
    except ValueError:
        return None


def read_request(
    path: str, ids: Sequence[str], properties: Sequence[str], *, by_email: bool = False, archived: bool = False
) -> Request:
    """`batch/read`: strongly consistent, unlike search; no URL to outgrow; at most 100 different inputs."""
    body: dict[str, Any] = {
        "inputs": [{"id": value} for value in dict.fromkeys(ids)],
        "properties": list(properties),
        "propertiesWithHistory": [],
    }
    if by_email:
        body["idProperty"] = "email"
    query = {"archived": "true"} if archived else None
    return send_json("POST", f"{path}/batch/read", body, query=query, repeatable=True)


def read_answer(asked: Sequence[str], response: Response, wanted: Properties, *, gone: bool = False) -> Read:
    """The answer to `read_request`.

    An id that a merge absorbed comes back under the survivor's id, without an error. It is told apart from a missing
    one by the survivor's list of absorbed ids, or by being the only one unaccounted for. Ids that are neither shown
    nor reported missing are left out of both lists: silence is no deletion.
    """
    body, items = results(response, 200, 207)
    records: dict[str, Record] = {}
    complaints: list[Complaint] = []
    emails: dict[str, str] = {}
    for item in items:
        read, bad = record(item, wanted, gone=gone)
        records[read.id] = read
        complaints.extend(bad)
        for address in addresses(item):
            emails[address] = read.id
    missing = _missing(asked, body, {*records, *emails, *(a for r in records.values() for a in r.aliases)})
    _pair_merged(asked, records, {*missing, *emails})
    return Read(tuple(records.values()), missing, tuple(complaints), emails)


def addresses(item: Mapping[str, Any]) -> tuple[str, ...]:
    """The addresses an object shows, lower case, the primary one first."""
    properties = item.get("properties")
    if not isinstance(properties, dict):
        return ()
    primary, more = properties.get("email"), properties.get("hs_additional_emails")
    texts_ = [primary] if isinstance(primary, str) else []
    texts_ += more.split(";") if isinstance(more, str) else []
    return tuple(dict.fromkeys(text.strip().lower() for text in texts_ if text.strip()))


def _missing(asked: Sequence[str], body: Mapping[str, Any], shown: set[str]) -> tuple[str, ...]:
    wanted = {value.lower(): value for value in asked}
    errors = body.get("errors")
    not_found = [
        error
        for error in (errors if isinstance(errors, list) else ())
        if isinstance(error, dict) and error.get("category") == "OBJECT_NOT_FOUND"
    ]
    named: dict[str, None] = {}
    for error in not_found:
        context = error.get("context")
        for value in texts(context.get("ids")) if isinstance(context, dict) else ():
            if value.lower() in wanted:
                named[wanted[value.lower()]] = None
    if not named and not_found and body.get("numErrors") == len(asked) - len(shown & set(wanted)):
        return tuple(value for value in asked if value.lower() not in shown)
    return tuple(named)


def _pair_merged(asked: Sequence[str], records: dict[str, Record], accounted: set[str]) -> None:
    known = accounted | set(records) | {alias for found in records.values() for alias in found.aliases}
    silent = [value for value in dict.fromkeys(asked) if value not in known and ID.fullmatch(value)]
    strangers = [key for key, found in records.items() if key not in asked and not set(found.aliases) & set(asked)]
    if len(silent) == 1 and len(strangers) == 1:
        found = records[strangers[0]]
        records[strangers[0]] = Record(
            found.id, found.raw, found.modified_at, found.gone, found.merged_into, (*found.aliases, silent[0])
        )
