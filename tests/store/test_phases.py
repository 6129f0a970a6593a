"""Upgrades without downtime: steps that run while the old release works, and steps that wait until it is gone."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from sqlalchemy import text

from hub.domain.golden import Pin
from hub.errors import Refused
from hub.store import pins, schema
from hub.store.database import Database
from hub.store.schema import Phase, SchemaState
from tests.store.releases_to_come import ADDS, STEP, TAKES, TO_COME, Become, become

__all__ = ["become"]

NOW = "2026-11-22T09:00:00.000Z"
HARMLESS = {"add_column", "create_index", "create_table", "f"}
"""What alembic may be asked to do under processes that know nothing of it."""


def takes_away(source: str) -> set[str]:
    """The operations of a step that are not plain additions."""
    upgrade = next(n for n in ast.parse(source).body if isinstance(n, ast.FunctionDef) and n.name == "upgrade")
    called = {
        node.func.attr
        for node in ast.walk(upgrade)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and ast.unparse(node.func.value) == "op"
    }
    return called - HARMLESS


def unready_columns(source: str) -> list[str]:
    """Columns that are added to a table and that a process which doesn't know them could not fill."""
    added = [
        node.args[1]
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "op.add_column"
    ]
    return [
        ast.unparse(column)
        for column in added
        if isinstance(column, ast.Call)
        and not {"server_default"} & {k.arg for k in column.keywords}
        and "nullable=True" not in ast.unparse(column)
    ]


@pytest.mark.parametrize("path", [path for _, path in schema.migrations()], ids=lambda path: path.stem)
def test_every_step_says_when_it_may_run_and_is_right_about_it(path: Path) -> None:
    source = path.read_text()
    step = next(s for s in schema.Schema(SchemaState.EMPTY, "", "").steps if path.stem.startswith(f"v{s.version}"))
    if step.phase is Phase.PRE:
        assert not takes_away(source)
        assert not unready_columns(source.partition("def downgrade")[0])


def test_a_step_that_takes_something_away_would_be_noticed() -> None:
    assert takes_away(STEP.format(makes="", version="", before="", phase="pre", does=TAKES)) == {"drop_column"}
    assert not takes_away(STEP.format(makes="", version="", before="", phase="pre", does=ADDS))
    bare = ADDS.replace(', server_default="red"', "")
    assert unready_columns(STEP.format(makes="", version="", before="", phase="pre", does=bare))
    assert not unready_columns(STEP.format(makes="", version="", before="", phase="pre", does=ADDS))


def test_a_step_without_a_phase_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "v9001_silent.py"
    path.write_text('"""Silent."""\nrevision = "9001"\n')
    with pytest.raises(StopIteration):
        schema._step("9001", path)


async def state(database: Database) -> SchemaState:
    return (await database.schema()).state


async def first_part(database: Database) -> None:
    """What `hub db upgrade --pre` does."""
    await database.upgrade((await database.schema()).first_steps[-1].version)


async def test_the_old_release_works_on_while_the_new_one_is_rolled_out(database: Database, become: Become) -> None:
    become(2)
    assert await state(database) is SchemaState.OLDER
    assert [s.version for s in (await database.schema()).first_steps] == ["9001"]
    await first_part(database)
    assert await state(database) is SchemaState.WAITING
    schema.refuse_outdated(await database.schema())

    become(0)  # an old process starts again in the middle of the roll-out
    assert await state(database) is SchemaState.AHEAD
    schema.refuse_outdated(await database.schema())
    await database.upgrade()
    assert (await database.schema()).held == "9001", "the old release leaves the newer schema as it is"
    async with database.write() as conn:
        await pins.put(conn, "e1", Pin("phone", "+1", "ada", NOW, "said so"))
        assert (await pins.fetch(conn, ["e1"]))["e1"]["phone"].who == "ada"

    become(2)
    await database.upgrade()
    assert await state(database) is SchemaState.CURRENT
    async with database.read() as conn:
        assert (await conn.execute(text("SELECT who, colour FROM pins"))).one() == ("ada", "red")

    become(0)
    assert await state(database) is SchemaState.NEWER
    with pytest.raises(Refused, match=r"9002.*can't work on it any more"):
        await database.upgrade()


async def test_who_may_work_on_is_said_by_the_last_step_that_took_something_away(
    database: Database, become: Become
) -> None:
    become(3)
    assert schema.works_with("9001") == schema.FIRST_TO_READ_IT
    assert (schema.works_with("9002"), schema.works_with("9003")) == ("9002", "9002")
    await database.upgrade()
    assert await state(database) is SchemaState.CURRENT
    become(2)  # the release before: it has what it needs
    assert await state(database) is SchemaState.AHEAD
    become(1)  # and the one before that has not
    assert await state(database) is SchemaState.NEWER


async def test_two_releases_at_once_are_not_rolled_out_over_a_step_that_must_wait(
    database: Database, become: Become
) -> None:
    become(3)
    await first_part(database)
    found = await database.schema()
    assert (found.state, found.held) == (SchemaState.OLDER, "9001"), "9003 is needed, and stands behind 9002"
    assert found.first_steps == ()
    with pytest.raises(Refused, match="needs 9003"):
        schema.refuse_outdated(found)
    await database.upgrade()
    assert await state(database) is SchemaState.CURRENT


async def test_the_first_part_never_takes_back_what_another_process_did_meanwhile(
    database: Database, become: Become
) -> None:
    become(2)
    before = await database.schema()
    await database.upgrade()
    await database.upgrade(before.first_steps[-1].version)
    assert (await database.schema()).held == "9002"
    async with database.read() as conn:
        assert await conn.run_sync(schema._held) == "9002"


async def test_a_new_store_gets_every_step_at_once_and_lets_nobody_older_in(database: Database, become: Become) -> None:
    from tests.store.test_schema import down

    await down(database, "base")
    become(2)
    assert [s.version for s in (await database.schema()).first_steps] == [v for v, _ in schema.migrations()]
    await first_part(database)
    assert await state(database) is SchemaState.CURRENT
    become(0)
    assert await state(database) is SchemaState.NEWER


def test_the_steps_to_come_are_behind_those_there_are() -> None:
    assert min(version for version, *_ in TO_COME) > schema.release()
