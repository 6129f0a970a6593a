"""Whose turn it is: on one host by the home's lock, on a store of many hosts by its lease as well."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from hub.domain.lane import Lane
from hub.errors import LeaseLost, Refused
from hub.operations.turns import FILE, UP, sole_turn, turn
from hub.store import leases, settings, tables
from hub.store.database import Database
from sync_jobs.hub import Hub
from sync_jobs.lease import HOME, held, tour_lease

KEY = "a passphrase of both hosts"


@pytest.fixture
async def hosts(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[list[Hub]]:
    """Two homes, as if on two hosts, with one store."""
    monkeypatch.setenv("HUB_SECRET_KEY", KEY)
    url = database._write.url.render_as_string(hide_password=False)
    async with AsyncExitStack() as stack:
        opened: list[Hub] = []
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
            opened.append(await stack.enter_async_context(await Hub.open(tmp_path / name, database_url=url)))
        yield opened


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
async def test_two_hosts_with_one_store_take_turns(hosts: list[Hub]) -> None:
    one, two = hosts
    async with sole_turn(one):
        with pytest.raises(Refused, match="holds the lease 'home' until"):
            async with sole_turn(two):
                pass
        with pytest.raises(Refused, match="in this home"):
            async with sole_turn(one):
                pass
    async with sole_turn(two):
        pass


@pytest.mark.parametrize("name", [FILE, UP])
def test_a_home_that_cannot_be_written_is_told_with_what_to_do(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()  # what root cannot open either
    with pytest.raises(Refused, match=f"{name} cannot be written: Is a directory") as refused, turn(tmp_path, name):
        pass
    assert "hub's user" in refused.value.mend


def test_who_is_up_is_told_apart_from_who_works(tmp_path: Path) -> None:
    for name, words in ((FILE, "is working in this home"), (UP, "is up in this home")):
        with turn(tmp_path, name), pytest.raises(Refused, match=words), turn(tmp_path, name):
            pass


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
async def test_a_host_that_lost_its_turn_writes_nothing_more(hosts: list[Hub]) -> None:
    one, two = hosts

    async def stand_still_and_write() -> None:
        async with sole_turn(one):
            async with two.database.write() as conn:
                await conn.execute(update(tables.leases).values(until="2026-01-01T00:00:00.000Z"))
            async with sole_turn(two), one.database.write() as conn:
                await settings.put(conn, "late", 1)

    with pytest.raises(LeaseLost):
        await stand_still_and_write()
    async with two.database.read() as conn:
        assert await settings.get(conn, "late") is None


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_on_one_host_the_lease_of_a_dead_process_is_taken_over_at_once(
    hosts: list[Hub], database: Database
) -> None:
    async with sole_turn(hosts[0]):
        with pytest.raises(Refused, match="in this home"):
            async with sole_turn(hosts[0]):
                pass
    async with database.write() as conn:
        dead = await leases.acquire(conn, HOME, "host/1/dead", hosts[0].clock(), timedelta(hours=1))
        tour = await leases.acquire(conn, tour_lease("crm", Lane.LIVE), "host/1/dead", hosts[0].clock(), timedelta(1))
    assert dead is not None
    assert tour is not None
    async with sole_turn(hosts[0]), database.write() as conn:
        await settings.put(conn, "done", 1)
    async with database.write() as conn:
        with pytest.raises(LeaseLost):
            await leases.hold(conn, tour)


class Watching:
    """What a progress is told: how many tours ended, of how many."""

    def __init__(self) -> None:
        self.told: list[tuple[str, int, int | None]] = []

    def update(self, job: str, connection: str, stream: str, counts: Mapping[str, int], total: int | None) -> None:
        self.told.append((job, counts["done"], total))


async def test_the_whole_store_waits_for_tours_under_way(hosts: list[Hub]) -> None:
    said: list[str] = []
    watching = Watching()
    began = asyncio.Event()

    async def tour() -> None:
        async with held(hosts[0], tour_lease("crm", Lane.LIVE)):
            began.set()
            await asyncio.sleep(0.5)
            said.append("toured")

    touring = asyncio.create_task(tour())
    await began.wait()
    async with sole_turn(hosts[1] if hosts[0].database.shared else hosts[0], watching):
        said.append("alone")
    await touring
    if hosts[0].database.shared:
        assert (watching.told[0], watching.told[-1]) == (("pause", 0, 1), ("pause", 1, 1))
    assert said == ["toured", "alone"] or not hosts[0].database.shared


async def test_a_tour_that_fell_silent_keeps_nothing_once_somebody_worked_alone(hosts: list[Hub]) -> None:
    async with hosts[0].database.write() as conn:
        silent = await leases.acquire(conn, "crm/live", "host/1/silent", hosts[0].clock() - timedelta(1), timedelta(0))
    assert silent is not None
    async with sole_turn(hosts[0]):
        pass
    async with hosts[0].database.write() as conn:
        with pytest.raises(LeaseLost):
            await leases.renew(conn, silent, hosts[0].clock(), timedelta(seconds=30))
