"""A document's text held against everything that is known without trying it: complaints instead of errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hub.domain.policy import EntityPolicy
from hub.domain.version import MappingVersion, connection_of
from hub.errors import BadInput, Complaint, NotFound
from hub.store import connections
from hub.store.database import Transaction
from mappings import document, library, survivorship
from mappings.clauses import Document
from mappings.compile import lens
from mappings.lens import Lens
from mappings.shapes import nearest
from sync_jobs import documents as jobs


@dataclass(frozen=True, slots=True)
class Written:
    """A text as far as it can be understood. Of a stream's document `document` and `lens` are set, of survivorship
    `policy`; all are None where there are complaints. `hash` changes with its meaning alone; "" when it has none."""

    name: str
    text: str
    hash: str = ""
    document: Document | None = None
    lens: Lens | None = None
    policy: EntityPolicy | None = None
    complaints: tuple[Complaint, ...] = ()


async def read(conn: Transaction, name: str, text: str, title: str) -> Written:
    """Understands a text as the document `name`; complaints name it by `title`."""
    if not connection_of(name):
        return _survivorship(name, text, title)
    row = await connections.get(conn, connection_of(name))
    connector = row.connector if row is not None else ""
    return _of_stream(name, text, title, f"{connector}/{name.partition('/')[2]}")


async def version(conn: Transaction, held: MappingVersion) -> Written:
    return await read(conn, held.name, held.text, jobs.titled(held))


def _of_stream(name: str, text: str, title: str, expected: str) -> Written:
    found, complaints = document.check(text, title)
    if found is None:
        return Written(name, text, complaints=complaints)
    said = f"{found.connector}/{found.stream}"
    if said != expected:
        return Written(name, text, complaints=(Complaint(found.where("mapping"), f'"{said}"', expected),))
    return Written(name, text, found.hash, found, lens(text, title))


def _survivorship(name: str, text: str, title: str) -> Written:
    policy, complaints = survivorship.check(text, title)
    if policy is None:
        return Written(name, text, complaints=complaints)
    if policy.entity != name:
        return Written(name, text, complaints=(Complaint(f"{title}:1 entity", f'"{policy.entity}"', name),))
    return Written(name, text, jobs.meaning_of(policy), policy=policy)


def strangers(policy: EntityPolicy, title: str, known: Mapping[str, str]) -> tuple[Complaint, ...]:
    """Ranks that name neither a connection nor a connector. `known`: connection -> connector."""
    names = {*known, *known.values(), *(connector for connector, _ in library.names())}
    own = {f"fields.{n}": s for n, s in policy.fields.items() if s.rank != policy.default.rank}
    rules = {"default": policy.default, **own}
    return tuple(
        Complaint(f"{title} {where}.rank", f'"{word}"', "a connection or a connector", nearest(word, names))
        for where, rule in rules.items()
        for word in rule.rank
        if word not in names
    )


async def of_library(conn: Transaction, name: str) -> str:
    """The text of the library's document. NotFound where the library has none."""
    if not connection_of(name):
        return library.entity_source(name).read_bytes().decode()
    row = await connections.get(conn, connection_of(name))
    stream = name.partition("/")[2]
    if row is None or (row.connector, stream) not in library.names():
        raise NotFound(f"the library has no document for {name}")
    return library.source(row.connector, stream).read_bytes().decode()


def decoded(data: bytes, where: str) -> str:
    """The text of a file. BadInput when it is none."""
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise BadInput(
            f"{where} is no UTF-8 text (byte {error.start + 1})", mend="save it as UTF-8, without a byte order mark"
        ) from None
