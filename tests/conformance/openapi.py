"""Checks exchanges against OpenAPI 3 and Swagger 2 descriptions: path, method, query, bodies, answers by status.

Descriptions are read strictly: a field that an object's schema does not name is a departure, on both sides.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from jsonschema import Draft7Validator, FormatChecker

from tests.conformance.descriptions import Violation
from tests.conformance.recording import Exchange

FORMATS = FormatChecker(formats=())
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)")


@FORMATS.checks("date-time")
def _is_moment(value: object) -> bool:
    return not isinstance(value, str) or MOMENT.fullmatch(value) is not None


@dataclass(frozen=True)
class Operation:
    """One method of one path of a description."""

    template: str
    method: str
    spec: Mapping[str, Any]
    shared: tuple[Mapping[str, Any], ...]

    @cached_property
    def parameters(self) -> list[Mapping[str, Any]]:
        return [*self.shared, *self.spec.get("parameters", ())]

    def __str__(self) -> str:
        return f"{self.method.upper()} {self.template}"


class Description:
    """One description file."""

    def __init__(self, vendor: str, document: Mapping[str, Any]) -> None:
        self.vendor = vendor
        self.document = document
        self.swagger = str(document.get("swagger", "")).startswith("2")
        self.base = str(document.get("basePath", "")).rstrip("/") if self.swagger else ""
        self.operations = [
            Operation(self.base + template, method, spec, tuple(item.get("parameters", ())))
            for template, item in document["paths"].items()
            for method, spec in item.items()
            if method != "parameters"
        ]

    def find(self, exchange: Exchange) -> Operation | None:
        """The operation of an exchange, paths without parameters before those with."""
        found = [
            o
            for o in self.operations
            if o.method == exchange.method.lower() and _pattern(o.template).fullmatch(exchange.path)
        ]
        return min(found, key=lambda o: o.template.count("{"), default=None)

    def check(self, operation: Operation, exchange: Exchange) -> Iterator[Violation]:
        for pointer, said in self._departures(operation, exchange):
            yield Violation(self.vendor, str(operation), pointer, said)

    def _departures(self, operation: Operation, exchange: Exchange) -> Iterator[tuple[str, str]]:
        if exchange.status < 300:
            # A request that the vendor itself refuses may be as wrong as the test that sends it wants.
            yield from self._query(operation, exchange)
            yield from self._body(operation, exchange)
        yield from self._answer(operation, exchange)

    def _query(self, operation: Operation, exchange: Exchange) -> Iterator[tuple[str, str]]:
        known = {p["name"]: p for p in operation.parameters if p.get("in") == "query"}
        for name, value in exchange.query:
            if name not in known:
                yield f"query/{name}", f"is no parameter; there are {', '.join(sorted(known)) or 'none'}"
                continue
            schema = known[name].get("schema", known[name])
            if not _fits(schema, value):
                yield f"query/{name}", f"{value[:40]!r} is no {schema.get('type')} of the description"
        sent = {name for name, _ in exchange.query}
        for name, parameter in known.items():
            if parameter.get("required") and name not in sent:
                yield f"query/{name}", "is required and was not sent"

    def _body(self, operation: Operation, exchange: Exchange) -> Iterator[tuple[str, str]]:
        schema = self._request_schema(operation, exchange)
        body = exchange.sent()
        if schema is None:
            if body is not None:
                yield "request", "has a body, and the description has none"
            return
        if body is not None:
            yield from self._errors("request", schema, body)

    def _request_schema(self, operation: Operation, exchange: Exchange) -> Mapping[str, Any] | None:
        if self.swagger:
            return next((p["schema"] for p in operation.parameters if p.get("in") == "body"), None)
        content = operation.spec.get("requestBody", {}).get("content", {})
        kind = exchange.request_type.split(";")[0].strip()
        found = content.get(kind) or content.get("application/json")
        return found.get("schema") if found else None

    def _answer(self, operation: Operation, exchange: Exchange) -> Iterator[tuple[str, str]]:
        responses = operation.spec.get("responses", {})
        described = responses.get(str(exchange.status), responses.get("default") if exchange.status >= 400 else None)
        if described is None:
            if exchange.status < 300:
                yield "status", f"{exchange.status} is not described; there are {', '.join(sorted(responses))}"
            return
        schema = described.get("schema") if self.swagger else self._content(described)
        try:
            body = exchange.answered()
        except ValueError:
            yield "response", "is not JSON"
            return
        if schema is None:
            if body is not None:
                yield "response", "has a body, and the description has none"
            return
        yield from self._errors("response", schema, body)

    @staticmethod
    def _content(described: Mapping[str, Any]) -> Mapping[str, Any] | None:
        content = described.get("content", {})
        found = content.get("application/json") or next(iter(content.values()), None)
        return found.get("schema") if found else None

    def _errors(self, side: str, schema: Mapping[str, Any], body: object) -> Iterator[tuple[str, str]]:
        root = self._strict
        validator = Draft7Validator({**root, "allOf": [strict(schema)]}, format_checker=FORMATS)
        for error in validator.iter_errors(body):
            for inner in _leaves(error):
                place = "/".join([side, *map(str, inner.absolute_path)])
                yield place, inner.message[:160]

    @cached_property
    def _strict(self) -> dict[str, Any]:
        """The named schemas, where `$ref` looks for them."""
        if self.swagger:
            return {"definitions": strict(self.document.get("definitions", {}), named=True)}
        schemas = self.document.get("components", {}).get("schemas", {})
        return {"components": {"schemas": strict(schemas, named=True)}}


def _leaves(error: Any) -> Iterator[Any]:
    """The errors within `allOf`; of a choice (`anyOf`, `oneOf`) the choice itself."""
    if error.validator == "allOf" and error.context:
        for inner in error.context:
            yield from _leaves(inner)
    else:
        yield error


def _pattern(template: str) -> re.Pattern[str]:
    parts = re.split(r"\{[^}]+\}", template)
    return re.compile("[^/]+".join(map(re.escape, parts)))


def strict(schema: Any, *, named: bool = False) -> Any:
    """A description's schema as JSON Schema: closed objects, and null where it is said to be possible."""
    if isinstance(schema, list):
        return [strict(item) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    if named:
        return {name: strict(item) for name, item in schema.items()}
    made = {
        name: {key: strict(item) for key, item in value.items()} if name == "properties" else strict(value)
        for name, value in schema.items()
    }
    kind = made.get("type")
    if kind in ("int64", "int32", "float", "double"):
        made["type"] = "number" if kind in ("float", "double") else "integer"
    if "properties" in made and "additionalProperties" not in made and "allOf" not in made:
        made["additionalProperties"] = False
    if (made.get("nullable") or made.get("x-nullable")) and "type" in made:
        made["type"] = [made["type"], "null"]
    return made


def _fits(schema: Mapping[str, Any], value: str) -> bool:
    kind = schema.get("type")
    if kind == "array":
        return all(_fits(schema.get("items", {}), part) for part in value.split(","))
    if "enum" in schema and value not in schema["enum"]:
        return False
    if kind == "integer":
        return re.fullmatch(r"-?\d+", value) is not None
    if kind == "number":
        return re.fullmatch(r"-?\d+(\.\d+)?", value) is not None
    if kind == "boolean":
        return value in ("true", "false")
    return True
