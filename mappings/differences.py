"""What differs between two documents: by meaning, in the documents' own words, and line by line."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from typing import Any

from mappings.clauses import Condition, Document, FieldDoc, MatchDoc
from mappings.rendering import flow

NOTHING = "nothing"
"""How the side is told on which there is nothing."""

_OWN = frozenset({"file", "hash", "entity", "examples", "policy", "lines"})
"""Parts of a document that are compared elsewhere, or not at all."""
_RESULTS = frozenset({"definition", "free"})
"""Parts of a field that follow from its name and its other keys."""
_WORDS = {"paths": "path", "region": "default", "reads": "read", "deny": "write.deny", "grant": "write.grant"}
"""Where a part of a document isn't called by the key that says it."""
_USUAL = {"on_unknown": "reject", "compare": "trimmed", "empty": "keep", "direction": "both", "weight": "ranked"}
_USUAL_ALSO: dict[str, Any] = {**_USUAL, "normalise": "trim", "write_if_empty": False}
"""What a field says that says nothing: left out where a whole field is told."""
_POLICY = frozenset({"fields", "entity", "grants"})
"""Parts of the policy that follow from the rest of the document."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that two documents say differently: its place, and what was said before and after, as YAML."""

    path: str
    before: str
    after: str

    def __str__(self) -> str:
        if self.before == NOTHING:
            return f"{self.path}: now {self.after}"
        if self.after == NOTHING:
            return f"{self.path}: no longer {self.before}"
        return f"{self.path}: {self.before} becomes {self.after}"


def differences(old: Document, new: Document) -> tuple[Difference, ...]:
    """What differs in meaning, in the order of the new document, what is gone last. A key that one document leaves
    out and the other says as its default is no difference, nor is the order of keys; the order of lists is.

    A field, consent or key that only one of them has is one difference; otherwise it is told key by key.
    """
    found = tuple(_between("", _said(old), _said(new)))
    gone = [example for example in old.examples if example not in new.examples]
    come = [example for example in new.examples if example not in old.examples]
    return (
        *found,
        *(Difference("examples", NOTHING, flow(example)) for example in come),
        *(Difference("examples", flow(example), NOTHING) for example in gone),
    )


def unified(old: str, new: str, *, old_name: str = "before", new_name: str = "after") -> str:
    """The lines that differ, with three around them, in the form of `diff -u`; "" when the texts are the same."""
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), old_name, new_name, lineterm="")
    return "".join(f"{line}\n" for line in lines)


def _between(path: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Difference]:
    for name in (*new, *(name for name in old if name not in new)):
        before, after = old.get(name), new.get(name)
        here = f"{path}.{name}" if path else name
        if _same(before, after):
            continue
        if isinstance(before, dict) and isinstance(after, dict) and ((before and after) or not path):
            yield from _between(here, before, after)
        else:
            field = path == "fields"
            yield Difference(here, _told(before, field=field), _told(after, field=field))


def _same(before: Any, after: Any) -> bool:
    """Equal, and of one kind: `true` and 1 are two things."""
    return before == after and flow(before) == flow(after)


def _told(value: Any, *, field: bool) -> str:
    if value is None or value == {}:
        return NOTHING
    if field and isinstance(value, dict):
        value = {key: said for key, said in value.items() if not _same(said, _USUAL_ALSO.get(key))}
        return flow(value["path"] if value.keys() == {"path"} else value)
    return flow(value)


# -- a document in its own words ----------------------------------------------------------------------------------


def _said(document: Document) -> dict[str, Any]:
    """All that a document says that isn't a default, as nested mappings with the names of its places."""
    found: dict[str, Any] = {
        "mapping": f"{document.connector}/{document.stream}",
        "entity": document.entity.name,
        "match": {str(index): _match(match) for index, match in enumerate(document.match)},
        "fields": {field.name: _field(field) for field in document.fields},
        "consent": {doc.channel: _plain(doc) for doc in document.consent},
        "scope": {str(index): _condition(condition) for index, condition in enumerate(document.scope)},
        "policy": {
            item.name: _value(getattr(document.policy, item.name))
            for item in fields(document.policy)
            if item.name not in _POLICY
        },
    }
    if document.when is not None:
        found["scope"]["when"] = document.when.text
    for item in fields(document):
        if item.name not in found and item.name not in _OWN and item.name not in ("connector", "stream", "when"):
            found[item.name] = _value(getattr(document, item.name))
    return found


def _match(doc: MatchDoc) -> dict[str, Any]:
    return {("from" if key == "path" else key): said for key, said in _plain(doc).items()}


def _condition(doc: Condition) -> dict[str, Any]:
    if doc.op == "any":
        return {"any": [_condition(inner) for inner in doc.any]}
    said: Any = sorted(doc.values) if doc.op in ("in", "not_in") else doc.present if doc.op == "present" else doc.text
    return {"path": doc.path, doc.op: said}


def _field(doc: FieldDoc) -> dict[str, Any]:
    found = _plain(doc, skip=_RESULTS | {"name"})
    if doc.name.startswith("custom.") and not doc.free:
        found["kind"] = doc.definition.kind.value
    if doc.compute is not None:
        found["compute"] = doc.compute.text
    if isinstance(found.get("table"), list):
        found["table"] = {text: canonical for text, _, canonical in doc.table}
    return found


def _plain(value: Any, skip: frozenset[str] = frozenset({"channel"})) -> dict[str, Any]:
    """A clause by its keys, without what is empty: it says nothing."""
    found: dict[str, Any] = {}
    for item in fields(value):
        said = _value(getattr(value, item.name))
        if item.name not in skip and said not in (None, "", [], {}):
            found[_WORDS.get(item.name, item.name)] = said
    return found


def _value(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(value) or None
    if isinstance(value, Mapping):
        return {str(key): _value(inner) for key, inner in value.items()}
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    if isinstance(value, (list, tuple)):
        items = [_value(item) for item in value]
        return items[0] if len(items) == 1 and isinstance(items[0], str) else items
    return value
