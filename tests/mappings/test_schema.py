"""The JSON Schema for editors: every key is explained, the fields of each entity are offered, headers are harmless."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jsonschema

from hub.domain.entities import ENTITIES
from mappings.clauses import Document
from mappings.conversions import TRANSFORMS
from mappings.document import check, parse
from mappings.normalisers import NORMALISERS
from mappings.schema import entity_schema, schema
from tests.mappings.documents import EVERYTHING


def unexplained(part: Any, at: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The places of keys without a description."""
    if isinstance(part, list):
        for inner in part:
            yield from unexplained(inner, at)
    if not isinstance(part, dict):
        return
    for name, key in part.get("properties", {}).items():
        if "description" not in key:
            yield (*at, name)
    for name, inner in part.items():
        if name not in ("allOf", "if", "then"):
            yield from unexplained(inner, (*at, name))


def test_every_key_is_explained() -> None:
    assert list(unexplained(schema())) == []
    assert list(unexplained(entity_schema())) == []


def test_it_knows_every_word_of_the_language() -> None:
    text = str(schema())
    assert all(f"'{name}'" in text for name in (*NORMALISERS, *TRANSFORMS))


def test_the_fields_of_each_entity_are_offered_and_none_is_refused() -> None:
    offered = {
        rule["if"]["properties"]["entity"]["const"]: set(rule["then"]["properties"]["fields"]["properties"])
        for rule in schema()["allOf"]
    }
    assert offered == {name: set(entity.fields) for name, entity in ENTITIES.items()}
    base = {"mapping": "a/b", "version": 2, "entity": "contact", "match": [{"key": "email", "from": "m"}]}
    jsonschema.validate({**base, "fields": {"email": "m", "custom.own": "o"}}, schema())


def test_a_header_for_editors_is_harmless() -> None:
    for header in ("# yaml-language-server: $schema=mapping.json\n", "#\n\n# yaml-language-server: $schema=x\n---\n"):
        found, complaints = check(header + EVERYTHING, "x.yaml")
        assert isinstance(found, Document), complaints
        assert found.hash == parse(EVERYTHING, "x.yaml").hash
