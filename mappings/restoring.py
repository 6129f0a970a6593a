"""Putting values back as they stood: not in the canonical form, but in the very form that the record showed before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hub.domain.values import Value, Values
from mappings.form import is_blank
from mappings.lens import Lens
from mappings.paths import MISSING, Astray, Raw, getter, merged
from mappings.reading import Payload


def restore(lens: Lens, values: Values, raw: Raw | None, images: Mapping[str, Raw]) -> Payload:
    """The payload that makes the record `raw` show `values`, each field in the form in which its image (the record as
    it was; by field) holds it. What is blank there is blanked in the form of the document. Where the old form would
    move any other field, or would not show the value, the document's form is used."""
    plain = lens.put(values, {}, raw)
    payload = dict(plain.values)
    for name, value in values.items():
        if name in images:
            old = _old_form(lens, name, value, raw, images[name])
            if old and _fits(lens, name, value, merged(raw, payload), old):
                payload |= old
    return Payload(payload, plain.complaints)


def _old_form(lens: Lens, name: str, value: Value, raw: Raw | None, image: Raw) -> dict[str, Any]:
    """What the image holds at every path that writing the field touches, there or back."""
    now = lens.get(raw).values if raw is not None else {}
    there = lens.put({name: now[name]}, {}, image).values if name in now else {}
    back = lens.put({name: value}, {}, raw).values
    held: dict[str, Any] = {}
    for path in {**back, **there}:
        found = getter(path)(image)
        if found is not MISSING and not isinstance(found, Astray) and not is_blank(found):
            held[path] = found
    return held


def _fits(lens: Lens, name: str, value: Value, told: Raw, old: Mapping[str, Any]) -> bool:
    """Whether the old form makes the record show the value, and moves no other field."""
    plainly, after = lens.get(told).values, lens.get(merged(told, old)).values
    others = {*plainly, *after} - {name}
    return after.get(name, MISSING) == value and all(after.get(n, MISSING) == plainly.get(n, MISSING) for n in others)
