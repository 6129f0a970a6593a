"""What a member can hold: the fixed parts, and the merge fields of the audience."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.mailchimp.listing import listing
from connectors.mailchimp.members import STATUSES
from hub.sdk.http import Request, Response, get
from hub.sdk.streams import FieldInfo

TEXT_MAX = 255
"""Characters that a text merge field takes (Mailchimp's help on merge fields)."""
ADDRESS_PARTS = (
    ("addr1", "street"),
    ("addr2", "second line"),
    ("city", "city"),
    ("state", "state or region"),
    ("zip", "postal code"),
    ("country", "country, two letters"),
)

FIXED = (
    FieldInfo("email_address", "E-mail address", "email", required=True, unique=True),
    FieldInfo("status", "Status", "dropdown", choices=STATUSES),
    FieldInfo("contact_id", "Contact ID", "text", creatable=False, updatable=False, unique=True),
    FieldInfo("timestamp_opt", "Time of the opt-in", "datetime", updatable=False),
    FieldInfo("timestamp_signup", "Time of the sign-up", "datetime", updatable=False),
    FieldInfo("ip_opt", "IP address of the opt-in", "text", updatable=False),
    FieldInfo("unsubscribe_reason", "Why they unsubscribed", "text", creatable=False, updatable=False),
    FieldInfo("last_changed", "Last change", "datetime", creatable=False, updatable=False),
    FieldInfo("source", "Source", "text", creatable=False, updatable=False),
    FieldInfo("language", "Language", "text"),
    FieldInfo("vip", "VIP", "boolean"),
    FieldInfo("email_type", "Format of mails", "dropdown", choices=("html", "text")),
)


def describe_request(audience_id: str) -> Request:
    """All merge fields at once: an audience has at most 80."""
    return get(
        f"/3.0/lists/{audience_id}/merge-fields",
        {
            "count": "1000",
            "fields": "merge_fields.tag,merge_fields.name,merge_fields.type,merge_fields.required,"
            "merge_fields.options,total_items",
        },
    )


def field_infos(response: Response | None) -> Sequence[FieldInfo]:
    if response is None:
        return FIXED
    found = list(FIXED)
    for row in listing(response, "merge_fields").rows:
        if isinstance(row, Mapping) and isinstance(row.get("tag"), str):
            found += _infos(row)
    return tuple(found)


def _infos(row: Mapping[str, Any]) -> list[FieldInfo]:
    path, title = f"merge_fields.{row['tag']}", str(row.get("name") or row["tag"])
    kind, required = str(row.get("type") or "text"), bool(row.get("required"))
    if kind == "address":
        return [
            FieldInfo(f"{path}.{part}", f"{title}: {words}", "text", required=required and part != "addr2")
            for part, words in ADDRESS_PARTS
        ]
    given = row.get("options")
    options: Mapping[str, Any] = given if isinstance(given, Mapping) else {}
    choices = options.get("choices")
    return [
        FieldInfo(
            path,
            title,
            kind,
            required=required,
            choices=tuple(str(c) for c in choices) if isinstance(choices, list) else (),
            max_length=TEXT_MAX if kind == "text" else None,
        )
    ]
