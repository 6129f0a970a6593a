"""Makes the store of a release as text, stopped in the middle of everything: run by that release's own code.

    git worktree add /tmp/release COMMIT
    PYTHONPATH=/tmp/release .venv/bin/python tests/store/releases/make.py tests/store/releases/vNNNN.jsonl.gz

The first line tells the schema, the time, the key, the three vendors with all that they hold, and what they would hold
in the end if that release went on; each other line is a row: table, values by column, bytes as {"bytes": base64}.
`tests/store/test_upgrade.py` lets the code of today go on from there. This uses the simulation's stage and nothing of
the tests, so that any release since the first can run it.
"""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import sqlite3
import sys
import tempfile
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from random import Random
from typing import Any

from hub.domain.moments import iso
from hub.store import mappings
from hub.transport.mishaps import Killed, Mishap
from mappings.document import parse
from sync_jobs import rereading, suspicion
from sync_jobs.publish import publish
from sync_jobs.pull import pull
from sync_jobs.push import push
from sync_jobs.reconcile import reconcile
from sync_jobs.runner import sync
from sync_jobs.simulation.stage import Stage
from sync_jobs.whatif import plan_edit

PEOPLE = 120
WRITE, LIST = "/people/write", "/people"
ALPHA, GAMMA = "alpha/people", "gamma/people"


def address(number: int) -> str:
    return f"p{number:03d}@example.com"


def ident(stage: Stage, vendor: str, number: int) -> str:
    found = stage.vendors[vendor].find(address(number))
    assert found is not None, (vendor, number)
    return found


def edit(stage: Stage, vendor: str, number: int, **fields: Any) -> None:
    stage.vendors[vendor].edit(ident(stage, vendor, number), fields)


async def settle(stage: Stage) -> None:
    stage.step(600)
    assert stage.hub is not None
    assert (await sync(stage.hub, until_quiet=True, sleep=stage._sleep)).quiet


async def killed(stage: Stage, work: Any) -> None:
    """The process dies in this work, and is started again."""
    try:
        await work
    except Killed:
        stage.script.clear()
        await stage.reopen()
        return
    raise AssertionError("nothing was killed")


def script(stage: Stage, vendor: str, path: str, *mishaps: Mishap) -> None:
    stage.script[vendor, path] = list(mishaps)


async def draft(stage: Stage, name: str, *edits: tuple[str, str]) -> Any:
    assert stage.hub is not None
    async with stage.hub.database.write() as conn:
        holds = (await mappings.published(conn))[name]
        text = holds.text
        for before, after in edits:
            assert before in text, (before, text)
            text = text.replace(before, after)
        meaning = parse(text, name).hash
        return await mappings.add_draft(conn, name, text, meaning, who="ann", why="tried", at=stage.hub.now_text())


async def agreement(stage: Stage) -> None:
    """Everybody is everywhere, with two pages at each vendor; then a person was merged, and one has opted out."""
    for n in range(PEOPLE):
        stage.vendors["alpha"].create({"email": address(n), "name": f"Person {n}", "title": "Chief", "city": "Bonn"})
    await settle(stage)
    stage.vendors["beta"].merge(ident(stage, "beta", 1), ident(stage, "beta", 2))
    stage.vendors["gamma"].opt_out(ident(stage, "gamma", 3))
    await settle(stage)
    for vendor in stage.vendors.values():
        assert len(vendor.ids()) >= PEOPLE - 2


async def writes_in_flight(stage: Stage) -> None:
    """At beta one write arrived and another never left, and the process died over both (10 and 11, 15); gamma's answer
    got lost (14); alpha asked again and again to come back later with the one whom beta made."""
    for n in (10, 11):
        edit(stage, "alpha", n, title=f"Head {n}")
    await hear(stage, "alpha")
    script(stage, "beta", WRITE, Mishap.DIES_AFTER)
    await killed(stage, tell(stage, "beta"))
    await tell(stage, "gamma")
    edit(stage, "alpha", 14, title="Head 14")
    await hear(stage, "alpha")
    script(stage, "gamma", WRITE, Mishap.REPLY_LOST)
    await tell(stage, "gamma")
    stage.vendors["beta"].create({"email": "later@example.com", "name": "Later", "title": "Wait"})
    await hear(stage, "beta")
    for _ in range(6):
        script(stage, "alpha", WRITE, *[Mishap.SLOW_DOWN] * 50)
        await tell(stage, "alpha")
        stage.step(900)
    script(stage, "alpha", WRITE, *[Mishap.SLOW_DOWN] * 50)
    await tell(stage, "alpha")
    edit(stage, "alpha", 15, title="Head 15")
    await hear(stage, "alpha")
    script(stage, "beta", WRITE, Mishap.DIES_BEFORE)
    await killed(stage, tell(stage, "beta"))


async def hear(stage: Stage, vendor: str) -> None:
    assert stage.hub is not None
    stage.step(5)
    await pull(stage.hub, stage.hub.wired[vendor], "people")
    await reconcile(stage.hub, stage.hub.wired[vendor], "people")


async def tell(stage: Stage, vendor: str) -> None:
    assert stage.hub is not None
    await push(stage.hub, stage.hub.wired[vendor], "people", stage.hub.new_id("run"))
    stage.script.clear()


async def documents(stage: Stage) -> None:
    """An edit of alpha's document is published, and its reading again dies half-way; a draft waits at gamma."""
    edit = ("title: {path: title, compare: exact}", "title: {path: title, normalise: [trim, upper]}")
    made = await draft(stage, ALPHA, edit)
    assert stage.hub is not None
    plan = await plan_edit(stage.hub, {made.name: made}, limit=None)
    read, batch = 0, rereading._Rereading._batch

    async def dies(self: Any, *said: Any) -> None:
        nonlocal read
        read += 1
        if read > 3:
            raise Killed
        await batch(self, *said)

    rereading._Rereading._batch = dies  # type: ignore[method-assign]
    suspicion.SCAN = suspicion.BATCH = 20
    await killed(stage, publish(stage.hub, plan.hash))
    rereading._Rereading._batch = batch  # type: ignore[method-assign]
    await draft(stage, GAMMA, ("about: ", "about: Tried. "))


async def readings_in_flight(stage: Stage) -> None:
    """What beta shows was read and nobody has heard it; the reading of alpha died after its first page."""
    assert stage.hub is not None
    for n in (20, 21):
        edit(stage, "beta", n, city="Ulm")
    stage.vendors["beta"].create({"email": "new@example.com", "name": "New", "title": "Fresh"})
    stage.step(5)
    await pull(stage.hub, stage.hub.wired["beta"], "people")
    for n in range(30, 110):
        edit(stage, "alpha", n, city="Kiel")
    stage.vendors["gamma"].opt_out(ident(stage, "gamma", 40))
    stage.vendors["gamma"].delete(ident(stage, "gamma", 5))
    stage.step(5)
    script(stage, "alpha", LIST, Mishap.NONE, Mishap.DIES_BEFORE)
    await killed(stage, pull(stage.hub, stage.hub.wired["alpha"], "people"))


def told(stage: Stage, database: sqlite3.Connection) -> dict[str, Any]:
    """The first line."""
    vendors = {
        name: {
            "manners": asdict(v.manners),
            "prefix": v.prefix,
            "people": v.people_by_id,
            "aliases": v.aliases,
            "serial": v.serial,
            "kinds": v.kinds,
        }
        for name, v in stage.vendors.items()
    }
    made = database.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name").fetchall()
    return {
        "schema": database.execute("SELECT version_num FROM alembic_version").fetchone()[0],
        "now": iso(stage.now),
        "key": (stage.home / "secret.key").read_text(),
        "made": dict(made),
        "vendors": vendors,
    }


def plain(value: Any) -> Any:
    return {"bytes": base64.b64encode(value).decode()} if isinstance(value, bytes) else value


def rows(stage: Stage) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The first line, and all others."""
    with closing(sqlite3.connect(stage.home / "hub.db")) as database:
        database.row_factory = sqlite3.Row
        found = database.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall()
        names = [row[0] for row in found]
        lines = [
            {"table": name, "row": {key: plain(row[key]) for key in row.keys()}}  # noqa: SIM118
            for name in names
            for row in database.execute(f'SELECT * FROM "{name}"')
        ]
        return told(stage, database), lines


async def ended(stage: Stage) -> dict[str, list[dict[str, Any]]]:
    """What the vendors hold when this release itself goes on from there: people without ids and times."""
    await stage.open()
    await settle(stage)
    await stage.close()
    return {
        name: [{k: v for k, v in (vendor.get(i) or {}).items() if k not in ("id", "updated")} for i in vendor.ids()]
        for name, vendor in stage.vendors.items()
    }


async def main(target: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        stage = await Stage.set(Path(folder), Random(1), "none")
        await agreement(stage)
        await writes_in_flight(stage)
        await documents(stage)
        await readings_in_flight(stage)
        await stage.close()
        first, lines = rows(stage)
        first = json.loads(json.dumps(first)) | {"ended": await ended(stage)}
    text = "".join(json.dumps(line, sort_keys=True, separators=(",", ":")) + "\n" for line in (first, *lines))
    target.write_bytes(gzip.compress(text.encode(), mtime=0))
    print(f"{target}: schema {first['schema']}, {len(lines)} rows, {target.stat().st_size:,} bytes")  # noqa: T201


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
