"""The description of the language: it names every word, and what it shows compiles."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from mappings import language
from mappings.document import parse
from mappings.shapes import Object
from tests.mappings.documents import document

TEXT = (Path(__file__).parents[2] / "mappings" / "README.md").read_text(encoding="utf-8")


def shown(section: str) -> str:
    """The first YAML block of a section."""
    found = re.search(rf"^## {section}\n.*?^```yaml\n(.*?)^```", TEXT, re.M | re.S)
    assert found, section
    return found[1]


def words() -> Iterator[str]:
    for shape in (
        language.DOCUMENT,
        language.FIELD,
        language.COMPOSITE,
        language.POLICY,
        language.CAPS,
        language.DRIFT,
    ):
        assert isinstance(shape, Object)
        yield from shape.keys


@pytest.mark.parametrize("word", sorted(set(words())))
def test_every_word_is_described(word: str) -> None:
    assert re.search(rf"(?<![a-z_]){word}(?![a-z_])", TEXT)


def test_computed_values_as_shown_compile() -> None:
    made = parse(document("email: mail\n" + shown("Computed values")), "README.md")
    assert len([field for field in made.fields if field.compute is not None]) == 4


def test_composites_as_shown_compile() -> None:
    made = parse(document("email: mail", shown("Composites")), "README.md")
    assert len({field.composite.path for field in made.fields if field.composite is not None}) == 2


def test_drift_as_shown_compiles() -> None:
    plain = parse(document("email: mail"), "README.md")
    assert parse(document("email: mail", shown("drift")), "README.md").policy == plain.policy, "the defaults are shown"
