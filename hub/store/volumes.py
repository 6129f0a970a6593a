"""How many records each stream showed changed, by the hour, and how many its whole walks showed: what is usual for it.

Kept in the transaction that keeps the page, so that no walk counts twice or is forgotten.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from sqlalchemy import func, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.store.dialect import Upsert
from hub.store.tables import volumes

T = volumes.c
Place: TypeAlias = tuple[str, str]
"""Connection and stream."""

DAYS = 35
WHOLES_MAX = 20
"""Whole walks of a stream that are looked back to."""

_add = Upsert(
    volumes,
    lambda old, new: {"changed": old.changed + new.changed, "whole": func.coalesce(new.whole, old.whole)},
)


@dataclass(slots=True)
class Volume:
    """`days`: records that showed changed, by how many times 24 hours ago (0: the last 24), where there were any.
    `wholes`: what whole walks showed, the latest first."""

    days: dict[int, int] = field(default_factory=dict)
    wholes: list[int] = field(default_factory=list)


def hour_of(moment: datetime) -> int:
    """Hours since 1970."""
    return int(moment.timestamp() // 3600)


async def add(
    conn: AsyncConnection, connection: str, stream: str, moment: datetime, changed: int, whole: int | None = None
) -> None:
    """Counts a page with so many changed records; `whole`: all records of the whole walk that it ended."""
    row = {"connection": connection, "stream": stream, "hour": hour_of(moment), "changed": changed, "whole": whole}
    await _add(conn, [row])


async def fetch(conn: AsyncConnection, now: datetime) -> Mapping[Place, Volume]:
    """Of every stream that has any, over the last `DAYS` times 24 hours."""
    hour = hour_of(now)
    day = (literal(hour) - T.hour) // 24
    since = T.hour > hour - 24 * DAYS
    found: dict[Place, Volume] = {}
    sums = select(T.connection, T.stream, day.label("day"), func.sum(T.changed)).where(since)
    for connection, stream, ago, changed in await conn.execute(sums.group_by(T.connection, T.stream, "day")):
        found.setdefault((connection, stream), Volume()).days[int(ago)] = int(changed)
    walked = select(T.connection, T.stream, T.whole).where(since, T.whole.is_not(None))
    for connection, stream, whole in await conn.execute(walked.order_by(T.connection, T.stream, T.hour.desc())):
        wholes = found[connection, stream].wholes
        if len(wholes) < WHOLES_MAX:
            wholes.append(whole)
    return found
