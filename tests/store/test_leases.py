"""Leases: who is the current one, and that nobody else can commit. On both databases."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import DBAPIError

from hub.domain.lease import NOBODY, Lease
from hub.domain.moments import iso
from hub.errors import LeaseLost
from hub.store import leases
from hub.store import settings as kept
from hub.store.database import Database, Transaction

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
TERM = timedelta(seconds=60)
NAME = "home"


def later(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


async def take(database: Database, holder: str, now: datetime = NOON, name: str = NAME) -> Lease | None:
    async with database.write() as conn:
        return await leases.acquire(conn, name, holder, now, TERM)


async def taken(database: Database, holder: str, now: datetime = NOON) -> Lease:
    lease = await take(database, holder, now)
    assert lease is not None
    return lease


async def standing(database: Database) -> Lease | None:
    async with database.read() as conn:
        return await leases.fetch(conn, NAME)


@asynccontextmanager
async def under(database: Database, lease: Lease) -> AsyncIterator[Transaction]:
    """A write transaction that may only commit under the lease."""
    with database.guarded(lambda conn: leases.hold(conn, lease)):
        async with database.write() as conn:
            yield conn


async def test_a_lease_is_taken_once_until_it_expires(database: Database) -> None:
    assert await standing(database) is None
    first = await taken(database, "a")
    assert first == Lease(NAME, "a", 1, iso(later(60)))
    assert await take(database, "b", later(59.999)) is None
    assert await take(database, "a", later(59.999)) is None, "a second acquisition is another one"
    assert await standing(database) == first
    assert await taken(database, "b", later(60)) == Lease(NAME, "b", 2, iso(later(120)))
    assert await take(database, "c", later(1), name="another") is not None


async def test_a_lease_without_a_holder_is_not_given(database: Database) -> None:
    with pytest.raises(ValueError, match="name"):
        await take(database, NOBODY)


async def test_a_released_lease_is_free_at_once_whatever_the_clock_says(database: Database) -> None:
    first = await taken(database, "a")
    async with database.write() as conn:
        await leases.release(conn, first)
    second = await taken(database, "b", later(-3600))
    assert second.token == 2
    async with database.write() as conn:
        await leases.release(conn, first)
    assert await standing(database) == second, "who lost it gives back nothing"


async def test_renewing_moves_the_end_and_not_the_token(database: Database) -> None:
    first = await taken(database, "a")
    async with database.write() as conn:
        renewed = await leases.renew(conn, first, later(90), TERM)  # it had expired, and nobody wanted it
    assert renewed == Lease(NAME, "a", 1, iso(later(150)))
    assert await take(database, "b", later(149)) is None
    await taken(database, "b", later(150))
    with pytest.raises(LeaseLost):
        async with database.write() as conn:
            await leases.renew(conn, renewed, later(150), TERM)


async def test_the_same_holder_again_is_not_who_it_was(database: Database) -> None:
    first = await taken(database, "a")
    second = await taken(database, "a", later(60))
    assert second.token == 2
    for lease, lost in ((first, True), (second, False)):
        async with database.write() as conn:
            if lost:
                with pytest.raises(LeaseLost):
                    await leases.hold(conn, lease)
            else:
                await leases.hold(conn, lease)


async def test_who_lost_the_lease_commits_nothing(database: Database) -> None:
    first = await taken(database, "a")
    async with under(database, first) as conn:
        await kept.put(conn, "before", 1)
    await taken(database, "b", later(60))
    with pytest.raises(LeaseLost, match="'home'") as lost:
        async with under(database, first) as conn:
            await kept.put(conn, "after", 1)
    assert (lost.value.exit_code, lost.value.mend != "") == (1, True)
    async with database.read() as conn:
        assert (await kept.get(conn, "before"), await kept.get(conn, "after")) == (1, None)


async def test_an_expired_lease_that_nobody_took_is_good_to_commit(database: Database) -> None:
    """A clock that runs fast must not stop the only worker there is."""
    first = await taken(database, "a", later(-3600))
    async with under(database, first) as conn:
        await kept.put(conn, "kept", 1)
    async with database.read() as conn:
        assert await kept.get(conn, "kept") == 1


async def test_a_lease_that_vanished_is_lost(database: Database) -> None:
    with pytest.raises(LeaseLost):
        async with under(database, Lease(NAME, "a", 1, iso(NOON))):
            pass


async def test_of_many_who_try_at_once_one_gets_it(database: Database) -> None:
    for round_ in range(1, 6):
        got = await asyncio.gather(*(take(database, f"{round_}-{i}", later(60 * round_)) for i in range(8)))
        (winner,) = [lease for lease in got if lease is not None]
        assert winner.token == round_
        assert await standing(database) == winner


async def test_whoever_takes_over_waits_for_a_commit_that_was_let_through(database: Database) -> None:
    """Between the question and the commit nobody can take the lease: else both would have kept something."""
    first = await taken(database, "a")
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def commit() -> None:
        async with database.write() as conn:
            await kept.put(conn, "kept", 1)
            await leases.hold(conn, first)
            asked.set()
            await go_on.wait()

    committing = asyncio.create_task(commit())
    await asked.wait()
    taking = asyncio.create_task(taken(database, "b", later(60)))
    done, _ = await asyncio.wait({taking}, timeout=0.3)
    assert not done
    go_on.set()
    await committing
    assert (await taking).token == 2
    async with database.read() as conn:
        assert await kept.get(conn, "kept") == 1


async def test_a_commit_that_waits_for_a_takeover_is_refused(database: Database) -> None:
    """The other order: the takeover is under way and not yet committed when the question is asked."""
    first = await taken(database, "a")
    taking, go_on = asyncio.Event(), asyncio.Event()

    async def take_over() -> None:
        async with database.write() as conn:
            assert await leases.acquire(conn, NAME, "b", later(60), TERM) is not None
            taking.set()
            await go_on.wait()

    async def commit() -> None:
        async with under(database, first) as conn:
            await kept.put(conn, "kept", 1)

    over = asyncio.create_task(take_over())
    await taking.wait()
    committing = asyncio.create_task(commit())
    done, _ = await asyncio.wait({committing}, timeout=0.3)
    assert not done
    go_on.set()
    await over
    with pytest.raises(LeaseLost):
        await committing
    async with database.read() as conn:
        assert await kept.get(conn, "kept") is None


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)  # SQLite's lock is the file's
async def test_a_process_that_stands_still_before_its_commit_holds_nobody_up_for_long(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "COMMIT_WITHIN", timedelta(milliseconds=300))
    first = await taken(database, "a")

    async def commit_late() -> None:
        async with database.write() as conn:
            await kept.put(conn, "late", 1)
            await leases.hold(conn, first)
            async with asyncio.timeout(30):
                assert (await taken(database, "b", later(60))).token == 2

    with pytest.raises(DBAPIError):
        await commit_late()
    async with database.read() as conn:
        assert await kept.get(conn, "late") is None


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)  # SQLite has one writer at a time
async def test_writers_under_one_lease_do_not_wait_for_each_other(database: Database) -> None:
    first = await taken(database, "a")
    async with database.write() as one, database.write() as other:
        await leases.hold(one, first)
        async with asyncio.timeout(10):
            await leases.hold(other, first)


async def test_guards_are_those_of_the_task_and_of_the_store(database: Database) -> None:
    seen: list[str] = []

    async def note(conn: Transaction) -> None:
        seen.append("asked")

    async def write() -> None:
        async with database.write():
            pass

    go_on = asyncio.Event()

    async def write_later() -> None:
        await go_on.wait()
        await write()

    before = asyncio.create_task(write_later())
    with database.guarded(note):
        await write()
        await asyncio.create_task(write())
        assert seen == ["asked"] * 2
        async with database.read():
            pass
        with pytest.raises(KeyError):
            async with database.write():
                raise KeyError("a block that fails has nothing to commit")
        outlives = asyncio.create_task(write_later())
    go_on.set()
    await before
    await write()
    await outlives
    assert len(seen) == 3, "what was begun under a guard ends under it, and nothing else"


NUMBERS = count(1)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["acquire", "renew", "release", "hold"]),
        st.sampled_from("abc"),
        st.integers(-40, 80),  # how far the clock of who acts is from the one before: clocks may also go back
    ),
    max_size=30,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
async def test_whatever_happens_one_at_most_may_commit(database: Database, steps: list[tuple[str, str, int]]) -> None:
    """The model: the last one who got the lease, and has not given it back, is the only one who may commit."""
    name = f"lease {next(NUMBERS)}"
    current: Lease | None = None
    had: dict[str, Lease] = {}
    tokens = 0
    now = NOON
    for step, who, moved in steps:
        now += timedelta(seconds=moved)
        async with database.write() as conn:
            if step == "acquire":
                got = await leases.acquire(conn, name, who, now, TERM)
                assert (got is not None) == (current is None or current.until <= iso(now))
                if got is not None:
                    tokens += 1
                    assert got == Lease(name, who, tokens, iso(now + TERM))
                    current = had[who] = got
            elif who in had:
                mine = had[who]
                still = current is not None and (mine.holder, mine.token) == (current.holder, current.token)
                if step == "release":
                    await leases.release(conn, mine)
                    current = None if still else current
                elif not still:
                    with pytest.raises(LeaseLost):
                        await (leases.hold(conn, mine) if step == "hold" else leases.renew(conn, mine, now, TERM))
                elif step == "hold":
                    await leases.hold(conn, mine)
                else:
                    current = had[who] = await leases.renew(conn, mine, now, TERM)
                    assert current.until == iso(now + TERM)
