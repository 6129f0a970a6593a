"""Generated cases: every field of a document is tried with awkward values, both ways, and held to the laws of lenses.

- Nothing raises, whatever a record or the hub holds; what doesn't fit is complained of under the name of its field.
- What was written reads back: `get(put(c)) = c`, under the field's compare.
- What was read need not be written: `put(get(r), r)` is empty.
- Reading what was read changes nothing: normalisers are idempotent.

The same document has the same cases each time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from hub.domain.values import Value, Values, is_empty
from hub.engine.compare import same
from hub.errors import Complaint
from mappings.clauses import Document, FieldDoc
from mappings.corpus import ODD, beside, canonical, paths_of, record, remote
from mappings.lens import Lens
from mappings.paths import merged
from mappings.places import place_of
from mappings.reading import ValueComplaint
from mappings.shapes import quoted
from mappings.tree import text_of

AWKWARD: tuple[Any, ...] = (None, "", " ", True, 3.75, 10**30, (), ("a",), [], {"a": 1}, "x" * 10_000, "😀 'שלום\u0301")
"""What nobody should ask to be written, and somebody will."""


@dataclass(slots=True)
class _Trial:
    document: Document
    lens: Lens
    found: dict[tuple[str, str], Complaint] = field(default_factory=dict)
    """By field and law: one sample is enough."""

    def report(self, name: str, law: str, said: str, expected: str, mend: str = "") -> None:
        fields = {doc.name for doc in self.document.fields}
        place = place_of(self.document, name) if name in fields else ("consent", name)
        self.found.setdefault((name, law), Complaint(self.document.where(*place), said, expected, mend))


def check(document: Document, lens: Lens) -> tuple[Complaint, ...]:
    """Every law that a generated case breaks, once per field, with a sample; nothing when all hold."""
    trial = _Trial(document, lens)
    for doc in document.fields:
        values = _read(trial, doc)
        _write(trial, doc, values)
    _consents(trial)
    return tuple(trial.found.values())


# -- reading ------------------------------------------------------------------------------------------------------


def _read(trial: _Trial, doc: FieldDoc) -> list[Values]:
    """Reads every sample at the field's paths; what came out, each value once."""
    seen: dict[tuple[tuple[str, Value, type], ...], Values] = {}
    for value in (*remote(doc), *ODD):
        raw: Mapping[str, Any] = record(doc, value)
        values = _get(trial, doc.name, raw, value)
        if values is None:
            continue
        _leaves_alone(trial, doc, raw, values, value)
        _rests(trial, doc, values, value)
        if doc.name in values:
            mark = tuple((name, v, v.__class__) for name, v in sorted(values.items()))
            seen.setdefault(mark, values)
    for raw in _shown(doc):
        _get(trial, doc.name, raw, raw)
    return list(seen.values())


def _shown(doc: FieldDoc) -> Iterator[Mapping[str, Any]]:
    """Records that show other things than expected on the way to a path, or only some paths."""
    odd: tuple[Any, ...] = (None, "", "text", 7, [], [[]], {}, [{}], [None])
    for path in paths_of(doc):
        head = path.split(".")[0].partition("[]")[0]
        for value in odd:
            yield {head: value}
        yield record_of(path)


def record_of(path: str) -> dict[str, Any]:
    return merged({}, {path.replace("[]", ""): "Anna"})


def _get(trial: _Trial, name: str, raw: Mapping[str, Any], value: object) -> Values | None:
    """What a record reads as, of the paths that the field shares; None when reading raised."""
    try:
        reading = trial.lens.get(raw)
    except Exception as error:
        trial.report(name, "read", f"{quoted(value)} raises {type(error).__name__}", "a value or a complaint")
        return None
    _named(trial, name, reading.complaints, value)
    return reading.values


def _named(trial: _Trial, name: str, complaints: tuple[ValueComplaint, ...], value: object) -> None:
    for complaint in complaints:
        if not complaint.field or not complaint.expected:
            said = f"{quoted(value)} is complained of without its field or what was expected"
            trial.report(name, "named", said, "a complaint that names the field")


def _leaves_alone(trial: _Trial, doc: FieldDoc, raw: Mapping[str, Any], values: Values, value: object) -> None:
    """`put(get(r), r)` is empty."""
    payload = trial.lens.put(values, None, raw)
    if payload.values:
        paths = ", ".join(sorted(payload.values))
        said = f"{quoted(value)} was read, and writing it back changes {paths}"
        trial.report(doc.name, "leave", said, "that writing what was read changes nothing")


def _rests(trial: _Trial, doc: FieldDoc, values: Values, value: object) -> None:
    """What was read, read once more, stays the same: the normalisers together do twice no more than once."""
    found = values.get(doc.name)
    if not isinstance(found, str) or doc.transform or doc.table or len(doc.paths) != 1 or doc.composite or doc.compute:
        return
    again = trial.lens.get(record(doc, found)).values.get(doc.name, found)
    if again != found and not is_empty(found):
        said = f"{quoted(value)} is read as {quoted(found)}, and that as {quoted(again)}"
        expected = "normalisers that do no more when they are done twice"
        trial.report(doc.name, "rest", said, expected, "Put `trim` first and last, or leave one out")


# -- writing ------------------------------------------------------------------------------------------------------


def _write(trial: _Trial, doc: FieldDoc, read: list[Values]) -> None:
    if not doc.direction.writes:
        return
    raw = beside(doc)
    for values in [*read, *({doc.name: value} for value in _own(trial, doc, raw))]:
        _reads_back(trial, doc, values, raw)
    for awkward in AWKWARD:
        _borne(trial, doc, awkward)


def _own(trial: _Trial, doc: FieldDoc, raw: Mapping[str, Any]) -> list[Value]:
    """Canonical values of the kind, in the form in which the field reads them."""
    found: list[Value] = []
    for value in canonical(doc):
        payload = trial.lens.put({doc.name: value}, None, raw)
        if doc.definition.choices or doc.table:
            found.append(value)
        elif not payload.complaints:
            values = trial.lens.get(merged(raw, payload.values)).values
            found += [values[doc.name]] if doc.name in values else [value]
    return found


def _reads_back(trial: _Trial, doc: FieldDoc, values: Values, raw: Mapping[str, Any]) -> None:
    """`get(put(c)) = c` where nothing was complained of."""
    told = values[doc.name]
    payload = trial.lens.put(values, None, raw)
    if payload.complaints or text_of(told) in doc.write_table or (is_empty(told) and _fills(doc)):
        return
    reading = trial.lens.get(merged(raw, payload.values))
    shown = reading.values.get(doc.name)
    if doc.name not in reading.values and any(c.field == doc.name for c in reading.complaints):
        said = f"{quoted_(told)} is written in a form that cannot be read again"
        trial.report(doc.name, "back", said, "that what is written reads back", _mend(doc))
    elif doc.name not in reading.values:
        return
    elif not same(doc.compare, shown, told):
        said = f"{quoted_(told)} reads back as {quoted_(shown)}"
        trial.report(doc.name, "back", said, "that what is written reads back the same", _mend(doc))


def _fills(doc: FieldDoc) -> bool:
    """Whether reading fills what is empty."""
    return doc.empty == "is_missing" or any(name == "default" for name, _ in doc.transform)


def _mend(doc: FieldDoc) -> str:
    if doc.table and {"lower", "upper"} & set(doc.normalise):
        return "The normalisers change the words before the table sees them: write its keys in that form"
    return "Change the normalisers, transforms or table so that they undo each other, or say `direction: in`"


def _borne(trial: _Trial, doc: FieldDoc, awkward: Any) -> None:
    try:
        payload = trial.lens.put({doc.name: awkward}, None, beside(doc))
    except Exception as error:
        said = f"writing {quoted_(awkward)} raises {type(error).__name__}"
        trial.report(doc.name, "write", said, "a payload or a complaint")
        return
    _named(trial, doc.name, payload.complaints, awkward)


def quoted_(value: object) -> str:
    return f"[{', '.join(quoted(item) for item in value)[:100]}]" if isinstance(value, tuple) else quoted(value)


_TURNED = frozenset({("granted", "denied"), ("none", "denied"), ("denied", "granted")})
"""What a consent may not read back as. A grant without evidence may read as nothing said."""


# -- consent ------------------------------------------------------------------------------------------------------


def _consents(trial: _Trial) -> None:
    """What is told reads back as that state, and odd values raise nothing."""
    for doc in trial.document.consent:
        for path in dict.fromkeys(read.path for read in doc.reads):
            for value in (*ODD, "", " ", "denied", "true", 0):
                _get(trial, doc.channel, merged({}, {path: value}), value)
        told = {read.path for read in doc.reads}
        for state, payload in (("denied", doc.deny), ("granted", doc.grant)):
            if not payload or not told & payload.keys():
                continue
            shown = trial.lens.get(merged({}, payload)).consent.get(doc.channel)
            if shown is not None and (shown.state, state) in _TURNED:
                said = f"what is written for {state} reads back as {shown.state}"
                trial.report(doc.channel, state, said, f"that it reads back as {state}", "Name its value in `read`")
