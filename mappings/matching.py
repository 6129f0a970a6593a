"""Compiles the match section: closures that take a record's keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from hub.domain.keys import Key
from hub.domain.values import Values
from mappings import keys, phones
from mappings.clauses import FieldDoc, MatchDoc
from mappings.form import elements, region_of
from mappings.misfit import Misfit
from mappings.normalisers import NORMALISERS
from mappings.paths import MISSING, Raw, getter, key_of
from mappings.usual import MAIL, PHONE, twin

KeyReader: TypeAlias = Callable[[Raw, Values, list[Key]], None]
MAX_KEYS = 50


def key_reader(doc: MatchDoc, fields: tuple[FieldDoc, ...] = ()) -> KeyReader:
    """The reader of one entry of the match section. `fields` are the document's: where one of them reads a path of the
    entry in the same form, its value is taken from the values."""
    if doc.key == "email":
        return _email_reader(doc, fields)
    return _phone_name_reader(doc, fields) if doc.key == "phone_name" else _word_reader(doc)


def _texts(doc: MatchDoc) -> Callable[[Raw], Iterator[str]]:
    """All texts of all paths, normalised; what isn't a text or a number gives none."""
    getters = tuple(getter(path) for path in doc.paths)
    clean = _cleaner(doc)

    def find(raw: Raw) -> Iterator[str]:
        for get in getters:
            value = get(raw)
            if value is MISSING or value is None:
                continue
            for item in elements(value, doc.split):
                text = clean(item)
                if text:
                    yield text

    return find


def _cleaner(doc: MatchDoc) -> Callable[[Any], str]:
    functions = tuple(NORMALISERS[name].apply(None) for name in doc.normalise if name not in ("trim", "lower"))

    def clean(item: Any) -> str:
        if isinstance(item, bool) or not isinstance(item, (str, int)):
            return ""
        text = str(item)
        if len(text) > 1_000:
            return ""
        try:
            for function in functions:
                text = function(text)
        except Misfit:
            return ""
        return text

    return clean


def _add(found: list[Key], key: Key | None) -> None:
    if key is not None and key not in found and len(found) < MAX_KEYS:
        found.append(key)


def _full_name(doc: MatchDoc) -> Callable[[Raw, Values], str]:
    names = tuple(getter(path) for path in doc.name_from)

    def find(raw: Raw, values: Values) -> str:
        parts = [get(raw) for get in names] if names else [values.get("given_name"), values.get("family_name")]
        return " ".join(part for part in parts if isinstance(part, str))

    return find


def _email_reader(doc: MatchDoc, fields: tuple[FieldDoc, ...]) -> KeyReader:
    clean = None if not set(doc.normalise) - {"trim", "lower"} else _cleaner(doc)
    split = doc.split
    full_name = _full_name(doc)
    twins = ("" if clean is not None else twin(fields, path, MAIL, doc.country) for path in doc.paths)
    sources = tuple((key_of(path), getter(path), known) for path, known in zip(doc.paths, twins, strict=True))

    def add(text: str, raw: Raw, values: Values, found: list[Key]) -> None:
        address = text.strip().lower()
        if address:
            name = full_name(raw, values) if keys.is_role(address) else ""
            _add(found, keys.email_key(address, name))

    def read(raw: Raw, values: Values, found: list[Key]) -> None:
        for key, get, known in sources:
            value = raw.get(key) if key else get(raw)
            if value is None or value is MISSING:
                continue
            if clean is None and value.__class__ is str and (split is None or split not in value):
                address = values.get(known)
                if address and isinstance(address, str) and keys.is_own(address):
                    if found:
                        _add(found, Key("email", address))
                    else:
                        found.append(Key("email", address))
                else:
                    add(value, raw, values, found)
                continue
            for item in elements(value, split):
                if isinstance(item, str):
                    add(item if clean is None else clean(item), raw, values, found)

    return read


def _phone_name_reader(doc: MatchDoc, fields: tuple[FieldDoc, ...]) -> KeyReader:
    phone, *names = (getter(path) for path in doc.paths)
    region, split = region_of(doc.country), doc.split
    clean = None if not set(doc.normalise) - {"trim", "lower"} else _cleaner(doc)
    known = twin(fields, doc.paths[0], PHONE, doc.country)

    def read(raw: Raw, values: Values, found: list[Key]) -> None:
        number = phone(raw)
        if not number or not isinstance(number, (str, int)) or isinstance(number, bool):
            return
        parts = [get(raw) for get in names]
        for part in parts:
            if not isinstance(part, str):
                return
        name = keys.name_of(parts if clean is None else [clean(part) for part in parts])
        if not name:
            return
        text = str(number)
        if split is not None and split in text:
            for item in elements(text, split):
                _add(found, keys.phone_name_key(phones.number_of(item, region(raw)), name))
            return
        e164 = values.get(known) if number.__class__ is str else None
        if not isinstance(e164, str):
            e164 = phones.number_of(text, region(raw))
        _add(found, keys.phone_name_key(e164, name))

    return read


def _word_reader(doc: MatchDoc) -> KeyReader:
    texts = _texts(doc)

    def read(raw: Raw, _values: Values, found: list[Key]) -> None:
        for text in texts(raw):
            _add(found, keys.word_key(doc.key, text))

    return read
