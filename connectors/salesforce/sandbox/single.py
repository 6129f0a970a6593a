"""The resources of one record and of one object: create, read, change, delete, upsert, describe, deleted, updated."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.salesforce.sandbox.org import Org, Row
from connectors.salesforce.sandbox.schema import SCHEMA, Column, SObject, described
from connectors.salesforce.sandbox.select import Selection
from connectors.salesforce.sandbox.soql import Query
from connectors.salesforce.sandbox.values import Refusal, shown
from connectors.salesforce.sandbox.wire import Call, Reply, fields_of, not_found

LOG_KEPT = {"deleted": timedelta(days=15), "updated": timedelta(days=30)}
CHANGED = "Mon, 05 Jan 2026 09:00:00 GMT"


class Single:
    """Resources under `/sobjects`."""

    def __init__(self, org: Org) -> None:
        self._org = org

    def listing(self, call: Call) -> Reply:
        sobjects = [_summary(o, call.version) for o in SCHEMA.values()]
        return Reply(body={"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": sobjects})

    def about(self, call: Call) -> Reply:
        return Reply(body={"objectDescribe": _summary(call.sobject, call.version), "recentItems": []})

    def describe(self, call: Call) -> Reply:
        if call.headers.get("if-modified-since") == CHANGED:
            return Reply(304)
        sobject = call.sobject
        body = {
            **_summary(sobject, call.version),
            "fields": [described(c) for c in self._org.columns(sobject)],
            "childRelationships": [],
            "recordTypeInfos": [],
        }
        return Reply(body=body, headers={"Last-Modified": CHANGED})

    def create(self, call: Call) -> Reply:
        sobject = _writable(call)
        id_ = self._org.insert(sobject, fields_of(call.json()), duplicates=call.duplicates)
        location = f"/services/data/{call.version}/sobjects/{sobject.name}/{id_}"
        return Reply(201, {"id": id_, "success": True, "errors": []}, {"Location": location})

    def read(self, call: Call) -> Reply:
        return Reply(body=self._shown(call, self._row(call.sobject, call.params["id"])))

    def change(self, call: Call) -> Reply:
        sobject = _writable(call)
        row = self._row(sobject, call.params["id"])
        self._org.update(sobject, row["Id"], fields_of(call.json()))
        return Reply(204)

    def delete(self, call: Call) -> Reply:
        sobject = _writable(call)
        self._org.delete(sobject, self._row(sobject, call.params["id"])["Id"])
        return Reply(204)

    def read_external(self, call: Call) -> Reply:
        return Reply(body=self._shown(call, self._held(call)))

    def upsert(self, call: Call) -> Reply:
        sobject, column = _writable(call), external(call.sobject, call.params["field"])
        if call.query.get("updateOnly") == "true":
            self._held(call)
        fields = fields_of(call.json())
        if column.name in fields:
            message = f"The {column.name} field should not be specified in the sobject data."
            raise Refusal("INVALID_FIELD", message, (column.name,))
        id_, created = self._org.upsert(sobject, column, call.params["value"], fields, duplicates=call.duplicates)
        body = {"id": id_, "success": True, "errors": [], "created": created}
        return Reply(201 if created else 200, body)

    def delete_external(self, call: Call) -> Reply:
        self._org.delete(_writable(call), self._held(call)["Id"])
        return Reply(204)

    def deleted(self, call: Call) -> Reply:
        start, end = self._window(call, "deleted")
        found = [
            {"deletedDate": shown(row["_deleted_at"]), "id": row["Id"]}
            for row in self._org.rows(call.sobject, deleted=True)
            if row.get("IsDeleted") and start <= row["_deleted_at"] < end
        ]
        earliest = shown(self._org.now() - LOG_KEPT["deleted"])
        covered = shown(min(end, self._org.now()))
        return Reply(body={"deletedRecords": found, "earliestDateAvailable": earliest, "latestDateCovered": covered})

    def updated(self, call: Call) -> Reply:
        start, end = self._window(call, "updated")
        rows = self._org.rows(call.sobject, deleted=False)
        ids = [row["Id"] for row in rows if start <= row["LastModifiedDate"] < end]
        return Reply(body={"ids": ids, "latestDateCovered": shown(min(end, self._org.now()))})

    def _window(self, call: Call, log: str) -> tuple[datetime, datetime]:
        try:
            start, end = (_moment(call.query[name]) for name in ("start", "end"))
        except (KeyError, ValueError) as error:
            raise Refusal("INVALID_REPLICATION_DATE", "start and end must be ISO 8601 date times") from error
        if end - start < timedelta(minutes=1):
            raise Refusal("INVALID_REPLICATION_DATE", "startDate must be at least one minute before endDate")
        if start < self._org.now() - LOG_KEPT[log]:
            raise Refusal("INVALID_REPLICATION_DATE", f"startDate is more than {LOG_KEPT[log].days} days ago")
        return start, end

    def _row(self, sobject: SObject, id_: str) -> Row:
        """A live row by either form of id. Raises `Refusal` with the statuses of a single record."""
        row = self._org.find(sobject, id_)
        if row is None:
            raise not_found(f"Provided external ID field does not exist or is not accessible: {id_}")
        if row.get("IsDeleted"):
            raise Refusal("ENTITY_IS_DELETED", "entity is deleted", status=404)
        return row

    def _held(self, call: Call) -> Row:
        """The live row that holds the external id in the path."""
        column = external(call.sobject, call.params["field"])
        wanted = call.params["value"].casefold()
        for row in self._org.rows(call.sobject, deleted=False):
            if str(row.get(column.name) or "").casefold() == wanted:
                return row
        raise not_found()

    def _shown(self, call: Call, row: Row) -> dict[str, Any]:
        asked = call.query.get("fields", "")
        paths = (
            tuple(p.strip() for p in asked.split(","))
            if asked
            else tuple(c.name for c in self._org.columns(call.sobject))
        )
        return shown_columns(self._org, call, paths).shown(row)


def shown_columns(org: Org, call: Call, paths: tuple[str, ...]) -> Selection:
    """Shows rows with plain columns: parents cannot be asked for here. Raises `Refusal` INVALID_FIELD."""
    if bad := next((p for p in paths if "." in p), None):
        raise Refusal("INVALID_FIELD", f"No such column '{bad}' on sobject of type {call.sobject.name}")
    return Selection(org, Query(paths, call.sobject.name, None, (), 0, 0), deleted=False, version=call.version)


def external(sobject: SObject, name: str) -> Column:
    """The external id column of that name. Raises `Refusal` NOT_FOUND."""
    column = sobject.column(name)
    if column is None or not column.external:
        raise not_found(f"Provided external ID field does not exist or is not accessible: {name}")
    return column


def _writable(call: Call) -> SObject:
    if not call.sobject.writable:
        raise Refusal("INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id", status=403)
    return call.sobject


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text.replace(" ", "+"))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _summary(sobject: SObject, version: str) -> Mapping[str, Any]:
    root = f"/services/data/{version}/sobjects/{sobject.name}"
    urls = {"sobject": root, "describe": f"{root}/describe", "rowTemplate": f"{root}/{{ID}}"}
    return {
        "name": sobject.name,
        "label": sobject.label,
        "labelPlural": f"{sobject.label}s",
        "keyPrefix": sobject.prefix,
        "custom": False,
        "queryable": True,
        "retrieveable": True,
        "createable": sobject.writable,
        "updateable": sobject.writable,
        "deletable": sobject.writable,
        "mergeable": sobject.name in ("Account", "Contact", "Lead"),
        "replicateable": True,
        "urls": urls,
    }
