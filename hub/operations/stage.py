"""The stage of the demo: four sandboxes with the same people, a fresh home, and the acts of their users."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from hub.domain.golden import Golden
from hub.domain.keys import Address
from hub.domain.link import Link, LinkState
from hub.domain.values import Value
from hub.operations import connections, sandboxes
from hub.operations.sandboxes import Serving
from hub.sdk.sandbox import People, SandboxOptions
from hub.store import golden, links
from sync_jobs.hub import Hub

VENDORS = ("salesforce", "hubspot", "mailchimp", "google_ads")
CONTESTED = ("title", "phone", "company_name", "city", "family_name")
"""Fields that people of several systems edit at once, as far as the systems' mappings write them both ways."""
WORDS = {
    "title": ("Head of Demand Generation", "VP Marketing", "Director of Growth", "Chief Marketing Officer"),
    "phone": ("+1 212 555 0147", "+1 312 555 0162", "+1 415 555 0188", "+1 617 555 0125"),
    "company_name": ("Northwind Labs", "Northwind Laboratories Inc.", "Northwind", "Northwind Group"),
    "city": ("Lisbon", "Porto", "Braga", "Faro"),
    "family_name": ("Ashworth", "Ashworth-Lee", "Quartermaine", "Ashworth Quartermaine"),
}
CONTESTS = 6


@dataclass(frozen=True, slots=True)
class Edit:
    """One person at one vendor typed `value` into a field."""

    entity_id: str
    field: str
    address: Address
    value: Value


@dataclass(frozen=True, slots=True)
class Known:
    """An entity with exactly one living record in each of several systems, all of which its e-mail finds."""

    golden: Golden
    records: Mapping[str, Link]


@dataclass(frozen=True, slots=True)
class Stage:
    home: Path
    serving: Mapping[str, Serving] = field(repr=False)

    def people(self, connection: str) -> People:
        return self.serving[connection].sandbox.people


@contextmanager
def staged(people: int, seed: int) -> Iterator[Stage]:
    """Starts the sandboxes on free loopback ports, with a home in a temporary folder; all of it ends with the block."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="hub-demo-"))
        serving = {}
        for name in VENDORS:
            serving[name] = sandboxes.start(name, SandboxOptions(seed=seed, people=people))
            stack.callback(serving[name].running.stop)
        yield Stage(Path(folder) / "home", serving)


async def connect(hub: Hub, stage: Stage) -> None:
    """Connects each sandbox as an operator would, read-only."""
    for name, serving in stage.serving.items():
        await connections.add(
            hub,
            name,
            name,
            base_url=serving.up.base_url,
            settings=sandboxes.as_said(serving.up.settings),
            secrets=serving.up.secrets,
        )


async def shared_people(hub: Hub, stage: Stage, most: int) -> list[Known]:
    """People that several systems know, those that most systems know first."""
    found: dict[int, list[Known]] = defaultdict(list)
    async with hub.database.read() as conn:
        async for batch in golden.each(conn, "contact"):
            owned = await links.by_entities(conn, [g.entity_id for g in batch])
            for record in batch:
                known = _known(stage, record, owned.get(record.entity_id, ()))
                if len(known.records) > 1 and len(found[len(known.records)]) < most:
                    found[len(known.records)].append(known)
    return [known for count in sorted(found, reverse=True) for known in found[count]][:most]


def _known(stage: Stage, record: Golden, owned: Sequence[Link]) -> Known:
    per_system: dict[str, list[Link]] = defaultdict(list)
    for link in owned:
        if link.state is LinkState.LIVE:
            per_system[link.address.connection].append(link)
    email = str(record.values.get("email") or "")
    return Known(
        record,
        {
            name: of_it[0]
            for name, of_it in sorted(per_system.items())
            if email and len(of_it) == 1 and stage.people(name).find(email) == of_it[0].address.remote_id
        },
    )


def edit_at_once(hub: Hub, stage: Stage, shared: Sequence[Known]) -> list[Edit]:
    """For each person, users of several systems type at the same moment: all into one field; into different fields;
    all but those of the most trusted system."""
    edits: list[Edit] = []
    for turn, known in enumerate(shared[:CONTESTS]):
        for place, (link, name) in enumerate(_typed(hub, known, turn)):
            value = WORDS[name][(turn + place) % len(WORDS[name])]
            lens = hub.connection(link.address.connection).lenses[link.address.stream]
            stage.people(link.address.connection).edit(link.address.remote_id, lens.put({name: value}, {}, None).values)
            edits.append(Edit(known.golden.entity_id, name, link.address, value))
    return edits


def _typed(hub: Hub, known: Known, turn: int) -> list[tuple[Link, str]]:
    """Which records of a person are edited, and in which field."""
    fields = {name: _writable(hub, known, name) for name in CONTESTED}
    most = max(len(links) for links in fields.values())
    shared = [name for name, links in fields.items() if len(links) == most]
    name = shared[turn % len(shared)]
    by_trust = sorted(fields[name], key=lambda k: hub.connection(k.address.connection).connection.rank)
    if turn % 3 == 1:
        apart = [(link, shared[(turn + n) % len(shared)]) for n, link in enumerate(by_trust)]
        return sorted(apart, key=lambda typed: typed[1])
    if turn % 3 == 2 and len(by_trust) > 2:
        return [(link, name) for link in by_trust[1:]]
    return [(link, name) for link in by_trust]


def _writable(hub: Hub, known: Known, name: str) -> list[Link]:
    """The records of this person in which people can type the field and the hub reads it."""
    chosen = []
    for link in known.records.values():
        policy = hub.connection(link.address.connection).policy(link.address.stream).fields.get(name)
        if policy is not None and policy.direction.reads and policy.direction.writes and not policy.part:
            chosen.append(link)
    return chosen


def opt_out(stage: Stage, known: Known, system: str) -> Address:
    """The person unsubscribes in one system."""
    address = known.records[system].address
    stage.people(system).opt_out(address.remote_id)
    return address
