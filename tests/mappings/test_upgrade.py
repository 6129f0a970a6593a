"""Documents of older versions: they compile to what they meant, and complaints name the author's words and lines.

The documents in `version_1` are as they were written in that version. What they mean now is said here a second time,
by rewriting their text, so that the upgrade is held against something that is not itself.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from mappings import examples, survivorship
from mappings.compile import compiled
from mappings.document import check, parse
from mappings.language import VERSION
from mappings.shapes import Checker
from mappings.tree import Node, plain, read
from mappings.upgrade import STEPS, current
from tests.mappings.documents import VERSION_1
from tests.mappings.test_laws import LIKELY, merged

MAPPINGS = sorted([*VERSION_1.glob("*/*.yaml"), VERSION_1 / "everything.yaml"])
ENTITIES = [VERSION_1 / "contact.yaml", VERSION_1 / "campaign.yaml"]
each = pytest.mark.parametrize("path", MAPPINGS, ids=lambda path: f"{path.parent.name}/{path.stem}")


def rewritten(text: str) -> str:
    """The text in the words of version 2."""
    text = re.sub(r"^version: 1$", "version: 2", text, flags=re.M)
    text = text.replace("write_if_empty: true", "overwrite: false")
    return re.sub(r"on_unknown: (?!reject|pass)(\w+)", r"on_unknown: {default: \1}", text)


@each
def test_an_old_document_means_what_its_present_form_means(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert "version: 1" in text
    old, new = parse(text, "m.yaml"), parse(rewritten(text), "m.yaml")
    assert old.hash == new.hash
    assert old == new
    assert examples.run(old, compiled(old)) == ()


@each
@given(data=st.data())
@settings(deadline=None, max_examples=25)
def test_an_old_document_reads_and_writes_alike(path: Path, data: Any) -> None:
    text = path.read_text(encoding="utf-8")
    old, new = compiled(parse(text, "m.yaml")), compiled(parse(rewritten(text), "m.yaml"))
    raw: dict[str, Any] = {}
    for place in old.reads:
        if data.draw(st.booleans()):
            raw = merged(raw, {place.replace("[]", ""): data.draw(LIKELY)})
    assert old.get(raw) == new.get(raw)
    values = old.get(raw).values
    assert old.put(values, {"email": "denied"}) == new.put(values, {"email": "denied"})
    assert (old.policy, old.reads, old.writes) == (new.policy, new.reads, new.writes)


@pytest.mark.parametrize("path", ENTITIES, ids=lambda path: path.stem)
def test_an_old_entity_document_means_the_same(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert survivorship.parse(text, "m") == survivorship.parse(rewritten(text), "m")


def test_there_is_a_documented_step_from_every_version() -> None:
    assert [step.since for step in STEPS] == list(range(1, VERSION))
    readme = (Path(__file__).parents[2] / "mappings" / "README.md").read_text(encoding="utf-8")
    for step in STEPS:
        assert step.about
        assert " ".join(step.about.split()) in " ".join(readme.split()), f"say in the README: {step.about}"


def test_the_upgrade_changes_no_tree_that_it_is_given() -> None:
    text = (VERSION_1 / "everything.yaml").read_text(encoding="utf-8")
    tree, _ = read(text, "m.yaml")
    assert tree is not None
    before = plain(tree)
    made = current(Checker("m.yaml"), tree)
    assert plain(tree) == before
    assert plain(made)["version"] == VERSION
    assert current(Checker("m.yaml"), made) == made, "the present version is left as it is"


def lines_of(node: Node) -> set[int]:
    below = node.value.values() if isinstance(node.value, dict) else node.value if isinstance(node.value, list) else ()
    inner = [entry if isinstance(entry, Node) else entry.node for entry in below]
    return {node.line}.union(*map(lines_of, inner))


def test_no_line_is_made_up() -> None:
    tree, _ = read((VERSION_1 / "everything.yaml").read_text(encoding="utf-8"), "m.yaml")
    assert tree is not None
    assert lines_of(current(Checker("m.yaml"), tree)) <= lines_of(tree)


OLD = """\
mapping: acme/people
version: 1
entity: contact
match: [{key: email, from: mail}]
fields:
  email: mail
"""
WRONG = [
    ("  title: {path: t, write_if_empty: sometimes}", "7 fields.title.write_if_empty", "true or false"),
    ("  title: {constant: t, write_if_empty: true}", "7 fields.title.write_if_empty", "only"),
    (
        "  lifecycle_stage: {path: t, table: {a: lead}, on_unknown: leed}",
        "7 fields.lifecycle_stage.on_unknown",
        "one of",
    ),
    (
        "  lifecycle_stage: {path: t, table: {a: lead}, on_unknown: [lead]}",
        "7 fields.lifecycle_stage.on_unknown",
        "reject",
    ),
    (
        "  lifecycle_stage: {path: t, table: {a: lead}, on_unknown: {default: lead}}",
        "7 fields.lifecycle_stage.on_unknown",
        "a canonical value",
    ),
    ("  title: {path: t, overwrite: false}", "7 fields.title.overwrite", "a word of version 1"),
    ("  title:\n    compute: record.t", "8 fields.title.compute", "a word of version 1"),
    ("scope: {when: record.x}", "7 scope.when", "a word of version 1"),
    ("policy: {caps: {creates: 1}}", "7 policy.caps", "a word of version 1"),
    ("drift: {new: adopt}", "7 drift", "a word of version 1"),
    ("composites: []", "7 composites", "a word of version 1"),
]


@pytest.mark.parametrize(("more", "where", "expected"), WRONG)
def test_complaints_name_what_the_author_wrote(more: str, where: str, expected: str) -> None:
    made, complaints = check(OLD + more + "\n", "m.yaml")
    assert made is None
    told = [c for c in complaints if c.where == f"m.yaml:{where}"]
    assert told, [str(c) for c in complaints]
    assert expected in told[0].expected


def test_a_word_of_version_1_in_version_2_says_what_took_its_place() -> None:
    text = OLD.replace("version: 1", "version: 2") + "  title: {path: t, write_if_empty: true}\n"
    _, complaints = check(text, "m.yaml")
    (told,) = complaints
    assert told.where == "m.yaml:7 fields.title.write_if_empty"
    assert told.mend == "Say `overwrite: false`"


def test_reject_and_pass_can_be_meant_as_values() -> None:
    text = OLD.replace("version: 1", "version: 2") + "  title: {path: t, table: {a: b}, on_unknown: {default: pass}}\n"
    assert compiled(parse(text, "m.yaml")).get({"t": "x"}).values == {"title": "pass"}


@pytest.mark.parametrize("version", ["0", "3", "one", "1.5", "", "[1]", "true"])
def test_a_version_that_never_was_is_refused(version: str) -> None:
    made, complaints = check(OLD.replace("version: 1", f"version: {version}"), "m.yaml")
    assert made is None
    assert any(c.where == "m.yaml:2 version" for c in complaints)


@each
def test_mutations_of_old_documents_are_refused_or_mean_what_they_say(path: Path) -> None:
    """As `test_mutations` does for the present version; here the text's own words are compared."""
    import random

    from tests.mappings.test_mutations import assert_told, assert_usable, dump, load, mutated

    dice = random.Random(f"old {path.stem}")
    yaml = YAML(typ="safe", pure=True)
    for _ in range(15):
        text = dump(mutated(dice, load(path.read_text(encoding="utf-8"))))
        made, complaints = check(text, "m.yaml")
        if made is None:
            assert_told(complaints)
            continue
        assert_usable(made)
        said = yaml.load(text)["fields"]
        for field in made.fields:
            own = said[field.name]
            assert field.write_if_empty == (isinstance(own, dict) and own.get("write_if_empty") is True)
            unknown = own.get("on_unknown", "reject") if isinstance(own, dict) else "reject"
            assert unknown == (field.default if field.on_unknown == "default" else field.on_unknown)
