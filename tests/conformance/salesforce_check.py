"""Checks exchanges against a table of Salesforce's standard objects: names, JSON types and whether null is possible, in
SOQL, in rows, in what is written, and in describes. Fields of the org's own (`__c`) are in no table."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from tests.conformance.descriptions import Violation
from tests.conformance.recording import Exchange

SOQL = re.compile(r"SELECT (?P<columns>.+?) FROM (?P<sobject>\w+)(?P<rest>.*)", re.IGNORECASE | re.DOTALL)
CONDITION = re.compile(r"\b(?:WHERE|AND|OR|ORDER BY|NOT)\s+\(*\s*([A-Za-z][\w.]*)", re.IGNORECASE)
MOMENT = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d\.\d{3}(\+0000|Z))?")
COMPOSITE = re.compile(r"/services/data/v[\d.]+/composite/sobjects(/\w+(/\w+)?)?")
DESCRIBE = re.compile(r"/services/data/v[\d.]+/sobjects/(\w+)/describe")
OF_THE_ORG = ("__c", "__r", "__pc", "__e")


class StandardObjects:
    def __init__(self, document: Mapping[str, Any]) -> None:
        self._objects: Mapping[str, Any] = document["objects"]
        self.covered: set[str] = set()
        """`query Contact`, `row Contact`, `write Lead`, `describe Campaign`: what was checked."""

    def check(self, exchange: Exchange) -> Iterator[Violation]:
        where = f"{exchange.method} {re.sub(r'v[0-9.]+', 'vXX.X', exchange.path, count=1)}"
        for pointer, said in self._departures(exchange):
            yield Violation("salesforce", where, pointer, said)

    def _departures(self, exchange: Exchange) -> Iterator[tuple[str, str]]:
        if exchange.status >= 300:
            return
        for name, value in exchange.query:
            if name == "q":
                yield from self._soql(value)
        describe = DESCRIBE.fullmatch(exchange.path)
        if describe:
            yield from self._describe(describe.group(1), exchange.answered())
        if COMPOSITE.fullmatch(exchange.path):
            yield from self._written(exchange.sent())
        yield from self._rows("response", exchange.answered())

    def _soql(self, query: str) -> Iterator[tuple[str, str]]:
        found = SOQL.fullmatch(unquote(query).strip())
        if not found:
            yield "query/q", f"is no SOQL that this check can read: {query[:60]}"
            return
        sobject = found["sobject"]
        self.covered.add(f"query {sobject}")
        names = [name.strip() for name in found["columns"].split(",")]
        names += [name for name in CONDITION.findall(found["rest"]) if name.lower() not in ("by", "not")]
        for name in names:
            said = self._path(sobject, name)
            if said:
                yield f"query/q/{name}", said

    def _path(self, sobject: str, name: str) -> str:
        """What is wrong with a column, also of a parent; "" when nothing is."""
        if sobject not in self._objects:
            return f"{sobject} is no standard object of the table"
        head, _, rest = name.partition(".")
        if head.endswith(OF_THE_ORG) or head.lower() == "count()":
            return ""
        if rest:
            parents = self._objects[sobject].get("parents", {}).get(head, ())
            wrong = [self._path(parent, rest) for parent in parents]
            return min(wrong, key=len) if wrong else f"{sobject} has no parent {head}"
        return "" if head in self._objects[sobject]["fields"] else f"{sobject} has no field {head}"

    def _describe(self, sobject: str, body: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        self.covered.add(f"describe {sobject}")
        known = self._objects.get(sobject, {}).get("fields", {})
        for field in body["fields"]:
            own = field["name"].endswith(OF_THE_ORG)
            if own is not bool(field["custom"]):
                yield f"response/fields/{field['name']}", f"custom is {field['custom']}"
            if not own and field["name"] not in known:
                yield f"response/fields/{field['name']}", f"{sobject} has no such field"

    def _written(self, body: Any) -> Iterator[tuple[str, str]]:
        for index, record in enumerate((body or {}).get("records", ())):
            sobject = record["attributes"]["type"]
            self.covered.add(f"write {sobject}")
            fields = {name: value for name, value in record.items() if name.lower() not in ("attributes", "id")}
            # What is written may be null wherever the row shows null: a clear.
            yield from self._values(f"request/records/{index}", sobject, fields)

    def _rows(self, pointer: str, body: Any) -> Iterator[tuple[str, str]]:
        """Every object with `attributes.type`, wherever it stands in an answer."""
        if isinstance(body, list):
            for index, item in enumerate(body):
                yield from self._rows(f"{pointer}/{index}", item)
        elif isinstance(body, dict):
            attributes = body.get("attributes")
            sobject = attributes.get("type") if isinstance(attributes, dict) else None
            if sobject:
                self.covered.add(f"row {sobject}")
                plain = {name: value for name, value in body.items() if self._is_field(sobject, name, value)}
                yield from self._values(pointer, sobject, plain)
            for name, value in body.items():
                if name != "attributes":
                    yield from self._rows(f"{pointer}/{name}", value)

    def _is_field(self, sobject: str, name: str, value: Any) -> bool:
        parents = self._objects.get(sobject, {}).get("parents", {})
        return name != "attributes" and name not in parents and not (isinstance(value, dict) and "attributes" in value)

    def _values(self, pointer: str, sobject: str, fields: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        known = self._objects.get(sobject, {}).get("fields")
        if known is None:
            yield pointer, f"{sobject} is no standard object of the table"
            return
        for name, value in fields.items():
            if name.endswith(OF_THE_ORG):
                continue
            if name not in known:
                yield f"{pointer}/{name}", f"{sobject} has no such field"
            elif value is None:
                if not known[name]["nillable"]:
                    yield f"{pointer}/{name}", "is null, and the table says it never is"
            elif not _fits(known[name]["type"], value):
                yield f"{pointer}/{name}", f"is a {type(value).__name__}, and the table says {known[name]['type']}"


def _fits(kind: str, value: Any) -> bool:
    if kind == "boolean":
        return isinstance(value, bool)
    if kind == "number":
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind == "datetime-or-date":
        return isinstance(value, str) and MOMENT.fullmatch(value) is not None
    if kind == "Address":
        return isinstance(value, dict)
    return isinstance(value, str)
