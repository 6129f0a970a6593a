"""The YAML reader: YAML 1.2 values with lines, and nothing that costs more than itself."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from mappings.tree import MAX_BYTES, plain, read


def test_values_and_lines() -> None:
    tree, complaints = read("a: 1\nb:\n  - x\n  - {c: true, d: ~, e: 1.5, f: '1', g: 2026-01-01, h: no}\n", "f.yaml")
    assert complaints == ()
    assert tree is not None
    item = {"c": True, "d": None, "e": 1.5, "f": "1", "g": "2026-01-01", "h": "no"}
    assert plain(tree) == {"a": 1, "b": ["x", item]}
    assert isinstance(tree.value, dict)
    assert tree.value["b"].line == 2


BOMB = "a: &a [x, x]\n" + "".join(f"{c}: &{c} [*{p}, *{p}]\n" for p, c in zip("abcdefg", "bcdefgh", strict=True))


@pytest.mark.parametrize(
    ("text", "word", "line"),
    [
        (BOMB, "anchor", 1),
        ("a: 1\nb: {<<: {c: 1}}", "merge key", 2),
        ("a: 1\nb: !!python/object/apply:os.system [ls]", "tag", 2),
        ("a: 1\nb: 2\na: 3", "twice", 3),
        ("a: 1\n\tb: 2", "tab", 2),
        ("a: 1\n---\nb: 2", "second document", 2),
        ("a: [1,\nb: 2", "cannot be read", 2),
        ("? [1]\n: 2", "list or a mapping", 1),
        ('a: "\\ud800"', "surrogate", 1),
        ("[" * 5000, "nested", 1),
        ("- 1\n" * 30_000, "too many", 20_000),
        ("", "empty", 1),
        ("x" * (MAX_BYTES + 1), "bytes", 1),
    ],
)
def test_what_is_refused_names_the_line(text: str, word: str, line: int) -> None:
    tree, complaints = read(text, "f.yaml")
    assert tree is None
    assert any(word in c.said for c in complaints), complaints
    assert complaints[0].where == f"f.yaml:{line}"


def test_invalid_utf8_names_the_line() -> None:
    tree, complaints = read(b"a: 1\nb: \xff\xfe\n", "f.yaml")
    assert tree is None
    assert complaints[0].where == "f.yaml:2"
    assert "UTF-8" in complaints[0].expected


def test_a_byte_order_mark_is_borne() -> None:
    tree, complaints = read("﻿a: 1".encode(), "f.yaml")
    assert complaints == ()
    assert tree is not None
    assert plain(tree) == {"a": 1}


@pytest.mark.parametrize("text", ["[" * 200_000, "{a: " * 50_000, BOMB * 50, "? " * 80_000, "a: |\n" + " x\n" * 60_000])
def test_bad_input_costs_no_more_than_itself(text: str) -> None:
    started = time.perf_counter()
    read(text, "f.yaml")
    assert time.perf_counter() - started < 5


@given(st.binary(max_size=400))
@settings(deadline=None)
def test_any_bytes_are_read_or_complained_of(data: bytes) -> None:
    tree, complaints = read(data, "f.yaml")
    assert (tree is None) == bool(complaints)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**17), 10**17) | st.text(st.characters(codec="utf-8"), max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abcdef", min_size=1), inner, max_size=4),
    max_leaves=20,
)


@given(_JSON)
@settings(deadline=None)
def test_agrees_with_the_library_on_what_the_library_writes(value: object) -> None:
    import io

    yaml = YAML(typ="safe", pure=True)
    out = io.StringIO()
    yaml.dump({"value": value}, out)
    tree, complaints = read(out.getvalue(), "f.yaml")
    if complaints:
        # The library writes what it would itself not read back: tabs and line ends in plain places, controls.
        assert any(ord(c) < 32 or ord(c) > 126 for c in out.getvalue() if c != "\n") or "\t" in out.getvalue()
        return
    assert tree is not None
    assert plain(tree) == yaml.load(out.getvalue())
