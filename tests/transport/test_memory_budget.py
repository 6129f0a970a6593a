"""Budgets of one process, against plain statements of the rules."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.domain.lane import Lane
from hub.engine.quota import Shares
from hub.sdk.limits import ALL, Limit, Meter
from hub.transport.memory_budget import MemoryBudget
from hub.transport.passbook import FRESH, Call

DAY = 86_400.0
PATIENT = (Lane.BACKFILL, Lane.VERIFY)


@dataclass(frozen=True)
class Made:
    at: float
    lane: Lane
    cost: int


async def fill(
    budget: MemoryBudget, wishes: Sequence[tuple[float, Lane, int]], *, insist: bool = True, bucket: str = "b"
) -> list[Made]:
    """Makes the calls one after the other: `gap` seconds after the last one was made or given up, and waiting as long
    as it is told to when it insists."""
    now, made = 1_000_000.0, []
    for gap, lane, cost in wishes:
        now += gap
        wait = await budget.book(Call(bucket, cost, lane), now)
        if wait and insist:
            now += wait
            assert await budget.book(Call(bucket, cost, lane), now) == 0 or not await budget.book(
                Call(bucket, cost, lane), now + 1e-6
            ), "the wait that is named is enough"
        elif wait:
            continue
        made.append(Made(now, lane, cost))
    return made


def fullest(made: Sequence[Made], seconds: float) -> int:
    """The most that any window of so many seconds holds."""
    return max((sum(m.cost for m in made if 0 <= m.at - first.at < seconds - 1e-5) for first in made), default=0)


LANES = st.sampled_from(list(Lane))
WISHES = st.lists(st.tuples(st.floats(0, 3), LANES, st.integers(1, 3)), min_size=1, max_size=80)


@given(WISHES, st.integers(3, 9), st.floats(0.5, 10), st.integers(3, 20))
async def test_no_window_ever_holds_more_than_its_limit(
    wishes: list[tuple[float, Lane, int]], calls: int, seconds: float, per_minute: int
) -> None:
    made = await fill(MemoryBudget((Limit("b", calls, seconds), Limit("b", per_minute, 60.0))), wishes)
    assert len(made) == len(wishes)
    assert fullest(made, seconds) <= calls
    assert fullest(made, 60.0) <= per_minute


@given(WISHES, st.integers(10, 40), st.floats(0, 1), st.floats(0, 1))
async def test_lanes_that_can_wait_keep_to_their_shares(
    wishes: list[tuple[float, Lane, int]], calls: int, backfill: float, verify: float
) -> None:
    budget = MemoryBudget((Limit("b", calls, 10.0),), Shares(backfill, verify))
    made = await fill(budget, wishes)

    def most(share: float) -> int:
        return max(3, int(calls * share))  # a single call of the largest cost always may

    assert fullest([m for m in made if m.lane is Lane.BACKFILL], 10.0) <= most(backfill)
    assert fullest([m for m in made if m.lane is Lane.VERIFY], 10.0) <= most(verify)
    assert fullest([m for m in made if m.lane in PATIENT], 10.0) <= most(max(backfill, verify))


@given(WISHES, st.integers(10, 40), st.sampled_from([10.0, 7_200.0]))
async def test_live_work_always_gets_what_is_reserved_for_it(
    wishes: list[tuple[float, Lane, int]], calls: int, seconds: float
) -> None:
    """Whatever the others did: as long as live work used less than the reserve, its next call isn't refused."""
    budget = MemoryBudget((Limit("b", calls, seconds),))
    reserve = calls - int(calls * 0.6)
    now, live = 1_000_000.0, [Made(0, Lane.LIVE, 0)]
    for gap, lane, cost in wishes:
        now += gap
        used = sum(m.cost for m in live if now - m.at < seconds + 3_600)
        refused = await budget.book(Call("b", cost, lane), now)
        if lane not in PATIENT:
            assert not refused or used + cost > reserve
            if not refused:
                live.append(Made(now, lane, cost))


@given(st.lists(st.tuples(st.floats(0, 20_000), LANES, st.integers(1, 3)), max_size=60), st.integers(3, 12))
@settings(max_examples=60)
async def test_a_window_of_a_day_never_holds_more_than_its_limit(
    wishes: list[tuple[float, Lane, int]], calls: int
) -> None:
    made = await fill(MemoryBudget((Limit("b", calls, DAY),)), wishes)
    assert len(made) == len(wishes), "and the wait that is named is enough"
    assert fullest(made, DAY) <= calls


async def test_a_full_window_is_not_booked_by_asking() -> None:
    budget = MemoryBudget((Limit("b", 1, 10.0),))
    assert await budget.book(Call("b"), 0) == 0
    assert [await budget.book(Call("b"), t) for t in (1, 2, 9.5)] == [9, 8, 0.5]
    assert await budget.book(Call("b"), 10) == 0


async def test_a_clock_set_back_does_not_block() -> None:
    budget = MemoryBudget((Limit("b", 1, 10.0),))
    assert await budget.book(Call("b"), 1_000_000) == 0
    assert await budget.book(Call("b"), 5) == 0
    assert await budget.book(Call("b"), 6) == 9


async def test_one_call_of_every_lane_always_may() -> None:
    budget = MemoryBudget((Limit("b", 1, 1.0),), Shares(0.0, 0.0))
    assert await budget.book(Call("b", lane=Lane.VERIFY), 0) == 0
    assert await budget.book(Call("b", cost=5), 1) == 0, "one that costs more than the window goes when it is empty"
    assert await budget.book(Call("b"), 1) == 1


async def test_a_limit_of_all_buckets_counts_every_call() -> None:
    budget = MemoryBudget((Limit("a", 5, 1.0), Limit(ALL, 3, 60.0), Limit(ALL, 4, DAY)))
    assert [await budget.book(Call(bucket), 0) for bucket in ("a", "b", "a", "a")] == [0, 0, 0, 60]
    assert await budget.book(Call("b"), 60) == 0
    assert await budget.book(Call("b"), 120) == pytest.approx(DAY + 3_600 - 120)


async def test_the_vendors_word_wins_and_only_for_its_bucket() -> None:
    budget = MemoryBudget((Limit("b", 100, 1.0),))
    await budget.rest("b", 30, 0)
    await budget.rest("b", 20, 0)
    assert await budget.book(Call("b"), 10) == 20
    assert await budget.book(Call("other"), 10) == 0
    assert await budget.book(Call("b"), 30) == 0


# --- what vendors say -----------------------------------------------------------------------------------------------


async def test_a_larger_plan_is_believed() -> None:
    budget = MemoryBudget((Limit("b", 2, 10.0),))
    await budget.hear([Meter("b", 10.0, limit=4, remaining=4)], 0, 0)
    assert [await budget.book(Call("b"), 0) for _ in range(5)] == [0, 0, 0, 0, 10]


async def test_what_others_used_of_a_short_window_leaves_less_for_us() -> None:
    budget = MemoryBudget((Limit("b", 10, 10.0),))
    assert await budget.book(Call("b"), 0) == 0
    await budget.hear([Meter("b", 10.0, limit=10, remaining=2)], 0, 0.5)
    assert [await budget.book(Call("b"), 1) for _ in range(3)] == [0, 0, 9], "until theirs have left with our own"


async def test_an_answer_that_took_long_says_nothing_of_a_short_window() -> None:
    budget = MemoryBudget((Limit("b", 10, 10.0),))
    await budget.hear([Meter("b", 10.0, limit=10, remaining=0)], 0, 9)
    assert await budget.book(Call("b"), 9) == 0


async def test_what_others_used_of_a_day_holds_until_a_call_finds_out_anew() -> None:
    budget = MemoryBudget((Limit("b", 100, DAY),))
    await budget.hear([Meter("b", DAY, limit=100, used=98)], 0, 0)
    assert [await budget.book(Call("b"), 1) for _ in range(3)] == [0, 0, FRESH - 1]
    assert await budget.book(Call("b", lane=Lane.BACKFILL), 1) == FRESH - 1
    assert await budget.book(Call("b"), FRESH) == 0


async def test_the_reserve_of_live_work_holds_against_strangers_too() -> None:
    """30 of 100 are left by others: less than live work's reserve of 40, so that a backfill waits."""
    budget = MemoryBudget((Limit("b", 100, DAY),))
    await budget.hear([Meter("b", DAY, used=70)], 0, 0)
    assert await budget.book(Call("b", lane=Lane.BACKFILL), 1) > 0
    assert await budget.book(Call("b"), 1) == 0


async def test_a_day_that_the_vendor_began_anew_is_begun_anew() -> None:
    """Ours say 5 of 5 within 24 hours, the vendor says 1: it counts from its midnight."""
    budget = MemoryBudget((Limit("b", 5, DAY),))
    assert not any([await budget.book(Call("b"), 0) for _ in range(5)])
    assert await budget.book(Call("b"), 1) > 0
    await budget.hear([Meter("b", DAY, remaining=4)], 2, 2)
    assert [bool(await budget.book(Call("b"), 3)) for _ in range(5)] == [False] * 4 + [True]


async def test_a_limit_that_only_the_vendor_knows_holds_once_it_said_it() -> None:
    budget = MemoryBudget((Limit(ALL, 0, DAY, midnight=True),), zone=ZoneInfo("Europe/Berlin"))
    noon = 1_769_770_800.0  # 2026-01-30T12:00 in Berlin
    assert not any([await budget.book(Call("b"), noon) for _ in range(1000)]), "as long as nobody said"
    await budget.hear([Meter(ALL, DAY, limit=250_000, remaining=1)], noon, noon)
    assert [await budget.book(Call("b"), noon) for _ in range(2)] == [0, FRESH]
    late = noon + 11.95 * 3600
    await budget.hear([Meter(ALL, DAY, limit=250_000, remaining=0)], late, late)
    assert await budget.book(Call("b"), late) == pytest.approx(0.05 * 3600), "until midnight, where the account is"


async def test_the_hub_takes_its_part_of_what_is_others_as_well() -> None:
    budget = MemoryBudget((Limit("b", 100, DAY, share=0.25),))
    assert [bool(await budget.book(Call("b"), 0)) for _ in range(26)] == [False] * 25 + [True]
    await budget.hear([Meter("b", DAY, limit=200, used=190)], 0, 0)
    assert [bool(await budget.book(Call("b"), 1)) for _ in range(11)] == [False] * 10 + [True], (
        "and no more than is left"
    )


# --- calls under way ------------------------------------------------------------------------------------------------


class Air:
    def __init__(self, budget: MemoryBudget) -> None:
        self.budget, self.flying, self.most, self.order = budget, [], {}, []

    async def fly(self, lane: Lane, turns: int = 1) -> None:
        async with self.budget.slot(Call("b", lane=lane)) as wait:
            assert wait == 0
            self.flying.append(lane)
            self.order.append(lane)
            for kind, now in (("all", len(self.flying)), ("patient", sum(x in PATIENT for x in self.flying))):
                self.most[kind] = max(self.most.get(kind, 0), now)
            for _ in range(turns):
                await asyncio.sleep(0)
            self.flying.remove(lane)


async def test_slots_bound_the_calls_under_way() -> None:
    air = Air(MemoryBudget((Limit("b", 0, 1.0, concurrent=3), Limit("b", 100, 1.0, concurrent=5))))
    await asyncio.gather(*(air.fly(Lane.LIVE) for _ in range(20)))
    assert air.most["all"] == 3


async def test_lanes_that_can_wait_hold_their_share_of_the_slots_and_live_work_goes_first() -> None:
    air = Air(MemoryBudget((Limit("b", 0, 1.0, concurrent=5),)))
    backfills = [asyncio.create_task(air.fly(Lane.BACKFILL, 3)) for _ in range(20)]
    await asyncio.sleep(0)
    lives = [asyncio.create_task(air.fly(Lane.LIVE, 3)) for _ in range(6)]
    await asyncio.gather(*backfills, *lives)
    assert air.most == {"all": 5, "patient": 3}
    assert Lane.LIVE not in air.order[11:], "they overtook the backfills that waited before them"


async def test_a_slot_is_not_lost_with_who_waited_for_it() -> None:
    budget = MemoryBudget((Limit("b", 0, 1.0, concurrent=1),))
    async with budget.slot(Call("b")):
        waiting = [asyncio.create_task(Air(budget).fly(Lane.LIVE)) for _ in range(2)]
        await asyncio.sleep(0)
        waiting[0].cancel()
    waiting[1].cancel()  # it has just been given the place
    await asyncio.gather(*waiting, return_exceptions=True)
    await asyncio.wait_for(Air(budget).fly(Lane.LIVE), 1)
