"""Serving an application inside the caller's event loop: the caller decides when it ends, and keeps its signals."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.h11_impl import H11Protocol

from hub.errors import BadInput

GRACE_SECONDS = 10
"""How long requests under way may take to end once the serving is to stop."""
CONNECTIONS_MAX = 1_000
"""Open connections beyond which a request is answered with 503."""
HEAD_SECONDS = 10.0
"""How long a request's head may take to arrive, from the connection's beginning or the head's first byte."""
IDLE_SECONDS = 75
"""How long a connection stays open after a request: longer than the usual 60 s of proxies, so that it is they who
close it, and not we under a request that is on its way."""


@asynccontextmanager
async def serving(app: Starlette, listen: str) -> AsyncIterator[str]:
    """Serves `app` at HOST:PORT (port 0: a free one) while the block runs, and answers its URL. At the end of the block
    nothing more is accepted, and what is under way is finished within `GRACE_SECONDS`. BadInput when the address
    cannot be used."""
    bound = _bind(listen)
    server = _Server(
        uvicorn.Config(
            app,
            http=_Connection,
            log_config=None,
            access_log=False,  # its lines would hold query strings, and with them what a vendor signs itself in by
            lifespan="off",
            ws="none",
            server_header=False,
            proxy_headers=False,
            limit_concurrency=CONNECTIONS_MAX,
            timeout_keep_alive=IDLE_SECONDS,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
    )
    try:
        async with app.router.lifespan_context(app):
            task = asyncio.create_task(server.serve(sockets=[bound]), name="web")
            try:
                await _started(server, task)
                yield _url(bound)
            finally:
                server.should_exit = True
                await task
    finally:
        bound.close()


class _Connection(H11Protocol):
    """One that is closed when no request comes of it. By itself uvicorn waits for a head, and for the rest of a body
    after it has answered, without end: so few senders that say nothing would use up `CONNECTIONS_MAX`."""

    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._late = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if not self._silent():
            self._forget()
        elif self._late is None:
            self._late = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget()
        super().connection_lost(exc)

    def _silent(self) -> bool:
        """Whether no request of it is under way."""
        return self.cycle is None or self.cycle.response_complete

    def _give_up(self) -> None:
        self._late = None
        if self._silent():
            self.transport.close()

    def _forget(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the caller's."""
        yield


async def _started(server: uvicorn.Server, task: asyncio.Task[None]) -> None:
    while not server.started:
        if task.done():
            task.result()
            raise RuntimeError("the web server ended before it began")
        await asyncio.sleep(0.005)


def _bind(listen: str) -> socket.socket:
    host, _, port = listen.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named so that asyncio sets TCP_NODELAY; without it answers wait for the other side's ACK.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        if not host:
            raise ValueError("no host")
        bound.bind((host, int(port)))
    except (OSError, ValueError, OverflowError) as error:
        bound.close()
        why = getattr(error, "strerror", None) or "no HOST:PORT"
        raise BadInput(
            f"{listen} cannot be listened at: {why}", mend="say another HOST:PORT, such as 127.0.0.1:8400"
        ) from error
    bound.setblocking(False)
    return bound


def _url(bound: socket.socket) -> str:
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
