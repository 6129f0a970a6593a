"""HubSpot's contact search: filters, one sort, pages of 200 and the ceiling of 10,000 (its search API guide)."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from connectors.hubspot.sandbox.answers import invalid
from connectors.hubspot.sandbox.catalogue import Property, moment, number
from connectors.hubspot.sandbox.contacts import Contacts, Indexed

CEILING = 10_000
PAGE_MAX = 200
GROUPS_MAX, FILTERS_MAX, ALL_FILTERS_MAX = 5, 10, 25
QUERY_MAX = 3_000
SEARCHED_TEXT = ("firstname", "lastname", "email", "phone", "company")
OPERATORS = {
    *("EQ", "NEQ", "LT", "LTE", "GT", "GTE", "BETWEEN", "IN", "NOT_IN"),
    *("HAS_PROPERTY", "NOT_HAS_PROPERTY", "CONTAINS_TOKEN", "NOT_CONTAINS_TOKEN"),
}
Sortable: TypeAlias = float | str
Test: TypeAlias = Callable[[Mapping[str, str]], bool]


@dataclass(frozen=True, slots=True)
class Found:
    total: int
    page: list[Indexed]
    after: str


def search(contacts: Contacts, body: Mapping[str, Any]) -> Found:
    limit = _whole(body.get("limit", 10), "limit")
    offset = _whole(body.get("after") or 0, "after")
    if not 1 <= limit <= PAGE_MAX:
        raise invalid(f"Invalid input JSON: limit must be between 1 and {PAGE_MAX}, got {limit}")
    if offset + limit > CEILING:
        raise invalid(f"The search is limited to {CEILING} results: after + limit may not pass it")
    groups = _groups(contacts, body.get("filterGroups") or [])
    index = contacts.searchable()
    hits = [(entry, contacts.values(entry)) for entry in _candidates(contacts, body, index)]
    if groups:
        hits = [hit for hit in hits if any(all(test(hit[1]) for test in group) for group in groups)]
    if body.get("query"):
        hits = [hit for hit in hits if _says(hit[1], str(body["query"]))]
    _sort(contacts, hits, body.get("sorts") or [])
    page = [entry for entry, _ in hits[offset : offset + limit]]
    end = offset + len(page)
    return Found(len(hits), page, str(end) if end < len(hits) else "")


def _candidates(contacts: Contacts, body: Mapping[str, Any], index: Mapping[str, Indexed]) -> Iterable[Indexed]:
    """All of the index; only what lies above an id where the one filter group says so (nothing but speed)."""
    groups = body.get("filterGroups") or []
    if len(groups) == 1:
        for item in groups[0].get("filters") or []:
            value = number(str(item.get("value", "")))
            if item.get("propertyName") == "hs_object_id" and item.get("operator") == "GT" and value is not None:
                first = bisect_right(contacts.index_ids, value)
                return [index[str(identity)] for identity in contacts.index_ids[first:]]
    return list(index.values())


def _whole(value: object, name: str) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and re.fullmatch(r"\d{1,9}", value):
        return int(value)
    raise invalid(f"Invalid input JSON: {name} is not a number")


def _groups(contacts: Contacts, groups: object) -> list[list[Test]]:
    if not isinstance(groups, list) or len(groups) > GROUPS_MAX:
        raise invalid(f"Invalid input JSON: at most {GROUPS_MAX} filterGroups")
    filters = [group.get("filters") or [] if isinstance(group, dict) else [] for group in groups]
    if any(len(items) > FILTERS_MAX for items in filters) or sum(map(len, filters)) > ALL_FILTERS_MAX:
        raise invalid(f"At most {FILTERS_MAX} filters in a group and {ALL_FILTERS_MAX} in all")
    return [[_test(contacts, item) for item in items] for items in filters]


def _test(contacts: Contacts, item: Mapping[str, Any]) -> Test:
    name, operator = str(item.get("propertyName")), item.get("operator")
    prop = contacts.properties.get(name)
    if prop is None:
        raise invalid(f"There was a problem with the request: property {name} does not exist")
    if operator not in OPERATORS:
        raise invalid(f"Invalid input JSON: unknown operator {operator}")
    if operator in ("HAS_PROPERTY", "NOT_HAS_PROPERTY"):
        wanted = operator == "HAS_PROPERTY"
        return lambda values: bool(values.get(name)) is wanted
    if operator in ("IN", "NOT_IN"):
        return _among(prop, item, wanted=operator == "IN")
    value = item.get("value")
    if not isinstance(value, str) or not value:
        raise invalid(f"Invalid input JSON: operator {operator} needs a value")
    if operator in ("CONTAINS_TOKEN", "NOT_CONTAINS_TOKEN"):
        pattern = re.compile(re.escape(value.lower()).replace(r"\*", ".*"))
        return lambda values: bool(_token(pattern, values.get(name, ""))) is (operator == "CONTAINS_TOKEN")
    return _ordered(prop, str(operator), value, item)


def _token(pattern: re.Pattern[str], value: str) -> bool:
    return any(pattern.fullmatch(word) for word in (value.lower(), *re.split(r"[\s@.,;]+", value.lower())))


def _among(prop: Property, item: Mapping[str, Any], *, wanted: bool) -> Test:
    choices = item.get("values")
    if not isinstance(choices, list) or not choices:
        raise invalid("Invalid input JSON: operator IN needs values")
    accepted = {_comparable(prop, str(choice)) for choice in choices}
    return lambda values: bool(values.get(prop.name)) and (_comparable(prop, values[prop.name]) in accepted) is wanted


def _ordered(prop: Property, operator: str, value: str, item: Mapping[str, Any]) -> Test:
    low = _bound(prop, value)
    high = _bound(prop, str(item.get("highValue", ""))) if operator == "BETWEEN" else low
    tests: dict[str, Callable[[Any], bool]] = {
        "EQ": lambda own: own == low,
        "NEQ": lambda own: own != low,
        "LT": lambda own: own < low,
        "LTE": lambda own: own <= low,
        "GT": lambda own: own > low,
        "GTE": lambda own: own >= low,
        "BETWEEN": lambda own: low <= own <= high,
    }
    test = tests[operator]
    name = prop.name

    def matches(values: Mapping[str, str]) -> bool:
        own = values.get(name)
        return test(_comparable(prop, own)) if own else operator == "NEQ"

    return matches


def _bound(prop: Property, value: str) -> Any:
    if prop.type in ("date", "datetime") and moment(value) is None:
        raise invalid(f"{value} is not a valid {prop.type} for {prop.name}")
    if prop.type == "number" and number(value) is None:
        raise invalid(f"{value} is not a valid number for {prop.name}")
    return _comparable(prop, value)


def _comparable(prop: Property, value: str) -> Sortable:
    """Times as whole milliseconds, numbers as numbers, texts without regard to case."""
    if prop.type in ("date", "datetime"):
        found = moment(value)
        return int(found.timestamp() * 1000) if found else 0
    if prop.type == "number":
        return number(value) or 0.0
    return value.lower()


def _says(values: Mapping[str, str], query: str) -> bool:
    if len(query) > QUERY_MAX:
        raise invalid(f"The query may have {QUERY_MAX} characters")
    text = " ".join(values.get(name, "") for name in SEARCHED_TEXT).lower()
    return all(word in text for word in query.lower().split())


def _sort(contacts: Contacts, hits: list[tuple[Indexed, dict[str, str]]], sorts: object) -> None:
    """One sort: an object, or a name with "-" before it for the other way. A text of JSON is ignored, as HubSpot does
    (its client's issue tracker). Without a sort: by creation."""
    if not isinstance(sorts, list) or len(sorts) > 1:
        raise invalid("Invalid input JSON: one sort at most")
    name, down = "hs_object_id", False
    for item in sorts:
        if isinstance(item, dict):
            name, down = str(item.get("propertyName")), item.get("direction") == "DESCENDING"
        elif isinstance(item, str) and item.lstrip("-") in contacts.properties:
            name, down = item.lstrip("-"), item.startswith("-")
    prop = contacts.properties.get(name)
    if prop is None:
        raise invalid(f"There was a problem with the request: cannot sort by {name}")
    if name == "hs_object_id":
        hits.sort(key=lambda hit: int(hit[0].id), reverse=down)
        return
    empty: Sortable = "" if isinstance(_comparable(prop, "0"), str) else 0.0
    hits.sort(key=lambda hit: _comparable(prop, hit[1][name]) if hit[1].get(name) else empty, reverse=down)
