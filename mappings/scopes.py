"""The scope of a mapping: which records are in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from mappings.clauses import Condition
from mappings.form import is_blank
from mappings.match_authoring import folded
from mappings.memo import Memo
from mappings.paths import MISSING, Astray, Raw, getter

Test: TypeAlias = Callable[[Raw], bool]


def scope_test(conditions: tuple[Condition, ...]) -> Test | None:
    """One test of all conditions; None when everything is in scope."""
    tests = tuple(_test(condition) for condition in conditions)
    if not tests:
        return None
    return tests[0] if len(tests) == 1 else lambda raw: all(test(raw) for test in tests)


def _test(condition: Condition) -> Test:
    if condition.op == "any":
        tests = tuple(_test(inner) for inner in condition.any)
        return lambda raw: any(test(raw) for test in tests)
    get = getter(condition.path)
    if condition.op == "present":
        return lambda raw: any(not is_blank(item) for item in _items(get(raw))) is condition.present
    if condition.op in ("in", "not_in"):
        known, wanted = Memo(lambda text: folded(text) in condition.values), condition.op == "in"

        def test(raw: Raw) -> bool:
            value = get(raw)
            found = known[value] if value.__class__ is str else any(w in condition.values for w in _words(value))
            return found is wanted

        return test
    match = {"starts_with": str.startswith, "ends_with": str.endswith, "contains": str.__contains__}[condition.op]
    return lambda raw: any(match(item, condition.text) for item in _words(get(raw)))


def _items(value: Any) -> list[Any]:
    if value is MISSING or isinstance(value, Astray):
        return []
    return value if isinstance(value, list) else [value]


def _words(value: Any) -> list[str]:
    return [folded(item) for item in _items(value) if not isinstance(item, (list, dict))]
