"""The rule by which calls fit into a window, and what is foretold by it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.domain.lane import Lane
from hub.engine.forecast import Passage, day, lasts
from hub.engine.quota import PATIENT, Shares, Used, fits, left, room
from hub.sdk.limits import Limit
from hub.transport.memory_budget import MemoryBudget
from hub.transport.passbook import Call

SHARES = st.builds(Shares, st.floats(0, 1), st.floats(0, 1))
LANES = st.sampled_from(list(Lane))


@st.composite
def used(draw: st.DrawFn) -> Used:
    verify = draw(st.integers(0, 30))
    patient = verify + draw(st.integers(0, 60))
    own = patient + draw(st.integers(0, 100))
    return Used(own + draw(st.integers(0, 50)), own, patient, verify)


@given(used(), st.integers(1, 200), SHARES, LANES, st.floats(0.01, 1))
def test_what_is_left_fits_and_one_more_does_not(
    used: Used, calls: int, shares: Shares, lane: Lane, own: float
) -> None:
    most = room(calls, shares, lane, own)
    free = left(used, most, lane)
    for _ in range(free):
        assert fits(used, most, 1, lane)
        used = Used(used.all + 1, used.own + 1, used.patient + (lane in PATIENT), used.verify + (lane is Lane.VERIFY))
    assert not fits(used, most, 1, lane)


@given(used(), st.integers(1, 200), SHARES, st.integers(1, 9))
def test_live_work_and_consent_are_never_held_back_for_others(
    used: Used, calls: int, shares: Shares, cost: int
) -> None:
    for lane in (Lane.LIVE, Lane.CONSENT):
        most = room(calls, shares, lane)
        assert fits(used, most, cost, lane) == (used.all + min(cost, calls) <= calls)


@given(st.integers(1, 200), SHARES, LANES, st.integers(1, 300))
def test_an_empty_window_takes_any_call(calls: int, shares: Shares, lane: Lane, cost: int) -> None:
    assert fits(Used(), room(calls, shares, lane), cost, lane)


HOURS = st.lists(st.integers(0, 1000), min_size=1, max_size=24)


@given(st.integers(0, 10_000), st.floats(0, 24), HOURS, st.floats(0.01, 1))
def test_a_day_ends_with_no_less_than_it_has(used: int, left: float, lately: list[int], into: float) -> None:
    found = day(used, left, lately, into)
    assert found.expected >= found.used == used
    assert day(used, left, [n + 1 for n in lately], into).expected >= found.expected
    assert day(used, left + 1, lately, into).expected >= found.expected
    assert day(used, left, lately[::-1], into) == found, "which hour it was doesn't matter"


@given(st.integers(0, 500), st.integers(1, 24), st.floats(0.01, 1))
def test_what_goes_on_evenly_is_foretold_exactly(an_hour: int, hours: int, into: float) -> None:
    """Every hour was like the others, as far as it went: the day will be 24 of them."""
    so_far = (hours - 1 + into) * an_hour
    found = day(round(so_far), 24 - (hours - 1 + into), [an_hour] * (hours - 1) + [an_hour * into], into)  # type: ignore[list-item]
    assert found.expected == pytest.approx(24 * an_hour, abs=1)


def test_a_day_without_hours_is_not_foretold() -> None:
    with pytest.raises(ValueError, match="hours"):
        day(1, 1, [], 1)
    with pytest.raises(ValueError, match="hours"):
        day(1, 1, [1], 0)


def test_when_a_quota_runs_out() -> None:
    pace = day(0, 24, [60, 60, 30], 0.5)
    assert pace.pace == 60
    assert pace.runs_out(90) == 1.5
    assert pace.runs_out(0) == 0
    assert pace.runs_out(60 * 24) is None, "not within a day"


@given(
    st.integers(0, 120),
    st.integers(2, 20),
    st.floats(1, 10),
    st.integers(10, 60),
    st.sampled_from(list(Lane)),
    st.floats(0.01, 2),
)
async def test_what_calls_last_is_what_a_budget_lets_them(
    calls: int, per_short: int, short: float, per_minute: int, lane: Lane, round_trip: float
) -> None:
    """Foretold, and then really called one after the other: within one window of each other."""
    limits = (Limit("b", per_short, short), Limit("b", per_minute, 60.0))
    budget, now = MemoryBudget(limits), 0.0
    rooms = [room(limit.calls, Shares(), lane) for limit in limits]
    through = [Passage(r.lane, limit.seconds, r.lane) for r, limit in zip(rooms, limits, strict=True)]
    foretold = lasts(calls, through, round_trip)
    for _ in range(calls):
        while wait := await budget.book(Call("b", lane=lane), now):
            now += wait + 1e-6
        now += round_trip
    assert foretold <= now + 1e-6, "never longer than it takes"
    assert now <= foretold + 60 + short + calls * round_trip
