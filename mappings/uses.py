"""Where a document uses which remote paths: by canonical field, by consent channel, for its keys, for its scope."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain

from mappings.clauses import Document, FieldDoc
from mappings.compile import compiled
from mappings.document import parse
from mappings.narrowing import CONSENT
from mappings.tree import text_of

MATCH, SCOPE = "match", "scope"
"""Parts of a document that are no canonical fields."""


@dataclass(frozen=True, slots=True)
class Use:
    """The remote paths that one part of a document reads and writes. `values`: the remote values, in text form, that
    it may write there because the document says them (value tables, consent)."""

    reads: tuple[str, ...]
    writes: tuple[str, ...] = ()
    values: frozenset[str] = frozenset()

    @property
    def paths(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.reads, *self.writes)))


@lru_cache(maxsize=256)
def parsed(text: str, file: str) -> Document:
    """The checked document of a text, kept by its content. `BadDocument` with every complaint."""
    return parse(text, file)


@lru_cache(maxsize=256)
def uses_of(text: str, file: str) -> Mapping[str, Use]:
    """`uses` of a document's text, kept by its content."""
    return uses(parsed(text, file))


def uses(document: Document) -> dict[str, Use]:
    """By canonical field, `consent.<channel>`, and `match` and `scope` where the document has them."""
    return dict(_parts(document))


def _parts(document: Document) -> Iterator[tuple[str, Use]]:
    bare = replace(document, fields=(), match=(), consent=(), scope=(), when=None)
    for field in document.fields:
        yield field.name, _use(replace(bare, fields=(field,)), _values(field))
    for doc in document.consent:
        told = frozenset(text_of(value) for value in chain(doc.deny.values(), doc.grant.values()))
        yield CONSENT + doc.channel, _use(replace(bare, consent=(doc,)), told)
    if document.match:
        yield MATCH, _use(replace(bare, match=document.match))
    if document.scope or document.when is not None:
        yield SCOPE, _use(replace(bare, scope=document.scope, when=document.when))


def _use(part: Document, values: frozenset[str] = frozenset()) -> Use:
    lens = compiled(part)
    return Use(lens.reads, lens.writes, values if lens.writes else frozenset())


def _values(field: FieldDoc) -> frozenset[str]:
    """What the field's tables may write: of several remote values of one meaning the first, unless told otherwise."""
    told = {text_of(value) for value in field.write_table.values()}
    meant = {text_of(canonical) for _, _, canonical in field.table} - set(field.write_table)
    for text, _, canonical in field.table:
        if text_of(canonical) in meant:
            meant.discard(text_of(canonical))
            told.add(text)
    return frozenset(told)
