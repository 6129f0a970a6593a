"""Alerts: looking at how things stand, keeping what began and ended, and telling it to who asked to be told.

Each look tells what is still untold, so a receiver that was away hears of it later; what it refuses for good holds up
nothing else. A message is told once: only when
a process ends between the receiver's answer and the note of it, it comes again, with the same id.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import orjson

from hub import counters, settings
from hub.domain.alert import Alert, AlertKind, Condition
from hub.domain.moments import iso, parse
from hub.engine import alerts as engine
from hub.logs import log, redacted
from hub.store import alerts
from hub.store import settings as kept
from hub.transport.poster import Unposted, post
from sync_jobs import refusals
from sync_jobs.hub import Hub
from sync_jobs.lease import Busy, held
from sync_jobs.refusals import Refusals
from sync_jobs.situation import situation

LEASE = "alerts"
TOLD_MOST = 20
"""Messages of one look; what is left comes with the next one."""
UNTOLD_MOST = 200
STANDING = "alerts.telling"
"""The setting that holds how the telling stands: failures in a row, why, and when it is tried again."""
LOOKED_AT = "alerts.looked_at"
"""The setting that holds when somebody looked last."""
PAUSE, PAUSE_MOST = timedelta(minutes=1), timedelta(minutes=30)
SLACK_HOSTS = frozenset({"hooks.slack.com", "hooks.slack-gov.com"})
SLACK_TEXT_MAX = 3_000
"""Characters of a text in Slack, escaped."""
BEGAN, ENDED, TEST = "began", "ended", "test"
LOG = log(__name__)

Post: TypeAlias = Callable[[str, bytes, Mapping[str, str]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Receiver:
    """Where alerts are posted, and in which form. The URL is a secret."""

    url: str
    slack: bool
    post: Post = post

    def __repr__(self) -> str:
        return f"Receiver({'slack' if self.slack else 'json'})"


@dataclass(frozen=True, slots=True)
class Looked:
    """What a look found: alerts that are open, how many began and ended with it, and messages that were told. `untold`:
    alerts whose receiver still has to be told; `failed`: why it could not be, "" when it could. `elsewhere`: another
    process looks just now, and nothing was done."""

    open: tuple[Alert, ...] = ()
    began: int = 0
    ended: int = 0
    told: int = 0
    untold: int = 0
    failed: str = ""
    elsewhere: bool = False


def receiver() -> Receiver | None:
    """Who the environment says is to be told; None: nobody."""
    said = settings.load()
    if said.alert_url is None:
        return None
    url = said.alert_url.get_secret_value()
    slack = urlsplit(url).hostname in SLACK_HOSTS if said.alert_format == "auto" else said.alert_format == "slack"
    return Receiver(url, slack)


async def look(hub: Hub, told: Receiver | None = None) -> Looked:
    """Looks, keeps and tells (`told`: whom; otherwise as the environment says). To be called about every minute, by any
    number of processes."""
    try:
        async with held(hub, LEASE):
            began, ended, open_ = await _keep(hub, await situation(hub))
            sent, untold, failed = await _tell(hub, told or receiver())
            return Looked(open_, began, ended, sent, untold, failed)
    except Busy:
        return Looked(elsewhere=True)


async def _keep(hub: Hub, situations: Sequence[engine.ConnectionSituation]) -> tuple[int, int, tuple[Alert, ...]]:
    now = hub.clock()
    seen = [_scrubbed(condition) for condition in engine.conditions(situations, now)]
    async with hub.database.write() as conn:
        before = await alerts.open_ones(conn)
        earlier = await alerts.earlier(conn, [alert.key for alert in before])
        changed = engine.changed(before, earlier, seen, now)
        began = await alerts.begin(conn, changed.begins)
        await alerts.last(conn, changed.lasts)
        await alerts.end(conn, changed.ends)
        await kept.put(conn, LOOKED_AT, iso(now))
        open_ = await alerts.open_ones(conn)
    for word, level, some in (("alert began", "warning", changed.begins), ("alert ended", "info", changed.ends)):
        for alert in some:
            counters.add("alerts", kind=alert.kind.value, event=word.removeprefix("alert "))
            getattr(LOG, level)(word, kind=alert.kind, connection=alert.connection, stream=alert.stream, alert=alert.id)
    return began, len(changed.ends), tuple(open_)


def _scrubbed(condition: Condition) -> Condition:
    """Vendors word some of it: what looks like somebody's address or a secret doesn't leave."""
    return replace(condition, summary=redacted(condition.summary))


# --- telling ----------------------------------------------------------------------------------------------------


async def _tell(hub: Hub, told: Receiver | None) -> tuple[int, int, str]:
    """Messages that were told, alerts that are still untold, and why."""
    now = hub.now_text()
    if told is None:
        async with hub.database.write() as conn:
            await alerts.take_as_told(conn, now)
        return 0, 0, ""
    async with hub.database.read() as conn:
        untold = await alerts.untold(conn, UNTOLD_MOST)
        standing: Mapping[str, Any] = await kept.get(conn, STANDING) or {}
        refused = await refusals.fetch(conn, hub.clock())
    refused.keep_only([_id(_next(alert), alert) for alert in untold])
    if untold and str(standing.get("again_at", "")) > now:
        return 0, len(untold), str(standing.get("why", ""))
    telling, left = _Telling(hub, told, refused), 0
    for number, alert in enumerate(untold):
        try:
            left += bool(_next(await telling.tell(alert)))
        except Unposted as error:
            return telling.sent, left + len(untold) - number, await _put_off(hub, standing, error)
    if standing or refused.changed:  # also from a receiver that was taken away meanwhile
        async with hub.database.write() as conn:
            await kept.drop(conn, STANDING)
            await refusals.put(conn, refused)
    return telling.sent, left, refused.why


@dataclass(slots=True)
class _Telling:
    """What one look tells: a bounded number of messages, counted with those that the receiver refused."""

    hub: Hub
    told: Receiver
    refused: Refusals
    sent: int = 0
    tries: int = 0

    async def tell(self, alert: Alert) -> Alert:
        """Tells what is due of an alert, and answers it as it is then. Unposted when the receiver is away."""
        while (
            self.tries < TOLD_MOST and (event := _next(alert)) and self.refused.due(_id(event, alert), self.hub.clock())
        ):
            self.tries += 1
            settled = await self._post(event, alert)
            if settled:
                alert = _noted(alert, event, self.hub.now_text())
            async with self.hub.database.write() as conn:
                await alerts.tell(conn, alert)
                await refusals.put(conn, self.refused)
            if not settled:
                break
        return alert

    async def _post(self, event: str, alert: Alert) -> bool:
        """Whether that is done with: it was taken, or is given up."""
        try:
            await self.told.post(self.told.url, *message(event, alert, slack=self.told.slack))
        except Unposted as error:
            if not error.for_good:
                raise
            LOG.warning("an alert was refused", why=str(error), alert=alert.id, event_told=event)
            return self.refused.refuse(_id(event, alert), f"{alert.key} {event}", str(error), self.hub.clock())
        self.sent += 1
        self.refused.take(_id(event, alert))
        return True


def _next(alert: Alert) -> str:
    """The message that is due of an alert; "" for none."""
    if alert.told_began_at is None:
        return BEGAN
    return ENDED if alert.ended_at is not None and alert.told_ended_at is None else ""


def _noted(alert: Alert, event: str, now: str) -> Alert:
    return replace(alert, told_began_at=now) if event == BEGAN else replace(alert, told_ended_at=now)


async def _put_off(hub: Hub, standing: Mapping[str, Any], error: Unposted) -> str:
    """The receiver is away: the next tries come at growing distances, or when it said."""
    failures = int(standing.get("failures", 0)) + 1
    pause = min(PAUSE * (1 << min(failures - 1, 10)), PAUSE_MOST)
    if error.retry_after is not None:
        pause = max(pause, min(timedelta(seconds=error.retry_after), PAUSE_MOST))
    again = {"failures": failures, "why": str(error), "since": standing.get("since") or hub.now_text()}
    LOG.warning("alerts could not be told", why=str(error), failures=failures)
    async with hub.database.write() as conn:
        await kept.put(conn, STANDING, {**again, "again_at": iso(hub.clock() + pause)})
    return str(error)


async def standing(hub: Hub) -> Mapping[str, Any]:
    """Since when and why alerts cannot be told; nothing when they can, as far as is known."""
    async with hub.database.read() as conn:
        return await kept.get(conn, STANDING) or {}


async def refused(hub: Hub) -> Refusals:
    """The messages that the receiver refuses, and those that were given up."""
    async with hub.database.read() as conn:
        return await refusals.fetch(conn, hub.clock())


async def looked_at(hub: Hub) -> str | None:
    """When somebody looked last, on whatever host."""
    async with hub.database.read() as conn:
        found: str | None = await kept.get(conn, LOOKED_AT)
    return found


async def test(hub: Hub, told: Receiver) -> None:
    """Posts a message that says that it is one to try. Raises Unposted. Once it was taken, what is untold waits no
    longer for its time: the address may be another one by now, or mended."""
    now = hub.now_text()
    alert = Alert("test", AlertKind.FAILED, "", "", "this is a test of the hub's alerts", "nothing", now, now)
    await told.post(told.url, *message(TEST, alert, slack=told.slack))
    async with hub.database.write() as conn:
        await kept.drop(conn, STANDING)
        held = await refusals.fetch(conn, hub.clock())
        held.hurry()
        await refusals.put(conn, held)


# --- messages ---------------------------------------------------------------------------------------------------


def message(event: str, alert: Alert, *, slack: bool) -> tuple[bytes, Mapping[str, str]]:
    """The body and its headers. `id` is the same whenever this message is sent, so that receivers can drop it."""
    ident = _id(event, alert)
    headers = {"Content-Type": "application/json", "Idempotency-Key": ident}
    if slack:
        return orjson.dumps({"text": slack_text(event, alert)}), headers
    body = {
        "id": ident,
        "event": event,
        "alert": alert.id,
        "kind": None if event == TEST else alert.kind.value,
        "connection": alert.connection,
        "stream": alert.stream,
        "summary": alert.summary,
        "mend": alert.mend,
        "began_at": alert.began_at,
        "ended_at": alert.ended_at,
    }
    return orjson.dumps(body), headers


def _id(event: str, alert: Alert) -> str:
    return f"{alert.id}/{event}"


def slack_text(event: str, alert: Alert) -> str:
    """What Slack shows: the three characters that mean something to it escaped, and no longer than it takes."""
    if event == TEST:
        return escaped(f"martech hub: {alert.summary}", SLACK_TEXT_MAX)
    began = f"{alert.began_at[:16].replace('T', ' ')} UTC"
    kind = alert.kind.value.replace("_", " ")
    if event == BEGAN:
        lines = [f":rotating_light: {kind}: {alert.summary}", alert.mend, f"since {began} ({alert.id})"]
    else:
        lasted = _lasted(alert)
        lines = [f":white_check_mark: recovered, {kind}: {alert.summary}", f"from {began}, {lasted} ({alert.id})"]
    return escaped("\n".join(line for line in lines if line), SLACK_TEXT_MAX)


def _lasted(alert: Alert) -> str:
    minutes = int((parse(alert.ended_at or alert.seen_at) - parse(alert.began_at)).total_seconds() // 60)
    return f"for {minutes:,} min"


def escaped(text: str, most: int) -> str:
    """At most so many characters, without half an escape at the end."""
    made: list[str] = []
    left = most - 1
    for character in text:
        written = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}.get(character, character)
        left -= len(written)
        if left < 0:
            return "".join(made) + "…"
        made.append(written)
    return "".join(made)
