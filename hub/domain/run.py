"""One execution of a job, with counts of record outcomes: its state is derived from these, never assumed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class RunState(StrEnum):
    RUNNING = "running"
    DONE = "done"
    PARTIAL = "partial"
    """It ended, and some records did not make it."""
    FAILED = "failed"
    PARKED = "parked"
    """It waits for a person: a brake, an approval."""


@dataclass(frozen=True, slots=True)
class Run:
    """`job` is sync (which holds the others of one sync), pull, reconcile, push, discover, undo, verify or backfill;
    `counts` maps a word ("read", "created") to a number."""

    id: str
    job: str
    started_at: str
    connection: str = ""
    stream: str = ""
    lane: str = "live"
    state: RunState = RunState.RUNNING
    counts: Mapping[str, int] = field(default_factory=dict)
    note: str = ""
    ended_at: str | None = None
