"""The org's tables and what may be done to them: create, change, delete, undelete, merge, convert.

Every change sets SystemModstamp to the whole second, also one that changes nothing, as Salesforce does. A deleted row
stays in the recycle bin for 15 days.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.salesforce.ids import is_id, long_id
from connectors.salesforce.sandbox.schema import SCHEMA, Column, SObject
from connectors.salesforce.sandbox.values import Refusal, checked, parsed

BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
BIN = timedelta(days=15)
Row = dict[str, Any]


class Org:
    """One org. `lock` guards everything; callers on other threads take it.

    Dials for tests: `commit_delay` (rows created show that much later than their stamp says), `locked` (ids whose
    updates meet UNABLE_TO_LOCK_ROW), `duplicate_rule` (refuses a second person with an e-mail). `alter` changes what
    columns there are.
    """

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.clock = clock
        self.lock = threading.RLock()
        self.tables: dict[str, dict[str, Row]] = {name: {} for name in SCHEMA}
        self.commit_delay = timedelta(0)
        self.locked: set[str] = set()
        self.duplicate_rule = False
        self._altered: dict[tuple[str, str], Column | None] = {}
        self.user_id = ""
        self._counts = dict.fromkeys(SCHEMA, 0)

    def now(self) -> datetime:
        """The second it is."""
        return self.clock().astimezone(UTC).replace(microsecond=0)

    def alter(self, sobject: SObject, name: str, **how: Any) -> None:
        """An administrator changes a column; with `gone=True` deletes it, or hides it from the hub's user: the API
        shows both alike. What the rows hold stays, as it does for 15 days after a field was deleted. `gone=False`
        undoes every change. KeyError for a column that never was."""
        key = (sobject.name.lower(), name.lower())
        column = self._altered.pop(key, None) or sobject.columns[name.lower()]
        if how.pop("gone", None) is True:
            self._altered[key] = None
        elif how:
            self._altered[key] = replace(column, **how)

    def column(self, sobject: SObject, name: str) -> Column | None:
        """The column as it is now; None when there is none."""
        column = sobject.column(name)
        return self._altered.get((sobject.name.lower(), name.lower()), column)

    def columns(self, sobject: SObject) -> list[Column]:
        """The object's columns as they are now, in describe's order."""
        return [c for name in sobject.columns if (c := self.column(sobject, name)) is not None]

    def rows(self, sobject: SObject, *, deleted: bool) -> Iterator[Row]:
        """Visible rows by id; with `deleted` also those in the recycle bin."""
        now = self.clock()
        for row in self.tables[sobject.name.lower()].values():
            if row["_visible"] > now:
                continue
            if row.get("IsDeleted") and (not deleted or row["_deleted_at"] + BIN < now):
                continue
            yield row

    def find(self, sobject: SObject, id_: str) -> Row | None:
        """The row of an id of either form, deleted or not."""
        row = self.tables[sobject.name.lower()].get(id_[:15]) if is_id(id_) else None
        return row if row is not None and (len(id_) == 15 or row["Id"] == id_) else None

    def live(self, sobject: SObject, id_: str) -> Row:
        """The row of an id that may be changed. Raises `Refusal`."""
        if not is_id(id_):
            raise Refusal("MALFORMED_ID", f"{sobject.label} ID: id value of incorrect type: {id_}", ("Id",))
        row = self.find(sobject, id_)
        if row is None:
            raise Refusal("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", status=404)
        if row.get("IsDeleted"):
            raise Refusal("ENTITY_IS_DELETED", "entity is deleted", status=404)
        return row

    def insert(self, sobject: SObject, fields: Mapping[str, Any], *, duplicates: bool = False) -> str:
        """The id of a new row. `duplicates` waves the duplicate rule aside."""
        values = self._values(sobject, fields, "create")
        missing = [c.name for c in sobject.columns.values() if c.required and values.get(c.name) is None]
        if missing:
            message = f"Required fields are missing: [{', '.join(missing)}]"
            raise Refusal("REQUIRED_FIELD_MISSING", message, tuple(missing))
        self._unique(sobject, values, "")
        if self.duplicate_rule and not duplicates:
            self._refuse_duplicate(sobject, values)
        return self._add(sobject, values)

    def _add(self, sobject: SObject, values: Mapping[str, Any]) -> str:
        now = self.now()
        row: Row = {c.name: self._default(c) for c in sobject.columns.values()}
        row.update(values)
        row["Id"] = self._new_id(sobject)
        for name in ("CreatedDate", "LastModifiedDate", "SystemModstamp"):
            row[name] = now
        row["CreatedById"] = row["LastModifiedById"] = self.user_id
        row["_visible"] = now + self.commit_delay if self.commit_delay else datetime.min.replace(tzinfo=UTC)
        self._derive(row)
        self.tables[sobject.name.lower()][row["Id"][:15]] = row
        return str(row["Id"])

    def plant(self, sobject: SObject, values: Mapping[str, Any], created: datetime, modified: datetime) -> str:
        """A row that has been there for a while, past every rule."""
        id_ = self._add(sobject, values)
        row = self.tables[sobject.name.lower()][id_[:15]]
        row["CreatedDate"] = created.astimezone(UTC).replace(microsecond=0)
        row["SystemModstamp"] = row["LastModifiedDate"] = modified.astimezone(UTC).replace(microsecond=0)
        return id_

    def update(self, sobject: SObject, id_: str, fields: Mapping[str, Any]) -> str:
        """Changes a row; its 18-character id."""
        values = self._values(sobject, fields, "update")
        row = self.live(sobject, id_)
        if row.get("IsConverted"):
            raise Refusal("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead")
        if row["Id"] in self.locked:
            held = f"unable to obtain exclusive access to this record or 1 records: {row['Id']}"
            raise Refusal("UNABLE_TO_LOCK_ROW", held)
        self._unique(sobject, values, row["Id"])
        row.update(values)
        self._derive(row)
        self._touch(row)
        return str(row["Id"])

    def upsert(
        self, sobject: SObject, column: Column, value: Any, fields: Mapping[str, Any], *, duplicates: bool = False
    ) -> tuple[str, bool]:
        """(id, created) of the row that holds the external id. Raises `Refusal` with status 300 for several."""
        held = [r for r in self.rows(sobject, deleted=False) if _same(r.get(column.name), value)]
        if len(held) > 1:
            message = f"{column.name}: more than one record found for external id field: [{len(held)}]"
            raise Refusal("DUPLICATE_EXTERNAL_ID", message, (column.name,), status=300)
        if held:
            return self.update(sobject, held[0]["Id"], fields), False
        return self.insert(sobject, {**fields, column.name: value}, duplicates=duplicates), True

    def delete(self, sobject: SObject, id_: str, master: str | None = None) -> str:
        """Puts a row into the recycle bin; its 18-character id."""
        row = self.live(sobject, id_)
        row["IsDeleted"] = True
        row["_deleted_at"] = self.clock()
        if master is not None:
            row["MasterRecordId"] = master
        self._touch(row)
        return str(row["Id"])

    def undelete(self, sobject: SObject, id_: str) -> None:
        """Takes a row out of the recycle bin."""
        row = self.find(sobject, id_)
        if row is None or not row.get("IsDeleted"):
            raise Refusal("UNDELETE_FAILED", "Entity is not in the recycle bin")
        row["IsDeleted"] = False
        row.pop("_deleted_at", None)
        self._touch(row)

    def merge(self, sobject: SObject, master: str, losers: Sequence[str]) -> str:
        """The master keeps its id and its values; the losers go to the bin and name it. At most three records."""
        if len(losers) not in (1, 2):
            raise Refusal("INVALID_ARGUMENT", "a merge takes two or three records")
        row = self.live(sobject, master)
        for loser in losers:
            self.live(sobject, loser)
        for loser in losers:
            self.delete(sobject, loser, master=row["Id"])
        self._touch(row)
        return str(row["Id"])

    def convert(self, lead_id: str) -> str:
        """Turns a lead into a contact of an account; the contact's id. The lead stays, read-only."""
        lead = self.live(SCHEMA["lead"], lead_id)
        if lead["IsConverted"]:
            raise Refusal("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead")
        account = self._add(SCHEMA["account"], {"Name": lead["Company"], "OwnerId": lead["OwnerId"]})
        same = ("LastName", "FirstName", "Email", "Phone", "MobilePhone", "Title", "OwnerId", "HasOptedOutOfEmail")
        values = {name: lead[name] for name in (*same, "DoNotCall")}
        values.update({f"Mailing{n}": lead[n] for n in ("Street", "City", "State", "PostalCode", "Country")})
        contact = self._add(SCHEMA["contact"], {**values, "AccountId": account})
        lead.update(
            IsConverted=True,
            Status="Closed - Converted",
            ConvertedDate=self.now().date(),
            ConvertedAccountId=account,
            ConvertedContactId=contact,
        )
        self._touch(lead)
        return contact

    def parse(self, sobject: SObject, fields: Mapping[str, Any]) -> None:
        """Raises `Unparsable` when a value has the wrong JSON type: that costs the whole request."""
        for name, value in fields.items():
            if (column := self.column(sobject, name)) is not None:
                parsed(column, value)

    def copy(self) -> dict[str, dict[str, Row]]:
        """All tables as they are, to go back to."""
        return {name: {id_: dict(row) for id_, row in table.items()} for name, table in self.tables.items()}

    def _values(self, sobject: SObject, fields: Mapping[str, Any], act: str) -> Row:
        """The values to keep, by the columns' own names. Raises `Refusal` or `Unparsable`."""
        columns: list[tuple[Column, Any]] = []
        for name, value in fields.items():
            column = self.column(sobject, name)
            if column is None:
                raise Refusal("INVALID_FIELD", f"No such column '{name}' on sobject of type {sobject.name}")
            columns.append((column, parsed(column, value)))
        barred = [c.name for c, _ in columns if not (c.create if act == "create" else c.update)]
        if barred:
            message = (
                f"Unable to create/update fields: {', '.join(barred)}. Please check the security settings of this "
                "field and verify that it is read/write for your profile or permission set."
            )
            raise Refusal("INVALID_FIELD_FOR_INSERT_UPDATE", message, tuple(barred))
        values = {column.name: checked(column, value) for column, value in columns}
        for column, _ in columns:
            self._refers(column, values[column.name])
        return values

    def _refers(self, column: Column, id_: Any) -> None:
        if column.type != "reference" or id_ is None:
            return
        targets = [SCHEMA[t.lower()] for t in column.refers if t.lower() in SCHEMA]
        rows = [row for t in targets if (row := self.find(t, id_)) is not None and not row.get("IsDeleted")]
        if not rows:
            raise Refusal("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", (column.name,))

    def _unique(self, sobject: SObject, values: Mapping[str, Any], own: str) -> None:
        for column in sobject.columns.values():
            value = values.get(column.name)
            if not column.unique or value is None:
                continue
            for row in self.rows(sobject, deleted=False):
                if row["Id"] != own and _same(row.get(column.name), value):
                    held = f"duplicate value found: {column.name} duplicates value on record with id: {row['Id'][:15]}"
                    raise Refusal("DUPLICATE_VALUE", held)

    def _refuse_duplicate(self, sobject: SObject, values: Mapping[str, Any]) -> None:
        email = values.get("Email")
        like = [r for r in self.rows(sobject, deleted=False) if email and r.get("Email") == email]
        if not like:
            return
        refusal = Refusal("DUPLICATES_DETECTED", "Use one of these records?")
        records = [
            {
                "additionalInformation": [],
                "fieldDiffs": [],
                "matchConfidence": 100.0,
                "record": {"attributes": {"type": sobject.name}, "Id": r["Id"]},
            }
            for r in like
        ]
        refusal.extra["duplicateResult"] = {
            "allowSave": True,
            "duplicateRule": f"Standard_{sobject.name}_Duplicate_Rule",
            "duplicateRuleEntityType": sobject.name,
            "errorMessage": "Use one of these records?",
            "matchResults": [
                {
                    "entityType": sobject.name,
                    "errors": [],
                    "matchEngine": "ExactMatchEngine",
                    "matchRecords": records,
                    "rule": f"Standard_{sobject.name}_Match_Rule",
                    "size": len(records),
                    "success": True,
                }
            ],
        }
        raise refusal

    def _touch(self, row: Row) -> None:
        row["SystemModstamp"] = row["LastModifiedDate"] = self.now()
        row["LastModifiedById"] = self.user_id

    def _default(self, column: Column) -> Any:
        return self.user_id if column.name == "OwnerId" else column.default

    @staticmethod
    def _derive(row: Row) -> None:
        if "FirstName" in row and "LastName" in row:
            row["Name"] = " ".join(p for p in (row["FirstName"], row["LastName"]) if p)
        if "EmailBouncedDate" in row:
            row["IsEmailBounced"] = row["EmailBouncedDate"] is not None

    def _new_id(self, sobject: SObject) -> str:
        count = self._counts[sobject.name.lower()] = self._counts[sobject.name.lower()] + 1
        digits = ""
        for _ in range(7):
            count, rest = divmod(count, 62)
            digits = BASE62[rest] + digits
        return long_id(f"{sobject.prefix}Ho000{digits}")


def _same(held: Any, value: Any) -> bool:
    """Unique texts are compared without regard to case."""
    return str(held).casefold() == str(value).strip().casefold() if held is not None else False
