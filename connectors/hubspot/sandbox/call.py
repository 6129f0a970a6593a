"""One request to the sandbox, and the checks that every handler makes of what was sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from connectors.hubspot.sandbox.answers import invalid, refusal
from connectors.hubspot.sandbox.catalogue import Property

BATCH_MAX = 100
HISTORY_BATCH_MAX = 50


@dataclass(frozen=True, slots=True)
class Call:
    path: Mapping[str, str]
    query: Sequence[tuple[str, str]]
    raw: bytes

    def one(self, name: str, default: str = "") -> str:
        return next((value for key, value in self.query if key == name), default)

    def many(self, name: str) -> list[str] | None:
        """Repeated or comma-separated; None when it was not asked at all."""
        values = [part for key, value in self.query if key == name for part in value.split(",") if part]
        return values if any(key == name for key, _ in self.query) else None

    def flag(self, name: str) -> bool:
        return self.one(name).lower() == "true"

    def body(self) -> dict[str, Any]:
        try:
            body = orjson.loads(self.raw)
        except orjson.JSONDecodeError as error:
            raise invalid(f"Invalid input JSON on line {error.lineno}, column {error.colno}") from error
        if not isinstance(body, dict):
            raise invalid("Invalid input JSON on line 1, column 1: expected an object")
        return body

    def inputs(self, *, most: int = BATCH_MAX) -> list[dict[str, Any]]:
        inputs = self.body().get("inputs")
        if not isinstance(inputs, list) or not all(isinstance(item, dict) for item in inputs):
            raise invalid("Invalid input JSON on line 1, column 1: 'inputs' is missing or not a list of objects")
        if len(inputs) > most:
            raise invalid(f"The maximum number of inputs supported in a batch request is {most}, got {len(inputs)}")
        return inputs

    def ids(self, *, most: int = BATCH_MAX) -> list[str]:
        """The ids of a batch. They must be given, and be different."""
        ids = [text_of(item.get("id"), "id") for item in self.inputs(most=most)]
        twice = sorted({value for value in ids if ids.count(value) > 1}) if len(set(ids)) < len(ids) else []
        if twice:
            raise refusal(
                400,
                "VALIDATION_ERROR",
                f"Duplicate IDs found in batch input: [{', '.join(twice)}]. IDs must be unique",
                context={"ids": twice},
            )
        return ids


def text_of(value: object, name: str) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str) or not value:
        raise invalid(f"Invalid input JSON on line 1: '{name}' is missing or no text")
    return value


def property_texts(item: Mapping[str, Any]) -> dict[str, str]:
    """`properties` of an input: names to texts. Numbers and booleans become texts, null clears."""
    properties = item.get("properties")
    if not isinstance(properties, dict):
        raise invalid("Invalid input JSON on line 1: 'properties' is missing or no object")
    texts = {}
    for name, value in properties.items():
        if isinstance(value, dict | list):
            raise invalid("Invalid input JSON on line 1: Cannot deserialize value of type `java.lang.String`")
        texts[name] = _text(value)
    return texts


def _text(value: str | float | bool | None) -> str:
    if value is None:
        return ""
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def problems(catalogue: Mapping[str, Property], values: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """(property, code, message) of everything HubSpot would refuse in these values."""
    found = []
    for name, value in values.items():
        prop = catalogue.get(name)
        if prop is None:
            found.append((name, "PROPERTY_DOESNT_EXIST", f'Property "{name}" does not exist'))
        elif said := prop.problem(value):
            found.append((name, *said))
    return found
