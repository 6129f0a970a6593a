"""The JSON Schema of mapping documents and entity documents, for editors; made of the same shapes that check them."""

from __future__ import annotations

from typing import Any

from hub.domain.entities import ENTITIES, EntityDef, FieldDef
from mappings.language import DOCUMENT, ENTITY_DOCUMENT
from mappings.shapes import (
    RECURSIVE,
    Again,
    Anything,
    Boolean,
    Either,
    Integer,
    ListOf,
    MapOf,
    Named,
    Object,
    OneOf,
    Scalar,
    Shape,
    Text,
)

_DRAFT = "https://json-schema.org/draft/2020-12/schema"


def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a mapping document."""
    return {**_whole(DOCUMENT, "Mapping document"), "allOf": [_named(entity) for entity in ENTITIES.values()]}


def _named(entity: EntityDef) -> dict[str, Any]:
    """For completing: the fields of an entity by name. It refuses nothing: `custom.<name>` is a field, too."""
    fields = {name: {"description": _meaning(definition)} for name, definition in entity.fields.items()}
    chosen = {"properties": {"entity": {"const": entity.name}}, "required": ["entity"]}
    return {"if": chosen, "then": {"properties": {"fields": {"properties": fields}}}}


def _meaning(definition: FieldDef) -> str:
    choices = f" ({', '.join(definition.choices)})" if definition.choices else ""
    return f"{definition.title}: {definition.kind}{choices}"


def entity_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of an entity document."""
    return _whole(ENTITY_DOCUMENT, "Entity document")


def _whole(shape: Shape, title: str) -> dict[str, Any]:
    definitions = {name: _render(inner) for name, inner in RECURSIVE.items()}
    return {"$schema": _DRAFT, "title": title, **_render(shape), "$defs": definitions}


def _render(shape: Shape) -> dict[str, Any]:
    match shape:
        case Text():
            return _text(shape)
        case Boolean():
            return {"type": "boolean"}
        case Integer():
            return {"type": "integer", "minimum": shape.least, "maximum": shape.most}
        case Scalar():
            types = ["string", "number", "boolean", *(["null"] if shape.null else [])]
            return {"type": types, "maxLength": shape.max_length}
        case OneOf():
            return {"anyOf": [_render(form) for form in shape.forms]}
        case Anything():
            return {}
        case ListOf():
            return {"type": "array", "items": _render(shape.item), "minItems": shape.least, "maxItems": shape.most}
        case MapOf():
            names = {} if shape.scalar_keys else {"propertyNames": _text(shape.keys)}
            value = _render(shape.value)
            return {"type": "object", "additionalProperties": value, "maxProperties": shape.most, **names}
        case Again():
            return {"$ref": f"#/$defs/{shape.name}"}
        case Either():
            forms = (shape.scalar, shape.many, shape.mapping)
            return {"anyOf": [_render(form) for form in forms if form is not None]}
        case Named():
            properties = {name: _told(inner, shape.about.get(name, "")) for name, inner in shape.choices.items()}
            bounds = {"minProperties": 1, "maxProperties": 1, "additionalProperties": False}
            return {"type": "object", "properties": properties, **bounds}
        case Object():
            return _object(shape)


def _told(shape: Shape, about: str) -> dict[str, Any]:
    """A shape with what it means."""
    return {**_render(shape), "description": about} if about else _render(shape)


def _text(shape: Text) -> dict[str, Any]:
    if shape.choices:
        return {"enum": list(shape.choices)}
    made: dict[str, Any] = {"type": "string", "maxLength": shape.max_length, "minLength": 0 if shape.empty else 1}
    if shape.pattern:
        made["pattern"] = f"^(?:{shape.pattern})$"
    return made


def _object(shape: Object) -> dict[str, Any]:
    properties = {name: _told(key.shape, key.about) for name, key in shape.keys.items()}
    required = [name for name, key in shape.keys.items() if key.required]
    made: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**made, "required": required} if required else made
