"""The launcher: every way to a server works where it can, and a server dies with its process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import asyncpg
import pytest

from tests import postgres, servers

ROOT = Path(__file__).parents[2]
DIE = """
import os, signal
from tests import postgres
server = postgres.start()
print(server.process.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


async def test_it_is_a_real_server_of_a_version_we_support(postgres_server: postgres.Server) -> None:
    connection = await asyncpg.connect(postgres_server.url + "postgres")
    try:
        assert connection.get_server_version().major >= 14
        assert await connection.fetchval("SHOW server_encoding") == "UTF8"
    finally:
        await connection.close()


@pytest.mark.parametrize("url", ["postgresql://u@h:1/postgres", "postgresql://u@h:1/"])
def test_a_given_server_comes_first(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("HUB_TEST_DATABASE_URL", url)
    assert postgres.start().url == "postgresql://u@h:1/"


def test_without_any_binaries_it_fails_and_says_how_to_mend_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HUB_TEST_DATABASE_URL", raising=False)
    monkeypatch.setattr(postgres, "_installations", lambda: iter(()))
    with pytest.raises(RuntimeError, match="HUB_TEST_DATABASE_URL"):
        postgres.start()


def test_a_server_dies_with_the_process_that_started_it_and_its_folder_with_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    environment = {name: value for name, value in os.environ.items() if name != "HUB_TEST_DATABASE_URL"}
    done = subprocess.run(
        [sys.executable, "-c", DIE], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert servers.ends(int(done.stdout))
    assert list(tmp_path.glob("hub-pg-*"))
    monkeypatch.setattr(servers.tempfile, "gettempdir", lambda: str(tmp_path))
    deadline = time.monotonic() + 10
    while list(tmp_path.glob("hub-pg-*")) and time.monotonic() < deadline:
        servers.sweep(postgres.PREFIX)
        time.sleep(0.05)
    assert not list(tmp_path.glob("hub-pg-*"))


async def test_a_durable_server_that_crashed_comes_back_with_all_that_it_committed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("HUB_TEST_DATABASE_URL", raising=False)
    server = postgres.start(durable=True)
    try:
        for n in range(3):
            connection = await asyncpg.connect(server.url + "postgres")
            await connection.execute(f"CREATE TABLE kept_{n} (n int)")
            server.restart()
            with pytest.raises((asyncpg.PostgresConnectionError, asyncpg.InterfaceError, OSError)):
                await connection.execute("SELECT 1")
        connection = await asyncpg.connect(server.url + "postgres")
        kept = await connection.fetch("SELECT relname FROM pg_class WHERE relname LIKE 'kept_%' ORDER BY 1")
        assert [row["relname"] for row in kept] == ["kept_0", "kept_1", "kept_2"]
        await connection.close()
    finally:
        server.stop()
