"""Fixtures that many areas share."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any, TypeAlias

import asyncpg
import pytest
import structlog
from hypothesis import settings

from hub import logs
from hub.store.database import Database, open_database
from tests import postgres, redis

DIALECTS = ("sqlite", "postgresql")
EmptyStore: TypeAlias = Callable[[str], Awaitable[str]]
_numbers = count(1)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--nightly", action="store_true", help="also the long random histories, and new examples")


def pytest_configure(config: pytest.Config) -> None:
    """The normal run draws the same examples each time, so that it fails over what was changed and not by chance; the
    nightly one draws others. No example is timed: other work on the machine is no defect."""
    settings.register_profile("normal", deadline=None, derandomize=True)
    settings.register_profile("nightly", deadline=None)
    settings.load_profile("nightly" if config.getoption("--nightly") else "normal")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Nightly tests are left out of the normal run, not skipped in it."""
    if config.getoption("--nightly"):
        return
    nightly = [item for item in items if item.get_closest_marker("nightly")]
    if nightly:
        config.hook.pytest_deselected(items=nightly)
        items[:] = [item for item in items if not item.get_closest_marker("nightly")]


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """A test that starts the hub's logging, or runs a command that does, leaves none of it to the tests after it."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in logs.QUIET}
    configured, config = structlog.is_configured(), structlog.get_config()
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, its in levels.items():
        logging.getLogger(name).setLevel(its)
    if configured:
        structlog.configure(**config)
    else:
        structlog.reset_defaults()


def outside(work: Coroutine[Any, Any, None]) -> None:
    """Runs it to its end in a loop and a thread of its own, wherever the caller is."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, work).result()


async def _migrate(url: str) -> None:
    database = open_database(url)
    try:
        await database.upgrade()
    finally:
        await database.close()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.Server]:
    """A PostgreSQL of this test process."""
    server = postgres.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def redis_server() -> Iterator[redis.Server]:
    """A Redis of this test process."""
    server = redis.start()
    yield server
    server.stop()


@pytest.fixture
def redis_url(request: pytest.FixtureRequest, redis_server: redis.Server) -> Iterator[str]:
    """An empty Redis database: no other test process uses it, also not on a server that several were given."""
    name = getattr(request.config, "workerinput", {}).get("workerid", "gw0")
    number = int(name.removeprefix("gw")) % redis.DATABASES
    redis_server.command("FLUSHDB", database=number)
    yield f"{redis_server.url}{number}"
    redis_server.command("FLUSHDB", database=number)


@pytest.fixture(scope="session")
def worker(request: pytest.FixtureRequest) -> str:
    """The name of this test process, unlike that of others on the same server."""
    return f"{getattr(request.config, 'workerinput', {}).get('workerid', 'gw')}_{os.getpid()}"


async def execute(server: postgres.Server, *statements: str) -> None:
    """Runs statements outside any transaction, on the server's own database."""
    connection = await asyncpg.connect(server.url + "postgres")
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


@pytest.fixture(scope="session")
def postgres_template(postgres_server: postgres.Server, worker: str) -> Iterator[str]:
    """The name of a migrated database, to copy."""
    name = f"hub_template_{worker}"

    async def make() -> None:
        await execute(postgres_server, f"CREATE DATABASE {name}")
        await _migrate(postgres_server.url + name)

    outside(make())
    yield name
    outside(execute(postgres_server, f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated file, to copy."""
    path = tmp_path_factory.mktemp("template") / "hub.db"
    outside(_migrate(f"sqlite:///{path}"))
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return path


@pytest.fixture
async def empty_store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[EmptyStore]:
    """Makes an empty store of the dialect it is given, and answers its URL; the test leaves none behind."""
    names: list[str] = []

    async def make(dialect: str) -> str:
        number = next(_numbers)
        if dialect == "sqlite":
            path = tmp_path / f"hub-{number}.db"
            shutil.copy(request.getfixturevalue("sqlite_template"), path)
            return f"sqlite:///{path}"
        server: postgres.Server = request.getfixturevalue("postgres_server")
        template: str = request.getfixturevalue("postgres_template")
        names.append(f"hub_{request.getfixturevalue('worker')}_{number}")
        await execute(server, f"CREATE DATABASE {names[-1]} TEMPLATE {template}")
        return server.url + names[-1]

    yield make
    if names:
        drops = [f"DROP DATABASE {name} WITH (FORCE)" for name in names]
        await execute(request.getfixturevalue("postgres_server"), *drops)


@pytest.fixture(params=DIALECTS)
async def store_url(request: pytest.FixtureRequest, empty_store: EmptyStore) -> str:
    """Where an empty store is, once on SQLite and once on PostgreSQL."""
    return await empty_store(request.param)


@pytest.fixture(params=DIALECTS)
async def database(request: pytest.FixtureRequest, empty_store: EmptyStore) -> AsyncIterator[Database]:
    """An empty store, once on SQLite and once on PostgreSQL."""
    opened = open_database(await empty_store(request.param))
    yield opened
    await opened.close()
