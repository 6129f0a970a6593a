"""Tokens: fetched once, renewed in time or on refusal, rotated secrets kept, refusals told from weather."""

import asyncio
from datetime import timedelta

import httpx
import pytest
import respx

from hub.domain.outcome import FaultKind
from hub.sdk.auth import Token
from hub.sdk.http import get
from hub.transport.client import Failed
from hub.transport.tokens import MemoryTokens
from tests.transport.shop import DEFAULT_URL, START, Clock, Desk, Grant, caller


def shop_with(desk: Desk, clock: Clock, tokens: MemoryTokens | None = None, base_url: str = DEFAULT_URL):
    respx.post(f"{base_url}/token").mock(side_effect=desk.sell)
    respx.get(f"{base_url}/a").mock(side_effect=desk.serve)
    return caller(
        clock, auth=Grant(), tokens=tokens, base_url=base_url, reauth=lambda secrets: Grant(secrets["refresh"])
    )


@respx.mock
async def test_one_token_serves_many_calls_and_is_kept_with_its_secrets() -> None:
    desk, tokens = Desk(), MemoryTokens()
    shop = shop_with(desk, Clock(), tokens)
    for _ in range(3):
        assert (await shop.send(get("/a"))).ok
    assert shop.calls == {"token": 1, "default": 3}
    assert tokens.token is not None
    assert tokens.token.secrets == {"refresh": "r2"}


@respx.mock
async def test_a_token_is_renewed_before_it_expires_with_the_rotated_secret() -> None:
    desk, clock = Desk(600), Clock()
    shop = shop_with(desk, clock)
    await shop.send(get("/a"))
    clock.now += timedelta(seconds=539)
    await shop.send(get("/a"))
    assert desk.bought == 1
    clock.now += timedelta(seconds=2)
    await shop.send(get("/a"))
    assert desk.used == ["r1", "r2"]
    assert shop.calls["default"] == 3, "no call was wasted on a 401"


@respx.mock
async def test_a_short_lived_token_is_not_renewed_for_every_call() -> None:
    desk, clock = Desk(20), Clock()
    shop = shop_with(desk, clock)
    for _ in range(9):
        await shop.send(get("/a"))
        clock.now += timedelta(seconds=2)
    assert desk.bought == 1


@respx.mock
async def test_a_token_that_dies_early_is_renewed_once_and_the_call_repeated() -> None:
    desk = Desk(None)
    tokens = MemoryTokens(Token("old"))
    shop = shop_with(desk, Clock(), tokens)
    assert (await shop.send(get("/a"))).ok
    assert shop.calls == {"token": 1, "default": 2}
    assert tokens.token is not None
    assert tokens.token.access == "a1"


@respx.mock
async def test_many_callers_renew_once() -> None:
    desk = Desk()
    shop = shop_with(desk, Clock(), MemoryTokens(Token("old", START + timedelta(hours=1))))
    answers = await asyncio.gather(*(shop.send(get("/a")) for _ in range(20)))
    assert all(answer.ok for answer in answers)
    assert desk.used == ["r1"]
    assert shop.calls["default"] <= 40


@respx.mock
async def test_a_token_that_another_process_renewed_is_taken_over() -> None:
    desk = Desk()
    desk.bought = 4
    tokens = MemoryTokens(Token("a3"))
    shop = shop_with(desk, Clock(), tokens)
    shop._desk._token = Token("a3")
    tokens.token = Token("a4", START + timedelta(hours=1))
    assert (await shop.send(get("/a"))).ok
    assert desk.used == []


@respx.mock
async def test_a_refused_grant_needs_a_person() -> None:
    desk = Desk()
    desk.bought = 7
    shop = shop_with(desk, Clock())
    with pytest.raises(Failed, match="refuses the grant") as failed:
        await shop.send(get("/a"))
    assert failed.value.fault.kind is FaultKind.UNAUTHORISED
    assert not failed.value.sent
    assert shop.calls == {"token": 1}


@respx.mock
async def test_a_new_token_that_is_refused_too_ends_it() -> None:
    respx.post(f"{DEFAULT_URL}/token").respond(200, json={"access": "a"})
    refusals = respx.get(f"{DEFAULT_URL}/a").respond(401)
    shop = caller(Clock(), auth=Grant())
    with pytest.raises(Failed) as failed:
        await shop.send(get("/a"))
    assert failed.value.fault.kind is FaultKind.UNAUTHORISED
    assert refusals.call_count == 2


@respx.mock
async def test_a_closed_token_endpoint_is_weather_not_a_refusal() -> None:
    sold = httpx.Response(200, json={"access": "a"})
    page = httpx.Response(200, content=b"<html>maintenance</html>")
    route = respx.post(f"{DEFAULT_URL}/token").mock(
        side_effect=[httpx.Response(503), httpx.ReadTimeout("slow"), page, sold]
    )
    respx.get(f"{DEFAULT_URL}/a").respond(200, json={})
    assert (await caller(Clock(), auth=Grant()).send(get("/a"))).ok
    assert route.call_count == 4


@respx.mock
async def test_the_tokens_address_is_used_unless_the_connection_names_its_own() -> None:
    theirs = respx.get("https://eu7.shop.example/a").respond(200, json={})
    respx.post(f"{DEFAULT_URL}/token").respond(200, json={"access": "a", "base_url": "https://eu7.shop.example"})
    await caller(Clock(), auth=Grant()).send(get("/a"))
    assert theirs.call_count == 1
    respx.post("http://127.0.0.1:9/token").respond(200, json={"access": "a", "base_url": "https://eu7.shop.example"})
    local = respx.get("http://127.0.0.1:9/a").respond(200, json={})
    await caller(Clock(), auth=Grant(), base_url="http://127.0.0.1:9/").send(get("/a"))
    assert (theirs.call_count, local.call_count) == (1, 1)
