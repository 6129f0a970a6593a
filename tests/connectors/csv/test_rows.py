"""Bytes into rows: what the csv module reads, in any pieces; and what it doesn't, with the right line."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.csv.cells import day, guard, moment, number, unguard
from connectors.csv.rows import AFTER_QUOTE, MAX_ROW, NEVER_CLOSED, STRAY, TOO_LONG, Broken, Row, State, split
from connectors.csv.sniff import Dialect

COMMA = Dialect("utf-8")


def pieces(body: bytes, dialect: Dialect, width: int, size: int) -> tuple[list[Row | Broken], int]:
    """The file in pieces of at most `size` bytes, as a walk reads it; and the line after the last."""
    state, at, found = State(), 0, []
    for _ in range(100_000):
        piece = body[at : at + size]
        final = at + len(piece) >= len(body)
        result = split(piece, dialect, state, width, final)
        found += result.found
        at += result.used
        if final:
            return found, state.line
        assert result.used > 0
    raise AssertionError("no progress")


def read(text: str, width: int, size: int = MAX_ROW) -> list[Row | Broken]:
    return pieces(text.encode(), COMMA, width, size)[0]


cell = st.text(
    st.one_of(st.sampled_from('",;\n\t| ab'), st.characters(exclude_characters="\x00\r", exclude_categories=("Cs",))),
    max_size=12,
)
tables = st.integers(2, 5).flatmap(
    lambda width: st.lists(st.lists(cell, min_size=width, max_size=width), min_size=1, max_size=25)
)


@settings(max_examples=200, deadline=None)
@given(
    tables,
    st.sampled_from([",", ";", "\t", "|"]),
    st.sampled_from(["utf-8", "utf-16-le", "utf-16-be"]),
    st.sampled_from(["\n", "\r\n"]),
    st.integers(0, 400),
    st.booleans(),
)
def test_any_pieces_give_what_the_csv_module_gives(
    table: list[list[str]], delimiter: str, encoding: str, end: str, extra: int, trailing: bool
) -> None:
    buffer = io.StringIO()
    csv.writer(buffer, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL).writerows(table)
    text = buffer.getvalue() if trailing else buffer.getvalue().removesuffix(end)
    body = text.encode(encoding)
    longest = max(len(",".join(row).encode("utf-16-le")) * 2 for row in table) + 64
    found, line = pieces(body, Dialect(encoding, delimiter), len(table[0]), longest + extra)
    wanted = [[value.replace("\r\n", "\n") for value in row] for row in table]
    assert [row.cells for row in found if isinstance(row, Row)] == wanted
    assert not [row for row in found if isinstance(row, Broken)]
    assert line == 1 + text.count("\n") + (0 if trailing else 1)


@settings(max_examples=150, deadline=None)
@given(st.text(st.sampled_from('",\nab\r\x00é'), max_size=200), st.integers(1, 4))
def test_no_text_breaks_it_and_every_line_is_accounted_for(text: str, width: int) -> None:
    found, _ = pieces(text.encode(), COMMA, width, MAX_ROW)
    last = 0
    for item in found:
        first = item.line if isinstance(item, Row) else item.first
        assert first > last or first == last
        last = first if isinstance(item, Row) else item.last
        if isinstance(item, Row):
            assert len(item.cells) == width


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300), st.sampled_from(["utf-8", "utf-16-le", "cp1252", "mac_roman"]))
def test_no_bytes_break_it(body: bytes, encoding: str) -> None:
    pieces(body, Dialect(encoding), 2, MAX_ROW)


def broken(items: list[Row | Broken]) -> list[tuple[int, int, str]]:
    return [(item.first, item.last, item.why) for item in items if isinstance(item, Broken)]


def lines(items: list[Row | Broken]) -> list[int]:
    return [item.line for item in items if isinstance(item, Row)]


@pytest.mark.parametrize(
    ("text", "good", "bad"),
    [
        ('1,a\n2,"b\n3,c\n4,d\n', [1, 3, 4], [(2, 2, NEVER_CLOSED)]),
        ('1,"Bad,x\n2,"Good"\n3,c\n', [2, 3], [(1, 1, AFTER_QUOTE)]),
        ('1,"Bad,x\n2,Good\n3,"Fine"\n', [2, 3], [(1, 1, AFTER_QUOTE)]),
        ('1,"a\n2,""\n3,c\n', [2, 3], [(1, 1, NEVER_CLOSED)]),
        ('1,"two\nlines"\n2,b\n', [1, 3], []),
        ('1,"a ""quoted"" word"\n', [1], []),
        ('1,a "loose" word\n2,5" pipe\n3,c\n', [1, 2, 3], []),
        ('1,"a" x\n2,b\n', [2], [(1, 1, AFTER_QUOTE)]),
        (
            "1,a,b\n2\n3,c\n",
            [3],
            [(1, 1, "3 fields, expected 2 as in the header"), (2, 2, "1 fields, expected 2 as in the header")],
        ),
        ("1,a,,\n2,b\n", [1, 2], []),
        ("1,a\n\n  \n4,b\n", [1, 4], []),
        ("1,a\x00\n2,b\n", [2], [(1, 1, "a NUL byte: a damaged file")]),
        ('1,"never', [], [(1, 1, NEVER_CLOSED)]),
        ('1,"never\n\n\n', [], [(1, 3, NEVER_CLOSED)]),
        ('1,"x\ry"z\n2,b\n', [2], [(1, 1, AFTER_QUOTE)]),
        ('1\r,"x"\n2,b\n', [2], [(1, 1, STRAY)]),
    ],
)
def test_a_broken_row_costs_its_own_lines(text: str, good: list[int], bad: list[tuple[int, int, str]]) -> None:
    found = read(text, 2)
    assert lines(found) == good
    assert broken(found) == bad


def test_quotes_that_agree_by_accident_are_seen_through() -> None:
    found = read('1,"Bad,x,y\n2,b,c\n3,d,"\n4,e,f\n', 3)
    assert lines(found) == [2, 3, 4] or (lines(found) == [2, 4] and len(broken(found)) == 2)
    assert broken(found)[0] == (1, 1, NEVER_CLOSED)


def test_invalid_bytes_cost_one_row() -> None:
    found, _ = pieces(b"1,a\n2,\xff\xfe\n3,\xc3\xa9\n", COMMA, 2, MAX_ROW)
    assert lines(found) == [1, 3]
    assert broken(found) == [(2, 2, "bytes that are not UTF-8: another encoding, or a damaged file")]


def test_lone_surrogates_cost_one_row() -> None:
    body = "1,a\n2,".encode("utf-16-le") + b"\x00\xd8" + "\n3,😀\n".encode("utf-16-le")
    found, _ = pieces(body, Dialect("utf-16-le"), 2, 20)
    assert lines(found) == [1, 3]
    assert len(broken(found)) == 1


@pytest.mark.parametrize("quote", ['"', ""])
@pytest.mark.parametrize("inner", ["x", "x\n", "x\nrow,like\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le"])
def test_a_giant_field_costs_one_row(quote: str, inner: str, encoding: str) -> None:
    if not quote and "\n" in inner:
        return
    giant = inner * (10_000_000 // len(inner))
    text = f"1,a\n2,{quote}{giant}{quote}\n3,c\n4,d\n"
    found, line = pieces(text.encode(encoding), Dialect(encoding), 2, 2 * MAX_ROW)
    kept = [row for row in found if isinstance(row, Row)]
    assert [row.cells for row in kept if row.cells[0] in "1234"] == [["1", "a"], ["3", "c"], ["4", "d"]]
    assert broken(found)[0][0] == 2
    assert line == 1 + text.count("\n")
    if "like" not in inner:
        assert len(broken(found)) == 1


def test_a_long_row_of_short_lines_is_bounded() -> None:
    text = '1,"' + "".join(f"line {n}\n" for n in range(300_000)) + '"\n2,b\n'
    found = read(text, 2, 2 * MAX_ROW)
    assert lines(found) == [300_002]
    assert broken(found)[0][:2] == (1, 300_001)
    assert TOO_LONG in broken(found)[0][2] or NEVER_CLOSED in broken(found)[0][2]


@given(st.text(max_size=30))
def test_the_guard_is_undone(text: str) -> None:
    assert unguard(guard(text)) == text
    assert not guard(text).startswith(("=", "+", "-", "@", "\t", "\r"))
    assert unguard("'+49 30 123") == "+49 30 123"
    assert unguard("'s-Gravenhage") == "'s-Gravenhage"


@pytest.mark.parametrize(
    ("text", "dates", "gives"),
    [
        ("2026-01-05T09:30:00.000Z", "iso", "2026-01-05T09:30:00.000Z"),
        ("2026-01-05 09:30", "iso", "2026-01-05T08:30:00.000Z"),
        ("2026-07-05 09:30:12", "iso", "2026-07-05T07:30:12.000Z"),
        ("2026-01-05", "iso", "2026-01-04T23:00:00.000Z"),
        ("2026-01-05T09:30:00+02:00", "iso", "2026-01-05T07:30:00.000Z"),
        ("13.02.2026 08:00", "iso", "2026-02-13T07:00:00.000Z"),
        ("9/24/2026 3:26 PM", "iso", "2026-09-24T13:26:00.000Z"),
        ("24/9/2026", "iso", "2026-09-23T22:00:00.000Z"),
        ("04/05/2026", "iso", None),
        ("04/05/2026", "mdy", "2026-04-04T22:00:00.000Z"),
        ("04/05/2026", "dmy", "2026-05-03T22:00:00.000Z"),
        ("2026-02-30", "iso", None),
        ("0001-01-01", "iso", None),
        ("soon", "iso", None),
        ("", "iso", None),
    ],
)
def test_moments(text: str, dates: str, gives: str | None) -> None:
    assert moment(text, "Europe/Berlin", dates) == gives


def test_days_and_numbers() -> None:
    assert day("2026-03-01 00:00", "iso") == "2026-03-01"
    assert day("31.12.2026", "iso") == "2026-12-31"
    assert day("next week", "iso") == "next week"
    for text, plain in {
        "1234.5": "1234.5",
        "1,234.50": "1234.50",
        "1.234,50": "1234.50",
        "$1,234": "1234",
        "1.234.567": "1234567",
        "12,5": "12.5",
        "1 234,50 €": "1234.50",
        "12.345": "12.345",
        "-5": "-5",
        "free": "free",
    }.items():
        assert number(text) == plain, text
