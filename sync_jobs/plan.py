"""What the hub would write now, decided on the store alone: no calls, no writes."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import reduce

from hub.domain.plan import Change
from hub.domain.policy import Caps
from hub.engine.guard import Tally, Tripped, capped, guard, strictest, tally
from hub.store import golden, links
from sync_jobs import brakes
from sync_jobs.hub import Hub
from sync_jobs.view import BATCH, view
from sync_jobs.wiring import Wired


@dataclass(slots=True)
class Plan:
    """`changes` up to the limit asked for; `tallies` count all of them by connection. `tripped`: brakes that would
    park the push. `waiting`: entities with a write in doubt. `notes` count why nothing is created, by reason."""

    changes: list[Change] = field(default_factory=list)
    tallies: dict[str, Tally] = field(default_factory=dict)
    tripped: dict[str, tuple[Tripped, ...]] = field(default_factory=dict)
    waiting: int = 0
    notes: dict[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return sum(t.creates + t.updates + t.removes for t in self.tallies.values())


async def plan(hub: Hub, connection: str | None = None, limit: int | None = None) -> Plan:
    """Plans also for connections that may not write yet: that is how one decides to allow it."""
    planned = Plan()
    chosen = [hub.connection(connection)] if connection else list(hub.wired.values())
    for wired in chosen:
        if not wired.sinks():
            continue
        tallies = {stream: await _of(hub, wired, stream, planned, limit) for stream in wired.sinks()}
        planned.tallies[wired.name] = reduce(Tally.plus, tallies.values())
        tripped = await _stopped(hub, wired, tallies)
        if tripped:
            planned.tripped[wired.name] = tripped
    return planned


async def _stopped(hub: Hub, wired: Wired, tallies: dict[str, Tally]) -> tuple[Tripped, ...]:
    """What would stop the pushes: the brakes, and the caps of each stream's mapping."""
    async with hub.database.read() as conn:
        allowance = await brakes.allowance(conn, wired.name)
        known = await links.total(conn, wired.name)
        tripped = [*guard(reduce(Tally.plus, tallies.values()), known, hub.brakes, allowance)]
        for stream, planned in tallies.items():
            caps = wired.policy(stream).caps
            if caps != Caps():
                tripped += capped(planned, await links.total(conn, wired.name, stream), caps, allowance)
    return strictest(*tripped)


async def _of(hub: Hub, wired: Wired, stream: str, planned: Plan, limit: int | None) -> Tally:
    total, after = Tally(), ""
    async with hub.database.read() as conn:
        while ids := await golden.due(conn, wired.name, stream, hub.now_text(), after, BATCH):
            seen = await view(conn, wired, stream, ids)
            changes = seen.changes()
            total = total.plus(tally(changes))
            room = len(changes) if limit is None else max(limit - len(planned.changes), 0)
            planned.changes += changes[:room]
            for decision in seen.decisions.values():
                planned.waiting += bool(decision.waits)
                for note in decision.notes:
                    planned.notes[note] = planned.notes.get(note, 0) + 1
            after = ids[-1]
    return total
