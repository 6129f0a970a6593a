"""Composites: what is put together comes apart the same, or is not written; what didn't change is not rewritten."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.domain.values import Value, is_empty
from mappings.clauses import CompositeDoc
from mappings.compile import compiled
from mappings.composites import apart, together
from mappings.document import check, parse
from mappings.lens import Lens
from mappings.misfit import Misfit
from mappings.paths import merged
from tests.mappings.documents import document

NAMES = ("given_name", "family_name")


def made(composite: str, fields: str = "email: mail") -> Lens:
    return compiled(parse(document(fields, f"composites:\n  - {composite}\n"), "m.yaml"))


def full_name(form: str, more: str = "") -> Lens:
    return made(f"{{path: FullName, fields: [given_name, family_name], form: {form}{more}}}")


FORMS = [
    ("given_first", "Anna Smith", ("Anna", "Smith")),
    ("given_first", "  Anna  Maria\tSmith ", ("Anna Maria", "Smith")),
    ("given_first", "Ludwig van Beethoven", ("Ludwig", "van Beethoven")),
    ("given_first", "María de la Cruz", ("María", "de la Cruz")),
    ("given_first", "Van Morrison", ("Van", "Morrison")),
    ("given_first", "de la Cruz", ("de", "la Cruz")),
    ("given_first", "Anna", ("Anna", None)),
    ("given_first", " ", (None, None)),
    ("given_first", None, (None, None)),
    ("given_first", 12, ("12", None)),
    ("family_first", "Kovács János Pál", ("János Pál", "Kovács")),
    ("family_first", "van der Berg Anna Maria", ("Anna Maria", "van der Berg")),
    ("family_first", "Kovács", (None, "Kovács")),
    ("family_first", "van Berg", ("Berg", "van")),
    ("family_comma", "Smith, Anna Maria", ("Anna Maria", "Smith")),
    ("family_comma", "Smith Jones ,Anna", ("Anna", "Smith Jones")),
    ("family_comma", "Smith", (None, "Smith")),
    ("family_comma", ", Anna", ("Anna", None)),
    ("family_comma", "Smith, Anna, Maria", ("Anna, Maria", "Smith")),
]


@pytest.mark.parametrize(("form", "whole", "parts"), FORMS)
def test_a_full_name_comes_apart(form: str, whole: Any, parts: tuple[Value, Value]) -> None:
    reading = full_name(form).get({"FullName": whole})
    assert (reading.values["given_name"], reading.values["family_name"]) == parts
    assert full_name(form).get({}).values == {}


@pytest.mark.parametrize("odd", [True, ["Anna"], {"first": "Anna"}, "x" * 10_001])
def test_what_is_no_text_is_complained_of(odd: object) -> None:
    reading = full_name("given_first").get({"FullName": odd})
    assert not reading.values
    assert {c.field for c in reading.complaints} == set(NAMES)


def test_both_parts_make_a_whole_and_one_part_takes_the_other_from_the_record() -> None:
    lens = full_name("given_first")
    assert lens.put({"given_name": "Anna", "family_name": "Smith"}).values == {"FullName": "Anna Smith"}
    assert lens.put({"family_name": "Jones"}, None, {"FullName": "Anna  Maria Smith"}).values == {
        "FullName": "Anna Maria Jones"
    }
    assert lens.put({"given_name": "Bea"}, None, {"FullName": "Anna de la Cruz"}).values == {
        "FullName": "Bea de la Cruz"
    }
    assert lens.put({"given_name": "Anna"}).values == {"FullName": "Anna"}
    assert lens.put({"given_name": None, "family_name": None}, None, {"FullName": "Anna Smith"}).values == {
        "FullName": None
    }
    emptied = full_name("given_first", ", empty: is_null").put(
        {"given_name": None, "family_name": ""}, None, {"FullName": "Anna Smith"}
    )
    assert emptied.values == {"FullName": ""}


def test_what_did_not_change_is_not_rewritten() -> None:
    lens = full_name("given_first")
    odd = {"FullName": " Anna  Maria   Smith"}
    assert lens.put({"given_name": "Anna Maria", "family_name": "Smith"}, None, odd).values == {}
    assert lens.put({"given_name": "Anna  Maria "}, None, odd).values == {}
    assert lens.put({"family_name": None}, None, {"FullName": "Anna"}).values == {}


UNHOLDABLE = [
    ("given_first", "María", "García López"),
    ("given_first", None, "Smith"),
    ("given_first", "", "van Beethoven"),
    ("given_first", "Anna van", "Smith"),
    ("family_first", "Anna", "García López"),
    ("family_first", "Anna", None),
    ("family_comma", "Anna", "Smith, Jr."),
]


@pytest.mark.parametrize(("form", "given_", "family"), UNHOLDABLE)
def test_what_the_form_cannot_hold_is_told_and_not_written(form: str, given_: Value, family: Value) -> None:
    lens = full_name(form)
    for raw in (None, {}, {"FullName": "Bob, Bill"}, {"FullName": "Bob Hill"}):
        payload = lens.put({"given_name": given_, "family_name": family}, None, raw)
        assert payload.values == {}
        assert payload.complaints
        assert "taken apart" in payload.complaints[0].expected


def test_a_part_that_cannot_be_known_is_not_made_up() -> None:
    lens = full_name("given_first")
    payload = lens.put({"family_name": "Smith"}, None, {"FullName": ["Anna"]})
    assert payload.values == {}
    assert [c.field for c in payload.complaints] == ["family_name"]
    whole = lens.put({"given_name": "Anna", "family_name": "Smith"}, None, {"FullName": ["Anna"]})
    assert whole.values == {"FullName": "Anna Smith"}


LINES = '{path: Address, fields: [street, postal_code, city], by: "\\n"}'


def test_parts_in_lines() -> None:
    lens = made(LINES)
    raw = {"Address": "1 Main St\r\n10115\r\nBerlin\nMitte"}
    assert lens.get(raw).values == {"street": "1 Main St", "postal_code": "10115", "city": "Berlin\nMitte"}
    assert lens.put({"postal_code": "10117"}, None, raw).values == {"Address": "1 Main St\n10117\nBerlin\nMitte"}
    assert lens.put({"city": None}, None, raw).values == {"Address": "1 Main St\n10115"}
    assert lens.put({"postal_code": None}, None, raw).values == {"Address": "1 Main St\n\nBerlin\nMitte"}
    assert lens.put({"city": "Bonn"}).values == {"Address": "\n\nBonn"}
    assert lens.get({"Address": "1 Main St"}).values == {"street": "1 Main St", "postal_code": None, "city": None}
    assert lens.put({"street": "a\nb"}, None, raw).complaints[0].field == "street"


def test_a_whole_that_is_too_long_is_told() -> None:
    lens = full_name("given_first", ", max_length: 10")
    assert lens.put({"given_name": "Anna", "family_name": "Smith"}).values == {"FullName": "Anna Smith"}
    payload = lens.put({"given_name": "Anna", "family_name": "Smiths"})
    assert payload.complaints[0].expected == "at most 10 characters"


WORDS = st.lists(
    st.sampled_from(
        ["Anna", "van", "de", "la", "Smith", "O'Brien", "Zoë", "Jr.", "李", "al", ",", "Smith,", "|", "🦊"]
    ),
    max_size=4,
)
DOCS = st.sampled_from(
    [
        *(CompositeDoc("p", NAMES, form) for form in ("given_first", "family_first", "family_comma")),
        CompositeDoc("p", ("a", "b", "c"), by="\n"),
        CompositeDoc("p", ("a", "b"), by=" | "),
        CompositeDoc("p", ("a", "b", "c"), by=","),
    ]
)
WHOLES = st.lists(st.sampled_from([" ", "  ", "\n", ",", " | ", "Anna", "van", "Smith", "x", "\t"]), max_size=9).map(
    "".join
)


@given(DOCS, st.data())
@settings(max_examples=400)
def test_together_then_apart(doc: CompositeDoc, data: Any) -> None:
    parts = tuple(" ".join(data.draw(WORDS)) for _ in doc.fields)
    try:
        whole = together(doc, parts)
    except Misfit:
        return
    assert apart(doc, whole) == tuple(part.strip() for part in parts)


@given(DOCS, WHOLES)
@settings(max_examples=400)
def test_what_came_apart_goes_together_again(doc: CompositeDoc, whole: str) -> None:
    """Reading, writing and reading again gives the same parts: nothing drifts, whatever stands there."""
    parts = apart(doc, whole)
    try:
        again = together(doc, parts)
    except Misfit:
        assert doc.form == "given_first" or doc.form == "family_first" or doc.by
        return
    assert apart(doc, again) == parts
    assert together(doc, apart(doc, again)) == again


LENSES = [
    full_name("given_first"),
    full_name("family_first", ", empty: is_null"),
    full_name("family_comma"),
    made(LINES),
]
VALUES = WHOLES | st.none() | WORDS.map(" ".join)


@given(st.sampled_from(LENSES), st.data())
@settings(max_examples=400)
def test_the_laws(lens: Lens, data: Any) -> None:
    path = lens.writes[-1]
    names = [name for name, (_, paths) in lens.by_field.items() if paths == (path,)]
    raw = data.draw(st.none() | st.just({}) | st.builds(lambda v: {path: v}, VALUES | st.integers(0, 9)))
    values = {name: data.draw(VALUES) for name in data.draw(st.sets(st.sampled_from(names)))}
    payload = lens.put(values, None, raw)
    after = lens.get(merged(raw, payload.values)).values
    told = {c.field for c in payload.complaints}
    for name, value in values.items():
        if name in told:
            assert payload.values == {}
        elif not (is_empty(after[name]) and not (value or "").strip()):
            assert " ".join(str(after[name]).split()) == " ".join((value or "").split())
    untold = set(names) - values.keys()
    before = lens.get(raw or {}).values
    if raw is not None and path in raw:
        assert {n: after[n] for n in untold} == {n: before[n] for n in untold}, "the other parts stay"
        assert lens.put(before, None, raw).values == {}
    assert lens.put({**values}, None, merged(raw, payload.values)).values == {}, "a second telling changes nothing"


@given(st.sampled_from(LENSES[:3]), st.sampled_from(LENSES[:3]), WHOLES)
@settings(max_examples=400)
def test_two_systems_with_other_forms_come_to_rest(one: Lens, other: Lens, whole: str) -> None:
    """A full name goes from one to the other and back, again and again: after the first round nothing moves."""
    left: dict[str, Any] = {"FullName": whole}
    right: dict[str, Any] = {}
    seen = []
    for _ in range(4):
        right = merged(right, other.put(one.get(left).values, None, right).values)
        if right:
            left = merged(left, one.put(other.get(right).values, None, left).values)
        seen.append((left, right))
    assert seen[1] == seen[2] == seen[3]


# -- one canonical text in several remote fields ------------------------------------------------------------------

STREETS = 'street: {path: [line_1, line_2, line_3], join: "\\n", direction: both}'


def streets() -> Lens:
    return compiled(parse(document("email: mail\n" + STREETS), "m.yaml"))


def test_lines_go_to_a_field_each() -> None:
    lens = streets()
    raw = {"line_1": "1 Main St", "line_2": None, "line_3": ""}
    assert lens.get(raw).values == {"street": "1 Main St"}
    assert lens.put({"street": "1 Main St"}, None, raw).values == {}
    assert lens.put({"street": "1 Main St\nFlat 2"}, None, raw).values == {"line_2": "Flat 2"}
    assert lens.put({"street": "a\nb\nc\nd"}).values == {"line_1": "a", "line_2": "b", "line_3": "c\nd"}
    assert lens.put({"street": None}, None, raw).values == {"line_1": None}
    assert lens.put({"street": "x"}, None, {"line_1": "a", "line_2": "b"}).values == {"line_1": "x", "line_2": None}
    assert lens.put({"street": "a\n\nb"}).complaints[0].field == "street"
    assert lens.put({"street": None}).values == {"line_1": None}


@given(st.lists(st.sampled_from(["a", "b c", "", " ", " x"]), max_size=5).map("\n".join), st.data())
@settings(max_examples=300)
def test_the_laws_of_lines(street: str, data: Any) -> None:
    lens = streets()
    shown = st.dictionaries(
        st.sampled_from(["line_1", "line_2", "line_3"]), st.sampled_from([None, "", "a", "b\nc", 5])
    )
    raw = data.draw(st.none() | shown)
    payload = lens.put({"street": street}, None, raw)
    after = lens.get(merged(raw, payload.values)).values
    if payload.complaints:
        assert payload.values == {}
    else:
        assert after["street"] == street or (is_empty(after["street"]) and not street)
    if raw:
        assert lens.put(lens.get(raw).values, None, raw).values == {}


def test_lines_with_a_transform_are_only_read() -> None:
    text = document('email: mail\nstreet: {path: [a, b], join: ", ", transform: [first_word], direction: both}')
    _, complaints = check(text, "m.yaml")
    assert [c.where for c in complaints] == ["m.yaml:7 fields.street.direction"]
    usual = parse(document('email: mail\nstreet: {path: [a, b], join: ", "}'), "m.yaml")
    assert str(usual.policy.fields["street"].direction) == "in", "as it always was unless both is said"


def test_a_part_that_is_dropped_leaves_the_other_in_place() -> None:
    lens = full_name("given_first").without(["given_name"])
    assert lens.get({"FullName": "Anna Smith"}).values == {"family_name": "Smith"}
    assert lens.put({"family_name": "Jones", "given_name": "Bea"}, None, {"FullName": "Anna Smith"}).values == {
        "FullName": "Anna Jones"
    }
    assert "FullName" not in full_name("given_first").without(NAMES).reads
