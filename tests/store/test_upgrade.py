"""The store of an earlier release, stopped in the middle of everything, in the hands of this one: nothing is lost and
nothing is done twice. How such a store was made: `tests/store/releases/make.py`."""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import Boolean, MetaData, Table, insert, select, text
from sqlalchemy.engine import Connection

from connectors.unruly.sandbox import Manners, Unruly
from hub.domain.attempt import AttemptState
from hub.domain.moments import parse
from hub.domain.version import VersionState
from hub.sdk.sandbox import SandboxOptions
from hub.store import attempts, mappings, migrating, schema, tables
from hub.store.database import Database
from sync_jobs.consents import close_written
from sync_jobs.simulation.play import CALM
from sync_jobs.simulation.stage import Stage
from sync_jobs.slices import Slice
from sync_jobs.sweep import tours
from sync_jobs.tour import tour
from sync_jobs.verify import verify
from tests.sim.acting import living, open_issues, settle
from tests.store.test_schema import down
from tests.stores import opened

FOLDER = Path(__file__).parent / "releases"
RELEASES = sorted(path.name for path in FOLDER.glob("*.jsonl.gz"))
VENDORS = ("alpha", "beta", "gamma")
TERM = timedelta(seconds=30)
NUMBERED = ("issues", "changes")
"""Tables whose rows PostgreSQL numbers; a store that was written there has given these numbers itself."""


@dataclass(frozen=True)
class Release:
    """What `make.py` wrote: what the first line tells, and rows by table."""

    told: dict[str, Any]
    rows: dict[str, list[dict[str, Any]]]


@pytest.fixture(params=RELEASES)
def release(request: pytest.FixtureRequest) -> Release:
    with gzip.open(FOLDER / request.param, "rt") as file:
        told, *lines = (json.loads(line) for line in file)
    rows: dict[str, list[dict[str, Any]]] = {}
    for line in lines:
        rows.setdefault(line["table"], []).append(line["row"])
    return Release(told, rows)


def load(conn: Connection, release: Release) -> None:
    """Makes the schema of then by the migrations of now, and fills it."""
    migrating.migrate(conn, release.told["schema"])
    metadata = MetaData()
    for name, rows in release.rows.items():
        if name == "alembic_version":
            continue
        table = Table(name, metadata, autoload_with=conn)
        assert {c.name for c in table.columns} == rows[0].keys()
        conn.execute(insert(table), [{key: _value(table, key, value) for key, value in row.items()} for row in rows])
        if name in NUMBERED and conn.dialect.name != "sqlite":
            conn.execute(text(f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), max(id)) FROM {name}"))


def _value(table: Table, column: str, value: Any) -> Any:
    if isinstance(value, dict):
        return base64.b64decode(value["bytes"])
    return bool(value) if isinstance(table.c[column].type, Boolean) and value is not None else value


@pytest.fixture
async def old(release: Release, store_url: str) -> str:
    """The URL of a store as that release left it."""
    async with opened(store_url) as database:
        await down(database, "base")
        async with database.write() as conn:
            await conn.run_sync(load, release)
        assert (await database.schema()).held == release.told["schema"]
    return store_url


@asynccontextmanager
async def taken_over(release: Release, url: str, home: Path) -> AsyncIterator[Stage]:
    """The hub of today on that store, with the vendors as they were: as after the machine was switched off."""
    (home / "secret.key").write_text(release.told["key"])
    (home / "secret.key").chmod(0o600)
    stage = Stage(home, Random(1), "none", database_url=url, now=parse(release.told["now"]))
    stage._serial = 1_000_000
    for name in VENDORS:
        was = release.told["vendors"][name]
        vendor = Unruly(SandboxOptions(clock=stage.clock), Manners(**was["manners"]), prefix=was["prefix"])
        vendor.people_by_id, vendor.aliases = was["people"], was["aliases"]
        vendor.serial, vendor.kinds = was["serial"], was["kinds"]
        stage.vendors[name] = vendor
    await stage.open()
    try:
        yield stage
    finally:
        await stage.close()


def some(release: Release, table: str, **values: Any) -> list[dict[str, Any]]:
    return [row for row in release.rows[table] if all(row[key] == value for key, value in values.items())]


def test_the_store_of_each_release_was_stopped_in_the_middle_of_everything(release: Release) -> None:
    """Otherwise the other tests would show nothing."""
    walks = [row for row in release.rows["cursors"] if row["position"] is not None]
    assert [(row["connection"], row["read"]) for row in walks] == [("alpha", 50)]
    unheard = Counter(row["connection"] for row in release.rows["observations"] if row["revision"] > row["heard"])
    assert unheard["alpha"] > 40
    assert unheard["beta"] >= 3
    assert len(some(release, "attempts", state="open")) == 1
    assert len(some(release, "attempts", state="in_doubt")) == 1
    waiting = [row for row in release.rows["tellings"] if row["retry_at"] is not None]
    assert [row["retry_at"] > release.told["now"] for row in waiting] == [True]
    [rereading] = release.rows["rereadings"]
    assert (rereading["name"], rereading["phase"], rereading["after"] > "") == ("alpha/people", "records", True)
    assert len(some(release, "mapping_versions", state="draft")) == 1
    assert release.rows["secrets"]
    assert release.told["schema"] < schema.release()


async def test_its_schema_is_what_the_migrations_up_to_there_make(release: Release, tmp_path: Path) -> None:
    """A migration that was released is never written anew: stores that had it already would not learn of it."""
    async with opened(f"sqlite:///{tmp_path / 'hub.db'}") as database, database.write() as conn:
        await conn.run_sync(migrating.migrate, release.told["schema"])
        found = await conn.execute(text("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"))
        made = {name: _spaced(sql) for name, sql in found}
    assert made == {name: _spaced(sql) for name, sql in release.told["made"].items()}


def _spaced(sql: str) -> str:
    return re.sub(r"\s+", " ", sql)


async def test_the_upgrade_leaves_every_row_as_it_was(release: Release, old: str) -> None:
    """What a step drops is dropped with the code that reads it; until then all that was there is there."""
    async with opened(old) as database:
        await database.upgrade()
        async with database.read() as conn:
            for name, rows in release.rows.items():
                if name == "alembic_version":
                    continue
                columns = [column for column in rows[0] if column in tables.metadata.tables[name].c]
                said = ", ".join(f'"{column}"' for column in columns)
                there = Counter(
                    tuple(map(_flat, row)) for row in await conn.execute(text(f'SELECT {said} FROM "{name}"'))
                )
                assert there == Counter(tuple(_flat(row[column]) for column in columns) for row in rows), name


def _flat(value: Any) -> str:
    """The same text for what the databases hold in different types."""
    if isinstance(value, dict):
        value = base64.b64decode(value["bytes"])
    return str(int(value) if isinstance(value, bool) else value)


async def by_sync(stage: Stage) -> None:
    """As `hub sync` does."""
    assert (await settle(stage)).quiet


async def by_tours(stage: Stage) -> None:
    """As workers do: what a sweep finds, a few records at a time, until it finds nothing any more."""
    assert stage.hub is not None
    rounds = idle = 0
    while idle < 3:
        stage.step(CALM)
        found = [
            await tour(stage.hub, wake.connection, wake.lane, Slice.of(seconds=60, records=20), term=TERM)
            for wake in await tours(stage.hub)
        ]
        await close_written(stage.hub)
        idle = 0 if any(toured.worked or toured.more for toured in found) else idle + 1
        rounds += 1
        assert rounds < 200, "the tours never end"


@pytest.mark.parametrize("work", [by_sync, by_tours])
async def test_the_code_of_today_ends_what_that_release_began(
    release: Release, old: str, tmp_path: Path, work: Callable[[Stage], Awaitable[None]]
) -> None:
    async with taken_over(release, old, tmp_path) as stage:
        assert stage.hub is not None
        assert not stage.hub.unusable, "the sealed secrets open, the mapping documents compile"
        assert (await stage.hub.database.schema()).held == schema.release()
        before = {name: dict(vendor.people_by_id) for name, vendor in stage.vendors.items()}
        await work(stage)
        await nothing_is_open(stage.hub.database)
        nobody_is_twice(stage)
        every_edit_arrived(stage)
        as_that_release_would_have_left_it(release, stage)
        await what_was_in_doubt_was_looked_up(release, stage)
        assert all(before[name].keys() <= vendor.people_by_id.keys() for name, vendor in stage.vendors.items())
        verified = await verify(stage.hub)
        assert (verified.differ, verified.faults) == (0, {}), verified.differences
        again = await settle(stage)
        assert (again.writes, again.quiet) == (0, True)
        assert not await open_issues(stage)
        await documents_are_as_they_were(release, stage)


LOSSES = {
    "what was read and not heard": "UPDATE observations SET heard = revision",
    "what is to be told": "UPDATE tellings SET rev = 1000",
}


@pytest.mark.parametrize("loss", LOSSES)
async def test_what_an_upgrade_lost_would_be_noticed(release: Release, tmp_path: Path, loss: str) -> None:
    url = f"sqlite:///{tmp_path / 'store.db'}"
    async with opened(url) as database, database.write() as conn:
        await conn.run_sync(load, release)
        await conn.execute(text(LOSSES[loss]))
    async with taken_over(release, url, tmp_path) as stage:
        await settle(stage)
        with pytest.raises(AssertionError):
            every_edit_arrived(stage)


async def nothing_is_open(database: Database) -> None:
    t = tables
    async with database.read() as conn:
        unheard = select(t.observations.c.remote_id).where(t.observations.c.revision > t.observations.c.heard)
        assert (await conn.execute(unheard)).all() == []
        assert (await conn.execute(select(t.cursors.c.stream).where(t.cursors.c.position.is_not(None)))).all() == []
        assert (await conn.execute(select(t.rereadings.c.name))).all() == []
        assert (
            await conn.execute(select(t.tellings.c.entity_id).where(t.tellings.c.retry_at.is_not(None)))
        ).all() == []
        for connection in VENDORS:
            assert await attempts.unsettled_of(conn, connection, "people") == []


def nobody_is_twice(stage: Stage) -> None:
    for name, vendor in stage.vendors.items():
        addresses = Counter(str((vendor.get(i) or {})["email"]).casefold() for i in vendor.ids())
        assert {address: n for address, n in addresses.items() if n > 1} == {}, name


def every_edit_arrived(stage: Stage) -> None:
    """What people did shortly before the end of the old release, wherever its code had got to with it."""

    def everywhere(email: str, field: str) -> set[str]:
        people = [living(stage, name, email) for name in VENDORS]
        assert [len(p) for p in people] == [1, 1, 1], email
        return {str(p[0][field]).casefold() for p in people}

    for n in (10, 11, 14, 15):
        assert everywhere(f"p{n:03d}@example.com", "title") == {f"head {n}"}
    for n in range(30, 110):
        assert everywhere(f"p{n:03d}@example.com", "city") == {"kiel"}
    assert everywhere("new@example.com", "title") == {"fresh"}
    assert everywhere("later@example.com", "title") == {"wait"}
    for n in (3, 40):
        assert everywhere(f"p{n:03d}@example.com", "opted_out") == {"true"}


def as_that_release_would_have_left_it(release: Release, stage: Stage) -> None:
    for name, vendor in stage.vendors.items():
        people = [vendor.get(i) or {} for i in vendor.ids()]
        bare = [{k: v for k, v in person.items() if k not in ("id", "updated")} for person in people]
        assert sorted(bare, key=by_address) == sorted(release.told["ended"][name], key=by_address), name


def by_address(person: dict[str, Any]) -> str:
    return str(person["email"])


async def what_was_in_doubt_was_looked_up(release: Release, stage: Stage) -> None:
    """They are settled by a look, not left and not simply sent again."""
    doubtful = {row["id"] for state in ("open", "in_doubt") for row in some(release, "attempts", state=state)}
    assert stage.hub is not None
    async with stage.hub.database.read() as conn:
        chosen = select(tables.attempts.c.state).where(tables.attempts.c.id.in_(doubtful))
        states = set((await conn.execute(chosen)).scalars())
    assert states == {AttemptState.SETTLED}
    assert stage.vendors["beta"].calls["POST /people/read"] > 0


async def documents_are_as_they_were(release: Release, stage: Stage) -> None:
    assert stage.hub is not None
    was = {(row["name"], row["version"]): (row["state"], row["text"]) for row in release.rows["mapping_versions"]}
    async with stage.hub.database.read() as conn:
        for (name, version), (state, said) in was.items():
            held = await mappings.get(conn, name, version)
            assert held is not None
            assert (held.state, held.text) == (VersionState(state), said)
