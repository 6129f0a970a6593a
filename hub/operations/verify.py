"""Comparing the store with what every system holds now: counts, and differences by reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hub.domain.values import Value
from hub.operations.connections import named
from hub.operations.faults import sentence
from sync_jobs import verify as jobs
from sync_jobs.counts import Progress
from sync_jobs.hub import Hub


@dataclass(frozen=True, slots=True)
class Difference:
    """One field of one record that is not as the hub holds it. `reason` says what is behind it."""

    connection: str
    stream: str
    remote_id: str
    entity_id: str
    field: str
    store: Value
    remote: Value
    reason: str


@dataclass(frozen=True, slots=True)
class Verified:
    """Counted in records. `unknown`: the hub cannot say (not matched yet, or an open issue holds it). `held_back`: of
    those that agree, records in which an undo holds a golden value back until it moves. `reasons`: how many differing
    fields have which reason; `differences` lists the first thousand; `failed`: connections that could not be read
    whole -> why. `ok`: nothing differs and everything could be read."""

    ok: bool
    agree: int
    differ: int
    unknown: int
    reasons: Mapping[str, int]
    differences: tuple[Difference, ...]
    failed: Mapping[str, str]
    api_calls: int
    held_back: int = 0


async def verify(hub: Hub, connection: str | None = None, progress: Progress | None = None) -> Verified:
    """Reads every system again and compares. Changes nothing."""
    only = None if connection is None else [(await named(hub, connection)).name]
    found = await jobs.verify(hub, only, progress=progress)
    differences = tuple(
        Difference(d.connection, d.stream, d.remote_id, d.entity_id, d.field, d.store, d.remote, d.reason)
        for d in found.differences
    )
    reasons = dict(sorted(found.reasons.items(), key=lambda item: -item[1]))
    failed = {name: why for name, why in hub.unusable.items() if only is None or name in only}
    failed |= {name: sentence(fault) for name, fault in found.faults.items()}
    return Verified(
        not found.differ and not failed,
        found.agree,
        found.differ,
        found.unknown,
        reasons,
        differences,
        failed,
        found.api_calls,
        found.held_back,
    )
