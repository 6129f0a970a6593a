"""sObject Collections: up to 200 records a request, answered 200 with a result each, in order, also when all failed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeAlias

from connectors.salesforce.ids import is_id
from connectors.salesforce.sandbox.org import Org
from connectors.salesforce.sandbox.schema import SCHEMA, SObject
from connectors.salesforce.sandbox.select import sobject_of
from connectors.salesforce.sandbox.single import external, shown_columns
from connectors.salesforce.sandbox.values import Refusal, Unparsable
from connectors.salesforce.sandbox.wire import Call, Reply, fields_of

MAX = 200
READ_MAX = 2000
Act: TypeAlias = Callable[[], dict[str, Any]]
ROLLED_BACK = {
    "statusCode": "ALL_OR_NONE_OPERATION_ROLLED_BACK",
    "message": "Record rolled back because not all records were valid and the request was using AllOrNone header",
    "fields": [],
}


class Collections:
    """Resources under `/composite/sobjects`."""

    def __init__(self, org: Org) -> None:
        self._org = org

    def create(self, call: Call) -> Reply:
        body = call.json()
        acts: list[Act] = []
        for record in self._records(body):
            sobject, fields = self._typed(record)
            acts.append(partial(self._create, sobject, fields, call))
        return self._run(acts, all_or_none=body.get("allOrNone") is True)

    def _create(self, sobject: SObject, fields: Mapping[str, Any], call: Call) -> dict[str, Any]:
        return {"id": self._org.insert(sobject, fields, duplicates=call.duplicates)}

    def update(self, call: Call) -> Reply:
        body = call.json()
        acts: list[Act] = []
        for record in self._records(body):
            sobject, fields = self._typed(record)
            id_ = fields.pop("id", None) or fields.pop("Id", None)
            acts.append(partial(self._update, sobject, id_, fields))
        return self._run(acts, all_or_none=body.get("allOrNone") is True)

    def _update(self, sobject: SObject, id_: Any, fields: Mapping[str, Any]) -> dict[str, Any]:
        if not isinstance(id_, str) or not id_:
            raise Refusal("MISSING_ARGUMENT", "Id not specified in an update call", ("Id",))
        return {"id": self._org.update(sobject, id_, fields)}

    def upsert(self, call: Call) -> Reply:
        body = call.json()
        sobject, column = call.sobject, external(call.sobject, call.params["field"])
        acts: list[Act] = []
        values: list[str] = []
        for record in self._records(body):
            kind, fields = self._typed(record)
            if kind is not sobject or "id" in fields or "Id" in fields:
                raise Refusal("INVALID_INPUT", f"records must be of type {sobject.name} and carry no id")
            value = next((fields.pop(k) for k in list(fields) if k.lower() == column.name.lower()), None)
            values.append(str(value).casefold())
            acts.append(partial(self._upsert, column.name, value, fields, values, call))
        return self._run(acts, all_or_none=body.get("allOrNone") is True)

    def _upsert(
        self, name: str, value: Any, fields: Mapping[str, Any], values: Sequence[str], call: Call
    ) -> dict[str, Any]:
        if value in (None, ""):
            raise Refusal("MISSING_ARGUMENT", f"{name} not specified", (name,))
        if values.count(str(value).casefold()) > 1:
            raise Refusal("DUPLICATE_VALUE", f"Duplicate external id specified: {value}", (name,))
        column = external(call.sobject, name)
        id_, created = self._org.upsert(call.sobject, column, value, fields, duplicates=call.duplicates)
        return {"id": id_, "created": created}

    def delete(self, call: Call) -> Reply:
        ids = [i for i in call.query.get("ids", "").split(",") if i]
        _few(ids, MAX)
        return self._run(
            [partial(self._delete, id_) for id_ in ids],
            all_or_none=call.query.get("allOrNone", "").lower() == "true",
        )

    def _delete(self, id_: str) -> dict[str, Any]:
        if not is_id(id_):
            raise Refusal("MALFORMED_ID", f"bad id {id_}", ("Id",))
        kind = next((o for o in SCHEMA.values() if o.prefix == id_[:3] and o.writable), None)
        if kind is None:
            raise Refusal("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
        return {"id": self._org.delete(kind, id_)}

    def retrieve(self, call: Call) -> Reply:
        """Rows by id with plain columns; null for what is deleted, unknown or of another object."""
        body: Mapping[str, Any] = call.json() if call.body else _listed(call.query)
        ids, fields = body.get("ids"), body.get("fields")
        if not isinstance(ids, list) or not isinstance(fields, list) or not fields:
            raise Refusal("MISSING_ARGUMENT", "ids and fields must be specified")
        _few(ids, READ_MAX)
        selection = shown_columns(self._org, call, tuple(str(f) for f in fields))
        rows = [self._org.find(call.sobject, i) if isinstance(i, str) else None for i in ids]
        return Reply(body=[None if r is None or r.get("IsDeleted") else selection.shown(r) for r in rows])

    def _records(self, body: Mapping[str, Any]) -> list[dict[str, Any]]:
        records = body.get("records")
        if not isinstance(records, list) or not all(isinstance(r, dict) for r in records):
            raise Unparsable("Cannot deserialize instance of records: a list of sObjects is expected")
        _few(records, MAX)
        return records

    def _typed(self, record: Mapping[str, Any]) -> tuple[SObject, dict[str, Any]]:
        attributes = record.get("attributes")
        kind = attributes.get("type") if isinstance(attributes, dict) else None
        if not isinstance(kind, str):
            raise Refusal("INVALID_TYPE", "attributes.type must be specified on every record")
        sobject, fields = sobject_of(kind), fields_of(record)
        self._org.parse(sobject, fields)
        return sobject, fields

    def _run(self, acts: Sequence[Act], *, all_or_none: bool) -> Reply:
        before = self._org.copy() if all_or_none else {}
        results: list[dict[str, Any]] = []
        for act in acts:
            try:
                done = act()
                results.append({"id": done.pop("id"), "success": True, "errors": [], **done})
            except Refusal as refusal:
                results.append({"success": False, "errors": [refusal.in_collection()]})
        if all_or_none and not all(r["success"] for r in results):
            self._org.tables = before
            results = [{"success": False, "errors": [ROLLED_BACK]} if r["success"] else r for r in results]
        return Reply(body=results)


def _few(items: Sequence[Any], most: int) -> None:
    if not items:
        raise Refusal("MISSING_ARGUMENT", "no records were specified")
    if len(items) > most:
        message = f"record limit reached. cannot submit more than {most} records in this call"
        raise Refusal("EXCEEDED_ID_LIMIT", message)


def _listed(query: Mapping[str, str]) -> dict[str, Any]:
    return {name: query[name].split(",") for name in ("ids", "fields") if query.get(name)}
