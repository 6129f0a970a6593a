"""Changing the form of one value: normalise, empty, transform, table, check by kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from hub.domain.entities import Kind
from hub.domain.values import Scalar, Value
from mappings import countries, currencies, kinds
from mappings.clauses import Country, FieldDoc
from mappings.conversions import TRANSFORMS
from mappings.memo import Memo
from mappings.misfit import Misfit, masked, shown
from mappings.normalisers import NORMALISERS
from mappings.paths import MISSING, Astray, Raw, getter, key_of
from mappings.reading import ValueComplaint
from mappings.transforms import Step
from mappings.tree import text_of

Complaints: TypeAlias = list[ValueComplaint]
Converter: TypeAlias = Callable[[Any, Raw], Any]

MAX_COMPLAINTS = 50
MAX_RAW_TEXT = 200_000
_NUMBERS = (int, float)
_PERSONAL = frozenset({Kind.TEXT, Kind.EMAIL, Kind.PHONE, Kind.TEXT_SET})


def complain(complaints: Complaints, field: FieldDoc, path: str, value: object, misfit: Misfit) -> None:
    if len(complaints) < MAX_COMPLAINTS:
        personal = field.definition.kind in _PERSONAL and not field.table
        found = value.found if isinstance(value, Astray) else value
        said = masked(found) if personal else shown(found)
        complaints.append(ValueComplaint(field.name, path, said, misfit.expected, misfit.mend))


def is_blank(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def elements(value: Any, split: str | None) -> Iterator[Any]:
    """The elements of a remote value: of a list, of a separated text, or the one it is. Blanks are none."""
    for item in value if isinstance(value, list) else (value,):
        if split is not None and isinstance(item, str):
            yield from (piece for piece in item.split(split) if piece.strip())
        elif not is_blank(item):
            yield item


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
    digits = _takes_digits(field)

    def convert(value: Any, raw: Raw) -> Any:
        if digits and value.__class__ in _NUMBERS:
            value = str(value)
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
        return field.default

    return convert


def _short_converter(field: FieldDoc, normalise: Converter | None) -> Converter:
    """A converter without transforms and table."""
    check = kinds.reader(field.definition, field.max_length, free=field.free)
    textual = field.free or field.definition.kind in kinds.TEXTUAL
    blank = MISSING if field.empty == "is_missing" else "" if textual and field.empty == "keep" else None
    limit = field.max_length or kinds.MAX_TEXT
    digits = _takes_digits(field)

    def convert(value: Any, raw: Raw) -> Any:
        if digits and value.__class__ in _NUMBERS:
            value = str(value)
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


def _takes_digits(field: FieldDoc) -> bool:
    """Whether numbers stand for their digits, as in a phone field that shows 4155550100: normalised as these are."""
    return bool(field.normalise) and not field.free and field.definition.kind in kinds.TEXTUAL


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
    get, key, default = getter(country.path), key_of(country.path), country.region
    regions = Memo(lambda said: countries.code_of(said) or default)

    def find(raw: Raw) -> str | None:
        said = raw.get(key) if key else get(raw)
        return regions[said] if isinstance(said, str) else default

    return find


def _steps(field: FieldDoc) -> tuple[tuple[bool, bool, Step], ...]:
    steps = []
    for name, args in field.transform:
        transform = TRANSFORMS[name]
        steps.append((transform.takes_blank, transform.blank_is_null, transform.forward(args)))
    return tuple(steps)


def depends_on_record(field: FieldDoc) -> bool:
    """Whether a step of the field looks at other values of the record (the currency of an amount)."""
    return any(
        arg.path and not currencies.is_code(args.get(arg.name))
        for name, args in field.transform
        for arg in TRANSFORMS[name].args
    )
