"""Alerts: what is open, what was, looking now, and trying whether they arrive."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from hub.domain.alert import Alert
from hub.domain.moments import parse
from hub.errors import BadInput, HubError
from hub.store import alerts as store
from hub.transport.poster import Unposted
from sync_jobs import alerting
from sync_jobs.hub import Hub
from sync_jobs.refusals import Refused

ALL_MOST = 200
UNSEEN_AFTER = timedelta(minutes=15)
"""Workers look each minute. Once nobody did for longer, what was found says nothing of now."""


@dataclass(frozen=True, slots=True)
class Told:
    """How the telling stands: `to` is slack, json, or "" where nobody is told; `failed` and `since`: why and since when
    it fails, "" when it doesn't. `refused`: messages that the receiver refuses and that are tried again; `given_up`:
    those of the last days that it never took, the latest first."""

    to: str
    failed: str = ""
    since: str = ""
    refused: tuple[Refused, ...] = ()
    given_up: tuple[Refused, ...] = ()


@dataclass(frozen=True, slots=True)
class Alerts:
    """Open ones first, then the latest to end, as of `looked_at` (None: nobody ever looked). `stale`: somebody looked
    once, and nobody any more. `ok`: the receiver could be told, as far as was tried."""

    ok: bool
    open: int
    alerts: tuple[Alert, ...]
    told: Told
    looked_at: str | None
    stale: bool


@dataclass(frozen=True, slots=True)
class AlertsLooked:
    """What a look found. `elsewhere`: another process looked just then."""

    ok: bool
    began: int
    ended: int
    messages: int
    untold: int
    elsewhere: bool
    open: tuple[Alert, ...]
    told: Told


@dataclass(frozen=True, slots=True)
class AlertsTested:
    ok: bool
    to: str


async def alerts(hub: Hub, *, ended: bool = False) -> Alerts:
    """The open ones; with `ended` also the latest of those that ended."""
    async with hub.database.read() as conn:
        open_ = await store.open_ones(conn)
        shown = await store.latest(conn, max(ALL_MOST, len(open_))) if ended else open_
    told, looked_at = await _told(hub), await alerting.looked_at(hub)
    return Alerts(
        not told.failed and not told.refused, len(open_), tuple(shown), told, looked_at, stale(hub, looked_at)
    )


def stale(hub: Hub, looked_at: str | None) -> bool:
    """Whether somebody looked, then, and nobody any more."""
    return looked_at is not None and parse(looked_at) < hub.clock() - UNSEEN_AFTER


async def look(hub: Hub) -> AlertsLooked:
    """Looks now, and tells what is untold."""
    done = await alerting.look(hub)
    told = await _told(hub)
    async with hub.database.read() as conn:
        open_ = await store.open_ones(conn)
    return AlertsLooked(
        not done.failed, done.began, done.ended, done.told, done.untold, done.elsewhere, tuple(open_), told
    )


async def test(hub: Hub) -> AlertsTested:
    """Sends a message to try. BadInput when nobody is to be told; HubError when it wasn't taken."""
    told = alerting.receiver()
    if told is None:
        raise BadInput(
            "nobody is told of alerts: HUB_ALERT_URL is not set", mend="set it to where they are to be posted"
        )
    try:
        await alerting.test(hub, told)
    except Unposted as error:
        raise HubError(
            f"the receiver of alerts did not take the message: {error}",
            mend="check HUB_ALERT_URL and HUB_ALERT_FORMAT, and whether this machine may reach it",
        ) from None
    return AlertsTested(True, _form(told))


async def _told(hub: Hub) -> Told:
    told = alerting.receiver()
    if told is None:
        return Told("")
    standing, held = await alerting.standing(hub), await alerting.refused(hub)
    failed, since = (str(standing.get(word, "")) for word in ("why", "since"))
    return Told(_form(told), failed, since, tuple(held.tried.values()), tuple(held.given_up))


def _form(told: alerting.Receiver) -> str:
    return "slack" if told.slack else "json"
