"""The door to what differs: lists as one parameter, and bulk writes of any size."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from hub.domain.keys import Address
from hub.domain.observation import Record
from hub.store import dialect, observations
from hub.store.database import Database
from hub.store.tables import secrets, settings
from tests.store.statements import counted

NOW = "2026-01-05T09:00:00.000Z"
ODD = ["", "O'Brien", '"', "[1,2]", "{x}", "a,b", "\\", "null", "NULL", "é🙂", "1", "%", "_", "\n"]


async def test_lists_carry_any_text(database: Database) -> None:
    upsert = dialect.Upsert(settings)
    async with database.write() as conn:
        await upsert(conn, [{"name": name, "value": name} for name in ODD])
        chosen = select(settings.c.name).where(dialect.one_of(conn, settings.c.name, ODD))
        assert sorted((await conn.execute(chosen)).scalars()) == sorted(ODD)
        chosen = select(settings.c.name).where(dialect.one_of(conn, settings.c.name, []))
        assert (await conn.execute(chosen)).all() == []
        rows = dialect.given(conn, "rows", {"a": ODD, "b": ODD[::-1]})
        found = {tuple(row) for row in await conn.execute(select(rows.c.a, rows.c.b))}
        assert found == set(zip(ODD, ODD[::-1], strict=True))


async def test_lists_may_be_longer_than_any_limit_of_parameters(database: Database) -> None:
    names = [f"n{n}" for n in range(70_000)]
    async with database.write() as conn:
        with counted(conn) as seen:
            chosen = select(settings.c.name).where(dialect.one_of(conn, settings.c.name, names))
            assert (await conn.execute(chosen)).all() == []
        assert len(seen) == 1


async def test_large_batches_are_cut_and_large_rows_pass(database: Database) -> None:
    upsert = dialect.Upsert(settings)
    async with database.write() as conn:
        with counted(conn) as seen:
            await upsert(conn, [{"name": f"n{n:05}", "value": n} for n in range(2_500)])
        assert len(seen) == 3
        await upsert(conn, [{"name": f"big{n}", "value": "x" * 9_000_000} for n in range(3)])
        await upsert(conn, [{"name": "n00001", "value": {"z": 1, "a": None}}, {"name": "n00002", "value": [True]}])
        rows = await conn.execute(select(settings.c.name, settings.c.value))
        found = {row[0]: row[1] for row in rows}
    assert len(found) == 2_503
    assert (found["n00001"], found["n00002"], found["n00003"]) == ({"a": None, "z": 1}, [True], 3)
    assert [len(found[f"big{n}"]) for n in range(3)] == [9_000_000] * 3


async def test_a_large_page_of_large_records_passes(database: Database) -> None:
    page = [Record(str(n), {"note": 'é\\"\0' * 50_000}) for n in range(100)]
    async with database.write() as conn:
        kept = await observations.keep(conn, "crm", "contacts", page, seen_at=NOW)
        assert kept.created == 100
        back = await observations.fetch(conn, [Address("crm", "contacts", "7")])
        assert back[Address("crm", "contacts", "7")].raw == page[7].raw


async def test_an_upsert_that_would_bind_values_of_its_own_is_refused(database: Database) -> None:
    wrong = dialect.Upsert(settings, lambda old, new: {"value": old.value + "x"})
    async with database.write() as conn:
        with pytest.raises(TypeError, match="binds"):
            await wrong(conn, [{"name": "a", "value": 1}])


def test_bytes_do_not_travel_as_json() -> None:
    with pytest.raises(TypeError, match="bytes"):
        dialect.Upsert(secrets)
