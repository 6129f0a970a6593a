"""The form of canonical values: for each kind a reader that makes the canonical form or says what doesn't fit.

Readers take what vendors show: integers, numbers, booleans, dates and times also as text. They see neither null nor
"", and a canonical value comes out of its own reader unchanged.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import TypeAlias

from hub.domain import moments
from hub.domain.entities import FieldDef, Kind
from hub.domain.values import Value
from mappings import currencies
from mappings.misfit import Misfit

Reader: TypeAlias = Callable[[object], Value]

MAX_TEXT = 10_000
MAX_EMAIL = 254
MAX_ELEMENTS = 200
MAX_ELEMENT = 1_000
TEXTUAL = frozenset({Kind.TEXT, Kind.EMAIL, Kind.PHONE, Kind.TEXT_SET})

_DAY = re.compile(r"(\d{4}-\d{2}-\d{2})(?:[T ].*)?", re.ASCII | re.DOTALL)
_INTEGER = re.compile(r"[-+]?\d{1,18}(?:\.0{1,9})?", re.ASCII)
_TRUE = frozenset({"true", "1", "yes"})
_FALSE = frozenset({"false", "0", "no"})
_FIRST_YEAR = 1000
_ZERO = ("Z", "+00:00", "+0000")


def text(limit: int) -> Reader:
    """Texts up to `limit` characters; numbers as their digits."""

    def read(value: object) -> Value:
        if isinstance(value, str) and len(value) <= limit:
            return value
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str):
            raise Misfit("a text")
        if len(value) > limit:
            raise Misfit(f"at most {limit} characters")
        return value

    return read


def looks_like_email(address: str) -> bool:
    """One @ between non-empty parts and no space; what a mail server accepts is not ours to say."""
    local, _, domain = address.partition("@")
    return bool(
        local and domain and "@" not in domain and len(address) <= MAX_EMAIL and len(address.split(None, 1)) == 1
    )


def email(value: object) -> Value:
    if isinstance(value, str) and looks_like_email(value):
        return value
    raise Misfit(f"an e-mail address of at most {MAX_EMAIL} characters")


def boolean(value: object) -> Value:
    if isinstance(value, bool):
        return value
    if isinstance(value, (str, int)):
        word = str(value).strip().casefold() if not isinstance(value, str) or len(value) < 20 else ""
        if word in _TRUE:
            return True
        if word in _FALSE:
            return False
    raise Misfit("true or false")


def integer(value: object) -> int:
    if type(value) is int and abs(value) < 10**18:
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    if isinstance(value, str) and len(value) <= 40 and _INTEGER.fullmatch(value.strip()):
        return int(value.strip().partition(".")[0])
    raise Misfit("a whole number")


def number(value: object) -> int | float:
    return currencies.number(currencies.decimal(value))


def day(value: object) -> str:
    """`YYYY-MM-DD`; a time behind it is cut off."""
    found = _DAY.fullmatch(value) if isinstance(value, str) and len(value) <= 40 else None
    if found is None:
        raise Misfit("a day as YYYY-MM-DD")
    try:
        moment = date.fromisoformat(found[1])
    except ValueError:
        raise Misfit("a day that exists") from None
    if moment.year < _FIRST_YEAR:
        raise Misfit(f"a day after the year {_FIRST_YEAR}")
    return found[1]


def moment(value: object) -> str:
    """ISO 8601 in UTC with milliseconds; a text without a zone is UTC."""
    if isinstance(value, str) and len(value) <= 40:
        text = value.strip()
        try:
            at = moments.parse(text)
        except ValueError:
            raise Misfit("a time that exists, in ISO 8601") from None
        return (_as_it_stands(text, at) if at.tzinfo is UTC else "") or told(at)
    raise Misfit("a time in ISO 8601")


def _as_it_stands(text: str, at: datetime) -> str:
    """The canonical text of a moment in UTC that was written nearly so, without the cost of formatting; else ""."""
    if at.year < _FIRST_YEAR or text[4:11:3] != "--T" or text[13:17:3] != "::" or text[11:13] == "24":
        return ""
    second, rest = text[:19], text[19:]
    if rest in _ZERO:
        return second + ".000Z"
    return second + rest[:4] + "Z" if rest[4:] in _ZERO and rest[0] == "." else ""


def told(at: datetime) -> str:
    """The canonical text of a moment. `Misfit` outside the years 1000 to 9999."""
    try:
        utc = at.astimezone(UTC)
    except OverflowError:
        raise Misfit("a time before the year 10000") from None
    if utc.year < _FIRST_YEAR:
        raise Misfit(f"a time after the year {_FIRST_YEAR}")
    return moments.iso(utc)


def choice(choices: tuple[str, ...]) -> Reader:
    known = frozenset(choices)

    def read(value: object) -> Value:
        if isinstance(value, str) and value in known:
            return value
        raise Misfit(f"one of {', '.join(choices)}", "Add the value to the field's table")

    return read


def anything(limit: int) -> Reader:
    """Custom fields without a kind: any scalar as it comes."""

    def read(value: object) -> Value:
        if isinstance(value, str):
            if len(value) > limit:
                raise Misfit(f"at most {limit} characters")
            return value
        if isinstance(value, (bool, int, float)):
            return value
        raise Misfit("a single value")

    return read


def reader(definition: FieldDef, limit: int | None, *, free: bool = False) -> Reader:
    """The reader of a field (of one element, for sets). `free`: a custom field that said no kind."""
    if free:
        return anything(limit or MAX_TEXT)
    simple: dict[Kind, Reader] = {
        Kind.EMAIL: email,
        Kind.BOOLEAN: boolean,
        Kind.INTEGER: integer,
        Kind.MONEY: integer,
        Kind.NUMBER: number,
        Kind.DATE: day,
        Kind.DATETIME: moment,
    }
    if definition.kind is Kind.ENUM and definition.choices:
        return choice(definition.choices)
    if definition.kind is Kind.TEXT_SET:
        return text(min(limit or MAX_ELEMENT, MAX_ELEMENT))
    return simple.get(definition.kind) or text(limit or MAX_TEXT)
