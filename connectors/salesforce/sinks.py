"""Writing an sObject by sObject Collections: up to 200 records a request, one result each, in order.

A well-formed request is answered 200 even when every record failed (Salesforce's REST API guide, "Execute multiple
requests with sObject Collections"). Answers show ids and errors, never the record: the writer reads it back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.salesforce import soql
from connectors.salesforce.faults import refusal
from connectors.salesforce.ids import is_id, long_id
from connectors.salesforce.records import record, rows
from connectors.salesforce.settings import Settings
from connectors.salesforce.shapes import SHAPES, Shape
from hub.domain.keys import Key
from hub.domain.observation import Record
from hub.domain.outcome import Fault, FaultKind, Outcome, Status
from hub.domain.plan import Op, Write
from hub.sdk.http import ContractBroken, Request, Response, get, send_json
from hub.sdk.sinks import Found, default_group

EMAIL_MAX = 80
"""Characters an Email field holds: a longer address is nowhere in Salesforce."""


class SObjectSink:
    """One writable sObject of one org.

    Looks go by SOQL and not by the collection's retrieve: it shows parents (`Owner.Email`), and `queryAll` tells a
    merged record (`MasterRecordId`) from a deleted one, where retrieve answers null for both.
    """

    batch_max = 200
    look_max = 100
    """As many ids, or addresses of the usual length, as the URI of one query holds."""
    upserts_by_key = False
    """Also with an external id field: that finds what the hub made, not what a person made meanwhile."""
    shows_record = False

    def __init__(self, shape: Shape, settings: Settings, fields: Sequence[str]) -> None:
        self.name = shape.stream
        self._shape = shape
        self._settings = settings
        self._fields = tuple(fields)
        self._select = soql.select(shape.sobject, shape.columns(fields, settings.absent))

    def read(self, ids: Sequence[str]) -> Request:
        known = [i for i in ids if is_id(i)]
        where = f"Id IN {soql.texts(known)}" if known else "Id = null"
        return soql.query(self._settings.data, f"{self._select} WHERE {where}", deleted=True)

    def lookup(self, keys: Sequence[Key]) -> Request:
        """Live records by key. The key of a role mailbox is `address|full name`: the address is asked for and the
        caller, who knows how names compare, picks among the records. ValueError for a kind that is in no column."""
        columns = dict(self._shape.lookups)
        wanted: dict[str, list[str]] = {}
        for key in keys:
            if key.kind not in columns:
                known = ", ".join(sorted(columns))
                raise ValueError(f"{self._shape.sobject} records are found by {known}, not by {key.kind}")
            value = _searched(key)
            if key.kind != "email" or len(value) <= EMAIL_MAX:
                wanted.setdefault(columns[key.kind], []).append(value)
        parts = [f"{column} IN {soql.texts(values)}" for column, values in wanted.items()]
        where = f"({' OR '.join(parts)})" if len(parts) > 1 else (parts[0] if parts else "Id = null")
        if self._shape.stream == "leads":
            where += " AND IsConverted = false"
        return soql.query(self._settings.data, f"{self._select} WHERE {where} ORDER BY Id", deleted=False)

    def found(self, asked: Sequence[str], response: Response) -> Found:
        """A look that needs several answers (an address that thousands of records share) goes on by Salesforce's own
        locator; its single answers can't tell what is missing, so they name nothing."""
        answer = rows(response)
        if not answer.done and not answer.next_path:
            raise ContractBroken("a query answer says there is more and does not say where")
        records: list[Record] = []
        for row in answer.rows:
            item = record(self._shape, row, self._fields, self._settings.currency)
            if not isinstance(item, Record):
                raise ContractBroken(f"a look at {self._shape.sobject} showed a row without a readable Id")
            records.append(item)
        shown_rows = list(zip(records, answer.rows, strict=True))
        if not answer.done:
            return Found(tuple(records), next=get(answer.next_path))
        if answer.total is not None and answer.total > len(shown_rows):
            return Found(tuple(records))
        missing = tuple(a for a in asked if not any(self._answers(a, r, row) for r, row in shown_rows))
        return Found(tuple(records), missing)

    def _answers(self, asked: str, shown: Record, row: Mapping[str, Any]) -> bool:
        """Whether a record is what was asked for, by id or by the text of a key."""
        if is_id(asked):
            return long_id(asked) == shown.id
        key = Key.parse(asked)
        column = dict(self._shape.lookups).get(key.kind)
        return column is not None and _folded(row.get(column)) == _folded(_searched(key)) != ""

    def group(self, write: Write) -> str:
        kind = "/upsert" if self._by_external_id(write) else ""
        return default_group(write) + kind

    def _by_external_id(self, write: Write) -> bool:
        return write.op is Op.CREATE and bool(self._settings.external_id_field and write.entity_id)

    def request(self, batch: Sequence[Write]) -> Request:
        root = f"{self._settings.data}/composite/sobjects"
        op = batch[0].op
        if op is Op.REMOVE:
            ids = ",".join(str(w.remote_id) for w in batch)
            return Request("DELETE", root, (("ids", ids), ("allOrNone", "false")), repeatable=True)
        external = self._settings.external_id_field if self._by_external_id(batch[0]) else ""
        body = {"allOrNone": False, "records": [self._sobject(w, external) for w in batch]}
        if external:
            path = f"{root}/{self._shape.sobject}/{external}"
            return send_json("PATCH", path, body, repeatable=True)
        return send_json("POST" if op is Op.CREATE else "PATCH", root, body)

    def _sobject(self, write: Write, external: str) -> dict[str, Any]:
        out: dict[str, Any] = {"attributes": {"type": self._shape.sobject}}
        if write.op is Op.UPDATE:
            out["id"] = write.remote_id
        for path, value in write.payload.items():
            *parents, leaf = path.split(".")
            at = out
            for parent in parents:
                at = at.setdefault(parent, {})
            at[leaf] = value
        if external:
            out[external] = write.entity_id
        return out

    def outcomes(self, batch: Sequence[Write], response: Response) -> Sequence[Outcome]:
        if not response.ok:
            return self._refused_whole(batch, response)
        body = response.json()
        if not isinstance(body, list) or len(body) != len(batch):
            count = len(body) if isinstance(body, list) else "no list of"
            raise ContractBroken(f"{len(batch)} records were sent and {count} results came back")
        return [_outcome(write, item) for write, item in zip(batch, body, strict=True)]

    def _refused_whole(self, batch: Sequence[Write], response: Response) -> Sequence[Outcome]:
        """400 of a whole collection: malformed for Salesforce, which does not say by which record."""
        errors = response.json_or_none()
        if not isinstance(errors, list) or not errors:
            raise ContractBroken(f"HTTP {response.status} without Salesforce's list of errors")
        if len(batch) > 1:
            fault = Fault(FaultKind.SPLIT, "400", "Salesforce refused the whole request: its halves are tried")
            return [Outcome(Status.SPLIT, fault=fault) for _ in batch]
        return [refusal(batch[0], errors)]

    def supports(self, op: Op, part: str) -> bool:
        return part == "" and op in self._shape.ops


def _searched(key: Key) -> str:
    """What to look for in the key's column: of an e-mail key the address, without the name behind it."""
    if key.kind != "email":
        return key.value
    local, at, rest = key.value.partition("@")
    return local + at + rest.partition("|")[0]


def _folded(value: Any) -> str:
    return " ".join(value.split()).casefold() if isinstance(value, str) else ""


def _outcome(write: Write, item: Any) -> Outcome:
    if not isinstance(item, dict) or not isinstance(item.get("success"), bool):
        raise ContractBroken("a result of a collection must be an object with `success`")
    if not item["success"]:
        errors = item.get("errors")
        return refusal(write, errors if isinstance(errors, list) else [])
    id_ = item.get("id")
    if not isinstance(id_, str) or not is_id(id_):
        raise ContractBroken("a successful result of a collection must have an `id`")
    return Outcome(Status.APPLIED, remote_id=long_id(id_))


def sink(name: str, settings: Settings, fields: Sequence[str]) -> SObjectSink:
    """The sink of that name. KeyError when there is none."""
    return SObjectSink(SHAPES[name], settings, fields)
