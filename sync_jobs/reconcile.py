"""Making golden records of what was seen: batch after batch, each in one transaction."""

from __future__ import annotations

from typing import Any

from hub import traces
from hub.domain.entities import FACT
from hub.domain.fact import Fact
from hub.domain.observation import Observation
from hub.domain.values import Values
from hub.store import facts, issues, observations
from hub.store.database import Transaction
from sync_jobs import garbage, rereading, troubles
from sync_jobs.counts import Counts, Progress, Silent
from sync_jobs.hearing import hear
from sync_jobs.hub import Hub
from sync_jobs.slices import Slice
from sync_jobs.wiring import Wired

BATCH = 1000
HURRIED_BATCH = 100
"""While webhooks come: a tenth of a second of this process is what one of them may wait for its answer."""
FIELDS = frozenset(FACT.fields)


async def reconcile(
    hub: Hub, wired: Wired, stream: str, *, progress: Progress | None = None, slice_: Slice | None = None
) -> Counts:
    """Hears everything of the stream that was not heard yet, until the slice is over."""
    garbage.spare()
    await rereading.finish(hub, progress=progress)
    counts = Counts()
    watching = progress or Silent()
    after = ""
    bounds = slice_ or Slice.whole()
    while not bounds.over() and (seen := await _batch(hub, wired, stream, after, counts)):
        after = seen[-1].address.remote_id
        bounds.spend(len(seen))
        watching.update("reconcile", wired.name, stream, counts.as_dict(), None)
    return counts


async def _batch(hub: Hub, wired: Wired, stream: str, after: str, counts: Counts) -> list[Observation]:
    """Hears the next observations after that id; answers them."""
    with traces.span("hear", connection=wired.name, stream=stream) as span:
        async with hub.database.hearing() as conn:
            size = HURRIED_BATCH if hub.database.hurried else BATCH
            seen = await observations.unheard(conn, wired.name, stream, size, after)
            if seen and wired.lenses[stream].entity == "fact":
                counts.add(await _measure(conn, hub, wired, stream, seen))
            elif seen:
                counts.add(await hear(conn, hub, wired, stream, seen))
        span.tell(heard=len(seen))
    return seen


async def _measure(conn: Transaction, hub: Hub, wired: Wired, stream: str, seen: list[Observation]) -> Counts:
    """Facts are measured, not argued about: the latest word of their source is what is known."""
    lens = wired.lenses[stream]
    now = hub.now_text()
    rows, counts = [], Counts()
    for observation in seen:
        if observation.gone:
            continue
        reading = lens.get(observation.raw, observation.modified_at)
        for complaint in reading.complaints:
            await issues.raise_(conn, troubles.value(observation.address, complaint, now))
            counts.issues += 1
        if reading.values.get("campaign_ref") and reading.values.get("day"):
            rows.append(_fact(reading.values))
    await facts.keep(conn, wired.name, stream, rows, now)
    await observations.mark_heard(conn, [(o.address, o.revision) for o in seen])
    counts.heard += len(seen)
    return counts


def _fact(values: Values) -> Fact:
    """A reading of a fact stream as a fact; the lens has checked the kinds."""
    known: dict[str, Any] = {name: value for name, value in values.items() if name in FIELDS}
    return Fact(**known)
