"""The settings the hub runs under, and where each comes from."""

from __future__ import annotations

from dataclasses import dataclass, fields

from hub.domain.policy import Brakes
from hub.operations import home as homes
from hub.store import settings as store
from sync_jobs.hub import KEY_FILE, KEY_VARIABLE, Hub

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
    """`source`: default, store, environment, or a file. Secrets show only where they come from."""

    name: str
    value: str
    source: str
    means: str


@dataclass(frozen=True, slots=True)
class Settings:
    settings: tuple[Setting, ...]


async def show(hub: Hub) -> Settings:
    """Everything that decides how the hub behaves, beside the connections and the mapping documents."""
    key = (KEY_VARIABLE, "environment") if homes.key_in_environment() else (KEY_FILE, "file")
    rows = [
        Setting("home", str(hub.home), "named", "the folder of the database, the key and your mapping documents"),
        Setting("database", hub.database.dialect, "home", "where the store lives"),
        Setting("master key", f"({key[0]})", key[1], "seals the secrets of the connections"),
        *_brakes(hub.brakes),
    ]
    async with hub.database.read() as conn:
        stored = await store.all(conn)
    rows += [_stored(name, value) for name, value in stored.items()]
    return Settings(tuple(rows))


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
