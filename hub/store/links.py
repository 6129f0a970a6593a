"""The ties between entities and remote records, and the keys by which records find their entity."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from hashlib import blake2b
from typing import Any

from sqlalchemy import Table, bindparam, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.domain.keys import Address, Key
from hub.domain.link import Link, LinkState
from hub.store import forms
from hub.store.addresses import at, at_bound, bound, same, wanted
from hub.store.dialect import Upsert, one_of
from hub.store.tables import link_keys, links

T = links.c
K = link_keys.c
COLUMNS: tuple[Any, ...] = (
    *(T.connection, T.stream, T.remote_id, T.entity_id, T.state),
    *(T.echo, T.sent, T.said, T.statements, T["keys"], T.in_scope),
)
TABLES: tuple[Table, ...] = (link_keys, links)
KEY_MAX = 400
"""The most characters of a key that are kept as they are: an index entry has to fit a page."""

_put = Upsert(links)
_put_keys = Upsert(link_keys)


async def by_address(conn: AsyncConnection, addresses: Sequence[Address]) -> dict[Address, Link]:
    """The links at these addresses; an address without one is not in the answer."""
    if not addresses:
        return {}
    asked = wanted(conn, addresses)
    found = await conn.execute(select(*COLUMNS).join_from(asked, links, same(asked, links)))
    return {(link := _link(row)).address: link for row in found}


async def by_entities(conn: AsyncConnection, entity_ids: Sequence[str]) -> dict[str, list[Link]]:
    """All links of these entities, by address; an entity without links is not in the answer."""
    if not entity_ids:
        return {}
    found = await conn.execute(
        select(*COLUMNS)
        .where(one_of(conn, T.entity_id, sorted(set(entity_ids))))
        .order_by(T.entity_id, T.connection, T.stream, T.remote_id)
    )
    result: dict[str, list[Link]] = {}
    for row in found:
        result.setdefault(row.entity_id, []).append(_link(row))
    return result


async def put(conn: AsyncConnection, rows: Sequence[Link], now: str = "") -> None:
    """Keeps links as they are now; of two at one address the last wins. Their key rows are `put_keys`' business."""
    await _put(
        conn,
        [
            {
                "connection": link.address.connection,
                "stream": link.address.stream,
                "remote_id": link.address.remote_id,
                "entity_id": link.entity_id,
                "state": link.state,
                "echo": link.echo,
                "sent": link.sent,
                "said": link.said,
                "statements": forms.statements_form(link.statements),
                "keys": [str(key) for key in link.keys],
                "in_scope": link.in_scope,
                "updated_at": now,
            }
            for link in {link.address: link for link in rows}.values()
        ],
    )


async def drop(conn: AsyncConnection, addresses: Sequence[Address]) -> None:
    """Forgets the links at these addresses, with their keys."""
    if not addresses:
        return
    rows = [bound(address) for address in sorted(set(addresses))]
    for table in TABLES:
        await conn.execute(delete(table).where(at_bound(table)), rows)


async def keys_of(conn: AsyncConnection, entity: str, keys: Sequence[Key]) -> dict[Key, list[tuple[Address, str]]]:
    """Who holds these keys: for each key that somebody holds, (address, entity id) of its holders, by address."""
    if not keys:
        return {}
    by_text = {_key_text(key): key for key in keys}
    found = await conn.execute(
        select(K.key, K.connection, K.stream, K.remote_id, K.entity_id)
        .where(K.entity == entity, one_of(conn, K.key, sorted(by_text)))
        .order_by(K.key, K.connection, K.stream, K.remote_id)
    )
    result: dict[Key, list[tuple[Address, str]]] = {}
    for key, connection, stream, remote_id, entity_id in found:
        result.setdefault(by_text[key], []).append((Address(connection, stream, remote_id), entity_id))
    return result


async def put_keys(conn: AsyncConnection, entity: str, rows: Sequence[Link]) -> None:
    """Makes the keys of these links' addresses exactly the links' own; writes only what differs."""
    latest = {link.address: link for link in rows}
    if not latest:
        return
    held = {(_key_text(key), address): link.entity_id for address, link in latest.items() for key in link.keys}
    asked = wanted(conn, latest)
    # The entity is compared here, not there: SQLite would go through all keys of the entity for every address.
    found = await conn.execute(
        select(K.entity, K.key, K.connection, K.stream, K.remote_id, K.entity_id).join_from(
            asked, link_keys, same(asked, link_keys)
        )
    )
    stored = {(key, Address(c, s, i)): entity_id for of, key, c, s, i, entity_id in found if of == entity}
    stale = sorted(pair for pair in stored if pair not in held)
    if stale:
        await conn.execute(
            delete(link_keys).where(K.entity == entity, K.key == bindparam("a_key"), at_bound(link_keys)),
            [bound(address, a_key=key) for key, address in stale],
        )
    await _put_keys(
        conn,
        [
            {
                "entity": entity,
                "key": key,
                "connection": address.connection,
                "stream": address.stream,
                "remote_id": address.remote_id,
                "entity_id": entity_id,
            }
            for (key, address), entity_id in held.items()
            if stored.get((key, address)) != entity_id
        ],
    )


async def readdress(conn: AsyncConnection, old: Address, new: Address) -> bool:
    """The vendor gave a record another id: its link, with all its memory, and its keys move there. False, and nothing
    moves, when there is no link at `old` or there is one at `new` already: then the two have to be merged."""
    there = await by_address(conn, [old, new])
    if old not in there or new in there:
        return False
    await conn.execute(delete(link_keys).where(at(link_keys, new)))
    for table in TABLES:
        await conn.execute(
            update(table)
            .where(at(table, old))
            .values(connection=new.connection, stream=new.stream, remote_id=new.remote_id)
        )
    return True


async def reassign(conn: AsyncConnection, from_entity: str, to_entity: str) -> None:
    """Two entities turned out to be one: the links and keys of the first now belong to the second."""
    found = await conn.execute(select(T.connection, T.stream, T.remote_id).where(T.entity_id == from_entity))
    rows = [bound(Address(*row)) for row in found]
    if not rows:
        return
    await conn.execute(
        update(link_keys).where(at_bound(link_keys), K.entity_id == from_entity).values(entity_id=to_entity), rows
    )
    await conn.execute(update(links).where(T.entity_id == from_entity).values(entity_id=to_entity))


async def count(conn: AsyncConnection, connection: str) -> dict[str, dict[str, int]]:
    """How many links a connection has: stream -> state -> number."""
    found = await conn.execute(
        select(T.stream, T.state, func.count()).where(T.connection == connection).group_by(T.stream, T.state)
    )
    result: dict[str, dict[str, int]] = {}
    for stream, state, number in found:
        result.setdefault(stream, {})[state] = number
    return result


async def total(conn: AsyncConnection, connection: str, stream: str | None = None) -> int:
    """How many live links a connection, or one stream of it, has."""
    live = select(func.count()).where(T.connection == connection, T.state == LinkState.LIVE)
    if stream is not None:
        live = live.where(T.stream == stream)
    return int((await conn.execute(live)).scalar_one())


async def each(conn: AsyncConnection, connection: str, stream: str, batch: int = 1_000) -> AsyncIterator[list[Link]]:
    """All links of a stream by remote id, in lists of at most `batch`."""
    after: str | None = None
    while True:
        where = [T.connection == connection, T.stream == stream]
        if after is not None:
            where.append(T.remote_id > after)
        found = await conn.execute(select(*COLUMNS).where(*where).order_by(T.remote_id).limit(batch))
        part = [_link(row) for row in found]
        if part:
            yield part
        if len(part) < batch:
            return
        after = part[-1].address.remote_id


def _link(row: Sequence[Any]) -> Link:
    connection, stream, remote_id, entity_id, state, echo, sent, said, statements, keys, in_scope = row
    return Link(
        Address(connection, stream, remote_id),
        entity_id,
        LinkState(state),
        forms.values_of(echo),
        forms.values_of(sent),
        forms.said_of(said),
        forms.statements_of(statements),
        tuple(Key.parse(text) for text in keys),
        in_scope,
    )


def _key_text(key: Key) -> str:
    """The key as it is kept. One that is too long for an index, or holds a NUL (which PostgreSQL has no room for), is
    kept as its hash: it still meets its equals."""
    text = str(key)
    if len(text) <= KEY_MAX and "\0" not in text:
        return text
    return f"{key.kind[:40]}:#{blake2b(text.encode(), digest_size=20).hexdigest()}".replace("\0", "")
