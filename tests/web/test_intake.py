"""Noting hints: many requests in one transaction, "taken" only after the commit, and a bound on what waits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from typing import Any

import httpx
import pytest
from sqlalchemy import event
from structlog.testing import capture_logs

from hub.store.database import Database, Transaction
from hub.web import intake
from sync_jobs.queue import Wake
from tests.web.conftest import House, relayed

SHOP = "/webhooks/shop"


@contextmanager
def commits(database: Database) -> Iterator[list[None]]:
    """Transactions committed inside the block by those who write."""
    seen: list[None] = []
    engine = database._write.sync_engine

    def note(_: Any) -> None:
        seen.append(None)

    event.listen(engine, "commit", note)
    try:
        yield seen
    finally:
        event.remove(engine, "commit", note)


async def post(client: httpx.AsyncClient, *ids: object) -> httpx.Response:
    text, headers = relayed({"stream": "people", "ids": list(ids)})
    return await client.post(SHOP, content=text, headers=headers)


async def test_many_requests_at_once_are_few_transactions(house: House) -> None:
    async with house.client() as client:
        with commits(house.hub.database) as seen:
            answers = await asyncio.gather(*(post(client, n, f"x{n}") for n in range(300)))
        assert {a.status_code for a in answers} == {200}
        assert len(await house.ids("shop", "people")) == 600
        assert 1 <= len(seen) <= 60
        assert set(await house.woken()) == {"shop"}


async def test_a_batch_has_a_bound(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "BATCH_MAX", 10)
    sizes = []
    note = intake.hints.note

    async def measured(conn: Transaction, rows: Any) -> None:
        rows = list(rows)
        sizes.append(len(rows))
        await note(conn, rows)

    monkeypatch.setattr(intake.hints, "note", measured)
    async with house.client() as client:
        await asyncio.gather(*(post(client, f"{n}-a", f"{n}-b", f"{n}-c") for n in range(20)), post(client, *range(50)))
    assert max(size for size in sizes if size != 50) <= 10
    assert sum(sizes) == 110
    assert len(await house.ids("shop", "people")) == 110


async def test_taken_is_not_said_before_it_is_committed(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = asyncio.Event()
    write = house.hub.database.write

    @asynccontextmanager
    async def held(**_: bool) -> AsyncIterator[Transaction]:
        async with write() as conn:
            yield conn
            await gate.wait()

    monkeypatch.setattr(house.hub.database, "write", held)
    async with house.client() as client:
        asked = asyncio.create_task(post(client, 1))
        await asyncio.sleep(0.1)
        assert not asked.done()
        gate.set()
        assert (await asked).status_code == 200
        assert await house.ids("shop", "people") == ["1"]


@asynccontextmanager
async def gone(**_: bool) -> AsyncIterator[Transaction]:
    raise ConnectionRefusedError("nobody listens")
    yield


@asynccontextmanager
async def hanging(**_: bool) -> AsyncIterator[Transaction]:
    await asyncio.sleep(3600)
    yield  # type: ignore[misc]


@pytest.mark.parametrize("away", [gone, hanging])
async def test_while_the_store_is_away_the_vendor_is_to_come_again(
    house: House, monkeypatch: pytest.MonkeyPatch, away: Callable[..., AbstractAsyncContextManager[Transaction]]
) -> None:
    async with house.client() as client:
        with monkeypatch.context() as patch:
            patch.setattr(intake, "COMMIT_SECONDS", 0.2)
            patch.setattr(house.hub.database, "write", away)
            answer = await post(client, 1)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
            assert await house.woken() == []
        again = await post(client, 1)
        assert again.status_code == 200
        assert await house.ids("shop", "people") == ["1"]
        assert await house.woken() == ["shop"]


async def test_more_than_may_wait_is_sent_away(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "WAITING_MAX", 5)
    gate = asyncio.Event()
    write = house.hub.database.write

    @asynccontextmanager
    async def slow(**_: bool) -> AsyncIterator[Transaction]:
        await gate.wait()
        async with write() as conn:
            yield conn

    monkeypatch.setattr(house.hub.database, "write", slow)
    async with house.client() as client:
        under_way = asyncio.create_task(post(client, "first"))
        await asyncio.sleep(0.05)
        waiting = [asyncio.create_task(post(client, n, f"x{n}")) for n in range(4)]
        await asyncio.sleep(0.05)
        assert sorted(t.result().status_code for t in waiting if t.done()) == [503, 503]
        gate.set()
        assert (await under_way).status_code == 200
        assert sorted([(await t).status_code for t in waiting]) == [200, 200, 503, 503]
        assert (await post(client, "later")).status_code == 200  # what was sent away holds no place


async def test_a_sender_that_hangs_up_spoils_nothing_for_the_others(house: House) -> None:
    async with house.client() as client:
        asked = [asyncio.create_task(post(client, n)) for n in range(10)]
        await asyncio.sleep(0.001)
        asked[3].cancel()
        answers = await asyncio.gather(*asked, return_exceptions=True)
        assert [a.status_code for a in answers if isinstance(a, httpx.Response)] == [200] * 9


async def test_a_queue_that_does_not_answer_holds_up_no_request(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(_: Wake) -> None:
        await asyncio.sleep(3600)

    monkeypatch.setattr(house.hub.queue, "wake", never)
    async with house.client() as client:
        for n in range(3):
            assert (await post(client, n)).status_code == 200
    assert await house.ids("shop", "people") == ["0", "1", "2"]


async def test_whatever_the_queue_fails_with_hints_are_kept_on(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "COMMIT_SECONDS", 1.0)
    woken = house.hub.queue.wake

    async def broken(_: Wake) -> None:
        raise RuntimeError("the queue's client has a defect")

    async with house.client() as client:
        with monkeypatch.context() as patch:
            patch.setattr(house.hub.queue, "wake", broken)
            assert (await post(client, 1)).status_code == 200
            await asyncio.sleep(0.1)  # until it was woken
        assert house.hub.queue.wake == woken
        assert (await post(client, 2)).status_code == 200
        assert await house.woken() == ["shop"]
    assert await house.ids("shop", "people") == ["1", "2"]


async def test_a_store_that_stays_away_is_logged_once_and_its_return_too(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with house.client() as client:
        with capture_logs() as lines:
            with monkeypatch.context() as patch:
                patch.setattr(house.hub.database, "write", gone)
                for n in range(5):
                    assert (await post(client, n)).status_code == 503
            for n in range(5):
                assert (await post(client, n)).status_code == 200
    said = [line["event"] for line in lines if "hints" in line["event"]]
    assert said == ["hints cannot be kept; vendors are asked to come again", "hints are kept again"]
