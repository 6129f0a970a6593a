"""What a lens must give, said as plainly as possible and without a thought for speed.

It shares with the lens only the steps themselves (normalisers, transforms, the readers of kinds, the making of keys),
which have tests of their own; finding values, the order of steps, sets, keys, consent and scope are said anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hub.domain.consent import ConsentReading, Evidence
from hub.domain.keys import Key
from hub.domain.values import Value
from mappings import countries, keys, kinds
from mappings.clauses import Condition, ConsentRead, Country, Document, FieldDoc, MatchDoc, Source
from mappings.composites import apart
from mappings.consents import moment
from mappings.conversions import TRANSFORMS
from mappings.expressions import Program
from mappings.misfit import Misfit
from mappings.normalisers import NORMALISERS
from mappings.phones import number_of
from mappings.tree import text_of

GONE, ASTRAY = "no such path", "something without parts on the way"


@dataclass(slots=True)
class PlainReading:
    """`told`: (field, path, expected) of every complaint."""

    values: dict[str, Value] = field(default_factory=dict)
    consent: dict[str, ConsentReading] = field(default_factory=dict)
    keys: list[Key] = field(default_factory=list)
    in_scope: bool = True
    told: list[tuple[str, str, str]] = field(default_factory=list)


class _Mark:
    """A value that JSON doesn't have: `GONE` or `ASTRAY`."""

    def __init__(self, why: str) -> None:
        self.why = why


def is_gone(value: object) -> bool:
    return isinstance(value, _Mark) and value.why == GONE


def blank(value: object) -> bool:
    return value is None or (isinstance(value, str) and value.strip() == "")


def find(found: Any, path: str) -> Any:
    if path in found:
        return found[path]
    return down(found, path.replace("[]", ".[]").split(".")) if "." in path or "[]" in path else _Mark(GONE)


def down(found: Any, steps: list[str]) -> Any:
    if not steps or found is None or found == "" or isinstance(found, _Mark):
        return found
    step, rest = steps[0], steps[1:]
    if step == "[]":
        if not isinstance(found, list):
            return _Mark(ASTRAY)
        return [item for item in (down(each, rest) for each in found[:1_000]) if not is_gone(item)]
    if isinstance(found, dict):
        return down(found[step], rest) if step in found else _Mark(GONE)
    if isinstance(found, list) and step.isascii() and step.isdigit():
        return down(found[int(step)], rest) if int(step) < len(found) else None
    return _Mark(ASTRAY)


def region(country: Country, raw: Mapping[str, Any]) -> str | None:
    said = find(raw, country.path) if country.path is not None else None
    return (countries.code_of(said) if isinstance(said, str) else None) or country.region


def made(doc: FieldDoc, value: Any, raw: Mapping[str, Any]) -> Any:
    """One value through all steps: normalise, empty, transform, table, check by kind."""
    textual = doc.free or doc.definition.kind in kinds.TEXTUAL
    if isinstance(value, _Mark):
        raise Misfit("an object here, with the path's last part in it")
    if type(value) in (int, float) and doc.normalise and not doc.free and textual:
        value = str(value)
    if isinstance(value, str):
        if len(value) > 200_000:
            raise Misfit(f"at most {doc.max_length or kinds.MAX_TEXT} characters")
        for name in doc.normalise:
            value = NORMALISERS[name].apply(region(doc.country, raw))(value)
    if value == "" and doc.empty == "is_missing":
        return _Mark(GONE)
    if value == "" and doc.empty == "is_null":
        value = None
    for name, args in doc.transform:
        transform = TRANSFORMS[name]
        if transform.takes_blank or not (value is None or value == ""):
            value = transform.forward(args)(value, raw)
        elif value == "" and transform.blank_is_null:
            value = None
    if value is None:
        return None
    if doc.table:
        return tabled(doc, value)
    if value == "":
        return "" if textual else None
    return kinds.reader(doc.definition, doc.max_length, free=doc.free)(value)


def tabled(doc: FieldDoc, value: Any) -> Any:
    words = {text: canonical for text, _, canonical in doc.table}
    text = "" if isinstance(value, (list, dict)) else text_of(value)
    if text in words:
        return words[text]
    if value == "":
        return "" if doc.free or doc.definition.kind in kinds.TEXTUAL else None
    if doc.on_unknown == "pass":
        return kinds.reader(doc.definition, doc.max_length, free=doc.free)(value)
    if doc.on_unknown == "reject" or isinstance(value, (list, dict)):
        raise Misfit(f"one of {', '.join(sorted(words))[:200]}")
    return doc.default


def parted(value: Any, split: str | None) -> list[Any]:
    found = []
    for item in value if isinstance(value, list) else [value]:
        pieces = item.split(split) if split is not None and isinstance(item, str) else [item]
        found += [piece for piece in pieces if not blank(piece)]
    return found


def read_set(doc: FieldDoc, raw: Mapping[str, Any], into: PlainReading) -> None:
    found: set[str] = set()
    shown = [(path, value) for path, value in ((p, find(raw, p)) for p in doc.paths) if not is_gone(value)]
    for path, value in shown:
        if value is None:
            continue
        alone = isinstance(value, str) and doc.split is None
        for number, item in enumerate([value] if alone else parted(value, doc.split)):
            if number >= kinds.MAX_ELEMENTS:
                into.told.append((doc.name, path, f"at most {kinds.MAX_ELEMENTS} elements"))
                return
            try:
                element = made(doc, item, raw)
            except Misfit as misfit:
                into.told.append((doc.name, path, misfit.expected))
                continue
            if not is_gone(element) and element not in (None, ""):
                found.add(element)
    if shown:
        into.values[doc.name] = tuple(sorted(found))


def read_computed(doc: FieldDoc, raw: Mapping[str, Any], into: PlainReading) -> None:
    """The expression over the whole record, whatever it reads of it."""
    assert doc.compute is not None
    where = ", ".join(doc.compute.reads)
    if doc.compute.reads and all(is_gone(find(raw, path)) for path in doc.compute.reads):
        return
    try:
        (found,) = Program([doc.compute.text])(raw)
        if doc.definition.many:
            elements = [made(doc, item, raw) for item in (found if isinstance(found, list) else [found])]
            into.values[doc.name] = tuple(sorted({e for e in elements if not is_gone(e) and e not in (None, "")}))
            return
        if isinstance(found, (list, dict)):
            raise Misfit("a single value")
        into.values[doc.name] = made(doc, found, raw)
    except Misfit as misfit:
        into.told.append((doc.name, where, misfit.expected))


def read_part(doc: FieldDoc, raw: Mapping[str, Any], into: PlainReading) -> None:
    assert doc.composite is not None
    whole = find(raw, doc.composite.path)
    if is_gone(whole):
        return
    if isinstance(whole, (list, dict, bool, _Mark)):
        into.told.append((doc.name, doc.composite.path, "a text"))
    elif whole is not None and len(text_of(whole)) > (doc.composite.max_length or 10_000):
        into.told.append((doc.name, doc.composite.path, f"at most {doc.composite.max_length or 10_000} characters"))
    else:
        part = apart(doc.composite, "" if whole is None else text_of(whole))[doc.composite.fields.index(doc.name)]
        into.values[doc.name] = part or None


def read_field(doc: FieldDoc, raw: Mapping[str, Any], into: PlainReading) -> None:
    if doc.compute is not None:
        read_computed(doc, raw, into)
    elif doc.composite is not None:
        read_part(doc, raw, into)
    elif not doc.paths:
        into.values[doc.name] = (str(doc.constant),) if doc.definition.many else doc.constant
    elif doc.definition.many:
        read_set(doc, raw, into)
    else:
        read_single(doc, raw, into)


def read_single(doc: FieldDoc, raw: Mapping[str, Any], into: PlainReading) -> None:
    shown = [(path, value) for path, value in ((p, find(raw, p)) for p in doc.paths) if not is_gone(value)]
    if not shown:
        return
    filled = [pair for pair in shown if not blank(pair[1])]
    path, value = (filled or shown)[0]
    try:
        if doc.join is not None and len(doc.paths) > 1:
            path = ", ".join(doc.paths)
            if any(isinstance(part, (list, dict, _Mark)) for _, part in filled):
                raise Misfit("a single value in every part")
            value = doc.join.join(text_of(part).strip() for _, part in filled) if filled else value
        element = made(doc, value, raw)
    except Misfit as misfit:
        into.told.append((doc.name, path, misfit.expected))
        return
    if not is_gone(element):
        into.values[doc.name] = element


def read_keys(doc: MatchDoc, raw: Mapping[str, Any], into: PlainReading) -> None:
    more = [NORMALISERS[name].apply(None) for name in doc.normalise if name not in ("trim", "lower")]

    def clean(item: Any) -> str:
        text = str(item) if isinstance(item, (str, int)) and not isinstance(item, bool) else ""
        if more and len(text) > 1_000:
            return ""
        try:
            for step in more:
                text = step(text)
        except Misfit:
            return ""
        return text

    found: list[Key | None] = []
    if doc.key == "phone_name":
        number, *names = (find(raw, path) for path in doc.paths)
        if isinstance(number, bool) or not isinstance(number, (str, int)) or not number:
            return
        if all(isinstance(name, str) for name in names):
            name = keys.name_of([clean(name) for name in names])
            items = [str(number)] if doc.split is None else parted(str(number), doc.split)
            found = [keys.phone_name_key(number_of(item, region(doc.country, raw)), name) for item in items]
    for path in doc.paths if doc.key != "phone_name" else ():
        value = find(raw, path)
        for item in [] if value is None or is_gone(value) else parted(value, doc.split):
            text = clean(item)
            if doc.key != "email":
                found.append(keys.word_key(doc.key, text if len(text) <= 1_000 else ""))
            elif isinstance(item, str):
                parts = [find(raw, p) for p in doc.name_from] or [into.values.get(n) for n in NAMES]
                name = " ".join(part for part in parts if isinstance(part, str))
                found.append(keys.email_key(text.strip().lower(), name))
    for key in found:
        if key is not None and key not in into.keys and len(into.keys) < 50:
            into.keys.append(key)


NAMES = ("given_name", "family_name")


def folded(value: object) -> str:
    return text_of(value).strip().casefold()


def time_at(channel: str, path: str | None, raw: Mapping[str, Any], modified: str | None, out: PlainReading) -> Any:
    if path is None or path == "$modified_at":
        return modified if path else None
    value = find(raw, path)
    if is_gone(value) or blank(value):
        return None
    try:
        return moment(value)
    except Misfit as misfit:
        out.told.append((channel, path, misfit.expected))
        return None


def consent_of(
    channel: str, doc: ConsentRead, raw: Mapping[str, Any], modified: str | None, into: PlainReading
) -> ConsentReading | None:
    value = find(raw, doc.path)
    if is_gone(value):
        return None

    def state(item: Any) -> str | None:
        for name, words in (("denied", doc.denied), ("granted", doc.granted), ("none", doc.none or ())):
            if folded(item) in words:
                return name
        if blank(item):
            return "none"
        return "denied" if "*" in doc.denied else "none" if doc.none is None else None

    def source(said: Source) -> str:
        found = find(raw, said.path) if said.path is not None else said.text
        return found.strip()[:500] if isinstance(found, str) else ""

    states = [state(item) for item in (value if isinstance(value, list) else [value])] or ["none"]
    if None in states or isinstance(value, (dict, _Mark)):
        known = sorted({*doc.denied, *doc.granted, *(doc.none or ())})
        into.told.append((channel, doc.path, f"one of {', '.join(known)[:200]}"))
    if "denied" in states:
        return ConsentReading("denied", time_at(channel, doc.at, raw, modified, into))
    if "granted" in states:
        when = time_at(channel, doc.when, raw, None, into)
        if when and source(doc.who) and source(doc.how):
            at = time_at(channel, doc.at, raw, None, into) or when
            return ConsentReading("granted", at, Evidence(source(doc.who), when, source(doc.how)))
    return ConsentReading("none") if any(states) else None


def holds(condition: Condition, raw: Mapping[str, Any]) -> bool:
    if condition.op == "any":
        return any(holds(inner, raw) for inner in condition.any)
    value = find(raw, condition.path)
    items = [] if isinstance(value, _Mark) else value if isinstance(value, list) else [value]
    if condition.op == "present":
        return any(not blank(item) for item in items) is condition.present
    words = [folded(item) for item in items if not isinstance(item, (list, dict))]
    if condition.op in ("in", "not_in"):
        return any(word in condition.values for word in words) is (condition.op == "in")
    tests = {"starts_with": str.startswith, "ends_with": str.endswith, "contains": str.__contains__}
    return any(tests[condition.op](word, condition.text) for word in words)


def plainly(document: Document, raw: Mapping[str, Any], modified_at: str | None) -> PlainReading:
    """What `lens.get(raw, modified_at)` must give."""
    reading = PlainReading()
    for doc in document.fields:
        read_field(doc, raw, reading)
    for consent in document.consent:
        name = f"consent.{consent.channel}"
        said = [consent_of(name, read, raw, modified_at, reading) for read in consent.reads]
        strength = {"denied": 2, "granted": 1, "none": 0}
        ranked = sorted((s for s in said if s is not None), key=lambda s: (-strength[s.state],))
        best = [s for s in ranked if s.state == ranked[0].state]
        if best:
            reading.consent[consent.channel] = max(best, key=lambda s: s.at or "")
    for match in document.match:
        read_keys(match, raw, reading)
    reading.in_scope = all(holds(condition, raw) for condition in document.scope)
    if document.when is not None:
        try:
            (answer,) = Program([document.when.text])(raw)
            if not isinstance(answer, bool):
                raise Misfit("true or false")
        except Misfit as misfit:
            answer = False
            reading.told.append(("scope", ", ".join(document.when.reads), misfit.expected))
        reading.in_scope = reading.in_scope and answer
    return reading
