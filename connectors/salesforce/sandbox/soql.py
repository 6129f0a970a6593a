"""The part of SOQL that the sandbox speaks: SELECT list or COUNT(), FROM, WHERE, ORDER BY, LIMIT, OFFSET.

Like Salesforce it insists on parentheses where AND and OR meet, on quotes around texts, and on none around times.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, TypeAlias

from connectors.salesforce.sandbox.values import Refusal

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<text>'(?:[^'\\]|\\.)*')
      | (?P<moment>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d))
      | (?P<day>\d{4}-\d\d-\d\d)
      | (?P<number>[+-]?\d+(?:\.\d+)?)
      | (?P<word>[A-Za-z_][\w.]*)
      | (?P<sign><=|>=|!=|<>|=|<|>|\(|\)|,)
    )""",
    re.X,
)
_UNESCAPE = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
COMPARISONS = frozenset({"=", "!=", "<", ">", "<=", ">=", "like", "in", "not in"})


@dataclass(frozen=True, slots=True)
class Token:
    kind: str
    text: str
    at: int


@dataclass(frozen=True, slots=True)
class Literal:
    """A value in a condition: kind is text, moment, day, number, boolean or null."""

    kind: str
    value: Any


@dataclass(frozen=True, slots=True)
class Compare:
    path: str
    sign: str
    values: tuple[Literal, ...]


@dataclass(frozen=True, slots=True)
class Not:
    part: Condition


@dataclass(frozen=True, slots=True)
class Both:
    """All parts ("and") or one of them ("or")."""

    word: str
    parts: tuple[Condition, ...]


Condition: TypeAlias = Compare | Not | Both


@dataclass(frozen=True, slots=True)
class Order:
    path: str
    descending: bool
    nulls_first: bool


@dataclass(frozen=True, slots=True)
class Query:
    """`paths` None: `SELECT COUNT()`."""

    paths: tuple[str, ...] | None
    sobject: str
    where: Condition | None
    order: tuple[Order, ...]
    limit: int | None
    offset: int


def malformed(message: str) -> Refusal:
    return Refusal("MALFORMED_QUERY", message)


def tokens(statement: str) -> list[Token]:
    out: list[Token] = []
    at, end = 0, len(statement.rstrip())
    while at < end:
        match = _TOKEN.match(statement, at)
        if match is None or match.lastgroup is None:
            raise malformed(f"line 1:{at} no viable alternative at character '{statement[at:].strip()[:1]}'")
        out.append(Token(match.lastgroup, match.group(match.lastgroup), match.start(match.lastgroup)))
        at = match.end()
    return out


def parse(statement: str) -> Query:
    """The query of a statement. Raises `Refusal` MALFORMED_QUERY."""
    return _Parser(tokens(statement)).query()


class _Parser:
    def __init__(self, found: list[Token]) -> None:
        self._tokens = found
        self._at = 0

    def query(self) -> Query:
        self._expect("select")
        paths = self._select()
        self._expect("from")
        sobject = self._word()
        where = self._condition() if self._take("where") else None
        order = self._order() if self._take("order") else ()
        limit = self._count() if self._take("limit") else None
        offset = self._count() if self._take("offset") else 0
        if self._at < len(self._tokens):
            raise self._unexpected()
        if offset > 2000:
            raise Refusal("NUMBER_OUTSIDE_VALID_RANGE", "Maximum SOQL offset allowed is 2000")
        return Query(paths, sobject, where, order, limit, offset)

    def _select(self) -> tuple[str, ...] | None:
        if self._peek().lower() == "count":
            self._at += 1
            self._expect("(")
            self._expect(")")
            return None
        paths = [self._path()]
        while self._take(","):
            paths.append(self._path())
        return tuple(paths)

    def _path(self) -> str:
        word = self._word()
        if word.lower() == "fields" and self._take("("):
            which = self._word().upper()
            self._expect(")")
            return f"FIELDS({which})"
        return word

    def _condition(self) -> Condition:
        parts = [self._simple()]
        word = self._peek().lower()
        if word not in ("and", "or"):
            return parts[0]
        while self._take(word):
            parts.append(self._simple())
        if self._peek().lower() in ("and", "or"):
            raise self._unexpected()
        return Both(word, tuple(parts))

    def _simple(self) -> Condition:
        if self._take("not"):
            return Not(self._simple())
        if self._take("("):
            inner = self._condition()
            self._expect(")")
            return inner
        path = self._word()
        sign = self._sign()
        return Compare(path, sign, self._list() if sign in ("in", "not in") else (self._literal(),))

    def _sign(self) -> str:
        token = self._next()
        sign = token.text.lower()
        if sign == "not":
            self._expect("in")
            return "not in"
        sign = "!=" if sign == "<>" else sign
        if sign not in COMPARISONS:
            self._at -= 1
            raise self._unexpected()
        return sign

    def _list(self) -> tuple[Literal, ...]:
        self._expect("(")
        values = [self._literal()]
        while self._take(","):
            values.append(self._literal())
        self._expect(")")
        return tuple(values)

    def _literal(self) -> Literal:
        token = self._next()
        match token.kind:
            case "text":
                return Literal("text", re.sub(r"\\(.)", lambda m: _UNESCAPE.get(m[1], m[1]), token.text[1:-1]))
            case "moment":
                return Literal("moment", datetime.fromisoformat(token.text))
            case "day":
                return Literal("day", date.fromisoformat(token.text))
            case "number":
                return Literal("number", float(token.text))
        word = token.text.lower()
        if word in ("true", "false"):
            return Literal("boolean", word == "true")
        if word == "null":
            return Literal("null", None)
        self._at -= 1
        raise self._unexpected()

    def _order(self) -> tuple[Order, ...]:
        self._expect("by")
        out: list[Order] = []
        while True:
            path = self._word()
            descending = self._take("desc")
            if not descending:
                self._take("asc")
            nulls_first = True
            if self._take("nulls"):
                nulls_first = not self._take("last")
                if nulls_first:
                    self._expect("first")
            out.append(Order(path, descending, nulls_first))
            if not self._take(","):
                return tuple(out)

    def _count(self) -> int:
        token = self._next()
        if token.kind != "number" or not token.text.isdecimal():
            self._at -= 1
            raise self._unexpected()
        return int(token.text)

    def _peek(self) -> str:
        return self._tokens[self._at].text if self._at < len(self._tokens) else ""

    def _next(self) -> Token:
        if self._at >= len(self._tokens):
            raise malformed("unexpected token: '<EOF>'")
        self._at += 1
        return self._tokens[self._at - 1]

    def _take(self, text: str) -> bool:
        if self._peek().lower() != text:
            return False
        self._at += 1
        return True

    def _expect(self, text: str) -> None:
        if not self._take(text):
            raise self._unexpected()

    def _word(self) -> str:
        token = self._next()
        if token.kind != "word":
            self._at -= 1
            raise self._unexpected()
        return token.text

    def _unexpected(self) -> Refusal:
        token = self._tokens[self._at] if self._at < len(self._tokens) else Token("end", "<EOF>", 0)
        return malformed(f"\n^\nERROR at Row:1:Column:{token.at + 1}\nunexpected token: '{token.text}'")
