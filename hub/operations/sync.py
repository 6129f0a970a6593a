"""Syncing now: read, match, write, until one round is done or until nothing is left to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hub.domain.connection import ConnectionState
from hub.errors import BadInput, Refused
from hub.operations.connections import named
from hub.operations.faults import sentence
from hub.operations.turns import sole_turn
from sync_jobs import runner
from sync_jobs.counts import Counts, Progress
from sync_jobs.hub import Hub


@dataclass(frozen=True, slots=True)
class ConnectionCounts:
    """What one connection did, by outcome. `writes`: whether the hub may write there (None: there is nothing that it
    would ever write); `state`: at the end."""

    connector: str
    writes: bool | None
    state: str
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Synced:
    """`ok`: nothing failed and nothing waits for a person. `failed` and `parked`: connection -> why."""

    ok: bool
    rounds: int
    quiet: bool
    connections: Mapping[str, ConnectionCounts]
    failed: Mapping[str, str]
    parked: Mapping[str, str]

    @property
    def writes(self) -> int:
        """How many writes were tried, whatever came of them."""
        tried = ("created", "updated", "removed", "refused", "in_doubt")
        return sum(c.counts.get(name, 0) for c in self.connections.values() for name in tried)

    @property
    def api_calls(self) -> int:
        return sum(c.counts.get("api_calls", 0) for c in self.connections.values())


async def sync(hub: Hub, connection: str | None, *, until_quiet: bool, progress: Progress | None = None) -> Synced:
    """One round, or rounds until nothing is left. `connection` None means every one. BadInput without any."""
    if not hub.wired and not hub.unusable:
        raise BadInput("there are no connections yet", mend="`hub connections add NAME --connector CONNECTOR`")
    only = None if connection is None else [await _awake(hub, connection)]
    async with sole_turn(hub, progress):
        report = await runner.sync(hub, only, until_quiet=until_quiet, progress=progress)
    chosen = [hub.wired[name].connection for name in report.connections]
    failed = {name: why for name, why in hub.unusable.items() if only is None or name in only}
    failed |= {c.name: c.state_reason for c in chosen if c.state is ConnectionState.BROKEN}
    failed |= {name: sentence(fault) for name, fault in report.faults.items()}
    parked = {name: "; ".join(str(t) for t in tripped) for name, tripped in report.parked.items()}
    by_trust = sorted(report.connections, key=lambda name: (hub.wired[name].connection.rank, name))
    counts = {name: counted(hub, name, report.connections[name]) for name in by_trust}
    return Synced(not failed and not parked, report.rounds, report.quiet, counts, failed, parked)


async def _awake(hub: Hub, connection: str) -> str:
    """The name of a connection that may be synced. Refused for a paused one: somebody decided that."""
    row = await named(hub, connection)
    if row.state is ConnectionState.PAUSED:
        raise Refused(f"{connection} is paused", mend=f"`hub connections resume {connection}`")
    return row.name


def counted(hub: Hub, name: str, done: Counts) -> ConnectionCounts:
    wired = hub.wired[name]
    writes = wired.connection.writes if wired.sinks() else None
    return ConnectionCounts(wired.connector.name, writes, wired.connection.state.value, done.as_dict())
