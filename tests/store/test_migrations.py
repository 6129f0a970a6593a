"""The migrations make exactly what `hub.store.tables` says, on both dialects."""

from __future__ import annotations

import re
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text

from hub.store.database import Database
from hub.store.migrating import alembic_config
from hub.store.tables import metadata


def _schema(conn: Connection) -> dict[str, Any]:
    """Everything in the database as text, so that also conditions of indexes and orders of columns count."""
    if conn.dialect.name == "sqlite":
        rows = conn.execute(text("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL")).all()
        return {f"{kind} {name}": re.sub(r"\s+", " ", sql) for kind, name, sql in rows if name != "alembic_version"}
    columns = conn.execute(
        text(
            "SELECT table_name, column_name, row_number() OVER (PARTITION BY table_name ORDER BY ordinal_position), "
            "data_type, is_nullable, column_default "
            "FROM information_schema.columns WHERE table_schema = 'public'"
        )
    ).all()
    indexes = conn.execute(text("SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'")).all()
    schema: dict[str, Any] = {f"{t}.{c}": tuple(rest) for t, c, *rest in columns if t != "alembic_version"}
    return schema | {name: sql for name, sql in indexes if not name.startswith("alembic")}


async def test_the_migrated_schema_is_that_of_the_tables(database: Database) -> None:
    def compare(conn: Connection) -> list[Any]:
        context = MigrationContext.configure(conn, opts={"compare_type": True})
        return list(compare_metadata(context, metadata))

    async with database.write() as conn:
        assert await conn.run_sync(compare) == []


async def test_migrations_and_tables_make_the_same_schema_to_the_letter(database: Database) -> None:
    async with database.write() as conn:
        migrated = await conn.run_sync(_schema)
        await conn.run_sync(metadata.drop_all)
        await conn.run_sync(metadata.create_all)
        assert migrated == await conn.run_sync(_schema)
        assert len(migrated) > 30


async def test_upgrading_what_is_up_to_date_changes_nothing(database: Database) -> None:
    async with database.read() as conn:
        before = await conn.run_sync(_schema)
    await database.upgrade()
    async with database.read() as conn:
        assert await conn.run_sync(_schema) == before


async def test_the_way_down_leaves_nothing_and_the_way_up_works_again(database: Database) -> None:
    async with database.write() as conn:
        before = await conn.run_sync(_schema)
        await conn.run_sync(lambda c: command.downgrade(alembic_config(c), "base"))
        assert [name for name in await conn.run_sync(_schema) if "alembic" not in name] == []
    await database.upgrade()
    async with database.read() as conn:
        assert await conn.run_sync(_schema) == before


@pytest.mark.parametrize("table", sorted(metadata.tables))
def test_names_of_tables_are_plain(table: str) -> None:
    assert re.fullmatch(r"[a-z_]+", table)
