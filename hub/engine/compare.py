"""When are two values the same news? The mapping says how the vendor keeps a value; this says what that means."""

from __future__ import annotations

from collections.abc import Callable

from hub.domain.policy import Compare
from hub.domain.values import Value, as_set, is_empty


def _text(value: Value) -> str:
    return value if type(value) is str else str(value)


def _exact(a: Value, b: Value) -> bool:
    return a == b and isinstance(a, bool) == isinstance(b, bool)


def _trimmed(a: Value, b: Value) -> bool:
    return _text(a).strip() == _text(b).strip()


def _casefold(a: Value, b: Value) -> bool:
    return _text(a).strip().casefold() == _text(b).strip().casefold()


def _phone(a: Value, b: Value) -> bool:
    return digits(_text(a)) == digits(_text(b))


def _set(a: Value, b: Value) -> bool:
    return as_set(a) == as_set(b)


RULES: dict[Compare, Callable[[Value, Value], bool]] = {
    Compare.EXACT: _exact,
    Compare.TRIMMED: _trimmed,
    Compare.CASEFOLD: _casefold,
    Compare.PHONE: _phone,
    Compare.SET: _set,
}


def same(compare: Compare, a: Value, b: Value) -> bool:
    """True when the vendor would keep both alike. Null, "" and the empty set are one: no vendor keeps them apart."""
    if a is b:
        return True
    if is_empty(a) or is_empty(b):
        return is_empty(a) and is_empty(b)
    return RULES[compare](a, b)


def digits(text: str) -> str:
    return "".join(c for c in text if c.isdigit())


def resembles(told: Value, shown: Value) -> bool:
    """Whether `shown` may be `told` after a vendor rewrote it: case, spaces, punctuation, order, a cut end.

    Used where a read-back can't tell a vendor's rewriting from a person's edit made in the same moment: what doesn't
    resemble what we told is a person's.
    """
    if is_empty(told) or is_empty(shown):
        return is_empty(told) and is_empty(shown)
    if isinstance(told, tuple) or isinstance(shown, tuple):
        return {_bare(t) for t in as_set(told)} == {_bare(s) for s in as_set(shown)}
    a, b = _bare(_text(told)), _bare(_text(shown))
    return a == b or (len(b) >= 8 and a.startswith(b))


def _bare(text: str) -> str:
    return "".join(c for c in text.casefold() if c.isalnum())
