"""Serving an application inside the caller's event loop: the caller decides when it ends, and keeps its signals."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from starlette.applications import Starlette

from hub.errors import BadInput

GRACE_SECONDS = 10
"""How long requests under way may take to end once the serving is to stop."""
CONNECTIONS_MAX = 1_000
"""Open connections beyond which a request is answered with 503."""
IDLE_SECONDS = 75
"""How long a connection without a request stays open: longer than the usual 60 s of proxies, so that it is they who
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
