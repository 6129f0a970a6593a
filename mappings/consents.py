"""Reading and writing consent: what a remote shows for a channel, and what is told it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from hub.domain.consent import ConsentReading, Evidence
from mappings import kinds
from mappings.clauses import ConsentDoc, ConsentRead, Source
from mappings.conversions import TRANSFORMS
from mappings.form import Complaints, is_blank
from mappings.match_authoring import MODIFIED_AT, folded
from mappings.memo import Memo
from mappings.misfit import Misfit, masked, shown
from mappings.paths import MISSING, Astray, Raw, getter, key_of
from mappings.reading import ValueComplaint

DENIED, GRANTED, NONE = "denied", "granted", "none"
ConsentReader: TypeAlias = Callable[[Raw, str | None, Complaints], ConsentReading | None]
_MILLISECONDS_FROM = 10**11
_STRENGTH = {DENIED: 2, GRANTED: 1, NONE: 0}


def consent_reader(doc: ConsentDoc) -> ConsentReader:
    """The reader of a channel; None comes out when the record shows nothing of it. Deny wins."""
    readers = tuple(_one(doc.channel, read) for read in doc.reads)
    if len(readers) == 1:
        return readers[0]

    def read(raw: Raw, modified_at: str | None, complaints: Complaints) -> ConsentReading | None:
        best: ConsentReading | None = None
        for one in readers:
            found = one(raw, modified_at, complaints)
            if found is not None and (best is None or _outweighs(found, best)):
                best = found
        return best

    return read


def _outweighs(one: ConsentReading, other: ConsentReading) -> bool:
    if one.state != other.state:
        return _STRENGTH[one.state] > _STRENGTH[other.state]
    return (one.at or "") > (other.at or "")


def _one(channel: str, doc: ConsentRead) -> ConsentReader:
    get, key = getter(doc.path), key_of(doc.path)
    field = f"consent.{channel}"
    any_denies = "*" in doc.denied
    states = {**dict.fromkeys(doc.none or (), NONE), **dict.fromkeys(doc.granted, GRANTED)}
    states.update(dict.fromkeys(doc.denied, DENIED))
    when_said = _time(field, doc.at)
    constant: dict[str, ConsentReading] = {NONE: ConsentReading(NONE)}
    if doc.at is None:
        constant[DENIED] = ConsentReading(DENIED)
    evidence = _evidence(field, doc)

    def state_of(value: Any) -> str | None:
        if value.__class__ is str and value in states:
            return states[value]
        state = states.get(folded(value))
        if state is not None:
            return state
        if is_blank(value):
            return NONE
        if any_denies:
            return DENIED
        return NONE if doc.none is None else None

    def listed(value: Any, complaints: Complaints) -> str | None:
        """The state of what need not be a single text."""
        items = value if isinstance(value, list) else [value]
        found = [state_of(item) for item in items] or [NONE]
        if None in found or isinstance(value, (dict, Astray)):
            expected = f"one of {', '.join(sorted(states))[:200]}"
            said = masked(None) if isinstance(value, Astray) else shown(value)
            complaints.append(ValueComplaint(field, doc.path, said, expected, "Say in the mapping what it means"))
        known = [state for state in found if state is not None]
        return max(known, key=_STRENGTH.__getitem__) if known else None

    texts = Memo(state_of)
    beside = {value: state_of(value) for value in (None, True, False)}

    def read(raw: Raw, modified_at: str | None, complaints: Complaints) -> ConsentReading | None:
        value = raw.get(key, MISSING) if key else get(raw)
        if value is MISSING:
            return None
        state = None
        if value.__class__ is str:
            state = texts[value]
        elif value is None or value is True or value is False:
            state = beside[value]
        if state is None:
            state = listed(value, complaints)
            if state is None:
                return None
        if state in constant:
            return constant[state]
        if state == DENIED:
            return ConsentReading(DENIED, when_said(raw, modified_at, complaints))
        proof = evidence(raw, complaints)
        if proof is None:
            return constant[NONE]
        return ConsentReading(GRANTED, when_said(raw, None, complaints) or proof.when, proof)

    return read


def _time(field: str, path: str | None) -> Callable[[Raw, str | None, Complaints], str | None]:
    if path is None:
        return lambda _raw, _modified_at, _complaints: None
    if path == MODIFIED_AT:
        return lambda _raw, modified_at, _complaints: modified_at
    get = getter(path)

    def find(raw: Raw, _modified_at: str | None, complaints: Complaints) -> str | None:
        value = get(raw)
        if value is MISSING or is_blank(value):
            return None
        try:
            return moment(value)
        except Misfit as misfit:
            complaints.append(ValueComplaint(field, path, shown(value), misfit.expected, misfit.mend))
            return None

    return find


def moment(value: object) -> str:
    """A vendor's time: ISO 8601, or seconds or milliseconds since 1970."""
    if isinstance(value, str):
        return _MOMENTS[value]
    return _moment(value)


def _moment(value: object) -> str:
    # A text with a dash behind its first sign is no count: spare the attempt.
    if isinstance(value, str) and "-" in value.strip()[1:]:
        return kinds.moment(value)
    try:
        count = kinds.integer(value)
    except Misfit:
        return kinds.moment(value)
    unit = "epoch_ms" if abs(count) >= _MILLISECONDS_FROM else "epoch_s"
    return str(TRANSFORMS[unit].forward({})(count, {}))


_MOMENTS = Memo(_moment)
"""The same time is often read twice of a record: as the time of the statement and of its evidence."""


def _evidence(field: str, doc: ConsentRead) -> Callable[[Raw, Complaints], Evidence | None]:
    who, how, when = _text(doc.who), _text(doc.how), _time(field, doc.when)

    def find(raw: Raw, complaints: Complaints) -> Evidence | None:
        at = when(raw, None, complaints)
        by, means = who(raw), how(raw)
        return Evidence(by, at, means) if at and by and means else None

    return find


def _text(source: Source) -> Callable[[Raw], str]:
    if source.path is None:
        return lambda _raw: source.text
    get = getter(source.path)

    def find(raw: Raw) -> str:
        value = get(raw)
        return value.strip()[:500] if isinstance(value, str) else ""

    return find


def tells(doc: ConsentDoc, state: str) -> Mapping[str, Any]:
    """What is written to bring a channel to a state; nothing where the document doesn't say."""
    return doc.deny if state == DENIED else doc.grant if state == GRANTED else {}
