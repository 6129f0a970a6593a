"""Working under a lease, on both databases, in one process and in several real ones."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from contextvars import Context
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import TypeAlias

import pytest

from hub import clock
from hub.domain.lease import Lease
from hub.domain.moments import parse
from hub.errors import LeaseLost, Refused
from hub.store import leases, settings
from hub.store.database import Database, Transaction
from hub.transport import lanes
from sync_jobs.hub import Hub
from sync_jobs.lease import held, is_held
from tests.sync_jobs.leaseholder import NAME, TURNS

ROOT = Path(__file__).resolve().parents[2]
SHORT = timedelta(milliseconds=300)
LONG = timedelta(seconds=600)

Process: TypeAlias = subprocess.Popen[str]
Start: TypeAlias = Callable[[str], Process]


def url_of(database: Database) -> str:
    return database._write.url.render_as_string(hide_password=False)


@pytest.fixture
async def hub(database: Database, tmp_path: Path) -> AsyncIterator[Hub]:
    async with await Hub.open(tmp_path, database_url=url_of(database)) as opened:
        yield opened


@pytest.fixture
def start(hub: Hub, tmp_path: Path) -> Iterator[Start]:
    """Starts a worker (see leaseholder.py) on the store of `hub`."""
    started: list[Process] = []

    def run(what: str) -> Process:
        command = [sys.executable, "-m", "tests.sync_jobs.leaseholder", str(tmp_path), url_of(hub.database), what]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        pipe = subprocess.PIPE
        started.append(subprocess.Popen(command, stdin=pipe, stdout=pipe, env=environment, cwd=ROOT, text=True))
        return started[-1]

    yield run
    for process in started:
        process.kill()
        process.communicate()


async def word(process: Process) -> str:
    """The next word that it says."""
    assert process.stdout is not None
    return (await asyncio.wait_for(asyncio.to_thread(process.stdout.readline), 60)).strip()


async def stands_still(process: Process) -> None:
    deadline = time.monotonic() + 60
    while Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
        assert time.monotonic() < deadline
        assert process.poll() is None
        await asyncio.sleep(0.01)


async def noted(hub: Hub, process: Process) -> list[int]:
    async with hub.database.read() as conn:
        return sorted(n for name, n in (await settings.all(conn)).items() if name.startswith(f"{process.pid}-"))


async def standing(hub: Hub) -> Lease:
    async with hub.database.read() as conn:
        lease = await leases.fetch(conn, NAME)
    assert lease is not None
    return lease


async def put(hub: Hub, name: str) -> None:
    async with hub.database.write() as conn:
        await settings.put(conn, name, 1)


async def test_a_lease_is_kept_for_longer_than_its_term_and_then_given_back(hub: Hub) -> None:
    async with held(hub, NAME, term=SHORT) as lease:
        ends: set[str] = set()
        deadline = time.monotonic() + 30
        while len(ends) < 4:  # it was renewed three times: one term is over
            assert time.monotonic() < deadline
            now = await standing(hub)
            assert now.token == lease.token
            ends.add(now.until)
            await asyncio.sleep(0.01)
        with pytest.raises(Refused, match=rf"process {os.getpid()} on .* until 20") as refused:
            async with held(hub, NAME):
                pass
        assert "try again after" in refused.value.mend
        await put(hub, "kept")
    async with held(hub, NAME) as again:
        assert again.token == lease.token + 1


async def steal(hub: Hub) -> None:
    """As another process would, whose clock runs ahead."""

    async def take() -> None:
        async with hub.database.write() as conn:
            assert await leases.acquire(conn, NAME, "another", hub.clock() + 2 * LONG, LONG) is not None

    await asyncio.create_task(take(), context=Context())  # what guards this task must not guard that one


async def test_everything_that_writes_under_a_lost_lease_fails(hub: Hub) -> None:
    async with held(hub, NAME, term=LONG):
        await put(hub, "before")
        await steal(hub)
        with pytest.raises(LeaseLost):
            await put(hub, "after")
        with pytest.raises(LeaseLost):
            await asyncio.create_task(put(hub, "in a task"))
    await put(hub, "without")
    async with hub.database.read() as conn:
        assert sorted(await settings.all(conn)) == ["before", "without"]
    assert (await standing(hub)).holder == "another", "who lost it must not give it back"


async def test_the_time_that_a_machine_slept_counts_for_the_term(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """A suspended one wakes up, its clock of waking hours as it was, and another one works here by now."""
    async with held(hub, NAME, term=LONG):
        assert lanes.allowed()
        since_boot = time.clock_gettime(time.CLOCK_BOOTTIME)
        monkeypatch.setattr(time, "clock_gettime", lambda _: since_boot + 2 * LONG.total_seconds())
        assert not lanes.allowed()


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
@pytest.mark.parametrize("ahead", [1, -1], ids=["the other's is ahead", "the holder's is behind"])
async def test_hosts_whose_clocks_disagree_take_no_lease_before_its_time(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, ahead: int
) -> None:
    """The holder's writes are under way: whoever took over now would make at the vendor what it is just making."""

    class Wrong(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) + ahead * timedelta(hours=1)

    async def elsewhere() -> None:
        assert await is_held(hub, NAME)
        with pytest.raises(Refused, match="holds the lease"):
            async with held(hub, NAME):
                pass

    async with AsyncExitStack() as stack:
        with monkeypatch.context() as patched:
            if ahead < 0:
                patched.setattr(clock, "datetime", Wrong)
            await stack.enter_async_context(held(hub, NAME, term=timedelta(minutes=1)))
            if ahead > 0:
                patched.setattr(clock, "datetime", Wrong)
                await elsewhere()
        await elsewhere()


async def test_work_that_fails_gives_the_lease_back(hub: Hub) -> None:
    with pytest.raises(ZeroDivisionError):
        async with held(hub, NAME):
            raise ZeroDivisionError
    async with held(hub, NAME):
        pass


async def test_a_renewal_that_fails_is_tried_again(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    renewals: list[str] = []
    renew = leases.renew

    async def failing_once(conn: Transaction, lease: Lease, now: datetime, term: timedelta) -> Lease:
        renewals.append(lease.name)
        if len(renewals) == 1:
            raise ConnectionError
        return await renew(conn, lease, now, term)

    monkeypatch.setattr(leases, "renew", failing_once)
    async with held(hub, NAME, term=SHORT) as lease:
        deadline = time.monotonic() + 30
        while (await standing(hub)).until == lease.until:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.01)
    assert len(renewals) >= 2


async def test_two_processes_never_work_at_once(hub: Hub, start: Start) -> None:
    """Each reads a number and writes it back one larger in another transaction: together they would lose some."""
    workers = [start("count"), start("count")]
    assert [await word(w) for w in workers] == ["done", "done"]
    async with hub.database.read() as conn:
        assert await settings.get(conn, "number") == 2 * TURNS
    assert (await standing(hub)).token == 2 * TURNS


@pytest.mark.parametrize(
    ("database", "what"),
    [("sqlite", "pause"), ("postgresql", "pause"), ("postgresql", "pause inside")],  # SQLite: one writer at a time
    indirect=["database"],
)
async def test_a_process_that_stood_still_keeps_nothing_once_another_took_over(
    hub: Hub, start: Start, what: str
) -> None:
    paused = start(what)
    assert await word(paused) == "working"
    await stands_still(paused)
    other = start("work")
    assert await word(other) == "working", "it takes over when the term is over, and not before the other is silent"
    assert await noted(hub, paused) == [1]
    paused.send_signal(signal.SIGCONT)
    assert await word(paused) == "lost"
    assert await asyncio.to_thread(paused.wait, 60) == 0
    other.communicate()  # its input ends: it writes once more and gives the lease back
    assert (await noted(hub, paused), await noted(hub, other)) == ([1], [2, 100])


async def test_a_process_that_stood_still_and_was_not_missed_goes_on(hub: Hub, start: Start) -> None:
    paused = start("pause")
    assert await word(paused) == "working"
    await stands_still(paused)
    left = parse((await standing(hub)).until) - hub.clock()
    await asyncio.sleep(max(0.0, left.total_seconds()) + 0.1)
    paused.send_signal(signal.SIGCONT)
    assert await word(paused) == "kept"
    assert await asyncio.to_thread(paused.wait, 60) == 0
    assert await noted(hub, paused) == [1, 2]


async def test_a_killed_process_is_followed_when_its_term_is_over(hub: Hub, start: Start) -> None:
    killed = start("work")
    assert await word(killed) == "working"
    killed.kill()
    after = start("work")
    assert await word(after) == "working"
    after.communicate()
    assert await noted(hub, after) == [2, 100]
