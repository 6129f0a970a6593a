"""Leases with fencing tokens: of those who may do what only one may do at a time, the store knows the current one.

Expiry only says when others may try. That two never keep anything under one lease rests on the token alone: `hold`
compares it inside the transaction that is to be committed, and locks it until the commit. That two don't write to one
vendor rests on expiry, too: so leases of a store that hosts share go by the store's clock (`time`).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import and_, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.elements import ColumnElement

from hub import clock as clocks
from hub.clock import Clock
from hub.domain.lease import NOBODY, Lease
from hub.domain.moments import iso
from hub.errors import LeaseLost
from hub.store import dialect
from hub.store.tables import leases

COMMIT_WITHIN = timedelta(seconds=15)
"""PostgreSQL ends a transaction that held its lease and then didn't commit for so long: its process stands still, and
whoever takes over waits for it."""


async def time(conn: AsyncConnection, clock: Clock) -> datetime:
    """By which leases begin and end. Of a store that several hosts share it is the store's: one whose clock is ahead
    would take the leases of others while their writes are under way, and one whose clock is behind would lose its own.
    On SQLite, and where a simulation gives the time, `clock` says it."""
    if clock is not clocks.now or dialect.name_of(conn) == dialect.SQLITE:
        return clock()
    now: datetime = (await conn.execute(select(func.clock_timestamp()))).scalar_one()
    return now


async def fetch(conn: AsyncConnection, name: str) -> Lease | None:
    """The lease as it stands; None when nobody ever took it."""
    row = (await conn.execute(select(leases).where(leases.c.name == name))).mappings().first()
    return None if row is None else Lease(**row)


async def acquire(conn: AsyncConnection, name: str, holder: str, now: datetime, term: timedelta) -> Lease | None:
    """Takes a lease that is free or expired; its token is one larger than the last. None while it is somebody's, also
    while it is the holder's own: a second acquisition is another one. ValueError for an empty holder."""
    if holder == NOBODY:
        raise ValueError("a lease needs a holder with a name")
    proposed = {"name": name, "holder": holder, "token": 1, "until": iso(now + term)}
    # One statement: of two who try at once, the second sees what the first one left, on both dialects.
    statement = (
        dialect.insert(conn, leases)
        .values(proposed)
        .on_conflict_do_update(
            index_elements=["name"],
            set_={"holder": holder, "until": proposed["until"], "token": leases.c.token + 1},
            where=or_(leases.c.holder == NOBODY, leases.c.until <= iso(now)),
        )
        .returning(leases)
    )
    row = (await conn.execute(statement)).mappings().first()
    return None if row is None else Lease(**row)


async def renew(conn: AsyncConnection, lease: Lease, now: datetime, term: timedelta) -> Lease:
    """The lease with a later end, also when it had expired and nobody took it. LeaseLost when somebody did."""
    statement = update(leases).where(_current(lease)).values(until=iso(now + term)).returning(leases)
    row = (await conn.execute(statement)).mappings().first()
    if row is None:
        raise _lost(lease)
    return Lease(**row)


async def release(conn: AsyncConnection, lease: Lease) -> None:
    """Gives it back; nothing when it was lost."""
    await conn.execute(update(leases).where(_current(lease)).values(holder=NOBODY))


async def free(conn: AsyncConnection, name: str) -> None:
    """Takes it from whoever has it, who is known to be dead, or gone beyond its end."""
    await conn.execute(update(leases).where(leases.c.name == name).values(holder=NOBODY, token=leases.c.token + 1))


async def tours(conn: AsyncConnection) -> list[Lease]:
    """The leases of tours (`CONNECTION/LANE`) that are somebody's, or were when their holders fell silent."""
    where = and_(leases.c.name.contains("/"), leases.c.holder != NOBODY)
    return [Lease(**row) for row in (await conn.execute(select(leases).where(where))).mappings()]


async def hold(conn: AsyncConnection, lease: Lease) -> None:
    """To be asked last in a write transaction: nobody takes the lease before it ends. LeaseLost when somebody has.

    Writers under one lease don't wait for each other, only whoever takes it over waits for them. (SQLite has one
    writer at a time, so there is nothing to lock.)
    """
    columns: list[ColumnElement[object]] = [leases.c.holder, leases.c.token]
    if dialect.name_of(conn) != dialect.SQLITE:
        limit = f"{COMMIT_WITHIN // timedelta(milliseconds=1)}ms"
        columns.append(func.set_config("idle_in_transaction_session_timeout", limit, True))
    statement = select(*columns).where(leases.c.name == lease.name).with_for_update(read=True)
    row = (await conn.execute(statement)).first()
    if row is None or (row.holder, row.token) != (lease.holder, lease.token):
        raise _lost(lease)


def _current(lease: Lease) -> ColumnElement[bool]:
    same = (leases.c.name == lease.name, leases.c.holder == lease.holder, leases.c.token == lease.token)
    return and_(*same)


def _lost(lease: Lease) -> LeaseLost:
    return LeaseLost(
        f"another process took over the lease {lease.name!r} while this one ({lease.holder}) stood still or could not "
        "reach the store; what this one was about to keep was not kept",
        mend="nothing to mend: the other one goes on. `hub runs` shows what it does",
    )
