"""How the hub stands: what it holds of every stream, what is due, what waits for a person, what ran."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from hub.domain.circuit import Circuit
from hub.domain.consent_change import Latencies
from hub.domain.golden import GoldenState
from hub.domain.moments import iso, parse
from hub.domain.run import Run
from hub.domain.worker import Worker
from hub.engine.circuit import is_open
from hub.operations.alerts import stale
from hub.operations.backfill import UnderWay, under_way
from hub.store import alerts, attempts, circuits, cursors, golden, issues, observations, workers
from hub.store import runs as run_store
from hub.store.consent_changes import latencies
from sync_jobs import alerting, drifts
from sync_jobs.hub import Hub
from sync_jobs.wiring import Wired


@dataclass(frozen=True, slots=True)
class StreamStatus:
    """`records`: held of the remote and not gone; `unheard`: read and not yet matched; `due`: entities to look at
    before this system holds what it should (None: the hub may not write there); `read_at`: when a walk last ended
    (None: never); `walking`: a walk is under way, and how many records it has shown."""

    stream: str
    records: int
    unheard: int
    due: int | None
    read_at: str | None
    walking: int | None


@dataclass(frozen=True, slots=True)
class ConnectionStatus:
    name: str
    connector: str
    state: str
    reason: str
    writes: bool | None
    account: str
    issues: int
    streams: tuple[StreamStatus, ...]
    resting: tuple[str, ...] = ()
    """Fields that are neither read nor written since they drifted, in sentences."""
    circuit: Circuit | None = None
    """It failed again and again, or limits its callers: until when it is left alone. None when it is not."""


@dataclass(frozen=True, slots=True)
class Status:
    """`golden`: live entities by kind; `buried`: entities with a tombstone; `in_doubt`: writes of which nobody knows
    yet whether they were applied; `alerts`: what the open ones say; `unwatched`: since when nobody has looked whether
    anything is wrong, "" where somebody does or nobody ever did; `consent`: how long changes of consent took within
    the last day, from seen anywhere to written everywhere; `backfills`: those under way; `workers`: the processes that
    keep everything in agreement or take webhooks, and said so lately."""

    home: Path
    golden: Mapping[str, int]
    buried: int
    in_doubt: int
    issues: int
    connections: tuple[ConnectionStatus, ...]
    alerts: tuple[str, ...] = ()
    consent: Latencies | None = None
    backfills: tuple[UnderWay, ...] = ()
    workers: tuple[Worker, ...] = ()
    unwatched: str = ""


@dataclass(frozen=True, slots=True)
class Runs:
    """The latest first."""

    runs: tuple[Run, ...]


ENTITIES = ("contact", "campaign")
DAY = timedelta(days=1)
ALIVE = timedelta(seconds=30)
"""A worker says every few seconds that it lives."""


async def status(hub: Hub) -> Status:
    """Counts only; no personal data."""
    now = hub.now_text()
    async with hub.database.read() as conn:
        live = {entity: await golden.count(conn, entity) for entity in ENTITIES}
        buried = sum([await golden.count(conn, entity, GoldenState.BURIED) for entity in ENTITIES])
        open_issues = {name: sum(kinds.values()) for name, kinds in (await issues.count(conn)).items()}
    shown = [
        ConnectionStatus(name, "", "unusable", why, None, "", open_issues.get(name, 0), ())
        for name, why in hub.unusable.items()
    ]
    shown += [await _connection(hub, wired, open_issues.get(name, 0), now) for name, wired in sorted(hub.wired.items())]
    async with hub.database.read() as conn:
        # Also of connections that cannot be used now: they are looked up when they can. What a connection that was
        # removed left behind is history.
        in_doubt = await attempts.count_unsettled(conn, {*hub.wired, *hub.unusable})
        said = tuple(alert.summary for alert in await alerts.open_ones(conn))
        consent = await latencies(conn, iso(hub.clock() - DAY))
        working = tuple(await workers.all(conn, iso(hub.clock() - ALIVE)))
    going_on = (await under_way(hub)).backfills
    waiting = sum(open_issues.values())
    looked_at = await alerting.looked_at(hub)
    unwatched = looked_at or "" if stale(hub, looked_at) else ""
    return Status(hub.home, live, buried, in_doubt, waiting, tuple(shown), said, consent, going_on, working, unwatched)


async def _connection(hub: Hub, wired: Wired, open_issues: int, now: str) -> ConnectionStatus:
    streams = []
    async with hub.database.read() as conn:
        for name in wired.streams():
            held = await observations.count(conn, wired.name, name)
            cursor = await cursors.fetch(conn, wired.name, name)
            due = None
            if name in wired.sinks() and wired.connection.writes:
                due = await golden.due_count(conn, wired.name, name, now)
            walking = cursor.read if cursor.position is not None else None
            streams.append(StreamStatus(name, held.live, held.unheard, due, cursor.finished_at, walking))
        rests = await drifts.of(conn, wired.name)
        circuit = await circuits.get(conn, wired.name)
    account = wired.connection.account or {}
    return ConnectionStatus(
        name=wired.name,
        connector=wired.connector.name,
        state=wired.connection.state.value,
        reason=wired.connection.state_reason,
        writes=wired.connection.writes if wired.sinks() else None,
        account=account.get("title") or account.get("key") or "",
        issues=open_issues,
        streams=tuple(streams),
        resting=tuple(h.issue.summary for h in rests),
        circuit=circuit if circuit is not None and (circuit.until > now or is_open(circuit)) else None,
    )


async def runs(hub: Hub, limit: int) -> Runs:
    """The latest runs, newest first."""
    async with hub.database.read() as conn:
        return Runs(tuple(await run_store.recent(conn, limit)))


def seconds(run: Run) -> str:
    """How long a run took, as text; "" while it runs."""
    if run.ended_at is None:
        return ""
    return f"{(parse(run.ended_at) - parse(run.started_at)).total_seconds():,.1f}"
