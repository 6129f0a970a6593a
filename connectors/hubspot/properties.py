"""HubSpot's property catalogue as fields of discovery (properties API reference)."""

from __future__ import annotations

from typing import Any

from connectors.hubspot.records import results
from hub.sdk.http import Response
from hub.sdk.streams import FieldInfo

TEXT_MAX = 65_536
"""Characters a single-line or multi-line text property holds (HubSpot's knowledge base on property field types)."""

CONSENT = FieldInfo(
    "subscriptions.email",
    "E-mail subscription (communication preferences)",
    "enumeration",
    readable=False,
    creatable=False,
    choices=("UNSUBSCRIBED", "SUBSCRIBED"),
)


def field_infos(response: Response) -> tuple[FieldInfo, ...]:
    """Every property that is not archived, by name, and the write-only consent path."""
    _, items = results(response, 200)
    infos = [_info(item) for item in items if isinstance(item, dict) and isinstance(item.get("name"), str)]
    identity = FieldInfo("id", "Record id", "string", creatable=False, updatable=False, unique=True)
    return (identity, *sorted(infos, key=lambda info: info.path), CONSENT)


def _info(item: dict[str, Any]) -> FieldInfo:
    name, kind = item["name"], str(item.get("type") or "string")
    rules = item.get("modificationMetadata")
    read_only = isinstance(rules, dict) and rules.get("readOnlyValue") is True
    writable = not read_only and item.get("calculated") is not True
    options = item.get("options")
    choices = tuple(
        option["value"]
        for option in (options if isinstance(options, list) else ())
        if isinstance(option, dict) and isinstance(option.get("value"), str)
    )
    return FieldInfo(
        path=name,
        title=str(item.get("label") or name),
        type=kind,
        creatable=writable,
        updatable=writable,
        unique=item.get("hasUniqueValue") is True or name == "email",
        choices=choices,
        max_length=TEXT_MAX if kind == "string" else None,
    )
