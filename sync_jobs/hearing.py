"""From observations to golden records: the one place where what was seen becomes what is believed.

Bulk at both ends, pure in the middle: judged by reading only (`judging`), then kept in one transaction.
"""

from __future__ import annotations

from collections.abc import Sequence

from hub.domain.observation import Observation
from hub.engine.reconcile import Reconciled
from hub.store import attempts, changes, consent_changes, golden, links, observations, pins, statements
from hub.store.database import Transaction
from sync_jobs import consents, troubles
from sync_jobs.counts import Counts
from sync_jobs.hub import Hub
from sync_jobs.judging import Batch, Judged, judge
from sync_jobs.wiring import Wired


async def hear(
    conn: Transaction,
    hub: Hub,
    wired: Wired,
    stream: str,
    seen: Sequence[Observation],
) -> Counts:
    """Hears observations of one stream; the caller's transaction keeps all of it or nothing. Those whose deletion
    can't be believed yet stay unheard."""
    if not seen:
        return Counts()
    return await keep(conn, hub, await judge(conn, hub.book, wired, stream, seen))


async def keep(conn: Transaction, hub: Hub, judged: Judged) -> Counts:
    """Keeps what was judged."""
    counts = Counts()
    batch, now = judged.batch, hub.now_text()
    for old, new in batch.readdressed.items():
        await links.readdress(conn, old, new)
    for loser, winner in judged.identities.merged.items():
        await _reassign(conn, loser, winner)
    await links.put(conn, [*batch.closed, *batch.reworded], now)
    await _keep(conn, batch, judged.results, now)
    await consent_changes.note(conn, consents.changes(judged, now))
    counts.issues += await troubles.of_hearing(
        conn, now, batch.wired.name, batch.stream, batch.readings, judged.results, judged.identities
    )
    deferred = judged.deferred
    heard = [(o.address, o.revision) for o in batch.seen if o.address not in deferred]
    await observations.mark_heard(conn, heard)
    counts.heard += len(heard)
    return counts


async def _reassign(conn: Transaction, loser: str, winner: str) -> None:
    """All that hangs on an entity goes over to the one that absorbs it."""
    await links.reassign(conn, loser, winner)
    await attempts.reassign(conn, loser, winner)
    await pins.reassign(conn, loser, winner)
    await statements.reassign(conn, loser, winner)
    await consent_changes.reassign(conn, loser, winner)


async def _keep(conn: Transaction, batch: Batch, results: Sequence[Reconciled], now: str) -> None:
    touched = [link for r in results for link in r.links]
    await links.put(conn, touched, now)
    rekeyed = [k for k in touched if k.address not in batch.known or batch.known[k.address].keys != k.keys]
    await links.put_keys(conn, batch.entity, rekeyed)
    await golden.put(conn, [r.golden for r in results if r.changed], now)
    await changes.append(conn, [c for r in results for c in r.changes])
