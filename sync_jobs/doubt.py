"""Writes in doubt: their answer was lost, or the process died. Look what became of them before anything else.

A write that was applied is heard as ours, through what its attempt says it meant to change; one that was not applied
leaves no trace and is decided anew. Until then nothing is decided about its entity, and no deletion is believed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hub.domain.attempt import Attempt, AttemptState
from hub.domain.lane import Lane
from hub.domain.link import LinkState
from hub.domain.plan import Op
from hub.engine.hear import settle
from hub.sdk.sinks import Sink
from hub.store import attempts, links, observations
from hub.store.database import Transaction
from sync_jobs.counts import Counts
from sync_jobs.hub import Hub
from sync_jobs.look import hear_looked, hear_news, look
from sync_jobs.reconcile import reconcile
from sync_jobs.wiring import Wired

BATCH = 500


async def resolve(hub: Hub, wired: Wired, stream: str, sink: Sink, counts: Counts, lane: Lane | None = None) -> None:
    """Raises Failed when the vendor can't be asked: then everything stays in doubt. Only writes of one `lane`, where
    others may be under way in another one."""
    while doubtful := await _doubtful(hub, wired, stream, lane):
        ids = {a.remote_id for a in doubtful if a.remote_id}
        keys = {a.key for a in doubtful if a.remote_id is None and a.key}
        counts.add(await hear_news(hub, wired, stream, ids))  # the look may no longer show what was seen before
        looked = await look(hub, wired, stream, sink, ids, keys)
        counts.add(await hear_looked(hub, wired, stream, looked))
        now = hub.now_text()
        async with hub.database.hearing() as conn:
            await _told_before_deletion(conn, hub, wired, stream, doubtful)
            await attempts.close(conn, [replace(a, state=AttemptState.SETTLED, closed_at=now) for a in doubtful])
        counts.add(await reconcile(hub, wired, stream))  # deletions that could not be believed until now


async def _told_before_deletion(
    conn: Transaction, hub: Hub, wired: Wired, stream: str, doubtful: Sequence[Attempt]
) -> None:
    """Of a record that is gone nobody can tell any more whether the update arrived. It is taken for told: then the
    deletion came after it and counts, instead of bringing the record back. Where an undo was removing the record, it
    is gone by our doing: that says nothing about the person."""
    addresses = [a.address for a in doubtful if a.address is not None]
    seen = await observations.fetch(conn, addresses)
    known = await links.by_address(conn, [a for a, o in seen.items() if o.gone])
    told = dict(known)
    for attempt in doubtful:
        address = attempt.address
        if address is None or address not in told:
            continue
        if attempt.undoes and attempt.op is Op.REMOVE:
            told[address] = replace(told[address], state=LinkState.UNLINKED)
        else:
            policy = wired.policy(stream)
            told[address] = settle(told[address], attempt.expect, None, policy, undone=attempt.undoes)
    await links.put(conn, list(told.values()), hub.now_text())


async def _doubtful(hub: Hub, wired: Wired, stream: str, lane: Lane | None) -> Sequence[Attempt]:
    async with hub.database.read() as conn:
        return await attempts.unsettled_of(conn, wired.name, stream, BATCH, lane=lane)
