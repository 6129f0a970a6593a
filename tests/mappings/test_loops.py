"""Loops that never settle: planted ones are found and named, the library as shipped has none."""

from __future__ import annotations

import pytest

from mappings import library
from mappings.clauses import Document
from mappings.document import parse
from mappings.loops import loops
from tests.mappings.documents import document


def shipped() -> dict[str, Document]:
    paths = {f"{c}/{s}": library.source(c, s) for c, s in library.names()}
    return {name: parse(path.read_text(encoding="utf-8"), str(path)) for name, path in paths.items()}


def between(*fields: str, entity: str = "contact") -> tuple[str, ...]:
    """The complaints of systems a, b, ... with one document each."""
    rest = "policy: {creates: false}"
    texts = {name: document(text, rest, entity=entity) for name, text in zip("abc", fields, strict=False)}
    made = {f"{name}/people": parse(text, f"{name}.yaml") for name, text in texts.items()}
    return tuple(str(complaint) for complaint in loops(made))


def test_the_library_as_shipped_has_none() -> None:
    assert loops(shipped()) == ()


def test_upper_in_one_and_lower_in_the_other() -> None:
    found = between(
        "title: {path: t, normalise: [trim, upper], compare: exact}",
        "title: {path: t, normalise: [trim, lower], compare: exact}",
    )
    assert any("a/people and b/people" in text and "fields.title" in text for text in found), found
    assert all("direction: in" in text or "compare: casefold" in text for text in found)
    assert any(text.startswith("a.yaml:6 fields.title: ") for text in found)


def test_upper_and_lower_are_one_where_the_compare_says_so() -> None:
    assert between("title: {path: t, normalise: [trim, upper]}", "title: {path: t, normalise: [trim, lower]}") == ()


@pytest.mark.parametrize("second", ["title: t", "title: {path: t, direction: in}"])
def test_an_exact_compare_on_a_field_that_is_read_in_lower_case(second: str) -> None:
    (found,) = between("title: {path: t, normalise: [trim, lower], compare: exact}", second)
    assert "Say `compare: casefold`" in found
    assert "from b/people, which a/people then shows as" in found


def test_a_compare_stricter_than_the_reading_harms_nobody_alone() -> None:
    assert between("title: {path: t, normalise: [trim, lower], compare: exact}") == ()


def test_a_table_that_rotates_on_its_own() -> None:
    table = "table: {x: lead, y: mql}, write_table: {lead: y, mql: x}"
    (found,) = between(f"lifecycle_stage: {{path: s, {table}}}")
    assert "comes to rest between a/people after 2 rounds" in found
    assert '"lead" -> a/people "mql" -> a/people "lead"' in found


def test_two_tables_that_rest_alone_and_rotate_together() -> None:
    up = "lifecycle_stage: {path: s, table: {Y: mql}, write_table: {lead: Y}}"
    down = "lifecycle_stage: {path: s, table: {W: lead}, write_table: {mql: W}}"
    assert between(up) == ()
    assert between(down) == ()
    (found,) = between(up, down)
    assert "a/people and b/people" in found


def test_a_system_with_fewer_words_that_says_so_is_no_loop() -> None:
    full = "lifecycle_stage: {path: s, table: {L: lead, M: mql, S: sql}}"
    few = "lifecycle_stage: {path: s, table: {L: lead}, write_table: {mql: L, sql: L}}"
    assert between(full, few) == ()


def test_days_and_moments_of_one_field() -> None:
    found = between("custom.seen: {path: s, kind: datetime}", "custom.seen: {path: s, kind: date}")
    assert any("a/people and b/people" in text and "custom.seen" in text for text in found), found


def test_a_number_that_takes_the_zeros_off_a_text() -> None:
    (found,) = between("custom.code: {path: c, kind: text}", "custom.code: {path: c, kind: integer}")
    assert '"012" from a/people, which b/people then shows as 12' in found


def test_a_default_that_fills_what_was_erased() -> None:
    (found,) = between(
        "title: {path: t, empty: is_null, transform: [{default: CEO}]}", "title: {path: t, empty: is_null}"
    )
    assert "leave the default out" in found


@pytest.mark.parametrize("quiet", ["direction: in", "direction: out", "weight: never", "weight: if_empty"])
def test_who_has_no_say_keeps_no_loop_going(quiet: str) -> None:
    up = f"lifecycle_stage: {{path: s, table: {{Y: mql}}, write_table: {{lead: Y}}, {quiet}}}"
    down = "lifecycle_stage: {path: s, table: {W: lead}, write_table: {mql: W}}"
    assert between(up, down) == ()


def test_only_filling_keeps_no_loop_going() -> None:
    up = "lifecycle_stage: {path: s, table: {Y: mql}, write_table: {lead: Y}, overwrite: false}"
    down = "lifecycle_stage: {path: s, table: {W: lead}, write_table: {mql: W}}"
    assert between(up, down) == ()


def test_entities_do_not_meet() -> None:
    contact = parse(document("custom.x: {path: x, normalise: [upper], compare: exact}"), "a.yaml")
    lower = "name: n\ncustom.x: {path: x, normalise: [lower], compare: exact}"
    campaign = parse(document(lower, "policy: {creates: false}", entity="campaign"), "b.yaml")
    assert loops({"a/people": contact, "b/campaigns": campaign}) == ()


def test_characters_typed_in_two_ways_are_one() -> None:
    assert between("title: {path: t, normalise: [trim, nfc]}", "title: t") == ()


def test_a_full_name_and_its_parts() -> None:
    whole = "composites: [{path: name, form: given_first, fields: [given_name, family_name]}]\npolicy: {creates: false}"
    one = parse(document("title: t", whole).replace("version: 1", "version: 2"), "a.yaml")
    two = parse(document("given_name: first\nfamily_name: last", "policy: {creates: false}"), "b.yaml")
    assert loops({"a/people": one, "b/people": two}) == ()
    upper = "given_name: {path: first, normalise: [trim, upper], compare: exact}\nfamily_name: last"
    two = parse(document(upper, "policy: {creates: false}"), "b.yaml")
    (said,) = loops({"a/people": one, "b/people": two})
    assert said.where == "b.yaml:6 fields.given_name"


def test_computed_values_are_carried_on() -> None:
    compute = "title: {compute: 'record.t.upperAscii()'}"
    one = parse(document(compute, "policy: {creates: false}").replace("version: 1", "version: 2"), "a.yaml")
    lower = "title: {path: t, normalise: [trim, lower], compare: exact}"
    two = parse(document(lower, "policy: {creates: false}"), "b.yaml")
    (said,) = loops({"a/people": one, "b/people": two})
    assert "from a/people, which b/people then shows as" in said.said
