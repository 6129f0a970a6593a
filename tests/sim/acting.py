"""Short words for directed histories."""

from __future__ import annotations

from typing import Any

from hub.domain.golden import Golden
from hub.domain.issue import Issue
from hub.store import golden, issues
from hub.transport.mishaps import Killed, Mishap
from sync_jobs.pull import pull
from sync_jobs.push import push
from sync_jobs.reconcile import reconcile
from sync_jobs.runner import SyncReport, sync
from sync_jobs.simulation.play import CALM
from sync_jobs.simulation.stage import Stage
from sync_jobs.verify import verify

WRITE = "/people/write"
ANN = "ann@example.com"


async def settle(stage: Stage) -> SyncReport:
    """Time passes, and the hub syncs until quiet; a killed hub is started again."""
    stage.step(CALM)
    for _ in range(5):
        assert stage.hub is not None
        try:
            return await sync(stage.hub, until_quiet=True, sleep=stage._sleep)
        except Killed:
            await stage.reopen()
    raise AssertionError("it keeps dying")


async def once(stage: Stage) -> SyncReport:
    stage.step(CALM)
    assert stage.hub is not None
    return await sync(stage.hub, sleep=stage._sleep)


async def job(stage: Stage, name: str, connection: str) -> None:
    """One job alone, so that something can happen between two."""
    assert stage.hub is not None
    wired = stage.hub.wired[connection]
    stage.step(1)
    if name == "pull":
        await pull(stage.hub, wired, "people")
    elif name == "reconcile":
        await reconcile(stage.hub, wired, "people")
    else:
        await push(stage.hub, wired, "people", stage.hub.new_id("run"))


def script(stage: Stage, connection: str, *mishaps: Mishap, path: str = WRITE) -> None:
    stage.script[connection, path] = list(mishaps)


def living(stage: Stage, connection: str, email: str = ANN) -> list[dict[str, Any]]:
    vendor = stage.vendors[connection]
    people = [vendor.get(i) or {} for i in vendor.ids()]
    return [p for p in people if str(p.get("email") or "").strip().casefold() == email]


def held(stage: Stage, field: str, email: str = ANN) -> dict[str, Any]:
    """What every vendor holds in a field; fails when one holds the person twice."""
    result = {}
    for name in stage.vendors:
        people = living(stage, name, email)
        assert len(people) <= 1, f"{name} holds {email} {len(people)} times"
        if people:
            result[name] = people[0].get(field)
    return result


def plain(values: dict[str, Any]) -> dict[str, str]:
    return {n: str(v or "").casefold() for n, v in values.items()}


async def golden_of(stage: Stage, email: str = ANN) -> Golden | None:
    assert stage.hub is not None
    async with stage.hub.database.read() as conn:
        found = await golden.find(conn, "contact", email)
    assert len(found) <= 1
    return found[0] if found else None


async def open_issues(stage: Stage) -> list[Issue]:
    assert stage.hub is not None
    async with stage.hub.database.read() as conn:
        return await issues.list_(conn)


async def well(stage: Stage) -> None:
    """Quiet, nothing more to write, and every system agrees."""
    report = await settle(stage)
    assert report.quiet, report
    assert (await settle(stage)).writes == 0
    assert stage.hub is not None
    verified = await verify(stage.hub)
    assert (verified.differ, verified.faults) == (0, {}), verified.differences


def writes_of(stage: Stage, connection: str, op: str) -> int:
    return sum(1 for o, _ in stage.vendors[connection].log if o == op)
