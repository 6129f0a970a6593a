"""Entities as the store holds them now, with what is decided about each: what plan, preview and push all look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hub.domain.golden import Golden
from hub.domain.link import Link
from hub.domain.plan import Change
from hub.engine.decide import Decision, decide, key_of
from hub.store import attempts, golden, links
from hub.store.database import Transaction
from sync_jobs.wiring import Wired

BATCH = 500
"""Entities that are decided about at a time."""


@dataclass(frozen=True, slots=True)
class View:
    """Entities as the store holds them now, and what is decided about each."""

    goldens: Mapping[str, Golden] = field(default_factory=dict)
    links: Mapping[str, Sequence[Link]] = field(default_factory=dict)
    decisions: Mapping[str, Decision] = field(default_factory=dict)

    def changes(self) -> list[Change]:
        return [c for d in self.decisions.values() for c in d.changes]


async def view(conn: Transaction, wired: Wired, stream: str, ids: Sequence[str]) -> View:
    """Decides about these entities, purely on what the store holds."""
    goldens = await golden.fetch(conn, ids)
    owned = await links.by_entities(conn, ids)
    unsettled = await attempts.unsettled(conn, ids)
    place = wired.place(stream)
    decisions = {
        e: decide(
            record,
            owned.get(e, ()),
            place,
            in_doubt=bool(unsettled.get(e)),
            key=key_of(record, owned.get(e, ()), place.policy),
            elsewhere=all(a.connection != wired.name for a in unsettled.get(e, ())),
        )
        for e, record in goldens.items()
    }
    return View(goldens, owned, decisions)
