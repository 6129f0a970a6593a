"""Judging an entity anew when a person said something at the hub itself, not in any system."""

from __future__ import annotations

from hub.domain.golden import Golden
from hub.engine.reconcile import Scene, reconcile
from hub.store import attempts, changes, golden, links, pins, statements
from hub.store.database import Transaction
from sync_jobs.hub import Hub


async def judge(conn: Transaction, hub: Hub, record: Golden, now: str) -> Golden:
    """The golden record as links, pins and statements make it now; kept when it moved, so that the next sync tells."""
    ids = [record.entity_id]
    scene = Scene(
        record,
        tuple((await links.by_entities(conn, ids)).get(record.entity_id, ())),
        tuple((await pins.fetch(conn, ids)).get(record.entity_id, {}).values()),
        (await statements.fetch(conn, ids)).get(record.entity_id),
        in_doubt=bool(await attempts.unsettled(conn, ids)),
    )
    result = reconcile(record.entity_id, scene, {}, hub.rules(record.entity))
    if result.changed:
        await golden.put(conn, [result.golden], now)
        await changes.append(conn, result.changes)
    return result.golden
