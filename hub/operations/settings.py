"""The settings the hub runs under, and where each comes from."""

from __future__ import annotations

from dataclasses import dataclass, fields

from hub import settings as environment
from hub.domain.policy import Brakes
from hub.operations import home as homes
from hub.settings import Described
from hub.store import settings as store
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
    rows = [_described(d, hub) for d in environment.describe()] + _brakes(hub.brakes)
    async with hub.database.read() as conn:
        stored = await store.all(conn)
    rows += [_stored(name, value) for name, value in stored.items()]
    return Settings(tuple(rows))


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


def _brakes(brakes: Brakes) -> list[Setting]:
    usual = Brakes()
    return [
        Setting(
            f"brakes.{f.name}",
            str(getattr(brakes, f.name)),
            "default" if getattr(brakes, f.name) == getattr(usual, f.name) else "changed",
            MEANS[f.name],
        )
        for f in fields(brakes)
    ]


def _stored(name: str, value: object) -> Setting:
    agreed, _, connection = name.partition("/")
    if agreed == "allowance" and isinstance(value, dict):
        said = ", ".join(f"{n} {what}" for what, n in value.items())
        return Setting(f"allowed once.{connection}", said, "store", "beyond the brakes, for the next run")
    return Setting(name, str(value), "store", "")
