"""The quick ways of reading give what a plain reading gives: the same values, complaints, keys, consent and scope."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hub.domain import moments
from mappings import kinds
from mappings.compile import compiled
from mappings.document import parse
from mappings.memo import LONGEST, Memo
from mappings.misfit import Misfit
from mappings.paths import merged
from tests.mappings.documents import document
from tests.mappings.plain_reading import plainly
from tests.mappings.test_laws import PAIRS, WORDS, each, records

FORMS = parse(
    document(
        """
        email: {path: mail, normalise: [trim, lower], empty: is_null}
        emails: {path: [mail, more, deep.mail], split: ";", normalise: [trim, lower], direction: in}
        phone: {path: tel, normalise: [phone], country: {path: land, default: US}, max_length: 20}
        phones: {path: [tel, deep.tel], normalise: [phone], country: {path: land, default: US}, direction: in}
        given_name: {path: first, normalise: [trim, nfc], empty: is_null}
        family_name: last
        city: {path: deep.city, max_length: 5}
        street: {path: deep.street, normalise: [trim, nfc]}
        region: {path: deep.down.state, empty: is_null}
        postal_code: {path: zip, empty: is_missing}
        country: {path: land, transform: [country_name, {default: US}]}
        title: {path: title, table: {Boss: CEO, "": none}, on_unknown: pass}
        company_name: {path: firm, normalise: [collapse_spaces, upper]}
        owner_email: {path: deep.owner, normalise: [trim, lower]}
        custom.tags: {path: tags, kind: text_set, split: ",", table: {a: A, b: B}, on_unknown: reject}
        custom.words: {path: [words], kind: text_set}
        custom.any: {path: any, normalise: []}
        custom.n: {path: number, kind: integer}
        """,
        match="match:\n"
        "- {key: email, from: [mail, more], split: ';', normalise: [trim, lower]}\n"
        "- {key: phone_name, from: [tel, first, last], split: ';', country: {path: land, default: US}}",
    ),
    "forms.yaml",
)
PAIRS_AND_FORMS = [*PAIRS, (FORMS, compiled(FORMS))]
MAILS = "a@x.com; B@X.com ;;| A@x.com |info@x.com|a+b@x.com|info+1@x.com|two words@x.com|ΑΣ@x.com;ΣΑ@x.com|İ@x.com"
PHONES = "(415) 555-0100|030 1234567|+49 30 1234567|+1 415 555 0101 x7|ask"
WORDS_OF_ALL = "Anna| José |Jose\u0301|\u00a0Zoë|Germany|us|Atlantis|Boss|a,b,c|a, a ,b| ||12|info@x.com| b"
LONG = ["x" * 150, "x" * 1_100, "x" * 10_001, ";".join(f"m{number}@x.com" for number in range(201)), "a|b@x.com"]
TEXTS = st.sampled_from([*"|".join([MAILS, PHONES, WORDS_OF_ALL]).split("|"), *LONG])
VALUES = (
    TEXTS | TEXTS | WORDS | st.none() | st.integers(0, 10**10) | st.booleans() | st.lists(TEXTS | st.none(), max_size=3)
)


@st.composite
def forms(draw: st.DrawFn) -> dict[str, Any]:
    raw: dict[str, Any] = {}
    for path in draw(st.lists(st.sampled_from(compiled(FORMS).reads), unique=True)):
        value = draw(VALUES)
        raw = {**raw, path: value} if draw(st.integers(0, 9)) == 0 else merged(raw, {path: value})
    if draw(st.integers(0, 9)) == 0:
        raw["deep"] = draw(VALUES)
    return raw


def assert_same(which: int, raw: dict[str, Any], modified_at: str | None) -> None:
    read, lens = PAIRS_AND_FORMS[which]
    said, expected = lens.get(raw, modified_at), plainly(read, raw, modified_at)
    assert typed(said.values) == typed(expected.values)
    assert sorted((c.field, c.path, c.expected) for c in said.complaints) == sorted(expected.told)
    assert list(said.keys) == expected.keys
    assert said.consent == expected.consent
    assert said.in_scope is expected.in_scope
    for name, (alone, _) in lens.by_field.items():
        values: dict[str, Any] = {}
        alone(raw, values, [])
        assert typed(values) == typed({name: value for name, value in expected.values.items() if name in values})
        assert (name in values) == (name in expected.values)


def typed(values: Any) -> dict[str, tuple[type, Any]]:
    """Values with their types, since True is 1 in Python."""
    return {name: (type(value), value) for name, value in values.items()}


@each
@given(data=st.data())
@settings(deadline=None, max_examples=60)
def test_a_lens_reads_what_a_plain_reading_reads(which: int, data: Any) -> None:
    assert_same(which, data.draw(records(which)), data.draw(st.none() | st.just("2026-01-01T00:00:00.000Z")))


@given(raw=forms())
@settings(deadline=None, max_examples=500)
@example(raw={"tel": 4155550100, "first": "A", "last": "B"})
@example(raw={"tel": "(415) 555-0100;030 1234567", "first": "A", "last": "B"})
@example(raw={"deep": {"city": "Bonn"}, "deep.city": "Köln"})
@example(raw={"mail": "x@x.com" + " " * 1_000})
@example(raw={"first": "A" * 501, "last": "B", "tel": "+14155550100"})
def test_every_usual_form_reads_what_a_plain_reading_reads(raw: dict[str, Any]) -> None:
    assert_same(len(PAIRS), raw, None)


@given(
    st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 30)),
    st.sampled_from(["T", " ", "t"]),
    st.sampled_from(["", ".1", ".123", ",123", ".123456"]),
    st.sampled_from(["", "Z", "+00:00", "+0000", "-00:00", "+00", "+02:00", "z", "+00:00:00"]),
    st.sampled_from(["%Y-%m-%d", "%Y%m%d", "%G-W%V-%u", "0%Y-%m-%d"]),
)
@settings(deadline=None, max_examples=500)
def test_a_moment_is_told_alike_whether_it_is_formatted_or_taken_as_it_stands(
    at: datetime, between: str, fraction: str, zone: str, day: str
) -> None:
    text = at.strftime(f"{day}{between}%H:%M:%S") + fraction + zone
    try:
        expected = kinds.told(moments.parse(text))
    except (ValueError, Misfit):
        with pytest.raises(Misfit):
            kinds.moment(text)
        return
    assert kinds.moment(text) == expected


def test_a_memo_stays_small_whatever_comes() -> None:
    calls: list[str] = []

    def length(text: str) -> int:
        calls.append(text)
        return len(text)

    memo = Memo(length, entries=10)
    assert [memo["abc"], memo["abc"]] == [3, 3]
    assert calls == ["abc"]
    for number in range(1_000):
        assert memo[str(number)] == len(str(number))
        assert len(memo) <= 10
    assert memo["x" * (LONGEST + 1)] == LONGEST + 1
    assert "x" * (LONGEST + 1) not in memo
