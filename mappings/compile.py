"""Compiles a checked document into a lens."""

from __future__ import annotations

from functools import lru_cache

from mappings import currencies
from mappings.clauses import Condition, ConsentRead, Country, Document, FieldDoc, Source
from mappings.composites import grouped, is_written_in_lines, joiner, lines_writer, whole_reader
from mappings.computed import computed_reader, when_test
from mappings.consents import consent_reader
from mappings.conversions import TRANSFORMS
from mappings.document import parse
from mappings.form import depends_on_record
from mappings.lens import Lens
from mappings.match_authoring import MODIFIED_AT
from mappings.matching import key_reader
from mappings.narrowing import narrowed
from mappings.readers import FieldReader
from mappings.scopes import scope_test
from mappings.usual import together, usual_reader
from mappings.writers import FieldWriter, field_writer


def compiled(document: Document) -> Lens:
    """The lens of a document."""
    simple = tuple(field for field in document.fields if field.composite is None and field.compute is None)
    computed = tuple(field for field in document.fields if field.compute is not None)
    wholes = grouped(document.fields)
    readers = {field.name: usual_reader(field, simple) for field in simple}
    readers |= {field.name: computed_reader((field,)) for field in computed}
    readers |= {field.name: whole_reader((field,)) for parts in wholes for field in parts}
    apart = (*map(whole_reader, wholes), *([computed_reader(computed)] if computed else ()))
    written = [field for field in document.fields if field.direction.writes]
    tellers = {doc.channel: doc for doc in document.consent if doc.deny or doc.grant}
    told = [path for doc in tellers.values() for path in (*doc.deny, *doc.grant)]
    return Lens(
        f"{document.connector}/{document.stream}",
        document.connector,
        document.stream,
        document.entity.name,
        document.hash,
        document.policy,
        _reads(document),
        tuple(dict.fromkeys([path for field in written for path in field.paths] + told)),
        (*together(simple, readers), *apart),
        {field.name: (readers[field.name], (*field.paths, *_beside(field))) for field in document.fields},
        {field.name: _writer(field, readers[field.name]) for field in written if field.composite is None},
        frozenset(field.name for field in written if depends_on_record(field)),
        tuple(key_reader(doc, document.fields) for doc in document.match),
        tuple((doc.channel, consent_reader(doc)) for doc in document.consent if doc.reads),
        tellers,
        scope_test(document.scope),
        None if document.when is None else when_test(document.when),
        tuple(joiner(parts) for parts in wholes if parts[0].direction.writes),
        lambda names: compiled(narrowed(document, names)),
        lambda names: (
            *together(tuple(field for field in simple if field.name in names), readers),
            *(readers[field.name] for field in document.fields if field not in simple and field.name in names),
        ),
    )


def _writer(field: FieldDoc, read: FieldReader) -> FieldWriter:
    return lines_writer(field, read) if is_written_in_lines(field) else field_writer(field, read)


@lru_cache(maxsize=512)
def lens(source: bytes | str, file: str) -> Lens:
    """The lens of a document's text, kept by its content. `BadDocument` with every complaint."""
    return compiled(parse(source, file))


def _reads(document: Document) -> tuple[str, ...]:
    """Every remote path that is looked at, each once, in the document's order."""
    paths: list[str | None] = []
    for field in document.fields:
        paths += [*field.paths, *_beside(field)]
    for match in document.match:
        paths += [*match.paths, *match.name_from, *_country(match.country)]
    for consent in document.consent:
        for read in consent.reads:
            paths += _consent(read)
    paths += _conditions(document.scope)
    if document.when is not None:
        paths += document.when.reads
    return tuple(path for path in dict.fromkeys(paths) if path is not None and path != MODIFIED_AT)


def _beside(field: FieldDoc) -> list[str]:
    """Paths that a field's steps look at beside its own."""
    paths = _country(field.country)
    if field.compute is not None:
        paths += field.compute.reads
    for name, args in field.transform:
        for arg in TRANSFORMS[name].args:
            said = args.get(arg.name)
            if arg.path and isinstance(said, str) and not currencies.is_code(said):
                paths.append(said)
    return paths


def _country(country: Country) -> list[str]:
    return [] if country.path is None else [country.path]


def _consent(read: ConsentRead) -> list[str | None]:
    sources: tuple[Source, ...] = (read.who, read.how)
    return [read.path, read.at, *(source.path for source in sources), read.when]


def _conditions(conditions: tuple[Condition, ...]) -> list[str]:
    paths: list[str] = []
    for condition in conditions:
        paths += _conditions(condition.any) if condition.op == "any" else [condition.path]
    return paths
