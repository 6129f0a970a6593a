"""The front of the sandboxes over real HTTP: counts, faults, and a server that starts and stops."""

import socket
from collections import Counter

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from hub.errors import BadInput
from hub.sdk.sandbox import Faults, Front, SandboxOptions, serve


class Shop:
    """A tiny vendor: PUT /things/{thing} keeps it."""

    def __init__(self, faults: Faults, seed: int = 1) -> None:
        self.kept: Counter[str] = Counter()
        inner = Starlette(routes=[Route("/things/{thing}", self.put, methods=["PUT"])])
        self.app = Front(inner, SandboxOptions(seed=seed, faults=faults), too_many=self.too_many)

    async def put(self, request: Request) -> Response:
        self.kept[request.path_params["thing"]] += 1
        return JSONResponse({"kept": request.path_params["thing"], "padding": "x" * 50})

    def too_many(self) -> Response:
        return JSONResponse({"error": "slow down"}, 429, {"Retry-After": "1"})


def ask(shop: Shop, times: int) -> list[str]:
    """What each of `times` different PUTs met."""
    met = []
    with serve(shop.app) as running, httpx.Client(base_url=running.url) as client:
        for n in range(times):
            try:
                answer = client.put(f"/things/t{n}")
            except httpx.RemoteProtocolError:
                met.append("dropped")
                continue
            if answer.status_code != 200:
                met.append(str(answer.status_code))
            elif answer.headers["content-type"].startswith("text/html"):
                met.append("html")
            else:
                met.append("fine" if answer.content.endswith(b"}") else "cut")
    return met


def test_without_faults_all_is_applied_and_counted_by_template() -> None:
    shop = Shop("none")
    assert set(ask(shop, 30)) == {"fine"}
    assert shop.app.calls == {"PUT /things/{thing}": 30}
    assert len(shop.kept) == 30


def test_light_faults_are_about_one_in_a_hundred_and_repeat_by_seed() -> None:
    met = Counter(ask(Shop("light"), 1500))
    assert 5 <= 1500 - met["fine"] <= 30
    assert set(met) <= {"fine", "500", "503", "504", "429"}
    assert Counter(ask(Shop("light"), 1500)) == met
    assert ask(Shop("light", seed=2), 300) != ask(Shop("light", seed=3), 300)


def test_heavy_faults_lose_answers_of_what_was_applied() -> None:
    shop = Shop("heavy")
    met = ask(shop, 1500)
    assert 80 <= 1500 - met.count("fine") <= 165
    assert set(met) == {"fine", "500", "503", "504", "502", "429", "html", "cut", "dropped"}
    for n, what in enumerate(met):
        applied = shop.kept[f"t{n}"]
        assert applied == (0 if what in ("500", "503", "429", "html") else 1), what
    assert sum(shop.app.calls.values()) == 1500


def test_a_taken_port_is_said_plainly_and_a_stopped_server_frees_it() -> None:
    running = serve(Shop("none").app)
    with pytest.raises(BadInput, match=str(running.port)):
        serve(Shop("none").app, running.port)
    running.stop()
    running.stop()
    with serve(Shop("none").app, running.port) as again:
        assert again.url == running.url
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", running.port)) != 0


def test_options_build_the_world_they_name() -> None:
    options = SandboxOptions(seed=5, people=20)
    assert options.the_world().appearances("hubspot") == SandboxOptions(5, 20).the_world().appearances("hubspot")


def test_a_sandbox_that_is_told_to_be_calm_misbehaves_no_more() -> None:
    shop = Shop("heavy")
    shop.app.calm = True
    assert set(ask(shop, 100)) == {"fine"}
    shop.app.calm = False
    assert set(ask(shop, 100)) > {"fine"}
