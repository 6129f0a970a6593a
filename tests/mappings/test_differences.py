"""Differences by meaning: each is told once, in the document's words; layout, order of keys and defaults are none."""

from __future__ import annotations

import random

import pytest

from mappings import library
from mappings.clauses import Document
from mappings.differences import Difference, differences, unified
from mappings.document import parse
from mappings.rewriting import remove_field, set_in
from tests.mappings.documents import EVERYTHING, document

BASE = document(
    """
    email: {path: mail, normalise: [trim, lower]}
    title: job
    lifecycle_stage: {path: stage, table: {New: lead, true: customer}}
    phone: {path: phone, normalise: [phone], country: US}
    """,
    """
    consent: {email: {read: {path: optout, denied: ['yes']}, write: {deny: {optout: 'yes'}}}}
    policy: {creates: false}
    examples: [{raw: {mail: a@x.example}, includes: {email: a@x.example}}]
    """.replace("\n    ", "\n"),
)


def of(text: str) -> Document:
    return parse(text, "x.yaml")


def told(new: str, old: str = BASE) -> list[str]:
    return [str(difference) for difference in differences(of(old), of(new))]


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        ("fields.title", "role", "fields.title.path: job becomes role"),
        ("fields.title", {"path": "job", "direction": "in"}, "fields.title.direction: both becomes in"),
        ("fields.lifecycle_stage.table.New", "mql", "fields.lifecycle_stage.table.New: lead becomes mql"),
        ("fields.lifecycle_stage.table.true", "sql", "fields.lifecycle_stage.table.true: customer becomes sql"),
        ("fields.lifecycle_stage.table.Old", "sql", "fields.lifecycle_stage.table.Old: now sql"),
        ("fields.city", "town", "fields.city: now town"),
        ("fields.city", {"path": "t", "direction": "in"}, "fields.city: now {path: t, direction: in}"),
        ("fields.custom.n", {"path": "k", "kind": "text"}, "fields.custom.n: now {path: k, kind: text}"),
        ("fields.phone.country", "DE", "fields.phone.country.default: US becomes DE"),
        ("match.0.from", ["mail", "mail2"], "match.0.from: mail becomes [mail, mail2]"),
        ("consent.email.write.deny.optout", "out", 'consent.email.write.deny.optout: "yes" becomes out'),
        ("policy.on_gone", "bury", "policy.on_gone: unlink becomes bury"),
        ("scope.where", [{"path": "a", "in": ["b"]}], "scope.0: now {path: a, in: [b]}"),
    ],
)
def test_one_change_is_one_difference(place: str, value: object, said: str) -> None:
    assert told(set_in(BASE, place, value)) == [said]


def test_what_is_gone_is_told() -> None:
    assert told(remove_field(BASE, "title")) == ["fields.title: no longer job"]
    assert told(BASE, set_in(BASE, "fields.lifecycle_stage.table.Old", "sql")) == [
        "fields.lifecycle_stage.table.Old: no longer sql"
    ]


def test_examples_are_told_whole() -> None:
    new = set_in(BASE, "examples.0.includes.email", "b@x.example")
    come, gone = differences(of(BASE), of(new))
    assert (come.path, come.before) == ("examples", "nothing")
    assert "b@x.example" in come.after
    assert gone.after == "nothing"


def test_what_means_the_same_is_no_difference() -> None:
    spelt = set_in(set_in(BASE, "fields.title", {"path": ["job"], "direction": "both"}), "policy.on_gone", "unlink")
    moved = BASE.replace(
        "email: {path: mail, normalise: [trim, lower]}", "email: {normalise: [trim, lower], path: mail}"
    )
    assert told(spelt) == []
    assert told("# another comment\n" + moved + "\nabout: Words.\n") == []


def test_true_and_1_are_two_things() -> None:
    one = set_in(BASE, "consent.email.write.deny.optout", 1)
    true = set_in(BASE, "consent.email.write.deny.optout", True)
    assert told(true, one) == ["consent.email.write.deny.optout: 1 becomes true"]


@pytest.mark.parametrize("text", [EVERYTHING, *(library.source(c, s).read_text() for c, s in library.names())])
def test_a_difference_is_told_whenever_the_meaning_differs(text: str) -> None:
    """Every key of every document: taking it out or changing it changes the hash and tells of it, or does neither."""
    document_ = of(text)
    assert differences(document_, document_) == ()
    dice = random.Random(1)
    fields = [field.name for field in document_.fields]
    for name in dice.sample(fields, min(6, len(fields))):
        place = ("fields", name, "direction")
        for direction in ("in", "out", "both"):
            try:
                other = of(set_in(text, place, direction))
            except Exception:
                continue
            found = differences(document_, other)
            before = next(f for f in document_.fields if f.name == name)
            after = next(f for f in other.fields if f.name == name)
            assert bool(found) == (before != after)


def test_lines_that_differ() -> None:
    new = set_in(BASE, "fields.title", "role")
    found = unified(BASE, new, old_name="version 1", new_name="version 2")
    assert found.startswith("--- version 1\n+++ version 2\n")
    assert "-  title: job\n+  title: role\n" in found
    assert unified(BASE, BASE) == ""


def test_a_difference_says_what_becomes_of_what() -> None:
    assert str(Difference("a.b", "nothing", "x")) == "a.b: now x"
    assert str(Difference("a.b", "x", "nothing")) == "a.b: no longer x"


def test_expressions_and_composites_are_told() -> None:
    two = BASE.replace("version: 1", "version: 2")
    assert told(set_in(two, "fields.title", {"compute": "record.job"}), two)[-1] == "fields.title.path: no longer job"
    found = told(set_in(two, "fields.city", {"compute": "record.town"}), two)
    assert found == ["fields.city: now {direction: in, compute: record.town}"]
    assert told(set_in(two, "scope.when", "record.x == 1"), two) == ["scope.when: now record.x == 1"]
    parts = [{"path": "name", "form": "given_first", "fields": ["given_name", "family_name"]}]
    found = told(set_in(two, "composites", parts), two)
    assert [said.partition(":")[0] for said in found] == ["fields.given_name", "fields.family_name"]
    assert told(set_in(two, "drift.new", "adopt"), two) == ["policy.drift.new: ignore becomes adopt"]
