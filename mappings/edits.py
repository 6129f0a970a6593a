"""What an edit touches: two documents held against each other, field by field.

Whatever is not known to be harmless counts as touched: the plan looks at too much rather than at too little.
"""

from __future__ import annotations

from dataclasses import fields, replace

from hub.domain.edit import Edit, Moved
from hub.domain.policy import Compare, Direction, Weight
from mappings.clauses import ConsentDoc, Document, FieldDoc
from mappings.lens import Lens

PLACE = ("paths", "constant", "join", "split", "composite", "compute")
"""What says where a field is read."""
CREATING = ("creates", "create_denied", "create_key", "create_requires", "create_beside")
DELETING = ("on_gone", "on_buried")
HARMLESS = frozenset({"file", "lines", "hash", "examples", "policy", "match", "fields", "consent", "scope", "when"})
"""Parts of a document that are compared one by one, or say nothing about records."""


def edit(old: Document, new: Document, old_lens: Lens, new_lens: Lens) -> Edit:
    """What differs in meaning from `old` to `new`."""
    before, after = {f.name: f for f in old.fields}, {f.name: f for f in new.fields}
    reading = {
        name: how
        for name in sorted(before.keys() | after.keys())
        if (how := _moved(before.get(name), after.get(name))) is not None
    }
    told = [n for n in before.keys() | after.keys() if _written(before.get(n)) or _written(after.get(n))]
    deciding = {
        n for n in told if _decided(before.get(n)) != _decided(after.get(n)) or reading.get(n) is Moved.ELSEWHERE
    }
    forms = {n for n in told if before.get(n) != after.get(n)}
    if any(getattr(old, f.name) != getattr(new, f.name) for f in fields(Document) if f.name not in HARMLESS):
        reading = {name: reading.get(name, Moved.RESTATED) for name in sorted(before.keys() | after.keys())}
        deciding, forms = set(told), set(told)
    consent = _consent(old, new)
    return Edit(
        reading,
        frozenset(deciding | {f"consent.{channel}" for channel in consent}),
        frozenset(forms),
        frozenset(n for n in before.keys() | after.keys() if _says(before.get(n)) != _says(after.get(n))),
        consent,
        old.match != new.match,
        (old.scope, old.when) != (new.scope, new.when),
        any(getattr(old.policy, name) != getattr(new.policy, name) for name in CREATING),
        any(getattr(old.policy, name) != getattr(new.policy, name) for name in DELETING),
        tuple(path for path in new_lens.reads if path not in old_lens.reads),
    )


def _moved(old: FieldDoc | None, new: FieldDoc | None) -> Moved | None:
    if old is None:
        return Moved.ADDED
    if new is None:
        return Moved.REMOVED
    if any(getattr(old, name) != getattr(new, name) for name in PLACE):
        return Moved.ELSEWHERE
    return Moved.RESTATED if _bare(old) != _bare(new) else None


def _bare(doc: FieldDoc) -> FieldDoc:
    """The field without what says nothing about how it is read."""
    return replace(
        doc,
        direction=Direction.BOTH,
        weight=Weight.RANKED,
        write_if_empty=False,
        part="",
        write_table={},
        compare=Compare.EXACT,
    )


def _written(doc: FieldDoc | None) -> bool:
    return doc is not None and doc.direction.writes


def _decided(doc: FieldDoc | None) -> tuple[object, ...]:
    """All of a field that says whether a record is to be told something."""
    if doc is None or not doc.direction.writes:
        return ()
    return doc.compare, doc.write_if_empty, doc.part


def _says(doc: FieldDoc | None) -> tuple[bool, Weight]:
    if doc is None or not doc.direction.reads:
        return False, Weight.NEVER
    return doc.weight is not Weight.NEVER, doc.weight


def _consent(old: Document, new: Document) -> frozenset[str]:
    before: dict[str, ConsentDoc] = {doc.channel: doc for doc in old.consent}
    after = {doc.channel: doc for doc in new.consent}
    return frozenset(c for c in before.keys() | after.keys() if before.get(c) != after.get(c))
