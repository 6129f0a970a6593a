"""Writes in doubt: their answer was lost, or the process died. Look what became of them before anything else.

A write that was applied is heard as ours, through what its attempt says it meant to change; one that was not applied
leaves no trace and is decided anew. Until then nothing is decided about its entity, and no deletion is believed.

A vendor may still work on a request that nobody waits for any more. So what a look does not show stays in doubt for
`Hub.doubt`, longer than vendors give a request themselves, and is then looked at once more: that counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from hub.domain.attempt import Attempt, AttemptState
from hub.domain.keys import Address
from hub.domain.lane import Lane
from hub.domain.link import LinkState
from hub.domain.moments import iso, parse
from hub.domain.plan import Op
from hub.engine.hear import settle, shows
from hub.sdk.sinks import Sink
from hub.store import attempts, links, observations
from hub.store.database import Transaction
from hub.transport.wire import DEADLINE
from sync_jobs.counts import Counts
from sync_jobs.hub import Hub
from sync_jobs.look import Looked, hear_looked, hear_news, look
from sync_jobs.reconcile import reconcile
from sync_jobs.wiring import Wired

BATCH = 500
LEAVES_WITHIN = timedelta(seconds=DEADLINE)
"""A write that was opened has left by then, or never will."""


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
            shown = await _shown(conn, wired, stream, doubtful, looked)
            over = [a for a in doubtful if a.id in shown or _over(hub, a)]
            held = [a for a in doubtful if not (a.id in shown or _over(hub, a))]
            await _told_before_deletion(conn, hub, wired, stream, over)
            await attempts.close(conn, [replace(a, state=AttemptState.SETTLED, closed_at=now) for a in over])
            await attempts.close(conn, [replace(a, state=AttemptState.IN_DOUBT, closed_at=now) for a in held])
        counts.add(await reconcile(hub, wired, stream))  # deletions that could not be believed until now


async def to_look_at(
    conn: Transaction, hub: Hub, connection: str, stream: str, limit: int, lane: Lane | None = None
) -> list[Attempt]:
    """Writes in doubt of one sink, of one lane or of all, at which it is time to look."""
    looked = iso(hub.clock() - hub.doubt)
    return await attempts.unsettled_of(conn, connection, stream, limit, lane=lane, looked=looked)


async def next_look(conn: Transaction, hub: Hub, connection: str, stream: str) -> datetime | None:
    """When it is time to look again at a write that a look did not show; None when there is no such write."""
    looked = await attempts.looked_at(conn, connection, stream)
    return None if looked is None else parse(looked) + hub.doubt


def _over(hub: Hub, attempt: Attempt) -> bool:
    """Whether the vendor must have finished with it. One that was looked at had left by then."""
    left = parse(attempt.closed_at) if attempt.closed_at else parse(attempt.opened_at) + LEAVES_WITHIN
    return hub.clock() - left >= hub.doubt


async def _shown(conn: Transaction, wired: Wired, stream: str, doubtful: Sequence[Attempt], looked: Looked) -> set[str]:
    """Ids of those that surely arrived. Of an update to a record that is gone nobody can tell."""
    addresses = {a.address for a in doubtful if a.address} | {Address(wired.name, stream, i) for i in looked.records}
    seen = await observations.fetch(conn, sorted(addresses))
    known = await links.by_address(conn, [a for a, o in seen.items() if not o.gone])
    made = {key for a, link in known.items() if a.remote_id in looked.records for key in link.keys}
    policy = wired.policy(stream)
    shown = set()
    for attempt in doubtful:
        if attempt.address is None:
            arrived = attempt.key in made
        elif attempt.op is Op.REMOVE:
            arrived = attempt.address not in seen or seen[attempt.address].gone
        else:
            arrived = attempt.address in known and shows(known[attempt.address], attempt, policy)
        shown |= {attempt.id} if arrived else set()
    return shown


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
        return await to_look_at(conn, hub, wired.name, stream, BATCH, lane)
