"""How the store stands, in numbers for metrics: each question is asked anew after a while, however often a scraper
comes, and seldom where it is dear. No question may take more than a fiftieth of the time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeAlias

from hub.domain.moments import iso, parse
from hub.engine.alerts import QUOTA_WINDOW
from hub.engine.circuit import is_open
from hub.logs import log
from hub.store import alerts, circuits, consent_changes, gauges, golden, hints, issues, trouble
from sync_jobs import calendar
from sync_jobs.hub import Hub
from sync_jobs.situation import quotas

KEPT_LEAST = 10.0
"""Seconds for which an answer is given again."""
KEPT_TIMES = 50.0
"""For so many times as long as it took."""
KEPT_MOST = 900.0
WITHIN = 30.0
"""Seconds after which a question is given up until the next time."""
ANSWERS_WITHIN = 5.0
"""Seconds after which a store that says nothing is away: scrapers give up after 10."""
WORKER_SILENT = timedelta(seconds=60)
"""A worker that said nothing for longer is not alive."""
CONSENT_OF = timedelta(hours=24)
"""Changes of consent whose latencies are told."""
LOG = log(__name__)


@dataclass(frozen=True, slots=True)
class Gauge:
    """One number: `name` without a prefix ("records_held"), `labels` in their order."""

    name: str
    value: float
    labels: Mapping[str, str] = field(default_factory=dict)


Found: TypeAlias = list[Gauge]
Question: TypeAlias = Callable[[Hub], Awaitable[Found]]


@dataclass(slots=True)
class _Answer:
    gauges: tuple[Gauge, ...] = ()
    until: float = 0.0


class Gauges:
    """To be asked by one process, as often as anybody likes. `clock` in seconds."""

    def __init__(self, hub: Hub, clock: Callable[[], float] = time.monotonic) -> None:
        self._hub = hub
        self._clock = clock
        self._answers: dict[str, _Answer] = {}
        self._asking = asyncio.Lock()
        self._refreshed_until = 0.0
        self._away_until = 0.0

    async def all(self) -> tuple[Gauge, ...]:
        """Every number, as it was at most as long ago as it may be. A store that is away gives `store_up` 0 alone."""
        async with self._asking:
            up = await self._refresh()
            for name, question in QUESTIONS.items():
                answer = self._answers.setdefault(name, _Answer())
                if up and answer.until <= self._clock():
                    up = await self._ask(name, question, answer)
        if not up:
            return (Gauge("store_up", 0.0),)
        return (Gauge("store_up", 1.0), *(g for answer in self._answers.values() for g in answer.gauges))

    async def _refresh(self) -> bool:
        """Connections may have come, gone or changed: whoever only serves the web doesn't notice otherwise. A store
        that was away is left alone for a while: those who come meanwhile would wait one behind the other."""
        if self._refreshed_until > self._clock():
            return True
        if self._away_until > self._clock():
            return False
        try:
            async with asyncio.timeout(ANSWERS_WITHIN):
                await self._hub.refresh()
        except Exception as error:
            LOG.warning("the store could not be asked", error=type(error).__name__)
            self._away_until = self._clock() + ANSWERS_WITHIN
            return False
        self._refreshed_until = self._clock() + KEPT_LEAST
        return True

    async def _ask(self, name: str, question: Question, answer: _Answer) -> bool:
        """Whether the store answered at all."""
        began = self._clock()
        try:
            async with asyncio.timeout(WITHIN):
                answer.gauges = tuple(await question(self._hub))
        except TimeoutError:
            answer.gauges = ()
            LOG.warning("a gauge took too long", question=name)
        except Exception as error:
            answer.gauges = ()
            if trouble.meaning(error) is not None:
                LOG.warning("the store could not be asked", question=name, error=type(error).__name__)
                return False
            LOG.error("a gauge could not be found", question=name, error=type(error).__name__, exc_info=error)
        took = self._clock() - began
        answer.until = self._clock() + min(max(KEPT_LEAST, took * KEPT_TIMES), KEPT_MOST)
        return True


async def _held(hub: Hub) -> Found:
    async with hub.database.read() as conn:
        return [Gauge("records_held", n, _place(*place)) for place, n in sorted((await gauges.held(conn)).items())]


async def _unheard(hub: Hub) -> Found:
    found, now = [], hub.clock()
    async with hub.database.read() as conn:
        for wired in list(hub.wired.values()):
            for stream in wired.streams():
                backlog = await gauges.unheard(conn, wired.name, stream)
                age = 0.0 if backlog.oldest is None else max(0.0, (now - parse(backlog.oldest)).total_seconds())
                place = _place(wired.name, stream)
                found += [Gauge("records_unheard", backlog.count, place), Gauge("oldest_unheard_seconds", age, place)]
    return found


async def _due(hub: Hub) -> Found:
    found, now = [], hub.now_text()
    async with hub.database.read() as conn:
        for wired in list(hub.wired.values()):
            for sink in wired.sinks() if wired.connection.writes else ():
                count = await golden.due_count(conn, wired.name, sink, now)
                found.append(Gauge("entities_due", count, _place(wired.name, sink)))
    return found


async def _lag(hub: Hub) -> Found:
    found, now = [], hub.clock()
    for planned in await calendar.plan(hub):
        place, finished = _place(planned.connection, planned.stream), planned.cursor.finished_at
        if finished is not None:
            found.append(Gauge("stream_lag_seconds", max(0.0, (now - parse(finished)).total_seconds()), place))
        late = 0.0 if planned.late is None else planned.late.total_seconds()
        found.append(Gauge("stream_overdue_seconds", late, place))
    return found


async def _troubles(hub: Hub) -> Found:
    """Issues, writes without an outcome, circuits, open alerts, hints: all of them few, or behind an index."""
    found, now = [], hub.clock()
    async with hub.database.read() as conn:
        for connection, kinds in sorted((await issues.count(conn)).items()):
            found += [Gauge("issues_open", n, {"connection": connection, "kind": k}) for k, n in sorted(kinds.items())]
        unsettled, open_circuits = await gauges.unsettled(conn), await circuits.all(conn)
        open_alerts = await alerts.open_ones(conn)
        waiting = await hints.count(conn)
    for name in sorted(hub.wired):
        label, backlog = {"connection": name}, unsettled.get(name, gauges.Backlog())
        age = 0.0 if backlog.oldest is None else max(0.0, (now - parse(backlog.oldest)).total_seconds())
        circuit = open_circuits.get(name)
        found += [
            Gauge("writes_unsettled", backlog.count, label),
            Gauge("oldest_unsettled_seconds", age, label),
            Gauge("circuit_open", float(circuit is not None and is_open(circuit)), label),
            Gauge("hints_waiting", sum(n for (connection, _), n in waiting.items() if connection == name), label),
        ]
    kinds_open = [alert.kind.value for alert in open_alerts]
    return found + [Gauge("alerts_open", kinds_open.count(kind), {"kind": kind}) for kind in sorted(set(kinds_open))]


async def _workers(hub: Hub) -> Found:
    async with hub.database.read() as conn:
        alive = await gauges.alive(conn, iso(hub.clock() - WORKER_SILENT))
    return [Gauge("workers_alive", alive), Gauge("queue_waiting", await hub.queue.waiting())]


async def _quotas(hub: Hub) -> Found:
    """Windows of an hour and more; shorter ones fill and empty all the time."""
    found: Found = []
    for name, used in sorted((await quotas(sorted(hub.wired.items()), hub.clock())).items()):
        for quota in used:
            if quota.limit > 0 and quota.seconds >= QUOTA_WINDOW:
                labels = {"connection": name, "bucket": quota.bucket, "window": f"{quota.seconds:.0f}"}
                found += [Gauge("quota_used", quota.used, labels), Gauge("quota_limit", quota.limit, labels)]
    return found


async def _consent(hub: Hub) -> Found:
    now = hub.clock()
    async with hub.database.read() as conn:
        said = await consent_changes.latencies(conn, iso(now - CONSENT_OF))
    age = 0.0 if said.oldest_open is None else max(0.0, (now - parse(said.oldest_open)).total_seconds())
    found = [Gauge("consent_changes_open", said.open), Gauge("oldest_consent_change_seconds", age)]
    for quantile, seconds in (("0.5", said.p50), ("0.99", said.p99)):
        if seconds is not None:
            found.append(Gauge("consent_latency_seconds", seconds, {"quantile": quantile}))
    return found


def _place(connection: str, stream: str) -> dict[str, str]:
    return {"connection": connection, "stream": stream}


QUESTIONS: Mapping[str, Question] = {
    "held": _held,
    "unheard": _unheard,
    "due": _due,
    "lag": _lag,
    "troubles": _troubles,
    "workers": _workers,
    "quotas": _quotas,
    "consent": _consent,
}
