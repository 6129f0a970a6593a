"""Fills in what a document leaves unsaid, and complains of what cannot be meant."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hub.domain.entities import ENTITIES
from hub.domain.policy import (
    Cap,
    Caps,
    Direction,
    DriftPolicy,
    FieldPolicy,
    OnBuried,
    OnDrift,
    OnGone,
    StreamPolicy,
)
from mappings.clauses import ConsentDoc, Document, FieldDoc
from mappings.composite_authoring import build_composites
from mappings.computed_authoring import build_when
from mappings.field_authoring import build_field
from mappings.match_authoring import build_consent, build_match, build_scope
from mappings.paths import touches
from mappings.shapes import Checker, nearest

_FACT_FIELDS = ("campaign_ref", "day")


def build(checker: Checker, data: dict[str, Any], digest: str) -> Document | None:
    """The document of checked shapes; what it complains of is in the checker."""
    entity = ENTITIES.get(str(data.get("entity")))
    if entity is None or not isinstance(data.get("fields"), dict):
        return None
    fields: list[FieldDoc] = []
    for name, said in data["fields"].items():
        if entity.field(name) is None:
            mend = nearest(name, entity.fields) or ("Or custom.<name>" if entity.custom else "")
            checker.complain(("fields", name), f'the field "{name}"', f"a field of {entity.name}", mend)
        elif checker.sound(("fields", name)):
            made = build_field(checker, entity, name, said)
            if made is not None:
                fields.append(made)
    fields += build_composites(checker, entity, data.get("composites"), data["fields"])
    match = build_match(checker, entity, data.get("match"))
    consent = build_consent(checker, entity, data.get("consent"))
    scope = build_scope(checker, data.get("scope"))
    when = build_when(checker, data.get("scope"))
    if entity.name == "fact":
        for name in _FACT_FIELDS:
            if name not in data["fields"] and checker.sound(("composites",)):
                checker.complain(("fields",), f"no field {name}", f"{name}, without which a fact belongs nowhere")
    _one_writer_per_path(checker, fields, consent, data.get("composites") or [])
    policy = _policy(checker, entity.name, data.get("policy") or {}, fields, consent)
    policy = replace(policy, drift=_drift(data.get("drift") or {}), caps=_caps((data.get("policy") or {}).get("caps")))
    examples = data.get("examples") or ()
    for index, example in enumerate(examples):
        _check_example(checker, index, example)
    if checker.complaints or "mapping" not in data:
        return None
    connector, _, stream = data["mapping"].partition("/")
    return Document(
        checker.file,
        connector,
        stream,
        entity,
        digest,
        policy,
        match,
        tuple(fields),
        consent,
        scope,
        tuple(examples),
        when,
    )


def _one_writer_per_path(
    checker: Checker, fields: list[FieldDoc], consent: tuple[ConsentDoc, ...], composites: list[Any]
) -> None:
    """Two fields that write to one place would undo each other."""
    taken: dict[str, str] = {}
    writers = [(*_writer(field, composites), field.paths) for field in fields if field.direction.writes]
    for channel in consent:
        paths = tuple({*channel.deny, *channel.grant})
        writers.append((f"consent.{channel.channel}", ("consent", channel.channel, "write"), paths))
    for name, place, paths in writers:
        for path in paths:
            for other, owner in taken.items():
                if owner != name and touches(path, other):
                    expected = f"one writer of each path ({owner} writes {other})"
                    checker.complain(place, f'"{path}" a second time', expected, "Make one of them `direction: in`")
            taken.setdefault(path, name)


def _writer(field: FieldDoc, composites: list[Any]) -> tuple[str, tuple[str, ...]]:
    """Who writes a field's paths, and where the document says so."""
    if field.composite is None:
        return field.name, ("fields", field.name, "path")
    names = list(field.composite.fields)
    index = next(i for i, said in enumerate(composites) if isinstance(said, dict) and said.get("fields") == names)
    return " and ".join(names), ("composites", str(index), "path")


def _drift(said: dict[str, Any]) -> DriftPolicy:
    return DriftPolicy(**{name: OnDrift(word) for name, word in said.items() if word})


def _caps(said: dict[str, Any] | None) -> Caps:
    return Caps(**{name: _cap(amount) for name, amount in (said or {}).items() if amount is not None})


def _cap(said: int | str) -> Cap:
    return Cap(said) if isinstance(said, int) else Cap(share=float(said.removesuffix("%")) / 100)


def _policy(
    checker: Checker, entity: str, said: dict[str, Any], fields: list[FieldDoc], consent: tuple[ConsentDoc, ...]
) -> StreamPolicy:
    policies = {f.name: FieldPolicy(f.name, f.direction, f.compare, f.weight, f.part, f.write_if_empty) for f in fields}
    for channel in consent:
        name = f"consent.{channel.channel}"
        writes = bool(channel.deny or channel.grant)
        direction = Direction.IN if not writes else Direction.BOTH if channel.reads else Direction.OUT
        policies[name] = FieldPolicy(name, direction, part=channel.part)
    writable = {f.name for f in fields if f.direction.writes}
    key = said.get("create_key") or _create_key(entity, writable)
    creates = said.get("creates")
    if creates is None:
        creates = key in writable or "create_key" in said
    place = ("policy",)
    if creates and key not in writable and checker.sound(("fields",)):
        mend = "Map it both ways, or say `creates: false`"
        checker.complain((*place, "create_key"), f"{key}, which is not written here", "a field that is written", mend)
    requires = tuple(name for name in said.get("create_requires") or () if isinstance(name, str))
    for index, name in enumerate(requires):
        if name not in writable and checker.sound(("fields",)):
            where = (*place, "create_requires", str(index))
            checker.complain(
                where, f"{name}, which is not written here", "fields that are written", nearest(name, writable)
            )
    return StreamPolicy(
        entity,
        policies,
        bool(creates),
        said.get("create_denied", True) is not False,
        key,
        requires,
        OnGone(said.get("on_gone") or OnGone.UNLINK),
        OnBuried(said.get("on_buried") or OnBuried.LEAVE),
        tuple(channel.channel for channel in consent if channel.grant),
        create_beside=said.get("create_beside") is True,
    )


def _create_key(entity: str, writable: set[str]) -> str:
    if entity == "campaign":
        return "code" if "code" in writable or "name" not in writable else "name"
    return "email"


def _check_example(checker: Checker, index: int, example: object) -> None:
    place = ("examples", str(index))
    if not isinstance(example, dict) or not checker.sound(place):
        return
    form = "`raw` (with gives or includes) or `put` (with gives)"
    if ("raw" in example) == ("put" in example):
        checker.complain(place, "neither or both of raw and put", form)
        return
    reading = {"raw", "modified_at", "gives", "includes", "keys", "consent", "in_scope", "complaints"}
    writing = {"put", "consent", "onto", "gives", "complaints"}
    allowed = reading if "raw" in example else writing
    for key in example:
        if key not in allowed:
            checker.complain((*place, key), f"the key {key} in such an example", form)
    if not {"gives", "includes", "keys", "consent", "in_scope", "complaints"} & set(example):
        checker.complain(place, "an example that expects nothing", form)
