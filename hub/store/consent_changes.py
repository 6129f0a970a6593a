"""Changes of consent, from seen anywhere to written everywhere: who is to be told first, and how long it takes.

An open change is one that a linked record somewhere doesn't show, though its system has a field for it: also one that
refused it, that is paused, or that cannot be used. Whom to tell is derived from `tellings`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from math import ceil
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, false, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.domain.consent import ConsentState
from hub.domain.consent_change import Addressee, ConsentChange, Latencies
from hub.domain.golden import GoldenState
from hub.domain.link import LinkState
from hub.domain.moments import parse
from hub.store.dialect import json_text, one_of
from hub.store.gauges import Backlog
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
    conn: AsyncConnection, place: Addressee, entity: str, now: str, after: str = "", limit: int = 1_000
) -> list[str]:
    """Ids of entities with an open change that their record at `place` doesn't show and has still to be told of, and it
    is time to try; in their order and beginning after `after`. Who has been told all the same, as where the record
    refused it, is not asked again and again."""
    telling = and_(T.entity_id == TOLD.entity_id, TOLD.connection == place.connection, TOLD.stream == place.stream)
    found = await conn.execute(
        select(T.entity_id)
        .select_from(consent_changes.join(golden, G.entity_id == T.entity_id).outerjoin(tellings, telling))
        .where(
            OPEN,
            T.entity_id > after,
            and_(
                G.entity.concat("") == entity, G.state != GoldenState.MERGED
            ),  # found by its id, not among all its kind
            or_(TOLD.rev.is_(None), TOLD.rev < G.rev),
            or_(TOLD.retry_at.is_(None), TOLD.retry_at <= now),
            exists().where(L.entity_id == T.entity_id, L.state == LinkState.LIVE, _lacks(conn, [place])),
        )
        .distinct()
        .order_by(T.entity_id)
        .limit(limit)
    )
    return list(found.scalars())


async def close_written(
    conn: AsyncConnection, places: Sequence[Addressee], now: str, unusable: Sequence[str] = ()
) -> int:
    """Closes the open changes that every record at these places shows, and those of entities that are no more; a
    thousand at most. Of the `unusable` connections nobody can say what their records show: there it counts what they
    were told. Answers how many."""
    lacking = exists().where(L.entity_id == T.entity_id, L.state == LinkState.LIVE, _lacks(conn, places))
    waiting = ~lacking if not unusable else and_(~lacking, ~_behind(conn, unusable).exists())
    written = (
        select(T.id)
        .select_from(consent_changes.outerjoin(golden, G.entity_id == T.entity_id))
        .where(OPEN, or_(G.entity_id.is_(None), G.state == GoldenState.MERGED, waiting))
        .limit(CLOSED_AT_ONCE)
        .with_for_update(of=consent_changes, skip_locked=True)  # what is heard or closed by others just now comes later
    )
    done = await conn.execute(update(consent_changes).where(T.id.in_(written)).values(written_at=now))
    return done.rowcount


async def stuck(
    conn: AsyncConnection, places: Sequence[Addressee], before: str, unusable: Sequence[str] = ()
) -> Mapping[str, Backlog]:
    """Of each connection, how many people opted out, as was heard before then, whose records there don't show it; and
    when the first of it was seen."""
    denied = and_(OPEN, T.state == ConsentState.DENIED, T.heard_at <= before, G.state != GoldenState.MERGED)
    known = consent_changes.join(golden, G.entity_id == T.entity_id)
    linked = known.join(links, and_(L.entity_id == T.entity_id, L.state == LinkState.LIVE))
    told = and_(TOLD.entity_id == L.entity_id, TOLD.connection == L.connection, TOLD.stream == L.stream)
    behind = and_(one_of(conn, L.connection, unusable), TOLD.rev < G.rev)
    found = await conn.execute(
        select(L.connection, func.count(T.entity_id.distinct()), func.min(T.seen_at))
        .select_from(linked.outerjoin(tellings, told))
        .where(denied, or_(_lacks(conn, places), behind))
        .group_by(L.connection)
    )
    return {connection: Backlog(number, oldest) for connection, number, oldest in found}


async def latencies(conn: AsyncConnection, since: str) -> Latencies:
    """Of the changes written since then; of very many, of the latest."""
    written = await conn.execute(
        select(T.seen_at, T.written_at).where(T.written_at >= since).order_by(T.written_at.desc()).limit(MEASURED_MAX)
    )
    took = sorted((parse(to) - parse(seen)).total_seconds() for seen, to in written)
    number = (await conn.execute(select(func.count()).where(T.written_at >= since))).scalar_one()
    still, oldest = (await conn.execute(select(func.count(), func.min(T.seen_at)).where(OPEN))).one()
    return Latencies(_share(took, 0.5), _share(took, 0.99), number, still, oldest)


def _lacks(conn: AsyncConnection, places: Sequence[Addressee]) -> ColumnElement[bool]:
    """Whether a link at one of these places shows something else than the change says, which is still what holds: what
    a denial that was lifted meanwhile had to say is nobody's business."""
    lacks: list[ColumnElement[bool]] = []
    for channel in sorted({channel for place in places for channel in place.denials}):
        shown = json_text(conn, L.echo, f"consent.{channel}")
        for state, told, otherwise in (
            (ConsentState.DENIED, [p for p in places if channel in p.denials], shown.is_distinct_from("denied")),
            (ConsentState.GRANTED, [p for p in places if channel in p.grants], shown == "denied"),
        ):
            holds = json_text(conn, G.consent, channel).startswith(f'["{state}"')
            at = _in(conn, [(p.connection, p.stream) for p in told])
            lacks += [and_(T.channel == channel, T.state == state, at, otherwise, holds)] if told else []
    return or_(*lacks) if lacks else false()


def _behind(conn: AsyncConnection, unusable: Sequence[str]) -> Select[Any]:
    """Records at these connections that were not told of what is known of their entity now."""
    told = and_(TOLD.entity_id == L.entity_id, TOLD.connection == L.connection, TOLD.stream == L.stream)
    return (
        select(L.entity_id)
        .select_from(links.join(tellings, told))
        .where(L.entity_id == T.entity_id, L.state == LinkState.LIVE, one_of(conn, L.connection + "", unusable))
        .where(TOLD.rev < G.rev)
    )


def _in(conn: AsyncConnection, places: Sequence[tuple[str, str]]) -> ColumnElement[bool]:
    """Whether a link is at one of these (connection, stream): compared joined, so that links are found by their entity
    and not by their stream, which has very many."""
    return one_of(conn, L.connection + "/" + L.stream, [f"{connection}/{stream}" for connection, stream in places])


def _share(took: Sequence[float], share: float) -> float | None:
    """The least number of seconds within which such a share of them was through."""
    return took[max(ceil(len(took) * share) - 1, 0)] if took else None
