"""The settings the hub runs under, and where each comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from hub import settings as environment
from hub.domain.policy import Brakes
from hub.errors import BadInput, Complaint
from hub.operations import home as homes
from hub.operations.nearest import unknown
from hub.settings import Described
from hub.store import settings as store
from sync_jobs import brakes
from sync_jobs.hub import Hub

MEANS = {
    "creates": "records that one run may make at a connection",
    "creates_share": "the same as a share of the records known there; the larger counts",
    "clears": "fields that one run may blank",
    "clears_share": "the same as a share",
    "removes": "records that one run may remove",
    "removes_share": "the same as a share",
}


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
    rows = [_described(d, hub) for d in environment.describe()] + _brakes_of(hub.brakes)
    async with hub.database.read() as conn:
        stored = await store.all(conn)
    rows += [setting for name, value in stored.items() for setting in _stored(name, value)]
    return Settings(tuple(rows))


async def change(hub: Hub, said: Mapping[str, str]) -> Settings:
    """Sets brakes: a number of records or fields, or a share from 0 to 1. BadInput with every complaint; then nothing
    was changed."""
    amounts: dict[str, float] = {}
    complaints: list[Complaint] = []
    for name, text in said.items():
        brake = name.removeprefix("brakes.")
        if brake not in MEANS:
            raise unknown("setting that can be set", name, [f"brakes.{b}" for b in MEANS])
        share = brake.endswith("_share")
        try:
            amount = float(text) if share else int(text)
        except ValueError:
            amount = -1
        if amount < 0 or (share and amount > 1):
            expected = "a share from 0 to 1" if share else "a number, 0 or more"
            complaints.append(Complaint(f"brakes.{brake}", f'"{text}"', expected))
        amounts[brake] = amount
    if complaints:
        raise BadInput("these settings cannot be taken; nothing was changed", complaints=tuple(complaints))
    async with hub.database.write() as conn:
        await brakes.put(conn, amounts)
    async with hub.database.read() as conn:
        hub.brakes = await brakes.fetch(conn, hub.brakes)
    return await show(hub)


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
    usual = Brakes()
    return [
        Setting(
            f"brakes.{f.name}",
            str(getattr(held, f.name)),
            "default" if getattr(held, f.name) == getattr(usual, f.name) else "changed",
            MEANS[f.name],
        )
        for f in fields(held)
    ]


def _stored(name: str, value: object) -> list[Setting]:
    if name == brakes.BRAKES:
        return []  # shown one by one
    agreed, _, connection = name.partition("/")
    if agreed == "allowance" and isinstance(value, dict):
        said = ", ".join(f"{n} {what}" for what, n in value.items())
        return [Setting(f"allowed once.{connection}", said, "store", "beyond the brakes, for the next run")]
    return [Setting(name, str(value), "store", "")]
