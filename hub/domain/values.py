"""What a field can hold.

Three absences are kept apart from the first parser on: a *missing* field says nothing (the key is not in the
mapping), `None` says "erased", and `""` is a value of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

Scalar: TypeAlias = str | int | float | bool | None
Value: TypeAlias = Scalar | tuple[str, ...]
"""A scalar, or a set written as a sorted tuple without duplicates. Times are ISO 8601 in UTC, days `YYYY-MM-DD`,
money an integer of minor units."""

Values: TypeAlias = Mapping[str, Value]
"""Canonical field name -> value. A missing field is a missing key."""


def as_set(value: object) -> tuple[str, ...]:
    """The set form of a value: sorted, without duplicates and without empties."""
    if value is None or value == "":
        return ()
    if isinstance(value, (list, tuple, set, frozenset)):
        return tuple(sorted({str(item) for item in value if item not in (None, "")}))
    return (str(value),)


def is_empty(value: Value) -> bool:
    """True for null, the empty text and the empty set."""
    return value is None or value == "" or value == ()
