"""Alerts begin once, end once, and don't flap; what is usual for a stream is not told."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.domain.alert import Alert, AlertKind, Condition
from hub.domain.circuit import Circuit
from hub.domain.connection import ConnectionState
from hub.domain.moments import iso, parse
from hub.engine import alerts
from hub.engine.alerts import ConnectionSituation, Failing, QuotaSituation, StreamSituation

START = datetime(2026, 3, 2, tzinfo=UTC)  # a Monday
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
DOWN = Condition(AlertKind.FAILED, "crm", "crm is stopped")
WEAK = replace(DOWN, strong=False)


@dataclass
class Ledger:
    """What a store would hold: each change is kept as the engine says."""

    held: list[Alert] = field(default_factory=list)

    def look(self, seen: Iterable[Condition], now: datetime) -> alerts.Changed:
        ended = [a for a in self.held if a.ended_at is not None]
        changed = alerts.changed(self.open, ended, seen, now)
        after = {(a.key, a.began_at): a for a in (*changed.lasts, *changed.ends)}
        self.held = [after.get((a.key, a.began_at), a) for a in self.held] + list(changed.begins)
        return changed

    @property
    def open(self) -> list[Alert]:
        return [a for a in self.held if a.ended_at is None]


def minutes(days: float) -> Iterator[datetime]:
    return (START + MINUTE * n for n in range(int(days * 24 * 60)))


# --- beginning and ending -------------------------------------------------------------------------------------------


def test_a_trouble_of_an_hour_begins_once_and_ends_once() -> None:
    ledger = Ledger()
    for now in minutes(1):
        ledger.look([DOWN] if START + HOUR <= now < START + 2 * HOUR else [], now)
    (alert,) = ledger.held
    assert alert.began_at == iso(START + HOUR)
    assert alert.ended_at == iso(START + 2 * HOUR - MINUTE + alerts.CALM)


def test_a_month_of_flapping_makes_a_handful_of_messages() -> None:
    """A trouble that is there one minute of every thirty, for a month, then never again."""
    ledger = Ledger()
    for now in minutes(32):
        flaps = now < START + 30 * DAY and int((now - START) / MINUTE) % 30 == 0
        ledger.look([DOWN] if flaps else [], now)
    assert not ledger.open
    assert len(ledger.held) == 2, "the second time it comes back within the day, it takes longer to be over"


def test_a_month_of_every_kind_of_flapping_stays_quiet() -> None:
    for period in (2, 7, 16, 31, 61, 121, 241):
        ledger = Ledger()
        for now in minutes(30):
            ledger.look([DOWN] if int((now - START) / MINUTE) % period == 0 else [], now)
        assert len(ledger.held) <= 6, period


def test_a_trouble_of_every_night_is_one_trouble_after_a_week() -> None:
    ledger = Ledger()
    for now in minutes(40):
        ledger.look([DOWN] if now.hour == 3 and now < START + 38 * DAY else [], now)
    assert 2 <= len(ledger.held) <= 8
    assert not ledger.open


def test_the_same_trouble_next_week_is_told_again() -> None:
    ledger = Ledger()
    for now in minutes(15):
        ledger.look([DOWN] if now.weekday() == 0 and now.hour == 9 else [], now)
    assert [parse(a.began_at) for a in ledger.held] == [START + 9 * HOUR + 7 * DAY * n for n in range(3)]


def test_a_weak_condition_begins_nothing_and_keeps_what_began() -> None:
    ledger = Ledger()
    assert ledger.look([WEAK], START) == alerts.Changed()
    ledger.look([DOWN], START + MINUTE)
    ledger.look([WEAK], START + 5 * HOUR)
    assert not ledger.look([], START + 5 * HOUR + alerts.CALM - MINUTE).ends
    assert ledger.look([], START + 5 * HOUR + alerts.CALM).ends


def test_what_follows_from_a_failing_connection_is_not_told_beside_it() -> None:
    ledger = Ledger()
    late = Condition(AlertKind.STALE, "crm", "overdue", stream="contacts")
    other = replace(late, connection="ads")
    ledger.look([WEAK, late, other], START)
    assert [a.connection for a in ledger.open] == ["ads"]
    ledger.look([DOWN, late, other], START + MINUTE)
    ledger.look([late, other], START + 2 * MINUTE)  # its end is not sure yet
    assert sorted(a.kind for a in ledger.open) == [AlertKind.FAILED, AlertKind.STALE]


KEYS = [DOWN, replace(DOWN, connection="ads"), Condition(AlertKind.BRAKE, "crm", "parked", stream="contacts")]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.sets(st.sampled_from(range(6))), st.integers(0, 300)), max_size=60))
def test_whatever_comes_and_goes_each_trouble_is_open_once_and_ends_after_it_began(
    story: list[tuple[set[int], int]],
) -> None:
    ledger, now = Ledger(), START
    for present, pause in story:
        seen = {KEYS[n % 3].key: replace(KEYS[n % 3], strong=n < 3) for n in sorted(present, reverse=True)}
        before = {a.key for a in ledger.open}
        changed = ledger.look(seen.values(), now)
        keys = [a.key for a in ledger.open]
        assert len(keys) == len(set(keys))
        assert not before & {a.key for a in changed.begins}
        assert all(seen[a.key].strong for a in changed.begins)
        assert {a.key for a in changed.ends} <= before - seen.keys()
        assert {c.key for c in seen.values() if c.strong} <= set(keys)
        assert all(now - parse(a.seen_at) >= alerts.CALM for a in changed.ends)
        now += timedelta(minutes=pause)
    for _ in range(2):
        now += alerts.CALM_MOST
        ledger.look([], now)
    assert not ledger.open
    assert all(a.began_at < (a.ended_at or "") for a in ledger.held)
    assert len({(a.key, a.began_at) for a in ledger.held}) == len(ledger.held)


# --- conditions -----------------------------------------------------------------------------------------------------


def found(*situations: ConnectionSituation, now: datetime = START) -> dict[str, bool]:
    """Keys of conditions, with whether they are strong."""
    return {c.key: c.strong for c in alerts.conditions(situations, now)}


CRM = ConnectionSituation("crm")


def of_stream(**more: object) -> ConnectionSituation:
    return replace(CRM, streams=[StreamSituation("contacts", **more)])  # type: ignore[arg-type]


def test_all_is_well() -> None:
    assert found(CRM, of_stream(), ConnectionSituation("ads", written=1_000, refused=9)) == {}


@pytest.mark.parametrize(
    ("since", "over"), [(None, "in 24 h"), (START - HOUR, f"since {START - HOUR:%Y-%m-%d %H:%M} UTC")]
)
def test_refused_writes_are_said_of_the_time_that_was_counted(since: datetime | None, over: str) -> None:
    (condition,) = alerts.conditions([replace(CRM, refused=90, written=1_010, counted_since=since)], START)
    assert condition.summary == f"crm refused 90 of 1,100 writes {over}"


@pytest.mark.parametrize(
    ("situation", "expected"),
    [
        (replace(CRM, state=ConnectionState.BROKEN, stopped="401"), {"failed/crm": True}),
        (replace(CRM, state=ConnectionState.PAUSED, refused=900, failing=[Failing("pull x", 9, "")]), {}),
        (replace(CRM, failing=[Failing("pull contacts", 2, "500")]), {}),
        (replace(CRM, failing=[Failing("pull contacts", 3, "500"), Failing("push x", 7, "")]), {"failed/crm": True}),
        (replace(CRM, refused=10, written=90), {"refused_share/crm": True}),
        (replace(CRM, refused=9, written=91), {"refused_share/crm": False}),
        (replace(CRM, refused=4, written=0), {}),
        (replace(CRM, refused=90, written=9_000), {}),
        (replace(CRM, oldest_doubt=START - HOUR), {"backlog/crm//in doubt": True}),
        (replace(CRM, oldest_doubt=START - 50 * MINUTE), {}),
        (replace(CRM, expiries={"token": START + 6 * DAY}), {"token_expiring/crm//token": True}),
        (replace(CRM, expiries={"token": START + 8 * DAY}), {}),
        (of_stream(late=HOUR), {"stale/crm/contacts": True}),
        (of_stream(parked=("600 creates", "agree")), {"brake/crm/contacts": True}),
        (of_stream(unheard=5, oldest_unheard=START - 9 * MINUTE), {}),
        (of_stream(unheard=5, oldest_unheard=START - 20 * MINUTE), {"backlog/crm/contacts": False}),
        (of_stream(unheard=5, oldest_unheard=START - 30 * MINUTE), {"backlog/crm/contacts": True}),
    ],
)
def test_each_condition_at_its_bound(situation: ConnectionSituation, expected: dict[str, bool]) -> None:
    assert found(situation) == expected


@pytest.mark.parametrize(
    ("used", "seconds", "expected"),
    [(900, 86_400.0, True), (899, 86_400.0, False), (799, 86_400.0, None), (1_000, 10.0, None)],
)
def test_a_quota_of_a_day_counts_and_one_of_seconds_does_not(used: int, seconds: float, expected: bool | None) -> None:
    quotas = [QuotaSituation("default", seconds, used, 1_000), QuotaSituation("none", 86_400.0, 5, 0)]
    said = found(replace(CRM, quotas=quotas))
    assert said == ({} if expected is None else {"quota/crm//default 24 h": expected})


def test_a_vendor_that_is_away_for_a_moment_is_nobodys_business() -> None:
    def circuit(failures: int) -> ConnectionSituation:
        until, since = iso(START + HOUR), iso(START - 4 * MINUTE)
        return replace(CRM, circuit=Circuit("crm", failures, until, since, "503"), failing=[Failing("pull", 9, "503")])

    assert found(circuit(3)) == {"circuit_open/crm": False, "failed/crm": False}
    assert found(circuit(4), now=START + MINUTE) == {"circuit_open/crm": True, "failed/crm": False}
    assert found(circuit(2)) == {"failed/crm": True}, "not open yet: nobody leaves it alone"


def test_what_fails_on_has_not_recovered_because_it_is_left_alone_by_now() -> None:
    failing = replace(CRM, failing=[Failing("pull contacts", 3, "http_500")])
    opened = replace(failing, circuit=Circuit("crm", 3, iso(START + HOUR), iso(START), "http_500"))
    ledger = Ledger()
    ledger.look(alerts.conditions([failing], START), START)
    for now in minutes(0.5):
        assert not ledger.look(alerts.conditions([opened], now), now).ends
    assert {a.kind for a in ledger.open} == {AlertKind.FAILED, AlertKind.CIRCUIT_OPEN}


def test_texts_say_what_and_how_to_mend() -> None:
    connections = [of_stream(late=26 * HOUR, schedule="every 1h"), ConnectionSituation("ads", stopped="no key")]
    assert [(c.summary, bool(c.mend)) for c in alerts.conditions(connections, START)] == [
        ("ads is stopped: no key", True),
        ("crm/contacts has been overdue for 26 h (schedule: every 1h)", True),
    ]


# --- what is usual --------------------------------------------------------------------------------------------------


def volumes(days: dict[int, int], wholes: tuple[int, ...] = (), **more: object) -> dict[str, tuple[AlertKind, bool]]:
    said = alerts.conditions([of_stream(days=days, wholes=wholes, **more)], START)
    return {c.key: (c.kind, c.strong) for c in said}


def weeks(*of_week: int, today: int, number: int = 5) -> dict[int, int]:
    """Days back from one whose day of the week is the first of `of_week`."""
    days = {ago: of_week[-ago % 7] for ago in range(1, 7 * number) if of_week[-ago % 7]}
    return days | ({0: today} if today else {})


WORKDAYS = (5_000, 5_200, 4_900, 5_100, 4_800, 200, 100)
SATURDAY = (*WORKDAYS[5:], *WORKDAYS[:5])
IDLE_SATURDAY = (0, 0, *WORKDAYS[:5])


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (weeks(*WORKDAYS, today=5_050), None),
        (weeks(*WORKDAYS, today=3_600), None),
        (weeks(*WORKDAYS, today=2_000), (AlertKind.VOLUME, True)),
        (weeks(*WORKDAYS, today=0), (AlertKind.ZERO_ROWS, True)),
        (weeks(*WORKDAYS, today=12_000), None),
        (weeks(*WORKDAYS, today=60_000), (AlertKind.VOLUME, True)),
        (weeks(*SATURDAY, today=180), None),
        (weeks(*SATURDAY, today=0), (AlertKind.ZERO_ROWS, True)),
        (weeks(*IDLE_SATURDAY, today=0), None),
        (weeks(*SATURDAY, today=5_000), None),
        (weeks(30, 40, 20, 35, 30, 0, 0, today=0), None),
        (weeks(*WORKDAYS, today=0, number=1), None),
    ],
    ids=[
        "usual", "a slow day", "less than half", "none at all", "twice as much", "ten times as much",
        "a Saturday like others", "not even that on a Saturday", "nothing on Saturdays", "work on a Saturday",
        "a small stream", "too little known",
    ],
)  # fmt: skip
def test_a_day_is_held_against_days_like_it(days: dict[int, int], expected: tuple[AlertKind, bool] | None) -> None:
    assert volumes(days) == ({} if expected is None else {"volume/crm/contacts": expected})


def test_one_odd_day_in_the_past_moves_nothing() -> None:
    days = weeks(*WORKDAYS, today=2_000) | {3: 900_000, 4: 1}
    assert volumes(days) == {"volume/crm/contacts": (AlertKind.VOLUME, True)}


@settings(max_examples=100, deadline=None)
@given(
    st.integers(100, 100_000),
    st.floats(0.7, 1.4),
    st.lists(st.floats(0.9, 1.1), min_size=35, max_size=35),
    st.integers(0, 6),
)
def test_ordinary_noise_with_weekends_is_never_told(size: int, today: float, noise: list[float], weekday: int) -> None:
    """Weekdays of about `size`, Saturdays of a tenth, Sundays of nothing, each day a tenth up or down."""

    def usual(ago: int) -> float:
        day = (weekday - ago) % 7
        return size if day < 5 else size / 10 if day == 5 else 0

    days = {ago: n for ago in range(1, 35) if (n := round(usual(ago) * noise[ago]))}
    shown = round(usual(0) * today)
    assert volumes(days | ({0: shown} if shown else {})) == {}


@pytest.mark.parametrize(
    ("wholes", "expected"),
    [
        ((4_990, 5_000, 4_980, 5_010), None),
        ((0, 5_000, 4_980, 5_010), (AlertKind.ZERO_ROWS, True)),
        ((2_000, 5_000, 4_980, 5_010), (AlertKind.VOLUME, True)),
        ((3_000, 5_000, 4_980, 5_010), (AlertKind.VOLUME, False)),
        ((2_000, 5_000, 4_980), None),
        ((0, 50, 49, 51), None),
    ],
)
def test_a_whole_read_is_held_against_earlier_ones(
    wholes: tuple[int, ...], expected: tuple[AlertKind, bool] | None
) -> None:
    assert volumes({}, wholes) == ({} if expected is None else {"volume/crm/contacts": expected})


def test_a_stream_that_is_not_read_or_is_held_says_nothing_of_its_volume() -> None:
    assert volumes(weeks(*WORKDAYS, today=0), late=HOUR).keys() == {"stale/crm/contacts"}
    assert volumes(weeks(*WORKDAYS, today=0), (0, 5_000, 5_000, 5_000), parked=("p", "m")).keys() == {
        "brake/crm/contacts"
    }


def test_a_month_with_weekends_and_one_outage_of_the_source_is_told_once() -> None:
    """Looked at every hour: five weeks of history, then four weeks, in which the source is mute for three workdays."""
    ledger = Ledger()
    hourly: dict[int, int] = {}
    first = START - 35 * DAY
    for hour in range(63 * 24):
        now = first + HOUR * hour
        works = now.weekday() < 5 and 7 <= now.hour < 19
        mute = START + 8 * DAY <= now < START + 11 * DAY
        hourly[hour] = 0 if mute else (400 + hour * 37 % 60) if works else (2 if now.weekday() < 5 else 0)
        if now >= START:
            days: dict[int, int] = {}
            for ago in range(35):
                count = sum(hourly.get(hour - ago * 24 - h, 0) for h in range(24))
                days |= {ago: count} if count else {}
            ledger.look(alerts.conditions([of_stream(days=days)], now), now)
    assert [a.kind for a in ledger.held] == [AlertKind.VOLUME]
    (alert,) = ledger.held
    assert START + 8 * DAY < parse(alert.began_at) < START + 9 * DAY
    assert alert.ended_at is not None
    assert START + 11 * DAY < parse(alert.ended_at) < START + 12 * DAY + 12 * HOUR


# --- opt-outs -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", list(ConnectionState))
def test_an_opt_out_that_gets_nowhere_is_told_whatever_is_the_matter_there(state: ConnectionState) -> None:
    stands = ConnectionSituation("crm", state, opt_outs=2, oldest_opt_out=START)
    found = [c for c in alerts.conditions([stands], START + 3 * HOUR) if c.kind is AlertKind.OPT_OUT]
    assert [c.summary for c in found] == ["crm doesn't show the opt-out of 2 people, the first of them seen 3 h ago"]
    assert not [c for c in alerts.conditions([replace(stands, opt_outs=0)], START) if c.kind is AlertKind.OPT_OUT]
