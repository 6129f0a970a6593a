"""What an org says of an sObject's fields, as seen by the user the hub acts as (field-level security included)."""

from __future__ import annotations

from typing import Any

from hub.sdk.http import ContractBroken, Response
from hub.sdk.streams import FieldInfo

_SHOWN_OF_PARENT = {"User": "Email", "Account": "Name", "Campaign": "Name"}
"""The column of a parent that people want to map: the owner's e-mail, the account's name."""


def field_infos(response: Response) -> tuple[FieldInfo, ...]:
    """The fields of a describe answer; parents that people map appear as read-only paths (`Owner.Email`)."""
    body = response.json()
    if not isinstance(body, dict) or not isinstance(body.get("fields"), list):
        raise ContractBroken("a describe answer must be an object with `fields`")
    out: list[FieldInfo] = []
    for item in body["fields"]:
        if not isinstance(item, dict) or not isinstance(item.get("name"), str):
            raise ContractBroken("a described field must be an object with a `name`")
        out.append(_info(item))
        out.extend(_parents(item))
    return tuple(out)


def _info(item: dict[str, Any]) -> FieldInfo:
    name, kind = item["name"], str(item.get("type", ""))
    creatable = item.get("createable") is True
    length = item.get("length")
    choices = tuple(
        str(choice["value"])
        for choice in item.get("picklistValues") or ()
        if isinstance(choice, dict) and choice.get("active") is True and "value" in choice
    )
    return FieldInfo(
        path=name,
        title=str(item.get("label") or name),
        type=kind,
        creatable=creatable,
        updatable=item.get("updateable") is True,
        required=creatable and item.get("nillable") is False and item.get("defaultedOnCreate") is False,
        unique=item.get("unique") is True or kind == "id",
        choices=choices,
        max_length=length if isinstance(length, int) and length > 0 else None,
    )


def _parents(item: dict[str, Any]) -> list[FieldInfo]:
    relation, targets = item.get("relationshipName"), item.get("referenceTo") or []
    if not isinstance(relation, str) or not isinstance(targets, list):
        return []
    column = next((_SHOWN_OF_PARENT[t] for t in targets if t in _SHOWN_OF_PARENT), None)
    if column is None:
        return []
    title = f"{relation}: {column}"
    return [FieldInfo(f"{relation}.{column}", title, "string", creatable=False, updatable=False, open=True)]
