"""What the remotes last showed: the latest observation per record, and whether reconcile has heard it.

Invariant: `revision` moves exactly when the contents differ; a record is unheard while `revision > heard`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import orjson
from sqlalchemy import (
    ColumnElement,
    String,
    and_,
    bindparam,
    case,
    delete,
    func,
    literal,
    literal_column,
    or_,
    select,
    text,
    true,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.domain import moments
from hub.domain.keys import Address
from hub.domain.observation import Observation, Record
from hub.store.addresses import at_bound, bound, same, storable, wanted
from hub.store.dialect import Ready, Upsert, one_of, writing_order
from hub.store.tables import observations

T = observations.c
COLUMNS: tuple[Any, ...] = (
    *(T.connection, T.stream, T.remote_id, T.raw, T.hash, T.revision, T.heard),
    *(T.modified_at, T.seen_at, T.gone, T.merged_into, T.aliases),
)
UNHEARD = text("revision > heard AND NOT parked")
"""In the words of the partial index, without which the planner would not use it."""
ONE: ColumnElement[int] = literal_column("1")

_keep = Upsert(
    observations,
    lambda old, new: {
        **{c: new[c] for c in ("raw", "hash", "modified_at", "seen_at", "gone", "merged_into", "aliases", "parked")},
        "revision": old.revision + ONE,
        "walk": case((new.walk > old.walk, new.walk), else_=old.walk),
    },
)
_keep_unless_there = Upsert(observations, lambda old, _: {"walk": old.walk})
"""For who yields: what another reader made in this moment stays as it is."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What a page brought. The four numbers add up to its distinct records; `gone` are those that lived (or were
    unknown) and are gone with this page. `fresh`: remote ids of the page with unheard news. `refused`: ids that no
    store can hold (empty, too long, with a NUL); their records were left out and not counted. `too_large`: likewise
    left out, with their bytes; what was known of them before stays, and lives."""

    created: int = 0
    changed: int = 0
    unchanged: int = 0
    gone: int = 0
    fresh: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    too_large: list[tuple[str, int]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Counts:
    live: int = 0
    gone: int = 0
    unheard: int = 0
    parked: int = 0


@dataclass(frozen=True, slots=True)
class _Stored:
    hash: str
    unheard: bool
    modified_at: str | None
    walk: int
    aliases: tuple[str, ...]
    seen_at: str


async def keep(
    conn: AsyncConnection,
    connection: str,
    stream: str,
    records: Sequence[Record],
    *,
    seen_at: str,
    walk: int = 0,
    largest: int | None = None,
    asked_at: str | None = None,
) -> Kept:
    """Keeps a page. `walk` is the number of the walk that showed it; 0 outside walks (a look, an answer).
    `largest`: bytes of the largest record to keep, as JSON; None for any. `asked_at`: when the page was asked for, said
    by readers of history, who yield: what others saw of a record since then stays.

    Of two records with one id the last wins. Contents that are equal to the stored ones change nothing but `walk`; so
    does a record with an older `modified_at` than the stored one's (a late overlap page). Other contents are news:
    `revision` moves, and a parked record is heard again, since its trouble may be mended. Aliases add up.
    """
    page = {record.id: record for record in records}
    refused = [remote_id for remote_id in page if not storable(remote_id)]
    for remote_id in refused:
        del page[remote_id]
    if not page:
        return Kept(refused=refused)
    stored = await _stored(conn, connection, stream, list(page))
    rows: list[dict[str, Any]] = []
    touched: list[str] = []
    fresh: list[str] = []
    too_large: list[tuple[str, int]] = []
    created = changed = unchanged = gone = 0
    for remote_id, record in page.items():
        raw = orjson.dumps(record.raw, option=orjson.OPT_SORT_KEYS)
        hashed = _digest(raw, record)
        modified_at = _moment(record.modified_at)
        old = stored.get(remote_id)
        if largest is not None and len(raw) > largest:
            too_large.append((remote_id, len(raw)))
            if old is not None and walk > old.walk:
                touched.append(remote_id)
            continue
        aliases = record.aliases
        if old is not None:
            late = bool(modified_at and old.modified_at and modified_at < old.modified_at)
            late = late or (asked_at is not None and old.seen_at >= asked_at)
            more = bool(aliases) and not set(aliases) <= set(old.aliases)
            if late or (hashed == old.hash and not more):
                unchanged += 1
                if old.unheard:
                    fresh.append(remote_id)
                if walk > old.walk:
                    touched.append(remote_id)
                continue
            aliases = tuple(sorted({*aliases, *old.aliases})) if aliases or old.aliases else ()
        if record.gone and (old is None or old.hash[0] == "l"):
            gone += 1
        elif old is None:
            created += 1
        else:
            changed += 1
        fresh.append(remote_id)
        rows.append(
            {
                "connection": connection,
                "stream": stream,
                "remote_id": remote_id,
                "raw": Ready(raw.decode()),
                "hash": hashed,
                "revision": 1,
                "heard": 0,
                "modified_at": modified_at,
                "seen_at": seen_at,
                "gone": record.gone,
                "merged_into": record.merged_into,
                "aliases": list(aliases) or None,
                "walk": walk,
                "parked": False,
            }
        )
    if asked_at is None:
        await _keep(conn, rows)
    else:
        await _keep_unless_there(conn, [row for row in rows if row["remote_id"] not in stored])
        await _keep(conn, [row for row in rows if row["remote_id"] in stored])
    if touched:
        await conn.execute(
            update(observations).where(_in(connection, stream), one_of(conn, T.remote_id, touched)).values(walk=walk)
        )
    return Kept(created, changed, unchanged, gone, fresh, refused, too_large)


async def _stored(conn: AsyncConnection, connection: str, stream: str, ids: list[str]) -> dict[str, _Stored]:
    """Nobody else changes them before this transaction ends: a look of another lane that came in between would be
    overwritten by what is older. Locked all at once, in the order in which all others write."""
    found = await conn.execute(
        select(T.remote_id, T.hash, T.revision, T.heard, T.parked, T.modified_at, T.walk, T.aliases, T.seen_at)
        .where(_in(connection, stream), one_of(conn, T.remote_id, ids))
        .order_by(writing_order(conn, T.remote_id))
        .with_for_update()
    )
    return {
        remote_id: _Stored(hashed, revision > heard and not parked, modified_at, walk, tuple(aliases or ()), seen_at)
        for remote_id, hashed, revision, heard, parked, modified_at, walk, aliases, seen_at in found
    }


def digest(record: Record) -> str:
    """The hash that an observation of these contents has."""
    return _digest(orjson.dumps(record.raw, option=orjson.OPT_SORT_KEYS), record)


def keepable(record: Record, largest: int) -> bool:
    """Whether `keep` keeps a record of these contents."""
    return storable(record.id) and len(orjson.dumps(record.raw)) <= largest


def _digest(raw: bytes, record: Record) -> str:
    """The hash of the contents. Its first letter says `l`ive or `g`one, so that a record which merely disappears gets
    its new hash without being read."""
    body = blake2b(raw, digest_size=16)
    if record.merged_into:
        body.update(b"\x1f" + record.merged_into.encode())
    return ("g" if record.gone else "l") + body.hexdigest()


def _moment(said: str | None) -> str | None:
    """A vendor's time in the form that sorts as text; None for what is no time, since it orders nothing."""
    if said is None or (len(said) == 24 and said[23] == "Z" and said[19] == "." and said[10] == "T"):
        return said
    try:
        return moments.normal(said)
    except ValueError:
        return None


def _in(connection: str, stream: str) -> ColumnElement[bool]:
    return and_(T.connection == connection, T.stream == stream)


async def unheard(
    conn: AsyncConnection, connection: str, stream: str, limit: int, after: str = ""
) -> list[Observation]:
    """Up to `limit` observations with news, by remote id, beginning after `after`; without the parked ones."""
    found = await conn.execute(
        select(*COLUMNS).where(_in(connection, stream), T.remote_id > after, UNHEARD).order_by(T.remote_id).limit(limit)
    )
    return [_observation(row) for row in found]


async def mark_heard(conn: AsyncConnection, pairs: Sequence[tuple[Address, int]]) -> None:
    """Each record was heard up to that revision. A newer revision stays unheard; nothing is ever un-heard."""
    if not pairs:
        return
    statement = update(observations).where(at_bound(observations), T.heard < bindparam("revision_heard"))
    await conn.execute(
        statement.values(heard=bindparam("revision_heard")),
        [bound(address, revision_heard=revision) for address, revision in sorted(pairs)],
    )


async def fetch(conn: AsyncConnection, addresses: Sequence[Address]) -> dict[Address, Observation]:
    """The observations at these addresses; an address never seen is not in the answer."""
    if not addresses:
        return {}
    asked = wanted(conn, addresses)
    found = await conn.execute(select(*COLUMNS).join_from(asked, observations, same(asked, observations)))
    return {(o := _observation(row)).address: o for row in found}


async def news(conn: AsyncConnection, addresses: Sequence[Address]) -> list[Observation]:
    """Those of these that were not heard yet, by address; without the parked ones."""
    if not addresses:
        return []
    asked = wanted(conn, addresses)
    found = await conn.execute(
        select(*COLUMNS).join_from(asked, observations, same(asked, observations)).where(UNHEARD)
    )
    return sorted((_observation(row) for row in found), key=lambda o: o.address)


def _missing(connection: str, stream: str, walk: int, since: str | None) -> ColumnElement[bool]:
    conditions = [_in(connection, stream), T.walk < walk, ~T.gone]
    if since is not None:
        conditions.append(T.seen_at < since)
    return and_(*conditions)


async def missing_after(
    conn: AsyncConnection, connection: str, stream: str, walk: int, *, since: str | None = None
) -> int:
    """How many live records the complete walk `walk` did not show. `since`: when it began; contents that were seen
    later by other means (our own create, an answer) prove that a record lives, so it is not missing."""
    found = await conn.execute(
        select(func.count()).select_from(observations).where(_missing(connection, stream, walk, since))
    )
    return int(found.scalar_one())


async def bury_missing(
    conn: AsyncConnection, connection: str, stream: str, walk: int, seen_at: str, *, since: str | None = None
) -> int:
    """Marks as gone what `missing_after` counts, as news; the contents stay. Only after a walk proven complete."""
    done = await conn.execute(
        update(observations)
        .where(_missing(connection, stream, walk, since))
        .values(
            gone=True,
            hash=literal("g", String).concat(func.substr(T.hash, 2)),
            revision=T.revision + 1,
            seen_at=seen_at,
            parked=False,
        )
    )
    return done.rowcount


async def count(conn: AsyncConnection, connection: str, stream: str | None = None) -> Counts:
    """How many records of a connection (or of one stream of it) live, are gone, are unheard, are parked."""

    def total(condition: ColumnElement[bool]) -> ColumnElement[int]:
        return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)

    where = T.connection == connection if stream is None else _in(connection, stream)
    row = (
        await conn.execute(
            select(total(~T.gone), total(T.gone), total(and_(T.revision > T.heard, ~T.parked)), total(T.parked)).where(
                where
            )
        )
    ).one()
    return Counts(*(int(n) for n in row))


async def count_within(
    conn: AsyncConnection, connection: str, stream: str, since: str | None, until: str | None
) -> int:
    """How many live records of a stream were changed at the vendor in that span, as far as it is known when; those of
    which it is not known count too."""
    spans = [T.modified_at >= since] if since else []
    spans += [T.modified_at <= until] if until else []
    changed = or_(T.modified_at.is_(None), and_(*spans)) if spans else true()
    chosen = select(func.count()).select_from(observations).where(_in(connection, stream), ~T.gone, changed)
    return int((await conn.execute(chosen)).scalar_one())


async def unhear(conn: AsyncConnection, addresses: Sequence[Address]) -> None:
    """Has records heard again as they are: what is read of them changed, not what they hold."""
    if not addresses:
        return
    await conn.execute(
        update(observations).where(at_bound(observations)).values(heard=T.revision - 1),
        [bound(address) for address in sorted(set(addresses))],
    )


async def park(conn: AsyncConnection, addresses: Sequence[Address]) -> None:
    """Puts records aside until a person has settled their trouble, or the remote shows other contents."""
    await _set_parked(conn, addresses, True)


async def unpark(conn: AsyncConnection, addresses: Sequence[Address]) -> None:
    """Lets records be heard again."""
    await _set_parked(conn, addresses, False)


async def _set_parked(conn: AsyncConnection, addresses: Sequence[Address], parked: bool) -> None:
    if not addresses:
        return
    await conn.execute(
        update(observations).where(at_bound(observations)).values(parked=parked),
        [bound(address) for address in sorted(set(addresses))],
    )


async def each(
    conn: AsyncConnection, connection: str, stream: str, batch: int = 1_000
) -> AsyncIterator[list[Observation]]:
    """All observations of a stream by remote id, in lists of at most `batch`, also the gone ones."""
    after: str | None = None
    while True:
        where = [_in(connection, stream)] if after is None else [_in(connection, stream), T.remote_id > after]
        found = await conn.execute(select(*COLUMNS).where(*where).order_by(T.remote_id).limit(batch))
        part = [_observation(row) for row in found]
        if part:
            yield part
        if len(part) < batch:
            return
        after = part[-1].address.remote_id


async def forget(conn: AsyncConnection, addresses: Sequence[Address]) -> None:
    """Deletes the observations at these addresses."""
    if not addresses:
        return
    await conn.execute(
        delete(observations).where(at_bound(observations)), [bound(address) for address in sorted(set(addresses))]
    )


def _observation(row: Sequence[Any]) -> Observation:
    connection, stream, remote_id, raw, hashed, revision, heard, modified_at, seen_at, gone, merged, aliases = row
    contents: Mapping[str, Any] = raw
    return Observation(
        Address(connection, stream, remote_id),
        contents,
        hashed,
        revision,
        heard,
        modified_at,
        seen_at,
        gone,
        merged,
        tuple(aliases or ()),
    )
