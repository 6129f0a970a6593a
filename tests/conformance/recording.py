"""Records what a connector sends and what its sandbox answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send


@dataclass(frozen=True)
class Exchange:
    """One request and its answer. Header names are lower case."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    request_type: str
    request_body: bytes
    status: int
    response_body: bytes

    def __str__(self) -> str:
        return f"{self.method} {self.path} -> {self.status}"

    def sent(self) -> Any:
        """The parsed request body; None when there is none."""
        if not self.request_body:
            return None
        if self.request_type.startswith("application/x-www-form-urlencoded"):
            return dict(parse_qsl(self.request_body.decode(), keep_blank_values=True))
        return orjson.loads(self.request_body)

    def answered(self) -> Any:
        """The parsed answer; None when it is empty. Raises when it is not JSON."""
        return orjson.loads(self.response_body) if self.response_body else None


class Recorder:
    """An ASGI application before another."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.exchanges: list[Exchange] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        asked, answered = bytearray(), bytearray()
        status = 0

        async def hear() -> Message:
            message = await receive()
            asked.extend(message.get("body", b""))
            return message

        async def tell(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            answered.extend(message.get("body", b""))
            await send(message)

        await self._app(scope, hear, tell)
        headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
        self.exchanges.append(
            Exchange(
                scope["method"],
                scope["path"],
                tuple(parse_qsl(scope["query_string"].decode(), keep_blank_values=True)),
                headers.get("content-type", ""),
                bytes(asked),
                status,
                bytes(answered),
            )
        )
