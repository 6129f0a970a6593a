"""Reading fields: closures that find a value in a raw record, change its form and put it into the values.

A value that doesn't fit becomes a complaint, its field stays out, the record goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from hub.domain.entities import Kind
from hub.domain.values import Scalar, Value
from mappings import countries, kinds
from mappings.clauses import Country, FieldDoc
from mappings.conversions import TRANSFORMS
from mappings.misfit import Misfit, masked, shown
from mappings.normalisers import NORMALISERS
from mappings.paths import MISSING, Astray, Getter, Raw, getter, is_single
from mappings.reading import ValueComplaint
from mappings.transforms import Step
from mappings.tree import text_of

Complaints: TypeAlias = list[ValueComplaint]
FieldReader: TypeAlias = Callable[[Raw, dict[str, Value], Complaints], None]
Converter: TypeAlias = Callable[[Any, Raw], Any]

MAX_COMPLAINTS = 50
MAX_RAW_TEXT = 200_000
_PERSONAL = frozenset({Kind.TEXT, Kind.EMAIL, Kind.PHONE, Kind.TEXT_SET})


def complain(complaints: Complaints, field: FieldDoc, path: str, value: object, misfit: Misfit) -> None:
    if len(complaints) < MAX_COMPLAINTS:
        personal = field.definition.kind in _PERSONAL and not field.table
        found = value.found if isinstance(value, Astray) else value
        said = masked(found) if personal else shown(found)
        complaints.append(ValueComplaint(field.name, path, said, misfit.expected, misfit.mend))


def field_reader(field: FieldDoc) -> FieldReader:
    """The reader of one field."""
    return _plain_reader(field) if is_plain(field) else _any_reader(field)


def _any_reader(field: FieldDoc) -> FieldReader:
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


def is_plain(field: FieldDoc) -> bool:
    """A trimmed text of one path, the form most fields have; `plain_reader` reads all of them in one loop."""
    return (
        len(field.paths) == 1
        and (field.free or field.definition.kind is Kind.TEXT)
        and field.normalise == ("trim",)
        and field.empty != "is_missing"
        and not field.transform
        and not field.table
    )


def plain_reader(fields: tuple[FieldDoc, ...]) -> FieldReader:
    """One reader for many plain fields."""
    settings = {f.name: (f.name, f.max_length or kinds.MAX_TEXT, f.empty == "is_null") for f in fields}
    flat = tuple((f.paths[0], *settings[f.name]) for f in fields if _is_key(f))
    deep = tuple((getter(f.paths[0]), *settings[f.name]) for f in fields if not _is_key(f))
    slow = {f.name: _any_reader(f) for f in fields}

    def read(raw: Raw, values: dict[str, Value], complaints: Complaints) -> None:
        look = raw.get
        for path, name, limit, nulls in flat:
            value = look(path, MISSING)
            if value.__class__ is str and len(value) <= limit:
                values[name] = value.strip() or (None if nulls else "")
            elif value is None:
                values[name] = None
            elif value is not MISSING:
                slow[name](raw, values, complaints)
        for get, name, limit, nulls in deep:
            value = get(raw)
            if value.__class__ is str and len(value) <= limit:
                values[name] = value.strip() or (None if nulls else "")
            elif value is None:
                values[name] = None
            elif value is not MISSING:
                slow[name](raw, values, complaints)

    return read


def _plain_reader(field: FieldDoc) -> FieldReader:
    """The reader of one plain field."""
    name, get, limit = field.name, getter(field.paths[0]), field.max_length or kinds.MAX_TEXT
    blank = None if field.empty == "is_null" else ""
    slow = _any_reader(field)

    def read(raw: Raw, values: dict[str, Value], complaints: Complaints) -> None:
        value = get(raw)
        if value.__class__ is str and len(value) <= limit:
            values[name] = value.strip() or blank
        elif value is None:
            values[name] = None
        elif value is not MISSING:
            slow(raw, values, complaints)

    return read


def _is_key(field: FieldDoc) -> bool:
    """Whether its path can only be a key of the record itself."""
    return "." not in field.paths[0] and is_single(field.paths[0])


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


def is_blank(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


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
            found = convert(whole if parts else seen[0], raw)
        except Misfit as misfit:
            complain(complaints, field, where, parts[0], misfit)
            return
        if found is not MISSING:
            values[field.name] = found

    return read


def elements(value: Any, split: str | None) -> Iterator[Any]:
    """The elements of a remote value: of a list, of a separated text, or the one it is. Blanks are none."""
    for item in value if isinstance(value, list) else (value,):
        if split is not None and isinstance(item, str):
            yield from (piece for piece in item.split(split) if piece.strip())
        elif not is_blank(item):
            yield item


def _set_reader(field: FieldDoc, convert: Converter) -> FieldReader:
    getters = tuple((path, getter(path)) for path in field.paths)
    split, name = field.split, field.name
    quick = _quick_text(field)

    def read(raw: Raw, values: dict[str, Value], complaints: Complaints) -> None:
        found: set[str] = set()
        seen = False
        for path, get in getters:
            value = get(raw)
            if value is MISSING:
                continue
            seen = True
            if quick is not None and value.__class__ is str and len(value) <= kinds.MAX_ELEMENT:
                if split is None or split not in value:
                    found.add(quick(value))
                    continue
                pieces = value.split(split)
                if len(pieces) <= kinds.MAX_ELEMENTS:
                    found.update(map(quick, pieces))
                    continue
            if value is None:
                continue
            single = value.__class__ is str and split is None
            for count, item in enumerate((value,) if single else elements(value, split)):
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
            found.discard("")
            values[name] = tuple(sorted(found))

    return read


def _quick_text(field: FieldDoc) -> Callable[[str], str] | None:
    """How an element is cleaned when it cannot misfit: short texts, trimmed and perhaps lower-cased."""
    if field.transform or field.table or field.max_length is not None or field.empty == "is_missing":
        return None
    if field.normalise == ("trim",):
        return str.strip
    return (lambda text: text.strip().lower()) if field.normalise == ("trim", "lower") else None


# -- changing the form of one value -------------------------------------------------------------------------------


def converter(field: FieldDoc) -> Converter:
    """Normalise, empty, transform, table, check by kind, in this order. `Misfit` when the value doesn't fit."""
    normalise = _normalise(field)
    steps = _steps(field)
    if not steps and not field.table:
        return _short_converter(field, normalise)
    table = {text: canonical for text, _, canonical in field.table}
    check = kinds.reader(field.definition, field.max_length, free=field.free)
    textual = field.free or field.definition.kind in kinds.TEXTUAL
    empty, unknown, tabled = field.empty, field.on_unknown, bool(table)
    limit = field.max_length or kinds.MAX_TEXT

    def convert(value: Any, raw: Raw) -> Any:
        if value.__class__ is str:
            if len(value) > MAX_RAW_TEXT:
                raise Misfit(f"at most {limit} characters")
            if normalise is not None:
                value = normalise(value, raw)
        elif isinstance(value, Astray):
            raise Misfit("an object here, with the path's last part in it")
        if value == "" and empty != "keep":
            if empty == "is_missing":
                return MISSING
            value = None
        for takes_blank, blank_is_null, step in steps:
            if takes_blank or not (value is None or value == ""):
                value = step(value, raw)
            elif value == "" and blank_is_null:
                value = None
        if value is None:
            return None
        if tabled:
            return _looked_up(value)
        if value == "":
            return "" if textual else None
        return check(value)

    def _looked_up(value: Any) -> Scalar | Value:
        text = "" if isinstance(value, (list, dict)) else text_of(value)
        if text in table:
            return table[text]
        if value == "":
            return "" if textual else None
        if unknown == "pass":
            return check(value)
        if unknown == "reject" or isinstance(value, (list, dict)):
            raise Misfit(f"one of {', '.join(sorted(table))[:200]}", "Add the value to the field's table")
        return unknown

    return convert


def _short_converter(field: FieldDoc, normalise: Converter | None) -> Converter:
    """A converter without transforms and table."""
    check = kinds.reader(field.definition, field.max_length, free=field.free)
    textual = field.free or field.definition.kind in kinds.TEXTUAL
    blank = MISSING if field.empty == "is_missing" else "" if textual and field.empty == "keep" else None
    limit = field.max_length or kinds.MAX_TEXT

    def convert(value: Any, raw: Raw) -> Any:
        if value.__class__ is str:
            if len(value) > MAX_RAW_TEXT:
                raise Misfit(f"at most {limit} characters")
            if normalise is not None:
                value = normalise(value, raw)
            return check(value) if value else blank
        if value is None:
            return None
        if isinstance(value, Astray):
            raise Misfit("an object here, with the path's last part in it")
        return check(value)

    return convert


def _normalise(field: FieldDoc) -> Converter | None:
    """The normalisers in one function; None when there are none."""
    if not field.normalise:
        return None
    if field.normalise == ("trim",):
        return lambda value, _raw: value.strip()
    if field.normalise == ("trim", "lower"):
        return lambda value, _raw: value.strip().lower()
    makers = tuple(NORMALISERS[name] for name in field.normalise)
    if field.country.path is None:
        return _composed(tuple(maker.apply(field.country.region) for maker in makers))
    region = region_of(field.country)
    by_region: dict[str | None, Converter] = {}

    def apply(value: Any, raw: Raw) -> Any:
        where = region(raw)
        known = by_region.get(where)
        if known is None:
            known = by_region[where] = _composed(tuple(maker.apply(where) for maker in makers))
        return known(value, raw)

    return apply


def _composed(functions: tuple[Callable[[str], str], ...]) -> Converter:
    if len(functions) == 1:
        only = functions[0]
        return lambda value, _raw: only(value)

    def apply(value: Any, _raw: Raw) -> Any:
        for function in functions:
            value = function(value)
        return value

    return apply


def region_of(country: Country) -> Callable[[Raw], str | None]:
    """The region of a record: its country where it names one, else the default."""
    if country.path is None:
        return lambda _raw: country.region
    get = getter(country.path)

    def find(raw: Raw) -> str | None:
        said = get(raw)
        return (countries.code_of(said) if isinstance(said, str) else None) or country.region

    return find


def _steps(field: FieldDoc) -> tuple[tuple[bool, bool, Step], ...]:
    steps = []
    for name, args in field.transform:
        transform = TRANSFORMS[name]
        steps.append((transform.takes_blank, transform.blank_is_null, transform.forward(args)))
    return tuple(steps)
