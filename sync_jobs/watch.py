"""When one sync looks at the remotes' fields: once a day, and at once when a refusal may be explained by them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from hub.domain.connection import ConnectionState
from hub.domain.moments import parse
from hub.domain.outcome import Fault, FaultKind
from hub.logs import log
from hub.sdk.http import ContractBroken
from hub.store import attempts, connections, discoveries, issues
from hub.transport.client import Failed
from hub.transport.tally import tallied
from sync_jobs import discover, drifts
from sync_jobs.counts import Counts
from sync_jobs.discover import Found
from sync_jobs.hub import Hub
from sync_jobs.wiring import Wired

LOG = log(__name__)
OF_THE_MAPPING = (FaultKind.CONTRACT, FaultKind.MISCONFIGURED)
"""Faults that a missing field explains."""
OF_A_VALUE = FaultKind.INVALID
"""A fault that a field explains which changed its type or lost a choice, and far more often a single bad value."""
FRESH = timedelta(hours=1)
"""A refused value is no reason to look again at fields that were seen so lately."""


class Watch:
    """For one sync. A connection's fields are looked at twice at most: because it is time, and because it failed."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._looked: set[str] = set()
        self._explained: set[str] = set()
        self._failed: dict[str, Fault] = {}

    async def look(self, wired: Wired) -> Counts:
        """Looks if it is time. A look that fails costs nothing but itself: its run and its issue say so."""
        if wired.name in self._looked or not await discover.due(self._hub, wired):
            return Counts()
        self._looked.add(wired.name)
        counts, _ = await self._discover(wired.name, frozenset())
        return counts

    async def walked(self, connection: str) -> None:
        """The connection's records could be read. If its fields could not, somebody has to know."""
        fault = self._failed.pop(connection, None)
        if fault is None or fault.kind not in OF_THE_MAPPING:
            return
        async with self._hub.database.write() as conn:
            why = f"{fault.code}: {fault.message}"
            await issues.raise_(conn, drifts.unbelievable(connection, "", why, self._hub.now_text()))

    async def explain(self, connection: str, faults: Sequence[Fault]) -> tuple[Counts, bool]:
        """Looks at the fields when one of the faults may come of them. True: fields rest now that didn't before, so it
        is worth trying again; a connection that the fault stopped goes on."""
        likely = [f for f in faults if f.kind in OF_THE_MAPPING]
        if connection in self._explained or not (likely or await self._doubtful(connection, faults)):
            return Counts(), False
        self._explained.add(connection)
        counts, found = await self._discover(connection, frozenset(f.field for f in likely if f.field))
        if found is None or not found.moved:
            return counts, False
        await self._go_on(connection)
        return counts, True

    async def refusals(self, run_id: str) -> list[Fault]:
        """The faults of a run's writes, each once."""
        async with self._hub.database.read() as conn:
            tried = await attempts.of_run(conn, run_id)
        return list(dict.fromkeys(a.fault for a in tried if a.fault is not None and a.fault.field))

    async def _doubtful(self, connection: str, faults: Sequence[Fault]) -> bool:
        if not any(f.kind is OF_A_VALUE and f.field for f in faults):
            return False
        async with self._hub.database.read() as conn:
            seen = await discoveries.all(conn, connection)
        return not seen or self._hub.clock() - min(parse(d.at) for d in seen) >= FRESH

    async def _discover(self, connection: str, missing: frozenset[str]) -> tuple[Counts, Found | None]:
        found = None
        try:
            with tallied() as tally:
                found = await discover.discover(self._hub, connection, missing)
        except (Failed, ContractBroken) as failed:
            fault = failed.fault() if isinstance(failed, ContractBroken) else failed.fault
            self._failed[connection] = fault
            LOG.info("fields could not be looked at", connection=connection, fault=fault.code)
        issues = found.issues if found is not None else 0
        return Counts(api_calls=tally.calls, issues=issues), found

    async def _go_on(self, connection: str) -> None:
        wired = self._hub.wired[connection]
        if wired.connection.state is ConnectionState.BROKEN:
            async with self._hub.database.write() as conn:
                await connections.set_state(conn, connection, ConnectionState.ACTIVE)
            await self._hub.wire()
