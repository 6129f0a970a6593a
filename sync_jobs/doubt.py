"""Writes in doubt: their answer was lost, or the process died. Look what became of them before anything else.

A write that was applied is heard as ours, through what its attempt says it meant to change; one that was not applied
leaves no trace and is decided anew. Until then nothing is decided about its entity, and no deletion is believed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hub.domain.attempt import Attempt, AttemptState
from hub.sdk.sinks import Sink
from hub.store import attempts
from sync_jobs.counts import Counts
from sync_jobs.hub import Hub
from sync_jobs.look import hear_looked, look
from sync_jobs.reconcile import reconcile
from sync_jobs.wiring import Wired

BATCH = 500


async def resolve(hub: Hub, wired: Wired, stream: str, sink: Sink, counts: Counts) -> None:
    """Raises Failed when the vendor can't be asked: then everything stays in doubt."""
    while doubtful := await _doubtful(hub, wired, stream):
        ids = {a.remote_id for a in doubtful if a.remote_id}
        keys = {a.key for a in doubtful if a.remote_id is None and a.key}
        looked = await look(hub, wired, stream, sink, ids, keys)
        counts.add(await hear_looked(hub, wired, stream, looked))
        now = hub.now_text()
        async with hub.database.write() as conn:
            await attempts.close(conn, [replace(a, state=AttemptState.SETTLED, closed_at=now) for a in doubtful])
        counts.add(await reconcile(hub, wired, stream))  # deletions that could not be believed until now


async def _doubtful(hub: Hub, wired: Wired, stream: str) -> Sequence[Attempt]:
    async with hub.database.read() as conn:
        return await attempts.unsettled_of(conn, wired.name, stream, BATCH)
