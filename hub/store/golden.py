"""Golden records, and how far each sink has been told of them.

Invariant: pending writes are a question to these tables (`due`), never rows of their own. Each sink has a telling of
each entity of its kind, which says what it was told and what is wanted of it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import asdict
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Select, and_, delete, func, literal_column, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.domain.golden import Golden, GoldenState
from hub.domain.telling import NEVER, Telling
from hub.store import forms
from hub.store.dialect import Upsert, insert, one_of, writing_order
from hub.store.tables import connections, golden, link_keys, links, sinks
from hub.store.tables import tellings as told_of

T = golden.c
TOLD = told_of.c
SINK = sinks.c
COLUMNS: tuple[Any, ...] = (
    *(T.entity_id, T.entity, T["values"], T.origins, T.consent),
    *(T.state, T.merged_into, T.rev),
)
Sink: TypeAlias = tuple[str, str, str]
"""Connection, stream, and the entity that its records stand for."""
KEY_KINDS = ("email", "phone", "name", "code")

_put = Upsert(golden, keep=("created_at",))
_tell = Upsert(told_of, columns=("entity_id", "connection", "stream", "rev", "retry_at", "tries"))


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
    """Keeps golden records as they are now, and has every sink told of them; of two with one id the last wins. Needs
    the turn to hear: of two revisions the later must be the one that is wanted."""
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
    await _want(conn, goldens)


async def _want(conn: AsyncConnection, goldens: Sequence[Golden]) -> None:
    """Every sink of these entities is to be told of them as they are now; of those that are another one now, none."""
    merged = sorted({g.entity_id for g in goldens if g.state is GoldenState.MERGED})
    asked = sorted({g.entity_id for g in goldens}.difference(merged))
    if merged:
        await conn.execute(delete(told_of).where(one_of(conn, TOLD.entity_id, merged)))
    if asked:
        await _ask(conn, one_of(conn, T.entity_id, asked))


async def _ask(conn: AsyncConnection, *which: ColumnElement[bool]) -> None:
    """Each sink's telling of these golden records is there, and wants their revision. Revision and wish stand in one
    row, so that nobody who is being told meanwhile can pass a wish by."""
    wishes = (
        select(T.entity_id, SINK.connection, SINK.stream, literal_column(str(NEVER)), T.rev, literal_column("0"))
        .select_from(golden.join(sinks, SINK.entity == T.entity))
        .where(T.state != GoldenState.MERGED, *which)
        .order_by(*(writing_order(conn, c) for c in (T.entity_id, SINK.connection, SINK.stream)))
    )
    columns = ["entity_id", "connection", "stream", "rev", "wanted", "tries"]
    asking = insert(conn, told_of).from_select(columns, wishes)
    there = [TOLD.entity_id, TOLD.connection, TOLD.stream]
    await conn.execute(asking.on_conflict_do_update(index_elements=there, set_={"wanted": asking.excluded.wanted}))


async def sinks_of(conn: AsyncConnection) -> frozenset[Sink]:
    """Every sink that was ever made known."""
    found = await conn.execute(select(SINK.connection, SINK.stream, SINK.entity))
    return frozenset((row.connection, row.stream, row.entity) for row in found)


async def make_known(conn: AsyncConnection, wanted: Collection[Sink]) -> None:
    """From now on each of these sinks (connection, stream, entity) is due whenever an entity of its kind moves, and of
    all that there are at once. One whose connection is gone by now is left out. Needs the turn to hear: nothing may
    move meanwhile."""
    names = sorted({connection for connection, _, _ in wanted})
    there = select(connections.c.name).where(one_of(conn, connections.c.name, names)).with_for_update(read=True)
    living = set((await conn.execute(there)).scalars())
    for connection, stream, entity in sorted(wanted):
        if connection in living:
            row = {"connection": connection, "stream": stream, "entity": entity}
            await conn.execute(insert(conn, sinks).values(row).on_conflict_do_nothing())
            await _ask(conn, SINK.connection == connection, SINK.stream == stream)


def _due(connection: str, stream: str, now: str, what: Any) -> Select[Any]:
    """In the words of the partial index, which holds those who are due and nobody else."""
    ripe = or_(TOLD.retry_at.is_(None), TOLD.retry_at <= now)
    return select(what).where(TOLD.connection == connection, TOLD.stream == stream, TOLD.rev < TOLD.wanted, ripe)


async def due(
    conn: AsyncConnection, connection: str, stream: str, now: str, after: str = "", limit: int = 1_000
) -> list[str]:
    """Ids of entities, in their order and beginning after `after`, of which the sink `connection`/`stream` has to be
    told: it never was, or not of this revision; and it is time to try. Takes as long as there are due, however many
    entities there are."""
    chosen = _due(connection, stream, now, TOLD.entity_id).where(TOLD.entity_id > after)
    return list((await conn.execute(chosen.order_by(TOLD.entity_id).limit(limit))).scalars())


async def due_count(conn: AsyncConnection, connection: str, stream: str, now: str) -> int:
    """How many entities `due` would name in all."""
    return int((await conn.execute(_due(connection, stream, now, func.count()))).scalar_one())


async def next_retry(conn: AsyncConnection, connection: str, stream: str, now: str) -> str | None:
    """The earliest time after `now` at which a telling that failed may be tried again; None when none waits."""
    waiting = (TOLD.connection == connection, TOLD.stream == stream, TOLD.rev < TOLD.wanted, TOLD.retry_at > now)
    earliest: str | None = (await conn.execute(select(func.min(TOLD.retry_at)).where(*waiting))).scalar_one()
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
        select(TOLD.entity_id, TOLD.connection, TOLD.stream, TOLD.rev, TOLD.retry_at, TOLD.tries).where(
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
