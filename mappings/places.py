"""Where in a document a canonical field is written."""

from __future__ import annotations

from mappings.clauses import CompositeDoc, Document


def place_of(document: Document, name: str) -> tuple[str, ...]:
    """`("fields", name)`, or the composite that the field is a part of: `("composites", "0")`."""
    composites: list[CompositeDoc] = []
    for field in document.fields:
        if field.composite is not None and field.composite not in composites:
            composites.append(field.composite)
        if field.name == name and field.composite is not None:
            return "composites", str(composites.index(field.composite))
    return "fields", name
