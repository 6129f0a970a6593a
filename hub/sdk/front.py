"""The front of a sandbox: counts what comes in, and behaves as badly as the options ask.

Faults are drawn from the seed, the method, the path and how often that path was asked before, so that the same
history of requests meets the same faults, whatever else runs beside it.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Protocol

from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class FaultOptions(Protocol):
    @property
    def seed(self) -> int: ...

    @property
    def faults(self) -> str: ...


SHARES = {"none": 0.0, "light": 0.01, "heavy": 0.08}
LIGHT = ("refused_503", "lost_504", "too_many", "refused_500")
HEAVY = (*LIGHT, "html", "cut_json", "dropped", "lost_502")
"""`refused`: not applied. `lost`: applied, the answer replaced by a gateway's. `cut_json`: applied, a well-formed
answer whose JSON ends half-way. `dropped`: applied, the connection closed within the answer. `html`: a proxy's page
with status 200, not applied."""

PAGE = "<!doctype html><html><head><title>Scheduled maintenance</title></head><body><h1>Back soon</h1></body></html>"


@dataclass(slots=True)
class Answer:
    """A whole answer, kept back: `status`, raw header pairs and body."""

    status: int = 500
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""

    async def keep(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = [(bytes(name).lower(), bytes(value)) for name, value in message.get("headers", ())]
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")

    async def send(self, send: Send, body: bytes, length: int) -> None:
        """Sends the kept head with another body; a `length` beyond the body's makes the server drop the line."""
        kept = [pair for pair in self.headers if pair[0] not in (b"content-length", b"content-encoding")]
        kept.append((b"content-length", str(length).encode()))
        await send({"type": "http.response.start", "status": self.status, "headers": kept})
        await send({"type": "http.response.body", "body": body, "more_body": length > len(body)})


class Front:
    """An ASGI application before another: counts every request in `calls` and lets `with_faults` misbehave, until it
    is told to be `calm`."""

    def __init__(self, app: ASGIApp, options: FaultOptions, *, too_many: Callable[[], Response]) -> None:
        self.calm = False
        self._app = app
        self._faulty = with_faults(app, options, too_many=too_many)
        self._lock = threading.Lock()
        self._calls: Counter[str] = Counter()

    @property
    def calls(self) -> Counter[str]:
        """A copy of the counts by "METHOD /path-template"."""
        with self._lock:
            return Counter(self._calls)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._app if self.calm else self._faulty
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        counted = False

        def count() -> None:
            nonlocal counted
            if not counted:
                counted = True
                with self._lock:
                    self._calls[f"{scope['method']} {template(scope)}"] += 1

        async def answer(message: Message) -> None:
            count()  # before whoever asked has the answer, and looks
            await send(message)

        try:
            await app(scope, receive, answer)
        finally:
            count()


def template(scope: Scope) -> str:
    """The path with the route's parameters named instead of shown, once the route was found."""
    path: str = scope["path"]
    parameters: dict[str, Any] = scope.get("path_params") or {}
    for name, value in parameters.items():
        text = str(value)
        if text:
            head, found, tail = path.rpartition(f"/{text}")
            path = f"{head}/{{{name}}}{tail}" if found else path
    return path


def with_faults(app: ASGIApp, options: FaultOptions, *, too_many: Callable[[], Response]) -> ASGIApp:
    """`app` with the faults of `options.faults`: light about 1 % of the requests, heavy about 8 %.

    `too_many` makes the vendor's own answer to somebody who asks too often.
    """
    share = SHARES[options.faults]
    if not share:
        return app
    kinds = HEAVY if options.faults == "heavy" else LIGHT
    seen: Counter[str] = Counter()
    lock = threading.Lock()

    async def faulty(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        asked = f"{scope['method']} {scope['path']}"
        with lock:
            seen[asked] += 1
            draw = _draw(f"{options.seed} {asked} {seen[asked]}")
        if draw >= share:
            await app(scope, receive, send)
            return
        kind = kinds[int(draw / share * len(kinds))]
        await _misbehave(kind, app, too_many, scope, receive, send)

    return faulty


def _draw(text: str) -> float:
    """A number in [0, 1) that only `text` decides."""
    return int.from_bytes(blake2b(text.encode(), digest_size=7).digest(), "big") / 2**56


async def _misbehave(
    kind: str, app: ASGIApp, too_many: Callable[[], Response], scope: Scope, receive: Receive, send: Send
) -> None:
    if kind.startswith("refused"):
        await Response(status_code=int(kind[-3:]))(scope, receive, send)
    elif kind == "too_many":
        await too_many()(scope, receive, send)
    elif kind == "html":
        await HTMLResponse(PAGE)(scope, receive, send)
    else:
        answer = Answer()
        await app(scope, receive, answer.keep)
        half = answer.body[: len(answer.body) // 2]
        if kind.startswith("lost"):
            await HTMLResponse(PAGE, status_code=int(kind[-3:]))(scope, receive, send)
        elif kind == "cut_json":
            await answer.send(send, half, len(half))
        else:
            await answer.send(send, half, len(answer.body) + 1)
            raise ConnectionAbortedError("the sandbox drops this connection, as asked")
