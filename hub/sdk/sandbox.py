"""What every sandbox shares: its options, its people, its faults, and a server on a loopback port.

A sandbox is a stateful imitation of a vendor over real HTTP. It asks nobody for the time but its options' clock, and
keeps its state in memory under one lock, because tests edit people from another thread than the server's.
"""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Any, Literal, Protocol, TypeAlias

import uvicorn
from starlette.types import ASGIApp

from hub import clock
from hub.errors import BadInput
from hub.sdk.front import Answer, Front, with_faults
from hub.sdk.world import World, world

__all__ = [
    "Answer",
    "Faults",
    "Front",
    "People",
    "Running",
    "Sandbox",
    "SandboxConnection",
    "SandboxOptions",
    "Unsupported",
    "serve",
    "with_faults",
]

Faults: TypeAlias = Literal["none", "light", "heavy"]


@dataclass(frozen=True)
class SandboxOptions:
    """`people` persons of the world of `seed`; the same seed gives every vendor its picture of the same persons.
    `webhooks`: the address at which the vendor, where it has webhooks, tells what changes."""

    seed: int = 1
    people: int = 200
    faults: Faults = "none"
    clock: Callable[[], datetime] = clock.now
    world: World | None = None
    webhooks: str = ""

    def the_world(self) -> World:
        """The world given, or the one of seed and people."""
        return self.world or world(self.seed, self.people)


@dataclass(frozen=True, slots=True)
class SandboxConnection:
    """What to connect the hub with, beside the URL that `Running` tells. `base_url`: another way in, without a server
    (a folder of this machine)."""

    settings: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    base_url: str = ""


class Unsupported(Exception):
    """The vendor has no such act."""


class People(Protocol):
    """What persons do at the vendor, in the vendor's own field names; modified times move as they would there.

    Ids are the vendor's, as text. `KeyError` for an id that is not there, `ValueError` for what the vendor's own
    screen would refuse (a second record with the same unique e-mail).
    """

    def ids(self) -> list[str]: ...

    def find(self, email: str) -> str | None: ...

    def get(self, remote_id: str) -> dict[str, Any] | None:
        """The record in the shape of `Record.raw`; None when it is gone."""
        ...

    def create(self, fields: Mapping[str, Any]) -> str: ...

    def edit(self, remote_id: str, fields: Mapping[str, Any]) -> None: ...

    def delete(self, remote_id: str) -> None: ...

    def merge(self, winner: str, loser: str) -> str:
        """The id of the merged record. Raises `Unsupported` where the vendor has no merge."""
        ...

    def opt_out(self, remote_id: str) -> None: ...


class Sandbox(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def app(self) -> ASGIApp:
        """The whole application, already behind `Front` (or `with_faults`)."""
        ...

    @property
    def people(self) -> People: ...

    def connection(self) -> SandboxConnection: ...

    @property
    def calls(self) -> Counter[str]:
        """Requests by "METHOD /path", ids in the path replaced by their names where the route is known; auth calls
        included."""
        ...


class Running:
    """A server in a thread of its own. Stops by `stop()` or at the end of a `with`."""

    def __init__(self, server: uvicorn.Server, thread: threading.Thread, bound: socket.socket) -> None:
        self._server = server
        self._thread = thread
        self._bound = bound
        self.port: int = bound.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def stop(self) -> None:
        """Ends the server; open connections are given a second. May be called twice."""
        self._server.should_exit = True
        self._thread.join(timeout=10)
        if not self._thread.is_alive():  # a server that is still at it must not lose its socket under its feet
            self._bound.close()

    def wait(self) -> None:
        """Returns when the server has ended."""
        self._thread.join()

    def __enter__(self) -> Running:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def serve(app: ASGIApp, port: int = 0) -> Running:
    """Serves on 127.0.0.1; port 0 takes a free one. `BadInput` when the port is taken or may not be used."""
    # The protocol is named so that asyncio sets TCP_NODELAY; without it each answer waits 40 ms for an ACK.
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind(("127.0.0.1", port))
    except OSError as error:
        bound.close()
        raise BadInput(
            f"port {port} on 127.0.0.1 cannot be used: {error.strerror}",
            mend="Choose another port, or 0 for a free one.",
        ) from error
    config = uvicorn.Config(
        app,
        log_config=None,
        log_level="critical",
        access_log=False,
        lifespan="off",
        ws="none",
        server_header=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, name=f"sandbox-{port}", daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            server.should_exit = True
            bound.close()
            raise BadInput("the sandbox server did not start within 20 s", mend="Try again on a less busy machine.")
        time.sleep(0.005)
    return Running(server, thread, bound)
