"""What may be forgotten, slice by slice. What an open issue, an unsettled write, an undo that stands, or the latest
word about a field rests on is never in a slice.

The large tables are walked in the order of time, and each row is looked at once, when it gets older than the time for
which it is kept: what it supersedes may go then, and it stays itself until it is superseded by another one that old.
So a walk costs as much as was written meanwhile, not as much as there is.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, delete, exists, func, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.domain.attempt import AttemptState
from hub.domain.issue import IssueState
from hub.domain.moments import iso
from hub.domain.run import RunState
from hub.store import tables
from hub.store.dialect import one_of

SLICE = 1_000
"""Rows that are looked at in one transaction."""
SYNC, UNDO = "sync", "undo"
CONSENT = "consent."
"""How the fields begin whose history is proof of what people agreed to: it is kept for good."""

R, A, C, ISSUE = tables.runs.c, tables.attempts.c, tables.changes.c, tables.issues.c
ARRIVED = (AttemptState.APPLIED, AttemptState.SETTLED)
UNSETTLED = (AttemptState.OPEN, AttemptState.IN_DOUBT)


@dataclass(frozen=True, slots=True)
class Slice:
    """`ids`: the rows that may go; `after`: where the next slice begins, as JSON; `last`: nothing is left behind it."""

    ids: tuple[Any, ...]
    after: Any
    last: bool


# --- runs -------------------------------------------------------------------------------------------------------


async def idle_runs(conn: AsyncConnection, after: Sequence[str], before: str) -> Slice:
    """Runs that ended and wrote nothing. Kept: the last of its job at its place; a sync during which something was
    written; one that began after a sync which never ended (its beginning tells how far that one went)."""
    rows = await _runs(conn, after, before)
    other, attempt = tables.runs.alias("other"), exists().where(A.run_id == R.id)
    within = and_(
        other.c.job != SYNC,
        other.c.started_at.between(R.started_at, R.ended_at),
        exists().where(A.run_id == other.c.id),
    )
    chosen = select(R.id).where(
        one_of(conn, R.id, [row.id for row in rows]),
        R.state != RunState.RUNNING,
        R.ended_at.is_not(None),
        ~attempt,
        _superseded(),
        or_(R.job != SYNC, ~exists(select(other.c.id).where(within))),
    )
    return await _slice(conn, rows, chosen, spare=await _after_unended(conn) if rows else frozenset())


async def old_runs(conn: AsyncConnection, after: Sequence[str], before: str) -> Slice:
    """All runs. Kept: the last of its job at its place; one with a write that is not settled; an undo that wrote, since
    what it put back may still stand."""
    rows = await _runs(conn, after, before)
    written = exists().where(A.run_id == R.id)
    chosen = select(R.id).where(
        one_of(conn, R.id, [row.id for row in rows]),
        ~exists().where(A.run_id == R.id, A.state.in_(UNSETTLED)),
        or_(R.job != UNDO, ~written),
        _superseded(),
    )
    return await _slice(conn, rows, chosen)


async def _runs(conn: AsyncConnection, after: Sequence[str], before: str) -> Sequence[Any]:
    chosen = select(R.id, R.started_at).where(tuple_(R.started_at, R.id) > tuple(after), R.started_at < before)
    return (await conn.execute(chosen.order_by(R.started_at, R.id).limit(SLICE))).all()


def _superseded() -> ColumnElement[bool]:
    """Whether a later run did the same job at the same place."""
    later = tables.runs.alias("later")
    return exists(
        select(later.c.id).where(
            later.c.job == R.job,
            later.c.connection == R.connection,
            later.c.stream == R.stream,
            later.c.started_at > R.started_at,
        )
    )


async def _after_unended(conn: AsyncConnection) -> frozenset[str]:
    unended = tables.runs.alias("unended")
    starts = select(unended.c.started_at).where(unended.c.job == SYNC, unended.c.ended_at.is_(None))
    found = set()
    for start in (await conn.execute(starts)).scalars().all():
        following = select(R.id).where(R.job == SYNC, R.started_at > start).order_by(R.started_at, R.id).limit(1)
        found.add((await conn.execute(following)).scalar_one_or_none() or "")
    return frozenset(found)


async def _slice(
    conn: AsyncConnection, rows: Sequence[Any], chosen: Any, *, spare: frozenset[str] = frozenset()
) -> Slice:
    if not rows:
        return Slice((), None, True)
    ids = tuple(sorted(set((await conn.execute(chosen)).scalars()) - spare))
    return Slice(ids, [rows[-1].started_at, rows[-1].id], len(rows) < SLICE)


async def drop_runs(conn: AsyncConnection, ids: Sequence[str]) -> None:
    await conn.execute(delete(tables.runs).where(one_of(conn, R.id, ids)))


# --- writes -----------------------------------------------------------------------------------------------------


async def attempts(
    conn: AsyncConnection, after: Sequence[str], before: str, gone: Container[str] = frozenset()
) -> Slice:
    """Closed writes whose run is forgotten already (or counts as such: `gone`), but for the last that told a field to
    a record, and those of entities and records of which an issue is open."""
    chosen = select(A.id, A.opened_at, A.entity_id).where(
        tuple_(A.opened_at, A.id) > tuple(after), A.opened_at < before
    )
    looked = (await conn.execute(chosen.order_by(A.opened_at, A.id).limit(SLICE))).all()
    if not looked:
        return Slice((), None, True)
    last = looked[-1]
    columns = (A.id, A.run_id, A.entity_id, A.connection, A.stream, A.remote_id, A.op, A.cells, A.state)
    theirs = await conn.execute(
        select(*columns)
        .where(
            one_of(conn, A.entity_id, sorted({row.entity_id for row in looked})),
            tuple_(A.opened_at, A.id) <= (last.opened_at, last.id),
        )
        .order_by(A.opened_at.desc(), A.id.desc())
    )
    rows = theirs.all()
    held = await _held(conn, rows, gone)
    ids = [row.id for row in _superseded_writes(rows) if row.id not in held]
    return Slice(tuple(sorted(ids)), [last.opened_at, last.id], len(looked) < SLICE)


def _superseded_writes(rows: Sequence[Any]) -> list[Any]:
    """`rows`: newest first. A write that arrived and told a field of which nothing newer arrived is the latest word."""
    told: set[tuple[str, ...]] = set()
    found = []
    for row in rows:
        place = (row.entity_id, row.connection, row.stream, row.remote_id or "")
        fields = {(*place, cell[0]) for cell in row.cells} or {(*place, f"({row.op})")}
        if row.state in ARRIVED and not fields <= told:
            told |= fields
        elif row.state not in UNSETTLED:
            found.append(row)
    return found


async def _held(conn: AsyncConnection, rows: Sequence[Any], gone: Container[str]) -> set[str]:
    """Those of the writes whose run is kept, or about which an issue is not closed."""
    runs = set(
        (await conn.execute(select(R.id).where(one_of(conn, R.id, sorted({row.run_id for row in rows}))))).scalars()
    )
    entities = sorted({row.entity_id for row in rows})
    records = sorted({row.remote_id for row in rows if row.remote_id})
    about = or_(one_of(conn, ISSUE.entity_id, entities), one_of(conn, ISSUE.remote_id, records))
    issues = await conn.execute(
        select(ISSUE.entity_id, ISSUE.connection, ISSUE.stream, ISSUE.remote_id).where(
            ISSUE.state != IssueState.CLOSED, about
        )
    )
    disputed = {tuple(issue) for issue in issues}
    people = {entity for entity, *_ in disputed}
    addresses = {tuple(address) for _, *address in disputed}
    return {
        row.id
        for row in rows
        if (row.run_id in runs and row.run_id not in gone)
        or row.entity_id in people
        or (row.connection, row.stream, row.remote_id) in addresses
    }


async def drop_attempts(conn: AsyncConnection, ids: Sequence[str]) -> None:
    await conn.execute(delete(tables.attempts).where(one_of(conn, A.id, ids)))


# --- changes ----------------------------------------------------------------------------------------------------


async def changes(conn: AsyncConnection, after: int, before: str) -> Slice:
    """Changes of a field before the last one that is so old. Changes of consent stay."""
    chosen = select(C.id, C.at, C.entity_id).where(C.id > after).order_by(C.id).limit(SLICE)
    looked = [row for row in (await conn.execute(chosen)).all() if row.at < before]
    if not looked:
        return Slice((), None, True)
    latest = func.max(C.id).over(partition_by=(C.entity_id, C.field)).label("latest")
    theirs = (
        select(C.id, latest)
        .where(
            one_of(conn, C.entity_id, sorted({row.entity_id for row in looked})),
            C.id <= looked[-1].id,
            ~C.field.startswith(CONSENT, autoescape=True),
        )
        .subquery()
    )
    ids = (await conn.execute(select(theirs.c.id).where(theirs.c.id < theirs.c.latest).order_by(theirs.c.id))).scalars()
    return Slice(tuple(ids), looked[-1].id, len(looked) < SLICE)


async def drop_changes(conn: AsyncConnection, ids: Sequence[int]) -> None:
    await conn.execute(delete(tables.changes).where(C.id == bindparam("one")), [{"one": one} for one in ids])


# --- the small tables -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Times:
    """Before when things are forgotten. `told`: what tells how the hub fared; `hints`: hints, and workers that fell
    silent."""

    told: datetime
    hints: datetime


SMALL = ("alerts", "call_counts", "consent_changes", "hints", "mapping_plans", "volumes", "workers")


def _old(name: str, times: Times) -> ColumnElement[bool]:
    """Which rows of a small table are to be forgotten."""
    t, told, hints = tables, iso(times.told), iso(times.hints)
    planned = exists().where(t.mapping_versions.c.plan == t.mapping_plans.c.hash)
    return {
        "alerts": t.alerts.c.ended_at < told,
        "call_counts": t.call_counts.c.hour < told[: len("2026-11-22T09")],
        "consent_changes": t.consent_changes.c.written_at < told,
        "hints": t.hints.c.at < hints,  # walks have shown since what there was to see
        "mapping_plans": and_(t.mapping_plans.c.at < told, ~planned),
        "volumes": t.volumes.c.hour < int(times.told.timestamp()) // 3600,
        "workers": t.workers.c.seen_at < hints,
    }[name]


async def count_small(conn: AsyncConnection, name: str, times: Times) -> int:
    """How many rows of this table are to be forgotten."""
    chosen = select(func.count()).select_from(tables.metadata.tables[name]).where(_old(name, times))
    return int((await conn.execute(chosen)).scalar_one())


async def drop_small(conn: AsyncConnection, name: str, times: Times) -> int:
    """Forgets at most a slice of this table; how many rows."""
    table, old = tables.metadata.tables[name], _old(name, times)
    keys = list(table.primary_key)
    rows = (await conn.execute(select(*keys).where(old).order_by(*keys).limit(SLICE))).all()
    if rows:
        which = and_(old, *(key == bindparam(f"the_{key.name}") for key in keys))
        named = [{f"the_{key.name}": value for key, value in zip(keys, row, strict=True)} for row in rows]
        await conn.execute(delete(table).where(which), named)
    return len(rows)
