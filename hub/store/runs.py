"""Executions of jobs with their counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Integer, cast, delete, exists, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.domain.attempt import AttemptState
from hub.domain.run import Run, RunState
from hub.errors import NotFound
from hub.store.dialect import json_text
from hub.store.tables import attempts, runs

T = runs.c


async def start(conn: AsyncConnection, run: Run) -> None:
    await conn.execute(
        insert(runs).values(
            id=run.id,
            job=run.job,
            connection=run.connection,
            stream=run.stream,
            lane=run.lane,
            state=run.state,
            counts=dict(run.counts),
            note=run.note,
            started_at=run.started_at,
            ended_at=run.ended_at,
        )
    )


async def bump(conn: AsyncConnection, run_id: str, counts: Mapping[str, int]) -> None:
    """Adds to the run's counts, in the transaction that does the counted work. NotFound when there is no such run."""
    held = await _counts(conn, run_id)
    await conn.execute(update(runs).where(T.id == run_id).values(counts=_sum(held, counts)))


async def finish(
    conn: AsyncConnection,
    run_id: str,
    state: RunState,
    ended_at: str,
    *,
    note: str = "",
    counts: Mapping[str, int] | None = None,
) -> None:
    """Ends a run, adding last counts. NotFound when there is no such run."""
    held = await _counts(conn, run_id)
    await conn.execute(
        update(runs)
        .where(T.id == run_id)
        .values(state=state, ended_at=ended_at, note=note, counts=_sum(held, counts or {}))
    )


async def drop(conn: AsyncConnection, run_id: str) -> None:
    """Forgets a run that did nothing."""
    await conn.execute(delete(runs).where(T.id == run_id))


async def recent(
    conn: AsyncConnection,
    limit: int = 20,
    *,
    connection: str | None = None,
    job: str | None = None,
    state: RunState | None = None,
) -> list[Run]:
    """The latest runs, newest first."""
    chosen = select(runs).order_by(T.started_at.desc(), T.id.desc()).limit(limit)
    for column, value in ((T.connection, connection), (T.job, job), (T.state, state)):
        if value is not None:
            chosen = chosen.where(column == value)
    return [_run(row) for row in await conn.execute(chosen)]


@dataclass(frozen=True, slots=True)
class Summed:
    """What runs counted together, how many they were, and when the first of them began (None: there was none)."""

    counts: Mapping[str, int]
    runs: int
    since: str | None


async def summed(
    conn: AsyncConnection, names: Sequence[str], *, connection: str, job: str, since: str, limit: int
) -> Summed:
    """The sums of some counts over the runs of one job at one connection that began since then; of the latest `limit`
    of these where they are more. They are added up in the store."""
    some = (
        select(T.started_at, T.counts)
        .where(T.job == job, T.connection == connection, T.started_at >= since)
        .order_by(T.started_at.desc())
        .limit(limit)
        .subquery()
    )
    sums = [func.coalesce(func.sum(cast(json_text(conn, some.c.counts, name), Integer)), 0) for name in names]
    number, first, *totals = (await conn.execute(select(func.count(), func.min(some.c.started_at), *sums))).one()
    return Summed(dict(zip(names, totals, strict=True)), number, first)


async def get(conn: AsyncConnection, run_id: str) -> Run | None:
    row = (await conn.execute(select(runs).where(T.id == run_id))).first()
    return None if row is None else _run(row)


async def beginning(conn: AsyncConnection, prefix: str, limit: int = 10) -> list[Run]:
    """The runs whose id begins so, newest first."""
    begins = T.id.startswith(prefix, autoescape=True)
    chosen = select(runs).where(begins).order_by(T.started_at.desc(), T.id.desc()).limit(limit)
    return [_run(row) for row in await conn.execute(chosen)]


async def writing_within(conn: AsyncConnection, run: Run, job: str) -> list[Run]:
    """The runs of one job that began while `run` went on and wrote, oldest first. One that never ended (it was killed)
    went on until the next of its own job began."""
    until = run.ended_at
    if until is None:
        following = select(func.min(T.started_at)).where(T.job == run.job, T.started_at > run.started_at)
        until = (await conn.execute(following)).scalar_one()
    chosen = select(runs).where(T.job == job, T.started_at >= run.started_at, _wrote())
    if until is not None:
        chosen = chosen.where(T.started_at <= until)
    return [_run(row) for row in await conn.execute(chosen.order_by(T.started_at, T.id))]


async def last_that_wrote(conn: AsyncConnection, job: str) -> Run | None:
    """The latest run of a job with a write that arrived, or may have."""
    chosen = select(runs).where(T.job == job, _wrote()).order_by(T.started_at.desc(), T.id.desc()).limit(1)
    row = (await conn.execute(chosen)).first()
    return None if row is None else _run(row)


def _wrote() -> ColumnElement[bool]:
    """Whether a write of the run arrived, or may have."""
    arrived = attempts.c.state.in_((AttemptState.APPLIED, AttemptState.SETTLED))
    return exists().where(attempts.c.run_id == T.id, arrived)


async def around(conn: AsyncConnection, run: Run, job: str) -> Run | None:
    """The run of `job` during which `run` began."""
    chosen = select(runs).where(T.job == job, T.started_at <= run.started_at)
    row = (await conn.execute(chosen.order_by(T.started_at.desc(), T.id.desc()).limit(1))).first()
    found = None if row is None else _run(row)
    return found if found is not None and (found.ended_at is None or found.ended_at >= run.started_at) else None


async def _counts(conn: AsyncConnection, run_id: str) -> Mapping[str, int]:
    held = (await conn.execute(select(T.counts).where(T.id == run_id).with_for_update())).scalar_one_or_none()
    if held is None:
        raise NotFound(f"There is no run {run_id}.", mend="`hub runs` lists them.")
    return dict(held)


def _sum(left: Mapping[str, int], right: Mapping[str, int]) -> dict[str, int]:
    return {name: left.get(name, 0) + right.get(name, 0) for name in {**left, **right}}


def _run(row: Any) -> Run:
    return Run(
        id=row.id,
        job=row.job,
        started_at=row.started_at,
        connection=row.connection,
        stream=row.stream,
        lane=row.lane,
        state=RunState(row.state),
        counts=row.counts,
        note=row.note,
        ended_at=row.ended_at,
    )
