"""Undoing what a run wrote, or a whole sync: first a plan, then the writing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hub.domain.run import Run
from hub.engine.undo import Kept
from hub.errors import BadInput, NotFound
from hub.operations.faults import sentence
from hub.operations.plan import Brake, Planned, summary
from hub.operations.sync import ConnectionCounts, counted
from hub.operations.turns import sole_turn
from hub.store import runs
from hub.store.database import Transaction
from sync_jobs import undo as jobs
from sync_jobs.counts import Progress
from sync_jobs.hub import Hub
from sync_jobs.runner import SYNC

PUSH = "push"
LAST = "last"
WRITING = (PUSH, jobs.UNDO)
"""Jobs whose runs write to systems."""
SHORTEST = 8
"""The fewest characters of a run's id that name it."""


@dataclass(frozen=True, slots=True)
class UndoPlanned:
    """`runs` would be undone. `kept` lists what would stay as it is, with the reason; `reasons` counts it. `back`: how
    many fields show already what they showed before."""

    runs: tuple[Run, ...]
    plan: Planned
    kept: tuple[Kept, ...]
    reasons: Mapping[str, int]
    back: int


@dataclass(frozen=True, slots=True)
class Undone:
    """`undos`: sink -> the run that undid (undo that one to go back). `unfinished`: writes to try again, or whose
    answer was lost: undoing again finishes them. `ok`: nothing failed, nothing waits for a person, nothing is
    unfinished."""

    ok: bool
    runs: tuple[Run, ...]
    undos: Mapping[str, str]
    connections: Mapping[str, ConnectionCounts]
    kept: tuple[Kept, ...]
    reasons: Mapping[str, int]
    back: int
    unfinished: int
    failed: Mapping[str, str]
    parked: Mapping[str, str]


async def plan(
    hub: Hub, said: Sequence[str], *, archive_creates: bool = False, limit: int | None = None
) -> UndoPlanned:
    """What undoing would do, decided on what the hub holds: no calls. `said`: ids of runs, their beginnings, or
    "last", the last sync that wrote anything. `limit`: how many changes to list."""
    chosen = await _chosen(hub, said)
    sinks = await jobs.plan_undo(hub, [r.id for r in chosen], archive_creates=archive_creates)
    changes = [c for s in sinks for c in s.changes]
    brakes = tuple(Brake(s.connection, t.what, t.planned, t.allowed) for s in sinks for t in s.tripped)
    shares = summary(changes, {name: w.connection.writes for name, w in hub.wired.items()})
    kept = tuple(k for s in sinks for k in s.kept)
    planned = Planned(len(changes), tuple(changes[:limit]), shares, brakes, 0, {})
    return UndoPlanned(tuple(chosen), planned, kept, _reasons(kept), sum(s.back for s in sinks))


async def undo(
    hub: Hub, said: Sequence[str], *, archive_creates: bool = False, progress: Progress | None = None
) -> Undone:
    """Writes back what the records held before, as far as nobody touched it since. Refused where a connection may not
    write, before anything is written."""
    async with sole_turn(hub, progress):
        chosen = await _chosen(hub, said)
        report = await jobs.undo(hub, [r.id for r in chosen], archive_creates=archive_creates, progress=progress)
    failed = {name: sentence(fault) for name, fault in report.faults.items()}
    parked = {where: "; ".join(str(t) for t in tripped) for where, tripped in report.tripped.items()}
    unfinished = sum(c.later + c.in_doubt for c in report.counts.values())
    return Undone(
        not failed and not parked and not unfinished,
        tuple(chosen),
        dict(report.runs),
        {name: counted(hub, name, counts) for name, counts in report.counts.items()},
        tuple(report.kept),
        _reasons(report.kept),
        report.back,
        unfinished,
        failed,
        parked,
    )


def _reasons(kept: Sequence[Kept]) -> dict[str, int]:
    return dict(Counter(k.why for k in kept).most_common())


async def _chosen(hub: Hub, said: Sequence[str]) -> list[Run]:
    """The runs that are meant, each once, in their order."""
    found: dict[str, Run] = {}
    async with hub.database.read() as conn:
        for word in said:
            found |= {run.id: run for run in await _named(conn, word)}
    return sorted(found.values(), key=lambda run: (run.started_at, run.id))


async def _named(conn: Transaction, word: str) -> list[Run]:
    if word == LAST:
        return await _last(conn)
    if len(word) < SHORTEST:
        raise BadInput(f"{word!r} is too short to name a run", mend=f"give at least {SHORTEST} characters of its id")
    found = await runs.beginning(conn, word)
    if not found:
        raise NotFound(f"there is no run {word}", mend="`hub runs` lists them; `last` is the last sync that wrote")
    if len(found) > 1 and word != found[0].id:
        raise BadInput(f"several runs begin with {word}: {', '.join(r.id for r in found)}", mend="give more of the id")
    (run,) = [r for r in found if r.id == word] or found
    if run.job == SYNC:
        return await runs.writing_within(conn, run, PUSH)
    if run.job not in WRITING:
        raise BadInput(
            f"{run.id} is a {run.job}: it wrote to no system",
            mend="name a sync, a push or an undo; `hub runs` lists them",
        )
    return [run]


async def _last(conn: Transaction) -> list[Run]:
    """All pushes of the last sync that wrote anything."""
    run = await runs.last_that_wrote(conn, PUSH)
    if run is None:
        raise NotFound("no sync has written anything yet", mend="`hub runs` lists what ran")
    whole = await runs.around(conn, run, SYNC)
    return [run] if whole is None else await runs.writing_within(conn, whole, PUSH)
