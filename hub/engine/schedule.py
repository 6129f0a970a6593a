"""When something is due: computed from its schedule and from when it last began, so that no queue has to remember it.

Jitter is a hash of a key: a hundred streams don't begin at once, and a restart moves nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from hashlib import blake2b
from typing import TypeAlias
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from hub.domain.schedule import Schedule
from hub.errors import BadInput, Complaint

Span: TypeAlias = tuple[datetime, datetime]
"""From when until when, in UTC; the end is not in it."""
Hours: TypeAlias = tuple[tuple[int, int, int], ...]
"""(weekday, first minute of that day, last minute; beyond 1440 on the next day)."""

JITTER_SHARE = 0.1
JITTER_MAX = timedelta(minutes=5)
"""Whoever writes 03:00 means about 03:00."""
GRACE = timedelta(minutes=10)
"""Nothing is called missed sooner."""
DAY_SECONDS = 86_400
EVERY_MIN, EVERY_MAX = 10, 366 * DAY_SECONDS
ALWAYS = "always"
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY = 24 * 60
UNITS = {"s": 1, "m": 60, "h": 3_600, "d": DAY_SECONDS}
_INTERVAL = re.compile(r"(\d{1,9})\s*([smhd])")
_HOURS = re.compile(r"(?:([a-z]{3})(?:-([a-z]{3}))?\s+)?(\d\d?):(\d\d)-(\d\d?):(\d\d)")


# --- when -------------------------------------------------------------------------------------------------------


def due_at(schedule: Schedule, last_began: datetime | None, key: str, now: datetime) -> datetime:
    """When it is to be begun again, in UTC; a time that has passed means now. What never began is due now, or as soon
    as its hours open. Never earlier than the interval, and later by a tenth of it and 5 minutes at most, as `key` says,
    which names it."""
    if schedule.cron:
        if last_began is None:
            return now
        slot, following = _slots(schedule, last_began)
        return slot + _jitter(f"{key}/{slot:%Y%m%d%H%M}", following - slot)
    interval = _interval(schedule)
    at = now if last_began is None else last_began + interval + _jitter(key, interval)
    return _open_from(schedule, at, key, now)


def opens_at(schedule: Schedule, now: datetime) -> datetime:
    """Now, or when its hours open next: for what was begun, and goes on."""
    spans = _spans(schedule, now)
    return now if spans is None else max(now, next(spans)[0])


def missed(schedule: Schedule, last_finished: datetime, now: datetime) -> timedelta | None:
    """For how long it has been overdue, when a whole interval and at least ten minutes passed beyond the time at which
    it should have begun again; else None. Only the hours count."""
    if schedule.cron:
        slot, following = _slots(schedule, last_finished)
        late = now - slot
        return late if late > max(following - slot, GRACE) else None
    interval = _interval(schedule)
    passed = _open_time(schedule, last_finished, now)
    return passed - interval if passed > max(2 * interval, GRACE) else None


def _interval(schedule: Schedule) -> timedelta:
    assert schedule.every is not None
    return timedelta(seconds=schedule.every)


def _jitter(key: str, interval: timedelta) -> timedelta:
    """The same for the same key, evenly between nothing and a tenth of the interval."""
    share = int.from_bytes(blake2b(key.encode(), digest_size=8).digest()) / 2**64
    return min(interval * JITTER_SHARE, JITTER_MAX) * share


def _slots(schedule: Schedule, after: datetime) -> tuple[datetime, datetime]:
    """The next two times of the cron expression. Where clocks are put back, an hour that comes twice counts once."""
    after = after.astimezone(UTC)
    found: list[datetime] = []
    for at in CronSim(schedule.cron, after.astimezone(ZoneInfo(schedule.zone))):
        slot = at.astimezone(UTC)
        if slot > (found[-1] if found else after):
            found.append(slot)
            if len(found) == 2:
                break
    return found[0], found[1]


# --- hours ------------------------------------------------------------------------------------------------------


def _open_from(schedule: Schedule, at: datetime, key: str, now: datetime) -> datetime:
    """`at`, or when the hours open next; each key a little later than the others, and never after they close. Of a time
    that passed without anybody beginning, hours that have closed since are over, too."""
    spans = _spans(schedule, max(at, now))
    if spans is None:
        return at
    at = max(at, now)
    limit = _interval(schedule)
    for opens, closes in spans:
        opened = opens + _jitter(f"{key}/{opens:%Y%m%d%H%M}", min(limit, closes - opens))
        if at < closes:
            return max(at, opened)
    raise AssertionError(schedule.hours)  # every week has hours


def _open_time(schedule: Schedule, since: datetime, until: datetime) -> timedelta:
    spans = _spans(schedule, since)
    if spans is None:
        return max(until - since, timedelta())
    passed = timedelta()
    for opens, closes in spans:
        if opens >= until:
            break
        passed += max(min(closes, until) - max(opens, since), timedelta())
    return passed


def _spans(schedule: Schedule, since: datetime) -> Iterator[Span] | None:
    """The spans in which the hours are open, from the one that ends after `since`, without end; None: always open."""
    hours = parsed_hours(schedule.hours)
    return None if hours is None else _joined(hours, ZoneInfo(schedule.zone), since)


def _joined(hours: Hours, zone: ZoneInfo, since: datetime) -> Iterator[Span]:
    """Spans that touch or overlap are one: what opens at midnight where the day before closed doesn't open then."""
    held: Span | None = None
    day = since.astimezone(zone).date() - timedelta(days=2)
    while True:
        for opens, closes in _of_day(hours, zone, day):
            if held is not None and opens <= held[1]:
                held = held[0], max(held[1], closes)
                continue
            if held is not None and held[1] > since:
                yield held
            held = opens, closes
        day += timedelta(days=1)


def _of_day(hours: Hours, zone: ZoneInfo, day: date) -> list[Span]:
    """The spans that open on that day. Where clocks change, what is between two readings of the clock is closed."""
    found = []
    for weekday, first, last in hours:
        if weekday == day.weekday():
            opens, closes = max(_moments(day, first, zone)), min(_moments(day, last, zone))
            if opens < closes:
                found.append((opens, closes))
    return sorted(found)


def _moments(day: date, minute: int, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """What a minute of a day means: two moments where the clock shows it twice, or not at all."""
    local = datetime.combine(day + timedelta(days=minute // DAY), time(minute % DAY // 60, minute % 60), zone)
    return local.astimezone(UTC), local.replace(fold=1).astimezone(UTC)


@lru_cache(maxsize=256)
def parsed_hours(text: str) -> Hours | None:
    """None: always. ValueError, with what is wrong."""
    if text in ("", ALWAYS):
        return None
    hours = tuple(sorted({span for part in text.split(",") for span in _part(part.strip().lower())}))
    open_minutes = {(w * DAY + m) % (7 * DAY) for w, first, last in hours for m in range(first, last)}
    return None if len(open_minutes) == 7 * DAY else hours


def _part(text: str) -> Iterator[tuple[int, int, int]]:
    read = _HOURS.fullmatch(text)
    if read is None:
        raise ValueError(f'"{text}"')
    from_day, to_day, *clock = read.groups()
    for day in (d for d in (from_day, to_day) if d is not None and d not in DAYS):
        raise ValueError(f'"{day}" in "{text}"')
    hour, minute, to_hour, to_minute = map(int, clock)
    first, last = hour * 60 + minute, to_hour * 60 + to_minute
    if minute > 59 or to_minute > 59 or first >= DAY or last > DAY or first == last:
        raise ValueError(f'"{text}"')
    begin = DAYS.index(from_day) if from_day else 0
    end = DAYS.index(to_day or from_day) if from_day else 6
    for number in range((end - begin) % 7 + 1):
        yield (begin + number) % 7, first, last if last > first else last + DAY


# --- words ------------------------------------------------------------------------------------------------------


def interval_of(text: str) -> int:
    """Seconds of `90s`, `5m`, `2h`, `1d`. BadInput says what was expected."""
    read = _INTERVAL.fullmatch(text.strip().lower())
    seconds = int(read[1]) * UNITS[read[2]] if read else None
    if seconds is not None and EVERY_MIN <= seconds <= EVERY_MAX:
        return seconds
    what = "no interval" if seconds is None else "too short" if seconds < EVERY_MIN else "too long"
    raise BadInput(
        f'"{text}" is {what}',
        mend=f"write a number and its unit: 90s, 5m, 2h or 1d; from {EVERY_MIN}s to {EVERY_MAX // DAY_SECONDS}d",
    )


def interval_text(seconds: int) -> str:
    """In the largest unit that says it without a fraction."""
    unit = next(u for u in ("d", "h", "m", "s") if seconds % UNITS[u] == 0)
    return f"{seconds // UNITS[unit]}{unit}"


def described(schedule: Schedule) -> str:
    """`every 5m`, or the cron expression with its zone."""
    if schedule.cron:
        return f"{schedule.cron} ({schedule.zone})"
    assert schedule.every is not None
    return f"every {interval_text(schedule.every)}"


def complaints(schedule: Schedule) -> tuple[Complaint, ...]:
    """What is wrong with it; nothing when it can be used."""
    found = []
    if not _is_zone(schedule.zone):
        found.append(Complaint("zone", f'"{schedule.zone}"', "a time zone like Europe/Berlin or UTC"))
    if bool(schedule.cron) == (schedule.every is not None):
        said = "both" if schedule.cron else "neither"
        found.append(Complaint("schedule", f"{said} of an interval and cron", "one of the two"))
    elif schedule.every is not None and not EVERY_MIN <= schedule.every <= EVERY_MAX:
        found.append(Complaint("every", f"{schedule.every} s", f"{EVERY_MIN} to {EVERY_MAX} s"))
    elif schedule.cron and schedule.hours:
        found.append(Complaint("hours", "hours beside cron", "hours within the cron expression: it says all its times"))
    if schedule.cron and (wrong := _wrong_cron(schedule.cron)):
        expected = 'minute, hour, day, month, weekday, e.g. "*/15 7-19 * * mon-fri"'
        found.append(Complaint("cron", f'"{schedule.cron}": {wrong}', expected))
    try:
        parsed_hours(schedule.hours)
    except ValueError as wrong:
        expected = "hours like mon-fri 07:00-20:00, several with commas, 22:00-06:00 over midnight"
        found.append(Complaint("hours", str(wrong), expected))
    return tuple(found)


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown, malformed, a folder of the zones
        return False
    return True


def _wrong_cron(expression: str) -> str:
    if len(expression.split()) != 5:
        return f"{len(expression.split())} parts"
    try:
        next(CronSim(expression, datetime(2024, 1, 1, tzinfo=UTC)))
    except CronSimError as error:
        return str(error).lower()
    except StopIteration:
        return "never comes"
    return ""
