"""Changes of consent, from seen anywhere to written everywhere: who is to be told first, and how long it takes.

An open change is one that a linked record somewhere hasn't been told of; whom to tell is derived from `tellings`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from math import ceil

from sqlalchemy import ColumnElement, and_, exists, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.domain.consent_change import ConsentChange, Latencies
from hub.domain.golden import GoldenState
from hub.domain.link import LinkState
from hub.domain.moments import parse
from hub.store.dialect import one_of
from hub.store.tables import consent_changes, golden, links, tellings

T, G, L, TOLD = consent_changes.c, golden.c, links.c, tellings.c
OPEN = T.written_at.is_(None)
"""In the words of the partial index."""
CLOSED_AT_ONCE = 1_000
"""Changes that one transaction closes."""
MEASURED_MAX = 20_000
"""Changes of which latencies are computed: the latest."""


async def note(conn: AsyncConnection, changes: Sequence[ConsentChange]) -> None:
    """Keeps changes that were just heard."""
    if changes:
        await conn.execute(insert(consent_changes), [{**asdict(change), "written_at": None} for change in changes])


async def reassign(conn: AsyncConnection, loser: str, winner: str) -> None:
    """What is open of an entity goes over to the one that absorbs it."""
    await conn.execute(update(consent_changes).where(T.entity_id == loser, OPEN).values(entity_id=winner))


async def any_open(conn: AsyncConnection) -> bool:
    return (await conn.execute(select(T.id).where(OPEN).limit(1))).first() is not None


async def due(
    conn: AsyncConnection, connection: str, stream: str, entity: str, now: str, limit: int = 1_000
) -> list[str]:
    """Ids of entities with an open change of which the sink `connection`/`stream`, where they have a record, is still
    to be told, and it is time to try; in their order."""
    telling = and_(T.entity_id == TOLD.entity_id, TOLD.connection == connection, TOLD.stream == stream)
    found = await conn.execute(
        select(T.entity_id)
        .select_from(consent_changes.join(golden, G.entity_id == T.entity_id).outerjoin(tellings, telling))
        .where(
            OPEN,
            and_(
                G.entity.concat("") == entity, G.state != GoldenState.MERGED
            ),  # found by its id, not among all its kind
            or_(TOLD.rev.is_(None), TOLD.rev < G.rev),
            or_(TOLD.retry_at.is_(None), TOLD.retry_at <= now),
            exists().where(L.entity_id == T.entity_id, L.state == LinkState.LIVE, _in(conn, [(connection, stream)])),
        )
        .distinct()
        .order_by(T.entity_id)
        .limit(limit)
    )
    return list(found.scalars())


async def close_written(conn: AsyncConnection, places: Sequence[tuple[str, str]], now: str) -> int:
    """Closes the open changes of which every record at these (connection, stream) was told, and those of entities that
    are no more; a thousand at most. Answers how many."""
    told = and_(TOLD.entity_id == L.entity_id, TOLD.connection == L.connection, TOLD.stream == L.stream)
    behind = (
        select(L.entity_id)
        .select_from(links.outerjoin(tellings, told))
        .where(
            and_(L.entity_id == T.entity_id, L.state == LinkState.LIVE, _in(conn, places)),
            or_(TOLD.rev.is_(None), TOLD.rev < G.rev),
        )
    )
    written = (
        select(T.id)
        .select_from(consent_changes.outerjoin(golden, G.entity_id == T.entity_id))
        .where(OPEN, or_(G.entity_id.is_(None), G.state == GoldenState.MERGED, ~behind.exists()))
        .limit(CLOSED_AT_ONCE)
        .with_for_update(of=consent_changes, skip_locked=True)  # what is heard or closed by others just now comes later
    )
    done = await conn.execute(update(consent_changes).where(T.id.in_(written)).values(written_at=now))
    return done.rowcount


async def latencies(conn: AsyncConnection, since: str) -> Latencies:
    """Of the changes written since then; of very many, of the latest."""
    written = await conn.execute(
        select(T.seen_at, T.written_at).where(T.written_at >= since).order_by(T.written_at.desc()).limit(MEASURED_MAX)
    )
    took = sorted((parse(to) - parse(seen)).total_seconds() for seen, to in written)
    number = (await conn.execute(select(func.count()).where(T.written_at >= since))).scalar_one()
    still, oldest = (await conn.execute(select(func.count(), func.min(T.seen_at)).where(OPEN))).one()
    return Latencies(_share(took, 0.5), _share(took, 0.99), number, still, oldest)


def _in(conn: AsyncConnection, places: Sequence[tuple[str, str]]) -> ColumnElement[bool]:
    """Whether a link is at one of these (connection, stream): compared joined, so that links are found by their entity
    and not by their stream, which has very many."""
    return one_of(conn, L.connection + "/" + L.stream, [f"{connection}/{stream}" for connection, stream in places])


def _share(took: Sequence[float], share: float) -> float | None:
    """The least number of seconds within which such a share of them was through."""
    return took[max(ceil(len(took) * share) - 1, 0)] if took else None
