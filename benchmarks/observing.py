"""What it costs a store to be observed: each question of `/metrics`, a page of it that is given again, a look for
alerts, and the sweep by which every worker finds out what is to be heard and told, on SQLite and on PostgreSQL.

The store is made as that of `plan_edit`: three settled systems, whose people are copied under new ids until there are
`--contacts` of them, three records each. Then every record of one system is made unheard, and all of it is measured
again: the dearest backlog. The best of `--rounds` counts, since other work on the machine can only slow one down.

Run `python -m benchmarks.observing` (`--contacts 70000`, `--people 200`, `--rounds 5`, `--json`).
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.plan_edit import multiplied, settled

BACKLOG = "hubspot"


async def best(rounds: int, work: Callable[[], Awaitable[object]]) -> float:
    """Milliseconds."""
    took = []
    for _ in range(rounds):
        began = time.perf_counter()
        await work()
        took.append(time.perf_counter() - began)
    return 1000 * min(took)


async def measured(home: Path, url: str, rounds: int) -> dict[str, float]:
    from hub.operations import gauges
    from hub.web.metrics import rendered
    from sync_jobs import alerting, sweep
    from sync_jobs.hub import Hub

    async with await Hub.open(home, database_url=url) as hub:
        found = {}
        for name, question in gauges.QUESTIONS.items():
            found[name] = await best(rounds, lambda question=question: question(hub))  # type: ignore[misc]
        found["all of it"] = sum(found.values())
        kept = gauges.Gauges(hub)
        await kept.all()

        async def again() -> None:
            rendered(await kept.all())

        found["a page given again"] = await best(rounds, again)
        found["a look for alerts"] = await best(rounds, lambda: alerting.look(hub))
        found["a sweep"] = await best(rounds, lambda: sweep.sweep(hub))
    return found


async def unheard(url: str) -> None:
    from sqlalchemy import text

    from hub.store.database import open_database

    database = open_database(url)
    async with database.write() as conn:
        await conn.execute(text("UPDATE observations SET heard = revision - 1 WHERE connection = :c"), {"c": BACKLOG})
    await database.close()


async def moved(source: str, target: str) -> None:
    from sqlalchemy import text

    from hub.store import copying
    from hub.store.database import open_database

    here, there = open_database(source), open_database(target)
    await copying.copy(here, there, lambda *_: None)
    async with there.write() as conn:
        await conn.execute(text("ANALYZE"))
    await here.close()
    await there.close()


def main() -> int:
    parser = argparse.ArgumentParser(description="what it costs a store to be observed")
    parser.add_argument("--contacts", type=int, default=70_000)
    parser.add_argument("--people", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    said = parser.parse_args()
    from tests import postgres

    results: dict[str, dict[str, float]] = {}
    with TemporaryDirectory() as folder:
        home = Path(folder, "home")
        asyncio.run(settled(home, said.people))
        contacts, records = multiplied(home / "hub.db", said.contacts)
        running = postgres.start()
        try:
            stores = {"sqlite": f"sqlite:///{home / 'hub.db'}", "postgresql": running.url + "postgres"}
            asyncio.run(moved(stores["sqlite"], stores["postgresql"]))
            for state in ("settled", "backlog"):
                for kind, url in stores.items():
                    if state == "backlog":
                        asyncio.run(unheard(url))
                    results[f"{kind}, {state}"] = asyncio.run(measured(home, url, said.rounds))
        finally:
            running.stop()
    if said.json:
        print(orjson.dumps({"contacts": contacts, "records": records, "milliseconds": results}).decode())
        return 0
    print(f"{contacts:,} contacts, {records:,} records; milliseconds, best of {said.rounds}")
    print(f"{'':22}" + "".join(f"{kind:>22}" for kind in results))
    for question in next(iter(results.values())):
        print(f"{question:22}" + "".join(f"{one[question]:22,.1f}" for one in results.values()))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
