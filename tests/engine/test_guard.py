"""Brakes and caps: what stops a run, and what a person's consent lifts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hub.domain.policy import Brakes, Cap, Caps
from hub.engine.guard import Tally, Tripped, capped, guard, strictest

COUNTS = st.integers(0, 2_000)
TALLIES = st.builds(Tally, creates=COUNTS, clears=COUNTS, removes=COUNTS)
CAPS = st.none() | st.builds(Cap, number=COUNTS) | st.builds(Cap, share=st.floats(0, 1))


def test_a_stream_without_caps_is_never_capped() -> None:
    assert capped(Tally(creates=10**6, clears=10**6, removes=10**6), 0, Caps()) == ()


def test_a_cap_is_a_number_or_a_share_of_the_stream() -> None:
    planned = Tally(creates=11, clears=11, removes=11)
    caps = Caps(creates=Cap(10), clears=Cap(share=0.1), removes=Cap(11))
    assert capped(planned, 100, caps) == (Tripped("creates", 11, 10, True), Tripped("clears", 11, 10, True))
    assert capped(planned, 110, caps) == (Tripped("creates", 11, 10, True),)


def test_a_cap_of_nothing_stops_everything() -> None:
    (tripped,) = capped(Tally(removes=1), 10**6, Caps(removes=Cap(0)))
    assert str(tripped) == "1 removes planned, 0 allowed in one run by the mapping's caps"


def test_what_a_person_agreed_to_lifts_caps_too() -> None:
    assert capped(Tally(creates=20), 0, Caps(creates=Cap(10)), {"creates": 20}) == ()
    assert capped(Tally(creates=21), 0, Caps(creates=Cap(10)), {"creates": 20}) != ()


@given(TALLIES, COUNTS, st.builds(Caps, CAPS, CAPS, CAPS))
def test_caps_never_allow_more_than_the_brakes(planned: Tally, known: int, caps: Caps) -> None:
    braked = guard(planned, known, Brakes())
    both = strictest(*braked, *capped(planned, known, caps))
    assert {t.what for t in braked} <= {t.what for t in both}
    assert len({t.what for t in both}) == len(both)
    for one in both:
        assert one.allowed <= min((b.allowed for b in braked if b.what == one.what), default=one.allowed)
