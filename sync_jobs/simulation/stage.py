"""The stage: three vendors with different manners, a clock that steps, a network with mishaps, a hub that may die."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

from connectors.unruly.sandbox import TOKEN, Manners, Unruly
from hub.domain.connection import Connection
from hub.domain.moments import iso
from hub.domain.policy import Brakes
from hub.sdk.sandbox import SandboxOptions
from hub.sdk.world import EPOCH
from hub.store import connections, secrets
from hub.transport.mishaps import Belated, Killed, Mishap, Mishaps
from sync_jobs.hub import Hub

VENDORS: dict[str, Manners] = {
    "alpha": Manners(shows_record=False, whole_seconds=True),
    "beta": Manners(case="upper", unique_email=True, mints_ids=True, whole_batches=True),
    "gamma": Manners(case="lower", trims=True, upserts_by_key=True, unique_email=True, shows_deletes=True),
}
"""By connection, in the order of their ranks."""

MISHAPS: dict[str, Sequence[tuple[Mishap, float]]] = {
    "none": (),
    "light": (
        (Mishap.REPLY_LOST, 0.03),
        (Mishap.FAILS_BEFORE, 0.02),
        (Mishap.NEVER_SENT, 0.02),
        (Mishap.SLOW_DOWN, 0.02),
    ),
    "heavy": (
        (Mishap.REPLY_LOST, 0.10),
        (Mishap.FAILS_BEFORE, 0.04),
        (Mishap.FAILS_AFTER, 0.05),
        (Mishap.NEVER_SENT, 0.04),
        (Mishap.SLOW_DOWN, 0.04),
        (Mishap.CUT_SHORT, 0.04),
        (Mishap.HTML, 0.02),
        (Mishap.DIES_BEFORE, 0.02),
        (Mishap.DIES_AFTER, 0.04),
    ),
}


@dataclass(slots=True)
class Stage:
    """`chance` decides everything; `healed` ends all mishaps; `notes` is the trace. The store is a file in the home
    unless `database_url` says where an empty one is."""

    home: Path
    chance: Random
    faults: str = "light"
    database_url: str | None = None
    vendors: dict[str, Unruly] = field(default_factory=dict)
    now: datetime = EPOCH
    healed: bool = False
    notes: list[str] = field(default_factory=list)
    hub: Hub | None = None
    script: dict[tuple[str, str], list[Mishap]] = field(default_factory=dict)
    belated: dict[str, Belated] = field(default_factory=dict)
    deaths: int = 0
    _serial: int = 0

    @classmethod
    async def set(
        cls,
        home: Path,
        chance: Random,
        faults: str = "light",
        manners: dict[str, Manners] | None = None,
        database_url: str | None = None,
    ) -> Stage:
        stage = cls(home, chance, faults, database_url)
        for name, manner in (manners or VENDORS).items():
            stage.vendors[name] = Unruly(SandboxOptions(clock=stage.clock), manner, prefix=name[0])
        await stage.open()
        assert stage.hub is not None
        async with stage.hub.database.write() as conn:
            for rank, (name, vendor) in enumerate(stage.vendors.items()):
                settings = dict(vendor.connection().settings)
                row = Connection(
                    name, "unruly", "http://unruly.invalid", settings, writes=True, rank=rank, created_at=iso(EPOCH)
                )
                await connections.add(conn, row)
                await secrets.put(conn, stage.hub.vault, name, {"token": TOKEN}, iso(EPOCH))
        await stage.hub.wire()
        return stage

    def clock(self) -> datetime:
        return self.now

    def step(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    async def open(self) -> None:
        """Starts the hub, as after a crash: nothing but the store is left of the old one."""
        transports = {
            name: Mishaps(v.app, self._chooser(name), clock=self.clock, belated=self.belated.setdefault(name, []))
            for name, v in self.vendors.items()
        }
        self.hub = await Hub.open(
            self.home,
            clock=self.clock,
            transports=transports,
            database_url=self.database_url,
            sleep=self._sleep,
            jitter=lambda: 0.5,
        )
        self.hub.new_id = self._new_id  # type: ignore[method-assign]
        self.hub.brakes = replace(Brakes(), creates=10_000, clears=10_000, removes=10_000)

    async def reopen(self) -> None:
        self.deaths += 1
        if self.hub is not None:
            with suppress(Exception):
                await self.hub.close()
        await self.open()

    async def close(self) -> None:
        if self.hub is not None:
            await self.hub.close()

    async def _sleep(self, seconds: float) -> None:
        self.step(seconds)

    def _new_id(self, prefix: str) -> str:
        self._serial += 1
        return f"{prefix}_{self._serial:06d}"

    def _chooser(self, name: str) -> Callable[[str, str], Mishap]:
        def choose(method: str, path: str) -> Mishap:
            mishap = self._mishap(name, path)
            self.notes.append(f"{iso(self.now)} {name} {method} {path} {mishap.value}")
            return mishap

        return choose

    def _mishap(self, name: str, path: str) -> Mishap:
        scripted = self.script.get((name, path))
        if scripted:
            return scripted.pop(0)
        if self.healed:
            return Mishap.NONE
        roll = self.chance.random()
        for mishap, share in MISHAPS[self.faults]:
            roll -= share
            if roll < 0:
                return mishap
        return Mishap.NONE


__all__ = ["VENDORS", "Killed", "Mishap", "Stage"]
