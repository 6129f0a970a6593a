"""The main job from nothing to proof: four sandboxes, one store, edits everywhere at once, agreement at the end."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from hub.domain.consent import ConsentState
from hub.domain.keys import Address
from hub.domain.values import Value
from hub.operations import connections, explain, home, stage
from hub.operations.plan import Planned, plan
from hub.operations.stage import Edit, Known, Stage
from hub.operations.sync import ConnectionCounts, Synced, sync
from hub.operations.verify import Verified, verify
from hub.store import golden, links, observations
from sync_jobs.counts import Progress
from sync_jobs.hub import Hub

PARKED_MOST = 8
"""How often the demo agrees to a parked run before it gives up."""
LAG_MOST = 15
"""Seconds that the demo waits for a vendor's list to show what its people typed."""


@dataclass(frozen=True, slots=True)
class Said:
    """What somebody typed at one system."""

    system: str
    value: Value


@dataclass(frozen=True, slots=True)
class Contest:
    """A field that people edited, in one or several systems at once. `winner` is the system whose word the golden
    record holds (`earlier`: it had said so before, and nobody edited it there now); `why` says why the others lost."""

    person: str
    entity_id: str
    field: str
    said: tuple[Said, ...]
    winner: str
    earlier: bool
    value: Value
    rule: str
    why: str


@dataclass(frozen=True, slots=True)
class OptOut:
    """A person unsubscribed in one system; `reached` are the others that now hold it, `missed` those that don't."""

    person: str
    entity_id: str
    said_in: str
    reached: tuple[str, ...]
    missed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Agreement:
    agree: int
    differ: int
    unknown: int


@dataclass(frozen=True, slots=True)
class Demo:
    """`people`: persons of the world; `records`: contact records at the vendors at first; `golden`: the people the hub
    made of them. `connections`: counts of all syncs; `second_run_writes`: writes of a further sync after quiet.
    `wrong` says what was not as it should be."""

    ok: bool
    people: int
    records: int
    golden: int
    connections: Mapping[str, Mapping[str, int]]
    edits: tuple[Contest, ...]
    opt_out: OptOut | None
    second_run_writes: int
    verify: Agreement
    api_calls: int
    seconds: float
    wrong: tuple[str, ...]


class Story(Protocol):
    """Told each step as it happens; the command line draws it."""

    def started(self, stage: Stage) -> None: ...
    def read(self, synced: Synced, records: int, people: int) -> None: ...
    def planned(self, planned: Planned) -> None: ...
    def allowed(self, names: Sequence[str], beyond: Mapping[str, Mapping[str, int]]) -> None: ...
    def wrote(self, synced: Synced) -> None: ...
    def edited(self, edits: Sequence[Edit], people: Mapping[str, str], opted_out: Address | None) -> None: ...
    def settled(self, synced: Synced, contests: Sequence[Contest], opt_out: OptOut | None) -> None: ...
    def verified(self, verified: Verified) -> None: ...
    def again(self, synced: Synced) -> None: ...


async def play(on: Stage, people: int, story: Story, progress: Progress) -> Demo:
    """Plays the whole demo on a stage."""
    began = time.monotonic()
    story.started(on)
    await home.init(on.home)
    async with home.opened(on.home, alone=True) as hub:
        return await _Play(hub, on, people, story, progress, began).all()


@dataclass(slots=True)
class _Play:
    hub: Hub
    on: Stage
    people: int
    story: Story
    progress: Progress
    began: float

    async def all(self) -> Demo:
        await stage.connect(self.hub, self.on)
        first = await sync(self.hub, None, until_quiet=True, progress=self.progress)
        records = await self._records()
        async with self.hub.database.read() as conn:
            made = await golden.count(conn, "contact")
        self.story.read(first, records, made)
        wrote = await self._write()
        self.story.wrote(wrote)
        settled, contests, opted = await self._edit()
        found = await verify(self.hub, None, self.progress)
        self.story.verified(found)
        again = await sync(self.hub, None, until_quiet=True, progress=self.progress)
        self.story.again(again)
        async with self.hub.database.read() as conn:
            made = await golden.count(conn, "contact")
        syncs = [first, wrote, settled, again]
        wrong = tuple(_wrong(syncs, records, made, contests, opted, found, again))
        return Demo(
            ok=not wrong,
            people=self.people,
            records=records,
            golden=made,
            connections=total(syncs),
            edits=tuple(contests),
            opt_out=opted,
            second_run_writes=again.writes,
            verify=Agreement(found.agree, found.differ, found.unknown),
            api_calls=sum(s.api_calls for s in syncs) + found.api_calls,
            seconds=round(time.monotonic() - self.began, 1),
            wrong=wrong,
        )

    async def _records(self) -> int:
        """How many records of contacts the vendors hold."""
        count = 0
        async with self.hub.database.read() as conn:
            for wired in self.hub.wired.values():
                for name in wired.streams():
                    if wired.lenses[name].entity == "contact":
                        count += (await observations.count(conn, wired.name, name)).live
        return count

    async def _write(self) -> Synced:
        """Shows the plan, allows writing, and agrees, visibly, to what the brakes would stop."""
        planned = await plan(self.hub, None)
        self.story.planned(planned)
        names = [name for name, wired in self.hub.wired.items() if wired.sinks()]
        synced: Synced | None = None
        for _ in range(PARKED_MOST):
            beyond: dict[str, dict[str, int]] = {}
            for brake in planned.brakes:
                beyond.setdefault(brake.connection, {})[brake.what] = brake.planned
            for name in names:
                await connections.set_writes(self.hub, name, True, beyond_brakes=beyond.get(name))
            self.story.allowed(names if synced is None else list(beyond), beyond)
            further = await sync(self.hub, None, until_quiet=True, progress=self.progress)
            synced = further if synced is None else joined(synced, further)
            if not further.parked:
                break
            planned = await plan(self.hub, None)
        assert synced is not None
        return synced

    async def _edit(self) -> tuple[Synced, list[Contest], OptOut | None]:
        shared = await stage.shared_people(self.hub, self.on, stage.CONTESTS + 1)
        edits = stage.edit_at_once(self.hub, self.on, shared[: stage.CONTESTS])
        quitter = next((k for k in reversed(shared) if "mailchimp" in k.records and not _denied(k)), None)
        opted = stage.opt_out(self.on, quitter, "mailchimp") if quitter is not None else None
        self.story.edited(edits, {k.golden.entity_id: person(k) for k in shared}, opted)
        settled = await self._until_heard(edits, shared)
        held = [
            await self._contest(known, name, [e for e in mine if e.field == name])
            for known in shared
            if (mine := [e for e in edits if e.entity_id == known.golden.entity_id])
            for name in dict.fromkeys(e.field for e in mine)
        ]
        outcome = await self._opted(quitter) if quitter is not None else None
        self.story.settled(settled, held, outcome)
        return settled, held, outcome

    async def _until_heard(self, edits: Sequence[Edit], shared: Sequence[Known]) -> Synced:
        """Syncs until every edit was read: some vendors' lists show a change only after a while."""
        before = {link.address: link for known in shared for link in known.records.values()}
        settled = await sync(self.hub, None, until_quiet=True, progress=self.progress)
        for _ in range(LAG_MOST):
            async with self.hub.database.read() as conn:
                now = await links.by_address(conn, [e.address for e in edits])
            unheard = [
                e
                for e in edits
                if e.address in now and now[e.address].said.get(e.field) == before[e.address].said.get(e.field)
            ]
            if not unheard:
                break
            await asyncio.sleep(1)
            further = await sync(self.hub, None, until_quiet=True, progress=self.progress)
            settled = joined(settled, further)
        return settled

    async def _contest(self, known: Known, name: str, edits: Sequence[Edit]) -> Contest:
        told = await explain.explain(self.hub, "contact", known.golden.entity_id, name)
        field = told.fields[0]
        edited = {explain.source_of(e.address): e.address.connection for e in edits}
        return Contest(
            person=person(known),
            entity_id=known.golden.entity_id,
            field=name,
            said=tuple(Said(e.address.connection, e.value) for e in edits),
            winner=field.source.split("/")[0],
            earlier=field.source not in edited,
            value=field.value,
            rule=field.rule,
            why=_lost([(edited[v.source], v.why) for v in field.voices if v.source in edited and not v.wins]),
        )

    async def _opted(self, known: Known) -> OptOut:
        """Asks each system itself, not the store, whether the denial arrived."""
        told = await explain.explain(self.hub, "contact", known.golden.entity_id, "consent.email")
        reached: list[str] = []
        missed: list[str] = []
        for copy in told.copies:
            if copy.connection == "mailchimp" or copy.state != "live":
                continue
            raw = self.on.people(copy.connection).get(copy.remote_id)
            lens = self.hub.connection(copy.connection).lenses[copy.stream]
            reading = lens.get(raw, None).consent.get("email") if raw is not None else None
            if reading is not None:
                (reached if reading.state == ConsentState.DENIED.value else missed).append(copy.connection)
        return OptOut(person(known), known.golden.entity_id, "mailchimp", tuple(reached), tuple(missed))


def _lost(losers: Sequence[tuple[str, str]]) -> str:
    """Why systems lost, those with the same reason together: "hubspot, mailchimp rank below salesforce"."""
    groups: dict[str, list[str]] = {}
    for system, why in losers:
        groups.setdefault(why.removeprefix(f"{system} "), []).append(system)
    said = []
    for why, systems in groups.items():
        verb = why.replace("ranks", "rank", 1) if len(systems) > 1 else why
        said.append(f"{', '.join(systems)} {verb}")
    return "; ".join(said)


def person(known: Known) -> str:
    """A name for the screen."""
    values = known.golden.values
    return " ".join(str(v) for v in (values.get("given_name"), values.get("family_name")) if v) or "somebody"


def _denied(known: Known) -> bool:
    """Whether the person had unsubscribed before."""
    consent = known.golden.consent.get("email")
    return consent is not None and consent.state is ConsentState.DENIED


def total(syncs: Sequence[Synced]) -> dict[str, dict[str, int]]:
    """The counts of several syncs by connection."""
    sums: dict[str, Counter[str]] = {}
    for synced in syncs:
        for name, done in synced.connections.items():
            sums.setdefault(name, Counter()).update(done.counts)
    return {name: dict(counts) for name, counts in sums.items()}


def joined(one: Synced, further: Synced) -> Synced:
    """Two syncs as one: the counts of both, the verdict of the later."""
    sums = total([one, further])
    counts: dict[str, ConnectionCounts] = {
        name: replace(done, counts=sums[name]) for name, done in further.connections.items()
    }
    return replace(further, rounds=one.rounds + further.rounds, connections=counts)


def _wrong(
    syncs: Sequence[Synced],
    records: int,
    made: int,
    contests: Sequence[Contest],
    opted: OptOut | None,
    found: Verified,
    again: Synced,
) -> list[str]:
    """Everything that keeps the demo from being a success, each a sentence."""
    wrong = []
    for synced in syncs:
        wrong += [f"{name} failed: {why}" for name, why in synced.failed.items()]
    wrong += [f"{name} is parked: {why}" for name, why in syncs[-1].parked.items()]
    wrong += ["the last sync did not come to rest"] if not again.quiet else []
    wrong += [f"{again.writes} writes in a sync after quiet"] if again.writes else []
    wrong += [f"{found.differ} records differ from the store"] if found.differ else []
    wrong += [f"{name} could not be verified: {why}" for name, why in found.failed.items()]
    wrong += [f"{made} golden people of {records} records: no duplicate was resolved"] if made >= records else []
    wrong += ["nobody was found in several systems to edit"] if not contests else []
    if opted is not None:
        wrong += [f"the opt-out did not reach {name}" for name in opted.missed]
    return wrong
