"""Builds composites: the canonical fields that stand together in one remote field."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from hub.domain.entities import EntityDef, Kind
from hub.domain.policy import Compare, Direction, Weight
from mappings.clauses import CompositeDoc, FieldDoc
from mappings.paths import is_single
from mappings.shapes import Checker, Place, nearest


def build_composites(checker: Checker, entity: EntityDef, said: object, taken: Collection[str]) -> list[FieldDoc]:
    """The fields of all composites; `taken`: those that have a mapping of their own."""
    made: list[FieldDoc] = []
    for index, entry in enumerate(said if isinstance(said, list) else ()):
        place = ("composites", str(index))
        if isinstance(entry, dict) and checker.sound(place):
            made += _composite(checker, entity, place, entry, {*taken, *(field.name for field in made)})
    return made


def _composite(
    checker: Checker, entity: EntityDef, place: Place, said: dict[str, Any], taken: Collection[str]
) -> list[FieldDoc]:
    names = tuple(said["fields"])
    _check_fields(checker, entity, (*place, "fields"), names, taken)
    if ("form" in said) == ("by" in said):
        checker.complain(place, "neither or both of form and by", "form for a full name, or by for separated parts")
    if "form" in said and len(names) != 2:
        checker.complain((*place, "fields"), f"{len(names)} fields", "two: the given name, then the family name")
    if "by" in said and len(set(said["by"])) == 1 and said["by"].isspace() and said["by"] != "\n":
        checker.complain((*place, "by"), "white space", 'a separator such as "\\n", "," or " | "', "Or use form")
    direction = _direction(checker, entity, place, said)
    if not checker.sound(place):
        return []
    doc = CompositeDoc(
        said["path"],
        names,
        said.get("form", ""),
        said.get("by", ""),
        said.get("empty", "keep"),
        said.get("max_length"),
    )
    return [_part(entity, doc, name, said, direction) for name in names]


def _check_fields(
    checker: Checker, entity: EntityDef, place: Place, names: tuple[str, ...], taken: Collection[str]
) -> None:
    for index, name in enumerate(names):
        here = (*place, str(index))
        definition = entity.field(name)
        if definition is None:
            mend = nearest(name, entity.fields)
            checker.complain(here, f'the field "{name}"', f"a field of {entity.name}", mend)
        elif definition.kind is not Kind.TEXT:
            checker.complain(here, f"{name}, of kind {definition.kind}", "fields of kind text")
        elif name in taken or name in names[:index]:
            checker.complain(here, f"{name} a second time", "each field in one place")


def _direction(checker: Checker, entity: EntityDef, place: Place, said: dict[str, Any]) -> Direction:
    why = ""
    if not is_single(said["path"]):
        why = "a path with [] can only be read"
    elif entity.name == "fact":
        why = "facts are only read"
    direction = Direction(said.get("direction", Direction.IN if why else Direction.BOTH))
    if why and direction.writes:
        checker.complain((*place, "direction"), direction.value, f"in: {why}")
    return direction


def _part(entity: EntityDef, doc: CompositeDoc, name: str, said: dict[str, Any], direction: Direction) -> FieldDoc:
    definition = entity.field(name)
    assert definition is not None, "the fields were checked"
    return FieldDoc(
        name,
        definition,
        paths=(doc.path,),
        compare=Compare.TRIMMED,
        direction=direction,
        weight=Weight(said.get("weight", Weight.RANKED)),
        write_if_empty=said.get("overwrite") is False,
        part=said.get("part", ""),
        max_length=doc.max_length,
        composite=doc,
    )
