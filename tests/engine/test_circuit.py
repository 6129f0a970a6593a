"""Circuits: when a connection that fails is left alone, for how long, and what is no failure of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.domain.circuit import Circuit
from hub.domain.moments import iso, parse
from hub.domain.outcome import Fault, FaultKind
from hub.engine.circuit import FAILURES, LAST, OPENS_AT, OUR_DOING, after_fault, after_success, is_open, let_through

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
DOWN = Fault(FaultKind.TRANSIENT, "not_reached", "crm.example could not be reached")


def limited(seconds: float | None) -> Fault:
    return Fault(FaultKind.RATE_LIMITED, "http_429", "too many requests", retry_after=seconds)


def failing(times: int, name: str = "crm") -> list[Circuit]:
    """One failure after the other, each as soon as it is time."""
    found: list[Circuit] = []
    at = NOON
    for _ in range(times):
        circuit = after_fault(found[-1] if found else None, name, DOWN, at)
        assert circuit is not None
        found.append(circuit)
        at = max(at, parse(circuit.until))
    return found


def test_two_failures_cost_nothing_and_the_third_half_a_minute() -> None:
    first, second, third = failing(3)
    assert (first.until, second.until) == (iso(NOON), iso(NOON))
    assert timedelta(seconds=30) <= parse(third.until) - NOON <= timedelta(seconds=33)
    assert [is_open(c) for c in (first, second, third)] == [False, False, True]
    assert {c.since for c in (first, second, third)} == {iso(NOON)}
    assert third.reason == "not_reached: crm.example could not be reached"


def test_pauses_double_to_a_quarter_of_an_hour() -> None:
    circuits = failing(12)[OPENS_AT - 1 :]
    pauses, at = [], NOON
    for circuit in circuits:
        pauses.append((parse(circuit.until) - at).total_seconds())
        at = parse(circuit.until)
    for pause, least in zip(pauses, [30, 60, 120, 240, 480, *[900] * 5], strict=True):
        assert least <= pause + 0.001 <= least * 1.1 + 0.002


def test_connections_do_not_come_back_all_at_once_and_every_worker_computes_the_same() -> None:
    times = [failing(5, f"crm{n}")[-1].until for n in range(50)]
    assert times == [failing(5, f"crm{n}")[-1].until for n in range(50)]
    assert len(set(times)) > 45


@given(st.integers(1, 10_000))
def test_however_long_it_fails_it_is_tried_again(failures: int) -> None:
    held = Circuit("crm", failures, iso(NOON), iso(NOON), "")
    after = after_fault(held, "crm", DOWN, NOON)
    assert after is not None
    assert parse(after.until) - NOON <= LAST * 1.1


def test_one_is_let_through_when_the_time_has_come() -> None:
    held = failing(3)[-1]
    until = parse(held.until)
    assert let_through(held, until - timedelta(milliseconds=1)) is None
    tried = let_through(held, until)
    assert tried is not None
    assert let_through(tried, until + timedelta(seconds=59)) is None, "the others wait for what becomes of it"
    assert let_through(tried, until + timedelta(seconds=60)) is not None, "it never said"


def test_before_it_is_open_everybody_is_let_through() -> None:
    held = failing(2)[-1]
    assert let_through(held, NOON) is held


def test_success_closes() -> None:
    assert after_success(failing(3)[-1], NOON) is None
    assert after_success(failing(1)[-1], NOON) is None


@pytest.mark.parametrize(("said", "rests"), [(None, 30), (0, 0), (-3, 0), (7.5, 7.5), (3_600, 3_600), (10**9, 86_400)])
def test_a_vendor_that_limits_its_callers_rests_as_long_as_it_says_and_did_not_fail(
    said: float | None, rests: float
) -> None:
    circuit = after_fault(None, "crm", limited(said), NOON)
    assert circuit is not None
    assert (circuit.failures, circuit.until) == (0, iso(NOON + timedelta(seconds=rests)))
    again = after_fault(failing(2)[-1], "crm", limited(said), NOON)
    assert again is not None
    assert again.failures == 2


def test_a_longer_rest_is_not_cut_short() -> None:
    long = after_fault(None, "crm", limited(600), NOON)
    assert after_fault(long, "crm", limited(5), NOON) == long
    for fault in (DOWN, limited(None)):
        after = after_fault(long, "crm", fault, NOON)
        assert after is not None
        assert long is not None
        assert after.until == long.until


def test_success_of_a_tour_under_way_does_not_end_the_rest_that_a_vendor_asked_for() -> None:
    limits = after_fault(failing(2)[-1], "crm", limited(600), NOON)
    assert limits is not None
    after = after_success(limits, NOON)
    assert after is not None
    assert (after.failures, after.until) == (0, limits.until)
    assert after_success(limits, NOON + timedelta(seconds=600)) is None


@pytest.mark.parametrize("kind", [k for k in FaultKind if k not in (*FAILURES, FaultKind.RATE_LIMITED)])
def test_what_is_the_operators_or_a_records_is_no_failure(kind: FaultKind) -> None:
    held = failing(2)[-1]
    assert after_fault(None, "crm", Fault(kind, "x", "y"), NOON) is None
    assert after_fault(held, "crm", Fault(kind, "x", "y"), NOON) is held


@pytest.mark.parametrize("code", sorted(OUR_DOING))
def test_what_kept_us_from_calling_says_nothing_of_the_vendor(code: str) -> None:
    for kind in (FaultKind.TRANSIENT, FaultKind.RATE_LIMITED):
        assert after_fault(None, "crm", Fault(kind, code, "y", retry_after=30), NOON) is None
