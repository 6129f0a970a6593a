"""Words that tests of mapping commands share."""

from __future__ import annotations

from typing import Any

from hub.operations.sandboxes import Serving
from tests.cli.conftest import Hub

CRM = "hubspot/contacts"
MAIL = "mailchimp/members"
SHOUT = ("--set", "fields.title.normalise=[trim, upper]")


def edited(hub: Hub, name: str, *sets: str, who: str = "ann", new: bool = False) -> int:
    """A draft with these places set; answers its number."""
    options = [word for said in sets for word in ("--set", said)]
    done = hub("mappings", "edit", name, *options, "--who", who, *(["--new"] if new else []), "--json")
    assert done.code == 0, done.out + done.err
    number: int = done.json["version"]["version"]
    return number


def planned(hub: Hub, name: str, *more: str, code: int | None = 2) -> dict[str, Any]:
    shown = hub("mappings", "plan", name, *more, "--json")
    assert code is None or shown.code == code, shown.out + shown.err
    plan: dict[str, Any] = shown.json
    return plan


def cells(plan: dict[str, Any]) -> set[tuple[str, str, str, Any]]:
    """(connection, record, field, after) of every row."""
    return {
        (row["connection"], row["remote_id"] or row["key"]["value"], cell["field"], _plain(cell["after"]))
        for row in plan["rows"]
        for cell in row["cells"]
    }


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def snapshot(systems: dict[str, Serving]) -> dict[tuple[str, str], dict[str, Any]]:
    """Everything that the systems hold now."""
    held = {}
    for name, serving in systems.items():
        people = serving.sandbox.people
        held |= {(name, i): dict(people.get(i) or {}) for i in people.ids()}
    return held


def moved(before: dict[tuple[str, str], Any], after: dict[tuple[str, str], Any]) -> set[tuple[str, str]]:
    return {at for at in before.keys() | after.keys() if _said(before.get(at)) != _said(after.get(at))}


def _said(record: Any) -> Any:
    """A record without the times that the vendor keeps itself."""
    if not isinstance(record, dict):
        return record
    return {k: v for k, v in record.items() if not any(w in k for w in ("modified", "changed", "updated", "Modstamp"))}
