"""Calls and replies: what a resource of the sandbox gets and gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from connectors.salesforce.sandbox.schema import SObject
from connectors.salesforce.sandbox.select import sobject_of
from connectors.salesforce.sandbox.values import Refusal, Unparsable


@dataclass(frozen=True, slots=True)
class Call:
    """One request: path parameters, query parameters, headers (lower case) and the body as it came."""

    params: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def version(self) -> str:
        return f"v{self.params['version']}"

    @property
    def sobject(self) -> SObject:
        """The object the path names. Raises `Refusal` NOT_FOUND."""
        try:
            return sobject_of(self.params["sobject"])
        except Refusal as refusal:
            raise not_found() from refusal

    @property
    def duplicates(self) -> bool:
        """Whether the caller lets duplicates pass."""
        return "allowsave=true" in self.headers.get("sforce-duplicate-rule-header", "").replace(" ", "").lower()

    def json(self) -> dict[str, Any]:
        """The body as an object. Raises `Unparsable`."""
        try:
            body = orjson.loads(self.body)
        except orjson.JSONDecodeError as error:
            raise Unparsable(
                "The HTTP entity body is required, but this request has no readable entity body."
            ) from error
        if not isinstance(body, dict):
            raise Unparsable("Unexpected character at [line:1, column:1]: expected '{'")
        return body


@dataclass(frozen=True, slots=True)
class Reply:
    """`body` None: an empty answer."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


def not_found(message: str = "The requested resource does not exist") -> Refusal:
    return Refusal("NOT_FOUND", message, status=404)


def fields_of(record: Mapping[str, Any]) -> dict[str, Any]:
    """A sent sObject without its `attributes`."""
    return {k: v for k, v in record.items() if k != "attributes"}
