"""Golden records, and how far each sink has been told of them.

Invariant: pending writes are a question to these tables (`due`), never rows of their own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.domain.golden import Golden, GoldenState
from hub.domain.telling import NEVER, Telling
from hub.store import forms
from hub.store.dialect import Upsert, one_of
from hub.store.tables import golden, link_keys, links
from hub.store.tables import tellings as told_of

T = golden.c
TOLD = told_of.c
COLUMNS: tuple[Any, ...] = (
    *(T.entity_id, T.entity, T["values"], T.origins, T.consent),
    *(T.state, T.merged_into, T.rev),
)
KEY_KINDS = ("email", "phone", "name", "code")

_put = Upsert(golden, keep=("created_at",))
_tell = Upsert(told_of)


async def fetch(conn: AsyncConnection, ids: Sequence[str]) -> dict[str, Golden]:
    """The golden records with these ids, in the order of the ids; an unknown id is not in the answer."""
    if not ids:
        return {}
    chosen = select(*COLUMNS).where(one_of(conn, T.entity_id, sorted(set(ids))))
    found = await conn.execute(chosen.order_by(T.entity_id))
    return {(record := _golden(row)).entity_id: record for row in found}


async def revisions(conn: AsyncConnection, ids: Sequence[str]) -> dict[str, int]:
    """The revision of each of these golden records."""
    found = await conn.execute(select(T.entity_id, T.rev).where(one_of(conn, T.entity_id, sorted(set(ids)))))
    return {row.entity_id: row.rev for row in found}


async def heirs(conn: AsyncConnection, ids: Collection[str]) -> dict[str, str]:
    """Of these entities, those that turned out to be another one, with the one that they are now."""
    now = {entity_id: entity_id for entity_id in ids}
    asked = set(now)
    while asked:
        merged = and_(one_of(conn, T.entity_id, sorted(asked)), T.merged_into.is_not(None))
        found = await conn.execute(select(T.entity_id, T.merged_into).where(merged))
        next_: dict[str, str] = {row.entity_id: row.merged_into for row in found}
        now = {entity_id: next_.get(heir, heir) for entity_id, heir in now.items()}
        asked = set(next_.values())
    return {entity_id: heir for entity_id, heir in now.items() if heir != entity_id}


async def put(conn: AsyncConnection, goldens: Sequence[Golden], now: str) -> None:
    """Keeps golden records as they are now; of two with one id the last wins."""
    await _put(
        conn,
        [
            {
                "entity_id": g.entity_id,
                "entity": g.entity,
                "values": g.values,
                "origins": forms.origins_form(g.origins),
                "consent": forms.consent_form(g.consent),
                "state": g.state,
                "merged_into": g.merged_into,
                "rev": g.rev,
                "created_at": now,
                "updated_at": now,
            }
            for g in {g.entity_id: g for g in goldens}.values()
        ],
    )


def _due(entity: str, connection: str, stream: str, now: str, what: Any) -> Select[Any]:
    told = and_(TOLD.entity_id == T.entity_id, TOLD.connection == connection, TOLD.stream == stream)
    behind = or_(TOLD.rev.is_(None), TOLD.rev < T.rev)
    ripe = or_(TOLD.retry_at.is_(None), TOLD.retry_at <= now)
    return (
        select(what)
        .select_from(golden.outerjoin(told_of, told))
        .where(T.entity == entity, T.state != GoldenState.MERGED, behind, ripe)
    )


async def due(
    conn: AsyncConnection,
    entity: str,
    connection: str,
    stream: str,
    now: str,
    after: str = "",
    limit: int = 1_000,
) -> list[str]:
    """Ids of entities, in their order and beginning after `after`, of which the sink `connection`/`stream` has to be
    told: it never was, or not of this revision; and it is time to try."""
    found = await conn.execute(
        _due(entity, connection, stream, now, T.entity_id).where(T.entity_id > after).order_by(T.entity_id).limit(limit)
    )
    return list(found.scalars())


async def due_count(conn: AsyncConnection, entity: str, connection: str, stream: str, now: str) -> int:
    """How many entities `due` would name in all."""
    found = await conn.execute(_due(entity, connection, stream, now, func.count()))
    return int(found.scalar_one())


async def next_retry(conn: AsyncConnection, connection: str, stream: str, now: str) -> str | None:
    """The earliest time after `now` at which a telling that failed may be tried again; None when none waits."""
    found = await conn.execute(
        select(func.min(TOLD.retry_at)).where(TOLD.connection == connection, TOLD.stream == stream, TOLD.retry_at > now)
    )
    earliest: str | None = found.scalar_one()
    return earliest


async def tell(conn: AsyncConnection, rows: Sequence[Telling]) -> None:
    """Notes how far sinks were told; of two for one sink and entity the last wins."""
    await _tell(conn, [asdict(t) for t in {(t.entity_id, t.connection, t.stream): t for t in rows}.values()])


async def make_due(
    conn: AsyncConnection, ids: Sequence[str], connection: str, stream: str, informed: Collection[str] = ()
) -> None:
    """The sink has to be told of these entities again, whatever it was told before, and at once. `informed`: those of
    which it knows all that people said up to now: what it is to be told is nobody's news."""
    chosen = frozenset(ids)
    again = NEVER - select(T.rev).where(T.entity_id == TOLD.entity_id).scalar_subquery()
    for due_ids, rev in ((chosen - frozenset(informed), NEVER), (chosen.intersection(informed), again)):
        if due_ids:
            here = and_(TOLD.connection == connection, TOLD.stream == stream)
            await conn.execute(
                update(told_of)
                .where(here, one_of(conn, TOLD.entity_id, sorted(due_ids)))
                .values(rev=rev, retry_at=None, tries=0)
            )


async def informed(conn: AsyncConnection, ids: Sequence[str], connection: str, stream: str) -> set[str]:
    """Of these entities, those of which the sink was told everything that people said, even if it is due again."""
    told = await tellings(conn, ids, connection, stream)
    held = await revisions(conn, sorted(told))
    return {entity for entity, rev in held.items() if told[entity].known >= rev}


async def make_all_due(conn: AsyncConnection, connection: str, stream: str) -> None:
    """The sink has to be told of everybody again; whom it was told all of is decided to need nothing."""
    where = and_(TOLD.connection == connection, TOLD.stream == stream)
    await conn.execute(update(told_of).where(where).values(rev=NEVER, retry_at=None, tries=0))


async def tellings(conn: AsyncConnection, ids: Sequence[str], connection: str, stream: str) -> dict[str, Telling]:
    """How far this sink was told of these entities; one it was never told of is not in the answer."""
    if not ids:
        return {}
    found = await conn.execute(
        select(told_of).where(
            TOLD.connection == connection,
            TOLD.stream == stream,
            one_of(conn, TOLD.entity_id, sorted(set(ids))),
        )
    )
    return {row["entity_id"]: Telling(**row) for row in found.mappings()}


async def each(
    conn: AsyncConnection, entity: str, batch: int = 1_000, *, state: str | None = GoldenState.LIVE
) -> AsyncIterator[list[Golden]]:
    """All golden records of an entity in one state (None: in any), by id, in lists of at most `batch`."""
    after = ""
    while True:
        where = [T.entity == entity, T.entity_id > after]
        if state is not None:
            where.append(T.state == state)
        found = await conn.execute(select(*COLUMNS).where(*where).order_by(T.entity_id).limit(batch))
        part = [_golden(row) for row in found]
        if part:
            yield part
        if len(part) < batch:
            return
        after = part[-1].entity_id


async def count(conn: AsyncConnection, entity: str, state: str | None = GoldenState.LIVE) -> int:
    """How many golden records an entity has in a state; in all, with None."""
    where: list[ColumnElement[bool]] = [T.entity == entity]
    if state is not None:
        where.append(T.state == state)
    return int((await conn.execute(select(func.count()).select_from(golden).where(*where))).scalar_one())


async def find(
    conn: AsyncConnection, entity: str, said: str, limit: int = 20, *, kinds: Sequence[str] = KEY_KINDS
) -> list[Golden]:
    """Golden records that a person means by `said`: an id of ours, a key (`email:ann@example.com`, or its value, in
    any case, for keys of `kinds`), or a remote id. The first way that finds any decides."""
    said = said.strip()
    texts = sorted({said, *(f"{kind}:{form}" for kind in kinds for form in (said, said.casefold()))})
    ways = (
        select(T.entity_id).where(T.entity_id == said, T.entity == entity),
        select(link_keys.c.entity_id).where(link_keys.c.entity == entity, one_of(conn, link_keys.c.key, texts)),
        select(links.c.entity_id)
        .join(golden, T.entity_id == links.c.entity_id)
        .where(links.c.remote_id == said, T.entity == entity),
    )
    for way in ways:
        ids = list((await conn.execute(way.distinct().limit(limit))).scalars())
        if ids:
            records = await fetch(conn, ids)
            return [records[i] for i in sorted(records)]
    return []


def _golden(row: Sequence[Any]) -> Golden:
    entity_id, entity, values, origins, consent, state, merged_into, rev = row
    return Golden(
        entity_id,
        entity,
        forms.values_of(values),
        forms.origins_of(origins),
        forms.consent_of(consent),
        GoldenState(state),
        merged_into,
        rev,
    )
