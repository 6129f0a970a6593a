"""Mutilated documents: hundreds of generated mutations of valid ones end as a complaint or compile faithfully.

What faithful means is read from the mutilated text with another YAML reader and compared with the compiled document.
Whether the form is right is also asked of `jsonschema`, with the schema that the language gives editors.
"""

from __future__ import annotations

import copy
import io
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from hub.domain.policy import StreamPolicy
from hub.errors import Complaint
from mappings.clauses import Document, FieldDoc
from mappings.compile import compiled
from mappings.document import check
from mappings.language import DOCUMENT
from mappings.schema import schema
from mappings.shapes import Checker
from mappings.tree import plain, read
from tests.mappings.documents import EVERYTHING

LIBRARY = sorted((Path(__file__).parents[2] / "mappings" / "library").glob("*/*.yaml"))
SCHEMA = jsonschema.Draft202012Validator(schema())
JUNK: list[Any] = [
    None,
    "",
    0,
    -1,
    1.5,
    True,
    "x",
    "email",
    [],
    {},
    [[]],
    {"a": {"b": []}},
    ["x"] * 30,
    "y" * 700,
    10**17,
    "record.a +",
    "record.a.b",
    "3%",
]
WORDS = ["path", "split", "direction", "extra", "table", "any", "in", "compute", "reads", "by", "when", "caps", "new"]
TEXTS = ["\t", "\n\t- x\n", "&a ", "*a", "!!str ", "{", "]", ": ", "- ", "'", '"', "|", "%", "\x00", "﻿", "\u2028", "é"]


def load(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)


def dump(data: Any) -> str:
    out = io.StringIO()
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.dump(data, out)
    return out.getvalue()


def places(data: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The place of every value of a document, the root left out."""
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in items:
        yield (*at, key)
        yield from places(value, (*at, key))


def misspelt(dice: random.Random, word: str) -> str:
    if len(word) < 2:
        return word + "x"
    at = dice.randrange(len(word) - 1)
    return dice.choice([word[:at] + word[at + 1 :], word[:at] + word[at + 1] + word[at] + word[at + 2 :], word + "s"])


def mutated(dice: random.Random, source: Any) -> Any:
    """A copy with one to three changes: a key gone, misspelt or added, a value replaced, swapped or repeated."""
    data = copy.deepcopy(source)
    for _ in range(dice.randint(1, 3)):
        everywhere = list(places(data))
        if not everywhere:
            return data
        place = dice.choice(everywhere)
        parent = data
        for step in place[:-1]:
            parent = parent[step]
        last, value = place[-1], parent[place[-1]]
        action = dice.choice(["delete", "junk", "misspell", "misspell value", "swap", "nest", "repeat", "add"])
        if action == "delete":
            del parent[last]
        elif action == "misspell" and isinstance(parent, dict) and isinstance(last, str):
            del parent[last]
            parent[misspelt(dice, last)] = value
        elif action == "misspell value" and isinstance(value, str):
            parent[last] = misspelt(dice, value)
        elif action == "swap":
            other = dice.choice(everywhere)
            found = data
            for step in other:
                found = found[step]
            parent[last] = copy.deepcopy(found)
        elif action == "nest":
            parent[last] = {"path": value} if dice.random() < 0.5 else [value]
        elif action == "repeat" and isinstance(parent, list):
            parent.append(copy.deepcopy(value))
        elif action == "add" and isinstance(parent, dict):
            parent[dice.choice(WORDS)] = dice.choice(JUNK)
        else:
            parent[last] = copy.deepcopy(dice.choice(JUNK))
    return data


def mangled(dice: random.Random, text: str) -> bytes:
    """The text with a few bytes gone, doubled or put in."""
    data = bytearray(text.encode())
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(len(data))
        match dice.randrange(5):
            case 0:
                del data[at : at + dice.randint(1, 20)]
            case 1:
                data[at:at] = dice.choice(TEXTS).encode()
            case 2:
                data[at] = dice.randrange(256)
            case 3:
                data[at:at] = data[at : at + dice.randint(1, 60)]
            case 4:
                data[at:at] = b"\xff" * dice.randint(1, 3)
    return bytes(data)


def assert_told(complaints: tuple[Complaint, ...]) -> None:
    assert complaints
    for complaint in complaints:
        assert complaint.where.startswith("m.yaml:"), complaint
        assert complaint.where.split(":")[1].split(" ")[0].isdigit()
        assert complaint.said
        assert complaint.expected
        assert len(str(complaint)) < 1500


def assert_faithful(data: Any, made: Document) -> None:
    """What another reader finds in the text is what was compiled."""
    assert f"{made.connector}/{made.stream}" == data["mapping"]
    assert made.entity.name == data["entity"]
    parts = {name: said for said in data.get("composites") or [] for name in said["fields"]}
    assert [f.name for f in made.fields] == [*data["fields"], *parts]
    for field in made.fields:
        said = parts[field.name] if field.name in parts else data["fields"][field.name]
        said = {"path": said} if isinstance(said, str) else said
        assert_field(said, field)
    assert {c.channel for c in made.consent} == set(data.get("consent", {}))
    for consent in made.consent:
        write = data["consent"][consent.channel].get("write", {})
        assert dict(consent.deny) == write.get("deny", {})
        assert dict(consent.grant) == write.get("grant", {})
    assert len(made.match) == len(data.get("match", []))
    scope = data.get("scope", {})
    assert len(made.scope) == len(scope.get("where", []))
    assert (made.when.text if made.when is not None else None) == scope.get("when")
    assert_policy(data, made.policy)


def assert_field(said: Any, field: FieldDoc) -> None:
    paths = said.get("path", [])
    assert list(field.paths) == ([paths] if isinstance(paths, str) else paths)
    assert (field.constant is not None) == ("constant" in said)
    assert field.split == said.get("split")
    assert field.max_length == said.get("max_length")
    assert field.write_if_empty == (said.get("overwrite") is False)
    unknown = said.get("on_unknown", "reject")
    told = {"default": field.default} if field.on_unknown == "default" else field.on_unknown
    assert told == unknown
    if "normalise" in said:
        assert list(field.normalise) == said["normalise"]
    for key in ("compare", "direction", "weight", "part", "join"):
        if key in said:
            assert str(getattr(field, key)) == said[key]
    if "empty" in said:
        assert (field.composite.empty if field.composite is not None else field.empty) == said["empty"]
    assert len(field.transform) == len(said.get("transform", []))
    assert len(field.table) == len(said.get("table", {}))
    assert (field.compute is not None) == ("compute" in said)
    if field.compute is not None:
        assert field.compute.text == said["compute"]
        assert set(said.get("reads", [])) <= set(field.compute.reads)
        assert str(field.direction) == "in"
    assert (field.composite is not None) == ("fields" in said)
    if field.composite is not None:
        assert list(field.composite.fields) == said["fields"]
        assert (field.composite.form, field.composite.by) == (said.get("form", ""), said.get("by", ""))


def assert_policy(data: Any, policy: StreamPolicy) -> None:
    for key, value in data.get("policy", {}).items():
        if key != "caps":
            found = getattr(policy, key)
            assert (list(found) if isinstance(found, tuple) else found) == value
    caps = data.get("policy", {}).get("caps", {})
    for key in ("creates", "clears", "removes", "gone"):
        cap, said = getattr(policy.caps, key), caps.get(key)
        assert (cap is None) == (said is None)
        if cap is not None:
            assert said == (cap.number if cap.share is None else f"{cap.share * 100:g}%")
    drift = data.get("drift", {})
    for key, usual in (("new", "ignore"), ("removed", "park"), ("retyped", "park")):
        assert getattr(policy.drift, key) == drift.get(key, usual)


RECORDS: list[dict[str, Any]] = [
    {},
    {
        "nick": "Zo",
        "birth": {"year": "1990"},
        "topics": "a/b",
        "boss": "Ann van Dam",
        "sorted_name": "X, Y",
        "site": "1 / 2",
    },
    {
        "nick": 3,
        "birth": {"year": "x"},
        "topics": [1],
        "boss": ["Ann"],
        "sorted_name": ",",
        "site": None,
        "archived": 1,
    },
    {"email": "a@x.com", "names": {"first": "A", "last": 3}, "stage": True, "phone": "+14155550100", "status": []},
    {"names": "x", "owner": None, "tags": [{"name": "t"}, 3], "score": {"a": 1}, "status": "subscribed"},
]


def assert_usable(made: Document) -> None:
    lens = compiled(made)
    for raw in RECORDS:
        reading = lens.get(raw)
        lens.put(reading.values, {"email": "denied"}, raw)


def run(source: bytes | str) -> bool:
    """Checks one mutation; True when it was accepted."""
    made, complaints = check(source, "m.yaml")
    if made is None:
        assert_told(complaints)
        return False
    assert complaints == ()
    text = source.decode() if isinstance(source, bytes) else source
    assert_faithful(load(text), made)
    assert_usable(made)
    return True


SEEDS = [EVERYTHING, *(path.read_text() for path in LIBRARY)]


@pytest.mark.parametrize("seed", range(8))
def test_mutated_data(seed: int) -> None:
    dice = random.Random(f"data {seed}")
    refused = 0
    for _ in range(40):
        data = mutated(dice, load(dice.choice([EVERYTHING, dice.choice(SEEDS)])))
        refused += not run(dump(data))
    assert refused > 5, "the mutations are too tame to show anything"


@pytest.mark.parametrize("seed", range(8))
def test_mangled_text(seed: int) -> None:
    dice = random.Random(f"text {seed}")
    for _ in range(30):
        data = mangled(dice, dice.choice(SEEDS))
        try:
            run(data)
        except YAMLError:  # pragma: no cover - what we accept, the library must read
            pytest.fail(f"accepted what the library refuses: {data!r}")


def form_is_right(text: str) -> tuple[bool, Any]:
    tree, complaints = read(text, "m.yaml")
    if tree is None:
        return not complaints, None
    checker = Checker("m.yaml")
    checker.check(tree, DOCUMENT)
    return not checker.complaints, plain(tree)


def keyed_by_text(data: Any) -> Any:
    if isinstance(data, dict):
        return {"true" if k is True else str(k): keyed_by_text(v) for k, v in data.items()}
    return [keyed_by_text(item) for item in data] if isinstance(data, list) else data


@pytest.mark.parametrize("seed", range(5))
def test_the_schema_agrees_with_the_checker(seed: int) -> None:
    dice = random.Random(f"schema {seed}")
    for _ in range(30):
        text = dump(mutated(dice, load(dice.choice(SEEDS))))
        right, data = form_is_right(text)
        if data is None:
            continue
        errors = [error.message for error in SCHEMA.iter_errors(keyed_by_text(data))]
        assert right == (not errors), (text, errors[:3])


def test_huge_documents_are_bounded() -> None:
    fields = "\n".join(f"  custom.f{n}: p{n}" for n in range(3000))
    _, complaints = check(f"mapping: a/b\nversion: 1\nentity: contact\nmatch: []\nfields:\n{fields}\n", "m.yaml")
    assert any("at most 500" in c.expected for c in complaints)
    rows = ", ".join(f"v{n}: lead" for n in range(2500))
    text = EVERYTHING.replace("New: subscriber", f"New: subscriber, {rows}")
    _, complaints = check(text, "m.yaml")
    assert any("at most 2000" in c.expected for c in complaints)


# -- expressions, composites, caps and drift: each mutation on its own -----------------------------------------------

EXPRESSIONS = [
    "record.",
    "rekord.a",
    "record.a + ",
    "record.a ? 1",
    "record.a.nosuch()",
    "1 + 'a'",
    "size(1)",
    "{'a': 1}",
    "b'a'",
    "duration('1h')",
    "record",
    "record[record.k]",
    "record.map(k, k)",
    "google.protobuf.Struct{}",
    "optional.none()",
    "record.?a",
    "record.a.replace('a', record.a).replace('a', record.a).replace('a', record.a)",
    "(" * 40 + "1" + ")" * 40,
    "\x00",
    "'\ud800'",
    "x" * 2_001,
    "",
]


@pytest.mark.parametrize("expression", EXPRESSIONS, ids=range(len(EXPRESSIONS)))
@pytest.mark.parametrize("place", ["fields.custom.age.compute", "scope.when"])
def test_a_bad_expression_is_refused_where_it_stands(expression: str, place: str) -> None:
    data = load(EVERYTHING)
    if place == "scope.when":
        data["scope"]["when"] = expression
    else:
        data["fields"]["custom.age"]["compute"] = expression
    text = dump(data)
    made, complaints = check(text, "m.yaml")
    assert made is None
    assert_told(complaints)
    if "\x00" not in expression and "\ud800" not in expression:  # those are refused as YAML, by line alone
        assert any(place in complaint.where for complaint in complaints), [str(c) for c in complaints]


WRONG: list[tuple[tuple[Any, ...], Any]] = [
    *((("fields", "custom.age", key), value) for key, value in (("path", "a"), ("constant", "x"), ("part", "p"))),
    *((("fields", "custom.age", key), value) for key, value in (("overwrite", False), ("direction", "both"))),
    *((("fields", "custom.age", "direction"), value) for value in ("out", "inn", None, 1)),
    *((("fields", "custom.age", "reads"), value) for value in ([], "a", [1], [""], {"a": 1})),
    (("fields", "email", "reads"), ["a"]),
    (("fields", "email", "write_if_empty"), True),
    *((("fields", "lifecycle_stage", "on_unknown"), value) for value in ("lead", {"defualt": "lead"}, {}, [], None)),
    *((("fields", "lifecycle_stage", "on_unknown"), {"default": value}) for value in ("leed", None, [], 7)),
    *((("composites", 0, key), value) for key, value in (("form", "given"), ("by", "/"), ("direction", "ours"))),
    *(
        (("composites", 0, "fields"), value)
        for value in (["custom.a"], ["custom.a", "custom.a"], ["email", "custom.a"])
    ),
    *((("composites", 0, "fields"), value) for value in (["custom.a", "custom.b", "custom.c"], ["a", "b"], None, "x")),
    *((("composites", 0, "fields"), value) for value in (["given_name", "custom.a"], ["phones", "custom.a"])),
    *((("composites", 0, "path"), value) for value in ("email", "names.first", "names", "", None, ["a", "b"])),
    *((("composites", 2, "by"), value) for value in ("", " ", "  ", 3, "x" * 11)),
    (("composites", 2, "form"), "given_first"),
    (("composites", 0), "boss"),
    (("composites",), {"boss": {}}),
    *((("policy", "caps", key), 5) for key in ("create", "updates", "")),
    *(
        (("policy", "caps", "creates"), value)
        for value in (-1, 1.5, True, "2", "101%", "-1%", "2 %", "%", "2.%", [], None)
    ),
    *((("policy", "caps"), value) for value in (5, "2%", [])),
    *((("drift", "new"), value) for value in ("park", "adopted", None, True)),
    *((("drift", "removed"), value) for value in ("bury", "", [])),
    (("drift", "renamed"), "park"),
    (("drift",), "park"),
    (("scope", "when"), True),
    (("scope",), {}),
    *((("version",), value) for value in (0, 3, "2", 2.5, True, None)),
]


@pytest.mark.parametrize(("place", "value"), WRONG, ids=range(len(WRONG)))
def test_what_is_wrong_with_the_new_words_is_named(place: tuple[Any, ...], value: Any) -> None:
    data = load(EVERYTHING)
    parent = data
    for step in place[:-1]:
        parent = parent[step]
    parent[place[-1]] = value
    made, complaints = check(dump(data), "m.yaml")
    assert made is None, place
    assert_told(complaints)
    named = ".".join(str(step) for step in place)
    near = named.rpartition(".")[0] or named
    assert any(near in complaint.where for complaint in complaints), [str(c) for c in complaints]
    right, plain_data = form_is_right(dump(data))
    assert right == (not list(SCHEMA.iter_errors(keyed_by_text(plain_data)))), "the schema says otherwise"
