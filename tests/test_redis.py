"""The launcher: every way to a server works where it can, it comes back where it was, and dies with its process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from redis.exceptions import RedisError

from tests import redis, servers

ROOT = Path(__file__).parents[1]
DIE = """
import os, signal
from tests import redis
server = redis.start()
print(server.process.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def unset(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No server was given, and folders are made where this test looks for them."""
    monkeypatch.delenv("HUB_TEST_REDIS_URL", raising=False)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(servers.tempfile, "tempdir", str(tmp_path))


@pytest.mark.parametrize("url", ["redis://h:1", "redis://h:1/", "redis://h:1/3"])
def test_a_given_server_comes_first(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("HUB_TEST_REDIS_URL", url)
    assert redis.start() == redis.Server("redis://h:1/")


@pytest.mark.usefixtures("unset")
def test_without_any_binaries_it_fails_and_says_how_to_mend_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis, "_binaries", lambda: iter(()))
    with pytest.raises(RuntimeError, match="HUB_TEST_REDIS_URL"):
        redis.start()


def test_every_test_finds_its_database_empty(redis_server: redis.Server, redis_url: str) -> None:
    number = int(redis_url.rsplit("/", 1)[1])
    assert redis_server.command("DBSIZE", database=number) == 0
    assert redis_server.command("SET", "left", "behind", database=number)


test_also_the_test_after_one_that_left_something = test_every_test_finds_its_database_empty


@pytest.mark.usefixtures("unset")
@pytest.mark.parametrize(("appendonly", "kept"), [(False, None), (True, "value")])
def test_a_server_that_crashed_comes_back_at_its_place(appendonly: bool, kept: str | None) -> None:
    server = redis.start(appendonly=appendonly)
    try:
        server.command("SET", "key", "value")
        for crash in (server.kill, server.halt):
            crash()
            with pytest.raises(RedisError, match="refused"):
                server.command("PING")
            server.resume()
            assert server.command("GET", "key") == kept
    finally:
        server.stop()


@pytest.mark.usefixtures("unset")
def test_a_server_dies_with_the_process_that_started_it_and_its_folder_with_the_next(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", DIE], cwd=ROOT, env=os.environ, capture_output=True, timeout=120)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert servers.ends(int(done.stdout))
    deadline = time.monotonic() + 10
    assert list(tmp_path.glob(f"{redis.PREFIX}*"))
    while list(tmp_path.glob(f"{redis.PREFIX}*")) and time.monotonic() < deadline:
        servers.sweep(redis.PREFIX)
        time.sleep(0.05)
    assert not list(tmp_path.glob(f"{redis.PREFIX}*"))
