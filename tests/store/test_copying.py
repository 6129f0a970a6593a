"""A copied store is the same store, between both kinds of database; a copy that isn't whole isn't there."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import AsyncIterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from sqlalchemy import Table, insert, select, text
from sqlalchemy.types import BigInteger, Boolean, Float, Integer, LargeBinary

from hub.errors import Refused
from hub.store import copying, health, secrets
from hub.store.database import Database, open_database
from hub.store.tables import Json, metadata
from tests import postgres
from tests.conftest import DIALECTS, execute
from tests.store.test_schema import down

NOW = "2026-01-05T09:00:00.000Z"
TEXTS = ("plain", "", " é🙂\u200d ", 'O\'Neil "x" \\ ; --', "two\nlines\ttab", "\x01\x7f\u2028", "x" * 20_000)
JSONS = (
    '{"b":1,"a":[null,1.50,"\\u0000é"]}',
    "null",
    "[]",
    ' { "kept" : "as it is" } ',
    '"text"',
    "12345678901234567890",
)
ROWS = 24
_numbers = count(1)


def awkward(table: Table, row: int) -> dict[str, Any]:
    """A row of values at the edges of their types; keys differ by `row`, what may be NULL sometimes is."""
    made: dict[str, Any] = {}
    for place, c in enumerate(table.columns):
        n = row + place
        if c.nullable and n % 3 == 0:
            made[c.name] = None
        elif isinstance(c.type, Json):
            made[c.name] = JSONS[n % len(JSONS)]
        elif isinstance(c.type, LargeBinary):
            made[c.name] = bytes(range(256)) * (n % 2)
        elif isinstance(c.type, Boolean):
            made[c.name] = n % 2 == 0
        elif isinstance(c.type, Float):
            made[c.name] = (0.1, -0.0, 1e300, 5e-324)[n % 4]
        elif isinstance(c.type, BigInteger):
            made[c.name] = row + 1 if c.primary_key else (2**63 - 1, -(2**63), 2**53 + 1)[n % 3]
        elif isinstance(c.type, Integer):
            made[c.name] = row if c.primary_key else (2**31 - 1, -(2**31), 0)[n % 3]
        else:
            unique = c.primary_key or c.name == "dedupe"
            made[c.name] = f"{row} {TEXTS[n % 6]}" if unique else TEXTS[n % len(TEXTS)]
    return made


async def fill(database: Database, rows: int = ROWS) -> None:
    async with database.write() as conn:
        for table in copying.bare():
            await conn.execute(insert(table), [awkward(metadata.tables[table.name], row) for row in range(rows)])


async def everything(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """All rows, read by the bare driver of each database; neither the copying code nor the library has a part in it."""
    held: dict[str, list[tuple[Any, ...]]] = {}
    url = database._write.url
    if database.dialect == "sqlite":
        with sqlite3.connect(str(url.database)) as plain:
            for name, table in metadata.tables.items():
                flags = [isinstance(c.type, Boolean) for c in table.columns]
                columns = ", ".join(f'"{c.name}"' for c in table.columns)
                held[name] = [
                    tuple(bool(v) if flag else v for v, flag in zip(row, flags, strict=True))
                    for row in plain.execute(f"SELECT {columns} FROM {name}")
                ]
        plain.close()
    else:
        connection = await asyncpg.connect(url.set(drivername="postgresql").render_as_string(hide_password=False))
        for name, table in metadata.tables.items():
            columns = ", ".join(f'"{c.name}"' for c in table.columns)
            held[name] = [tuple(row) for row in await connection.fetch(f"SELECT {columns} FROM {name}")]
        await connection.close()
    return {name: sorted(rows, key=repr) for name, rows in held.items()}


@pytest.fixture(params=DIALECTS)
async def target(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    """A database with nothing in it, not even tables."""
    if request.param == "sqlite":
        opened = open_database(f"sqlite:///{tmp_path / 'target.db'}")
        yield opened
        await opened.close()
        return
    server: postgres.Server = request.getfixturevalue("postgres_server")
    name = f"hub_target_{request.getfixturevalue('worker')}_{next(_numbers)}"
    await execute(server, f"CREATE DATABASE {name}")
    opened = open_database(server.url + name)
    yield opened
    await opened.close()
    await execute(server, f"DROP DATABASE {name} WITH (FORCE)")


def deaf(job: str, table: str, done: int, total: int) -> None:
    return None


async def rows_in(database: Database) -> int:
    return sum(len(rows) for rows in (await everything(database)).values())


async def test_everything_arrives_as_it_is(database: Database, target: Database) -> None:
    await fill(database)
    before = await everything(database)
    copied = await copying.copy(database, target, deaf)
    assert await everything(target) == before == await everything(database)
    assert {c.table: c.rows for c in copied} == dict.fromkeys(metadata.tables, ROWS)
    assert len({c.hash for c in copied}) == len(copied)
    async with target.read() as conn:
        assert all(not one.wrong for one in await health.examine(conn) if one.what != "sealed secrets")


async def test_a_store_is_the_same_after_the_way_there_and_back(database: Database, target: Database) -> None:
    await fill(database)
    there = await copying.copy(database, target, deaf)
    before = await everything(database)
    async with database.write() as conn:
        for table in metadata.sorted_tables:
            await conn.execute(table.delete())
    assert await copying.copy(target, database, deaf) == there
    assert await everything(database) == before


async def test_numbers_go_on_behind_the_copied_ones(database: Database, target: Database) -> None:
    await fill(database, 5)
    await copying.copy(database, target, deaf)
    changes = metadata.tables["changes"]
    async with target.write() as conn:
        row = dict.fromkeys(("entity_id", "field", "rule", "connection", "at"), "x")
        await conn.execute(insert(changes).values(row))
        assert (await conn.execute(select(changes.c.id).order_by(changes.c.id.desc()).limit(1))).scalar_one() == 6


async def test_sealed_secrets_open_in_the_copy_with_the_same_key(database: Database, target: Database) -> None:
    master = secrets.master_key("correct horse battery staple")
    async with database.write() as conn:
        vault = await secrets.make_vault(conn, master, NOW)
        await secrets.put(conn, vault, "crm", {"token": "é very secret"}, NOW)
    await copying.copy(database, target, deaf)
    async with target.read() as conn:
        vault = await secrets.open_vault(conn, master)
        assert await secrets.fetch(conn, vault, "crm") == {"token": "é very secret"}


async def test_an_empty_store_is_copied_as_such(database: Database, target: Database) -> None:
    assert {c.rows for c in await copying.copy(database, target, deaf)} == {0}


async def test_a_target_with_anything_in_it_is_refused_and_left_alone(database: Database, target: Database) -> None:
    await fill(database, 3)
    await target.upgrade()
    async with target.write() as conn:
        await conn.execute(text("INSERT INTO settings (name, value) VALUES ('mine', '1')"))
    with pytest.raises(Refused, match="not empty: it has rows in settings"):
        await copying.copy(database, target, deaf)
    assert await rows_in(target) == 1


async def test_a_store_is_not_copied_onto_itself(database: Database) -> None:
    await fill(database, 3)
    before = await everything(database)
    with pytest.raises(Refused, match="not empty"):
        await copying.copy(database, database, deaf)
    assert await everything(database) == before


async def test_an_older_source_is_refused(database: Database, target: Database) -> None:
    await down(database, "0001")
    with pytest.raises(Refused, match="not up to date") as refused:
        await copying.copy(database, target, deaf)
    assert "hub db upgrade" in refused.value.mend
    assert (await target.schema()).held == ""


async def test_a_target_of_a_newer_release_is_refused(database: Database, target: Database) -> None:
    await target.upgrade()
    async with target.write() as conn:
        await conn.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(Refused, match="9999"):
        await copying.copy(database, target, deaf)


async def test_what_is_cut_off_leaves_the_target_empty_and_can_be_done_again(
    database: Database, target: Database
) -> None:
    await fill(database)
    last = copying.bare()[-1].name

    def cut(job: str, table: str, done: int, total: int) -> None:
        if (job, table) == ("compare", last):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await copying.copy(database, target, cut)
    assert await rows_in(target) == 0
    await copying.copy(database, target, deaf)
    assert await rows_in(target) == ROWS * len(metadata.tables)


@pytest.mark.parametrize("harm", ["lost", "altered"])
async def test_a_row_that_is_lost_or_altered_on_the_way_is_noticed(
    database: Database, target: Database, monkeypatch: pytest.MonkeyPatch, harm: str
) -> None:
    await fill(database)
    write = copying._write

    async def harmful(conn: Any, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
        if table.name == "pins":
            rows = rows[1:] if harm == "lost" else [(*rows[0][:-1], "another time"), *rows[1:]]
        await write(conn, table, rows)

    monkeypatch.setattr(copying, "_write", harmful)
    with pytest.raises(Refused, match="other rows than were copied, in pins"):
        await copying.copy(database, target, deaf)
    assert await rows_in(target) == 0


async def test_rows_travel_in_batches(database: Database, target: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    async with database.write() as conn:
        many = [awkward(metadata.tables["pins"], row) for row in range(2 * copying.BATCH + 1)]
        await conn.execute(insert(next(t for t in copying.bare() if t.name == "pins")), many)
    told: list[tuple[str, str, int, int]] = []
    await copying.copy(database, target, lambda *said: told.append(said))
    steps = [copying.BATCH, 2 * copying.BATCH, 2 * copying.BATCH + 1]
    assert told == [(job, "pins", done, steps[-1]) for job in ("copy", "compare") for done in steps]


async def test_text_that_postgresql_cannot_keep_is_named_without_the_row(
    sqlite_template: Path, tmp_path: Path, target: Database
) -> None:
    shutil.copy(sqlite_template, tmp_path / "hub.db")
    source = open_database(f"sqlite:///{tmp_path / 'hub.db'}")
    try:
        async with source.write() as conn:
            await conn.execute(text("INSERT INTO settings (name, value) VALUES (:name, '1')"), {"name": "a\x00b"})
        if target.dialect == "sqlite":
            await copying.copy(source, target, deaf)
            assert await everything(target) == await everything(source)
            return
        with pytest.raises(Refused, match=r"settings .* U\+0000") as refused:
            await copying.copy(source, target, deaf)
        assert "a\x00b" not in str(refused.value)
        assert await rows_in(target) == 0
    finally:
        await source.close()
