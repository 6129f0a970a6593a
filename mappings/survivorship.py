"""Entity documents: who wins a canonical field, as `EntityPolicy`."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from hub.domain.entities import ENTITIES, EntityDef
from hub.domain.policy import EntityPolicy, Rule, Survivorship
from hub.errors import Complaint
from mappings.document import rejected
from mappings.language import ENTITY_DOCUMENT
from mappings.shapes import Checker, nearest
from mappings.tree import read
from mappings.upgrade import current


def check(source: bytes | str, file: str) -> tuple[EntityPolicy | None, tuple[Complaint, ...]]:
    """The policy, or None with every complaint. Never raises, whatever the input."""
    tree, complaints = read(source, file)
    if tree is None:
        return None, complaints
    checker = Checker(file)
    data = checker.check(current(checker, tree), ENTITY_DOCUMENT)
    entity = ENTITIES.get(str(data.get("entity"))) if isinstance(data, dict) else None
    policy = None if entity is None else _policy(checker, entity, data)
    return (None if checker.complaints else policy), tuple(checker.complaints)


@lru_cache(maxsize=64)
def parse(source: bytes | str, file: str) -> EntityPolicy:
    """The policy. `BadDocument` with every complaint."""
    policy, complaints = check(source, file)
    if policy is None:
        raise rejected(file, complaints)
    return policy


def _policy(checker: Checker, entity: EntityDef, data: dict[str, Any]) -> EntityPolicy:
    default = _rule(data.get("default"), Survivorship())
    if default.rule is Rule.UNION:
        checker.complain(("default",), "union", "another rule: union is for set fields")
    fields: dict[str, Survivorship] = {}
    for name, said in (data.get("fields") or {}).items():
        place = ("fields", name)
        definition = entity.field(name)
        if definition is None:
            checker.complain(place, f'the field "{name}"', f"a field of {entity.name}", nearest(name, entity.fields))
            continue
        rule = _rule(said, default)
        if rule.rule is Rule.UNION and not definition.many and name in entity.fields:
            checker.complain(place, "union", "another rule: union is for set fields")
        if rule.rule is Rule.LONGEST and definition.many:
            checker.complain(place, "longest", "another rule: longest is for texts")
        fields[name] = rule
    return EntityPolicy(entity.name, default, fields)


def _rule(said: object, default: Survivorship) -> Survivorship:
    """A rule as said; the default's rank where it names none."""
    if isinstance(said, str):
        return Survivorship(Rule(said), default.rank)
    if not isinstance(said, dict):
        return default
    rank = said.get("rank")
    named = tuple(name for name in rank if name) if isinstance(rank, list) else default.rank
    return Survivorship(Rule(said.get("rule") or default.rule), named)
