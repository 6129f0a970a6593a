"""What the query of a call says: pages, times, switches, and which parts of the answer are wanted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeAlias

from connectors.mailchimp.sandbox.replies import invalid

COUNT_DEFAULT = 10
COUNT_MAX = 1000


@dataclass(frozen=True, slots=True)
class Call:
    """One call: the ids in its path by name, its query, its JSON body, the scheme and host it was sent to."""

    ids: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    host: str = ""

    def object(self) -> Mapping[str, Any]:
        """The body, which must be an object."""
        if not isinstance(self.body, Mapping):
            raise invalid([("", "Schema describes object, something else found instead")])
        return self.body

    def number(self, name: str, default: int, least: int, most: int | None = None) -> int:
        text = self.query.get(name)
        if text is None:
            return default
        try:
            value = int(text)
        except ValueError:
            raise invalid([(name, "Schema describes integer, string found instead")]) from None
        if value < least:
            raise invalid([(name, f"Value must be greater than or equal to {least}")])
        if most is not None and value > most:
            raise invalid([(name, f"Value must be less than or equal to {most}")])
        return value

    def moment(self, name: str) -> datetime | None:
        """A time of the query; a plus sign that was not escaped arrives as a space and is refused."""
        text = self.query.get(name)
        if not text:
            return None
        try:
            value = datetime.fromisoformat(text)
        except ValueError:
            raise invalid([(name, "This value is not a valid datetime.")]) from None
        return value if value.tzinfo else value.replace(tzinfo=UTC)

    def choice(self, name: str, choices: Sequence[str]) -> str:
        text = self.query.get(name, "")
        if text and text not in choices:
            raise invalid([(name, f"Value must be one of: {', '.join(choices)}")])
        return text

    def flag(self, name: str) -> bool:
        return self.query.get(name, "").lower() in ("true", "1")


def page(call: Call, rows: Sequence[Any]) -> Sequence[Any]:
    """The rows of the page that the call asks for: ten unless it says more."""
    count = call.number("count", COUNT_DEFAULT, 0, COUNT_MAX)
    offset = call.number("offset", 0, 0)
    return rows[offset : offset + count]


Tree: TypeAlias = dict[str, Any]


def _tree(paths: str) -> Tree:
    tree: Tree = {}
    for path in filter(None, (p.strip() for p in paths.split(","))):
        place = tree
        for part in path.split("."):
            place = place.setdefault(part, {})
    return tree


def trimmed(call: Call, body: Any) -> Any:
    """The answer with only `fields`, or without `exclude_fields`; dots descend into objects and rows alike."""
    fields, excluded = call.query.get("fields", ""), call.query.get("exclude_fields", "")
    if fields:
        body = _only(body, _tree(fields))
    if excluded:
        body = _without(body, _tree(excluded))
    return body


def _only(value: Any, tree: Tree) -> Any:
    if not tree:
        return value
    if isinstance(value, list):
        return [_only(item, tree) for item in value]
    if isinstance(value, Mapping):
        return {k: _only(v, tree[k]) for k, v in value.items() if k in tree}
    return value


def _without(value: Any, tree: Tree) -> Any:
    if isinstance(value, list):
        return [_without(item, tree) for item in value]
    if isinstance(value, Mapping):
        return {k: _without(v, tree[k]) if k in tree else v for k, v in value.items() if tree.get(k) != {}}
    return value


def shown(moment: datetime | None) -> str:
    """A time as Mailchimp shows it: whole seconds, UTC, with its offset; "" for none."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S+00:00") if moment else ""
