"""Checks exchanges against the tables of Google's own client: names of resources, segments, metrics and enums, and the
JSON forms of rows, in GAQL, in rows, in field masks and in the answers of the field service."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tests.conformance.descriptions import Violation
from tests.conformance.recording import Exchange

GAQL = re.compile(r"SELECT (?P<columns>.+?)(?: FROM (?P<resource>\w+))?(?P<rest> (?:WHERE|ORDER|LIMIT).*)?", re.DOTALL)
NAME = re.compile(r"\b(?:WHERE|AND|BY)\s+([a-z_]+(?:\.[a-z_]+)+)")
SEARCH = re.compile(r"/v\d+/customers/\d+/googleAds:search(Stream)?")
FIELDS = re.compile(r"/v\d+/googleAdsFields:search")
ATTRIBUTES_OF_FIELDS = {
    *("name", "category", "data_type", "selectable", "filterable", "sortable", "is_repeated"),
    *("enum_values", "selectable_with", "attribute_resources", "metrics", "segments", "type_url"),
}
DATA_TYPES = {
    "int64": {"INT64"},
    "int32": {"INT32"},
    "double": {"DOUBLE", "FLOAT"},
    "bool": {"BOOLEAN"},
    "enum": {"ENUM"},
    "message": {"MESSAGE"},
    "string": {"STRING", "DATE", "RESOURCE_NAME"},
}


class GoogleTables:
    def __init__(self, resources: Mapping[str, Any], metrics: Mapping[str, Any], enums: Mapping[str, Any]) -> None:
        self._groups: dict[str, Mapping[str, Any]] = {**resources["resources"]}
        self._groups |= {"segments": resources["segments"], "metrics": metrics["metrics"]}
        self._enums: Mapping[str, Any] = enums["enums"]
        self._json = {_camel(name): fields for name, fields in self._groups.items()}
        self.covered: set[str] = set()
        """`query campaign`, `row metrics`, `field service`: what was checked."""

    def check(self, exchange: Exchange) -> Iterator[Violation]:
        where = f"{exchange.method} {re.sub(r'/customers/[0-9]+', '/customers/*', exchange.path)}"
        for pointer, said in self._departures(exchange):
            yield Violation("google_ads", where, pointer, said)

    def _departures(self, exchange: Exchange) -> Iterator[tuple[str, str]]:
        if exchange.status >= 300:
            return
        if SEARCH.fullmatch(exchange.path):
            yield from self._query(exchange.sent()["query"])
            chunks = exchange.answered()
            for index, chunk in enumerate(chunks if isinstance(chunks, list) else [chunks]):
                yield from self._chunk(f"response/{index}", chunk)
        elif FIELDS.fullmatch(exchange.path):
            self.covered.add("field service")
            yield from self._field_query(exchange.sent()["query"])
            for index, row in enumerate(exchange.answered().get("results", ())):
                yield from self._field(f"response/results/{index}", row)
        elif not exchange.path.endswith("/token"):
            yield "path", "is not described"

    def _query(self, query: str) -> Iterator[tuple[str, str]]:
        found = GAQL.fullmatch(" ".join(query.split()))
        if not found or not found["resource"]:
            yield "request/query", f"is no GAQL that this check can read: {query[:60]}"
            return
        self.covered.add(f"query {found['resource']}")
        if found["resource"] not in self._groups:
            yield "request/query", f"{found['resource']} is no resource of the tables"
        names = [name.strip() for name in found["columns"].split(",")] + NAME.findall(found["rest"] or "")
        for name in names:
            if self._known(name) is None:
                yield f"request/query/{name}", "is no field of the tables"

    def _known(self, name: str) -> Mapping[str, Any] | None:
        group, _, field = name.partition(".")
        fields = self._groups.get(group, {})
        return fields.get(field) or fields.get(field.partition(".")[0] if "." in field else field)

    def _chunk(self, pointer: str, chunk: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        for name in filter(None, chunk.get("fieldMask", "").split(",")):
            group, _, field = name.partition(".")
            if not any(self._named(group, field.partition(".")[0])):
                yield f"{pointer}/fieldMask/{name}", "is no field of the tables"
        for index, row in enumerate(chunk.get("results", ())):
            for group, fields in row.items():
                self.covered.add(f"row {group}")
                if group not in self._json:
                    yield f"{pointer}/results/{index}/{group}", "is no resource of the tables"
                    continue
                for name, value in fields.items():
                    yield from self._value(f"{pointer}/results/{index}/{group}/{name}", group, name, value)

    def _named(self, group: str, json_name: str) -> Iterator[Mapping[str, Any]]:
        return (field for field in self._json.get(group, {}).values() if field["json"] == json_name)

    def _value(self, pointer: str, group: str, name: str, value: Any) -> Iterator[tuple[str, str]]:
        field = next(self._named(group, name), None)
        if field is None:
            yield pointer, "is no field of the tables"
            return
        values = value if field.get("repeated") and isinstance(value, list) else [value]
        for item in values:
            if not self._fits(field["type"], item):
                yield pointer, f"is a {type(item).__name__}, and the tables say {field['type']}"

    def _fits(self, kind: str, value: Any) -> bool:
        """Proto JSON: 64-bit integers are texts, enums their names."""
        head, _, enum = kind.partition(":")
        if head == "int64":
            return isinstance(value, str) and re.fullmatch(r"-?\d+", value) is not None
        if head == "int32":
            return isinstance(value, int) and not isinstance(value, bool)
        if head == "double":
            return isinstance(value, int | float) and not isinstance(value, bool)
        if head == "bool":
            return isinstance(value, bool)
        if head == "enum":
            return isinstance(value, str) and (enum not in self._enums or value in self._enums[enum])
        return isinstance(value, dict) if head == "message" else isinstance(value, str)

    def _field_query(self, query: str) -> Iterator[tuple[str, str]]:
        found = GAQL.fullmatch(" ".join(query.split()))
        for name in found["columns"].split(",") if found else ():
            if name.strip() not in ATTRIBUTES_OF_FIELDS:
                yield f"request/query/{name.strip()}", "is no attribute of the field service"

    def _field(self, pointer: str, row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        name = row["name"]
        if "." not in name:
            return
        field = self._known(name)
        if field is None:
            yield f"{pointer}/{name}", "is no field of the tables"
            return
        head, _, enum = field["type"].partition(":")
        if row.get("dataType") not in DATA_TYPES[head] and "." not in name.partition(".")[2]:
            yield f"{pointer}/{name}", f"has dataType {row.get('dataType')}, and the tables say {field['type']}"
        unknown = set(row.get("enumValues", ())) - set(self._enums.get(enum, row.get("enumValues", ())))
        if unknown:
            yield f"{pointer}/{name}/enumValues", f"{', '.join(sorted(unknown))} are not in {enum}"


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.title() for word in rest)
