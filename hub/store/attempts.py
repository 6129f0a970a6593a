"""The trace of every write: opened and committed before the request leaves, closed with its outcome."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Select, bindparam, func, null, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.domain.attempt import Attempt, AttemptState
from hub.domain.keys import Key
from hub.domain.lane import Lane
from hub.domain.plan import Op
from hub.store import forms
from hub.store.dialect import Upsert, one_of
from hub.store.tables import attempts, runs

T = attempts.c
UNSETTLED = text("state IN ('open', 'in_doubt')")
"""In the words of the partial index."""
WRITTEN = (AttemptState.APPLIED, AttemptState.SETTLED)
"""States of a write that arrived, or may have."""

_open = Upsert(attempts)


async def open(conn: AsyncConnection, rows: Sequence[Attempt]) -> None:
    """Keeps attempts before their requests leave; commit before sending."""
    await _open(
        conn,
        [
            {
                "id": a.id,
                "run_id": a.run_id,
                "entity_id": a.entity_id,
                "connection": a.connection,
                "stream": a.stream,
                "remote_id": a.remote_id,
                "op": a.op,
                "part": a.part,
                "key": None if a.key is None else str(a.key),
                "cells": forms.cells_form(a.cells),
                "expect": a.expect,
                "before": a.before,
                "state": a.state,
                "fault": forms.fault_form(a.fault),
                "opened_at": a.opened_at,
                "closed_at": a.closed_at,
                "lane": a.lane,
            }
            for a in rows
        ],
    )


async def close(conn: AsyncConnection, rows: Sequence[Attempt]) -> None:
    """Notes what became of them: state, fault, closing time, and the remote id that a create was given."""
    if not rows:
        return
    statement = update(attempts).where(T.id == bindparam("a_id"))
    await conn.execute(
        statement.values(
            state=bindparam("a_state"),
            fault=bindparam("a_fault"),
            closed_at=bindparam("a_closed_at"),
            remote_id=bindparam("a_remote_id"),
        ),
        [
            {
                "a_id": a.id,
                "a_state": a.state,
                "a_fault": forms.fault_form(a.fault),
                "a_closed_at": a.closed_at,
                "a_remote_id": a.remote_id,
            }
            for a in sorted(rows, key=lambda a: a.id)
        ],
    )


async def unsettled(conn: AsyncConnection, entity_ids: Sequence[str]) -> dict[str, list[Attempt]]:
    """The writes of these entities whose outcome nobody knows yet (open, in doubt), oldest first."""
    if not entity_ids:
        return {}
    result: dict[str, list[Attempt]] = {}
    chosen = select(attempts).where(one_of(conn, T.entity_id, sorted(set(entity_ids))), UNSETTLED)
    for attempt in await _all(conn, chosen):
        result.setdefault(attempt.entity_id, []).append(attempt)
    return result


async def unsettled_of(
    conn: AsyncConnection,
    connection: str,
    stream: str,
    limit: int = 1_000,
    *,
    after: str = "",
    lane: Lane | None = None,
    looked: str | None = None,
) -> list[Attempt]:
    """The same of one sink, by id, beginning after the id `after`; of one lane, or of all. With `looked` only those at
    which nobody has looked since that time."""
    chosen = select(attempts).where(T.connection == connection, T.stream == stream, T.id > after, UNSETTLED)
    if lane is not None:
        chosen = chosen.where(T.lane == lane)
    if looked is not None:
        chosen = chosen.where(or_(T.closed_at.is_(None), T.closed_at <= looked))
    found = await conn.execute(chosen.order_by(T.id).limit(limit))
    return [_attempt(row) for row in found]


async def count_unsettled(conn: AsyncConnection, connections: Collection[str]) -> int:
    """How many writes to these connections have an outcome that nobody knows yet; counted in the partial index."""
    counted = select(T.connection, func.count()).where(UNSETTLED).group_by(T.connection)
    return sum([count for connection, count in await conn.execute(counted) if connection in connections])


async def looked_at(conn: AsyncConnection, connection: str, stream: str) -> str | None:
    """When the earliest look at a write to this sink was that did not show it; None when there is no such write."""
    where = (T.connection == connection, T.stream == stream, UNSETTLED)
    earliest: str | None = (await conn.execute(select(func.min(T.closed_at)).where(*where))).scalar_one()
    return earliest


async def under_way(conn: AsyncConnection, entity_ids: Sequence[str], *, but: Lane) -> dict[str, set[str]]:
    """Those of the entities about which a lane other than `but` has writes without an outcome, with the connections to
    which these go."""
    chosen = select(T.entity_id, T.connection).where(
        one_of(conn, T.entity_id, sorted(set(entity_ids))), UNSETTLED, T.lane != but
    )
    found: dict[str, set[str]] = {}
    for entity_id, connection in await conn.execute(chosen):
        found.setdefault(entity_id, set()).add(connection)
    return found


async def of_run(conn: AsyncConnection, run_id: str) -> list[Attempt]:
    """All writes of a run, oldest first."""
    return await _all(conn, select(attempts).where(T.run_id == run_id))


async def written_by(conn: AsyncConnection, run_ids: Sequence[str]) -> list[tuple[str, str, str | None]]:
    """The records that these runs wrote to: (connection, stream, remote id), each once, in their order. The id is None
    for a create whose answer was lost."""
    found = await conn.execute(
        select(T.connection, T.stream, T.remote_id)
        .where(one_of(conn, T.run_id, sorted(set(run_ids))), T.state.in_(WRITTEN))
        .distinct()
        .order_by(T.connection, T.stream, T.remote_id)
    )
    return [(row.connection, row.stream, row.remote_id) for row in found]


async def of_records(
    conn: AsyncConnection, run_ids: Sequence[str], connection: str, stream: str, remote_ids: Sequence[str | None]
) -> list[Attempt]:
    """What these runs wrote to these records of one stream, as far as it arrived or may have, oldest first."""
    named = one_of(conn, T.remote_id, sorted({i for i in remote_ids if i is not None}))
    which = or_(named, T.remote_id.is_(None)) if None in remote_ids else named
    chosen = select(attempts).where(
        one_of(conn, T.run_id, sorted(set(run_ids))),
        T.connection == connection,
        T.stream == stream,
        T.state.in_(WRITTEN),
        which,
    )
    return await _all(conn, chosen)


async def written_to(conn: AsyncConnection, entity_ids: Sequence[str], connection: str, stream: str) -> list[Attempt]:
    """Every write about these entities to one stream that arrived or may have, oldest first; without the raw records
    as they were, for this is asked of many."""
    found = await conn.execute(
        select(*(column for column in T if column.key != "before"), null().label("before"))
        .where(
            one_of(conn, T.entity_id, sorted(set(entity_ids))),
            T.connection == connection,
            T.stream == stream,
            T.state.in_(WRITTEN),
            T.remote_id.is_not(None),
        )
        .order_by(T.opened_at, T.id)
    )
    return [_attempt(row) for row in found]


async def of_job(
    conn: AsyncConnection, job: str, entity_ids: Sequence[str], connection: str, stream: str
) -> list[Attempt]:
    """The writes about these entities to one stream that runs of one job made, oldest first."""
    chosen = select(attempts).where(
        one_of(conn, T.entity_id, sorted(set(entity_ids))),
        T.connection == connection,
        T.stream == stream,
        T.state.in_(WRITTEN),
        T.run_id.in_(select(runs.c.id).where(runs.c.job == job)),
    )
    return await _all(conn, chosen)


async def of_entity(conn: AsyncConnection, entity_id: str, limit: int = 100) -> list[Attempt]:
    """The last writes about an entity, newest first."""
    found = await conn.execute(
        select(attempts).where(T.entity_id == entity_id).order_by(T.opened_at.desc(), T.id.desc()).limit(limit)
    )
    return [_attempt(row) for row in found]


async def stale_open(conn: AsyncConnection, before: str, limit: int = 1_000) -> list[Attempt]:
    """Attempts that were opened before that time and never closed: their process died. They are in doubt."""
    found = await conn.execute(
        select(attempts)
        .where(T.state == AttemptState.OPEN, T.opened_at < before, UNSETTLED)
        .order_by(T.opened_at, T.id)
        .limit(limit)
    )
    return [_attempt(row) for row in found]


async def reassign(conn: AsyncConnection, from_entity: str, to_entity: str) -> None:
    """Two entities turned out to be one: what is unsettled about the first now holds back the second."""
    await conn.execute(update(attempts).where(T.entity_id == from_entity, UNSETTLED).values(entity_id=to_entity))


async def _all(conn: AsyncConnection, chosen: Select[Any]) -> list[Attempt]:
    return [_attempt(row) for row in await conn.execute(chosen.order_by(T.opened_at, T.id))]


def _attempt(row: Any) -> Attempt:
    return Attempt(
        id=row.id,
        run_id=row.run_id,
        entity_id=row.entity_id,
        connection=row.connection,
        stream=row.stream,
        remote_id=row.remote_id,
        op=Op(row.op),
        key=None if row.key is None else Key.parse(row.key),
        part=row.part,
        cells=forms.cells_of(row.cells),
        expect=forms.values_of(row.expect),
        before=row.before,
        state=AttemptState(row.state),
        opened_at=row.opened_at,
        closed_at=row.closed_at,
        fault=forms.fault_of(row.fault),
        lane=Lane(row.lane),
    )
