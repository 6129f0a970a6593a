"""CEL expressions: checked, with what they read and how much they may be given; and evaluated. The one door to CEL.

CEL is loaded when the first expression is seen. On a platform without it, documents with expressions are refused and
everything else works.
"""

from __future__ import annotations

import ctypes
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from typing import Any

from mappings.cel_bounds import room
from mappings.cel_paths import RECORD, reads
from mappings.cel_tree import Items, Loop, Select, tree
from mappings.misfit import Misfit

MAX_EXPRESSION = 2_000
_MESSAGE = re.compile(r"ERROR: <input>:(\d+):(\d+): (.+?)(?=\n| \[[A-Z_]+\])", re.DOTALL)
_SAFE = re.compile(r"[A-Za-z_+*/%<>=!&|?:@\[\]() ,.-]{1,200}")


class NoEngine(Exception):
    """CEL is not installed here."""


class BadExpression(Exception):
    """An expression that cannot be used; the text says why. `line` counts from 1 within the expression."""

    def __init__(self, said: str, line: int = 1) -> None:
        super().__init__(said)
        self.line = line


@dataclass(frozen=True, slots=True)
class Checked:
    """An expression that compiles. `gives`: CEL's name of its type; `paths`: what it reads, all of it when `known`;
    `room`: the size of the largest record that it may be given."""

    text: str
    gives: str
    paths: tuple[str, ...]
    known: bool
    room: int


@lru_cache(maxsize=1)
def _engine() -> Any:
    try:
        cel = import_module("cel_expr_python.cel")
        strings = import_module("cel_expr_python.ext.ext_strings")
    except ImportError as error:
        raise NoEngine from error
    _keep_none()
    # Without the extension of optional values: a map that holds one brings the process down when it is read.
    variables = {RECORD: cel.Type.Map(cel.Type.STRING, cel.Type.DYN)}
    return cel.NewEnv(variables=variables, extensions=[strings.ExtStrings()]), cel.Type.ERROR


def _keep_none() -> None:
    """cel-expr-python 0.1.3 takes one reference to None with every null it hands out. Before Python 3.12, where None
    is immortal, a few thousand nulls end the process ("deallocating None"): so None gets more of them, once."""
    if sys.version_info < (3, 12) and sys.implementation.name == "cpython":
        ctypes.c_ssize_t.from_address(id(None)).value += 1 << 48


def _compiled(text: str) -> Any:
    env, _ = _engine()
    try:
        return env.compile(text)
    except Exception as error:  # the binding raises RuntimeError, and whatever pybind11 makes of odd texts
        raise _bad(str(error)) from None


def _bad(message: str) -> BadExpression:
    found = _MESSAGE.search(message)
    if found is None:
        said = message.splitlines()[0] if message else "it does not compile"
        return BadExpression(_plain(re.sub(r"^[A-Z_]+: |\s*\[[A-Z_]+\]$", "", said)))
    return BadExpression(_plain(found[3]), max(int(found[1]), 1))


def _plain(text: str) -> str:
    text = " ".join(text.split())[:200]
    return text if text.isprintable() else ascii(text)


@lru_cache(maxsize=2_048)
def check(text: str) -> Checked:
    """What an expression reads, gives and may be given. `BadExpression`; `NoEngine` where there is no CEL."""
    program = _compiled(text)
    try:
        expr = tree(program.serialize())
    except ValueError as error:
        raise BadExpression(str(error)) from None
    if _makes_messages(expr):
        raise BadExpression("a protocol buffer message is made: a mapping has use for plain values only")
    found, known = reads(expr)
    most = room(expr)
    if not most:
        raise BadExpression("it could take too much time or memory even for a small record")
    return Checked(text, program.return_type().name(), found, known, most)


def _makes_messages(expr: object) -> bool:
    waiting = [expr]
    while waiting:
        item = waiting.pop()
        if isinstance(item, Items):
            if item.message:
                return True
            waiting += item.items
        elif isinstance(item, Select):
            waiting.append(item.of)
        elif isinstance(item, Loop):
            waiting += [item.over, item.start, item.going, item.step, item.result]
        else:
            waiting += getattr(item, "args", ())
    return False


class Program:
    """Expressions that are evaluated together, as one map: the record is handed over once."""

    def __init__(self, texts: Sequence[str]) -> None:
        _, self._error = _engine()
        if len(texts) == 1:
            self._keys: tuple[str, ...] = ()
            self._run = _compiled(texts[0])
            return
        self._keys = tuple(f"f{index}" for index in range(len(texts)))
        # Each was checked alone, so none can reach out of its place; the line break ends a comment.
        entries = (f"'{key}': dyn(\n{text}\n)" for key, text in zip(self._keys, texts, strict=True))
        self._run = _compiled("{" + ", ".join(entries) + "}")

    def __call__(self, record: Mapping[str, Any]) -> tuple[Any, ...]:
        """The results in the order of the expressions. `Misfit` when one of them, or the record, is at fault."""
        try:
            found = self._run.eval(data={RECORD: record})
            value = found.plain_value()
            failed = found.type() == self._error
        except Exception as error:  # RuntimeError when the budget of loops is used up, or a text is no text
            raise _misfit(str(error)) from None
        if failed:
            raise _misfit(str(value))
        return tuple(value[key] for key in self._keys) if self._keys else (value,)


def _misfit(message: str) -> Misfit:
    """Why there is no result, without anything that may come from the record."""
    kind, _, said = message.partition(": ")
    said = said.removesuffix(" [" + kind + "]")
    if kind == "NOT_FOUND":
        return Misfit("a record that shows all that the expression reads", "Ask with has() first")
    if "Iteration budget" in said:
        return Misfit("a record for which the expression takes fewer steps")
    if "No matching overload" in said and _SAFE.fullmatch(said):
        return Misfit(f"values that the expression can work with ({said[0].lower()}{said[1:]})", "Convert them first")
    words = said.partition(":")[0].partition("'")[0].partition('"')[0].strip()
    if said and words == said.strip() and _SAFE.fullmatch(words):
        return Misfit(f"values that the expression can work with ({words})")
    return Misfit("values that the expression can work with")
