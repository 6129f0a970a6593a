"""How every connection stands, for alerts: gathered by bounded questions, the same for however many records."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from hub.domain.circuit import Circuit
from hub.domain.connection import ConnectionState
from hub.domain.issue import Issue
from hub.domain.moments import iso, parse
from hub.domain.run import Run, RunState
from hub.engine.alerts import ConnectionSituation, Failing, QuotaSituation, StreamSituation
from hub.engine.circuit import OUR_DOING
from hub.engine.schedule import described
from hub.sdk.auth import Denied
from hub.store import circuits, gauges, issues, runs, secrets, volumes
from hub.store.database import Transaction
from hub.store.gauges import Backlog, Place
from hub.store.volumes import Volume
from sync_jobs import calendar, consents, troubles
from sync_jobs.calendar import Planned
from sync_jobs.hub import Hub
from sync_jobs.wiring import Wired

PULLS, PUSHES = 50, 200
"""The latest runs of a connection that are looked at for those that failed."""
SUMMED_MOST = 10_000
"""Pushes of a connection whose counts are added up."""
WRITES_OF = timedelta(hours=24)
FAILED_OF = timedelta(hours=25)
"""What failed is tried again sooner, if only by a timer of a day. What isn't has nothing to do any more."""
PULL, PUSH = "pull", "push"
PARKED_MAX = 200
WRITTEN = ("created", "updated", "removed")
REFUSED = "refused"
TOKEN = "token"  # noqa: S105  (a word)


@dataclass(frozen=True, slots=True)
class _Known:
    """What is asked once for all connections."""

    now: datetime
    circuits: Mapping[str, Circuit]
    parked: Mapping[Place, tuple[str, str]]
    volumes: Mapping[Place, Volume]
    doubts: Mapping[str, Backlog]
    opt_outs: Mapping[str, Backlog]
    planned: Mapping[str, Sequence[Planned]]
    quotas: Mapping[str, Sequence[QuotaSituation]]


async def situation(hub: Hub) -> list[ConnectionSituation]:
    """Of every connection. A constant number of questions each, and one for each stream."""
    now, wired = hub.clock(), sorted(hub.wired.items())
    used = await quotas(wired, now)
    plan: dict[str, list[Planned]] = {}
    for planned in await calendar.plan(hub):
        plan.setdefault(planned.connection, []).append(planned)
    async with hub.database.read() as conn:
        known = _Known(
            now,
            await circuits.all(conn),
            await _parked(conn),
            await volumes.fetch(conn, now),
            await gauges.unsettled(conn),
            await consents.stuck(conn, hub),
            plan,
            used,
        )
        unusable = [_unusable(name, why, known) for name, why in sorted(hub.unusable.items())]
        return unusable + [await _of(conn, hub, one, known) for _, one in wired]


def _unusable(name: str, why: str, known: _Known) -> ConnectionSituation:
    return ConnectionSituation(name, ConnectionState.BROKEN, why, **_opt_outs(name, known))


def _opt_outs(name: str, known: _Known) -> dict[str, Any]:
    found = known.opt_outs.get(name, Backlog())
    return {"opt_outs": found.count, "oldest_opt_out": None if found.oldest is None else parse(found.oldest)}


async def _of(conn: Transaction, hub: Hub, wired: Wired, known: _Known) -> ConnectionSituation:
    name, row = wired.name, wired.connection
    streams = [await _stream(conn, wired, planned, known) for planned in known.planned.get(name, ())]
    pushes = await runs.recent(conn, PUSHES, connection=name, job=PUSH)
    lately = await runs.summed(
        conn, (*WRITTEN, REFUSED), connection=name, job=PUSH, since=iso(known.now - WRITES_OF), limit=SUMMED_MOST
    )
    # A pull that did nothing leaves no run, but its walk has ended.
    finished = {p.stream: p.cursor.finished_at or "" for p in known.planned.get(name, ())}
    pulls = await runs.recent(conn, PULLS, connection=name, job=PULL)
    unanswered = [run for run in pulls if run.started_at > finished.get(run.stream, "")]
    doubt = known.doubts.get(name, Backlog()).oldest
    return ConnectionSituation(
        name,
        row.state,
        row.state_reason if row.state is ConnectionState.BROKEN else "",
        _failing([*unanswered, *pushes], iso(known.now - FAILED_OF)),
        known.circuits.get(name),
        sum(lately.counts[word] for word in WRITTEN),
        lately.counts[REFUSED],
        await _expiries(conn, hub, wired, known.now),
        known.quotas.get(name, ()),
        None if doubt is None else parse(doubt),
        streams,
        parse(lately.since) if lately.since is not None and lately.runs >= SUMMED_MOST else None,
        **_opt_outs(name, known),
    )


async def _stream(conn: Transaction, wired: Wired, planned: Planned, known: _Known) -> StreamSituation:
    place = (wired.name, planned.stream)
    backlog = await gauges.unheard(conn, *place)
    volume = known.volumes.get(place, Volume())
    return StreamSituation(
        planned.stream,
        described(planned.schedule),
        planned.late,
        volume.days,
        volume.wholes,
        backlog.count,
        None if backlog.oldest is None else parse(backlog.oldest),
        known.parked.get(place),
    )


async def _parked(conn: Transaction) -> dict[Place, tuple[str, str]]:
    """What the issues of tripped brakes say, by stream."""
    found: list[Issue] = []
    for kind in (troubles.VANISHED, troubles.BRAKE):
        found += await issues.list_(conn, kind=kind, limit=PARKED_MAX)
    return {(i.connection, i.stream): (i.summary, str(i.detail.get("mend", ""))) for i in found}


def _failing(latest: Sequence[Run], since: str) -> list[Failing]:
    """Of each job and stream, how many of the last runs failed in a row, the last of them after `since`; newest first
    in `latest`. Runs under way, and those in which this process kept itself from calling, say nothing."""
    rows: dict[tuple[str, str], list[Run]] = {}
    for run in latest:
        ours = run.note.partition(":")[0] in OUR_DOING
        if run.state is not RunState.RUNNING and not ours:
            rows.setdefault((run.job, run.stream), []).append(run)
    found = []
    for (job, stream), of_place in rows.items():
        times = next((n for n, run in enumerate(of_place) if run.state is not RunState.FAILED), len(of_place))
        if times and of_place[0].started_at >= since:
            found.append(Failing(f"{job} {stream}", times, of_place[0].note))
    return found


async def quotas(wired: Sequence[tuple[str, Wired]], now: datetime) -> dict[str, list[QuotaSituation]]:
    """Of every account once, under the first of the connections that share it."""
    first = {id(one.caller.budget): one for _, one in reversed(wired)}
    return {
        one.name: [
            QuotaSituation(s.limit.bucket, s.limit.seconds, s.used.all, s.most)
            for s in await one.caller.budget.standings(now.timestamp())
        ]
        for one in first.values()
    }


async def _expiries(conn: Transaction, hub: Hub, wired: Wired, now: datetime) -> dict[str, datetime]:
    """What ends by itself and has to be given anew by a person: secrets that say when they end, and a token that the
    connection's scheme cannot fetch again."""
    given = await secrets.fetch(conn, hub.vault, wired.name)
    found = {name: at for name, text in given.items() if (at := expiry_of(text)) is not None}
    token = await secrets.fetch_token(conn, hub.vault, wired.name)
    if token is not None and token.expires_at is not None and not _renewable(wired, given, now):
        found[TOKEN] = token.expires_at
    return found


def _renewable(wired: Wired, given: Mapping[str, str], now: datetime) -> bool:
    try:
        return wired.connector.auth(wired.settings, given).token_request(now) is not None
    except (Denied, ValueError, KeyError):
        return False


def expiry_of(secret: str) -> datetime | None:
    """When a JSON web token says that it ends (RFC 7519, `exp`); None for any other secret. The signature is the
    vendor's business."""
    parts = secret.split(".")
    if len(parts) != 3 or not secret.startswith("eyJ"):
        return None
    try:
        claims = orjson.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        return datetime.fromtimestamp(claims["exp"], UTC)
    except (binascii.Error, ValueError, KeyError, TypeError, OverflowError, OSError):
        return None
