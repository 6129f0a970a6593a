"""Answers queries from the org's tables: conditions become closures, rows come out as Salesforce shows them."""

from __future__ import annotations

import re
from collections.abc import Callable
from operator import ge, gt, le, lt
from typing import Any, TypeAlias

from connectors.salesforce.ids import long_id
from connectors.salesforce.sandbox.org import Org, Row
from connectors.salesforce.sandbox.schema import SCHEMA, Column, SObject
from connectors.salesforce.sandbox.soql import Both, Compare, Condition, Literal, Not, Query, malformed
from connectors.salesforce.sandbox.values import Refusal, shown

Test: TypeAlias = Callable[[Row], bool]
Reach: TypeAlias = Callable[[Row], Any]

_KINDS = {
    "boolean": "boolean",
    "datetime": "moment",
    "date": "day",
    "double": "number",
    "currency": "number",
    "percent": "number",
    "int": "number",
}
_NAMES = {"boolean": "boolean", "moment": "dateTime", "day": "date", "number": "double", "text": "string"}
AT = "\n^\nERROR at Row:1:Column:1\n"
SEE = "Please reference your WSDL or the describe call for the appropriate names."
COMPOUND = ("Street", "City", "State", "PostalCode", "Country", "Latitude", "Longitude")


def sobject_of(name: str) -> SObject:
    """The object of that name. Raises `Refusal` INVALID_TYPE."""
    known = SCHEMA.get(name.lower())
    if known is None:
        raise Refusal(
            "INVALID_TYPE",
            f"{AT}sObject type '{name}' is not supported. If you are attempting to use a custom object, be sure to "
            f"append the '__c' after the entity name. {SEE}",
        )
    return known


class Selection:
    """The answer to one query: the rows that match, in order, to be shown a page at a time."""

    def __init__(self, org: Org, query: Query, *, deleted: bool, version: str) -> None:
        self._org = org
        self._version = version
        self.sobject = sobject_of(query.sobject)
        self.paths = self._columns(query)
        self.counts = query.paths is None
        found = self._find(query, deleted)
        for order in reversed(query.order):
            _sort(found, self._sorted_by(order.path), descending=order.descending, nulls_first=order.nulls_first)
        end = None if query.limit is None else query.offset + query.limit
        self.rows = found[query.offset : end]

    def _columns(self, query: Query) -> tuple[tuple[str, ...], ...]:
        """Paths in the columns' own spelling. Raises `Refusal` INVALID_FIELD."""
        paths: list[tuple[str, ...]] = []
        for path in query.paths or ():
            if path.startswith("FIELDS("):
                paths.extend((c.name,) for c in self._all(path, query))
                continue
            spelled = self._spelled(path)
            if spelled in paths:
                raise malformed(f"duplicate field selected: {path}")
            paths.append(spelled)
        return tuple(paths)

    def _all(self, path: str, query: Query) -> list[Column]:
        if path != "FIELDS(STANDARD)" and (query.limit is None or query.limit > 200):
            raise malformed("The SOQL FIELDS function must have a LIMIT of at most 200")
        wanted = {"FIELDS(ALL)": (True, False), "FIELDS(STANDARD)": (False,), "FIELDS(CUSTOM)": (True,)}.get(path)
        if wanted is None:
            raise malformed(f"unexpected token: '{path}'")
        return [c for c in self._org.columns(self.sobject) if c.custom in wanted]

    def _spelled(self, path: str) -> tuple[str, ...]:
        *parents, leaf = path.split(".")
        at, spelled = self.sobject, []
        for parent in parents:
            link = _link(at, parent)
            spelled.append(link.relation)
            at = SCHEMA[link.refers[0].lower()]
        column = self._org.column(at, leaf)
        if column is None:
            raise Refusal(
                "INVALID_FIELD",
                f"{AT}No such column '{leaf}' on entity '{at.name}'. If you are attempting to use a custom field, be "
                f"sure to append the '__c' after the custom field name. {SEE}",
            )
        return (*spelled, column.name)

    def _find(self, query: Query, deleted: bool) -> list[Row]:
        rows = self._org.rows(self.sobject, deleted=deleted)
        if query.where is None:
            return list(rows)
        test = self._test(query.where)
        return [row for row in rows if test(row)]

    def _reach(self, path: str) -> Reach:
        """What gets the value of a path from a row."""
        *parents, leaf = self._spelled(path)
        if not parents:
            return lambda row: row[leaf]
        return lambda row: None if (at := self._parent(self.sobject, row, parents)) is None else at[leaf]

    def _sorted_by(self, path: str) -> Reach:
        reach = self._reach(path)
        if not self._type(path).textual:
            return reach
        return lambda row: held.casefold() if isinstance(held := reach(row), str) else held

    def _parent(self, sobject: SObject, row: Row, relations: list[str]) -> Row | None:
        at: Row | None = row
        for relation in relations:
            link = _link(sobject, relation)
            id_ = None if at is None else at[link.name]
            sobject = SCHEMA[link.refers[0].lower()]
            at = None if id_ is None else self._org.find(sobject, id_)
        return at

    def _type(self, path: str) -> Column:
        *parents, leaf = self._spelled(path)
        at = self.sobject
        for parent in parents:
            at = SCHEMA[_link(at, parent).refers[0].lower()]
        return at.columns[leaf.lower()]

    def _test(self, where: Condition) -> Test:
        if isinstance(where, Not):
            inner = self._test(where.part)
            return lambda row: not inner(row)
        if isinstance(where, Both):
            parts = [self._test(part) for part in where.parts]
            if where.word == "and":
                return lambda row: all(part(row) for part in parts)
            return lambda row: any(part(row) for part in parts)
        return self._compare(where)

    def _compare(self, where: Compare) -> Test:
        column = self._type(where.path)
        if column.type in ("textarea", "address"):
            raise Refusal("INVALID_FIELD", f"field '{column.name}' can not be filtered in a query call")
        values = [_operand(column, literal) for literal in where.values]
        reach = self._reach(where.path)
        fold = column.textual

        def value(row: Row) -> Any:
            held = reach(row)
            return held.casefold() if fold and isinstance(held, str) else held

        if where.sign in ("in", "not in"):
            wanted, inside = set(values), where.sign == "in"
            return lambda row: (value(row) in wanted) is inside
        return _comparison(where.sign, values[0], value)

    def shown(self, row: Row) -> dict[str, Any]:
        """A row as the answer shows it."""
        out: dict[str, Any] = {"attributes": self._attributes(self.sobject, row)}
        for path in self.paths:
            if len(path) == 1:
                out[path[0]] = self._cell(self.sobject, row, path[0])
            else:
                self._show_parent(out, row, path)
        return out

    def _show_parent(self, out: dict[str, Any], row: Row, path: tuple[str, ...]) -> None:
        sobject, at, into = self.sobject, row, out
        for relation in path[:-1]:
            parent = self._parent(sobject, at, [relation])
            if parent is None:
                into[relation] = None
                return
            sobject, at = SCHEMA[_link(sobject, relation).refers[0].lower()], parent
            into = into.setdefault(relation, {"attributes": self._attributes(sobject, at)})
        into[path[-1]] = self._cell(sobject, at, path[-1])

    @staticmethod
    def _cell(sobject: SObject, row: Row, name: str) -> Any:
        if sobject.columns[name.lower()].type != "address":
            return shown(row[name])
        prefix = name.removesuffix("Address")
        parts = {part[0].lower() + part[1:]: row.get(f"{prefix}{part}") for part in COMPOUND}
        return {**parts, "geocodeAccuracy": None} if any(parts.values()) else None

    def _attributes(self, sobject: SObject, row: Row) -> dict[str, str]:
        return {"type": sobject.name, "url": f"/services/data/{self._version}/sobjects/{sobject.name}/{row['Id']}"}


def _link(sobject: SObject, relation: str) -> Column:
    for column in sobject.columns.values():
        if column.relation.lower() == relation.lower() and column.refers[0].lower() in SCHEMA:
            return column
    message = f"Didn't understand relationship '{relation}' in field path."
    raise Refusal("INVALID_FIELD", f"{AT}{message}")


def _operand(column: Column, literal: Literal) -> Any:
    """A literal as rows hold it. Raises `Refusal` INVALID_FIELD when it is of another type than the column."""
    wanted = _KINDS.get(column.type, "text")
    if literal.kind == "null":
        return None
    if literal.kind != wanted:
        quotes = "should be enclosed in quotes" if wanted == "text" else "should not be enclosed in quotes"
        raise Refusal(
            "INVALID_FIELD",
            f"{AT}value of filter criterion for field '{column.name}' must be of type {_NAMES[wanted]} and {quotes}",
        )
    if column.type in ("id", "reference"):
        if not re.fullmatch(r"[0-9A-Za-z]{15}([0-9A-Za-z]{3})?", literal.value):
            raise Refusal("INVALID_QUERY_FILTER_OPERATOR", f"invalid ID field: {literal.value}")
        return long_id(literal.value)
    return literal.value.casefold() if wanted == "text" else literal.value


def _comparison(sign: str, operand: Any, value: Reach) -> Test:
    match sign:
        case "=":
            return lambda row: bool(value(row) == operand)
        case "!=":
            return lambda row: bool(value(row) != operand)
        case "like":
            if not isinstance(operand, str):
                raise Refusal("INVALID_FIELD", "invalid operator on a field that is no text")
            pattern = _like(operand)
            return lambda row: isinstance(held := value(row), str) and pattern.fullmatch(held) is not None
    compare = {"<": lt, ">": gt, "<=": le, ">=": ge}[sign]
    return lambda row: operand is not None and (held := value(row)) is not None and bool(compare(held, operand))


def _like(pattern: str) -> re.Pattern[str]:
    parts = re.findall(r"\\.|.", pattern, re.S)
    signs = {"%": ".*", "_": "."}
    return re.compile("".join(signs.get(p) or re.escape(p[-1]) for p in parts), re.S)


def _sort(rows: list[Row], reach: Reach, *, descending: bool, nulls_first: bool) -> None:
    empty = [row for row in rows if reach(row) is None]
    full = sorted((row for row in rows if reach(row) is not None), key=reach, reverse=descending)
    rows[:] = [*empty, *full] if nulls_first else [*full, *empty]
