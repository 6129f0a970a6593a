"""The whole play: a storm, calm, and the verdict."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from statistics import quantiles

import asyncpg
import orjson

from hub.domain.moments import iso
from hub.domain.schedule import Schedule
from hub.operations import connections, sandboxes, settings
from hub.operations.plan import plan
from hub.operations.sync import sync
from hub.operations.verify import verify
from hub.store import attempts, cursors, golden, observations, schedules
from hub.store.schedules import EVERY_STREAM
from sync_jobs.hub import Hub
from tests import postgres, redis
from tests.chaos.crowd import Crowd
from tests.chaos.judge import Decided, judge
from tests.chaos.theatre import SYSTEMS, Theatre
from tests.chaos.torment import Tormentor
from tests.chaos.workers import Supervisor, Worker, environment
from tests.conftest import execute, outside

WORKERS = 3
LEASE = 4.0
"""Seconds: short, so that takeovers are many."""
READ_EVERY = 2
"""Seconds between two walks of a stream."""
LAGS = 8.0
"""Seconds after which no system hides any more what was typed there."""
BEGIN_WITHIN, BEGIN_USUALLY = 60.0, 4.0
"""Seconds that workers may take to begin, and do take on a machine that has nothing else to do."""
SLOWEST = 4.0
"""How many times rarer torments become at most, however slow the machine."""
LONGER = 4.0
"""How many times longer than wanted a storm may last."""
UNDER_WAY = 8.0
"""Seconds that a write may be on its way between the look at its record and its arrival: a look holds for 5."""
WRITES_LEAST = 30
"""Records that were written by the end of a storm that hit anything."""
PATIENCE = 150.0
"""Seconds that the workers get to become quiet."""
ENDLESS = "9999"
AUDIT = (
    "CREATE SCHEMA audit",
    "CREATE TABLE audit.takeovers (name text, holder text, token bigint, before text, at timestamptz)",
    "CREATE FUNCTION audit.taken() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO audit.takeovers "
    "VALUES (NEW.name, NEW.holder, NEW.token, OLD.holder, clock_timestamp()); RETURN NULL; END $$",
    "CREATE TRIGGER taken AFTER UPDATE ON leases FOR EACH ROW WHEN (OLD.token <> NEW.token AND OLD.holder <> '' "
    "AND NEW.name LIKE '%/%') EXECUTE FUNCTION audit.taken()",
)
"""Notes every lease of a tour that was taken from one who had not given it back."""


@dataclass(slots=True)
class Report:
    """`figures` for people; `violations` is empty when all is well; `trace` names the folder with what happened."""

    seed: int
    figures: dict[str, str] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)
    slowness: float = 1.0
    trace: Path = Path()

    def __str__(self) -> str:
        width = max(map(len, self.figures), default=0)
        rows = [f"  {name:<{width}}  {value:>12}" for name, value in self.figures.items()]
        return "\n".join([f"chaos, seed {self.seed}", *rows])


def play(folder: Path, seed: int, seconds: float, *, pace: float = 0.3) -> Report:
    """A storm of so many seconds, then calm until the store says that nothing is due, then the verdict. `pace`:
    seconds between two acts of people. Call it in the main thread."""
    report = Report(seed, trace=folder)
    home = folder / "home"
    home.mkdir(parents=True)
    store, queue = postgres.start(durable=True), redis.start()
    database = f"hub_chaos_{seed}_{int(time.time())}"
    outside(execute(store, f"CREATE DATABASE {database}"))
    url = store.url + database
    chance = Random(seed)
    crowd = Crowd(Random(seed + 1), pace)
    theatre = Theatre(seed, crowd)
    try:
        with theatre:
            asyncio.run(_prepare(home, url, theatre))
            supervisor = _supervisor(folder, home, url, queue)
            try:
                _storm(theatre, supervisor, Tormentor(
                    supervisor, queue, store, database, chance, theatre.clock,
                    lambda what: theatre.truth.note(theatre.clock(), "torment:", what), LEASE, theatre.ambush,
                ), seconds, report)  # fmt: skip
                crowd.rest.set()
                theatre.calm()
                asyncio.run(_conclude(home, url, theatre, supervisor, report))
            finally:
                supervisor.drop()
    finally:
        (folder / "trace.txt").write_text("\n".join(theatre.truth.lines))
        queue.stop()
        outside(execute(store, f"DROP DATABASE {database} WITH (FORCE)"))
        store.stop()
    return report


async def _prepare(home: Path, url: str, theatre: Theatre) -> None:
    """The systems connected, allowed to be written to without brakes, and read often."""
    async with await Hub.open(home, database_url=url) as hub:
        for name, system in theatre.systems.items():
            needs = system.sandbox.connection()
            said = sandboxes.as_said(needs.settings)
            await connections.add(hub, name, name, base_url=system.url, settings=said, secrets=needs.secrets)
        await settings.change(hub, dict.fromkeys(("creates", "clears", "removes"), "100000"))
        for name in theatre.systems:
            await connections.set_writes(hub, name, True)
        async with hub.database.write() as conn:
            for name in theatre.systems:
                await schedules.put(conn, name, EVERY_STREAM, Schedule(every=READ_EVERY))
    connection = await asyncpg.connect(url)
    for statement in AUDIT:
        await connection.execute(statement)
    await connection.close()


def _supervisor(folder: Path, home: Path, url: str, queue: redis.Server) -> Supervisor:
    said = {"HUB_LEASE_SECONDS": f"{LEASE:g}", "HUB_SWEEP_SECONDS": "1", "HUB_LOG_FORMAT": "json"}
    said["HUB_DOUBT_SECONDS"] = "2"  # what these vendors have not done by then they never do
    around = environment(home, url, f"{queue.url}0", **said)
    return Supervisor([Worker(n, around, folder / f"worker-{n}.log") for n in range(WORKERS)])


def _storm(theatre: Theatre, supervisor: Supervisor, tormentor: Tormentor, seconds: float, report: Report) -> None:
    """Lasts so many seconds, and longer where the machine is too slow for it to have hit anything by then."""
    report.slowness = _begin(supervisor)
    tormentor.slowness = min(report.slowness, SLOWEST)
    began = theatre.clock()
    while (lasted := theatre.clock() - began) < seconds or (
        lasted < seconds * LONGER and not (tormentor.turned and theatre.truth.counts.get("writes", 0) >= WRITES_LEAST)
    ):
        supervisor.tend()
        tormentor.go()
        time.sleep(0.05)
    tormentor.stop()
    for worker in supervisor.workers:
        worker.send(signal.SIGCONT)
    report.figures["storm, s"] = f"{lasted:.0f}"
    report.figures["slower than usual, times"] = f"{report.slowness:.1f}"
    report.figures["kills"] = str(supervisor.kills)
    report.figures["starts of workers"] = str(supervisor.starts)
    report.figures["workers that fell by themselves"] = str(len(supervisor.fell))
    report.figures |= {what: str(times) for what, times in sorted(tormentor.counts.items())}
    report.figures["writes in the storm"] = str(theatre.truth.counts.get("writes", 0))


def _begin(supervisor: Supervisor) -> float:
    """Returns when all workers work: a storm before that hits nobody. Answers how slow this machine is."""
    began = time.monotonic()
    supervisor.tend()
    while not all(w.working for w in supervisor.workers) and time.monotonic() - began < BEGIN_WITHIN:
        time.sleep(0.05)
    return max(1.0, (time.monotonic() - began) / BEGIN_USUALLY)


async def _conclude(home: Path, url: str, theatre: Theatre, supervisor: Supervisor, report: Report) -> None:
    began = theatre.clock()
    async with await Hub.open(home, database_url=url) as hub:
        quiet = await _quiet(hub, theatre, supervisor)
        report.figures["seconds to quiet"] = f"{theatre.clock() - began:.1f}"
        if quiet:
            report.violations.append(f"{PATIENCE:.0f} s after the storm it is still at work: {quiet}")
        ends = await asyncio.to_thread(supervisor.end)
        if None in ends:
            report.violations.append(f"a worker did not end within 20 s of SIGTERM: {ends}")
        report.violations += _defects(supervisor)
        _figures(theatre, report)
        report.figures["takeovers"] = str(await _takeovers(url))
        report.violations += judge(theatre, await _decided(hub, url), UNDER_WAY * report.slowness)
        report.violations += await _settled(hub, theatre)


def _defects(supervisor: Supervisor) -> list[str]:
    """Whatever happens around them, workers say it in sentences, and go on."""
    fell = [f"a worker ended by itself, with exit code {code}" for code in supervisor.fell]
    lines = [line for worker in supervisor.workers for line in worker.log.read_text().splitlines()]
    return fell + [f"a worker logged a trace: {line[:300]}" for line in lines if '"exception":' in line]


async def _quiet(hub: Hub, theatre: Theatre, supervisor: Supervisor) -> str:
    """Waits until every stream was walked after all lags were over and nothing is left; else says what is."""
    lags = theatre.clock() + LAGS
    deadline = time.monotonic() + PATIENCE
    left = "it has not begun"
    while left and time.monotonic() < deadline:
        await asyncio.sleep(0.5)
        supervisor.tend()
        await hub.refresh()
        left = await _left(hub, theatre.moment(lags))
    return left


async def _left(hub: Hub, since: str) -> str:
    """What is still to be read, heard, told or settled; "" when nothing is."""
    if len(hub.wired) != len(SYSTEMS):
        return f"unusable: {hub.unusable}"
    async with hub.database.read() as conn:
        for wired in hub.wired.values():
            if not wired.active:
                return f"{wired.name} was stopped: {wired.connection.state_reason}"
            for stream in wired.streams():
                row = await cursors.fetch(conn, wired.name, stream, "live")
                if row.position is not None or not row.began_at or row.began_at < since:
                    return f"{wired.name}/{stream} was last read at {row.began_at}, it is {iso(hub.clock())}"
                if await observations.unheard(conn, wired.name, stream, 1):
                    return f"{wired.name}/{stream} is unheard"
            for sink in wired.sinks():
                if due := await golden.due_count(conn, wired.name, sink, ENDLESS):
                    return f"{wired.name}/{sink} is to be told of {due}"
                if await attempts.unsettled_of(conn, wired.name, sink, 1):
                    return f"{wired.name}/{sink} has writes in doubt"
    return ""


def _figures(theatre: Theatre, report: Report) -> None:
    truth = theatre.truth
    for what, count in sorted(truth.counts.items()):
        report.figures[what] = str(count)
    crossed = [w for w in truth.words if w.overwritten is not None]
    report.figures["words that a write crossed"] = str(len(crossed))
    took = sorted(_consent_latencies(theatre))
    if len(took) > 1:
        cuts = quantiles(took, n=100, method="inclusive")
        report.figures["opt-out everywhere, s, p50"] = f"{cuts[49]:.1f}"
        report.figures["opt-out everywhere, s, p99"] = f"{cuts[98]:.1f}"


def _consent_latencies(theatre: Theatre) -> list[float]:
    """From the moment somebody opted out until the last other system that had to be told holds it."""
    took = []
    for denial in theatre.truth.denials:
        told = [t.at for t in theatre.truth.told if t.email == denial.email and not t.contactable and t.at > denial.at]
        if told:
            took.append(max(told) - denial.at)
    return took


async def _takeovers(url: str) -> int:
    connection = await asyncpg.connect(url)
    try:
        return int(await connection.fetchval("SELECT count(*) FROM audit.takeovers"))
    finally:
        await connection.close()


async def _decided(hub: Hub, url: str) -> Decided:
    connection = await asyncpg.connect(url)
    try:
        heard: dict[str, str] = {}
        emails: dict[str, str] = {}
        for row in await connection.fetch('SELECT entity_id, "values", consent, created_at FROM golden'):
            emails[row["entity_id"]] = email = str(orjson.loads(row["values"]).get("email"))
            if _denied(orjson.loads(row["consent"])):
                heard[email] = row["created_at"]  # who was new had said so already
        for row in await connection.fetch(
            "SELECT entity_id, min(heard_at) AS at FROM consent_changes WHERE channel = 'email' AND state = 'denied' "
            "GROUP BY 1"
        ):
            heard[emails.get(row["entity_id"], "")] = row["at"]
        opened: dict[tuple[str, str], list[str]] = {}
        for row in await connection.fetch("SELECT entity_id, connection, opened_at FROM attempts ORDER BY opened_at"):
            opened.setdefault((emails.get(row["entity_id"], ""), row["connection"]), []).append(row["opened_at"])
        return Decided(heard, opened)
    finally:
        await connection.close()


def _denied(consent: Mapping[str, list[object]]) -> bool:
    return bool(consent.get("email")) and consent["email"][0] == "denied"


async def _settled(hub: Hub, theatre: Theatre) -> list[str]:
    """A further sync plans nothing and writes nothing, and the store agrees with every system."""
    found = []
    planned = await plan(hub)
    if planned.total:
        found.append(f"{planned.total} changes are planned: {planned.changes[:3]}")
    before = theatre.truth.counts.get("writes", 0)
    await sync(hub, None, until_quiet=True)
    if wrote := theatre.truth.counts.get("writes", 0) - before:
        found.append(f"a further sync wrote {wrote} times: {theatre.truth.lines[-wrote:]}")
    verified = await verify(hub)
    if not verified.ok:
        found.append(f"verify finds {verified.differ} that differ: {verified.differences[:3]} {verified.failed}")
    return found
