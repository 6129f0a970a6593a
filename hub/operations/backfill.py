"""Filling history: a span of a stream's past, read with a cursor and a lane of its own beside the live reading."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from hub.domain import moments
from hub.errors import BadInput, NotFound, Refused
from hub.operations.connections import named
from hub.operations.nearest import unknown
from hub.operations.quota import Effort, effort
from hub.operations.turns import sole_turn
from hub.store import cursors, observations
from hub.store.cursors import CursorRow
from sync_jobs import backfill as jobs
from sync_jobs.counts import Progress
from sync_jobs.hub import Hub
from sync_jobs.wiring import Wired

AGO = re.compile(r"(\d{1,5})([dhm])")
UNITS = {"d": "days", "h": "hours", "m": "minutes"}


@dataclass(frozen=True, slots=True)
class Backfilled:
    """`held`: records of the stream in the store now; `resumes`: the span was under way; `finished`: it is done
    (asked for again, the same span is not read twice). `effort`: of a dry run, what reading it would take, by what the
    store holds of the span and by how the stream was read before; None where it never was."""

    ok: bool
    connection: str
    stream: str
    since: str | None
    until: str | None
    dry_run: bool
    resumes: bool
    finished: bool
    held: int
    counts: Mapping[str, int]
    effort: Effort | None = None
    background: bool = False
    """It was only begun: workers go on with it."""


@dataclass(frozen=True, slots=True)
class UnderWay:
    """A backfill that was begun and didn't end. `read`: records so far, of `total` when the vendor said so. `state`:
    under way; waiting, until `not_before`, as the vendor asked for that; or why nobody goes on with it."""

    connection: str
    stream: str
    since: str | None
    until: str | None
    read: int
    total: int | None
    state: str
    began_at: str | None
    moved_at: str | None
    not_before: str | None


@dataclass(frozen=True, slots=True)
class Backfills:
    backfills: tuple[UnderWay, ...]
    cancelled: bool = False


def moment(text: str | None, option: str, now: datetime) -> datetime | None:
    """`2025-01-31`, `2025-01-31T08:00Z`, `90d`, `12h`, `30m` (ago). BadInput says what was expected.

    "Ago" is rounded down to the whole day, hour or minute, so that the same words soon after name the same span, and
    a backfill that was stopped goes on.
    """
    if text is None:
        return None
    ago = AGO.fullmatch(text)
    if ago:
        return _floor(now - timedelta(**{UNITS[ago[2]]: int(ago[1])}), ago[2])
    try:
        return moments.parse(text)
    except ValueError:
        raise BadInput(
            f"{option} cannot be read as a time", mend="write 2025-01-31, 2025-01-31T08:00Z, or 90d, 12h, 30m for ago"
        ) from None


def _floor(at: datetime, unit: str) -> datetime:
    at = at.replace(second=0, microsecond=0)
    if unit == "m":
        return at
    at = at.replace(minute=0)
    return at if unit == "h" else at.replace(hour=0)


async def backfill(
    hub: Hub,
    connection: str,
    stream: str,
    since: str | None = None,
    until: str | None = None,
    *,
    dry_run: bool = False,
    background: bool = False,
    progress: Progress | None = None,
) -> Backfilled:
    """Reads the span and matches it; the live reading goes on from where it was. `dry_run` only says what stands;
    `background` only begins it, for workers to go on with."""
    wired = await _readable(hub, connection, stream)
    start, end = _span(hub, since, until)
    lane = jobs.lane_of(start, end)
    async with hub.database.read() as conn:
        before = await cursors.fetch(conn, connection, stream, lane)
    counts: Mapping[str, int] = {}
    if background and not dry_run:
        await jobs.begin(hub, connection, stream, start, end)
    elif not dry_run:
        async with sole_turn(hub, progress):
            counts = (await jobs.backfill(hub, connection, stream, start, end, progress=progress)).as_dict()
    async with hub.database.read() as conn:
        after = await cursors.fetch(conn, connection, stream, lane)
        held = (await observations.count(conn, connection, stream)).live
    finished = after.finished_at is not None and after.position is None
    foretold = await _foretold(hub, wired, stream, start, end, after.read) if dry_run and not finished else None
    return Backfilled(
        ok=dry_run or background or finished,
        connection=connection,
        stream=stream,
        since=moments.iso(start) if start else None,
        until=moments.iso(end) if end else None,
        dry_run=dry_run,
        resumes=before.position is not None,
        finished=finished,
        held=held,
        counts=counts,
        effort=foretold,
        background=background and not dry_run,
    )


async def under_way(hub: Hub, connection: str | None = None, stream: str | None = None) -> Backfills:
    """The backfills that were begun and didn't end: all, a connection's, or a stream's."""
    if connection is not None:
        await named(hub, connection)
    return Backfills(tuple(_under_way(hub, row) for row in await _rows(hub, connection, stream)))


async def cancel(
    hub: Hub, connection: str, stream: str | None = None, since: str | None = None, until: str | None = None
) -> Backfills:
    """Forgets the backfills of a connection, of one of its streams, or of one span; what they read stays. Answers them.
    NotFound when there is none."""
    await named(hub, connection)
    lane = jobs.lane_of(*_span(hub, since, until)) if since or until else None
    async with sole_turn(hub):  # a worker that reads a page of it would begin it anew
        rows = [row for row in await _rows(hub, connection, stream) if lane in (None, row.lane)]
        if not rows:
            raise NotFound("there is no such backfill under way", mend="`hub backfill --list` shows them")
        await jobs.cancel(hub, rows)
    return Backfills(tuple(_under_way(hub, row) for row in rows), cancelled=True)


async def _rows(hub: Hub, connection: str | None, stream: str | None) -> list[CursorRow]:
    rows = await jobs.under_way(hub)
    return [r for r in rows if connection in (None, r.connection) and stream in (None, r.stream)]


def _under_way(hub: Hub, row: CursorRow) -> UnderWay:
    wired = hub.wired.get(row.connection)
    state = "waiting" if row.not_before is not None and row.not_before > hub.now_text() else "under way"
    if wired is None or not wired.active:
        state = wired.connection.state.value if wired is not None else "unusable"
    elif row.stream not in wired.streams():
        state = "not mapped"
    since, until = jobs.span_of(row.lane)
    times = (row.began_at, row.moved_at, row.not_before)
    return UnderWay(row.connection, row.stream, since, until or row.until, row.read, row.total, state, *times)


async def _readable(hub: Hub, connection: str, stream: str) -> Wired:
    await named(hub, connection)
    wired = hub.connection(connection)
    if stream not in wired.streams():
        raise unknown(f"stream of {connection}", stream, wired.streams())
    if not wired.active:
        raise Refused(f"{connection} is {wired.connection.state}", mend=f"`hub connections resume {connection}`")
    return wired


def _span(hub: Hub, since: str | None, until: str | None) -> tuple[datetime | None, datetime | None]:
    now = hub.clock()
    start, end = moment(since, "--since", now), moment(until, "--until", now)
    if start is not None and start >= (end or now):
        raise BadInput("--since is not before --until", mend="name a span with an earlier beginning")
    if end is not None and end > now:
        raise BadInput("--until is in the future", mend="leave it out: it means now")
    return start, end


async def _foretold(
    hub: Hub, wired: Wired, stream: str, start: datetime | None, end: datetime | None, read: int
) -> Effort | None:
    """What is left of the span to read, as far as the store knows of it."""
    since, until = (moments.iso(at) if at else None for at in (start, end))
    async with hub.database.read() as conn:
        records = await observations.count_within(conn, wired.name, stream, since, until)
    return await effort(hub, wired, stream, max(0, records - read)) if records else None
