"""What decides, taken together: the lenses of all connections, their ranks, and survivorship. Frozen, so that two of
them, as they are and as they would be, can be held against each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from hub.domain.connection import Connection
from hub.domain.keys import Address
from hub.domain.policy import EntityPolicy, StreamPolicy, Survivorship, Weight
from hub.engine.reconcile import Rules
from mappings.lens import Lens
from sync_jobs.wiring import Wired


@dataclass(frozen=True, slots=True)
class Rulebook:
    """`rows` holds every connection, also those that cannot be used now: their words keep their place."""

    wired: Mapping[str, Wired]
    rows: Mapping[str, Connection]
    policies: Mapping[str, EntityPolicy]

    def rules(self, entity: str) -> Rules:
        """Survivorship and ranks for one kind of entity."""
        return Rules(entity, self.policies[entity], self._rank, self._weight, self.policy)

    def policy(self, address: Address) -> StreamPolicy | None:
        wired = self.wired.get(address.connection)
        lens = wired.lenses.get(address.stream) if wired else None
        return lens.policy if lens else None

    def edited(self, lenses: Mapping[tuple[str, str], Lens], policies: Mapping[str, EntityPolicy]) -> Rulebook:
        """The rules as they would be with these lenses, by connection and stream, and these survivorships."""
        wired = dict(self.wired)
        for (connection, stream), lens in lenses.items():
            old = wired[connection]
            wired[connection] = replace(old, lenses={**old.lenses, stream: lens})
        return replace(self, wired=wired, policies={**self.policies, **policies})

    def _rank(self, connection: str, rule: Survivorship) -> float:
        row = self.rows.get(connection)
        names = (connection, row.connector) if row else (connection,)
        for place, name in enumerate(rule.rank):
            if name in names:
                return float(place)
        return len(rule.rank) + (row.rank if row else 1000) / 1000

    def _weight(self, address: Address, field: str) -> Weight:
        """What is said in a field that the mapping doesn't read, or no longer, is remembered and doesn't count. Of a
        connection that cannot be used now everything counts as it did."""
        policy = self.policy(address)
        if policy is None:
            return Weight.RANKED
        known = policy.fields.get(field)
        return known.weight if known is not None and known.counts else Weight.NEVER
