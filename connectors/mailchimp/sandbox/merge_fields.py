"""Merge fields: their types, and what each type takes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from connectors.mailchimp.sandbox.replies import invalid

TYPES = ("text", "number", "address", "phone", "date", "url", "imageurl", "radio", "dropdown", "birthday", "zip")
ADDRESS_NEEDS = ("addr1", "city", "state", "zip")
ADDRESS_PARTS = ("addr1", "addr2", "city", "state", "zip", "country")
TEXT_MAX = 255


@dataclass(slots=True)
class MergeField:
    merge_id: int
    tag: str
    name: str
    type: str = "text"
    required: bool = False
    choices: tuple[str, ...] = ()
    default: str = ""
    public: bool = True
    options: dict[str, Any] = field(default_factory=dict)

    def shown(self, list_id: str) -> dict[str, Any]:
        options: dict[str, Any] = dict(self.options)
        if self.type == "text":
            options.setdefault("size", 25)
        if self.choices:
            options["choices"] = list(self.choices)
        if self.type == "date":
            options.setdefault("date_format", "MM/DD/YYYY")
        return {
            "merge_id": self.merge_id,
            "tag": self.tag,
            "name": self.name,
            "type": self.type,
            "required": self.required,
            "default_value": self.default,
            "public": self.public,
            "display_order": self.merge_id + 1,
            "options": options,
            "help_text": "",
            "list_id": list_id,
            "_links": [],
        }


def standard() -> list[MergeField]:
    """What a new audience has, and a company, as in the seeded world."""
    return [
        MergeField(1, "FNAME", "First Name"),
        MergeField(2, "LNAME", "Last Name"),
        MergeField(3, "ADDRESS", "Address", "address", options={"default_country": 164}),
        MergeField(4, "PHONE", "Phone Number", "phone", options={"phone_format": "none"}),
        MergeField(5, "BIRTHDAY", "Birthday", "birthday", options={"date_format": "MM/DD"}),
        MergeField(6, "COMPANY", "Company"),
        MergeField(7, "TIER", "Tier", "dropdown", choices=("Bronze", "Silver", "Gold")),
    ]


def blank(fields: Sequence[MergeField]) -> dict[str, Any]:
    return {f.tag: f.default for f in fields}


def checked(
    fields: Sequence[MergeField], given: Any, held: Mapping[str, Any] | None, *, skip_required: bool
) -> dict[str, Any]:
    """The values to keep: unknown tags are passed over, wrong types refused, required ones demanded unless skipped.

    `held` is what the member has already, None for a new one.
    """
    if given is None:
        given = {}
    if not isinstance(given, Mapping):
        raise invalid([("merge_fields", "Schema describes object, something else found instead")])
    kept: dict[str, Any] = {}
    errors: list[tuple[str, str]] = []
    for known in fields:
        value = given.get(known.tag)
        if known.tag in given and not _dropped(known, value, skip_required):
            try:
                kept[known.tag] = _value(known, value)
            except ValueError as error:
                errors.append((known.tag, str(error)))
        left = kept.get(known.tag, held.get(known.tag) if held else None)
        if known.required and not skip_required and left in (None, "") and (held is None or known.tag in given):
            errors.append((known.tag, "This value should not be blank."))
    if errors:
        raise invalid(errors, "Your merge fields were invalid.")
    return kept


def _value(known: MergeField, value: Any) -> Any:
    if value is None or value == "":
        return ""
    if known.type == "address":
        return _address(value)
    if isinstance(value, (Mapping, list, bool)):
        raise ValueError("Schema describes string, something else found instead")
    if known.type == "number":
        return _number(value)
    text = str(value)
    if known.type in ("text", "phone") and len(text) > TEXT_MAX:
        raise ValueError("The text entered is too long.")
    if known.type in ("dropdown", "radio") and text not in known.choices:
        raise ValueError(f"Value must be one of these: {', '.join(known.choices)} (not {text}).")
    if known.type == "date":
        return _date(text)
    if known.type == "birthday" and not re.fullmatch(r"(0?[1-9]|1[0-2])/(0?[1-9]|[12]\d|3[01])", text):
        raise ValueError("Please enter a month (01-12) and a day (01-31)")
    if known.type in ("url", "imageurl") and not re.match(r"https?://\S+$", text):
        raise ValueError("Please enter a complete, valid web address")
    if known.type == "zip" and not re.fullmatch(r"\d{5}", text):
        raise ValueError("Please enter a zip code (5 digits)")
    return text


def _number(value: Any) -> int | float:
    try:
        number = float(value)
    except ValueError:
        raise ValueError("Please enter a number") from None
    return int(number) if number.is_integer() else number


def _date(text: str) -> str:
    for pattern in (r"(?P<y>\d{4})-(?P<m>\d{1,2})-(?P<d>\d{1,2})", r"(?P<m>\d{1,2})/(?P<d>\d{1,2})/(?P<y>\d{4})"):
        found = re.match(pattern, text)
        if found:
            try:
                return date(int(found["y"]), int(found["m"]), int(found["d"])).isoformat()
            except ValueError:
                break
    raise ValueError("Please enter the date")


def _complete(value: Mapping[str, Any]) -> bool:
    return all(value.get(part) for part in ADDRESS_NEEDS)


def _dropped(known: MergeField, value: Any, lenient: bool) -> bool:
    """An incomplete address under `skip_merge_validation` is answered by 200 and not kept, as users report."""
    return lenient and known.type == "address" and isinstance(value, Mapping) and not _complete(value)


def _address(value: Any) -> dict[str, str]:
    """The whole address is replaced by what was sent, which must be complete."""
    if not isinstance(value, Mapping):
        raise ValueError("Data did not match any of the schemas described in anyOf.")
    parts = {part: str(value.get(part) or "") for part in ADDRESS_PARTS}
    if not _complete(value):
        raise ValueError("Please enter a complete address")
    parts["country"] = parts["country"] or "US"
    return parts
