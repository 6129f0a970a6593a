"""The checked form of a CEL expression as a tree, read from its serialised form (`cel.expr.CheckedExpr`)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

Wire: TypeAlias = "int | bytes"

_KIND, _BODY = 1, 2
_EXPR = 4
_CONST, _IDENT, _SELECT, _CALL, _LIST, _STRUCT, _LOOP = 3, 4, 5, 6, 7, 8, 9


@dataclass(frozen=True, slots=True)
class Const:
    """`value` is None for null; bytes and times are told by their text."""

    value: str | int | bool | float | None


@dataclass(frozen=True, slots=True)
class Name:
    name: str


@dataclass(frozen=True, slots=True)
class Select:
    """`of.field`; `tests`: it is `has(of.field)`."""

    of: Expr
    field: str
    tests: bool


@dataclass(frozen=True, slots=True)
class Call:
    """A function or operator with all its arguments, the target of a method first."""

    function: str
    args: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Items:
    """A list or a map written out; `message` names the type where a message is made."""

    items: tuple[Expr, ...]
    message: str = ""


@dataclass(frozen=True, slots=True)
class Loop:
    """What the macros `map`, `filter`, `all`, `exists` and `exists_one` become."""

    variable: str
    over: Expr
    accumulator: str
    start: Expr
    going: Expr
    step: Expr
    result: Expr


Expr: TypeAlias = Const | Name | Select | Call | Items | Loop


def tree(serialised: bytes) -> Expr:
    """The tree of a checked expression. `ValueError` when the form is another than the one known."""
    try:
        if not _text(serialised, _KIND).endswith("/cel.expr.CheckedExpr"):
            raise ValueError("a checked expression in an unknown form")
        return _expr(_one(_one(serialised, _BODY), _EXPR))
    except (IndexError, KeyError, TypeError, UnicodeDecodeError) as error:
        raise ValueError("a checked expression in an unknown form") from error


def _fields(data: bytes) -> Iterator[tuple[int, Wire]]:
    """Numbers and values of a message's fields, in order."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = _varint(data, at)
            yield key >> 3, value
            continue
        if kind == 2:
            size, at = _varint(data, at)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
        else:
            raise ValueError("a checked expression in an unknown form")
        if at + size > len(data):
            raise ValueError("a checked expression that breaks off")
        yield key >> 3, data[at : at + size]
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        shift, at = shift + 7, at + 1
        if byte < 128:
            return value, at


def _bytes(value: Wire) -> bytes:
    if not isinstance(value, bytes):
        raise TypeError("a number where a message was expected")
    return value


def _one(data: bytes, number: int) -> bytes:
    """The last field of that number, as messages are merged; empty when absent."""
    found = [value for n, value in _fields(data) if n == number]
    return _bytes(found[-1]) if found else b""


def _text(data: bytes, number: int) -> str:
    return _one(data, number).decode()


def _expr(data: bytes) -> Expr:
    kinds = {number: value for number, value in _fields(data) if _CONST <= number <= _LOOP}
    if not kinds:
        return Const(None)
    ((number, value),) = kinds.items()
    body = _bytes(value)
    if number == _CONST:
        return Const(_constant(body))
    if number == _IDENT:
        return Name(_text(body, 1))
    if number == _SELECT:
        tests = any(n == 3 and v for n, v in _fields(body))
        return Select(_expr(_one(body, 1)), _text(body, 2), tests)
    if number == _CALL:
        target = [_expr(_bytes(v)) for n, v in _fields(body) if n == 1]
        args = [_expr(_bytes(v)) for n, v in _fields(body) if n == 3]
        return Call(_text(body, 2), (*target, *args))
    if number == _LIST:
        return Items(tuple(_expr(_bytes(v)) for n, v in _fields(body) if n == 1))
    if number == _STRUCT:
        entries = [_bytes(entry) for n, entry in _fields(body) if n == 2]
        parts = [_bytes(v) for entry in entries for n, v in _fields(entry) if n in (3, 4)]  # key and value
        return Items(tuple(map(_expr, parts)), _text(body, 1))
    return _loop(body)


def _loop(body: bytes) -> Loop:
    if _one(body, 8):
        raise ValueError("a loop over two variables")
    over, start, going, step, result = (_expr(_one(body, number)) for number in (2, 4, 5, 6, 7))
    return Loop(_text(body, 1), over, _text(body, 3), start, going, step, result)


def _constant(body: bytes) -> str | int | bool | float | None:
    for number, value in _fields(body):
        if number == 2:
            return bool(value)
        if number in (3, 4) and isinstance(value, int):
            return value - (1 << 64) if value >= 1 << 63 and number == 3 else value
        if number == 6:
            return _bytes(value).decode()
        if number == 7:
            return _bytes(value).decode("latin-1")
        if number == 5:
            return 0.0
    return None
