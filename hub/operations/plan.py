"""What the hub would write now, by system, record and field, with the rule that decides; nothing is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from hub.domain.plan import Change, Op
from hub.operations.connections import named
from sync_jobs import plan as jobs
from sync_jobs.hub import Hub


@dataclass(frozen=True, slots=True)
class Share:
    """What would happen to one stream. `writes`: whether the connection's writes are allowed yet."""

    connection: str
    stream: str
    creates: int
    updates: int
    clears: int
    removes: int
    writes: bool


@dataclass(frozen=True, slots=True)
class Brake:
    """A brake that would stop the run."""

    connection: str
    what: str
    planned: int
    allowed: int

    def __str__(self) -> str:
        return f"{self.planned:,} {self.what} planned, {self.allowed:,} allowed in one run"


@dataclass(frozen=True, slots=True)
class Planned:
    """`total` changes are planned; `changes` lists the first of them; `summary` counts them all. `waiting`: entities
    of which nothing is decided before a write in doubt is looked up; `notes`: why something is not written -> how
    often."""

    total: int
    changes: tuple[Change, ...]
    summary: tuple[Share, ...]
    brakes: tuple[Brake, ...]
    waiting: int
    notes: Mapping[str, int]


async def plan(hub: Hub, connection: str | None = None, limit: int | None = None) -> Planned:
    """Plans for every connection, or one, also where writing is not allowed yet. `limit`: how many changes to list."""
    only = None if connection is None else (await named(hub, connection)).name
    planned = await jobs.plan(hub, only)
    brakes = tuple(
        Brake(name, t.what, t.planned, t.allowed) for name, tripped in planned.tripped.items() for t in tripped
    )
    return Planned(
        planned.total,
        tuple(planned.changes[:limit]),
        summary(planned.changes, {name: w.connection.writes for name, w in hub.wired.items()}),
        brakes,
        planned.waiting,
        dict(planned.notes),
    )


def summary(changes: Iterable[Change], writes: Mapping[str, bool]) -> tuple[Share, ...]:
    """Counts changes by connection and stream, in their order."""
    counts: dict[tuple[str, str], Counter[str]] = {}
    for change in changes:
        tally = counts.setdefault((change.connection, change.stream), Counter())
        tally[change.op.value] += 1
        if change.op is Op.UPDATE:
            tally["clears"] += change.clears
    return tuple(
        Share(
            connection,
            stream,
            tally[Op.CREATE.value],
            tally[Op.UPDATE.value],
            tally["clears"],
            tally[Op.REMOVE.value],
            writes.get(connection, False),
        )
        for (connection, stream), tally in sorted(counts.items())
    )
