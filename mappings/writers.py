"""Writing fields: closures that undo what reading did and put the remote value into a payload."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from hub.domain.entities import Kind
from hub.domain.values import Value, as_set
from mappings import kinds
from mappings.clauses import FieldDoc
from mappings.conversions import TRANSFORMS
from mappings.form import Complaints, complain, converter, depends_on_record, elements, is_blank
from mappings.memo import UNFIT, Memo
from mappings.misfit import Misfit
from mappings.paths import MISSING, Raw, getter
from mappings.readers import FieldReader
from mappings.transforms import Step
from mappings.tree import text_of

FieldWriter: TypeAlias = Callable[[Value, Raw | None, dict[str, Any], Complaints], None]
Encoder: TypeAlias = Callable[[Value, Raw], Any]
_NOTHING: Raw = {}


def field_writer(field: FieldDoc, read: FieldReader) -> FieldWriter:
    """The writer of one field. It writes nothing where the record already shows the value."""
    if len(field.paths) == 1 and not field.definition.many:
        return _single_writer(field, read)
    encode = _encoder(field)
    place = _set_places(field) if field.definition.many else _places(field)

    def write(value: Value, raw: Raw | None, payload: dict[str, Any], complaints: Complaints) -> None:
        if raw is not None and _shows(read, raw, field.name, value):
            return
        try:
            payload.update(place(value, raw, encode))
        except Misfit as misfit:
            complain(complaints, field, field.paths[0], value, misfit)

    return write


def _single_writer(field: FieldDoc, read: FieldReader) -> FieldWriter:
    """The writer of a field of one path, with a quick way for texts."""
    name, path = field.name, field.paths[0]
    encode, quick = _encoder(field), _quick_encoder(field)

    def write(value: Value, raw: Raw | None, payload: dict[str, Any], complaints: Complaints) -> None:
        if raw is not None and _shows(read, raw, name, value):
            return
        if value.__class__ is str:
            remote = quick(value)
            if remote is not UNFIT:
                payload[path] = remote
                return
        try:
            payload[path] = encode(value, raw if raw is not None else _NOTHING)
        except Misfit as misfit:
            complain(complaints, field, path, value, misfit)

    return write


def _quick_encoder(field: FieldDoc) -> Callable[[Any], Any]:
    """What a canonical text is written as; `UNFIT` where the encoder has to say."""
    if depends_on_record(field):
        return lambda _value: UNFIT
    texts = field.free or field.definition.kind in (Kind.TEXT, Kind.PHONE)
    if texts and not field.transform and not field.table and not field.write_table:
        limit = field.max_length or kinds.MAX_TEXT
        return lambda value: value if len(value) <= limit else UNFIT
    encode = _encoder(field)

    def encoded(value: str) -> Any:
        try:
            return encode(value, _NOTHING)
        except Misfit:
            return UNFIT

    return encoded if field.definition.kind is Kind.EMAIL else Memo(encoded).__getitem__


def _shows(read: FieldReader, raw: Raw, name: str, value: Value) -> bool:
    now: dict[str, Value] = {}
    read(raw, now, [])
    if name not in now:
        return False
    found = now[name]
    return found == value and isinstance(found, bool) == isinstance(value, bool)


def _encoder(field: FieldDoc) -> Encoder:
    """One canonical value (of a set: one element) in the vendor's form. `Misfit` when the vendor has no form for it."""
    check = kinds.reader(field.definition, field.max_length, free=field.free)
    textual = field.free or field.definition.kind in kinds.TEXTUAL
    null = None if field.empty == "keep" else ""
    words: dict[str, Any] = {}
    for _, remote, canonical in field.table:
        words.setdefault(text_of(canonical), remote)
    words.update(field.write_table)
    passes = field.on_unknown == "pass"
    undo = _undo(field)

    def encode(value: Value, raw: Raw) -> Any:
        if value is None or (value == "" and not textual):
            return null
        if words:
            if value == "" and "" not in words:
                return ""
            text = text_of(value)
            if text in words:
                return _undone(words[text], raw)
            if not passes:
                expected = f"one of {', '.join(sorted(words))[:200]}"
                raise Misfit(expected, "Add the value to the field's table or write_table")
        if value == "":
            return ""
        return _undone(check(value), raw)

    def _undone(value: Any, raw: Raw) -> Any:
        for step in undo:
            value = step(value, raw)
        return value

    return encode


def _undo(field: FieldDoc) -> tuple[Step, ...]:
    steps: list[Step] = []
    for name, args in reversed(field.transform):
        inverse = TRANSFORMS[name].inverse
        assert inverse is not None, f"{name} cannot be undone"
        steps.append(inverse(args))
    return tuple(steps)


Places: TypeAlias = Callable[[Value, Raw | None, Encoder], list[tuple[str, Any]]]


def _places(field: FieldDoc) -> Places:
    """Where a value goes: to the path it is read from; an erasure goes to all of them."""
    first = field.paths[0]
    getters = tuple((path, getter(path)) for path in field.paths)

    def place(value: Value, raw: Raw | None, encode: Encoder) -> list[tuple[str, Any]]:
        remote = encode(value, raw if raw is not None else _NOTHING)
        if len(getters) == 1 or raw is None:
            return [(first, remote)]
        filled = [path for path, get in getters if (v := get(raw)) is not MISSING and not is_blank(v)]
        if is_blank(remote):
            return [(path, remote) for path in filled or (first,)]
        return [(filled[0] if filled else first, remote)]

    return place


def _set_places(field: FieldDoc) -> Places:
    """A set goes to its one path, with the elements that stand there and could not be read: they are not ours to
    take away."""
    path, split = field.paths[0], field.split
    get = getter(path)
    convert = converter(field)

    def unread(raw: Raw) -> list[Any]:
        kept = []
        value = get(raw)
        for item in elements(value, split) if value is not MISSING else ():
            try:
                convert(item, raw)
            except Misfit:
                if split is None or isinstance(item, str):
                    kept.append(item)
        return kept[: kinds.MAX_ELEMENTS]

    def place(value: Value, raw: Raw | None, encode: Encoder) -> list[tuple[str, Any]]:
        record = raw if raw is not None else _NOTHING
        items = as_set(value)
        if len(items) > kinds.MAX_ELEMENTS:
            raise Misfit(f"at most {kinds.MAX_ELEMENTS} elements")
        remote = [encode(item, record) for item in items] + unread(record)
        if split is None:
            return [(path, remote)]
        for item in remote[: len(items)]:
            if split in text_of(item):
                raise Misfit(f"elements without {split!r}, which separates them there")
        if not remote:
            return [(path, None if field.empty == "keep" else "")]
        return [(path, split.join(text_of(item) for item in remote))]

    return place
