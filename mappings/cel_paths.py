"""Which remote paths an expression reads, told from its checked tree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from mappings.cel_tree import Call, Const, Expr, Items, Loop, Name, Select
from mappings.paths import MAX_PATH

RECORD = "record"
_ROOT = ""
Places: TypeAlias = Mapping[str, "str | None"]
"""Where the value of a variable stands in the record: a path, "" for the record itself, None for nowhere."""


@dataclass(slots=True)
class _Walk:
    used: dict[str, None] = field(default_factory=dict)
    asked: dict[str, None] = field(default_factory=dict)
    """Paths of which only is asked whether they are there: they say nothing beside a longer path that is used."""
    known: bool = True

    def use(self, expr: Expr, places: Places) -> None:
        """The value of `expr` matters."""
        self._note(self.place(expr, places), self.used)

    def _note(self, place: str | None, into: dict[str, None]) -> None:
        if place == _ROOT:
            self.known = False
        elif place is not None:
            into.setdefault(place.removesuffix("[]"))

    def place(self, expr: Expr, places: Places) -> str | None:
        """Where the value of `expr` stands in the record, if it stands there as it is."""
        match expr:
            case Const():
                return None
            case Name(name):
                return places.get(name)
            case Select(of, name, tests):
                found = self._below(self.place(of, places), name)
                if tests:
                    self._note(found, self.asked)
                return None if tests else found
            case Call("_[_]", (of, Const(str() | int() as key))) if not isinstance(key, bool):
                return self._below(self.place(of, places), str(key))
            case Call("@in", (Const(str() as key), of)) if self.place(of, places) == _ROOT:
                self._note(self._below(_ROOT, key), self.asked)
                return None
            case Call("_==_" | "_!=_", (one, Const(None))):
                self._note(self.place(one, places), self.asked)
                return None
            case Call(_, args) | Items(args):
                for arg in args:
                    self.use(arg, places)
                return None
            case Loop():
                self._loop(expr, places)
                return None

    def _below(self, place: str | None, name: str) -> str | None:
        if place is None:
            return None
        path = name if place == _ROOT else f"{place}.{name}"
        plain = name.strip() and "[]" not in name and len(path) <= MAX_PATH and (place == _ROOT or "." not in name)
        if not plain:
            self._note(place, self.used)
            return None
        return path

    def _loop(self, loop: Loop, places: Places) -> None:
        over = self.place(loop.over, places)
        self._note(over, self.asked)
        inner = {**places, loop.variable: f"{over}[]" if over else None, loop.accumulator: None}
        for part in (loop.start, loop.going, loop.step, loop.result):
            self.use(part, inner)


def reads(expr: Expr) -> tuple[tuple[str, ...], bool]:
    """The paths that an expression reads, and whether these are all: an expression that looks at the record as a
    whole, or at a key it computes, reads what cannot be told."""
    walk = _Walk()
    walk.use(expr, {RECORD: _ROOT})
    asked = [p for p in walk.asked if p not in walk.used and not any(_within(longer, p) for longer in walk.used)]
    asked = [p for p in asked if not any(_within(longer, p) for longer in asked)]
    return (*walk.used, *asked), walk.known


def _within(path: str, other: str) -> bool:
    return path.startswith((other + ".", other + "[]"))
