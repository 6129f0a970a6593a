"""Runs the examples of a document against its lens: what they say must be what comes out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hub.domain.values import Value
from hub.errors import Complaint
from mappings.clauses import Document
from mappings.lens import Lens
from mappings.shapes import quoted


def run(document: Document, lens: Lens) -> tuple[Complaint, ...]:
    """Every departure from what the document's examples say; nothing when all hold."""
    found: list[Complaint] = []
    for index, example in enumerate(document.examples):
        where = document.where("examples", str(index))
        if "raw" in example:
            _reading(where, example, lens, found)
        else:
            _writing(where, example, lens, found)
    return tuple(found)


def _reading(where: str, example: Mapping[str, Any], lens: Lens, found: list[Complaint]) -> None:
    reading = lens.get(example["raw"], example.get("modified_at"))
    if "gives" in example:
        _compare(f"{where}.gives", example["gives"], reading.values, found, whole=True)
    if "includes" in example:
        _compare(f"{where}.includes", example["includes"], reading.values, found, whole=False)
    if "keys" in example:
        keys = sorted(str(key) for key in reading.keys)
        if sorted(example["keys"]) != keys:
            found.append(Complaint(f"{where}.keys", ", ".join(keys) or "no keys", ", ".join(sorted(example["keys"]))))
    if "consent" in example:
        states = {channel: said.state for channel, said in reading.consent.items()}
        _compare(f"{where}.consent", example["consent"], states, found, whole=True)
    if "in_scope" in example and example["in_scope"] is not reading.in_scope:
        found.append(Complaint(f"{where}.in_scope", str(reading.in_scope).lower(), str(example["in_scope"]).lower()))
    _complaints(where, example, {c.field for c in reading.complaints}, found)


def _writing(where: str, example: Mapping[str, Any], lens: Lens, found: list[Complaint]) -> None:
    values = {name: canonical(value) for name, value in example["put"].items()}
    payload = lens.put(values, example.get("consent"), example.get("onto"))
    if "gives" in example:
        _compare(f"{where}.gives", example["gives"], payload.values, found, whole=True)
    _complaints(where, example, {c.field for c in payload.complaints}, found)


def canonical(value: Any) -> Value:
    """A value as documents write it: a list is a set."""
    return tuple(sorted(str(item) for item in value)) if isinstance(value, list) else value


def _complaints(where: str, example: Mapping[str, Any], fields: set[str], found: list[Complaint]) -> None:
    expected = set(example.get("complaints", ()))
    if fields != expected:
        said = f"complaints of {', '.join(sorted(fields)) or 'nothing'}"
        found.append(Complaint(f"{where}.complaints", said, ", ".join(sorted(expected)) or "none"))


def _compare(
    where: str, expected: Mapping[str, Any], made: Mapping[str, Any], found: list[Complaint], *, whole: bool
) -> None:
    for name, value in expected.items():
        if name not in made:
            found.append(Complaint(f"{where}.{name}", "nothing", quoted(value)))
        elif not _alike(made[name], value):
            found.append(Complaint(f"{where}.{name}", _told(made[name]), _told(value)))
    if whole:
        found += [Complaint(f"{where}.{name}", _told(made[name]), "nothing") for name in made if name not in expected]


def _alike(made: Any, expected: Any) -> bool:
    if isinstance(made, tuple) or (isinstance(made, list) and isinstance(expected, list)):
        return isinstance(expected, list) and [str(item) for item in made] == [str(item) for item in expected]
    return bool(made == expected) and isinstance(made, bool) == isinstance(expected, bool)


def _told(value: Any) -> str:
    return str(list(value)) if isinstance(value, tuple) else quoted(value)
