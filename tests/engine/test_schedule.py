"""Schedules: never too early, never outside the hours, the same wherever and whenever it is computed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.domain.schedule import Schedule
from hub.engine.schedule import (
    EVERY_MAX,
    EVERY_MIN,
    JITTER_MAX,
    complaints,
    described,
    due_at,
    interval_of,
    interval_text,
    missed,
    opens_at,
)
from hub.errors import BadInput

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)  # a Monday
KEY = "crm/contacts"
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "America/Santiago")
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MOMENTS = st.datetimes(datetime(2024, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))
INTERVALS = st.integers(EVERY_MIN, 3 * 86_400)
KEYS = st.sampled_from([f"c{n}/contacts" for n in range(20)])


def clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


@st.composite
def hours(draw: st.DrawFn) -> str:
    parts = []
    for _ in range(draw(st.integers(1, 3))):
        begin, end = draw(st.sampled_from(DAYS)), draw(st.sampled_from(DAYS))
        first, last = draw(st.integers(0, 1439)), draw(st.integers(0, 1440))
        if abs(first - last) > 30:  # so that no change of the clocks swallows all of them
            parts.append(f"{begin}-{end} {clock(first)}-{clock(last)}")
    return ", ".join(parts)


def is_in(text: str, at: datetime) -> bool:
    """Whether a clock on the wall there shows one of the hours: written anew, by looking at the clock alone."""
    for part in filter(None, map(str.strip, text.split(","))):
        days, times = part.split()
        begin, end = (DAYS.index(day) for day in days.split("-"))
        first, last = times.split("-")
        now = f"{at:%H:%M}"
        today = (at.weekday() - begin) % 7 <= (end - begin) % 7
        yesterday = (at.weekday() - 1 - begin) % 7 <= (end - begin) % 7
        if first < last and today and first <= now < last:
            return True
        if last < first and ((today and now >= first) or (yesterday and now < last)):
            return True
    return False


# --- intervals --------------------------------------------------------------------------------------------------


@given(MOMENTS, INTERVALS, KEYS)
def test_never_earlier_than_the_interval_and_a_tenth_later_at_most(last: datetime, every: int, key: str) -> None:
    interval = timedelta(seconds=every)
    due = due_at(Schedule(every=every), last, key, NOON)
    assert last + interval <= due <= last + interval + min(interval / 10, JITTER_MAX)


@given(MOMENTS, MOMENTS, INTERVALS, hours(), st.sampled_from(ZONES), KEYS)
def test_who_began_later_is_due_no_sooner(
    one: datetime, two: datetime, every: int, text: str, zone: str, key: str
) -> None:
    schedule = Schedule(every=every, hours=text, zone=zone)
    first, second = sorted((one, two))
    assert due_at(schedule, first, key, NOON) <= due_at(schedule, second, key, NOON)
    near = first + timedelta(seconds=1)
    assert due_at(schedule, first, key, NOON) <= due_at(schedule, near, key, NOON)


@given(MOMENTS, MOMENTS, INTERVALS, hours(), st.sampled_from(ZONES), KEYS)
def test_never_outside_the_hours_on_whatever_day(
    last: datetime, now: datetime, every: int, text: str, zone: str, key: str
) -> None:
    due = due_at(Schedule(every=every, hours=text, zone=zone), last, key, now)
    assert due >= last + timedelta(seconds=every)
    begun = max(due, now).astimezone(ZoneInfo(zone))  # what was due earlier is begun when somebody looks
    assert not text or is_in(text, begun), begun


@given(MOMENTS, hours(), st.sampled_from(ZONES))
def test_what_was_begun_goes_on_within_the_hours_and_no_later_than_it_must(now: datetime, text: str, zone: str) -> None:
    opens = opens_at(Schedule(every=60, hours=text, zone=zone), now)
    assert opens >= now
    assert not text or is_in(text, opens.astimezone(ZoneInfo(zone)))
    if opens - now > timedelta(hours=2):  # beyond what a change of the clocks may cost
        between = now + (opens - now - timedelta(hours=2)) * 0.5
        assert not is_in(text, between.astimezone(ZoneInfo(zone)))


def test_a_hundred_streams_do_not_begin_at_once_and_a_restart_moves_none() -> None:
    schedule = Schedule(every=3_600)
    first = [due_at(schedule, NOON, f"c{n}/contacts", NOON) for n in range(100)]
    again = [due_at(schedule, NOON, f"c{n}/contacts", NOON + timedelta(hours=9)) for n in range(100)]
    assert first == again
    minutes = [int((at - NOON).total_seconds() // 60) for at in first]
    assert max(minutes.count(minute) for minute in set(minutes)) < 40, "of five minutes, each has its share"
    assert len(set(first)) == 100


def test_what_was_due_within_hours_that_are_over_waits_for_the_next() -> None:
    schedule = Schedule(every=60, hours="mon-fri 07:00-20:00")
    last = datetime(2026, 3, 2, 19, 50, tzinfo=UTC)
    assert due_at(schedule, last, KEY, last) < last.replace(hour=20)
    evening = last.replace(hour=21)
    opening = datetime(2026, 3, 3, 7, tzinfo=UTC)
    assert opening <= due_at(schedule, last, KEY, evening) < opening + timedelta(minutes=1)


def test_streams_do_not_all_begin_when_the_hours_open() -> None:
    schedule = Schedule(every=3_600, hours="mon-fri 07:00-20:00")
    night = datetime(2026, 3, 2, 3, tzinfo=UTC)
    due = [due_at(schedule, night, f"c{n}/contacts", night) for n in range(100)]
    opening = night.replace(hour=7)
    assert all(opening <= at <= opening + timedelta(minutes=5) for at in due)
    assert len(set(due)) == 100


def test_what_never_began_is_due_now_or_when_the_hours_open() -> None:
    assert due_at(Schedule(every=3_600), None, KEY, NOON) == NOON
    assert due_at(Schedule(cron="0 3 * * *"), None, KEY, NOON) == NOON
    opening = datetime(2026, 3, 3, 7, tzinfo=UTC)
    assert (
        opening <= due_at(Schedule(every=60, hours="tue 07:00-08:00"), None, KEY, NOON) < opening + timedelta(minutes=1)
    )


def test_hours_that_touch_are_one_and_a_whole_week_is_always() -> None:
    whole = Schedule(every=600, hours="mon-sun 00:00-24:00")
    assert due_at(whole, NOON, KEY, NOON) == due_at(Schedule(every=600), NOON, KEY, NOON)
    halves = Schedule(every=600, hours="mon 22:00-24:00, tue 00:00-06:00", zone="Europe/Berlin")
    late = datetime(2026, 3, 2, 22, 55, tzinfo=UTC)  # 23:55 there
    assert due_at(halves, late, KEY, NOON) == due_at(Schedule(every=600), late, KEY, NOON), "no second opening"
    over = Schedule(every=600, hours="mon 22:00-06:00", zone="Europe/Berlin")
    assert due_at(over, late, KEY, NOON) == due_at(halves, late, KEY, NOON)


# --- cron -------------------------------------------------------------------------------------------------------


@given(MOMENTS, st.sampled_from(["*/5 * * * *", "0 3 * * *", "30 2 * * sun", "15 7-19 1 * *"]), st.sampled_from(ZONES))
def test_cron_is_after_the_last_time_and_near_its_own(last: datetime, cron: str, zone: str) -> None:
    schedule = Schedule(cron=cron, zone=zone)
    due = due_at(schedule, last, KEY, NOON)
    assert last < due
    following = due_at(schedule, due, KEY, NOON)
    assert due < following
    assert due_at(schedule, last - timedelta(seconds=1), KEY, NOON) <= due


def test_cron_is_of_its_zone_and_about_its_time() -> None:
    schedule = Schedule(cron="0 3 * * *", zone="Europe/Berlin")
    assert timedelta() <= due_at(schedule, NOON, KEY, NOON) - datetime(2026, 3, 3, 2, tzinfo=UTC) <= JITTER_MAX


def test_cron_on_days_on_which_clocks_change() -> None:
    """02:30 doesn't come on one day, and comes twice on another: it is once on both."""
    schedule = Schedule(cron="30 2 * * *", zone="Europe/Berlin")
    days = []
    for begin in (datetime(2026, 3, 27, 12, tzinfo=UTC), datetime(2026, 10, 23, 12, tzinfo=UTC)):
        at = begin
        for _ in range(4):
            at = due_at(schedule, at, KEY, NOON)
            days.append(at.astimezone(ZoneInfo("Europe/Berlin")).day)
    assert days == [28, 29, 30, 31, 24, 25, 26, 27]


def test_an_hour_that_comes_twice_is_no_way_back() -> None:
    """In the second 02:50 of that night the next time is tomorrow, not the first 02:55."""
    second = datetime(2026, 10, 25, 2, 50, tzinfo=ZoneInfo("Europe/Berlin"), fold=1)
    due = due_at(Schedule(cron="55 2 * * *", zone="Europe/Berlin"), second, KEY, NOON)
    assert due > second.astimezone(UTC)
    assert due.astimezone(ZoneInfo("Europe/Berlin")).day == 26


# --- missed -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("every", "passed", "late"),
    [(60, 599, None), (60, 600, None), (60, 601, 541), (3_600, 7_200, None), (3_600, 7_201, 3_601)],
)
def test_missed_is_two_intervals_and_ten_minutes_at_least(every: int, passed: int, late: int | None) -> None:
    found = missed(Schedule(every=every), NOON, NOON + timedelta(seconds=passed))
    assert found == (None if late is None else timedelta(seconds=late))


def test_only_hours_count_as_missed() -> None:
    schedule = Schedule(every=60, hours="mon-fri 07:00-20:00", zone="Europe/Berlin")
    friday = datetime(2026, 3, 27, 18, 59, tzinfo=UTC)  # 19:59 there, and clocks change on Sunday
    monday = datetime(2026, 3, 30, 5, 0, tzinfo=UTC)  # 07:00 there
    assert missed(schedule, friday, monday + timedelta(minutes=9)) is None
    assert missed(schedule, friday, monday + timedelta(minutes=10)) == timedelta(minutes=10)


def test_a_cron_that_was_missed() -> None:
    schedule = Schedule(cron="0 * * * *")
    assert missed(schedule, NOON, NOON + timedelta(hours=2)) is None
    assert missed(schedule, NOON, NOON + timedelta(hours=2, minutes=1)) == timedelta(hours=1, minutes=1)


# --- words ------------------------------------------------------------------------------------------------------


@given(st.integers(EVERY_MIN, EVERY_MAX))
def test_intervals_are_read_as_they_are_written(seconds: int) -> None:
    assert interval_of(interval_text(seconds)) == seconds


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("5m", 300), ("2h", 7_200), ("1d", 86_400), (" 5 M ", 300)])
def test_forms_of_intervals(text: str, seconds: int) -> None:
    assert interval_of(text) == seconds


@pytest.mark.parametrize(
    ("text", "what"),
    [("5", "no interval"), ("", "no interval"), ("-5m", "no interval"), ("9s", "too short"), ("400d", "too long")],
)
def test_what_is_no_interval_says_what_is_expected(text: str, what: str) -> None:
    with pytest.raises(BadInput, match=what) as refused:
        interval_of(text)
    assert "90s, 5m, 2h or 1d" in refused.value.mend


@pytest.mark.parametrize(
    ("schedule", "where", "said"),
    [
        (Schedule(every=5), "every", "5 s"),
        (Schedule(), "schedule", "neither"),
        (Schedule(every=60, cron="* * * * *"), "schedule", "both"),
        (Schedule(cron="* * * *"), "cron", "4 parts"),
        (Schedule(cron="0 0 3 * * *"), "cron", "6 parts"),
        (Schedule(cron="61 * * * *"), "cron", "minute"),
        (Schedule(cron="0 0 31 2 *"), "cron", "day-of-month"),
        (Schedule(cron="* * * * *", hours="mon 07:00-08:00"), "hours", "beside cron"),
        (Schedule(every=60, hours="mon-fry 07:00-08:00"), "hours", '"fry"'),
        (Schedule(every=60, hours="07:00-07:00"), "hours", "07:00-07:00"),
        (Schedule(every=60, hours="07:00-24:01"), "hours", "24:01"),
        (Schedule(every=60, hours="mon-fri 7 to 8"), "hours", "7 to 8"),
        (Schedule(every=60, zone="Europe/Berln"), "zone", "Berln"),
        (Schedule(every=60, zone="America"), "zone", "America"),
        (Schedule(every=60, zone="../etc/passwd"), "zone", "passwd"),
        (Schedule(every=60, zone=""), "zone", '""'),
    ],
)
def test_what_cannot_be_a_schedule(schedule: Schedule, where: str, said: str) -> None:
    (complaint,) = complaints(schedule)
    assert complaint.where == where
    assert said in complaint.said
    assert complaint.expected


@pytest.mark.parametrize(
    "schedule",
    [
        Schedule(every=60),
        Schedule(every=60, hours="mon-fri 7:00-20:00, SAT 08:00-12:00, 22:00-06:00", zone="America/New_York"),
        Schedule(cron="*/15 7-19 * * mon-fri", zone="Asia/Tokyo"),
    ],
)
def test_what_can(schedule: Schedule) -> None:
    assert complaints(schedule) == ()
    assert due_at(schedule, NOON, KEY, NOON) > NOON
    assert described(schedule)
