"""Alerts from their beginning to their end. The same trouble is open once, whoever looks (a unique index)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import and_, bindparam, case, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.domain.alert import Alert, AlertKind
from hub.store import dialect
from hub.store.tables import alerts

T = alerts.c


async def open_ones(conn: AsyncConnection) -> list[Alert]:
    """Those that have not ended, the oldest first."""
    found = await conn.execute(select(alerts).where(T.ended_at.is_(None)).order_by(T.began_at, T.key))
    return [_alert(row) for row in found.mappings()]


async def latest(conn: AsyncConnection, limit: int) -> list[Alert]:
    """The latest, open ones first, then by when they ended."""
    ended = case((T.ended_at.is_(None), 0), else_=1)
    found = await conn.execute(select(alerts).order_by(ended, T.ended_at.desc(), T.began_at.desc(), T.key).limit(limit))
    return [_alert(row) for row in found.mappings()]


async def earlier(conn: AsyncConnection, keys: Sequence[str], limit: int = 500) -> list[Alert]:
    """Those of these troubles that have ended, the latest first."""
    chosen = select(alerts).where(dialect.one_of(conn, T.key, keys), T.ended_at.is_not(None))
    found = await conn.execute(chosen.order_by(T.began_at.desc()).limit(limit))
    return [_alert(row) for row in found.mappings()]


async def begin(conn: AsyncConnection, rows: Sequence[Alert]) -> int:
    """Keeps new alerts, but for those of a trouble that is open already: somebody else saw it first. How many were."""
    begun = 0
    for alert in rows:
        statement = dialect.insert(conn, alerts).values(asdict(alert)).on_conflict_do_nothing()
        begun += (await conn.execute(statement)).rowcount
    return begun


async def last(conn: AsyncConnection, rows: Sequence[Alert]) -> None:
    """Notes that these are still there, and what is said of them."""
    await _change(conn, rows, "seen_at", "summary", "mend")


async def end(conn: AsyncConnection, rows: Sequence[Alert]) -> None:
    await _change(conn, rows, "ended_at")


async def untold(conn: AsyncConnection, limit: int) -> list[Alert]:
    """Those of which the receiver doesn't know yet that they began, or that they ended; the oldest first."""
    unended = and_(T.ended_at.is_not(None), T.told_ended_at.is_(None))
    chosen = select(alerts).where(or_(T.told_began_at.is_(None), unended)).order_by(T.began_at, T.key).limit(limit)
    return [_alert(row) for row in (await conn.execute(chosen)).mappings()]


async def tell(conn: AsyncConnection, alert: Alert) -> None:
    """Notes what the receiver took."""
    await _change(conn, [alert], "told_began_at", "told_ended_at")


async def take_as_told(conn: AsyncConnection, now: str) -> None:
    """There is no receiver: what is over is not kept for one."""
    over = and_(T.ended_at.is_not(None), T.told_ended_at.is_(None))
    await conn.execute(update(alerts).where(over).values(told_began_at=now, told_ended_at=now))


async def _change(conn: AsyncConnection, rows: Sequence[Alert], *columns: str) -> None:
    if not rows:
        return
    statement = update(alerts).where(T.key == bindparam("a_key"), T.began_at == bindparam("a_began_at"))
    await conn.execute(
        statement.values({column: bindparam(f"a_{column}") for column in columns}),
        [{f"a_{c}": getattr(alert, c) for c in ("key", "began_at", *columns)} for alert in rows],
    )


def _alert(row: Any) -> Alert:
    return Alert(**{**row, "kind": AlertKind(row["kind"])})
