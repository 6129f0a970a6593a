"""Computed values and conditions: each field answers for itself, nothing hangs, and what is read is known."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.domain.policy import Direction
from mappings import cel_bounds, expressions
from mappings.cel_tree import Const, tree
from mappings.compile import compiled
from mappings.document import check, parse
from mappings.expressions import BadExpression, Program
from mappings.expressions import check as checked
from mappings.lens import Lens
from mappings.misfit import Misfit
from tests.mappings.documents import document


def made(fields: str, rest: str = "") -> Lens:
    return compiled(parse(document("email: mail\n" + fields, rest), "m.yaml"))


def refused(fields: str, rest: str = "") -> dict[str, str]:
    """What each place is told."""
    document_, complaints = check(document("email: mail\n" + fields, rest), "m.yaml")
    assert document_ is None
    return {c.where.partition(" ")[2]: f"{c.said}; {c.expected}; {c.mend}" for c in complaints}


# -- values -------------------------------------------------------------------------------------------------------

FIELDS = """
given_name: {compute: "record.name.split(' ')[0]"}
title: {compute: "has(record.role) ? record.role : 'none'"}
custom.sum: {compute: "int(record.a) + int(record.b)", kind: integer}
custom.when: {compute: "timestamp(record.at)", kind: datetime}
custom.day: {compute: "timestamp(record.at)", kind: date}
custom.is_big: {compute: "record.size > 1.5", kind: boolean}
custom.share: {compute: "double(record.a) / double(record.b)", kind: number}
emails: {compute: "record.mails.map(m, m.address)", normalise: [trim, lower]}
lifecycle_stage: {compute: "record.a + record.b", table: {"12": lead}, on_unknown: {default: other}}
"""
RAW = {
    "name": "Anna Maria",
    "a": "1",
    "b": "2",
    "at": "2026-01-31T09:00:00+01:00",
    "size": 2,
    "mails": [{"address": " A@x.com"}, {"address": "b@x.com"}, {"address": ""}],
    "role": None,
}


def test_what_expressions_give_is_checked_like_any_value() -> None:
    assert made(FIELDS).get(RAW).values == {
        "given_name": "Anna",
        "title": None,
        "custom.sum": 3,
        "custom.when": "2026-01-31T08:00:00.000Z",
        "custom.day": "2026-01-31",
        "custom.is_big": True,
        "custom.share": 0.5,
        "emails": ("a@x.com", "b@x.com"),
        "lifecycle_stage": "lead",
    }


ALL = made(FIELDS)

BROKEN = [
    ({"a": "x"}, {"custom.sum", "custom.share"}),
    ({"name": 5}, {"given_name"}),
    ({"name": None}, {"given_name"}),
    ({"at": "yesterday"}, {"custom.when", "custom.day"}),
    ({"size": "2"}, {"custom.is_big"}),
    ({"b": "0", "a": "0"}, {"custom.share"}),
    ({"mails": [{"address": "a@x.com"}, {}]}, {"emails"}),
    ({"mails": [{"address": {}}]}, {"emails"}),
    ({"a": 10**30}, {"custom.sum", "custom.share", "lifecycle_stage"}),
    ({"name": "x" * 600_000}, {"given_name"}),
    ({"name": "\ud800"}, {"given_name"}),
]


@pytest.mark.parametrize(("change", "lost"), BROKEN, ids=range(len(BROKEN)))
def test_what_is_wrong_with_one_field_costs_that_field(change: dict[str, Any], lost: set[str]) -> None:
    lens = made(FIELDS)
    whole, reading = lens.get(RAW), lens.get({**RAW, **change})
    assert {c.field for c in reading.complaints} == lost
    assert reading.values.keys() == whole.values.keys() - lost
    for complaint in reading.complaints:
        assert complaint.expected
        assert complaint.path
        assert "yesterday" not in str(complaint), "what a record holds is not told"


def test_a_record_that_shows_nothing_of_what_is_read_says_nothing() -> None:
    lens = made(FIELDS)
    assert lens.get({"mail": "a@x.com"}).values == {"email": "a@x.com"}
    assert lens.get({"mail": "a@x.com"}).complaints == ()
    reading = lens.get({"a": "1"})
    assert {c.field for c in reading.complaints} == {"custom.sum", "custom.share", "lifecycle_stage"}


def test_an_expression_without_a_record_is_a_value_of_all() -> None:
    assert made("title: {compute: \"'x' + 'y'\"}").get({}).values == {"title": "xy"}


def test_computed_fields_are_only_read_and_expected_to_move_with_what_they_read() -> None:
    lens = made("title: {compute: record.role.upperAscii()}\ncustom.role: {path: role, kind: text}")
    assert lens.policy.fields["title"].direction is Direction.IN
    assert lens.put({"title": "CEO"}, None, {"role": "x"}).values == {}
    assert lens.expect({"role": "ceo"}, {"role": "cfo"}) == {"custom.role": "cfo", "title": "CFO"}


def test_a_key_that_is_literally_in_the_record_wins() -> None:
    lens = made("title: {compute: record.org.name}\ncity: {compute: 'record[\"org.name\"]'}")
    assert lens.get({"org": {"name": "deep"}}).values == {"title": "deep"}
    assert lens.get({"org.name": "flat"}).values == {"title": "flat", "city": "flat"}
    assert lens.get({"org": {"name": "deep"}, "org.name": "flat"}).values == {"title": "flat", "city": "flat"}


def test_all_fields_are_evaluated_at_once_when_nothing_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    lens, calls = made(FIELDS), []
    ask = Program.__call__

    def counted(self: Program, record: Any) -> Any:
        calls.append(record)
        return ask(self, record)

    monkeypatch.setattr(Program, "__call__", counted)
    lens.get(RAW)
    assert len(calls) == 1
    lens.get({**RAW, "size": "2"})
    assert len(calls) == 2 + 9, "all at once in vain, then each alone"


def test_only_what_is_read_is_handed_over() -> None:
    lens = made("title: {compute: record.a}\ncity: {compute: record.b}")
    big = {"a": "1", "b": "2", "other": 10**40, "blob": "x" * 5_000_000}
    assert lens.get(big).values == {"title": "1", "city": "2"}


def test_expressions_that_are_too_deep_together_are_evaluated_each_alone() -> None:
    deep = "(" * 29 + "record.a" + ")" * 29
    lens = made(f"title: {{compute: '{deep}'}}\ncity: {{compute: '{deep}'}}")
    assert lens.get({"a": "x"}).values == {"title": "x", "city": "x"}


def test_comments_and_quotes_of_one_expression_do_not_reach_the_next() -> None:
    fields = "title: {compute: \"record.a // 'it's\"}\ncity: {compute: \"'}' + record.a + '{'\"}"
    assert made(fields).get({"a": "x"}).values == {"title": "x", "city": "}x{"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from([*RAW, "other"]), JSON))
@settings(deadline=None, max_examples=200)
def test_any_record_is_borne(raw: dict[str, Any]) -> None:
    reading = ALL.get(raw)
    assert not reading.values.keys() & {c.field for c in reading.complaints}


# -- what is read -------------------------------------------------------------------------------------------------

READS = [
    ("record.a", ["a"]),
    ("record.a.b + record['c'].d[0]", ["a.b", "c.d.0"]),
    ("record['First Name']", ["First Name"]),
    ("has(record.A.B) ? record.A.B.C : ''", ["A.B.C"]),
    ("record.A != null && record.A.B == 'x' ? 'y' : 'z'", ["A.B"]),
    ("has(record.a) ? 'x' : 'y'", ["a"]),
    ("'a' in record ? 'x' : 'y'", ["a"]),
    ("record.tags.map(t, t.name).join(',')", ["tags[].name"]),
    ("record.tags.exists(t, t == record.tag) ? 'x' : 'y'", ["tags", "tag"]),
    ("record.m[record.k]", ["m", "k"]),
    ("string(size(record.l))", ["l"]),
    ("[1, 2].map(record, string(record)).join('')", []),
    ("record.l.filter(x, x.on).map(x, x.n)[0]", ["l[].on", "l"]),
]


@pytest.mark.parametrize(("text", "reads"), READS, ids=range(len(READS)))
def test_what_an_expression_reads_is_requested(text: str, reads: list[str]) -> None:
    found = checked(text)
    assert found.known
    assert sorted(found.paths) == sorted(reads)
    lens = made(f"title:\n  compute: >-\n    {text}")
    assert set(reads) <= set(lens.reads)


def test_what_cannot_be_told_must_be_said() -> None:
    for text in ("record[record.k]", "record.map(k, k).join('')", "dyn(record).a"):
        told = refused(f"title:\n  compute: >-\n    {text}")
        assert "reads: [...]" in told["fields.title.compute"]
        lens = made(f"title:\n  reads: [a, k]\n  compute: >-\n    {text}")
        assert {"a", "k"} <= set(lens.reads)
    lens = made('title: {compute: "record[record.k]", reads: [a, b]}')
    assert lens.get({"k": "a", "a": "x", "b": "y", "c": "z"}).values == {"title": "x"}
    assert lens.get({"k": "c", "a": "x", "b": "y", "c": "z"}).complaints, "what is not said to be read is not given"


def test_a_dropped_field_is_not_requested() -> None:
    lens = made("title: {compute: record.role}\ncity: {compute: record.town}").without(["title"])
    assert lens.reads == ("mail", "town")
    assert lens.get({"role": "x", "town": "y"}).values == {"city": "y"}


# -- the scope ----------------------------------------------------------------------------------------------------


def test_the_scope_may_ask_an_expression() -> None:
    consent = "consent: {email: {read: {path: out, denied: [yes]}}}\n"
    lens = made("title: t", consent + "scope: {when: \"record.kind == 'person'\", where: [{path: t, present: true}]}")
    assert lens.get({"kind": "person", "t": "x"}).in_scope
    assert not lens.get({"kind": "robot", "t": "x"}).in_scope
    assert not lens.get({"kind": "person", "t": ""}).in_scope
    assert "kind" in lens.reads
    out = lens.get({"kind": "robot", "out": "yes"})
    assert out.consent["email"].state == "denied", "consent is read of all records"
    unclear = lens.get({"t": "x", "out": "yes"})
    assert not unclear.in_scope, "what is there stays as it is"
    assert [c.field for c in unclear.complaints] == ["scope"]
    assert unclear.consent["email"].state == "denied"


def test_a_condition_must_be_one() -> None:
    assert "true or false" in refused("", "scope: {when: string(record.a)}")["scope.when"]
    assert "int" in refused("", "scope: {when: 1 + 1}")["scope.when"]
    assert made("title: t", "scope: {when: record.a}").get({"a": "yes"}).complaints[0].expected == "true or false"


# -- nothing hangs ------------------------------------------------------------------------------------------------

HOSTILE = [
    "record.l.map(x, record.l.map(y, record.l.map(z, record.l.map(w, 1)))).size()",
    "record.s.replace('a', record.s).replace('a', record.s)",
    "record.l.map(x, record.s).join('').split('').map(c, c + record.s).join('')",
    "record.l.map(x, record.l.map(y, record.l.map(z, record.s)).map(a, a.join(record.s)).join('')).join('')",
    "[1].map(a, [1].map(b, [1].map(c, [1].map(d, [1].map(e, 1)))))",
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_an_expression_that_could_hang_is_refused(text: str) -> None:
    found = {}
    try:
        found["room"] = checked(text).room
    except BadExpression as bad:
        found["why"] = str(bad)
    assert found.get("room", 0) <= 1_000, "it may be given next to nothing, or is refused"


BOUNDED = [
    ("record.l.map(x, record.l.map(y, x + y)).size()", {"l": list(range(5_000))}),
    ("record.s.split('').map(c, c + c).join('').size()", {"s": "a" * 200_000}),
    ("record.s.matches('(a+)+(b|c)*$') && record.s.matches(record.p)", {"s": "a" * 50_000, "p": "(.*)*" * 500}),
    ("record.s.matches('(')", {"s": "a"}),
    ("record.l.all(x, record.l.all(y, record.l.all(z, true)))", {"l": list(range(60))}),
    ("record.s.replace('', record.s)", {"s": "a" * 100_000}),
]


@pytest.mark.parametrize(("text", "record"), BOUNDED, ids=range(len(BOUNDED)))
def test_a_record_that_is_too_much_for_an_expression_is_complained_of(text: str, record: dict[str, Any]) -> None:
    lens = made(f"custom.x:\n  compute: >-\n    {text}")
    (complaint,) = lens.get(record).complaints
    assert complaint.field == "custom.x"


def _strings() -> Iterator[str]:
    yield from ("record.s", "record.t", "'x'", "record.l.map(v, string(v)).join('-')")


TEXTS = st.recursive(
    st.sampled_from(list(_strings())),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda p: f"({p[0]} + {p[1]})"),
        st.tuples(inner, inner).map(lambda p: f"{p[0]}.replace('a', {p[1]})"),
        inner.map(lambda e: f"{e}.split('').map(c, c + c).join('')"),
        st.tuples(inner, inner).map(lambda p: f"record.l.map(v, {p[0]}).join({p[1]})"),
        inner.map(lambda e: f"{e}.lowerAscii().trim()"),
        inner.map(lambda e: f"strings.quote({e})"),
    ),
    max_leaves=5,
)


@given(TEXTS, st.integers(0, 60), st.integers(0, 40))
@settings(deadline=None, max_examples=150)
def test_the_bound_is_an_upper_bound(text: str, length: int, count: int) -> None:
    """What comes out is never longer than was computed beforehand."""
    record = {"s": "a" * length, "t": "ab" * length, "l": list(range(count))}
    try:
        found = checked(text)
        size = cel_bounds.weight(record, found.room)
    except (BadExpression, Misfit):
        return
    expr = tree(expressions._compiled(text).serialize())
    try:
        (result,) = Program([text])(record)
    except Misfit:
        return
    assert len(result) <= 4 * cel_bounds.work(expr, size)


# -- refused documents --------------------------------------------------------------------------------------------


def test_what_cel_says_is_told_with_the_place() -> None:
    told = refused(
        "title: {compute: record.a + }\ncity: {compute: nobody.a}\nregion:\n  compute: |-\n    record.a +\n    1u + 2"
    )
    assert "Syntax error" in told["fields.title.compute"]
    assert "undeclared reference to 'nobody.a'" in told["fields.city.compute"]
    assert "line 2 of it" in told["fields.region.compute"]


def test_what_gives_no_value_is_refused() -> None:
    told = refused("title: {compute: \"{'a': 1}\"}\ncity: {compute: \"b'x'\"}\nregion: {compute: \"['a']\"}")
    assert all("a text, number, boolean, time or null" in said for said in told.values())
    assert len(told) == 3


def test_optional_values_are_not_offered() -> None:
    """A map that holds one would bring the process down."""
    assert "unsupported" in refused("title: {compute: record.?a}")["fields.title.compute"]
    assert "undeclared" in refused("title: {compute: optional.none()}")["fields.title.compute"]


def test_a_tree_in_an_unknown_form_is_refused() -> None:
    for data in (b"", b"\x0a\x03abc", b"\xff" * 30, b"\x12\x05abc"):
        with pytest.raises(ValueError, match="a checked expression"):
            tree(data)
    assert tree(expressions._compiled("null").serialize()) == Const(None)


def test_without_cel_documents_with_expressions_are_refused_and_others_work(monkeypatch: pytest.MonkeyPatch) -> None:
    for cache in (expressions._engine, expressions.check):
        cache.cache_clear()
    monkeypatch.setitem(sys.modules, "cel_expr_python", None)
    monkeypatch.setitem(sys.modules, "cel_expr_python.cel", None)
    try:
        told = refused("title: {compute: record.a}", "scope: {when: record.b}")
        assert set(told) == {"fields.title.compute", "scope.when"}
        assert "not installed" in told["fields.title.compute"]
        assert made("title: t").get({"t": "x"}).values == {"title": "x"}
    finally:
        for cache in (expressions._engine, expressions.check):
            cache.cache_clear()
