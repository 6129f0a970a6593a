"""Builds the match keys, consents and scope of a document."""

from __future__ import annotations

from typing import Any

from hub.domain.entities import EntityDef
from hub.domain.values import Scalar
from mappings.clauses import Condition, ConsentDoc, ConsentRead, MatchDoc, Source
from mappings.field_authoring import as_country, as_paths
from mappings.language import MATCH_KINDS
from mappings.paths import is_single
from mappings.shapes import Checker, Place, nearest
from mappings.tree import text_of

MODIFIED_AT = "$modified_at"
_OPS = ("in", "not_in", "present", "starts_with", "ends_with", "contains")


def build_match(checker: Checker, entity: EntityDef, said: object) -> tuple[MatchDoc, ...]:
    valid = MATCH_KINDS[entity.name]
    if not said:
        if valid and checker.sound(("match",)):
            checker.complain((), "no match", f"a match with a key: {', '.join(valid)}")
        return ()
    made: list[MatchDoc] = []
    for index, entry in enumerate(said if isinstance(said, list) else ()):
        place = ("match", str(index))
        if not isinstance(entry, dict) or not checker.sound(place):
            continue
        kind, paths = entry["key"], as_paths(entry["from"])
        if kind not in valid:
            expected = f"a key of {entity.name}: {', '.join(valid)}" if valid else f"no match: a {entity.name} has none"
            checker.complain((*place, "key"), f'"{kind}"', expected, nearest(kind, valid))
            continue
        if kind == "phone_name" and len(paths) < 2:
            checker.complain((*place, "from"), "one path", "the phone, then the parts of the name")
        if kind != "phone_name" and "country" in entry:
            checker.complain((*place, "country"), f"a country for {kind}", "a country only for phone_name")
        if kind != "email" and "name_from" in entry:
            checker.complain((*place, "name_from"), f"name_from for {kind}", "name_from only for email")
        country = as_country(checker, (*place, "country"), entry.get("country"))
        normalise = tuple(n for n in entry.get("normalise") or () if isinstance(n, str))
        if "phone" in normalise:
            checker.complain((*place, "normalise"), "phone", "other normalisers: phones of keys are normalised anyway")
        made.append(MatchDoc(kind, paths, entry.get("split"), normalise, country, as_paths(entry.get("name_from"))))
    return tuple(made)


def build_consent(checker: Checker, entity: EntityDef, said: object) -> tuple[ConsentDoc, ...]:
    if not isinstance(said, dict) or not said:
        return ()
    if not entity.channels:
        checker.complain(("consent",), "consent", f"no consent: a {entity.name} has none")
        return ()
    made: list[ConsentDoc] = []
    for channel, entry in said.items():
        place = ("consent", channel)
        if not isinstance(entry, dict) or not checker.sound(place):
            continue
        read, write = entry.get("read"), entry.get("write") or {}
        if not read and not write:
            checker.complain(place, "neither read nor write", "read, write or both")
        reads = [read] if isinstance(read, dict) else read or []
        built = [
            _consent_read(checker, (*place, "read") if isinstance(read, dict) else (*place, "read", str(i)), r)
            for i, r in enumerate(reads)
        ]
        for path in (*write.get("deny", {}), *write.get("grant", {})):
            if not is_single(path):
                checker.complain((*place, "write"), f'"{path}"', "a path without []")
        deny, grant = write.get("deny", {}), write.get("grant", {})
        made.append(ConsentDoc(channel, tuple(built), deny, grant, write.get("part", "")))
    return tuple(made)


def _consent_read(checker: Checker, place: Place, said: dict[str, Any]) -> ConsentRead:
    denied, granted, none = (_texts(said.get(key)) for key in ("denied", "granted", "none"))
    if not denied and not granted:
        checker.complain(place, "neither denied nor granted", "the values that deny, or that grant")
    if granted and "evidence" not in said:
        mend = "Leave `granted` out if the vendor keeps no evidence"
        checker.complain((*place, "granted"), "grants without evidence", "evidence: {who, how, when}", mend)
    for one, other, name in ((denied, granted, "granted"), (denied, none, "none"), (granted, none, "none")):
        for value in sorted(one & other):
            checker.complain((*place, name), f'"{value}" with two meanings', "each value in one list")
    evidence = said.get("evidence") or {}
    when = evidence.get("when")
    when = when.get("path") if isinstance(when, dict) else when
    if when == MODIFIED_AT:
        expected = "the path of the grant's own time"
        checker.complain((*place, "evidence", "when"), MODIFIED_AT, expected, "The hub's own writes move this time")
    return ConsentRead(
        said["path"],
        denied,
        granted,
        none if "none" in said else None,
        said.get("at"),
        _source(evidence.get("who")),
        _source(evidence.get("how")),
        when,
    )


def _texts(values: list[Scalar] | None) -> frozenset[str]:
    return frozenset(folded(value) for value in values or ())


def folded(value: object) -> str:
    """The form in which consent and scope compare values."""
    return text_of(value).strip().casefold()


def _source(said: object) -> Source:
    if isinstance(said, dict):
        return Source(path=said.get("path"))
    return Source(said) if isinstance(said, str) else Source()


def build_scope(checker: Checker, said: object) -> tuple[Condition, ...]:
    where = said.get("where") if isinstance(said, dict) else None
    if isinstance(said, dict) and "where" not in said and "when" not in said and checker.sound(("scope",)):
        checker.complain(("scope",), "neither where nor when", "where or when, or no scope")
    return _conditions(checker, ("scope", "where"), where)


def _conditions(checker: Checker, place: Place, said: object) -> tuple[Condition, ...]:
    made: list[Condition] = []
    for index, entry in enumerate(said if isinstance(said, list) else ()):
        here = (*place, str(index))
        if isinstance(entry, dict) and checker.sound(here):
            condition = _condition(checker, here, entry)
            if condition is not None:
                made.append(condition)
    return tuple(made)


def _condition(checker: Checker, place: Place, said: dict[str, Any]) -> Condition | None:
    form = f"path and one of {', '.join(_OPS)}; or any"
    if "any" in said:
        if len(said) > 1:
            checker.complain(place, "any with other keys", form)
        return Condition("any", any=_conditions(checker, (*place, "any"), said["any"]))
    ops = [op for op in _OPS if op in said]
    if "path" not in said or len(ops) != 1:
        checker.complain(place, f"{len(ops)} tests" if "path" in said else "no path", form)
        return None
    op, value = ops[0], said[ops[0]]
    if op in ("in", "not_in"):
        return Condition(op, said["path"], frozenset(folded(v) for v in value))
    if op == "present":
        return Condition(op, said["path"], present=value)
    return Condition(op, said["path"], text=value.casefold())
