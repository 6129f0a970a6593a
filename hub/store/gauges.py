"""How much there is of what: bounded questions, for metrics and alerts. Where a count ends at a bound, it says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from sqlalchemy import and_, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.domain.worker import Role
from hub.store.attempts import UNSETTLED
from hub.store.observations import UNHEARD
from hub.store.tables import attempts, observations, workers

Place: TypeAlias = tuple[str, str]
"""Connection and stream."""

O, A, W = observations.c, attempts.c, workers.c  # noqa: E741  (as short as its neighbours)
COUNTED_MOST = 10_000
"""Rows that a question about a backlog touches."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """How many there are, and since when the oldest; exact below `COUNTED_MOST`, else of so many of them."""

    count: int = 0
    oldest: str | None = None


async def held(conn: AsyncConnection) -> Mapping[Place, int]:
    """Records that are held and not gone, by stream. Reads all of them: to be asked seldom where there are many."""
    counted = select(O.connection, O.stream, func.count()).where(~O.gone).group_by(O.connection, O.stream)
    return {(connection, stream): count for connection, stream, count in await conn.execute(counted)}


async def unheard(conn: AsyncConnection, connection: str, stream: str) -> Backlog:
    """Records with news that are not heard yet."""
    some = (
        select(O.seen_at)
        .where(and_(O.connection == connection, O.stream == stream), UNHEARD)
        .limit(COUNTED_MOST)
        .subquery()
    )
    count, oldest = (await conn.execute(select(func.count(), func.min(some.c.seen_at)))).one()
    return Backlog(count, oldest)


async def unsettled(conn: AsyncConnection) -> Mapping[str, Backlog]:
    """Writes that are under way or in doubt, by connection."""
    some = select(A.connection, A.opened_at).where(UNSETTLED).limit(COUNTED_MOST).subquery()
    counted = select(some.c.connection, func.count(), func.min(some.c.opened_at)).group_by(some.c.connection)
    return {connection: Backlog(count, oldest) for connection, count, oldest in await conn.execute(counted)}


async def alive(conn: AsyncConnection, since: str) -> int:
    """Workers that gave a sign of life since then."""
    lately = select(func.count()).select_from(workers).where(W.role == Role.WORKER, W.seen_at >= since)
    return int((await conn.execute(lately)).scalar_one())
