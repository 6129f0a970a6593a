"""The sweep derives every wake-up from the store: the queue may forget, this doesn't."""

from __future__ import annotations

from collections.abc import Awaitable, Collection
from typing import TypeVar

from hub.domain.lane import Lane
from hub.logs import log
from hub.store import circuits, consent_changes, golden, hints, observations, trouble
from sync_jobs import backfill, calendar, doubt, verifying
from sync_jobs.consents import addressee
from sync_jobs.hub import Hub
from sync_jobs.queue import Job, Wake
from sync_jobs.wiring import Wired

T = TypeVar("T")

LOG = log(__name__)


async def sweep(hub: Hub) -> list[Wake]:
    """What has to be heard, and what has to be told, now."""
    wakes: list[Wake] = []
    for wired in [*hub.wired.values()]:  # jobs side by side may wire anew meanwhile
        if wired.active:
            wakes += await _of(hub, wired)
    return wakes


async def tours(hub: Hub) -> list[Wake]:
    """Which lanes of which connections have anything to do now; consent first."""
    now = hub.now_text()
    async with hub.database.read() as conn:
        resting = {name for name, c in (await circuits.all(conn)).items() if c.until > now}
        hinted = {connection for connection, _ in await hints.count(conn)}
        consents = await consent_changes.any_open(conn)
    wired = {w.name: w for w in hub.wired.values() if w.active and w.name not in resting}
    told = [name for name, w in wired.items() if consents and await _spared(_consent(hub, w), False, name)]
    live = [name for name, w in wired.items() if name in hinted or await _spared(_live(hub, w), False, name)]
    lanes: dict[Lane, Collection[str]] = {
        Lane.CONSENT: told,
        Lane.LIVE: live,
        Lane.BACKFILL: {connection for connection, _, _ in await backfill.pending(hub)},
        Lane.VERIFY: await _spared(verifying.pending(hub), [], "of all that are verified"),
    }
    return [Wake(Job.TOUR, name, lane=lane) for lane, found in lanes.items() for name in wired if name in found]


async def _spared(look: Awaitable[T], otherwise: T, connection: str) -> T:
    """What a look finds. One that fails costs the others nothing; a store that is away is the trouble of all."""
    try:
        return await look
    except Exception as error:
        if trouble.meaning(error) is not None:
            raise
        LOG.error("a connection could not be looked at", connection=connection, exc_info=error)
        return otherwise


async def _live(hub: Hub, wired: Wired) -> bool:
    return bool(await calendar.due_streams(hub, wired) or await _of(hub, wired))


async def _consent(hub: Hub, wired: Wired) -> bool:
    """Whether somebody's consent is still to be told here, or a write of that lane is in doubt."""
    now = hub.now_text()
    async with hub.database.read() as conn:
        for sink in wired.sinks() if wired.connection.writes else []:
            if await consent_changes.due(conn, addressee(wired, sink), wired.lenses[sink].entity, now, limit=1):
                return True
            if await doubt.to_look_at(conn, hub, wired.name, sink, 1, Lane.CONSENT):
                return True
    return False


async def _of(hub: Hub, wired: Wired) -> list[Wake]:
    wakes = []
    async with hub.database.read() as conn:
        for stream in wired.streams():
            unheard = await observations.unheard(conn, wired.name, stream, 1)
            wakes += [Wake(Job.RECONCILE, wired.name, stream)] if unheard else []
        for sink in wired.sinks() if wired.connection.writes else []:
            due = await golden.due(conn, wired.name, sink, hub.now_text(), "", 1)
            if due or await doubt.to_look_at(conn, hub, wired.name, sink, 1):
                wakes.append(Wake(Job.PUSH, wired.name, sink))
    return wakes
