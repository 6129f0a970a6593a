"""The sliding log, against a plain statement of the rule."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from hub.sdk.connector import Limit
from hub.transport.throttle import Throttle


@given(
    st.lists(st.floats(0, 3), min_size=1, max_size=120),
    st.integers(1, 6),
    st.floats(0.5, 10),
    st.integers(1, 12),
)
def test_no_window_ever_holds_more_than_its_limit(
    gaps: list[float], calls: int, seconds: float, per_minute: int
) -> None:
    throttle = Throttle((Limit("b", calls, seconds), Limit("b", per_minute, 60.0)))
    now, granted = 0.0, []
    for gap in gaps:
        now += gap
        wait = throttle.book("b", now)
        if wait:
            now += wait
            assert throttle.book("b", now) == 0 or throttle.book("b", now + 1e-6) == 0, "the wait named is enough"
        granted.append(now)
    for limit, window in ((calls, seconds), (per_minute, 60.0)):
        for first, last in zip(granted, granted[limit:], strict=False):
            assert last - first >= window - 1e-6


def test_a_full_window_is_not_booked_by_asking() -> None:
    throttle = Throttle((Limit("b", 1, 10.0),))
    assert throttle.book("b", 0) == 0
    assert [throttle.book("b", t) for t in (1, 2, 9.5)] == [9, 8, 0.5]
    assert throttle.book("b", 10) == 0


def test_a_clock_set_back_does_not_block() -> None:
    throttle = Throttle((Limit("b", 1, 10.0),))
    assert throttle.book("b", 1_000_000) == 0
    assert throttle.book("b", 5) == 0
    assert throttle.book("b", 6) == 9


def test_the_vendors_word_wins_and_only_for_its_bucket() -> None:
    throttle = Throttle((Limit("b", 100, 1.0),))
    throttle.rest("b", 30)
    throttle.rest("b", 20)
    assert throttle.book("b", 10) == 20
    assert throttle.book("other", 10) == 0
    assert throttle.book("b", 30) == 0


async def test_slots_bound_the_calls_in_flight() -> None:
    throttle = Throttle((Limit("b", 0, 1.0, concurrent=3), Limit("b", 100, 1.0, concurrent=5)))
    flying, most = 0, 0

    async def fly() -> None:
        nonlocal flying, most
        async with throttle.slot("b"):
            flying += 1
            most = max(most, flying)
            await asyncio.sleep(0)
            flying -= 1

    await asyncio.gather(*(fly() for _ in range(20)))
    assert most == 3
