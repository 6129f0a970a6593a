"""Serving over real sockets: bodies that trickle, requests under way when it ends, and the command."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from starlette.applications import Starlette

from hub.errors import BadInput
from hub.store.database import Transaction
from hub.web import server, webhooks
from hub.web.app import make_app
from hub.web.server import serving
from tests.web.conftest import House, relayed

ONE = {"stream": "people", "ids": ["7"]}


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
class TestOverSockets:
    async def test_bodies_may_come_in_pieces(self, house: House) -> None:
        text, headers = relayed(ONE)

        async def pieces() -> AsyncIterator[bytes]:
            for start in range(0, len(text), 5):
                yield text[start : start + 5]
                await asyncio.sleep(0)

        async with serving(make_app(house.hub), "127.0.0.1:0") as url, httpx.AsyncClient(base_url=url) as client:
            answer = await client.post("/webhooks/shop", content=pieces(), headers=headers)
            assert answer.status_code == 200
        assert await house.ids("shop", "people") == ["7"]

    async def test_a_body_that_does_not_come_is_not_waited_for(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(webhooks, "BODY_SECONDS", 0.2)
        async with serving(make_app(house.hub), "127.0.0.1:0") as url:
            reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
            writer.write(b"POST /webhooks/shop HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
            answer = await asyncio.wait_for(reader.read(), 5)  # to its end: the connection is closed
            assert answer.startswith(b"HTTP/1.1 408 ")
            writer.close()

    @pytest.mark.parametrize("said", [b"", b"POST /webhooks/shop HTTP/1.1\r\nHost:"], ids=["nothing", "half a head"])
    async def test_a_request_that_does_not_come_is_not_waited_for(
        self, house: House, monkeypatch: pytest.MonkeyPatch, said: bytes
    ) -> None:
        monkeypatch.setattr(server, "HEAD_SECONDS", 0.2)
        async with serving(make_app(house.hub), "127.0.0.1:0") as url:
            reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
            writer.write(said)
            assert await asyncio.wait_for(reader.read(), 30) == b""  # closed
            writer.close()

    @pytest.mark.parametrize("said", [b"GET /h", b"{"], ids=["half a head", "a body that nobody asked for"])
    async def test_nor_is_what_trickles_in_after_an_answer(
        self, house: House, monkeypatch: pytest.MonkeyPatch, said: bytes
    ) -> None:
        async with serving(make_app(house.hub), "127.0.0.1:0") as url:
            reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
            length = b"Content-Length: 1000\r\n" if said == b"{" else b""
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + length + b"\r\n")
            assert await asyncio.wait_for(reader.readuntil(b"}"), 30)
            monkeypatch.setattr(server, "HEAD_SECONDS", 0.2)
            writer.write(said)
            assert await asyncio.wait_for(reader.read(), 30) == b""
            writer.close()

    async def test_a_connection_may_rest_between_two_requests(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with serving(make_app(house.hub), "127.0.0.1:0") as url:
            reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
            for _ in range(3):
                writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
                assert await asyncio.wait_for(reader.readuntil(b"}"), 30)
                monkeypatch.setattr(server, "HEAD_SECONDS", 0.01)
                await asyncio.sleep(0.1)
            writer.close()

    async def test_one_that_is_too_large_is_cut_off(self, house: House) -> None:
        async with serving(make_app(house.hub), "127.0.0.1:0") as url:
            reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
            writer.write(b"POST /webhooks/shop HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n" + b" " * 1000)
            answer = await asyncio.wait_for(reader.read(), 5)
            assert answer.startswith(b"HTTP/1.1 413 ")
            writer.close()

    async def test_a_request_under_way_is_finished_before_it_ends(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        gate, begun = asyncio.Event(), asyncio.Event()
        write = house.hub.database.write

        @asynccontextmanager
        async def held(**_: bool) -> AsyncIterator[Transaction]:
            async with write() as conn:
                yield conn
                begun.set()
                await gate.wait()

        monkeypatch.setattr(house.hub.database, "write", held)
        text, headers = relayed(ONE)
        async with httpx.AsyncClient() as client:
            async with serving(make_app(house.hub), "127.0.0.1:0") as url:
                asked = asyncio.create_task(client.post(f"{url}/webhooks/shop", content=text, headers=headers))
                await begun.wait()
                asyncio.get_running_loop().call_later(0.3, gate.set)
            assert (await asked).status_code == 200
            with pytest.raises(httpx.ConnectError):
                await client.get(url)
        assert await house.ids("shop", "people") == ["7"]

    async def test_the_signals_stay_the_callers(self, house: House) -> None:
        before = [signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGINT)]
        async with serving(make_app(house.hub), "127.0.0.1:0"):
            assert [signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGINT)] == before

    async def test_an_address_that_is_taken_is_said_so(self, house: House) -> None:
        async with serving(make_app(house.hub), "127.0.0.1:0") as url:
            with pytest.raises(BadInput, match="Address already in use"):
                async with serving(make_app(house.hub), url.removeprefix("http://")):
                    pass


@pytest.mark.parametrize("listen", ["no.such.host.invalid:80", "127.0.0.1:port", "8400"])
async def test_an_address_that_makes_no_sense_is_said_so(listen: str) -> None:
    with pytest.raises(BadInput):
        async with serving(Starlette(), listen):
            pass
