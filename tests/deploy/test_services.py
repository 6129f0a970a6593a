"""Web and worker as processes of their own, in the folder of a container: empty, with the key and the store's address
in files."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests import postgres
from tests import redis as redis_server
from tests.conftest import execute, outside
from tests.deploy.reading import DEPLOY, TOP

WITHIN = 120
"""Seconds for a machine that has much else to do."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Place:
    """What a container has: a folder, files with secrets, variables; and the processes that were started in it."""

    home: Path
    environment: dict[str, str]
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "hub.cli", *arguments]
        return subprocess.run(
            command, env=self.environment, cwd="/", capture_output=True, text=True, timeout=WITHIN, check=False
        )

    def start(self, role: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "hub.cli", role]
        process = subprocess.Popen(
            command, env=self.environment, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        self.started.append(process)
        return process

    def ready(self, variable: str) -> dict[str, Any]:
        """What /readyz says there; empty while nobody answers."""
        try:
            with urllib.request.urlopen(f"http://{self.environment[variable]}/readyz", timeout=10) as response:
                found: dict[str, Any] = json.loads(response.read())
                return found
        except (OSError, urllib.error.URLError):
            return {}


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A Redis of this test's own, which it may take away."""
    monkeypatch.delenv("HUB_TEST_REDIS_URL", raising=False)
    server = redis_server.start()
    yield server
    server.stop()


@pytest.fixture
def place(tmp_path: Path, postgres_server: postgres.Server, worker: str, queue: Any) -> Iterator[Place]:
    name = f"hub_services_{worker}"
    outside(execute(postgres_server, f"CREATE DATABASE {name}"))
    (tmp_path / "home").mkdir()
    (tmp_path / "key").write_text("correct horse battery staple")
    (tmp_path / "url").write_text(postgres_server.url + name)
    bare = {k: v for k, v in os.environ.items() if not k.startswith("HUB_")}
    made = Place(
        tmp_path / "home",
        bare
        | {
            "PYTHONPATH": str(TOP),
            "HUB_HOME": str(tmp_path / "home"),
            "HUB_SECRET_KEY_FILE": str(tmp_path / "key"),
            "HUB_DATABASE_URL_FILE": str(tmp_path / "url"),
            "HUB_REDIS_URL": queue.url,
            "HUB_MIGRATE": "never",
            "HUB_LISTEN": f"127.0.0.1:{free_port()}",
            "HUB_WORKER_LISTEN": f"127.0.0.1:{free_port()}",
        },
    )
    yield made
    for process in made.started:
        if process.poll() is None:
            process.kill()
        process.communicate()
    outside(execute(postgres_server, f"DROP DATABASE {name} WITH (FORCE)"))


def checks(found: dict[str, Any]) -> dict[str, bool]:
    return {check["name"]: check["ok"] for check in found.get("checks", ())}


def test_services_begin_once_the_job_has_upgraded_and_end_in_order_whatever_redis_does(
    place: Place, queue: Any
) -> None:
    assert place.run("web").returncode == 1, "the store is empty"
    assert place.run("db", "upgrade", "--pre").returncode == 0
    web, worker = place.start("web"), place.start("worker")
    for variable in ("HUB_LISTEN", "HUB_WORKER_LISTEN"):
        until(lambda at=variable: place.ready(at).get("ok", False))  # type: ignore[misc]
        assert checks(place.ready(variable)) == dict.fromkeys(("running", "store", "secrets", "queue"), True)
    alive = [sys.executable, "-IS", str(DEPLOY / "container/alive.py")]
    assert subprocess.run(alive, env=place.environment, check=False).returncode == 0
    queue.stop()
    until(lambda: checks(place.ready("HUB_WORKER_LISTEN")).get("queue") is False)
    assert place.ready("HUB_WORKER_LISTEN")["ok"] is True
    place.environment["HUB_WORKER_LISTEN"] = f"127.0.0.1:{free_port()}"
    late = place.start("worker")  # Redis is away from its beginning to its end
    until(lambda: place.ready("HUB_WORKER_LISTEN").get("ok", False))
    for process in (web, worker, late):
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=WITHIN)
        assert process.returncode == 0, said
        assert "Traceback" not in said
        assert time.monotonic() - began < 20
    assert list(place.home.iterdir()) == [], "nothing was written to the folder"


def test_the_variables_of_the_guide_are_enough_for_a_command(place: Place) -> None:
    """On hosts whose key and address are in files of root's."""
    [exported] = re.findall(r"^    export (HUB_HOME=.+)$", (DEPLOY / "install.md").read_text(), re.MULTILINE)
    said = [word.partition("=")[0] for word in exported.split()]
    bare = {name: value for name, value in place.environment.items() if not name.startswith("HUB_")}
    place.environment = bare | {name: place.environment[name] for name in said}
    assert place.run("db", "upgrade", "--pre").returncode == 0
    assert place.run("status").returncode == 0
    assert list(place.home.iterdir()) == [], "root leaves nothing there that the hub's user could not write"
