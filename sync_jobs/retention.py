"""Forgets what is old: a bounded part each time, so that it can be done beside everything else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Container, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import Any, TypeAlias

from hub.domain.moments import iso
from hub.domain.policy import Keep
from hub.store import retention, settings
from hub.store.database import Transaction
from hub.store.retention import Slice, Times
from sync_jobs.hub import Hub

KEEP = "keep"
PLACES = "keep.places"
"""The setting that holds how far each walk has come, so that no row is looked at twice."""
SLICES = 100
"""Slices of one walk in one call, each a transaction of its own."""
HINTS = timedelta(days=7)
"""Every stream is read more often than that, whether a hint came or not."""
LEAST = timedelta(days=35)
"""For how long what happened is told in any case: quotas of a month are counted, usual volumes are compared."""

Look: TypeAlias = Callable[[Transaction, Any, str], Awaitable[Slice]]
Drop: TypeAlias = Callable[[Transaction, Any], Awaitable[None]]


@dataclass(slots=True)
class Trimmed:
    """Rows that were forgotten (or would be) by table; `more`: the bound was reached, and there is more to forget."""

    rows: dict[str, int] = field(default_factory=dict)
    more: bool = False

    def add(self, table: str, rows: int) -> None:
        self.rows[table] = self.rows.get(table, 0) + rows


@dataclass(frozen=True, slots=True)
class Walk:
    """Through one table in the order of time. `begin`: where it starts; `goes_on`: whether the next call starts where
    this one ended, rather than at the beginning again."""

    name: str
    table: str
    before: str
    look: Look
    drop: Drop
    begin: Any
    goes_on: bool = True


async def fetch(conn: Transaction) -> Keep:
    """For how long this home keeps things."""
    found: Mapping[str, int] = await settings.get(conn, KEEP) or {}
    return replace(Keep(), **found)


async def put(conn: Transaction, days: Mapping[str, int]) -> None:
    """Sets some of it; the rest stays."""
    found: Mapping[str, int] = await settings.get(conn, KEEP) or {}
    await settings.put(conn, KEEP, {**found, **days})


async def trim(hub: Hub, *, dry_run: bool = False) -> Trimmed:
    """Forgets what is older than the settings say, at most `SLICES` slices of each walk; with `dry_run` only counts,
    and to the end. Meant to be called once a day: what is left is done by the next call."""
    now, trimmed = hub.clock(), Trimmed()
    async with hub.database.read() as conn:
        keep = await fetch(conn)
        places: Mapping[str, Any] = await settings.get(conn, PLACES) or {}
    gone: set[str] = set()
    for walk in _walks(keep, lambda days: iso(now - timedelta(days=days)), gone):
        place = places.get(walk.name, walk.begin) if walk.goes_on else walk.begin
        if dry_run:
            await _count(hub, walk, place, trimmed, gone)
        elif not trimmed.more:  # what rests on runs is looked at once: when the runs are gone
            await _walk(hub, walk, place, trimmed)
    times = Times(now - max(timedelta(days=keep.runs_days), LEAST), now - HINTS)
    for table in retention.SMALL:
        await _small(hub, table, times, trimmed, dry_run=dry_run)
    return trimmed


def _walks(keep: Keep, ago: Callable[[int], str], gone: Container[Any]) -> tuple[Walk, ...]:
    """Runs first: their writes may go when they are gone. `gone`: runs that count as forgotten."""
    start, idle = ["", ""], min(keep.idle_runs_days, keep.runs_days)
    history, writes = ago(keep.history_days), ago(max(keep.history_days, keep.runs_days))
    return (
        Walk("idle_runs", "runs", ago(idle), retention.idle_runs, retention.drop_runs, start),
        Walk("old_runs", "runs", ago(keep.runs_days), retention.old_runs, retention.drop_runs, start, goes_on=False),
        Walk("attempts", "attempts", writes, partial(retention.attempts, gone=gone), retention.drop_attempts, start),
        Walk("changes", "changes", history, retention.changes, retention.drop_changes, 0),
    )


async def _walk(hub: Hub, walk: Walk, place: Any, trimmed: Trimmed) -> None:
    for _ in range(SLICES):
        async with hub.database.write() as conn:
            found = await walk.look(conn, place, walk.before)
            if found.ids:
                await walk.drop(conn, found.ids)
            if walk.goes_on and found.after is not None:
                held: Mapping[str, Any] = await settings.get(conn, PLACES) or {}
                await settings.put(conn, PLACES, {**held, walk.name: found.after})
        trimmed.add(walk.table, len(found.ids))
        if found.last:
            return
        place = found.after
    trimmed.more = True


async def _count(hub: Hub, walk: Walk, place: Any, trimmed: Trimmed, gone: set[Any]) -> None:
    """Adds to `gone` what would go, so that what rests on it counts too, and nothing counts twice."""
    before, last = len(gone), False
    while not last:
        async with hub.database.read() as conn:
            found = await walk.look(conn, place, walk.before)
        gone.update(found.ids)
        place, last = found.after, found.last
    trimmed.add(walk.table, len(gone) - before)


async def _small(hub: Hub, table: str, times: Times, trimmed: Trimmed, *, dry_run: bool) -> None:
    if dry_run:
        async with hub.database.read() as conn:
            trimmed.add(table, await retention.count_small(conn, table, times))
        return
    for _ in range(SLICES):
        async with hub.database.write() as conn:
            gone = await retention.drop_small(conn, table, times)
        trimmed.add(table, gone)
        if gone < retention.SLICE:
            return
    trimmed.more = True
