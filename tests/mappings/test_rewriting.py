"""Programs change documents: what was meant comes out, and everything else stays byte by byte."""

from __future__ import annotations

import copy
import io
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from hub.errors import BadInput, NotFound
from mappings import examples, library
from mappings.compile import compiled
from mappings.document import parse
from mappings.exampling import example
from mappings.rendering import dashed, flow, word
from mappings.rewriting import add_example, remove_field, remove_in, set_field, set_in
from mappings.spans import KeySpan, spans
from mappings.tree import plain, read
from tests.mappings.documents import EVERYTHING

TEXTS = [EVERYTHING, *(library.source(c, s).read_text(encoding="utf-8") for c, s in library.names())]
COMMENTED = """\
# Who they are.
mapping: acme/people   # the stream
version: 2
entity: contact

match: [{key: email, from: mail}]
fields:
  # The address.
  email: {path: mail, normalise: [trim, lower]}  # lower-cased
  title:   job      # wide
  phone:
    path: phone
    # The country decides.
    country: US
    normalise: [phone]

  lifecycle_stage:
    path: stage
    table:
      New: lead   # fresh
      true: customer
  custom.a b: x
# How they may be changed.
policy: {creates: false}
examples:
  # The first.
  - raw: {mail: a@x.example}
    includes: {email: a@x.example}
# The end.
"""


def load(text: str) -> Any:
    tree, complaints = read(text, "x")
    assert tree is not None, complaints
    return plain(tree)


def changed(old: str, new: str) -> tuple[list[str], list[str]]:
    """The lines that were taken out and that were put in."""
    import difflib

    diff = [line for line in difflib.ndiff(old.splitlines(True), new.splitlines(True)) if line[0] in "+-"]
    return [line[2:] for line in diff if line[0] == "-"], [line[2:] for line in diff if line[0] == "+"]


@pytest.mark.parametrize(
    ("place", "value", "out", "into"),
    [
        ("policy.creates", True, "policy: {creates: false}\n", "policy: {creates: true}\n"),
        ("fields.title", "role", "  title:   job      # wide\n", "  title:   role      # wide\n"),
        ("fields.phone.country", "DE", "    country: US\n", "    country: DE\n"),
        ("fields.lifecycle_stage.table.New", "mql", "      New: lead   # fresh\n", "      New: mql   # fresh\n"),
        ("fields.lifecycle_stage.table.true", "sql", "      true: customer\n", "      true: sql\n"),
        ("fields.lifecycle_stage.table.lead", "mql", None, "      lead: mql\n"),
        ("fields.phone.max_length", 40, None, "    max_length: 40\n"),
        ("fields.custom.a b", "w", "  custom.a b: x\n", "  custom.a b: w\n"),
        ("fields.custom.new", "n", None, '  custom.new: "n"\n'),
        ("policy.on_gone", "bury", "policy: {creates: false}\n", "policy: {creates: false, on_gone: bury}\n"),
        ("fields.phone.normalise", ["trim", "phone"], "    normalise: [phone]\n", "    normalise: [trim, phone]\n"),
        ("about", "Ours: #1", None, 'about: "Ours: #1"\n'),
        ("examples.0.raw.mail", "no", "  - raw: {mail: a@x.example}\n", '  - raw: {mail: "no"}\n'),
        ("scope.where", [{"path": "a", "in": [True]}], None, "scope: {where: [{path: a, in: [true]}]}\n"),
    ],
)
def test_one_line_changes(place: str, value: Any, out: str | None, into: str) -> None:
    made = set_in(COMMENTED, place, value)
    assert changed(COMMENTED, made) == ([out] if out else [], [into])


def test_a_definition_is_changed_key_by_key() -> None:
    definition = {"path": "phone", "country": "DE", "normalise": ["phone"], "max_length": 40}
    made = set_field(COMMENTED, "phone", definition)
    assert changed(COMMENTED, made) == (["    country: US\n"], ["    country: DE\n", "    max_length: 40\n"])
    assert "# The country decides." in made


def test_the_order_of_keys_in_a_definition_says_nothing() -> None:
    definition = {"normalise": ["phone"], "country": {"default": "DE", "path": "land"}, "path": ["phone", "tel"]}
    made = set_field(COMMENTED, "phone", definition)
    into = ["    path: [phone, tel]\n", "    country: {default: DE, path: land}\n"]
    assert changed(COMMENTED, made) == (["    path: phone\n", "    country: US\n"], into)


def test_a_field_takes_another_form() -> None:
    made = set_field(COMMENTED, "title", {"path": "job", "direction": "in"})
    assert changed(COMMENTED, made)[1] == ["  title:   {path: job, direction: in}      # wide\n"]
    made = set_field(COMMENTED, "phone", "tel")
    assert "  phone: tel\n" in made
    assert load(made)["fields"]["phone"] == "tel"


def test_long_definitions_stand_below_their_name() -> None:
    table = {f"Stage number {n}": "lead" for n in range(8)}
    made = set_field(COMMENTED, "region", {"path": "state", "table": table, "on_unknown": "pass"})
    assert "  region:\n    path: state\n    table:\n      Stage number 0: lead\n" in made
    assert changed(COMMENTED, made)[0] == []


def test_fields_are_taken_out_with_their_lines() -> None:
    made = remove_field(COMMENTED, "lifecycle_stage")
    out, into = changed(COMMENTED, made)
    assert (out[0], len(out), into) == ("  lifecycle_stage:\n", 5, [])
    assert remove_field(COMMENTED, "email").count("# The address.") == 1
    with pytest.raises(NotFound, match=r"fields\.titel"):
        remove_field(COMMENTED, "titel")


def test_keys_and_items_are_taken_out_of_brackets() -> None:
    text = "a: {b: 1, c: 2, d: 3}\nl: [x, y, z]\n"
    assert remove_in(text, "a.b") == "a: {c: 2, d: 3}\nl: [x, y, z]\n"
    assert remove_in(text, "a.d") == "a: {b: 1, c: 2}\nl: [x, y, z]\n"
    assert remove_in(text, "l.1") == "a: {b: 1, c: 2, d: 3}\nl: [x, z]\n"
    assert remove_in(remove_in(text, "l.0"), "l.1") == "a: {b: 1, c: 2, d: 3}\nl: [y]\n"
    assert remove_in("a:\n  b: 1 # x\nc: 2\n", "a.b") == "a: {} # x\nc: 2\n"


def test_examples_are_added_behind_the_others() -> None:
    made = add_example(COMMENTED, {"raw": {"mail": "b@x.example"}, "gives": {"email": "b@x.example"}})
    into = ["  - raw: {mail: b@x.example}\n", "    gives: {email: b@x.example}\n"]
    assert changed(COMMENTED, made) == ([], into)
    bare = remove_in(COMMENTED, "examples")
    assert add_example(bare, {"raw": {}, "gives": {}}).count("examples:\n  - raw: {}\n    gives: {}\n") == 1
    empty = set_in(COMMENTED, "examples", [])
    assert "examples: []\n" in empty
    assert load(add_example(empty, {"raw": {}, "gives": {}}))["examples"] == [{"raw": {}, "gives": {}}]


def test_an_example_made_of_a_record_fits_into_its_document() -> None:
    for text in TEXTS:
        document = parse(text, "x.yaml")
        shipped = next((e for e in document.examples if "raw" in e), None)
        if shipped is None:
            continue
        entry = example(shipped["raw"], document, salt="s", modified_at=shipped.get("modified_at"))
        made = add_example(text, entry)
        again = parse(made, "x.yaml")
        assert again.hash == document.hash
        assert len(again.examples) == len(document.examples) + 1
        assert examples.run(again, compiled(again)) == ()
        assert changed(text, made)[0] == []


def test_line_ends_stay_as_they_are() -> None:
    text = COMMENTED.replace("\n", "\r\n")
    made = set_in(set_field(text, "city", "town"), "policy.on_gone", "ask")
    assert "\n" not in made.replace("\r\n", "")
    assert load(made)["fields"]["city"] == "town"


def test_without_a_last_line_end_and_with_a_mark() -> None:
    made = set_in("\ufeffa: 1\nb: 2", "c", 3)
    assert load(made.removeprefix("\ufeff")) == {"a": 1, "b": 2, "c": 3}


def test_what_cannot_be_read_is_refused() -> None:
    with pytest.raises(BadInput):
        set_in("a: [", "a", 1)
    with pytest.raises(BadInput):
        set_in("a: &x 1", "a", 1)
    with pytest.raises(NotFound):
        set_in("a: [1]", "a.3", 1)


def test_a_header_for_editors_is_harmless_and_stays() -> None:
    header = "# yaml-language-server: $schema=mapping.schema.json\n"
    text = header + EVERYTHING
    assert parse(text, "x").hash == parse(EVERYTHING, "x").hash
    assert set_field(text, "city", "town").startswith(header)


SCALARS: st.SearchStrategy[Any] = st.none() | st.booleans() | st.integers(-(10**17), 10**17) | st.text(max_size=20)
SCALARS |= st.floats(allow_nan=False, allow_infinity=False)
SCALARS |= st.sampled_from(
    ["yes", "0x1f", "1_000", "12:30", "-", "- a", "a: b", "a #b", "null", "~", "[]", "*a", "&a", "1e3"]
)
KEYS = st.text(min_size=1, max_size=6).filter(lambda key: key != "<<")
VALUES = st.recursive(SCALARS, lambda x: st.lists(x, max_size=4) | st.dictionaries(KEYS, x, max_size=4))


@given(VALUES)
@settings(deadline=None, max_examples=300)
def test_what_is_rendered_reads_back(value: Any) -> None:
    for text in (f"a: {flow(value)}\n", "a:\n" + "\n".join(dashed(value, 2, tall=True)) + "\n"):
        found = load(text)["a"]
        assert found == (value if text.startswith("a: ") else [value])


@given(st.text(max_size=12))
@settings(deadline=None)
def test_other_readers_read_the_same_words(text: str) -> None:
    for version in ((1, 1), (1, 2)):
        yaml = YAML(typ="safe", pure=True)
        yaml.version = version
        assert yaml.load(io.StringIO(f"a: {word(text)}\n"))["a"] == text


def places(content: Any, at: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found = [at] if at else []
    items = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for key, value in items:
        name = "true" if key is True else str(key)
        found += places(value, (*at, name))
    return found


NEW: list[Any] = ["x", "", None, True, 7, 1.5, [], {}, ["a", "b"], {"k": "v", "l": [1, {"m": None}]}, "long " * 40]


@pytest.mark.parametrize("which", range(len(TEXTS)))
def test_hundreds_of_changes_of_every_document(which: int) -> None:
    """Whatever is set or taken out anywhere: the content is what was meant, or the change is refused whole; lines
    that hold neither the place nor anything below it stay."""
    text = TEXTS[which]
    content = load(text)
    dice = random.Random(which)
    everywhere = places(content)
    refused = 0
    for _ in range(20):
        place = dice.choice(everywhere)
        value = dice.choice(NEW)
        wanted = copy.deepcopy(content)
        holder = wanted
        for step in place[:-1]:
            holder = holder[int(step)] if isinstance(holder, list) else holder[_key(holder, step)]
        last = int(place[-1]) if isinstance(holder, list) else _key(holder, place[-1])
        take_out = dice.random() < 0.3
        if take_out:
            del holder[last]
        else:
            holder[last] = copy.deepcopy(value)
        if not wanted:
            continue
        try:
            made = remove_in(text, place) if take_out else set_in(text, place, value)
        except BadInput:
            refused += 1
            continue
        assert load(made) == wanted
        kept = _lines_apart(text, place)
        new = [_bare(line) for line in made.splitlines(True)]
        assert not [line for line in kept if _bare(line) not in new], (place, value)
    assert refused <= 1, refused


def _bare(line: str) -> str:
    """A line without the dash before it, which stays where the first key behind it is taken out."""
    return line.strip(" ").removeprefix("- ")


def _key(holder: dict[Any, Any], step: str) -> Any:
    return next(key for key in holder if ("true" if key is True else str(key)) == step)


def _lines_apart(text: str, place: tuple[str, ...]) -> list[str]:
    """The lines that the value at a place has no part in, nor the one that holds it when it is its only one."""
    span, lines = spans(text), text.splitlines(True)
    first, last = 0, len(text)
    for step in place:
        entries: list[Any] = span.value if isinstance(span.value, list) else []
        if isinstance(entries[0], KeySpan):
            entry = next(e for e in entries if e.name == step)
            start, span = entry.start, entry.span
        else:
            span = entries[int(step)]
            start = span.start
        if len(entries) > 1:
            first, last = start, span.end
    top, bottom = text.count("\n", 0, first), text.count("\n", 0, last)
    return [line for number, line in enumerate(lines) if not top <= number <= bottom]
