"""Compiles the match section: closures that take a record's keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from hub.domain.keys import Key
from hub.domain.values import Values
from mappings import keys
from mappings.clauses import MatchDoc
from mappings.misfit import Misfit
from mappings.normalisers import NORMALISERS
from mappings.paths import MISSING, Raw, getter
from mappings.readers import elements, region_of

KeyReader: TypeAlias = Callable[[Raw, Values, list[Key]], None]
MAX_KEYS = 50


def key_reader(doc: MatchDoc) -> KeyReader:
    if doc.key == "email":
        return _email_reader(doc)
    return _phone_name_reader(doc) if doc.key == "phone_name" else _word_reader(doc)


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


def _email_reader(doc: MatchDoc) -> KeyReader:
    getters = tuple(getter(path) for path in doc.paths)
    clean = None if not set(doc.normalise) - {"trim", "lower"} else _cleaner(doc)
    split = doc.split
    names = tuple(getter(path) for path in doc.name_from)

    def full_name(raw: Raw, values: Values) -> str:
        parts = [get(raw) for get in names] if names else [values.get("given_name"), values.get("family_name")]
        return " ".join(part for part in parts if isinstance(part, str))

    def add(text: str, raw: Raw, values: Values, found: list[Key]) -> None:
        address = text.strip().lower()
        if address:
            name = full_name(raw, values) if keys.is_role(address) else ""
            key = keys.email_key(address, name)
            if key is not None and (not found or key not in found) and len(found) < MAX_KEYS:
                found.append(key)

    def read(raw: Raw, values: Values, found: list[Key]) -> None:
        for get in getters:
            value = get(raw)
            if value is None or value is MISSING:
                continue
            if clean is None and value.__class__ is str and (split is None or split not in value):
                add(value, raw, values, found)
                continue
            for item in elements(value, split):
                if isinstance(item, str):
                    add(item if clean is None else clean(item), raw, values, found)

    return read


def _phone_name_reader(doc: MatchDoc) -> KeyReader:
    phone, *names = (getter(path) for path in doc.paths)
    region, split = region_of(doc.country), doc.split
    clean = None if not set(doc.normalise) - {"trim", "lower"} else _cleaner(doc)

    def read(raw: Raw, _values: Values, found: list[Key]) -> None:
        number = phone(raw)
        if not isinstance(number, (str, int)) or isinstance(number, bool) or not number:
            return
        parts: list[str] = []
        for get in names:
            part = get(raw)
            if not isinstance(part, str):
                return
            parts.append(part if clean is None else clean(part))
        text = str(number)
        for item in (text,) if split is None else elements(text, split):
            _add(found, keys.phone_name_key(item, region(raw), parts))

    return read


def _word_reader(doc: MatchDoc) -> KeyReader:
    texts = _texts(doc)

    def read(raw: Raw, _values: Values, found: list[Key]) -> None:
        for text in texts(raw):
            _add(found, keys.word_key(doc.key, text))

    return read
