"""A world of people in four systems, in agreement, and what its vendors hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from hub.domain.plan import Op
from hub.domain.version import MappingVersion
from hub.operations import connections as ops
from hub.operations import home as homes
from hub.operations import stage as stages
from hub.operations.stage import Stage
from hub.store import mappings
from mappings.document import parse
from sync_jobs.hub import Hub
from sync_jobs.runner import sync
from sync_jobs.whatif import EditPlan

SYSTEMS = ("salesforce", "hubspot", "mailchimp")
"""Those that the hub writes to; google_ads is only read."""
STAMPS = ("LastModifiedDate", "SystemModstamp", "lastmodifieddate", "hs_lastmodifieddate", "last_changed", "updatedAt")
DERIVED = ("Name", "full_name")
"""What vendors change by themselves when a record changes."""

Raws = dict[tuple[str, str], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class World:
    hub: Hub
    stage: Stage

    def raws(self) -> Raws:
        """(system, record) -> what it holds; Salesforce's leads, too."""
        people = [(name, self.stage.people(name)) for name in SYSTEMS]
        people.append(("salesforce", self.stage.serving["salesforce"].sandbox.leads))  # type: ignore[attr-defined]
        return {(name, i): flat(p.get(i) or {}) for name, p in people for i in p.ids()}

    def calls(self) -> Counter[str]:
        """Requests by system, since the sandboxes were started."""
        return Counter({name: sum(self.stage.serving[name].sandbox.calls.values()) for name in SYSTEMS})

    async def settle(self) -> None:
        for _ in range(8):
            await self.agree()
            if (await sync(self.hub, until_quiet=True)).quiet:
                return
        raise AssertionError("the systems never settled")

    async def agree(self) -> None:
        """To whatever the next run would do."""
        for name in SYSTEMS:
            await ops.set_writes(
                self.hub, name, True, beyond_brakes={"creates": 10**6, "clears": 10**6, "removes": 10**6}
            )

    async def draft(self, name: str, *edits: tuple[str, str]) -> MappingVersion:
        """A draft in which each of these texts is replaced by the other."""
        async with self.hub.database.write() as conn:
            text = (await mappings.published(conn))[name].text
            for old, new in edits:
                assert old in text, f"{name} has no {old!r}"
                text = text.replace(old, new)
            return await mappings.add_draft(conn, name, text, parse(text, name).hash, who="test", why="", at="")


@asynccontextmanager
async def settled(people: int, seed: int = 3) -> AsyncIterator[World]:
    with stages.staged(people, seed) as stage:
        await homes.init(stage.home, alone=True)
        async with homes.opened(stage.home, alone=True) as hub:
            await stages.connect(hub, stage)
            world = World(hub, stage)
            await sync(hub)
            await world.settle()
            yield world


def flat(raw: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in raw.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{name}.")
        elif name not in STAMPS and name not in DERIVED:
            found[prefix + name] = value
    return found


def moved(before: Raws, after: Raws) -> set[tuple[str, str, str]]:
    """(system, record, remote field) of what changed."""
    return {
        (*where, name)
        for where in before.keys() | after.keys()
        for name in before.get(where, {}).keys() | after.get(where, {}).keys()
        if before.get(where, {}).get(name) != after.get(where, {}).get(name)
    }


def promised(hub: Hub, plan: EditPlan) -> set[tuple[str, str, str]]:
    """The same, of what the plan lists."""
    found = set()
    for change in plan.rows:
        assert change.op is Op.UPDATE, change
        assert change.remote_id is not None
        lens = hub.wired[change.connection].lenses[change.stream]
        payload = lens.put({c.field: c.after for c in change.cells})
        found |= {(change.connection, change.remote_id, path) for path in payload.values}
    return found
