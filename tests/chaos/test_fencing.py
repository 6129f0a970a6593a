"""Real workers on PostgreSQL: one that stood still while another took over keeps nothing and sends nothing, and one
that is asked to end does so in order."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from threading import Event

import asyncpg
import pytest

from tests import postgres
from tests.chaos.gate import LOOK, WRITE, Street, asleep, street, until
from tests.conftest import EmptyStore, execute

ANN = {"email": "ann@example.com", "title": "CEO"}
AUDIT = """
CREATE SCHEMA audit;
CREATE TABLE audit.leases (n bigserial, name text, token bigint, who text, early bool);
CREATE TABLE audit.closed (id text, state text, who text);
CREATE FUNCTION audit.taken() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
  INSERT INTO audit.leases (name, token, who, early) VALUES (NEW.name, NEW.token, session_user, OLD.holder <> ''
    AND OLD.until::timestamptz > clock_timestamp());
  RETURN NULL; END $$;
CREATE FUNCTION audit.closing() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
  INSERT INTO audit.closed VALUES (NEW.id, NEW.state, session_user); RETURN NULL; END $$;
CREATE TRIGGER taken AFTER UPDATE ON leases FOR EACH ROW WHEN (OLD.token <> NEW.token AND NEW.name LIKE '%/%')
  EXECUTE FUNCTION audit.taken();
CREATE TRIGGER closing AFTER UPDATE ON attempts FOR EACH ROW EXECUTE FUNCTION audit.closing();
"""
"""Notes who took a lease, whether before its time, and who closed which attempt: each worker has a role of its own."""


@dataclass(slots=True)
class Watched:
    """A street, and its store as an auditor sees it."""

    street: Street
    url: str

    async def rows(self, statement: str) -> list[asyncpg.Record]:
        connection = await asyncpg.connect(self.url)
        try:
            return list(await connection.fetch(statement))
        finally:
            await connection.close()

    def role_of(self, process: int) -> str:
        return next(f"worker{w.number}" for w in self.street.workers if w.process and w.process.pid == process)

    async def settled(self) -> bool:
        return not await self.rows("SELECT 1 FROM attempts WHERE state IN ('open', 'in_doubt')")


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


@pytest.fixture
async def watched(
    empty_store: EmptyStore, postgres_server: postgres.Server, redis_url: str, tmp_path: Path, stack: ExitStack
) -> Watched:
    """Two workers, each with a role of its own in the store."""
    url = await empty_store("postgresql")
    roles = [f"DO $$ BEGIN CREATE ROLE worker{n} SUPERUSER LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$"
             for n in range(2)]  # fmt: skip
    await execute(postgres_server, *roles)
    place = url.partition("@")[2]
    made = await street(tmp_path, [f"postgresql://worker{n}@{place}" for n in range(2)], redis_url, stack)
    found = Watched(made, url)
    connection = await asyncpg.connect(url)
    await connection.execute(AUDIT)
    await connection.close()
    return found


async def until_settled(watched: Watched) -> None:
    deadline = time.monotonic() + 150
    while not await watched.settled():
        assert time.monotonic() < deadline, "attempts are left without an outcome"
        await asyncio.sleep(0.1)


async def begin(watched: Watched) -> None:
    """Both workers work, and Ann is everywhere."""
    street = watched.street
    street.vendors["a"].create(ANN)
    for worker in street.workers:
        worker.start()
    await until(lambda: all(w.working for w in street.workers), "the workers' beginning")
    await until(lambda: street.agrees("title", "CEO"), "Ann")
    await until_settled(watched)


@pytest.mark.parametrize("path", [LOOK, WRITE], ids=["before a write", "in a write"])
async def test_a_worker_that_stood_still_keeps_nothing_and_sends_nothing_once_another_took_over(
    watched: Watched, path: str
) -> None:
    await begin(watched)
    street, gate = watched.street, watched.street.gates["b"]
    stopped: list[int] = []

    async def stop(process: int) -> None:
        stopped.append(process)
        await asleep(process)

    gate.holds[path] = stop
    street.vendors["a"].edit(street.vendors["a"].ids()[0], {"title": "CTO"})
    await until(lambda: bool(stopped), "the request to be held")
    asked = len(gate.passed)
    other = next(w for w in street.workers if w.process and w.process.pid != stopped[0])
    await until(lambda: street.agrees("title", "CTO"), "the edit")
    await until_settled(watched)
    before = await watched.rows("SELECT id FROM audit.closed")
    takers = await watched.rows("SELECT who, early FROM audit.leases WHERE name = 'b/live' ORDER BY n")
    assert takers[-1]["who"] == f"worker{other.number}"

    street.vendors["a"].edit(street.vendors["a"].ids()[0], {"title": "CFO"})  # what the other is at meanwhile
    os.kill(stopped[0], signal.SIGCONT)
    sleeper = next(w for w in street.workers if w is not other)
    await until(lambda: "lost" in sleeper.log.read_text() or "lease_over" in sleeper.log.read_text(), "the loss")
    await until(lambda: street.agrees("title", "CFO"), "the next edit")
    await until_settled(watched)

    written = [op for op, _ in street.vendors["b"].log]
    assert written.count("create") == 1
    assert written.count("update") == 2, "each edit was written once"
    closed = await watched.rows("SELECT id, who FROM audit.closed")
    for row in before:
        mine = {r["who"] for r in closed if r["id"] == row["id"]}
        assert len(mine) == 1, f"the attempt {row['id']} was closed by {mine}"
    assert not [r for r in await watched.rows("SELECT * FROM audit.leases") if r["early"]]
    tokens = [r["token"] for r in await watched.rows("SELECT token FROM audit.leases WHERE name = 'b/live' ORDER BY n")]
    assert tokens == sorted(set(tokens))
    if path == LOOK:
        writers = [process for asked_for, process in gate.passed[asked:] if asked_for == WRITE]
        assert writers[0] == other.process.pid if other.process else False


@pytest.mark.parametrize("hangs", [False, True], ids=["busy", "a vendor that does not answer"])
async def test_a_worker_that_is_asked_to_end_ends_in_order(watched: Watched, hangs: bool) -> None:
    """Within 20 s, with nothing lost, nothing double, and nothing in doubt that was answered."""
    street, gate = watched.street, watched.street.gates["b"]
    people = 600  # more than one batch
    for number in range(people):
        street.vendors["a"].create({"email": f"p{number}@example.com", "title": "CEO"})
    worker, heir = street.workers
    worker.start()
    held = Event()

    async def slow(process: int) -> None:
        """In the loop of the vendor's server."""
        if len(street.vendors["b"].ids()) >= 40:
            held.set()
        if hangs and held.is_set():
            await asyncio.sleep(120)
        gate.holds[WRITE] = slow
        await asyncio.sleep(0.1)

    gate.holds[WRITE] = slow
    await until(held.is_set, "the middle of the work")
    took = await asyncio.to_thread(worker.end, 20.0)
    assert took is not None, "it did not end within 20 s"
    assert worker.process is not None
    assert worker.process.returncode == 0
    left = [r["state"] for r in await watched.rows("SELECT state FROM attempts WHERE state IN ('open', 'in_doubt')")]
    assert bool(left) is hangs, "only what was never answered is in doubt"
    assert len(street.vendors["b"].ids()) < people
    holders = await watched.rows("SELECT name FROM leases WHERE holder <> '' AND name LIKE '%/%'")
    assert not holders, "its leases are given back"
    gate.holds.clear()
    heir.start()
    await until(lambda: street.agrees("title", "CEO", people), "the rest")
    await until_settled(watched)
    assert [op for op, _ in street.vendors["b"].log].count("create") == people
