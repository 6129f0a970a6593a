"""Looking where webhooks said: the hinted records are read by id, and heard like any others.

A hint is only a reason to look. What isn't seen by a look is seen by the next walk: vendors don't promise that every
webhook arrives.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from hub.domain.hint import ANYTHING, Noted
from hub.domain.outcome import FaultKind
from hub.logs import log
from hub.sdk.http import ContractBroken
from hub.store import hints
from hub.transport.failed import Failed
from hub.transport.tally import tallied
from sync_jobs.counts import Counts
from sync_jobs.hub import Hub
from sync_jobs.look import hear_looked, look
from sync_jobs.push import LOOK_SINGLY_MAX
from sync_jobs.wiring import Wired

PERHAPS_THE_IDS = frozenset({FaultKind.CONTRACT, FaultKind.MISCONFIGURED, FaultKind.INVALID, FaultKind.CONFLICT})
"""Refusals that may be for the ids' sake: anybody may name a record that the vendor cannot even look for. They would
come again and again, and a walk doesn't name ids: if it is refused as well, its run says so."""
_log = log(__name__)


@dataclass(frozen=True, slots=True)
class Hinted:
    """What came of hints. `walk`: those that only a walk of the stream answers; `forget` them once such a walk, begun
    after they were taken, has ended."""

    counts: Counts = field(default_factory=Counts)
    walk: tuple[Noted, ...] = ()


async def look_at_hints(hub: Hub, wired: Wired, stream: str, limit: int) -> Hinted:
    """Looks at the hinted records of a stream that have waited longest, at most `limit`, and forgets these hints. A
    hint that came again meanwhile stays. Raises Failed when the vendor can't be asked just now, and then all stay.

    A stream that is not read (no mapping, or resting) has no use for hints: they are forgotten.
    """
    async with hub.database.read() as conn:
        taken = await hints.of(conn, wired.name, stream, limit)
    if stream not in wired.streams():
        await forget(hub, taken)
        return Hinted()
    if not _by_id(wired, stream, taken):
        return Hinted(walk=await all_of(hub, wired, stream) if taken else ())
    try:
        with tallied() as tally:
            looked = await look(hub, wired, stream, wired.sink(stream), [n.remote_id for n in taken], ())
    except (ContractBroken, Failed) as error:
        if isinstance(error, Failed) and error.fault.kind not in PERHAPS_THE_IDS:
            raise
        _log.warning("hinted ids could not be looked at", connection=wired.name, stream=stream, error=str(error))
        return Hinted(walk=await all_of(hub, wired, stream))
    counts = await hear_looked(hub, wired, stream, looked)
    counts.read += len(looked.records)
    counts.api_calls += tally.calls
    await forget(hub, taken)
    return Hinted(counts)


async def forget(hub: Hub, taken: Sequence[Noted]) -> None:
    """Drops hints that were looked at, or walked past."""
    if taken:
        async with hub.database.write() as conn:
            await hints.drop(conn, taken)


def _by_id(wired: Wired, stream: str, taken: Sequence[Noted]) -> bool:
    """Whether all of them can be looked at, at a cost below that of a walk."""
    if not taken or stream not in wired.connector.sinks or any(n.remote_id == ANYTHING for n in taken):
        return False
    return wired.sink(stream).look_max > 1 or len(taken) <= LOOK_SINGLY_MAX


async def all_of(hub: Hub, wired: Wired, stream: str) -> tuple[Noted, ...]:
    """Every hint of the stream: one walk answers them together."""
    async with hub.database.read() as conn:
        return tuple(await hints.of(conn, wired.name, stream, hints.IDS_MAX + 1))
