"""Playing a random history from a seed, and judging how it ended."""

from __future__ import annotations

import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from random import Random

from hub.domain.connection import ConnectionState
from hub.store import connections
from hub.transport.mishaps import Killed
from sync_jobs.hub import Hub
from sync_jobs.pull import pull
from sync_jobs.push import push
from sync_jobs.reconcile import reconcile
from sync_jobs.runner import sync
from sync_jobs.simulation.judge import judge
from sync_jobs.simulation.people import Crowd
from sync_jobs.simulation.stage import Stage
from sync_jobs.verify import verify

CALM = 600.0
"""Seconds that pass before the last sync, so that every overlap and lag is over."""


@dataclass(frozen=True, slots=True)
class Trace:
    """`hash` is that of the whole trace: the same for the same seed. `violations` is empty when every law held."""

    seed: int
    steps: int
    faults: str
    hash: str
    violations: tuple[str, ...]
    deaths: int
    api_calls: int
    writes: int
    lines: tuple[str, ...] = ()


async def simulate(
    seed: int, steps: int = 40, faults: str = "light", home: Path | None = None, database_url: str | None = None
) -> Trace:
    """Plays `steps` random acts of people and machine, heals everything, and judges. Pure in its seed, on whatever
    database."""
    with tempfile.TemporaryDirectory(prefix="hub-simulation-") as folder:
        chance = Random(seed)  # noqa: S311 a simulation wants repeatable chance
        stage = await Stage.set(home or Path(folder), chance, faults, database_url=database_url)
        crowd = Crowd(stage, chance)
        try:
            for _ in range(steps):
                await _step(stage, crowd, chance)
            return await finish(stage, crowd, seed, steps)
        finally:
            await stage.close()


async def _step(stage: Stage, crowd: Crowd, chance: Random) -> None:
    stage.step(chance.uniform(1, 120))
    if chance.random() < 0.6:
        stage.notes.append(crowd.act())
        return
    try:
        stage.notes.append(await _machine(stage, chance))
    except Killed:
        stage.notes.append("killed")
        await stage.reopen()


async def _machine(stage: Stage, chance: Random) -> str:
    """One job somewhere, in no sensible order, once or twice: wake-ups may be lost, late and doubled."""
    hub = stage.hub
    assert hub is not None
    name = chance.choice(sorted(stage.vendors))
    job = chance.choice(("pull", "pull", "reconcile", "push", "push", "sync"))
    for _ in range(2 if chance.random() < 0.2 else 1):
        if job == "pull":
            await pull(hub, hub.wired[name], "people")
        elif job == "reconcile":
            await reconcile(hub, hub.wired[name], "people")
        elif job == "push":
            await push(hub, hub.wired[name], "people", hub.new_id("run"))
        else:
            await sync(hub, sleep=_no_sleep, side_by_side=False)
        await _resume(hub)
    return f"{job} {name}"


async def _no_sleep(seconds: float) -> None:
    return None


async def _resume(hub: Hub) -> None:
    """An operator looks at a stopped connection and starts it again."""
    stopped = [w.name for w in hub.wired.values() if not w.active]
    if stopped:
        async with hub.database.write() as conn:
            for name in stopped:
                await connections.set_state(conn, name, ConnectionState.ACTIVE)
        await hub.wire()


async def _farewell(stage: Stage, crowd: Crowd, sleep: Callable[[float], Awaitable[None]]) -> list[str]:
    """At rest, somebody deletes a person in one system: then the person is gone everywhere, and stays gone."""
    hub, picked = stage.hub, crowd.pick()
    assert hub is not None
    if picked is None:
        return []
    connection, remote_id = picked
    email = crowd.vendor_email(connection, remote_id)
    if sum(crowd.vendor_email(connection, i) == email for i in stage.vendors[connection].ids()) > 1:
        return []  # a twin lives on: nobody said that the person is gone
    stage.vendors[connection].delete(remote_id)
    for _ in range(2):
        stage.step(CALM)
        await sync(hub, until_quiet=True, sleep=sleep, side_by_side=False)
    left = [name for name, vendor in stage.vendors.items() if vendor.find(email)]
    return [f"{email} was deleted in {connection} and lives in {left}"] if left else []


async def finish(stage: Stage, crowd: Crowd, seed: int = 0, steps: int = 0) -> Trace:
    """Everything heals; the hub syncs until quiet, then once more; the judge speaks."""
    stage.healed = True
    stage.script.clear()
    stage.step(CALM)
    hub = stage.hub
    assert hub is not None
    await _resume(hub)

    async def pass_time(seconds: float) -> None:
        stage.step(seconds)

    first = await sync(hub, until_quiet=True, sleep=pass_time, side_by_side=False)
    stage.step(CALM)
    second = await sync(hub, until_quiet=True, sleep=pass_time, side_by_side=False)
    verified = await verify(hub)
    violations = await judge(stage, crowd, second.writes, first.quiet and second.quiet, verified)
    violations += await _farewell(stage, crowd, pass_time)
    digest = blake2b("\n".join(stage.notes).encode(), digest_size=16).hexdigest()
    return Trace(
        seed,
        steps,
        stage.faults,
        digest,
        tuple(violations),
        stage.deaths,
        sum(sum(v.calls.values()) for v in stage.vendors.values()),
        sum(len(v.log) for v in stage.vendors.values()),
        tuple(stage.notes),
    )
