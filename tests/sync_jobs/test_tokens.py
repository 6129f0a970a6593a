"""Tokens in the store: what a vendor rotates is lost to no process, whatever happens while it is kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import httpx
import pytest
import respx

from hub.domain.moments import iso
from hub.errors import LeaseLost
from hub.sdk.http import get
from hub.store import leases, secrets
from hub.store.database import Database, Transaction
from hub.store.secrets import Vault, master_key
from hub.transport.client import Caller
from sync_jobs import tokens
from sync_jobs.tokens import StoredTokens
from tests.transport.shop import DEFAULT_URL, Clock, Desk, Grant, caller

KEY = "correct horse battery staple"
NOW = "2026-01-05T09:00:00.000Z"


@pytest.fixture
async def vault(database: Database) -> Vault:
    """Of a store in which the shop's first refresh token was given."""
    async with database.write() as conn:
        made = await secrets.make_vault(conn, master_key(KEY), NOW)
        await secrets.put(conn, made, "shop", {"refresh": "r1"}, NOW)
    return made


@pytest.fixture
def desk() -> Desk:
    """At the shop's address; of tokens that live for ten minutes."""
    sold = Desk()
    respx.post(f"{DEFAULT_URL}/token").mock(side_effect=sold.sell)
    respx.get(f"{DEFAULT_URL}/a").mock(side_effect=sold.serve)
    return sold


def process(database: Database, vault: Vault, clock: Clock) -> Caller:
    """As a process speaks that was started when the refresh token was r1."""
    kept = StoredTokens(database, vault, "shop", clock)
    return caller(clock, auth=Grant("r1"), tokens=kept, reauth=lambda rotated: Grant(rotated["refresh"]))


async def stored(database: Database, vault: Vault) -> tuple[str, str]:
    """The token, and the refresh token that buys the next."""
    async with database.read() as conn:
        token = await secrets.fetch_token(conn, vault, "shop")
        assert token is not None
        return token.access, (await secrets.fetch(conn, vault, "shop"))["refresh"]


@respx.mock
async def test_who_fetches_next_has_the_refresh_token_that_another_process_was_given(
    database: Database, vault: Vault, desk: Desk
) -> None:
    clock = Clock()
    one, two = (process(database, vault, clock) for _ in range(2))
    for shop in (one, two, two, one):
        assert (await shop.send(get("/a"))).ok
        assert (await shop.send(get("/a"))).ok
        clock.now += timedelta(minutes=20)
    assert desk.used == ["r1", "r2", "r3", "r4"], "none of them twice: the shop would lock the connection out"


@respx.mock
async def test_a_caller_that_is_being_replaced_and_the_new_one_do_not_fetch_at_once(
    database: Database, vault: Vault, desk: Desk
) -> None:
    """As when a connection is made ready anew while its token is fetched."""
    asked, answered = asyncio.Event(), asyncio.Event()

    async def sell(request: httpx.Request) -> httpx.Response:
        asked.set()
        await answered.wait()
        return desk.sell(request)

    respx.post(f"{DEFAULT_URL}/token").mock(side_effect=sell)
    old, new = (process(database, vault, Clock()) for _ in range(2))
    first = asyncio.create_task(old.send(get("/a")))
    await asked.wait()
    await old.close()
    second = asyncio.create_task(new.send(get("/a")))
    for _ in range(20):
        await asyncio.sleep(0.01)
    answered.set()
    assert [(await first).ok, (await second).ok] == [True, True]
    assert desk.used == ["r1"]


@respx.mock
async def test_a_rotated_refresh_token_is_kept_by_whoever_lost_his_lease_meanwhile(
    database: Database, vault: Vault, desk: Desk
) -> None:
    """The old one is spent: what is not kept here, nobody ever has again."""
    lost = False

    async def guard(_: Transaction) -> None:
        if lost:
            raise LeaseLost("it is another's")

    def sell(request: httpx.Request) -> httpx.Response:
        nonlocal lost
        lost = True
        return desk.sell(request)

    respx.post(f"{DEFAULT_URL}/token").mock(side_effect=sell)
    with database.guarded(guard):
        await process(database, vault, Clock()).send(get("/a"))
    assert await stored(database, vault) == ("a1", "r2")
    async with database.read() as conn:
        lease = await leases.fetch(conn, "token:shop")
        assert lease is None or not lease.held_at(NOW), "nor do others wait for him"


@pytest.fixture
def failures(database: Database, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> list[Exception]:
    """What transactions that write meet with, one after the other, once a token was bought."""
    monkeypatch.setattr(tokens, "PAUSES", (0.0, 0.0))
    write, coming = Database.write, list[Exception]()

    @asynccontextmanager
    async def failing(self: Database, *, hurried: bool = False) -> AsyncIterator[Transaction]:
        if desk.bought and coming:
            raise coming.pop()
        async with write(self, hurried=hurried) as conn:
            yield conn

    monkeypatch.setattr(Database, "write", failing)
    return coming


@respx.mock
async def test_a_moment_without_the_store_costs_no_rotated_refresh_token(
    database: Database, vault: Vault, desk: Desk, failures: list[Exception]
) -> None:
    failures += [ConnectionRefusedError()] * 2
    assert (await process(database, vault, Clock()).send(get("/a"))).ok
    assert await stored(database, vault) == ("a1", "r2")


@respx.mock
async def test_a_rotated_refresh_token_is_kept_once_the_store_is_back(
    database: Database, vault: Vault, desk: Desk, failures: list[Exception]
) -> None:
    shop = process(database, vault, Clock())
    failures += [ConnectionRefusedError()] * 100
    with pytest.raises(ConnectionRefusedError):
        await shop.send(get("/a"))
    failures.clear()
    assert (await shop.send(get("/a"))).ok
    assert await stored(database, vault) == ("a1", "r2")
    assert desk.used == ["r1"]


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
async def test_nobody_else_fetches_while_the_token_endpoint_is_slow(
    database: Database, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two who fetch at once with one refresh token lock each other out."""
    monkeypatch.setattr(tokens, "RENEWED", 0.01)
    clock = Clock()
    async with StoredTokens(database, vault, "shop", clock).alone():
        for _ in range(4):
            clock.now += tokens.TERM * 0.75
            await renewed(database, clock)
        async with database.write() as conn:
            assert await leases.acquire(conn, "token:shop", "another", clock.now, tokens.TERM) is None
    async with database.write() as conn:
        assert await leases.acquire(conn, "token:shop", "another", clock.now, tokens.TERM) is not None


async def renewed(database: Database, clock: Clock) -> None:
    for _ in range(500):
        async with database.read() as conn:
            lease = await leases.fetch(conn, "token:shop")
        if lease is not None and lease.held_at(iso(clock.now + tokens.TERM * 0.9)):
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the lease was not renewed")
