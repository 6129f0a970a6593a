"""What persons do in the org, past the API but not past its rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from connectors.salesforce.ids import long_id
from connectors.salesforce.sandbox.org import Org, Row
from connectors.salesforce.sandbox.schema import SObject
from connectors.salesforce.sandbox.select import Selection
from connectors.salesforce.sandbox.soql import Query
from connectors.salesforce.sandbox.values import Refusal, Unparsable

T = TypeVar("T")
PARENTS = {"Contact": ("Account.Name", "Owner.Email"), "Lead": ("Owner.Email",), "Campaign": ("Owner.Email",)}


class OrgPeople:
    """Persons who work with the rows of one object (contacts, leads)."""

    def __init__(self, org: Org, sobject: SObject) -> None:
        self._org = org
        self._sobject = sobject

    def ids(self) -> list[str]:
        """Ids of live records, oldest first; a converted lead is none."""
        with self._org.lock:
            rows = self._org.rows(self._sobject, deleted=False)
            return [row["Id"] for row in rows if not row.get("IsConverted")]

    def find(self, email: str) -> str | None:
        wanted = email.strip().casefold()
        with self._org.lock:
            for row in self._org.rows(self._sobject, deleted=False):
                if (row.get("Email") or "").casefold() == wanted and not row.get("IsConverted"):
                    return str(row["Id"])
        return None

    def get(self, remote_id: str) -> dict[str, Any] | None:
        with self._org.lock:
            row = self._org.find(self._sobject, remote_id)
            if row is None or row.get("IsDeleted") or row.get("IsConverted"):
                return None
            paths = (*(c.name for c in self._org.columns(self._sobject)), *PARENTS.get(self._sobject.name, ()))
            query = Query(paths, self._sobject.name, None, (), 0, 0)
            shown = Selection(self._org, query, deleted=False, version="v62.0").shown(row)
            return {k: _bare(v) for k, v in shown.items() if k != "attributes"}

    def create(self, fields: Mapping[str, Any]) -> str:
        with self._org.lock:
            return _screen(lambda: self._org.insert(self._sobject, fields, duplicates=True))

    def edit(self, remote_id: str, fields: Mapping[str, Any]) -> None:
        with self._org.lock:
            row = self._row(remote_id)
            _screen(lambda: self._org.update(self._sobject, row["Id"], fields))

    def delete(self, remote_id: str) -> None:
        with self._org.lock:
            self._org.delete(self._sobject, self._row(remote_id)["Id"])

    def undelete(self, remote_id: str) -> None:
        """Takes a record out of the recycle bin."""
        with self._org.lock:
            _screen(lambda: self._org.undelete(self._sobject, long_id(remote_id)))

    def merge(self, winner: str, loser: str) -> str:
        with self._org.lock:
            return self._org.merge(self._sobject, self._row(winner)["Id"], [self._row(loser)["Id"]])

    def opt_out(self, remote_id: str) -> None:
        self.edit(remote_id, {"HasOptedOutOfEmail": True})

    def convert(self, remote_id: str) -> str:
        """Converts a lead; the id of its contact."""
        with self._org.lock:
            return self._org.convert(self._row(remote_id)["Id"])

    def remove_field(self, name: str) -> None:
        """An administrator deletes a field, or takes it away from the hub's user. What the rows hold stays."""
        self.change_field(name, gone=True)

    def restore_field(self, name: str) -> None:
        """The field is as it was, with what the rows hold."""
        self.change_field(name, gone=False)

    def change_field(self, name: str, **how: Any) -> None:
        """An administrator changes a field: its type, its choices, who may write it."""
        with self._org.lock:
            self._org.alter(self._sobject, name, **how)

    def _row(self, remote_id: str) -> Row:
        row = self._org.find(self._sobject, remote_id)
        if row is None or row.get("IsDeleted"):
            raise KeyError(remote_id)
        return row


def _screen(act: Callable[[], T]) -> T:
    """A person meets the rules as a message on the screen."""
    try:
        return act()
    except Refusal as refusal:
        raise ValueError(f"{refusal.code}: {refusal.message}") from refusal
    except Unparsable as unparsable:
        raise ValueError(str(unparsable)) from unparsable


def _bare(value: Any) -> Any:
    return {k: v for k, v in value.items() if k != "attributes"} if isinstance(value, dict) else value
