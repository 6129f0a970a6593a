"""Which schema a store has, what an upgrade would do, and which stores are refused."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import func, select, text

from hub.errors import Refused
from hub.store import health, schema, tables
from hub.store.database import Database, open_database
from hub.store.migrating import alembic_config
from hub.store.schema import SchemaState
from tests.stores import opened


async def execute(database: Database, *statements: str) -> None:
    async with database.write() as conn:
        for statement in statements:
            await conn.execute(text(statement))


async def down(database: Database, revision: str) -> None:
    async with database.write() as conn:
        await conn.run_sync(lambda c: command.downgrade(alembic_config(c), revision))


def test_the_files_are_what_the_migration_library_would_run() -> None:
    steps = list(ScriptDirectory.from_config(alembic_config()).walk_revisions())[::-1]
    assert [s.revision for s in steps] == [version for version, _ in schema.migrations()]
    assert [s.down_revision for s in steps] == [None, *[s.revision for s in steps[:-1]]]
    assert [s.doc for s in steps] == [s.makes for s in schema.Schema(SchemaState.EMPTY, "", schema.release()).steps]


async def test_a_migrated_store_is_current_and_nothing_is_to_be_done(database: Database) -> None:
    found = await database.schema()
    assert found == schema.Schema(SchemaState.CURRENT, schema.release(), schema.release())
    assert found.steps == ()
    schema.refuse_outdated(found)


async def test_an_older_store_says_its_steps_and_is_upgraded_by_them(database: Database) -> None:
    await down(database, "0001")
    found = await database.schema()
    versions = [version for version, _ in schema.migrations()]
    assert (found.state, found.held) == (SchemaState.OLDER, "0001")
    assert [s.version for s in found.steps] == versions[1:]
    with pytest.raises(Refused, match="version 0001") as refused:
        schema.refuse_outdated(found)
    assert "hub db upgrade" in refused.value.mend
    told: list[str] = []
    assert await database.upgrade(told=told.append) == found
    assert told == versions[1:]
    assert (await database.schema()).state is SchemaState.CURRENT


async def test_of_two_that_upgrade_at_once_one_migrates_and_the_other_waits(database: Database) -> None:
    await down(database, "0001")
    url = database._write.url.render_as_string(hide_password=False)
    told: list[str] = []
    async with opened(url) as ours, opened(url) as theirs:
        found = await asyncio.gather(ours.upgrade(told=told.append), theirs.upgrade(told=told.append))
    assert told == [version for version, _ in schema.migrations()][1:]
    assert {f.held for f in found} <= {"0001", schema.release()}
    assert (await database.schema()).state is SchemaState.CURRENT


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)  # SQLite's readers wait for nobody
async def test_an_upgrade_does_not_queue_up_behind_a_long_reader(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All others would queue up behind the upgrade."""
    monkeypatch.setattr("hub.store.database.TABLES_WITHIN", timedelta(milliseconds=100))
    await down(database, "0001")
    async with database.read() as backup:
        await backup.execute(select(func.count()).select_from(tables.attempts))
        with pytest.raises(Refused, match="others use") as refused:
            async with asyncio.timeout(30):
                await database.upgrade()
        assert "pg_dump" in refused.value.mend
        await execute(database, "DELETE FROM attempts")
    assert (await database.schema()).held == "0001"
    await database.upgrade()
    assert (await database.schema()).state is SchemaState.CURRENT


async def test_an_empty_store_is_neither_old_nor_wrong(database: Database) -> None:
    await down(database, "base")
    for _ in range(2):  # with an empty table of versions, and without one
        found = await database.schema()
        assert (found.state, found.held) == (SchemaState.EMPTY, "")
        schema.refuse_unusable(found)
        with pytest.raises(Refused, match="empty"):
            schema.refuse_outdated(found)
        await execute(database, "DROP TABLE IF EXISTS alembic_version")
    await database.upgrade()
    assert (await database.schema()).state is SchemaState.CURRENT


async def test_a_store_of_a_newer_release_is_refused_and_left_alone(database: Database) -> None:
    await execute(database, "UPDATE alembic_version SET version_num = '9999'")
    assert (await database.schema()).state is SchemaState.NEWER
    for _ in range(2):
        with pytest.raises(Refused, match=r"9999.*newer release") as refused:
            await database.upgrade()
        assert "backup" in refused.value.mend
    assert (await database.schema()).held == "9999"


async def test_tables_of_our_names_without_a_version_are_refused_and_left_alone(database: Database) -> None:
    await execute(database, "DROP TABLE alembic_version")
    assert (await database.schema()).state is SchemaState.UNKNOWN
    with pytest.raises(Refused, match="no schema version"):
        await database.upgrade()
    assert (await database.schema()).state is SchemaState.UNKNOWN


def test_a_current_store_opens_without_loading_the_migration_library(sqlite_template: Path) -> None:
    script = (
        "import asyncio, sys\nfrom hub.store.database import open_database\n"
        "async def main():\n"
        "    database = open_database(sys.argv[1])\n    await database.upgrade()\n    await database.close()\n"
        "asyncio.run(main())\nprint('alembic' in sys.modules)"
    )
    said = subprocess.run(
        [sys.executable, "-c", script, f"sqlite:///{sqlite_template}"], capture_output=True, text=True, check=True
    )
    assert said.stdout == "False\n"


async def test_a_whole_store_has_nothing_wrong(database: Database) -> None:
    async with database.read() as conn:
        assert {one.what: one.wrong for one in await health.examine(conn)} == {
            "file": (),
            "tables": (),
            "numbering": (),
            "sealed secrets": (),
        }


async def test_what_is_missing_is_named(database: Database) -> None:
    await execute(
        database, "DROP TABLE pins", "DROP INDEX ix_facts_day", "ALTER TABLE rereadings RENAME COLUMN phase TO stage"
    )
    async with database.read() as conn:
        looked = {one.what: one.wrong for one in await health.examine(conn)}
    assert set(looked["tables"]) == {
        "the table pins is missing",
        "the index ix_facts_day is missing",
        "the column rereadings.phase is missing",
    }


async def test_a_secret_without_its_data_key_is_named(database: Database) -> None:
    await execute(
        database,
        "INSERT INTO secrets (connection, name, sealed, updated_at) VALUES ('crm', 'token', "
        + ("x'01'" if database.dialect == "sqlite" else "'\\x01'")
        + ", '2026-01-05T09:00:00.000Z')",
    )
    async with database.read() as conn:
        looked = {one.what: one.wrong for one in await health.examine(conn)}
    assert looked["sealed secrets"] == ("the secret token of connection crm has no key in the store",)


async def test_numbers_in_use_are_named_and_set_right(database: Database) -> None:
    columns = "entity_id, field, rule, connection, stream, remote_id, at"
    change = f"INSERT INTO changes ({{}}{columns}) VALUES ({{}}'e', 'f', 'r', '', '', '', '')"
    await execute(database, change.format("id, ", "7, "))
    async with database.read() as conn:
        looked = {one.what: one.wrong for one in await health.examine(conn)}
    postgres = database.dialect != "sqlite"
    assert looked["numbering"] == (("the next number of changes is in use already",) if postgres else ())
    async with database.write() as conn:
        await health.set_numbering(conn)
        assert all(not one.wrong for one in await health.examine(conn))
        await health.set_numbering(conn)
    await execute(database, change.format("", ""))
    async with database.read() as conn:
        assert list((await conn.execute(text("SELECT id FROM changes ORDER BY id"))).scalars()) == [7, 8]


async def test_a_damaged_file_is_wrong(sqlite_template: Path, tmp_path: Path) -> None:
    path = tmp_path / "hub.db"
    held = sqlite_template.read_bytes()
    path.write_bytes(held[:-4096] + bytes(4096))  # the last page: of a table or an index
    database = open_database(f"sqlite:///{path}")
    try:
        async with database.read() as conn:
            assert await health._file(conn)
    finally:
        await database.close()
