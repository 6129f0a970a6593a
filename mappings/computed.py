"""Computed values: fields that an expression makes of the record. They are only read.

All expressions of a document are evaluated together. When that fails each is evaluated alone, so that what is wrong
with one field costs that field.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from typing import Any, TypeAlias

from hub.domain.values import Value
from mappings import kinds
from mappings.cel_bounds import weight
from mappings.clauses import ComputeDoc, FieldDoc
from mappings.expressions import BadExpression, Program, check
from mappings.form import MAX_COMPLAINTS, Complaints, Converter, complain, converter
from mappings.misfit import Misfit
from mappings.paths import MISSING, Getter, Raw, getter, merged
from mappings.readers import FieldReader
from mappings.reading import ValueComplaint

Binder: TypeAlias = Callable[[Raw], dict[str, Any]]
When: TypeAlias = Callable[[Raw, Complaints], bool]
SCOPE = "scope"
LIGHT, LIGHT_TEXT = 15, 50


@dataclass(frozen=True, slots=True)
class _Computed:
    """One field: whether the record shows anything of what it reads, its program, how a result is taken."""

    field: FieldDoc
    getters: tuple[Getter, ...]
    bind: Binder
    program: Program
    convert: Converter

    def shown(self, raw: Raw) -> bool:
        """A record that shows nothing of what the expression reads says nothing of the field."""
        for get in self.getters:
            if get(raw) is not MISSING:
                return True
        return not self.getters

    def alone(self, raw: Raw, values: dict[str, Value], complaints: Complaints) -> None:
        try:
            (found,) = self.program(self.bind(raw))
        except Misfit as misfit:
            self._complain(complaints, misfit)
        else:
            self.take(found, raw, values, complaints)

    def take(self, found: Any, raw: Raw, values: dict[str, Value], complaints: Complaints) -> None:
        """A result, checked like any other value."""
        try:
            value = self._set(found, raw) if self.field.definition.many else self.convert(_scalar(found), raw)
        except Misfit as misfit:
            said = found if isinstance(found, (str, bool, int, float)) else None
            complain(complaints, self.field, self._where, said, misfit)
            return
        if value is not MISSING:
            values[self.field.name] = value

    def _set(self, found: Any, raw: Raw) -> Value:
        items = found if isinstance(found, list) else [found]
        if len(items) > kinds.MAX_ELEMENTS:
            raise Misfit(f"at most {kinds.MAX_ELEMENTS} elements")
        elements = (self.convert(_scalar(item), raw) for item in items)
        return tuple(sorted({str(e) for e in elements if e is not MISSING and e is not None and e != ""}))

    @property
    def _where(self) -> str:
        return ", ".join(_doc(self.field).reads) or "compute"

    def _complain(self, complaints: Complaints, misfit: Misfit) -> None:
        if len(complaints) < MAX_COMPLAINTS:
            told = ValueComplaint(self.field.name, self._where, "no result", misfit.expected, misfit.mend)
            complaints.append(told)


def computed_reader(fields: tuple[FieldDoc, ...]) -> FieldReader:
    """The reader of all computed fields of a document."""
    each = tuple(_computed(field) for field in fields)
    if len(each) == 1:
        return _single(each[0])
    together, most = _together(fields)
    bind = binder(tuple(path for field in fields for path in _doc(field).reads), most)

    def read(raw: Raw, values: dict[str, Value], complaints: Complaints) -> None:
        shown = [one for one in each if one.shown(raw)]
        if together is not None and len(shown) == len(each):
            try:
                results = together(bind(raw))
            except Misfit:
                pass  # one of them is at fault, and each alone says which
            else:
                for one, found in zip(each, results, strict=True):
                    one.take(found, raw, values, complaints)
                return
        for one in shown:
            one.alone(raw, values, complaints)

    return read


def when_test(doc: ComputeDoc) -> When:
    """A condition on the record. A record of which it can't be told is complained of and out of scope: what is there
    stays as it is."""
    program, bind = Program([doc.text]), binder(doc.reads, doc.room)
    where = ", ".join(doc.reads) or "when"

    def test(raw: Raw, complaints: Complaints) -> bool:
        try:
            (found,) = program(bind(raw))
            if not isinstance(found, bool):
                raise Misfit("true or false")
        except Misfit as misfit:
            complaints.append(ValueComplaint(SCOPE, where, "no answer", misfit.expected, misfit.mend))
            return False
        return found

    return test


def _single(one: _Computed) -> FieldReader:
    def read(raw: Raw, values: dict[str, Value], complaints: Complaints) -> None:
        if one.shown(raw):
            one.alone(raw, values, complaints)

    return read


def _computed(field: FieldDoc) -> _Computed:
    doc = _doc(field)
    getters = tuple(getter(path) for path in doc.reads)
    return _Computed(field, getters, binder(doc.reads, doc.room), Program([doc.text]), converter(field))


def _doc(field: FieldDoc) -> ComputeDoc:
    assert field.compute is not None, f"{field.name} is not computed"
    return field.compute


def _together(fields: tuple[FieldDoc, ...]) -> tuple[Program | None, int]:
    """All in one, and what that may be given; None where CEL finds the whole too deep or too much."""
    texts = [_doc(field).text for field in fields]
    try:
        return Program(texts), check("[" + ", ".join(f"dyn(\n{text}\n)" for text in texts) + "]").room
    except BadExpression:
        return None, 0


def binder(paths: tuple[str, ...], room: int) -> Binder:
    """What of a record an expression is given: the keys in which its paths begin. `Misfit` when that is too large."""
    keys = tuple(dict.fromkeys(path.partition(".")[0].partition("[")[0] for path in paths))
    whole = tuple(dict.fromkeys(path for path in paths if "." in path and "[]" not in path))

    def bind(raw: Raw) -> dict[str, Any]:
        bound = {key: raw[key] for key in keys if key in raw}
        for path in whole:
            if path in raw:  # a key that is literally in the record wins, by that name and as a way down
                bound = {**merged(bound, {path: raw[path]}), path: raw[path]}
        if not all(map(_is_light, bound.values())) or len(bound) > LIGHT:
            weight(bound, room)
        return bound

    return bind


def _is_light(value: Any) -> bool:
    """A value that is small and harmless in any case: 20 of them fit into the smallest room."""
    kind = value.__class__
    return (kind is str and len(value) <= LIGHT_TEXT) or value is None or kind is bool or kind is float


def _scalar(found: Any) -> str | int | float | bool | None:
    """A result in the form in which records hold values."""
    if found is None or isinstance(found, (str, bool, int)):
        return found
    if isinstance(found, float):
        if not isfinite(found):
            raise Misfit("a finite number")
        return found
    if isinstance(found, datetime):
        return kinds.told(found)
    raise Misfit("a list of single values" if isinstance(found, Mapping) else "a single value")
