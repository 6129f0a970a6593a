"""What may go into a column, and how a column is shown: the org keeps datetimes, dates, numbers, texts and booleans."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Any

from connectors.salesforce.ids import is_id, long_id
from connectors.salesforce.sandbox.schema import Column

_EMAIL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")


class Unparsable(Exception):
    """A value of the wrong JSON type: Salesforce refuses the whole request (JSON_PARSER_ERROR), not the record."""


class Refusal(Exception):
    """What Salesforce says no to. `status` is the HTTP status when one record was sent alone."""

    def __init__(self, code: str, message: str, fields: tuple[str, ...] = (), status: int = 400) -> None:
        super().__init__(code)
        self.code = code
        self.message = message
        self.fields = fields
        self.status = status
        self.extra: dict[str, Any] = {}

    def alone(self) -> dict[str, Any]:
        """As an error of a request."""
        fields = {"fields": list(self.fields)} if self.fields or self.code in _ALWAYS_FIELDS else {}
        return {**self.extra, "message": self.message, "errorCode": self.code, **fields}

    def in_collection(self) -> dict[str, Any]:
        """As an error of one record among many."""
        return {"statusCode": self.code, "message": self.message, "fields": list(self.fields)}


_ALWAYS_FIELDS = frozenset({"DUPLICATE_VALUE", "REQUIRED_FIELD_MISSING", "STRING_TOO_LONG"})


def parsed(column: Column, value: Any) -> Any:
    """A JSON value as the org keeps it, before any rule. Raises `Unparsable` for a wrong type."""
    if value is None or value == "":
        return False if column.type == "boolean" else None
    match column.type:
        case "boolean":
            return _boolean(value)
        case "date":
            return _date(value)
        case "datetime":
            return _datetime(value)
        case "double" | "currency" | "percent" | "int":
            return _number(column, value)
    if isinstance(value, (dict, list, bool)):
        raise _wrong("string", value)
    # Salesforce strips spaces at both ends of every text, and lower-cases e-mail fields.
    out = str(value).strip()
    return (out.lower() if column.type == "email" else out) or None


def _wrong(kind: str, value: Any) -> Unparsable:
    name = {bool: "VALUE_TRUE", str: "VALUE_STRING", dict: "START_OBJECT", list: "START_ARRAY"}.get(
        type(value), "NUMBER"
    )
    return Unparsable(
        f"Cannot deserialize instance of {kind} from {name} value {value} "
        "or request may be missing a required field at [line:1, column:1]"
    )


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise _wrong("boolean", value)


def _date(value: Any) -> date:
    try:
        return date.fromisoformat(value)
    except (ValueError, TypeError) as error:
        raise _wrong("date", value) from error


def _datetime(value: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
    except (ValueError, TypeError) as error:
        raise _wrong("datetime", value) from error
    return moment.replace(microsecond=0) if moment.tzinfo else moment.replace(microsecond=0, tzinfo=UTC)


def _number(column: Column, value: Any) -> float | int:
    if isinstance(value, bool):
        raise _wrong(column.type, value)
    try:
        number = round(float(value), column.scale)
    except (ValueError, TypeError) as error:
        raise _wrong(column.type, value) from error
    if abs(number) >= 10 ** (column.precision - column.scale):
        raise Refusal("NUMBER_OUTSIDE_VALID_RANGE", f"{column.label}: value outside of valid range", (column.name,))
    return int(number) if column.type == "int" else number


def checked(column: Column, value: Any) -> Any:
    """The value as it is kept. Raises `Refusal` when a rule of the column forbids it."""
    if value is None:
        if not column.nillable:
            raise Refusal("REQUIRED_FIELD_MISSING", f"Required fields are missing: [{column.name}]", (column.name,))
        return None
    if column.restricted and value not in column.choices:
        raise Refusal(
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
            f"{column.label}: bad value for restricted picklist field: {value}",
            (column.name,),
        )
    if column.type == "reference":
        if not is_id(value):
            message = f"{column.label}: id value of incorrect type: {value}"
            raise Refusal("MALFORMED_ID", message, (column.name,))
        return long_id(value)
    if column.length and isinstance(value, str) and len(value) > column.length:
        raise Refusal(
            "STRING_TOO_LONG",
            f"{column.label}: data value too large: {value} (max length={column.length})",
            (column.name,),
        )
    if column.type == "email" and _EMAIL.fullmatch(value) is None:
        raise Refusal("INVALID_EMAIL_ADDRESS", f"{column.label}: invalid email address: {value}", (column.name,))
    return value


def shown(value: Any) -> Any:
    """A kept value as JSON shows it; datetimes as `2024-09-24T03:26:07.000+0000`."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")
    return value.isoformat() if isinstance(value, date) else value
