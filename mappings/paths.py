"""Remote paths: finding values in raw records, and putting payloads into them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

Raw: TypeAlias = Mapping[str, Any]
Getter: TypeAlias = Callable[[Raw], Any]


class _Missing:
    """The record does not show the path."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "MISSING"


class Astray:
    """Something stands on the way down that has no parts: a text where an object was expected."""

    __slots__ = ("found",)

    def __init__(self, found: object) -> None:
        self.found = found


MISSING: Final = _Missing()
MAX_PATH = 200
MAX_ITEMS = 1_000


def getter(path: str) -> Getter:
    """The function that finds a path in a record: its value, `MISSING`, or `Astray`.

    A key that is literally there wins; then dots descend, digits take an element, `[]` takes every element.
    """
    if key_of(path):
        return lambda raw: raw.get(path, MISSING)
    steps = tuple(path.replace("[]", ".[]").split("."))
    if len(steps) == 2 and "[]" not in steps:
        first, second = steps

        def pair(raw: Raw) -> Any:
            if path in raw:
                return raw[path]
            inner = raw.get(first, MISSING)
            return inner.get(second, MISSING) if type(inner) is dict else _step(inner, second)

        return pair

    def deep(raw: Raw) -> Any:
        return raw[path] if path in raw else _walk(raw, steps)

    return deep


def key_of(path: str) -> str:
    """The path where it can only be a key of the record itself; else "". Spares readers the getter's call."""
    return "" if "." in path or "[]" in path else path


def walker(path: str) -> Getter:
    """The function that descends a path step by step, without looking for a key that is literally there."""
    steps = tuple(path.split("."))
    if len(steps) == 1:
        return lambda raw: raw.get(path, MISSING)
    return lambda raw: _walk(raw, steps)


def _walk(found: Any, steps: tuple[str, ...]) -> Any:
    for index, step in enumerate(steps):
        if found.__class__ is dict and step != "[]":
            found = found.get(step, MISSING)
            continue
        if step == "[]":
            if not isinstance(found, list):
                return found if found is None or found == "" or found is MISSING else Astray(found)
            rest = steps[index + 1 :]
            return [item for item in (_walk(each, rest) for each in found[:MAX_ITEMS]) if item is not MISSING]
        found = _step(found, step)
    return found


def _step(found: Any, step: str) -> Any:
    """One step down. Null and empty stay what they are on the way down; an element beyond a list's end is null."""
    if isinstance(found, Mapping):
        return found.get(step, MISSING)
    if found is None or found is MISSING or found == "":
        return found
    if isinstance(found, list) and step.isascii() and step.isdigit():
        return found[int(step)] if len(step) < 6 and int(step) < len(found) else None
    return found if isinstance(found, Astray) else Astray(found)


def is_single(path: str) -> bool:
    """False for paths that take every element of a list: those can only be read."""
    return "[]" not in path


def touches(one: str, other: str) -> bool:
    """Whether two paths name the same place, or one lies within the other."""
    return one == other or one.startswith(other + ".") or other.startswith(one + ".")


def merged(raw: Raw | None, payload: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of the record with a payload put into it; the record itself is not changed."""
    result = dict(raw or {})
    for path, value in payload.items():
        if path in result or "." not in path:
            result[path] = value
        else:
            _put(result, path.split("."), value)
    return result


def _put(into: dict[str, Any], steps: list[str], value: Any) -> None:
    for step in steps[:-1]:
        below = into.get(step)
        below = dict(below) if isinstance(below, Mapping) else {}
        into[step] = below
        into = below
    into[steps[-1]] = value
