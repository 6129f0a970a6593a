"""Reading fields: closures that find a value in a raw record, change its form and put it into the values.

A value that doesn't fit becomes a complaint, its field stays out, the record goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from hub.domain.values import Value
from mappings import kinds
from mappings.clauses import FieldDoc
from mappings.form import Complaints, Converter, complain, converter, elements, is_blank
from mappings.misfit import Misfit
from mappings.paths import MISSING, Astray, Getter, Raw, getter
from mappings.tree import text_of

FieldReader: TypeAlias = Callable[[Raw, dict[str, Value], Complaints], None]


def field_reader(field: FieldDoc) -> FieldReader:
    """The reader of one field of any form."""
    name = field.name
    if not field.paths:
        constant: Value = (str(field.constant),) if field.definition.many else field.constant

        def put_constant(_raw: Raw, values: dict[str, Value], _complaints: Complaints) -> None:
            values[name] = constant

        return put_constant
    convert = converter(field)
    if field.definition.many:
        return _set_reader(field, convert)
    if len(field.paths) == 1:
        return _single_reader(field, getter(field.paths[0]), convert)
    return _joined_reader(field, convert) if field.join is not None else _first_reader(field, convert)


def _single_reader(field: FieldDoc, get: Getter, convert: Converter) -> FieldReader:
    name, path = field.name, field.paths[0]

    def read(raw: Raw, values: dict[str, Value], complaints: Complaints) -> None:
        value = get(raw)
        if value is MISSING:
            return
        try:
            found = convert(value, raw)
        except Misfit as misfit:
            complain(complaints, field, path, value, misfit)
            return
        if found is not MISSING:
            values[name] = found

    return read


def _first_reader(field: FieldDoc, convert: Converter) -> FieldReader:
    """The first of several paths that isn't empty; the first shown when all are."""
    getters = tuple((path, getter(path)) for path in field.paths)

    def read(raw: Raw, values: dict[str, Value], complaints: Complaints) -> None:
        seen = [(path, value) for path, value in ((p, get(raw)) for p, get in getters) if value is not MISSING]
        if not seen:
            return
        path, value = next((pair for pair in seen if not is_blank(pair[1])), seen[0])
        try:
            found = convert(value, raw)
        except Misfit as misfit:
            complain(complaints, field, path, value, misfit)
            return
        if found is not MISSING:
            values[field.name] = found

    return read


def _joined_reader(field: FieldDoc, convert: Converter) -> FieldReader:
    getters = tuple(getter(path) for path in field.paths)
    where = ", ".join(field.paths)

    def read(raw: Raw, values: dict[str, Value], complaints: Complaints) -> None:
        seen = [value for value in (get(raw) for get in getters) if value is not MISSING]
        if not seen:
            return
        parts = [value for value in seen if not is_blank(value)]
        try:
            for part in parts:
                if isinstance(part, (list, dict, Astray)):
                    raise Misfit("a single value in every part")
            whole = (field.join or "").join(text_of(part).strip() for part in parts)
            found = convert(whole if parts else None if seen[0] is None else "", raw)  # parts are read without blanks
        except Misfit as misfit:
            complain(complaints, field, where, parts[0], misfit)
            return
        if found is not MISSING:
            values[field.name] = found

    return read


def _set_reader(field: FieldDoc, convert: Converter) -> FieldReader:
    getters = tuple((path, getter(path)) for path in field.paths)
    split, name = field.split, field.name

    def read(raw: Raw, values: dict[str, Value], complaints: Complaints) -> None:
        found: set[str] = set()
        seen = False
        for path, get in getters:
            value = get(raw)
            if value is MISSING:
                continue
            seen = True
            if value is None:
                continue
            for count, item in enumerate(elements(value, split)):
                try:
                    if count >= kinds.MAX_ELEMENTS:
                        raise Misfit(f"at most {kinds.MAX_ELEMENTS} elements")
                    element = convert(item, raw)
                except Misfit as misfit:
                    complain(complaints, field, path, item, misfit)
                    if count >= kinds.MAX_ELEMENTS:
                        return
                    continue
                if element is not MISSING and element is not None and element != "":
                    found.add(element)
        if seen:
            values[name] = tuple(sorted(found))

    return read
