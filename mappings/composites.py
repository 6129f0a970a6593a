"""Composites: one remote field that holds several canonical ones. Reading takes it apart, writing puts it together.

What was put together must come apart the same way: a combination that the form cannot hold ("María" and "García
López" as "María García López") is complained of and not written, so that nothing that reads back otherwise is told.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from hub.domain.values import Value, Values, is_empty
from mappings import kinds
from mappings.clauses import CompositeDoc, FieldDoc
from mappings.form import Complaints, complain, is_blank
from mappings.misfit import Misfit
from mappings.paths import MISSING, Astray, Raw, getter
from mappings.readers import FieldReader
from mappings.tree import text_of

Parts: TypeAlias = tuple[str, ...]
Joiner: TypeAlias = Callable[[Values, "Raw | None", dict[str, Any], Complaints], None]

_ROMANCE = ("da", "dal", "das", "de", "del", "della", "den", "di", "do", "dos", "du", "la", "le")
_GERMANIC = ("af", "av", "der", "te", "ten", "ter", "van", "vom", "von", "zu", "zum", "zur")
PARTICLES = frozenset({*_ROMANCE, *_GERMANIC, "al", "bin", "el", "ibn"})
"""Words that belong to the family name behind them: van Beethoven, de la Cruz."""


# -- apart and together -------------------------------------------------------------------------------------------


def apart(doc: CompositeDoc, whole: str) -> Parts:
    """The parts of a whole, in the order of the composite's fields; "" where a part isn't there."""
    if doc.by:
        pieces = [piece.strip() for piece in whole.split(doc.by, len(doc.fields) - 1)]
        return tuple(pieces + [""] * (len(doc.fields) - len(pieces)))
    if doc.form == "family_comma":
        family, _, given = whole.partition(",")
        return _words(given), _words(family)
    words = whole.split()
    if doc.form == "family_first":
        end = 0
        while end < len(words) - 2 and words[end].casefold() in PARTICLES:
            end += 1
        return " ".join(words[end + 1 :]), " ".join(words[: end + 1])
    start = max(len(words) - 1, 1)
    while start > 1 and words[start - 1].casefold() in PARTICLES:
        start -= 1
    return " ".join(words[:start]), " ".join(words[start:])


def together(doc: CompositeDoc, parts: Parts) -> str:
    """The whole of the parts. `Misfit` when it could not be taken apart into the same."""
    clean = tuple(_clean(doc, part) for part in parts)
    whole = _whole(doc, clean)
    if apart(doc, whole) != clean:
        raise Misfit(_needs(doc), "Map the parts to fields of their own")
    return whole


def _clean(doc: CompositeDoc, part: str) -> str:
    return part.strip() if doc.by else _words(part)


def _whole(doc: CompositeDoc, parts: Parts) -> str:
    if doc.by:
        filled = max((index + 1 for index, part in enumerate(parts) if part), default=0)
        return doc.by.join(parts[:filled])
    given, family = parts
    if doc.form == "family_comma":
        return f"{family}, {given}" if given else family
    ordered = (given, family) if doc.form == "given_first" else (family, given)
    return " ".join(part for part in ordered if part)


def _needs(doc: CompositeDoc) -> str:
    if doc.by:
        return f"parts without {doc.by!r} in them (the last one may have it): the whole could not be taken apart again"
    if doc.form == "family_comma":
        return "a family name without a comma: the full name could not be taken apart again"
    return "a given and a family name that the full name can be taken apart into again"


def _words(text: str) -> str:
    return " ".join(text.split())


# -- reading ------------------------------------------------------------------------------------------------------


def part_readers(fields: tuple[FieldDoc, ...]) -> dict[str, FieldReader]:
    """The reader of each part alone, by its name."""
    return {field.name: whole_reader((field,)) for field in fields}


def whole_reader(fields: tuple[FieldDoc, ...]) -> FieldReader:
    """The reader of some parts of one composite."""
    doc = _doc(fields[0])
    get = getter(doc.path)
    places = tuple((field, doc.fields.index(field.name)) for field in fields)

    def read(raw: Raw, values: dict[str, Value], complaints: Complaints) -> None:
        found = get(raw)
        if found is MISSING:
            return
        try:
            parts = apart(doc, _text(doc, found))
        except Misfit as misfit:
            for field, _ in places:
                complain(complaints, field, doc.path, found, misfit)
            return
        for field, index in places:
            values[field.name] = parts[index] or None

    return read


def _text(doc: CompositeDoc, found: object) -> str:
    if found is None:
        return ""
    if isinstance(found, (list, dict, bool, Astray)):
        raise Misfit("a text")
    text = text_of(found)
    limit = doc.max_length or kinds.MAX_TEXT
    if len(text) > limit:
        raise Misfit(f"at most {limit} characters")
    return text


def _doc(field: FieldDoc) -> CompositeDoc:
    assert field.composite is not None, f"{field.name} is not part of a composite"
    return field.composite


# -- writing ------------------------------------------------------------------------------------------------------


def joiner(fields: tuple[FieldDoc, ...]) -> Joiner:
    """Writes the parts of one composite that are told; the others stay as the record shows them. Nothing is written
    where no part changes, whatever spaces stand there."""
    doc = _doc(fields[0])
    get = getter(doc.path)
    null = "" if doc.empty == "is_null" else None
    by_name = {field.name: field for field in fields}

    def now(raw: Raw | None, everything: bool) -> tuple[dict[str, str], bool]:
        """The parts as the record shows them, and whether it shows them."""
        shown = MISSING if raw is None else get(raw)
        try:
            parts = apart(doc, "" if shown is MISSING else _text(doc, shown))
        except Misfit:
            if not everything:  # what is not told cannot be read either
                raise
            return dict.fromkeys(doc.fields, ""), False
        return dict(zip(doc.fields, parts, strict=True)), shown is not MISSING

    def write(values: Values, raw: Raw | None, payload: dict[str, Any], complaints: Complaints) -> None:
        told = {name: values[name] for name in by_name if name in values}
        if not told:
            return
        moved = list(told)
        try:
            wanted = {name: _clean(doc, _part(value)) for name, value in told.items()}
            parts, is_shown = now(raw, len(told) == len(doc.fields))
            if is_shown:
                moved = [name for name, part in wanted.items() if part != parts[name]]
            if not moved:
                return
            whole = together(doc, tuple({**parts, **wanted}[name] for name in doc.fields))
            _text(doc, whole)
        except Misfit as misfit:
            for name in moved:
                complain(complaints, by_name[name], doc.path, told[name], misfit)
            return
        payload[doc.path] = whole or null

    return write


def _part(value: Value) -> str:
    if isinstance(value, (tuple, bool)):
        raise Misfit("a text")
    return "" if is_empty(value) else text_of(value)


# -- one canonical text in several remote fields ------------------------------------------------------------------


def lines_writer(field: FieldDoc, read: FieldReader) -> Callable[[Value, Raw | None, dict[str, Any], Complaints], None]:
    """Writes a field that is joined from several paths: each path gets its part, the last one what is left over."""
    getters = tuple((path, getter(path)) for path in field.paths)
    by = field.join or ""
    null = None if field.empty == "keep" else ""
    limit = field.max_length or kinds.MAX_TEXT

    def write(value: Value, raw: Raw | None, payload: dict[str, Any], complaints: Complaints) -> None:
        now: dict[str, Value] = {}
        if raw is not None:
            read(raw, now, [])
            if field.name in now and (now[field.name] == value or (is_empty(value) and is_empty(now[field.name]))):
                return
        try:
            lines = _lines(_part(value))
        except Misfit as misfit:
            complain(complaints, field, field.paths[0], value, misfit)
            return
        for index, ((path, get), line) in enumerate(zip(getters, lines, strict=True)):
            shown = MISSING if raw is None else get(raw)
            if line and line != shown:
                payload[path] = line
            elif not line and (index == 0 and not any(lines) if shown is MISSING else not is_blank(shown)):
                payload[path] = null

    def _lines(text: str) -> list[str]:
        if len(text) > limit:
            raise Misfit(f"at most {limit} characters")
        lines = text.split(by, len(getters) - 1) if text else []
        if any(line != line.strip() or not line for line in lines):
            raise Misfit(f"parts without blanks around {by!r}: they could not be joined to the same again")
        return lines + [""] * (len(getters) - len(lines))

    return write


def is_written_in_lines(field: FieldDoc) -> bool:
    return field.join is not None and field.direction.writes


def grouped(fields: tuple[FieldDoc, ...]) -> tuple[tuple[FieldDoc, ...], ...]:
    """The parts of each composite together, in the document's order."""
    groups: dict[str, list[FieldDoc]] = {}
    for field in fields:
        if field.composite is not None:
            groups.setdefault(_key(field.composite), []).append(field)
    return tuple(tuple(group) for group in groups.values())


def _key(doc: CompositeDoc) -> str:
    return "\0".join((doc.path, *doc.fields))
