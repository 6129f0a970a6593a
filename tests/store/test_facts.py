"""Facts are restated, and what was known then stays known."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from hub.domain.fact import Fact, KnownFact
from hub.store import facts
from hub.store.database import Database, Transaction
from tests.store.statements import counted

T1, T2, T3 = (f"2026-01-0{n}T09:00:00.000Z" for n in (5, 6, 7))
CLICKS = Fact("c1", "2026-01-04", "EUR", impressions=1000, clicks=10, cost_minor=2**40, conversions=1.5)


async def keep(conn: Transaction, now: str, *rows: Fact) -> facts.Kept:
    return await facts.keep(conn, "ads", "metrics", rows, now)


async def known(conn: Transaction, as_of: str | None = None) -> list[KnownFact]:
    return [row async for part in facts.current(conn, as_of=as_of, batch=2) for row in part]


async def test_a_restatement_closes_the_old_row_and_keeps_it(database: Database) -> None:
    restated = replace(CLICKS, clicks=12)
    async with database.write() as conn:
        assert await keep(conn, T1, CLICKS) == facts.Kept(created=1)
        assert await keep(conn, T2, CLICKS) == facts.Kept(unchanged=1)
        assert await known(conn) == [KnownFact("ads", "metrics", CLICKS, T1)]
        assert await keep(conn, T3, restated) == facts.Kept(restated=1)
        assert await known(conn) == [KnownFact("ads", "metrics", restated, T3)]
        assert await known(conn, as_of=T2) == [KnownFact("ads", "metrics", CLICKS, T1, T3)]
        assert await known(conn, as_of="2026-01-01T00:00:00.000Z") == []


async def test_unknown_is_not_zero(database: Database) -> None:
    async with database.write() as conn:
        await keep(conn, T1, replace(CLICKS, opens=None))
        assert await keep(conn, T2, replace(CLICKS, opens=0)) == facts.Kept(restated=1)


async def test_two_words_at_one_moment_leave_one_row(database: Database) -> None:
    async with database.write() as conn:
        await keep(conn, T1, CLICKS)
        await keep(conn, T1, replace(CLICKS, clicks=11))
        assert await known(conn) == [KnownFact("ads", "metrics", replace(CLICKS, clicks=11), T1)]
        assert await keep(conn, T2, CLICKS, replace(CLICKS, clicks=7)) == facts.Kept(restated=1)
        assert (await known(conn))[0].fact.clicks == 7
        assert (await conn.execute(text("SELECT count(*) FROM facts"))).scalar_one() == 2


async def test_totals_keep_currencies_apart(database: Database) -> None:
    async with database.write() as conn:
        days = [replace(CLICKS, day=f"2026-01-0{n}") for n in range(1, 5)]
        await keep(conn, T1, *days, replace(CLICKS, campaign_ref="c2", currency="USD", clicks=1))
        await keep(conn, T2, replace(days[0], clicks=100))
        await facts.keep(conn, "mail", "reports", [Fact("m", "2026-01-01", sends=5)], T1)
        eur, usd = await facts.totals(conn, connection="ads")
        assert (eur.currency, eur.days, eur.measures["clicks"], eur.measures["cost_minor"]) == (
            "EUR",
            4,
            130,
            4 * 2**40,
        )
        assert (eur.measures["conversions"], eur.measures["opens"]) == (6.0, None)
        assert type(eur.measures["cost_minor"]) is int
        assert (usd.currency, usd.measures["clicks"]) == ("USD", 1)
        (then,) = [
            t for t in await facts.totals(conn, as_of=T1, since="2026-01-01", until="2026-01-02") if t.currency == "EUR"
        ]
        assert (then.days, then.measures["clicks"]) == (2, 20)
        assert len(await facts.totals(conn)) == 3


async def test_statements_do_not_multiply_with_rows(database: Database) -> None:
    async def cost(day: str, size: int) -> list[int]:
        costs = []
        rows = [replace(CLICKS, campaign_ref=f"c{n}", day=day) for n in range(size)]
        async with database.write() as conn:
            for now, said in ((T1, rows), (T2, rows), (T3, [replace(row, clicks=0) for row in rows])):
                with counted(conn) as seen:
                    await keep(conn, now, *said)
                costs.append(len(seen))
        return costs

    assert await cost("2026-01-01", 2) == await cost("2026-01-02", 900) == [2, 1, 3]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_batch_questions_go_straight_to_their_rows(database: Database) -> None:
    async with database.write() as conn:
        with counted(conn) as seen:
            await keep(conn, T1, CLICKS)
        values = tuple("[]" for _ in range(seen[0].count("?")))
        plan = str((await conn.exec_driver_sql("EXPLAIN QUERY PLAN " + seen[0], values)).all())
    assert "(connection=? AND stream=? AND campaign_ref=? AND day=?)" in plan, plan


WORDS = st.tuples(st.sampled_from("ab"), st.integers(0, 2))


@given(st.lists(st.lists(WORDS, min_size=1, max_size=3), max_size=8))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_what_was_known_at_any_time_is_what_had_been_said(
    database: Database, pulls: list[list[tuple[str, int]]]
) -> None:
    async with database.write() as conn:
        await conn.execute(text("DELETE FROM facts"))
        said: dict[str, int] = {}
        memory: list[tuple[str, dict[str, int]]] = []
        for n, pull in enumerate(pulls):
            now = f"2026-01-05T09:00:{n:02}.000Z"
            await keep(conn, now, *(Fact(ref, "2026-01-01", clicks=clicks) for ref, clicks in pull))
            said |= dict(pull)
            memory.append((now, dict(said)))
        for now, expected in memory:
            rows = await known(conn, as_of=now)
            assert {row.fact.campaign_ref: row.fact.clicks for row in rows} == expected
            assert len(rows) == len(expected)
