"""How large a record an expression may be given, so that it can neither hang nor eat the memory.

An upper bound of the work is computed from the expression's tree and the size of what it is given: CEL has no loops
without an end, but `replace`, `join` and nested macros multiply.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mappings.cel_tree import Call, Const, Expr, Items, Loop, Name, Select
from mappings.misfit import Misfit

WORK = 40_000_000
"""Elements made at most, a text of four characters counting as one: a second at the very worst, some tens of
megabytes."""
PER_VALUE = 16
"""What one value of a record weighs beside its text."""
SIZES = tuple(1_000 << step for step in range(10))
MAX_DEPTH = 50
MAX_LOOPS = 4
"""Loops in loops."""
_CEILING = 10**15
_TEXTS = frozenset({"charAt", "lowerAscii", "upperAscii", "trim", "substring", "string", "reverse"})
_SMALL = frozenset(
    {"_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_", "@in", "!_", "_&&_", "_||_", "@not_strictly_false"}
    | {"size", "contains", "startsWith", "endsWith", "indexOf"}
)


@dataclass(frozen=True, slots=True)
class _Size:
    """Characters of all texts in a value, and elements of all its lists and maps."""

    text: int
    count: int

    def plus(self, other: _Size, times: int = 1) -> _Size:
        text, count = self.text + times * other.text, self.count + times * other.count
        return _Size(min(text, _CEILING), min(count, _CEILING))

    @property
    def work(self) -> int:
        return self.text // 4 + self.count


_ONE = _Size(8, 1)
_NONE = _Size(0, 0)


class _Bound:
    """Adds up the work of an expression; the names that aren't variables of loops have the size `given`."""

    def __init__(self, given: _Size) -> None:
        self.given = given
        self.work = 0
        self.depth = 0

    def size(self, expr: Expr, names: Mapping[str, _Size]) -> _Size:
        match expr:
            case Const(value):
                return _Size(len(value) if isinstance(value, str) else 8, 1)
            case Name(name):
                return names.get(name, self.given)
            case Select(of, _, tests):
                found = self.size(of, names)
                return _ONE if tests else found
            case Loop():
                return self._loop(expr, names)
            case Items(items):
                total = _NONE
                for item in items:
                    total = total.plus(self.size(item, names)).plus(_Size(0, 1))
                return total
            case Call(function, args):
                made = self._call(function, [self.size(arg, names) for arg in args])
                self.work = min(self.work + made.work, _CEILING)
                return made

    def _call(self, function: str, args: list[_Size]) -> _Size:
        total = _NONE
        for arg in args:
            total = total.plus(arg)
        match function, args:
            case "_[_]", [of, *_]:
                return of
            case "matches", [text, pattern, *_]:
                self.work = min(self.work + text.text * (1 + pattern.text), _CEILING)
                return _ONE
            case "replace", [text, _, new, *_]:
                return _Size(min((text.text + 1) * (1 + new.text), _CEILING), 1)
            case "join", [items, *separator]:
                return _Size(min(items.text + items.count * sum(s.text for s in separator), _CEILING), 1)
            case "split", [text, *_]:
                return _Size(text.text, text.text + 1)
            case "format", _:
                return _Size(min(2 * total.text + 1_100 * total.count, _CEILING), 1)
        if function in _SMALL:
            self.work = min(self.work + total.work, _CEILING)
            return _ONE
        if function in _TEXTS:
            return _Size(min(total.text + 64, _CEILING), 1)
        longer = {"_+_": 0, "_?_:_": 0, "strings.quote": total.text + 2}
        return _Size(min(total.text + longer.get(function, 64), _CEILING), total.count)

    def _loop(self, loop: Loop, names: Mapping[str, _Size]) -> _Size:
        """All rounds together: sizes are polynomials with no negative term, so that rounds over parts of a whole make
        no more than one round over the whole and the others over nothing."""
        if self.depth >= MAX_LOOPS:
            self.work = _CEILING
            return _ONE
        over = self.size(loop.over, names)
        start = self.size(loop.start, names)
        rounds = over.count + 1
        before, self.depth = self.work, self.depth + 1
        whole, whole_work = self._round(loop, {**names, loop.variable: over})
        empty, empty_work = self._round(loop, {**names, loop.variable: _NONE})
        self.depth -= 1
        copied = rounds * rounds  # the list made so far is copied in each round
        self.work = min(before + whole_work + rounds * empty_work + copied, _CEILING)
        made = start.plus(whole).plus(empty, rounds)
        return self.size(loop.result, {**names, loop.accumulator: made})

    def _round(self, loop: Loop, names: Mapping[str, _Size]) -> tuple[_Size, int]:
        """What one round adds, and its work."""
        self.work = 0
        inner = {**names, loop.accumulator: _NONE}
        self.size(loop.going, inner)
        return self.size(loop.step, inner), self.work + 1


def work(expr: Expr, size: int) -> int:
    """The most that an expression does to a record of that size."""
    bound = _Bound(_Size(size, size // PER_VALUE + 1))
    made = bound.size(expr, {})
    return bound.work + made.work


def room(expr: Expr) -> int:
    """The largest record that the expression may be given; 0 when it is too much even for a small one."""
    return max((size for size in SIZES if work(expr, size) <= WORK), default=0)


def weight(value: Any, room: int) -> int:
    """The size of plain JSON, counted up to `room`. `Misfit` beyond it, and for what CEL cannot hold."""
    total, waiting, depth = 0, [value], 0
    while waiting:
        depth += 1
        if depth > MAX_DEPTH:
            raise Misfit(f"a record of at most {MAX_DEPTH} levels")
        below: list[Any] = []
        for item in waiting:
            total += PER_VALUE
            if item.__class__ is str:
                total += len(item)
            elif isinstance(item, dict):
                below += item.values()
                total += sum(map(len, item))
            elif isinstance(item, list):
                below += item
            elif type(item) is int and not -(1 << 63) <= item < 1 << 63:
                raise Misfit("whole numbers of at most 64 bits")
            if total > room:
                raise Misfit(f"a smaller record for this expression (at most about {room} characters)")
        waiting = below
    return total
