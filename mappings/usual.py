"""Quick readers for the usual forms of fields. What is not usual, they leave to the reader of any form.

A quick reader gives exactly what `field_reader` gives; it only knows beforehand that a text of its form cannot misfit,
or remembers what the text became. `tests/mappings/test_usual.py` holds it to that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from hub.domain.entities import Kind
from hub.domain.values import Value
from mappings import kinds, phones
from mappings.clauses import Country, FieldDoc
from mappings.form import Complaints, converter, depends_on_record, region_of
from mappings.memo import UNFIT, Memo
from mappings.misfit import Misfit
from mappings.paths import MISSING, Getter, Raw, getter, is_single, key_of, walker
from mappings.readers import FieldReader, field_reader

_PLAIN = frozenset({("trim",), ("trim", "nfc")})
MAIL = ("trim", "lower")
PHONE = ("phone",)
_Twins: TypeAlias = tuple[tuple[str, Getter, str], ...]


def usual_reader(field: FieldDoc, others: tuple[FieldDoc, ...] = ()) -> FieldReader:
    """The reader of one field, the quickest for its form. `others` are the document's fields: where one of them reads
    the same path in the same form, its value is taken when it is there already."""
    slow = field_reader(field)
    if is_plain(field):
        return _plain(field, slow)
    if _is_mail(field):
        return _mail(field, slow)
    if _is_phone(field):
        return _phone(field, slow)
    if _is_fixed(field):
        return _remembered(field, slow)
    if field.definition.many and field.paths and not field.transform and not field.table and field.max_length is None:
        if field.normalise == PHONE:
            return _phone_set(field, slow, _twins(field, others))
        if field.normalise in (("trim",), MAIL):
            return _text_set(field, slow, _twins(field, others))
    return slow


def together(fields: tuple[FieldDoc, ...], readers: Mapping[str, FieldReader]) -> tuple[FieldReader, ...]:
    """Readers for all fields: one for plain texts that are alike, and one for all the remembered ones.
    `readers` are those of the fields alone. Sets come last, since they take what others found."""
    plain: dict[tuple[str, bool, Value], list[FieldDoc]] = {}
    remembered: list[FieldDoc] = []
    rest: list[FieldDoc] = []
    for field in fields:
        parent = field.paths[0].rpartition(".")[0] if field.paths else ""
        if is_plain(field):
            plain.setdefault((parent, _composes(field), _blank(field)), []).append(field)
        elif _is_fixed(field) and not parent:
            remembered.append(field)
        else:
            rest.append(field)
    groups = [_plain_group(*alike, group, readers) for alike, group in plain.items()]
    if remembered:
        groups.append(_remembered_group(remembered, readers))
    return (*groups, *(readers[field.name] for field in sorted(rest, key=lambda field: field.definition.many)))


# -- which form a field has ---------------------------------------------------------------------------------------


def _is_single(field: FieldDoc) -> bool:
    """One path that names one place, and nothing but normalisers on the way."""
    return (
        len(field.paths) == 1
        and is_single(field.paths[0])
        and not field.definition.many
        and field.empty != "is_missing"
        and not field.transform
        and not field.table
    )


def is_plain(field: FieldDoc) -> bool:
    """A trimmed text, the form most fields have."""
    return _is_single(field) and (field.free or field.definition.kind is Kind.TEXT) and field.normalise in _PLAIN


def _is_mail(field: FieldDoc) -> bool:
    return _is_single(field) and not field.free and field.definition.kind is Kind.EMAIL and field.normalise == MAIL


def _is_phone(field: FieldDoc) -> bool:
    kind = field.definition.kind
    return _is_single(field) and field.normalise == PHONE and (field.free or kind in (Kind.TEXT, Kind.PHONE))


def _is_fixed(field: FieldDoc) -> bool:
    """Whether a text always becomes the same value, whatever else the record holds."""
    return (
        len(field.paths) == 1
        and is_single(field.paths[0])
        and not field.definition.many
        and field.country.path is None
        and not depends_on_record(field)
        and not (is_plain(field) or _is_mail(field) or _is_phone(field))
    )


def twin(fields: Iterable[FieldDoc], path: str, normalise: tuple[str, ...], country: Country) -> str:
    """The e-mail or phone field that reads the same path in the same form; "" when there is none. Its value, a text
    that isn't empty, is what these normalisers make of the text at the path."""
    for field in fields:
        same = (_is_mail(field) or _is_phone(field)) and field.paths[0] == path and field.normalise == normalise
        if same and (normalise == MAIL or field.country == country):
            return field.name
    return ""


def _twins(field: FieldDoc, others: tuple[FieldDoc, ...]) -> _Twins:
    """For each path of a set its key, its getter and its twin."""
    return tuple(
        (key_of(path), getter(path), twin(others, path, field.normalise, field.country)) for path in field.paths
    )


# -- single values ------------------------------------------------------------------------------------------------


def _blank(field: FieldDoc) -> Value:
    return None if field.empty == "is_null" else ""


def _composes(field: FieldDoc) -> bool:
    """Whether NFC is applied, which changes nothing in ASCII; other texts are then left to the slow reader."""
    return "nfc" in field.normalise


def _plain(field: FieldDoc, slow: FieldReader) -> FieldReader:
    name, get, limit, blank = field.name, getter(field.paths[0]), field.max_length or kinds.MAX_TEXT, _blank(field)
    composes = _composes(field)

    def read(raw: Raw, values: dict[str, Value], complaints: Complaints) -> None:
        value = get(raw)
        if value.__class__ is str and len(value) <= limit and not (composes and not value.isascii()):
            values[name] = value.strip() or blank
        elif value is None:
            values[name] = None
        elif value is not MISSING:
            slow(raw, values, complaints)

    return read


def _plain_group(
    parent: str, composes: bool, blank: Value, fields: list[FieldDoc], readers: Mapping[str, FieldReader]
) -> FieldReader:
    """One reader for plain fields that are keys of the same object and alike in all but their length."""
    settings = tuple((field.paths[0], field.name, field.max_length or kinds.MAX_TEXT) for field in fields)
    if parent:
        return _deep_group(walker(parent), composes, blank, settings, readers)

    def read(raw: Raw, values: dict[str, Value], complaints: Complaints) -> None:
        look = raw.get
        for path, name, limit in settings:
            value = look(path)
            if value.__class__ is str and len(value) <= limit and not (composes and not value.isascii()):
                values[name] = value.strip() or blank
            elif value is not None:
                readers[name](raw, values, complaints)
            elif path in raw:
                values[name] = None

    return read


def _deep_group(
    parent: Getter,
    composes: bool,
    blank: Value,
    settings: tuple[tuple[str, str, int], ...],
    readers: Mapping[str, FieldReader],
) -> FieldReader:
    below = tuple((path, path.rpartition(".")[2], name, limit) for path, name, limit in settings)

    def read(raw: Raw, values: dict[str, Value], complaints: Complaints) -> None:
        inner = parent(raw)
        if inner.__class__ is not dict:
            for _, name, _ in settings:
                readers[name](raw, values, complaints)
            return
        look = inner.get
        for path, key, name, limit in below:
            value = look(key)
            if path in raw:
                readers[name](raw, values, complaints)
            elif value.__class__ is str and len(value) <= limit and not (composes and not value.isascii()):
                values[name] = value.strip() or blank
            elif value is not None:
                readers[name](raw, values, complaints)
            elif key in inner:
                values[name] = None

    return read


def _mail(field: FieldDoc, slow: FieldReader) -> FieldReader:
    name, get, blank, fits = field.name, getter(field.paths[0]), _blank(field), kinds.looks_like_email
    key = key_of(field.paths[0])

    def read(raw: Raw, values: dict[str, Value], complaints: Complaints) -> None:
        value = raw.get(key, MISSING) if key else get(raw)
        if value.__class__ is str and len(value) <= kinds.MAX_EMAIL:
            address = value.strip().lower()
            if not address:
                # Of a text that isn't one, an e-mail address has no form of its own.
                values[name] = blank
                return
            if fits(address):
                values[name] = address
                return
        elif value is None:
            values[name] = None
            return
        if value is not MISSING:
            slow(raw, values, complaints)

    return read


def _phone(field: FieldDoc, slow: FieldReader) -> FieldReader:
    name, get, blank, region = field.name, getter(field.paths[0]), _blank(field), region_of(field.country)
    limit, find, key = field.max_length or kinds.MAX_TEXT, phones.found, key_of(field.paths[0])

    def read(raw: Raw, values: dict[str, Value], complaints: Complaints) -> None:
        value = raw.get(key, MISSING) if key else get(raw)
        if value.__class__ is str and len(value) <= phones.MAX_LENGTH:
            number = find(value, region(raw))
            if number is not None and len(number) <= limit:
                values[name] = number or blank
                return
        elif value is None:
            values[name] = None
            return
        if value is not MISSING:
            slow(raw, values, complaints)

    return read


# -- single values that are remembered ----------------------------------------------------------------------------


def _memo(field: FieldDoc) -> tuple[Memo[Any], Any]:
    """What texts became, and what null becomes."""
    convert = converter(field)

    def found(value: str | None) -> Any:
        try:
            return convert(value, {})
        except Misfit:
            return UNFIT

    return Memo(found), found(None)


def _remembered(field: FieldDoc, slow: FieldReader) -> FieldReader:
    name, get = field.name, getter(field.paths[0])
    memo, null = _memo(field)

    def read(raw: Raw, values: dict[str, Value], complaints: Complaints) -> None:
        value = get(raw)
        found: Any = memo[value] if value.__class__ is str else null if value is None else UNFIT
        if found is UNFIT:
            if value is not MISSING:
                slow(raw, values, complaints)
        elif found is not MISSING:
            values[name] = found

    return read


def _remembered_group(fields: list[FieldDoc], readers: Mapping[str, FieldReader]) -> FieldReader:
    """One reader for all remembered fields that are keys of the record itself."""
    settings = tuple((field.paths[0], field.name, *_memo(field), readers[field.name]) for field in fields)

    def read(raw: Raw, values: dict[str, Value], complaints: Complaints) -> None:
        look = raw.get
        for path, name, memo, null, alone in settings:
            value = look(path)
            if value.__class__ is str:
                found = memo[value]
            elif value is None:
                found = null if path in raw else MISSING
            else:
                found = UNFIT
            if found is UNFIT:
                alone(raw, values, complaints)
            elif found is not MISSING:
                values[name] = found

    return read


# -- sets ---------------------------------------------------------------------------------------------------------


def _put_set(values: dict[str, Value], name: str, found: list[str]) -> None:
    values[name] = tuple(found) if len(found) < 2 else tuple(sorted(set(found)))


def _text_set(field: FieldDoc, slow: FieldReader, twins: _Twins) -> FieldReader:
    name, split, lower = field.name, field.split, field.normalise == MAIL

    def read(raw: Raw, values: dict[str, Value], complaints: Complaints) -> None:
        found: list[str] = []
        seen = False
        for key, get, twin in twins:
            value = raw.get(key, MISSING) if key else get(raw)
            if value is MISSING:
                continue
            seen = True
            if value is None:
                continue
            if value.__class__ is not str or len(value) > kinds.MAX_ELEMENT:
                return slow(raw, values, complaints)
            if split is not None and split in value:
                pieces = value.split(split)
                if len(pieces) > kinds.MAX_ELEMENTS:
                    return slow(raw, values, complaints)
                texts = map(str.strip, pieces)
                found += filter(None, map(str.lower, texts) if lower else texts)
                continue
            known = values.get(twin)
            if not isinstance(known, str):
                known = value.strip().lower() if lower else value.strip()
            if known:
                found.append(known)
        if seen:
            _put_set(values, name, found)
        return None

    return read


def _phone_set(field: FieldDoc, slow: FieldReader, twins: _Twins) -> FieldReader:
    name, split, region, find = field.name, field.split, region_of(field.country), phones.found

    def read(raw: Raw, values: dict[str, Value], complaints: Complaints) -> None:
        found: list[str] = []
        seen = False
        for key, get, twin in twins:
            value = raw.get(key, MISSING) if key else get(raw)
            if value is MISSING:
                continue
            seen = True
            if value is None:
                continue
            if value.__class__ is not str or len(value) > phones.MAX_LENGTH or (split is not None and split in value):
                return slow(raw, values, complaints)
            known = values.get(twin)
            number = known if known and isinstance(known, str) else find(value, region(raw))
            if number is None:
                return slow(raw, values, complaints)
            if number:
                found.append(number)
        if seen:
            _put_set(values, name, found)
        return None

    return read
