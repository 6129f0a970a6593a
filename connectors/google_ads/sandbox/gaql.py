"""A part of GAQL: SELECT, FROM, WHERE with AND, ORDER BY, LIMIT, PARAMETERS; refused queries carry Google's codes."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TypeAlias

from connectors.google_ads.sandbox.fields import ATTRIBUTED, ENUMS, FIELDS, INCOMPATIBLE, MEASURED, FieldFact

Scalar: TypeAlias = str | int | float | bool
Operand: TypeAlias = Scalar | tuple[Scalar, ...] | None

TOKEN = re.compile(r"\s*(?:('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")|(!=|>=|<=|[=<>(),])|([A-Za-z0-9_.\-]+)|(\S))")
ORDERED = {"INT64", "DOUBLE", "DATE"}
KEYWORDS = {"SELECT", "FROM", "WHERE", "ORDER", "BY", "LIMIT", "PARAMETERS", "AND"}


class Refused(Exception):
    """A query that Google would refuse; `code` is of the enum QueryError."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Condition:
    fact: FieldFact
    operator: str
    operand: Operand

    def holds(self, value: object) -> bool:
        """Whether a row's value meets the condition. An unset value meets IS NULL and inequalities only."""
        if self.operator in ("IS NULL", "IS NOT NULL"):
            return (value is None) == (self.operator == "IS NULL")
        if self.operator in ("=", "!="):
            return (value == self.operand) == (self.operator == "=")
        if self.operator in ("IN", "NOT IN"):
            inside = isinstance(self.operand, tuple) and value in self.operand
            return inside == (self.operator == "IN")
        if value is None:
            return False
        if self.operator in ("LIKE", "NOT LIKE"):
            pattern = "".join(".*" if c == "%" else "." if c == "_" else re.escape(c) for c in str(self.operand))
            return bool(re.fullmatch(pattern, str(value), re.I | re.S)) == (self.operator == "LIKE")
        if self.operator in ("BETWEEN", "DURING") and isinstance(self.operand, tuple):
            return self._compare(value, self.operand[0]) >= 0 and self._compare(value, self.operand[1]) <= 0
        found = self._compare(value, self.operand)
        return {">": found > 0, ">=": found >= 0, "<": found < 0, "<=": found <= 0}[self.operator]

    @staticmethod
    def _compare(left: object, right: object) -> int:
        if isinstance(left, str) or isinstance(right, str):
            a, b = str(left), str(right)
            return (a > b) - (a < b)
        x, y = float(left), float(right)  # type: ignore[arg-type]
        return (x > y) - (x < y)


@dataclass(slots=True)
class Query:
    select: list[FieldFact] = field(default_factory=list)
    resource: str = ""
    where: list[Condition] = field(default_factory=list)
    order: list[tuple[FieldFact, bool]] = field(default_factory=list)
    limit: int | None = None

    @property
    def mask(self) -> list[str]:
        return [fact.name for fact in self.select]

    def measured(self) -> bool:
        """Whether metrics take part."""
        used = [*self.select, *(c.fact for c in self.where), *(fact for fact, _ in self.order)]
        return any(fact.category == "METRIC" for fact in used)

    def days(self, today: date) -> tuple[date, date] | None:
        """The span that the conditions on segments.date leave, None when there is no finite one."""
        first, last = None, None
        for condition in self.where:
            if condition.fact.name != "segments.date":
                continue
            low, high = _span(condition)
            first = low if first is None or (low and low > first) else first
            last = high if last is None or (high and high < last) else last
        return (first, last) if first and last else None


def _span(condition: Condition) -> tuple[date | None, date | None]:
    operand = condition.operand
    if condition.operator in ("BETWEEN", "DURING", "IN") and isinstance(operand, tuple):
        days = sorted(date.fromisoformat(str(value)) for value in operand)
        return days[0], days[-1]
    day = date.fromisoformat(str(operand))
    return {
        "=": (day, day),
        ">=": (day, None),
        ">": (day + timedelta(days=1), None),
        "<=": (None, day),
        "<": (None, day - timedelta(days=1)),
    }.get(condition.operator, (None, None))


class Parser:
    """One query. `today` is the account's own day, for DURING."""

    def __init__(self, text: str, today: date, *, needs_from: bool = True) -> None:
        self._today = today
        self._needs_from = needs_from
        self._tokens = list(self._split(text))
        self._at = 0

    @staticmethod
    def _split(text: str) -> list[str]:
        tokens: list[str] = []
        for match in TOKEN.finditer(text.rstrip()):
            quoted, operator, word, stray = match.groups()
            if stray is not None:
                if stray in "'\"":
                    raise Refused("STRING_NOT_TERMINATED", "Error in query: unterminated string.")
                raise Refused("BAD_SYMBOL", f"Error in query: unexpected input {stray}.")
            tokens.append(quoted or operator or word)
        return tokens

    def parse(self) -> Query:
        query = Query()
        self._word("SELECT", "EXPECTED_SELECT")
        query.select = [self._field("PROHIBITED_FIELD_IN_SELECT_CLAUSE", "selectable")]
        while self._take(","):
            query.select.append(self._field("PROHIBITED_FIELD_IN_SELECT_CLAUSE", "selectable"))
        if self._needs_from:
            self._word("FROM", "EXPECTED_FROM")
            query.resource = self._next("UNEXPECTED_END_OF_QUERY")
            if query.resource not in ATTRIBUTED:
                raise Refused("BAD_RESOURCE_TYPE_IN_FROM_CLAUSE", f"'{query.resource}' is not a valid resource name.")
        elif self._peek() == "FROM":
            raise Refused("UNEXPECTED_FROM_CLAUSE", "FROM clause cannot be specified in this query.")
        if self._take("WHERE"):
            query.where.append(self._condition())
            while self._take("AND"):
                query.where.append(self._condition())
        self._tail(query)
        return query

    def _tail(self, query: Query) -> None:
        if self._take("ORDER"):
            self._word("BY", "EXPECTED_BY")
            query.order.append(self._ordering())
            while self._take(","):
                query.order.append(self._ordering())
        if self._take("LIMIT"):
            text = self._next("UNEXPECTED_END_OF_QUERY")
            if not text.lstrip("-").isdigit():
                raise Refused("BAD_LIMIT_VALUE", f"Error in query: invalid limit {text}.")
            query.limit = int(text)
            if query.limit < 1:
                raise Refused("LIMIT_VALUE_TOO_LOW", "Limit must be a positive number.")
        if self._take("PARAMETERS"):
            name, _, value = self._next("UNEXPECTED_END_OF_QUERY"), self._next("BAD_PARAMETER_VALUE"), self._next("")
            if name not in ("include_drafts", "omit_unselected_resource_names") or value not in ("true", "false"):
                raise Refused("BAD_PARAMETER_NAME", f"'{name}' is not a valid parameter name.")
        if self._peek() is not None:
            raise Refused("UNEXPECTED_INPUT", f"Error in query: unexpected input {self._peek()}.")

    def _condition(self) -> Condition:
        fact = self._field("PROHIBITED_FIELD_IN_WHERE_CLAUSE", "filterable")
        operator = self._next("UNEXPECTED_END_OF_QUERY").upper()
        if operator == "NOT":
            operator = f"NOT {self._next('BAD_OPERATOR').upper()}"
        if operator == "IS":
            word = self._next("BAD_OPERATOR").upper()
            operator = "IS NULL" if word == "NULL" else f"IS {word} {self._next('BAD_OPERATOR').upper()}"
            if operator not in ("IS NULL", "IS NOT NULL"):
                raise Refused("BAD_OPERATOR", f"Error in query: invalid operator {operator}.")
            return Condition(fact, operator, None)
        return Condition(fact, operator, self._operand(fact, operator))

    def _operand(self, fact: FieldFact, operator: str) -> Operand:
        if operator == "BETWEEN":
            first = self._value(fact)
            self._word("AND", "EXPECTED_AND")
            pair = (first, self._value(fact))
            if fact.type not in ORDERED:
                raise Refused("OPERATOR_FIELD_MISMATCH", f"BETWEEN cannot be used with '{fact.name}'.")
            if fact.type == "DATE" and str(pair[0]) > str(pair[1]):
                raise Refused("DATE_RANGE_TOO_NARROW", "The start date is after the end date.")
            return pair
        if operator == "DURING":
            return self._during(fact)
        if operator in ("IN", "NOT IN"):
            return self._list(fact)
        allowed = {"=", "!="} | ({">", ">=", "<", "<="} if fact.type in ORDERED else set())
        if fact.type in ("STRING", "RESOURCE_NAME"):
            allowed |= {"LIKE", "NOT LIKE"}
        if operator not in allowed | {">", ">=", "<", "<=", "LIKE", "NOT LIKE"}:
            raise Refused("BAD_OPERATOR", f"Error in query: invalid operator {operator}.")
        if operator not in allowed:
            raise Refused("OPERATOR_FIELD_MISMATCH", f"Operator {operator} cannot be used with '{fact.name}'.")
        if self._peek() == "(":
            raise Refused("EXPECTED_SINGLE_VALUE", f"Operator {operator} expects a single value.")
        return self._value(fact)

    def _list(self, fact: FieldFact) -> tuple[Scalar, ...]:
        if not self._take("("):
            raise Refused("EXPECTED_LIST", "Operator IN expects a list of values.")
        if self._take(")"):
            raise Refused("PROHIBITED_EMPTY_LIST_IN_CONDITION", "The list of a condition is empty.")
        values = [self._value(fact)]
        while self._take(","):
            values.append(self._value(fact))
        self._word(")", "UNEXPECTED_END_OF_QUERY")
        return tuple(values)

    def _during(self, fact: FieldFact) -> tuple[Scalar, ...]:
        name, today = self._next("UNEXPECTED_END_OF_QUERY").upper(), self._today
        if fact.type != "DATE":
            raise Refused("OPERATOR_FIELD_MISMATCH", f"DURING cannot be used with '{fact.name}'.")
        yesterday, month = today - timedelta(days=1), today.replace(day=1)
        spans = {
            "TODAY": (today, today),
            "YESTERDAY": (yesterday, yesterday),
            "LAST_7_DAYS": (today - timedelta(days=7), yesterday),
            "LAST_14_DAYS": (today - timedelta(days=14), yesterday),
            "LAST_30_DAYS": (today - timedelta(days=30), yesterday),
            "THIS_MONTH": (month, today),
            "LAST_MONTH": ((month - timedelta(days=1)).replace(day=1), month - timedelta(days=1)),
        }
        if name not in spans:
            raise Refused("INVALID_VALUE_WITH_DURING_OPERATOR", f"'{name}' is not a date range literal.")
        return tuple(day.isoformat() for day in spans[name])

    def _value(self, fact: FieldFact) -> Scalar:
        token = self._next("UNEXPECTED_END_OF_QUERY")
        quoted = token[0] in "'\""
        text = re.sub(r"\\(.)", r"\1", token[1:-1]) if quoted else token
        if fact.type in ("INT64", "DOUBLE"):
            try:
                return int(text) if fact.type == "INT64" else float(text)
            except ValueError:
                raise Refused("BAD_NUMBER", f"Error in query: invalid number {text}.") from None
        if fact.type == "ENUM":
            if text not in ENUMS[fact.name]:
                raise Refused("BAD_ENUM_CONSTANT", f"Invalid enum value '{text}' for '{fact.name}'.")
            return text
        if fact.type == "BOOLEAN":
            if text.lower() not in ("true", "false"):
                raise Refused("BAD_VALUE", f"'{text}' is not a boolean.")
            return text.lower() == "true"
        if not quoted:
            raise Refused("INVALID_STRING_VALUE", f"The value of '{fact.name}' must be a quoted string.")
        if fact.name == "segments.date" and not _is_day(text):
            raise Refused("INVALID_DATE_FORMAT", "Invalid date format. Expected 'YYYY-MM-DD'.")
        return text

    def _ordering(self) -> tuple[FieldFact, bool]:
        fact = self._field("PROHIBITED_FIELD_IN_ORDER_BY_CLAUSE", "sortable")
        down = self._take("DESC")
        if not down:
            self._take("ASC")
        return fact, down

    def _field(self, code: str, trait: str) -> FieldFact:
        name = self._next("UNEXPECTED_END_OF_QUERY")
        if name.upper() in KEYWORDS:
            raise Refused("UNEXPECTED_INPUT", f"Error in query: unexpected input {name}.")
        fact = FIELDS.get(name) if self._needs_from else FieldFact(name, _field_type(name), True, True, True, False)
        if fact is None:
            raise Refused("UNRECOGNIZED_FIELD", f"Unrecognized field in the query: '{name}'.")
        if not getattr(fact, trait):
            raise Refused(code, f"'{name}' cannot be used here: it is not {trait}.")
        return fact

    def _peek(self) -> str | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _take(self, word: str) -> bool:
        token = self._peek()
        if token is None or token.upper() != word:
            return False
        self._at += 1
        return True

    def _word(self, word: str, code: str) -> None:
        if not self._take(word):
            raise Refused(code, f"Error in query: expected {word}, got {self._peek() or 'the end'}.")

    def _next(self, code: str) -> str:
        token = self._peek()
        if token is None:
            raise Refused(code or "UNEXPECTED_END_OF_QUERY", "Error in query: unexpected end of query.")
        self._at += 1
        return token


def _is_day(text: str) -> bool:
    try:
        return bool(re.fullmatch(r"\d{4}-\d\d-\d\d", text)) and bool(date.fromisoformat(text))
    except ValueError:
        return False


def _field_type(name: str) -> str:
    return "BOOLEAN" if name in ("selectable", "filterable", "sortable", "is_repeated") else "STRING"


def check(query: Query, today: date) -> None:
    """The rules about fields that may not meet. Raises `Refused`."""
    filtered = [condition.fact for condition in query.where]
    for fact in [*query.select, *filtered]:
        if fact.category == "ATTRIBUTE" and fact.head not in ATTRIBUTED[query.resource]:
            clause = "SELECT" if fact in query.select else "WHERE"
            code = f"PROHIBITED_RESOURCE_TYPE_IN_{clause}_CLAUSE"
            raise Refused(code, f"'{fact.head}' cannot be used with FROM {query.resource}.")
        if fact.category != "ATTRIBUTE" and query.resource not in MEASURED:
            code = f"PROHIBITED_{fact.category}_IN_SELECT_OR_WHERE_CLAUSE"
            raise Refused(code, f"'{fact.name}' cannot be used with FROM {query.resource}.")
    selected = {fact.name for fact in query.select}
    for fact in [*filtered, *(fact for fact, _ in query.order)]:
        core = fact.name == "segments.date" or (fact.category == "ATTRIBUTE" and fact.head == query.resource)
        if fact.name not in selected and not core:
            message = f"'{fact.name}' must be in the SELECT clause to be used in WHERE or ORDER BY."
            raise Refused("EXPECTED_REFERENCED_FIELD_IN_SELECT_CLAUSE", message)
    for segment, metrics in INCOMPATIBLE.items():
        clash = selected & metrics
        if segment in selected and clash:
            code = "PROHIBITED_SEGMENT_WITH_METRIC_IN_SELECT_OR_WHERE_CLAUSE"
            raise Refused(code, f"'{segment}' cannot be selected with '{sorted(clash)[0]}'.")
    if "segments.date" in selected and query.days(today) is None:
        message = "Selecting segments.date needs conditions on it that name a first and a last day."
        raise Refused("EXPECTED_FILTERS_ON_DATE_RANGE", message)
