"""Observations: news moves the revision, the same contents do not, nothing older overwrites anything newer."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from hub.domain.keys import Address
from hub.domain.observation import Record
from hub.store import observations
from hub.store.database import Database, Transaction
from tests.store.statements import counted

NOW, LATER = "2026-01-05T09:00:00.000Z", "2026-01-05T10:00:00.000Z"


def ann(remote_id: str = "1", **raw: Any) -> Record:
    return Record(remote_id, {"email": "ann@example.com", **raw})


def at(remote_id: str, stream: str = "contacts", connection: str = "crm") -> Address:
    return Address(connection, stream, remote_id)


async def keep(
    conn: Transaction, *records: Record, seen_at: str = NOW, walk: int = 0, asked_at: str | None = None
) -> observations.Kept:
    return await observations.keep(conn, "crm", "contacts", records, seen_at=seen_at, walk=walk, asked_at=asked_at)


async def one(conn: Transaction, remote_id: str = "1") -> observations.Observation:
    return (await observations.fetch(conn, [at(remote_id)]))[at(remote_id)]


async def walk_of(conn: Transaction, remote_id: str = "1") -> int:
    chosen = text("SELECT walk FROM observations WHERE remote_id = :id")
    return int((await conn.execute(chosen, {"id": remote_id})).scalar_one())


async def test_what_is_kept_comes_back_equal(database: Database) -> None:
    raw = {
        "naïve": "é 🙂 O'Brien \x00 \\u0000",
        "null": None,
        "": [],
        "deep": {"b": 1.5, "a": [True, {"x": "y"}]},
        "n": 2**53,
    }
    record = Record("1", raw, "2026-01-04T08:00:00.000Z", aliases=("8", "9"))
    async with database.write() as conn:
        kept = await keep(conn, record)
        assert kept == observations.Kept(created=1, fresh=["1"])
        seen = await one(conn)
    assert seen.raw == raw
    assert (seen.revision, seen.heard, seen.modified_at, seen.seen_at) == (1, 0, "2026-01-04T08:00:00.000Z", NOW)
    assert (seen.gone, seen.merged_into, seen.aliases) == (False, None, ("8", "9"))


async def test_the_same_contents_are_no_news_whatever_their_order(database: Database) -> None:
    async with database.write() as conn:
        await keep(conn, Record("1", {"a": 1, "b": {"c": 2, "d": 3}}))
        await observations.mark_heard(conn, [(at("1"), 1)])
        kept = await keep(conn, Record("1", {"b": {"d": 3, "c": 2}, "a": 1}), seen_at=LATER)
        assert kept == observations.Kept(unchanged=1)
        assert (await one(conn)).revision == 1
        assert (await one(conn)).seen_at == NOW


@pytest.mark.parametrize(
    "other", [ann(x=1), replace(ann(), gone=True), replace(ann(), merged_into="7"), ann(email=None)]
)
async def test_other_contents_are_news(database: Database, other: Record) -> None:
    async with database.write() as conn:
        await keep(conn, ann())
        await observations.mark_heard(conn, [(at("1"), 1)])
        kept = await keep(conn, other, seen_at=LATER)
        seen = await one(conn)
    assert kept.fresh == ["1"]
    assert (kept.changed, kept.gone) == ((0, 1) if other.gone else (1, 0))
    assert (seen.revision, seen.heard, seen.seen_at) == (2, 1, LATER)
    assert (seen.raw, seen.gone, seen.merged_into) == (other.raw, other.gone, other.merged_into)


async def test_missing_null_and_empty_are_three_contents(database: Database) -> None:
    async with database.write() as conn:
        for revision, raw in enumerate([{}, {"phone": None}, {"phone": ""}, {}], start=1):
            await keep(conn, Record("1", raw))
            assert (await one(conn)).revision == revision
            assert (await one(conn)).raw == raw


async def test_of_two_on_a_page_the_last_wins(database: Database) -> None:
    async with database.write() as conn:
        kept = await keep(conn, ann(n=1), ann("2"), ann(n=2))
        assert (kept.created, kept.fresh) == (2, ["1", "2"])
        assert (await one(conn)).raw["n"] == 2
        assert (await one(conn)).revision == 1


async def test_a_late_page_does_not_bring_back_old_contents(database: Database) -> None:
    new, old = ann(n="new"), ann(n="old")
    async with database.write() as conn:
        await keep(conn, replace(new, modified_at="2026-01-05T09:00:00.000Z"))
        kept = await keep(conn, replace(old, modified_at="2026-01-05T08:59:59.999Z"), walk=3)
        assert (kept.unchanged, kept.changed) == (1, 0)
        assert (await one(conn)).raw["n"] == "new"
        assert await walk_of(conn) == 3
        kept = await keep(conn, replace(old, modified_at="2026-01-05T09:00:00.000Z"))
        assert kept.changed == 1


async def test_times_in_other_forms_are_compared_as_times(database: Database) -> None:
    async with database.write() as conn:
        await keep(conn, replace(ann(n="new"), modified_at="2026-01-05T10:00:00+01:00"))
        assert (await one(conn)).modified_at == "2026-01-05T09:00:00.000Z"
        assert (await keep(conn, replace(ann(n="old"), modified_at="2026-01-05T08:59:00Z"))).changed == 0
        assert (await keep(conn, replace(ann(n="odd"), modified_at="yesterday"))).changed == 1
        assert (await one(conn)).modified_at is None
        assert (await keep(conn, replace(ann(n="any"), modified_at="2020-01-01T00:00:00Z"))).changed == 1


async def test_unheard_ones_are_fresh_again_until_they_are_heard(database: Database) -> None:
    async with database.write() as conn:
        await keep(conn, ann())
        assert (await keep(conn, ann())).fresh == ["1"]
        await observations.mark_heard(conn, [(at("1"), 1)])
        assert (await keep(conn, ann())).fresh == []


async def test_hearing_an_older_revision_leaves_the_newer_unheard(database: Database) -> None:
    async with database.write() as conn:
        await keep(conn, ann())
        await keep(conn, ann(n=2))
        await observations.mark_heard(conn, [(at("1"), 1)])
        assert [o.revision for o in await observations.unheard(conn, "crm", "contacts", 9)] == [2]
        await observations.mark_heard(conn, [(at("1"), 2)])
        await observations.mark_heard(conn, [(at("1"), 1)])
        assert await observations.unheard(conn, "crm", "contacts", 9) == []
        assert (await one(conn)).heard == 2


async def test_unheard_goes_by_key_and_only_through_its_stream(database: Database) -> None:
    async with database.write() as conn:
        await keep(conn, *(ann(str(n)) for n in range(7)))
        await observations.keep(conn, "crm", "leads", [ann("1")], seen_at=NOW)
        await observations.keep(conn, "crn", "contacts", [ann("1")], seen_at=NOW)
        first = await observations.unheard(conn, "crm", "contacts", 4)
        rest = await observations.unheard(conn, "crm", "contacts", 4, first[-1].address.remote_id)
        assert [o.address for o in first + rest] == [at(str(n)) for n in range(7)]


async def test_parked_ones_wait_until_a_person_or_other_contents_come(database: Database) -> None:
    async with database.write() as conn:
        await keep(conn, ann(), ann("2"))
        await observations.park(conn, [at("1")])
        assert [o.address for o in await observations.unheard(conn, "crm", "contacts", 9)] == [at("2")]
        assert (await keep(conn, ann())).fresh == []
        await observations.unpark(conn, [at("1")])
        assert len(await observations.unheard(conn, "crm", "contacts", 9)) == 2
        await observations.park(conn, [at("1")])
        assert (await keep(conn, ann(mended=True))).fresh == ["1"]
        assert len(await observations.unheard(conn, "crm", "contacts", 9)) == 2


async def test_what_a_complete_walk_did_not_show_is_gone_as_news(database: Database) -> None:
    async with database.write() as conn:
        await keep(conn, ann("1"), ann("2"), ann("3"), replace(ann("4"), gone=True), walk=1)
        await observations.mark_heard(conn, [(at(str(n)), 1) for n in range(1, 5)])
        await keep(conn, ann("1"), walk=2)
        await keep(conn, ann("3", n=2), walk=2)
        assert await observations.missing_after(conn, "crm", "contacts", 2) == 1
        assert await observations.bury_missing(conn, "crm", "contacts", 2, LATER) == 1
        assert await observations.missing_after(conn, "crm", "contacts", 2) == 0
        seen = await one(conn, "2")
        assert (seen.gone, seen.revision, seen.heard, seen.seen_at, seen.raw) == (True, 2, 1, LATER, ann("2").raw)
        assert (await one(conn, "4")).revision == 1


async def test_one_buried_by_a_walk_may_come_back_and_may_be_said_gone(database: Database) -> None:
    async with database.write() as conn:
        await keep(conn, ann(), walk=1)
        await observations.bury_missing(conn, "crm", "contacts", 2, LATER)
        assert (await keep(conn, replace(ann(), gone=True))).unchanged == 1
        kept = await keep(conn, ann(), walk=3)
        assert (kept.changed, (await one(conn)).gone, (await one(conn)).revision) == (1, False, 3)


async def test_what_was_seen_since_the_walk_began_is_not_missing(database: Database) -> None:
    async with database.write() as conn:
        await keep(conn, ann("1"), seen_at=NOW)
        await keep(conn, ann("created-by-us"), seen_at=LATER)
        assert await observations.missing_after(conn, "crm", "contacts", 1) == 2
        assert await observations.missing_after(conn, "crm", "contacts", 1, since=LATER) == 1
        assert await observations.bury_missing(conn, "crm", "contacts", 1, LATER, since=LATER) == 1
        assert not (await one(conn, "created-by-us")).gone


async def test_a_look_outside_walks_does_not_hide_a_record_from_the_walk(database: Database) -> None:
    async with database.write() as conn:
        await keep(conn, ann(), walk=5)
        await keep(conn, ann(n=2))
        await keep(conn, ann(n=2))
        assert await walk_of(conn) == 5


async def test_aliases_add_up_and_new_ones_are_news(database: Database) -> None:
    async with database.write() as conn:
        await keep(conn, ann())
        assert (await keep(conn, replace(ann(), aliases=("8",)))).changed == 1
        assert (await keep(conn, ann())).unchanged == 1
        assert (await keep(conn, replace(ann(), aliases=("7",)))).changed == 1
        assert (await one(conn)).aliases == ("7", "8")
        await keep(conn, ann(n=2))
        assert (await one(conn)).aliases == ("7", "8")


async def test_ids_that_no_store_can_hold_cost_only_themselves(database: Database) -> None:
    async with database.write() as conn:
        kept = await keep(conn, ann(""), ann("x" * 5000), ann("nul\0"), ann("1"))
        assert (kept.created, kept.refused) == (1, ["", "x" * 5000, "nul\0"])
        assert (await keep(conn, ann(""))).refused == [""]


async def test_counts_and_each_and_forget(database: Database) -> None:
    async with database.write() as conn:
        await keep(conn, *(ann(f"{n:03}") for n in range(25)), replace(ann("gone"), gone=True))
        await observations.keep(conn, "crm", "leads", [ann("1")], seen_at=NOW)
        await observations.park(conn, [at("000"), at("001")])
        await observations.mark_heard(conn, [(at("002"), 1)])
        assert await observations.count(conn, "crm", "contacts") == observations.Counts(25, 1, 23, 2)
        assert await observations.count(conn, "crm") == observations.Counts(26, 1, 24, 2)
        assert await observations.count(conn, "none") == observations.Counts()
        parts = [part async for part in observations.each(conn, "crm", "contacts", 10)]
        assert [len(part) for part in parts] == [10, 10, 6]
        ids = [o.address.remote_id for part in parts for o in part]
        assert ids == sorted(ids)
        assert len(set(ids)) == 26
        await observations.forget(conn, [at("gone")])
        assert await observations.fetch(conn, [at("gone")]) == {}


async def test_statements_do_not_multiply_with_rows(database: Database) -> None:
    async def cost(size: int, prefix: str) -> list[int]:
        page = [ann(f"{prefix}{n}") for n in range(size)]
        addresses = [at(record.id) for record in page]
        costs = []
        async with database.write() as conn:
            for step in (
                lambda: keep(conn, *page, walk=1),
                lambda: keep(conn, *page, walk=2),
                lambda: keep(conn, *[replace(record, gone=True) for record in page]),
                lambda: observations.fetch(conn, addresses),
                lambda: observations.mark_heard(conn, [(address, 1) for address in addresses]),
                lambda: observations.park(conn, addresses),
            ):
                with counted(conn) as seen:
                    await step()
                costs.append(len(seen))
        return costs

    assert await cost(2, "a") == await cost(900, "b")


async def test_the_search_for_the_unheard_uses_its_index(database: Database) -> None:
    explain = "EXPLAIN QUERY PLAN " if database.dialect == "sqlite" else "EXPLAIN "
    async with database.write() as conn:
        await keep(conn, *(ann(str(n)) for n in range(1500)))
        await observations.mark_heard(conn, [(at(str(n)), 1) for n in range(1490)])
        with counted(conn) as seen:
            await observations.unheard(conn, "crm", "contacts", 10, "0")
        if database.dialect != "sqlite":
            await conn.execute(text("ANALYZE observations"))
        values = ("crm", "contacts", "0", 10) if database.dialect != "sqlite" else ("crm", "contacts", "0", 10, 0)
        plan = await conn.exec_driver_sql(explain + seen[0], values)
        assert "ix_observations_unheard" in str(plan.all())


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_batch_questions_go_straight_to_their_rows(database: Database) -> None:
    async with database.write() as conn:
        for question in (lambda: keep(conn, ann()), lambda: observations.fetch(conn, [at("1"), at("2")])):
            with counted(conn) as seen:
                await question()
            values = tuple("[]" for _ in range(seen[0].count("?")))
            plan = str((await conn.exec_driver_sql("EXPLAIN QUERY PLAN " + seen[0], values)).all())
            assert "(connection=? AND stream=? AND remote_id=?)" in plan, (seen[0], plan)


RECORDS = st.builds(
    Record,
    st.sampled_from("abc"),
    st.fixed_dictionaries({}, optional={"v": st.sampled_from([None, "", "x", 1, 1.0, True])}),
    st.none() | st.sampled_from(["2026-01-01T00:00:00.000Z", "2026-01-02T00:00:00.000Z"]),
    st.booleans(),
)


@given(st.lists(RECORDS, max_size=12), st.lists(st.integers(1, 4), min_size=1, max_size=6))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_how_records_are_cut_into_pages_does_not_matter(
    database: Database, history: list[Record], cuts: list[int]
) -> None:
    """Without times, the last state is that of the last record; the revision counts differences as they come."""
    history = [replace(record, modified_at=None) for record in history]
    async with database.write() as conn:
        await conn.execute(text("DELETE FROM observations"))
        rest, turn = history, 0
        while rest:
            size = cuts[turn % len(cuts)]
            await keep(conn, *rest[:size])
            rest, turn = rest[size:], turn + 1
        expected = {record.id: (record.raw, record.gone) for record in history}
        seen = await observations.fetch(conn, [at(i) for i in "abc"])
        assert {a.remote_id: (o.raw, o.gone) for a, o in seen.items()} == expected


async def test_a_record_that_is_too_large_is_left_out_and_what_was_known_of_it_lives(database: Database) -> None:
    async with database.write() as conn:
        await keep(conn, ann("1"), Record("2", {"n": 1}), walk=1)
        kept = await observations.keep(
            conn,
            "crm",
            "contacts",
            [Record("1", {"email": "x" * 100}), Record("2", {"n": 2})],
            seen_at=NOW,
            walk=2,
            largest=50,
        )
        assert kept.too_large == [("1", 112)]
        assert (kept.created, kept.changed, kept.fresh) == (0, 1, ["2"])
        assert await observations.missing_after(conn, "crm", "contacts", 2) == 0


@pytest.mark.parametrize(("asked_at", "yields"), [(NOW, True), ("2026-01-05T09:00:00.001Z", False)])
async def test_a_page_of_history_yields_to_what_was_seen_since_it_was_asked_for(
    database: Database, asked_at: str, yields: bool
) -> None:
    async with database.write() as conn:
        await keep(conn, ann(city="Rome"), ann("3"))
        await observations.mark_heard(conn, [(at("1"), 1)])
        page = (ann(city="Bonn"), ann("2", city="Bonn"), ann("3"))
        kept = await keep(conn, *page, seen_at=LATER, asked_at=asked_at)
        city = (await one(conn)).raw["city"]
    if yields:
        assert (city, kept) == ("Rome", observations.Kept(created=1, unchanged=2, fresh=["2", "3"]))
    else:
        assert (city, kept.changed, kept.fresh) == ("Bonn", 1, ["1", "2", "3"])


async def test_what_is_live_does_not_yield(database: Database) -> None:
    async with database.write() as conn:
        await keep(conn, ann(city="Rome"), seen_at=LATER)
        await keep(conn, ann(city="Bonn"), seen_at=NOW)
        assert (await one(conn)).raw["city"] == "Bonn"


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)  # SQLite has one writer at a time
@pytest.mark.parametrize("known", [True, False])
async def test_history_yields_to_a_page_that_is_being_kept_in_this_moment(database: Database, known: bool) -> None:
    """The live page is committed between the question of history what is there and its own writing."""
    if known:
        async with database.write() as conn:
            await keep(conn, ann(city="Kiel"), seen_at="2026-01-05T07:00:00.000Z")
    kept, go_on = asyncio.Event(), asyncio.Event()

    async def live() -> None:
        async with database.write() as conn:
            await keep(conn, ann(city="Rome"), seen_at=LATER)
            kept.set()
            await go_on.wait()

    async def history() -> None:
        async with database.write() as conn:
            await keep(conn, ann(city="Bonn"), seen_at=LATER, asked_at=NOW)

    keeping = asyncio.create_task(live())
    await kept.wait()
    yielding = asyncio.create_task(history())
    done, _ = await asyncio.wait({yielding}, timeout=0.3)
    assert not done
    go_on.set()
    await asyncio.gather(keeping, yielding)
    async with database.read() as conn:
        assert (await one(conn)).raw["city"] == "Rome"


async def waits(task: asyncio.Task[Any]) -> bool:
    done, _ = await asyncio.wait({task}, timeout=0.3)
    return not done


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)  # SQLite has one writer at a time
async def test_a_late_page_does_not_bring_back_what_is_being_overwritten_in_this_moment(database: Database) -> None:
    """A look of another lane is committed between the page's question what is there and its own writing."""
    old, new = (Record("1", {"city": city}, at) for city, at in (("Bonn", NOW), ("Rome", LATER)))
    async with database.write() as conn:
        await keep(conn, Record("1", {"city": "Kiel"}, "2026-01-05T07:00:00.000Z"))

    async def walk() -> observations.Kept:
        async with database.write() as conn:
            return await keep(conn, old, seen_at=LATER)

    async with database.write() as conn:
        await keep(conn, new, seen_at=LATER)
        walking = asyncio.create_task(walk())
        assert await waits(walking)
    assert await walking == observations.Kept(unchanged=1, fresh=["1"])
    async with database.read() as conn:
        assert ((await one(conn)).raw["city"], (await one(conn)).revision) == ("Rome", 2)


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
async def test_a_page_takes_its_records_in_the_order_in_which_all_others_take_them(database: Database) -> None:
    """Else it and who hears at the same time would wait for each other, and one of them would fail."""
    async with database.write() as conn:
        await keep(conn, ann("a"), ann("b"))

    async def walk() -> None:
        async with database.write() as conn:
            await keep(conn, ann("a"), ann("b", city="Bonn"), walk=3)

    async with database.write() as conn:
        await observations.mark_heard(conn, [(at("a"), 1)])
        walking = asyncio.create_task(walk())
        assert await waits(walking)
        await observations.mark_heard(conn, [(at("b"), 1)])
    await walking
    async with database.read() as conn:
        assert [await walk_of(conn, i) for i in "ab"] == [3, 3]
        assert [(o.revision, o.heard) for o in (await one(conn, "a"), await one(conn, "b"))] == [(1, 1), (2, 1)]
