"""The settings the hub runs under, and where each comes from."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, fields

from hub import settings as environment
from hub.domain.policy import Brakes, Keep
from hub.domain.schedule import Schedule
from hub.engine.quota import Shares
from hub.engine.schedule import complaints as wrong
from hub.engine.schedule import interval_of, interval_text
from hub.errors import BadInput, Complaint
from hub.operations import home as homes
from hub.operations.nearest import unknown
from hub.settings import Described
from hub.store import schema
from hub.store import settings as store
from sync_jobs import brakes, quotas, refusals, retention, verifying
from sync_jobs.hub import Hub

MEANS = {
    "creates": "records that one run may make at a connection",
    "creates_share": "the same as a share of the records known there; the larger counts",
    "clears": "fields that one run may blank",
    "clears_share": "the same as a share",
    "removes": "records that one run may remove",
    "removes_share": "the same as a share",
}


KEPT = {
    "runs_days": "days for which runs that wrote can be undone, and what tells how the hub fared is kept",
    "idle_runs_days": "days for which runs that wrote nothing are kept",
    "history_days": "days for which writes with their before-images, and changes of golden records, are kept",
}
SHARES = {
    "backfill_share": "the most of every quota that backfills may use; the rest stays for live work",
    "verify_share": "the most of every quota that verifying may use",
}
STORED = {schema.WORKS_WITH: "the oldest schema version whose release may go on working on this store"}
VERIFIED = {"every": "how often every stream is read anew and compared, beside all else, while workers run; or off"}
OFF = "off"
LEAST_DAYS, MOST_DAYS = 1, 36_500


@dataclass(frozen=True, slots=True)
class Setting:
    """`source`: the variable of the environment, home, store or default. Secrets show only that they are set."""

    name: str
    value: str
    source: str
    means: str


@dataclass(frozen=True, slots=True)
class Settings:
    settings: tuple[Setting, ...]


async def show(hub: Hub) -> Settings:
    """Everything that decides how the hub behaves, beside the connections and the mapping documents."""
    async with hub.database.read() as conn:
        stored = await store.all(conn)
        keep = await retention.fetch(conn)
        verified = await verifying.scheduled(conn)
    rows = [_described(d, hub) for d in environment.describe()] + _brakes_of(hub.brakes) + _kept(keep)
    rows += [_own(quotas.QUOTA, f.name, hub.budgets.shares, Shares(), SHARES) for f in fields(Shares)]
    rows.append(_verified(verified))
    rows += [setting for name, value in stored.items() for setting in _stored(name, value)]
    return Settings(tuple(rows))


async def change(hub: Hub, said: Mapping[str, str]) -> Settings:
    """Sets brakes (a number of records or fields, or a share from 0 to 1), shares of quotas, for how many days
    things are kept, and how often everything is verified. BadInput with every complaint; then nothing was changed."""
    amounts: dict[str, float] = {}
    shares: dict[str, float] = {}
    days: dict[str, int] = {}
    often: list[Schedule | None] = []
    complaints: list[Complaint] = []
    for name, text in said.items():
        group, _, one = name.rpartition(".")
        try:
            if group == retention.KEEP and one in KEPT:
                days[one] = _days(text)
            elif group in ("", brakes.BRAKES) and one in MEANS:
                amounts[one] = _amount(one, text)
            elif group == quotas.QUOTA and one in SHARES:
                shares[one] = _amount(one, text)
            elif group == verifying.SETTING and one in VERIFIED:
                often.append(_often(text))
            else:
                raise unknown("setting that can be set", name, _changeable())
        except ValueError as expected:
            complaints.append(Complaint(f"{group or brakes.BRAKES}.{one}", f'"{text}"', str(expected)))
    if complaints:
        raise BadInput("these settings cannot be taken; nothing was changed", complaints=tuple(complaints))
    async with hub.database.write() as conn:
        if amounts:
            await brakes.put(conn, amounts)
        if days:
            await retention.put(conn, days)
        if shares:
            await quotas.put_shares(conn, shares)
        for schedule in often:
            await verifying.schedule(conn, schedule)
    async with hub.database.read() as conn:
        hub.brakes = await brakes.fetch(conn, hub.brakes)
        hub.budgets.share(await quotas.shares(conn))
    return await show(hub)


def _changeable() -> list[str]:
    groups = {brakes.BRAKES: MEANS, retention.KEEP: KEPT, quotas.QUOTA: SHARES, verifying.SETTING: VERIFIED}
    return [f"{group}.{name}" for group, names in groups.items() for name in names]


def _amount(brake: str, text: str) -> float:
    """ValueError says what was expected."""
    share = brake.endswith("_share")
    expected = "a share from 0 to 1" if share else "a number, 0 or more"
    with suppress(ValueError):
        amount = float(text) if share else int(text)
        if amount >= 0 and (not share or amount <= 1):
            return amount
    raise ValueError(expected)


def _days(text: str) -> int:
    """ValueError says what was expected."""
    with suppress(ValueError):
        if LEAST_DAYS <= int(text) <= MOST_DAYS:
            return int(text)
    raise ValueError(f"days, from {LEAST_DAYS} to {MOST_DAYS}")


def _often(text: str) -> Schedule | None:
    """An interval, or a cron expression; None for `off`. ValueError says what was expected."""
    text = " ".join(text.split())
    if text == OFF:
        return None
    schedule = Schedule(cron=text)
    if len(text.split()) == 1:
        with suppress(BadInput):
            schedule = Schedule(every=interval_of(text))
    if wrong(schedule):
        raise ValueError(f'{OFF}, an interval like 7d or 12h, or times like "0 3 * * sun" (UTC)')
    return schedule


def _verified(often: Schedule | None) -> Setting:
    value = OFF if often is None else often.cron or interval_text(often.every or 0)
    source = "default" if often == verifying.WEEKLY else "changed"
    return Setting(f"{verifying.SETTING}.every", value, source, VERIFIED["every"])


def _described(d: Described, hub: Hub) -> Setting:
    """A setting of the environment; where it says nothing, what holds instead."""
    if d.source == "environment":
        return Setting(d.name, d.value, d.variable, d.means)
    instead = {
        "home": (str(hub.home), "named"),
        "database_url": (str(hub.home / homes.DATABASE), "home"),
        "secret_key": (f"({homes.KEY_FILE})", "home"),
    }
    value, source = instead.get(d.name, (d.value, "default"))
    return Setting(d.name, value, source, d.means)


def _brakes_of(held: Brakes) -> list[Setting]:
    return [_own(brakes.BRAKES, f.name, held, Brakes(), MEANS) for f in fields(held)]


def _kept(held: Keep) -> list[Setting]:
    return [_own(retention.KEEP, f.name, held, Keep(), KEPT) for f in fields(held)]


def _own(group: str, name: str, held: object, usual: object, means: Mapping[str, str]) -> Setting:
    value = getattr(held, name)
    source = "default" if value == getattr(usual, name) else "changed"
    return Setting(f"{group}.{name}", str(value), source, means[name])


def _stored(name: str, value: object) -> list[Setting]:
    if name in (brakes.BRAKES, retention.KEEP, retention.PLACES, quotas.QUOTA, verifying.SETTING, refusals.SETTING):
        return []  # shown one by one, or elsewhere; or of no use to people
    agreed, _, connection = name.partition("/")
    if agreed == "allowance" and isinstance(value, dict):
        said = ", ".join(f"{n} {what}" for what, n in value.items())
        return [Setting(f"allowed once.{connection}", said, "store", "beyond the brakes, for the next run")]
    return [Setting(name, str(value), "store", STORED.get(name, ""))]
