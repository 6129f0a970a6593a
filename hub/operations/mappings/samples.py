"""Examples of real records: what a record shows and what is read from it, with everything personal in disguise."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hub.domain.keys import Address
from hub.domain.link import LinkState
from hub.domain.observation import Observation
from hub.domain.version import connection_of
from hub.errors import BadInput, NotFound
from hub.operations.mappings import documents, drafts, names
from hub.operations.mappings.drafts import Begun, Edited
from hub.store import golden, links, observations
from hub.store.database import Transaction
from mappings.exampling import example as exampled
from mappings.rendering import dashed
from mappings.rewriting import add_example
from sync_jobs import documents as jobs
from sync_jobs.hub import Hub

MOST = 10


@dataclass(frozen=True, slots=True)
class Sample:
    """An example as it stands in a document; `text` is its YAML. `version`: the one that read it. `added`: what became
    of the draft that took it up."""

    name: str
    version: int
    text: str
    example: Mapping[str, Any]
    added: Edited | None = None


async def example(
    hub: Hub, name: str, record: str, number: int | None = None, *, add: bool = False, who: str | None = None
) -> Sample:
    """Makes an example of a stored record, named by its remote id, an e-mail or the hub's id, read by the version, or
    the only draft, or what holds. `add`: puts it into the draft, or a new one. NotFound for an unknown record;
    Refused when a record cannot be masked."""
    if not connection_of(name):
        raise BadInput(f"{name} says who wins; it reads no records", mend="examples belong to CONNECTION/STREAM")
    async with hub.database.read() as conn:
        version = await names.draft_or_held(conn, name, number)
        written = await documents.version(conn, version)
        if written.document is None:
            said = f"{jobs.titled(version)} does not compile"
            raise BadInput(said, mend="mend it first", complaints=written.complaints)
        seen = await _observed(conn, name, written.document.entity.name, record.strip())
    made = exampled(
        seen.raw, written.document, salt=secrets.token_hex(16), modified_at=seen.modified_at, lens=written.lens
    )
    added = await _added(hub, name, version.version if version.open else None, who, made) if add else None
    return Sample(name, version.version, "\n".join(dashed(made, 2, tall=True)) + "\n", made, added)


async def _added(hub: Hub, name: str, draft: int | None, who: str | None, made: Mapping[str, Any]) -> Edited:
    begun = await drafts.begin(hub, name, who=who, number=draft)
    reason = begun.why or "an example of a real record"
    begun = Begun(name, begun.text, begun.who, reason, begun.continues, begun.replaces)
    return await drafts.write(hub, begun, add_example(begun.text, made))


async def _observed(conn: Transaction, name: str, entity: str, record: str) -> Observation:
    """The observation that is meant: by its id, or by the person it is of."""
    connection, _, stream = name.partition("/")
    address = Address(connection, stream, record)
    found = (await observations.fetch(conn, [address])).get(address)
    if found is not None:
        return found
    owners = await golden.find(conn, entity, record, MOST)
    owned = await links.by_entities(conn, [g.entity_id for g in owners])
    mine = [
        k.address
        for of_one in owned.values()
        for k in of_one
        if (k.address.connection, k.address.stream) == (connection, stream) and k.state is LinkState.LIVE
    ]
    shown = await observations.fetch(conn, mine)
    if not shown:
        raise NotFound(f"{name} has no record known by that", mend="give the vendor's id, an e-mail, or the hub's id")
    if len(shown) > 1:
        ids = ", ".join(sorted(a.remote_id for a in shown))
        raise BadInput(f"{len(shown)} records of {name} are known by that: {ids}", mend="name one of them by its id")
    return next(iter(shown.values()))
