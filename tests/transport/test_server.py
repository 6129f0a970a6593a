"""The caller against a real server: real sockets, real headers, real cuts."""

import asyncio
import gzip
from collections import Counter
from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request as Incoming
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from hub.clock import now
from hub.domain.outcome import FaultKind
from hub.sdk.auth import BearerSecret
from hub.sdk.connector import Limit
from hub.sdk.http import get, send_json
from hub.sdk.sandbox import Front, Running, SandboxOptions, serve
from hub.transport.client import Caller, Failed
from hub.transport.tokens import MemoryTokens
from tests.transport.shop import Grant, connector


class Shop:
    """Keeps what is put; tokens are good for three calls."""

    def __init__(self, faults: str = "none") -> None:
        self.kept: Counter[str] = Counter()
        self.tokens: Counter[str] = Counter()
        self.flying = 0
        self.most = 0
        routes = [
            Route("/token", self.token, methods=["POST"]),
            Route("/people/{person}", self.put, methods=["PUT"]),
            Route("/slow", self.slow),
            Route("/packed", self.packed),
        ]
        options = SandboxOptions(seed=3, faults=faults)  # type: ignore[arg-type]
        self.app = Front(Starlette(routes=routes), options, too_many=lambda: Response(status_code=429))

    async def token(self, request: Incoming) -> Response:
        name = f"t{len(self.tokens)}"
        self.tokens[name] = 0
        return JSONResponse({"access": name, "expires_in": 3600})

    async def put(self, request: Incoming) -> Response:
        name = request.headers.get("authorization", "").removeprefix("Bearer ")
        if name not in self.tokens or self.tokens[name] >= 3:
            return Response(status_code=401)
        self.tokens[name] += 1
        self.kept[request.path_params["person"]] += 1
        return JSONResponse({"id": request.path_params["person"], "padding": "x" * 200})

    async def slow(self, request: Incoming) -> Response:
        self.flying += 1
        self.most = max(self.most, self.flying)
        await asyncio.sleep(0.02)
        self.flying -= 1
        return JSONResponse({})

    async def packed(self, request: Incoming) -> Response:
        return Response(gzip.compress(b" " * 70 * 2**20), headers={"Content-Encoding": "gzip"})


async def nap(seconds: float) -> None:
    await asyncio.sleep(min(seconds, 0.001))


@pytest.fixture
def shop() -> Iterator[tuple[Shop, Running]]:
    made = Shop()
    with serve(made.app) as running:
        yield made, running


async def test_tokens_that_die_midway_cost_one_renewal_each(shop: tuple[Shop, Running]) -> None:
    made, running = shop
    caller = Caller(connector(), running.url, Grant(), MemoryTokens(), clock=now)
    for n in range(10):
        assert (await caller.send(send_json("PUT", f"/people/p{n}", {}))).ok, "a 401 proves that nothing was done"
    assert set(made.kept.values()) == {1}
    assert caller.calls == {"token": 4, "default": 13}
    await caller.close()


async def test_heavy_faults_end_with_every_upsert_applied() -> None:
    made = Shop("heavy")
    with serve(made.app) as running:
        caller = Caller(connector(), running.url, Grant(), MemoryTokens(), clock=now, sleep=nap)
        failed = []
        for n in range(400):
            try:
                await caller.send(send_json("PUT", f"/people/p{n}", {}, repeatable=True))
            except Failed as failure:
                failed.append(failure.fault.kind)
        await caller.close()
    assert failed == [FaultKind.RATE_LIMITED] * len(failed)
    assert len(made.kept) == 400 - len(failed)
    assert any(count > 1 for count in made.kept.values()), "answers were lost after the request was applied"
    assert made.app.calls.total() == caller.total_calls


async def test_an_answer_that_breaks_off_is_in_doubt() -> None:
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"100")]})
        await send({"type": "http.response.body", "body": b'{"half"', "more_body": True})
        raise ConnectionAbortedError

    with serve(app) as running:
        caller = Caller(connector(), running.url, BearerSecret("s"), MemoryTokens(), clock=now, sleep=nap)
        with pytest.raises(Failed) as failed:
            await caller.send(send_json("POST", "/people", {}))
        assert failed.value.sent
        assert failed.value.fault.code == "answer_lost"
        assert caller.total_calls == 1
        await caller.close()


async def test_concurrency_is_kept_on_the_server_side(shop: tuple[Shop, Running]) -> None:
    made, running = shop
    limit = Limit("default", 1000, 1.0, concurrent=4)
    caller = Caller(connector(limit), running.url, BearerSecret("s"), MemoryTokens(), clock=now)
    await asyncio.gather(*(caller.send(get("/slow")) for _ in range(24)))
    assert made.most == 4
    await caller.close()


async def test_a_small_answer_that_unpacks_to_a_huge_one_is_refused(shop: tuple[Shop, Running]) -> None:
    caller = Caller(connector(), shop[1].url, BearerSecret("s"), MemoryTokens(), clock=now)
    with pytest.raises(Failed, match="64 MiB"):
        await caller.send(get("/packed"))
    await caller.close()


async def test_nobody_there(shop: tuple[Shop, Running]) -> None:
    _, running = shop
    running.stop()
    caller = Caller(connector(), running.url, BearerSecret("s"), MemoryTokens(), clock=now, sleep=nap)
    with pytest.raises(Failed, match=r"127\.0\.0\.1 could not be reached") as failed:
        await caller.send(send_json("POST", "/people", {}))
    assert not failed.value.sent
    assert caller.total_calls == 5
    await caller.close()


@pytest.mark.parametrize("secret", ["top\nsecret", "t\N{SNOWMAN}p-secret"])
async def test_a_secret_that_no_header_can_carry_is_not_quoted(shop: tuple[Shop, Running], secret: str) -> None:
    caller = Caller(connector(), shop[1].url, BearerSecret(secret), MemoryTokens(), clock=now)
    with pytest.raises(Failed) as failed:
        await caller.send(get("/slow"))
    assert failed.value.fault.kind is FaultKind.MISCONFIGURED
    assert secret not in str(failed.value)
    assert "top" not in str(failed.value)
    await caller.close()
