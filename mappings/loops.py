"""Loops that never settle: values that several systems hand on to each other in forms that no round makes rest.

Every cycle canonical -> A -> canonical -> B -> canonical is followed with sample values through the compiled lenses:
`put` into a new record, `get` what it shows. The hub's own memory of what it told (echo and sent) is left out on
purpose: it stops such a loop for a while, until a record is made anew, a write stays in doubt or a person edits it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from hub.domain.entities import Kind
from hub.domain.policy import Compare, FieldPolicy, Weight
from hub.domain.values import Value, Values, is_empty
from hub.engine.compare import resembles, same
from hub.errors import Complaint
from mappings.clauses import Document, FieldDoc
from mappings.compile import compiled
from mappings.corpus import ODD, beside, canonical, paths_of, record, remote
from mappings.lens import Lens
from mappings.paths import merged
from mappings.places import place_of
from mappings.shapes import quoted
from mappings.tree import text_of

ROUNDS = 2
"""How often A and B may hand a value on to each other before it must rest."""
_Found: TypeAlias = dict[tuple[str, str, str], Complaint]
"""By field and the two systems (the same twice: alone); "" for the second where it only reads back otherwise."""
_COUNTS = (Weight.OWNER, Weight.RANKED)


@dataclass(slots=True)
class _System:
    """One mapping at work: `name` is `connection/stream`."""

    name: str
    document: Document
    lens: Lens
    fields: Mapping[str, FieldDoc]
    written: frozenset[str]
    beside: Mapping[str, Any]
    """A record that shows only what the fields' steps look at beside their own paths."""

    def policy(self, name: str) -> FieldPolicy:
        return self.document.policy.fields[name]

    def shows(self, values: Values) -> dict[str, Value]:
        """What a new record shows of `values` after they were told; fields that could not be told are left out."""
        told = {name: value for name, value in values.items() if name in self.written}
        if not told:
            return {}
        payload = self.lens.put(told, None, self.beside)
        for refused in payload.complaints:
            told.pop(refused.field, None)
        after = self.lens.get(merged(self.beside, payload.values)).values
        return {name: after[name] for name in told if name in after}

    def departs(self, values: Values) -> dict[str, Value]:
        """The fields that read back as something else than told, under the field's compare."""
        found = self.shows(values)
        return {n: v for n, v in found.items() if not same(self.policy(n).compare, v, values[n])}

    def says(self, name: str) -> bool:
        """Whether its word can move the golden value away from another one's."""
        policy = self.document.policy.fields.get(name)
        return policy is not None and policy.direction.reads and policy.weight in _COUNTS


def loops(documents: Mapping[str, Document]) -> tuple[Complaint, ...]:
    """What never settles between the mappings in force. `documents`: `connection/stream` -> its mapping; those of
    different entities don't meet. One complaint per field and pair of systems, with one sample value."""
    found: list[Complaint] = []
    for entity in dict.fromkeys(d.entity.name for d in documents.values()):
        systems = [_system(name, d) for name, d in documents.items() if d.entity.name == entity]
        found += _of(systems)
    return tuple(found)


def _system(name: str, document: Document) -> _System:
    around: dict[str, Any] = {}
    for doc in document.fields:
        around = merged(around, beside(doc))
    written = frozenset(f.name for f in document.fields if f.direction.writes)
    return _System(name, document, compiled(document), {f.name: f for f in document.fields}, written, around)


def _of(systems: list[_System]) -> list[Complaint]:
    writing = [s for s in systems if s.written]
    found: _Found = {}
    for source, values in _said(systems):
        departing = [s for s in writing if _alone(s, source, values, found)]
        for one in departing:
            for other in writing:
                if other is not one:
                    _between(one, other, values, found)
    ceaseless = {(name, system) for name, *pair in found for system in pair if all(pair)}
    return [said for (name, first, second), said in found.items() if second or (name, first) not in ceaseless]


def _said(systems: list[_System]) -> Iterator[tuple[_System, Values]]:
    """Everything that some system's reading makes of the sample records, each value once."""
    seen: set[tuple[tuple[str, Value, type], ...]] = set()
    for system in systems:
        for doc in system.document.fields:
            for values in _readings(system, doc):
                mark = tuple((name, value, value.__class__) for name, value in sorted(values.items()))
                if mark not in seen:
                    seen.add(mark)
                    yield system, values


def _readings(system: _System, doc: FieldDoc) -> Iterator[Values]:
    if not system.policy(doc.name).direction.reads or system.policy(doc.name).weight is Weight.NEVER:
        return
    if not paths_of(doc):
        yield system.lens.get({}).values
        return
    for value in (*remote(doc), *ODD):
        yield system.lens.get(record(doc, value)).values
    if doc.name in system.written:
        for wanted in canonical(doc):
            told = system.lens.put({doc.name: wanted}, None, system.beside).values
            yield system.lens.get(merged(system.beside, told)).values


def _alone(system: _System, source: _System, values: Values, found: _Found) -> bool:
    """Whether the system shows a value in another form than told; reported where that cannot be meant."""
    departed = system.departs(values)
    for name, shown in departed.items():
        if not _settles(system, name, {**values, **departed}):
            found.setdefault((name, system.name, system.name), _never(name, values[name], system, system))
        elif (name, system.name, "") not in found:
            complaint = _differs(system, source, name, values[name], shown)
            if complaint is not None:
                found[name, system.name, ""] = complaint
    return bool(departed)


def _settles(system: _System, name: str, values: Values) -> bool:
    """Whether the form in which a system showed a value comes to rest there."""
    now = dict(values)
    for _ in range(ROUNDS):
        departed = system.departs(now)
        if name not in departed:
            return True
        now.update(departed)
    return False


def _differs(system: _System, source: _System, name: str, told: Value, shown: Value) -> Complaint | None:
    """A value that a system never shows as told, though it rests there. Meant where a write_table says so."""
    doc, compare = system.fields[name], system.policy(name).compare
    if text_of(told) in doc.write_table or _composed(told) == _composed(shown):
        return None
    where = system.document.where(*place_of(system.document, name))
    said = f"{quoted(told)} from {source.name}, which {system.name} then shows as {quoted(shown)}"
    looser = next((rule for rule in _looser(doc) if rule is not compare and same(rule, told, shown)), None)
    if looser is not None and not isinstance(told, tuple):
        expected = f"a compare under which the two are one: {compare} takes them for two, so that it is told for ever"
        return Complaint(where, said, expected, f"Say `compare: {looser}`, or read {name} alike in both")
    if resembles(told, shown):
        return None
    expected = f"that {name} reads back from {system.name} as it was told"
    return Complaint(where, said, expected, _mend(doc, system.name))


def _looser(doc: FieldDoc) -> tuple[Compare, ...]:
    """The compares that could be said instead, the strictest first."""
    phone = doc.definition.kind is Kind.PHONE or "phone" in doc.normalise
    return (Compare.TRIMMED, Compare.CASEFOLD, *((Compare.PHONE,) if phone else ()))


def _mend(doc: FieldDoc, name: str) -> str:
    if any(step == "default" for step, _ in doc.transform):
        return f"Its `default` fills what was erased: make {name} `direction: in`, or leave the default out"
    if doc.table:
        return "Let the table read what it writes, or say in `write_table` that the vendor has fewer words"
    return f"Use the same kind, normalisers and transforms for it in both, or make it `direction: in` in {name}"


def _between(one: _System, other: _System, values: Values, found: _Found) -> None:
    """Follows a value that `one` shows in another form on to `other` and back, until it rests or doesn't."""
    first, second = sorted((one.name, other.name))
    now, filled = dict(values), set[tuple[str, str]]()
    for turn in range(ROUNDS + 1):
        moved: set[str] = set()
        for system in (one, other):
            for name, shown in system.departs(now).items():
                if not system.says(name) or (system.name, name) in filled:
                    continue
                if system.policy(name).write_if_empty:
                    filled.add((system.name, name))
                now[name] = shown
                moved.add(name)
        if not moved:
            return
        if turn < ROUNDS:
            continue
        for name in moved:
            alone = {(name, one.name, one.name), (name, other.name, other.name), (name, first, second)}
            if not alone & found.keys() and one.says(name) and other.says(name):
                found[name, first, second] = _never(name, values.get(name), one, other)


def _never(name: str, start: Value, one: _System, other: _System) -> Complaint:
    """The complaint of a value that never rests, with the way it takes."""
    steps, now = [quoted_value(start)], start
    for _ in range(ROUNDS):
        for system in (one,) if one is other else (one, other):
            now = system.shows({name: now}).get(name, now)
            steps.append(f"{system.name} {quoted_value(now)}")
    systems = " and ".join(sorted({one.name, other.name}))
    expected = f"a value of {name} that comes to rest between {systems} after {ROUNDS} rounds"
    mend = f"Read and write {name} in the same form in {systems}, or make it `direction: in` in one of them"
    first = min(one, other, key=lambda system: system.name)
    return Complaint(first.document.where(*place_of(first.document, name)), " -> ".join(steps), expected, mend)


def quoted_value(value: Value) -> str:
    return f"[{', '.join(quoted(item) for item in value)[:100]}]" if isinstance(value, tuple) else quoted(value)


def _composed(value: Value) -> object:
    """A value for comparing, however its characters were typed."""
    if is_empty(value):
        return None
    if isinstance(value, tuple):
        return tuple(unicodedata.normalize("NFC", item) for item in value)
    return unicodedata.normalize("NFC", value) if isinstance(value, str) else value
