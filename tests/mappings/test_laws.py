"""The laws of lenses, for the document that uses every word and for every document of the library.

`get(put(c, r)) = c` on writable fields under the field's compare; `put(get(r), r)` changes nothing; `expect` says what
`get` then sees; any JSON is borne.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hub.domain.entities import ENTITIES, Kind
from hub.domain.values import Value, is_empty
from hub.engine.compare import same
from mappings import library
from mappings.clauses import Document, FieldDoc
from mappings.compile import compiled
from mappings.document import parse
from mappings.normalisers import NORMALISERS
from mappings.paths import merged
from mappings.reading import Reading
from mappings.tree import text_of
from tests.mappings.documents import EVERYTHING


def documents() -> list[Document]:
    texts = [(EVERYTHING, "everything.yaml")]
    for connector, stream in library.names():
        path = library.source(connector, stream)
        texts.append((path.read_text(encoding="utf-8"), str(path)))
    return [parse(text, name) for text, name in texts]


PAIRS = [(document, compiled(document)) for document in documents()]
IDS = [lens.name for _, lens in PAIRS]
WRITING = [index for index, (_, lens) in enumerate(PAIRS) if lens.writers]
each = pytest.mark.parametrize("which", range(len(PAIRS)), ids=IDS)
each_that_writes = pytest.mark.parametrize("which", WRITING, ids=[IDS[index] for index in WRITING])

WORDS = st.sampled_from(
    ["", " ", "Anna", "anna ", "O'Brien", "Zoë 😀", "info@x.com", "A@X.com", "a;b, c", "true", "12", "2026-01-31", "US"]
)
NUMBERS = st.integers(-(10**6), 10**13) | st.floats(allow_nan=False, width=32)
SCALARS = st.none() | st.booleans() | WORDS | NUMBERS | st.text(max_size=12)
ANY = st.recursive(SCALARS, lambda x: st.lists(x, max_size=3) | st.dictionaries(WORDS, x, max_size=3), max_leaves=6)
PHONES = st.sampled_from(["+14155550100", "415 555 0101", "+49 30 1234567", "(212) 555-0199 x4", "ask", ""])
MAILS = st.sampled_from([" Anna@X.com", "bob@example.org", "info@x.com", "no mail", "ü@exämple.de", "a@x.com;b@x.com"])
TIMES = st.sampled_from(["2026-01-31T08:00:00.000+0000", "2026-02-30", "2026-01-05", "31.1.2026", "1769846400000"])
LIKELY = SCALARS | PHONES | MAILS | TIMES


@st.composite
def records(draw: st.DrawFn, which: int) -> dict[str, Any]:
    """Records with some of the lens's paths, filled with likely and unlikely values, some of the tables' words."""
    document, lens = PAIRS[which]
    words = [remote for field in document.fields for _, remote, _ in field.table]
    values = LIKELY | ANY | (st.sampled_from(words) if words else st.nothing())
    raw: dict[str, Any] = {}
    for path in lens.reads:
        if draw(st.booleans()):
            raw = merged(raw, {path.replace("[]", ""): draw(values)})
    return raw


def canonical(field: FieldDoc) -> st.SearchStrategy[Value]:
    """Values in the normal form of a field."""
    texts = st.text(st.characters(codec="utf-8", exclude_categories=["Z", "C"]), min_size=1, max_size=20)
    mails = st.sampled_from(["anna@x.com", "o'brien@example.org", "info@x.com"])
    phones = st.sampled_from(["+14155550100", "+493012345678", "+442079460018"])
    texts = phones if "phone" in field.normalise else texts.map(lambda text: _normal(field, text)).filter(bool)
    if field.name == "country":
        texts = st.sampled_from(["US", "DE", "GB", "Atlantis"])
    by_kind: dict[Kind, st.SearchStrategy[Any]] = {
        Kind.TEXT: texts,
        Kind.EMAIL: mails,
        Kind.PHONE: phones,
        Kind.ENUM: st.sampled_from(field.definition.choices or ("x",)),
        Kind.BOOLEAN: st.booleans(),
        Kind.INTEGER: st.integers(-(10**9), 10**9),
        Kind.MONEY: st.integers(0, 10**9),
        Kind.NUMBER: st.floats(-1e6, 1e6, allow_nan=False),
        Kind.DATE: st.dates().map(str).filter(lambda day: day >= "1000"),
        Kind.DATETIME: st.integers(0, 4 * 10**9).map(lambda s: s * 1000).map(_moment),
        Kind.TEXT_SET: st.lists(mails if field.name == "emails" else texts, max_size=3).map(
            lambda items: tuple(sorted(set(items)))
        ),
    }
    return st.none() | by_kind[field.definition.kind]


def _normal(field: FieldDoc, text: str) -> str:
    for name in field.normalise:
        text = NORMALISERS[name].apply(None)(text)
    return text


def _moment(milliseconds: int) -> str:
    from mappings.conversions import TRANSFORMS

    return str(TRANSFORMS["epoch_ms"].forward({})(milliseconds, {}))


def lossy(field: FieldDoc, value: Value) -> bool:
    """Whether the document itself says that the vendor has fewer words than the hub."""
    back = {text: canonical for text, _, canonical in field.table}
    written = field.write_table.get(text_of(value))
    return written is not None and back.get(text_of(written)) != value


@each_that_writes
@given(data=st.data())
@settings(deadline=None, max_examples=40)
def test_get_after_put(which: int, data: Any) -> None:
    document, lens = PAIRS[which]
    writable = [field for field in document.fields if field.direction.writes]
    raw = data.draw(st.none() | records(which))
    chosen = data.draw(st.lists(st.sampled_from(writable), unique_by=lambda f: f.name, max_size=6))
    values = {field.name: data.draw(canonical(field)) for field in chosen}
    payload = lens.put(values, None, raw)
    after = lens.get(merged(raw, payload.values))
    told = {complaint.field for complaint in payload.complaints}
    for field in chosen:
        value = values[field.name]
        if field.name in told or lossy(field, value) or any(name == "default" for name, _ in field.transform):
            continue
        if field.empty == "is_missing" and is_empty(value):
            continue
        assert field.name in after.values, (field.name, value, payload, after)
        assert same(field.compare, after.values[field.name], value), (field.name, value, payload, after)


@each
@given(data=st.data())
@settings(deadline=None, max_examples=40)
def test_putting_what_was_got_changes_nothing(which: int, data: Any) -> None:
    lens = PAIRS[which][1]
    raw = data.draw(records(which))
    reading = lens.get(raw)
    consent = {channel: said.state for channel, said in reading.consent.items()}
    assert lens.put(reading.values, consent, raw).values == {}


@each
@given(data=st.data())
@settings(deadline=None, max_examples=40)
def test_expect_says_what_is_seen_after(which: int, data: Any) -> None:
    lens = PAIRS[which][1]
    raw = data.draw(records(which))
    other = data.draw(records(which))
    payload = lens.put(lens.get(other).values, None, raw)
    expected = lens.expect(raw, payload.values)
    after = lens.get(merged(raw, payload.values)).values
    assert {name: value for name, value in after.items() if name in expected} == expected
    before = lens.get(raw).values
    for name, value in after.items():
        if name not in expected:
            assert before.get(name) == value, "a field changed that expect does not name"


@each
@given(data=st.data())
@settings(deadline=None, max_examples=40)
def test_any_json_is_borne(which: int, data: Any) -> None:
    document, lens = PAIRS[which]
    raw = data.draw(records(which) | st.dictionaries(st.sampled_from(lens.reads) | WORDS, ANY, max_size=8))
    reading = lens.get(raw, data.draw(st.none() | st.just("2026-01-01T00:00:00.000Z")))
    assert_canonical(document, reading)
    payload = lens.put(data.draw(st.dictionaries(st.sampled_from([f.name for f in document.fields]), LIKELY)), {}, raw)
    assert set(payload.values) <= set(lens.writes)


@given(ANY | st.binary())
@settings(deadline=None)
def test_what_is_no_record_is_complained_of(raw: Any) -> None:
    assume(not isinstance(raw, dict))
    reading = PAIRS[0][1].get(raw)
    assert (reading.values, len(reading.complaints)) == ({}, 1)


def assert_canonical(document: Document, reading: Reading) -> None:
    """Every value is of its field's kind; nothing is both read and complained of, sets excepted."""
    entity = ENTITIES[document.entity.name]
    fields = {field.name: field for field in document.fields}
    for name, value in reading.values.items():
        definition = fields[name].definition
        if definition.many:
            assert isinstance(value, tuple)
            assert list(value) == sorted(set(value))
            continue
        assert not isinstance(value, (tuple, list, dict))
        if is_empty(value):
            continue
        if definition.kind is Kind.ENUM and name in entity.fields:
            assert value in definition.choices
        if definition.kind in (Kind.INTEGER, Kind.MONEY):
            assert type(value) is int
        if definition.kind is Kind.EMAIL:
            assert isinstance(value, str)
            assert "@" in value
    for complaint in reading.complaints:
        if complaint.field in fields and not fields[complaint.field].definition.many:
            assert complaint.field not in reading.values


@each
@given(data=st.data())
@settings(deadline=None, max_examples=40)
def test_reading_some_fields_gives_what_reading_all_gives_of_them(which: int, data: Any) -> None:
    lens = PAIRS[which][1]
    raw = data.draw(records(which))
    names = data.draw(st.lists(st.sampled_from([*lens.by_field, "no_such_field"]), max_size=4))
    values = lens.get(raw).values
    assert lens.reader(names)(raw) == {name: value for name, value in values.items() if name in names}


@given(ANY | st.binary(), st.sampled_from([[], ["email"], ["email", "phone"]]))
@settings(deadline=None)
def test_reading_some_fields_of_what_is_no_record_gives_nothing(raw: Any, names: list[str]) -> None:
    assume(not isinstance(raw, dict))
    assert PAIRS[0][1].reader(names)(raw) == {}
