"""Generated cases: broken laws are found and named; what is shipped breaks none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from mappings import library
from mappings.cases import check
from mappings.compile import compiled
from mappings.document import parse
from mappings.lens import Lens
from mappings.reading import Payload, Reading, ValueComplaint
from tests.mappings.documents import EVERYTHING, document


def texts() -> list[tuple[str, str]]:
    shipped = [(f"{c}/{s}", library.source(c, s).read_text(encoding="utf-8")) for c, s in library.names()]
    return [("everything", EVERYTHING), *shipped]


def tried(fields: str, rest: str = "") -> tuple[str, ...]:
    made = parse(document(fields, rest or "policy: {creates: false}"), "x.yaml")
    return tuple(str(said) for said in check(made, compiled(made)))


class Slipping:
    """A lens of which one side is spoilt."""

    def __init__(self, lens: Lens, **spoilt: Callable[..., Any]) -> None:
        self.lens = lens
        self.spoilt = spoilt

    def __getattr__(self, name: str) -> Any:
        return self.spoilt[name] if name in self.spoilt else getattr(self.lens, name)


def slipping(fields: str, **spoilt: Callable[..., Any]) -> tuple[str, ...]:
    made = parse(document(fields, "policy: {creates: false}"), "x.yaml")
    return tuple(str(said) for said in check(made, Slipping(compiled(made), **spoilt)))  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "text"), texts(), ids=[name for name, _ in texts()])
def test_what_is_shipped_breaks_no_law(name: str, text: str) -> None:
    made = parse(text, name)
    assert check(made, compiled(made)) == ()


def test_the_cases_are_the_same_each_time() -> None:
    fields = "lifecycle_stage: {path: s, normalise: [trim, lower], table: {New: lead, Old: mql}}"
    assert tried(fields) == tried(fields)


def test_normalisers_that_change_the_words_of_the_table() -> None:
    (said,) = tried("lifecycle_stage: {path: s, normalise: [trim, lower], table: {New: lead, Old: mql}}")
    assert said.startswith('x.yaml:6 fields.lifecycle_stage: "lead" is written in a form that cannot be read again')
    assert "write its keys in that form" in said


def test_a_normaliser_that_hides_the_prefix_from_its_transform() -> None:
    found = tried("title: {path: t, normalise: [trim, upper], transform: [{remove_prefix: 'x:'}]}")
    assert any("reads back as" in said for said in found)


def test_normalisers_that_do_more_when_done_twice() -> None:
    found = tried("title: {path: t, normalise: [strip_apostrophe, trim]}")
    assert any("done twice" in said for said in found), found


def test_a_table_that_lets_other_words_pass_is_quiet() -> None:
    assert tried("custom.x: {path: x, table: {a: b, b: c}, on_unknown: pass}") == ()


def test_a_denial_that_reads_back_as_a_grant() -> None:
    read = "read: {path: s, denied: [no], granted: [out], evidence: {who: me, how: form, when: at}}"
    (said,) = tried("title: t", f"consent: {{email: {{{read}, write: {{deny: {{s: out, at: '2026-01-01'}}}}}}}}")
    assert "x.yaml:7 consent.email" in said
    assert "what is written for denied reads back as granted" in said


def test_reading_and_writing_that_raise_are_reported_by_field() -> None:
    def raises(*_args: object) -> Any:
        raise KeyError("x")

    (said,) = slipping("title: {path: t, direction: in}", get=raises)
    assert "fields.title: " in said
    assert "raises KeyError" in said
    made = parse(document("title: t", "policy: {creates: false}"), "x.yaml")
    whole = compiled(made)

    def put(values: Mapping[str, Any], *others: Any) -> Payload:
        if values == {"title": True}:
            raise ValueError("x")
        return whole.put(values, *others)

    (said,) = slipping("title: t", put=put)
    assert "writing true raises ValueError" in said


def test_complaints_without_a_field_are_reported() -> None:
    def get(_raw: object, _at: object = None) -> Reading:
        return Reading({}, complaints=(ValueComplaint("", "t", "x", "y"),))

    assert any("without its field" in said for said in slipping("title: {path: t, direction: in}", get=get))


def test_writing_what_was_read_is_held_to_change_nothing() -> None:
    def put(_values: object, *_others: Any) -> Payload:
        return Payload({"t": "again"})

    assert any("writing it back changes t" in said for said in slipping("title: t", put=put))


def test_numbers_in_text_fields_are_normalised_like_their_digits() -> None:
    lens = compiled(
        parse(document("phone: {path: p, normalise: [phone], country: US}", "policy: {creates: false}"), "x")
    )
    assert lens.get({"p": 4155550100}).values["phone"] == "+14155550100"
