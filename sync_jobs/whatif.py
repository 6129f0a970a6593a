"""The plan of an edit: every cell that publishing would change, in every system, before anything moves.

Both sets of rules judge the stored observations; nothing is asked of a vendor and nothing is kept but the promise.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, TypeAlias

from hub.domain.golden import Golden, GoldenState
from hub.domain.keys import Address
from hub.domain.plan import Change, Op
from hub.domain.version import KeptPlan, MappingVersion
from hub.engine.guard import Tally, Tripped, guard
from hub.engine.hear import CONSENT
from hub.store import links, mappings
from hub.store.database import Transaction
from sync_jobs import brakes, garbage
from sync_jobs.counts import Progress, Silent
from sync_jobs.foresight import Foresight, Refusal
from sync_jobs.hub import Hub
from sync_jobs.narrow import Narrow, narrow_fields
from sync_jobs.proposal import Proposal, bases_of, propose
from sync_jobs.suspicion import Reading, entities, questions, records, resurvived
from sync_jobs.unread import Unread, unread
from sync_jobs.verdicts import Verdict, Verdicts, judge_edit

BULK = 25
"""Creates beyond this are a class of their own, that a person has to allow."""
LISTED = 1_000
"""Rows, refusals and issues that a plan lists unless asked for more; all are counted."""

Listener: TypeAlias = Callable[[Change], None]


@dataclass(slots=True)
class Share:
    """What one system would be told. `cells` by field, `clears` those among them that lose their value."""

    creates: int = 0
    updates: int = 0
    removes: int = 0
    clears: int = 0
    consents: int = 0
    withdrawn: int = 0
    calls: int = 0
    cells: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class EditPlan:
    """`shares` by (connection, stream); `golden` counts canonical values that change, by field; `merges`: people who
    would turn out to be one; `complaints`: values that could not be read, by field (more, fewer)."""

    versions: Mapping[str, MappingVersion]
    bases: Mapping[str, MappingVersion]
    shares: dict[tuple[str, str], Share] = field(default_factory=dict)
    rows: list[Change] = field(default_factory=list)
    total: int = 0
    golden: Counter[str] = field(default_factory=Counter)
    merges: int = 0
    refusals: list[Refusal] = field(default_factory=list)
    refused: int = 0
    opened: Counter[str] = field(default_factory=Counter)
    closed: Counter[str] = field(default_factory=Counter)
    tallies: dict[str, Tally] = field(default_factory=dict)
    tripped: dict[str, tuple[Tripped, ...]] = field(default_factory=dict)
    unread: tuple[Unread, ...] = ()
    judged: int = 0
    _sum: int = 0

    @property
    def empty(self) -> bool:
        return not (self.total or self.golden or self.merges or any(s.withdrawn for s in self.shares.values()))

    @property
    def destructive(self) -> dict[str, int]:
        """Classes that a person has to allow by name, and how many of each."""
        shares = self.shares.values()
        creates = sum(s.creates for s in shares)
        found = {
            "creates": creates if creates > BULK else 0,
            "clears": sum(s.clears for s in shares),
            "deletes": sum(s.removes for s in shares),
            "merges": self.merges,
        }
        return {name: n for name, n in found.items() if n}

    @property
    def counts(self) -> dict[str, int]:
        """What the plan promises, to hold a later look against."""
        found = {
            f"{connection}/{stream} {what}": n
            for (connection, stream), s in sorted(self.shares.items())
            for what, n in (
                ("creates", s.creates),
                ("updates", s.updates),
                ("deletes", s.removes),
                ("clears", s.clears),
                ("consents", s.consents),
            )
            if n
        }
        return found | ({"merges": self.merges} if self.merges else {})

    @property
    def hash(self) -> str:
        """The same for the same cells of the same documents, in whatever order they were found."""
        said = [self._sum, sorted((n, v.hash) for n, v in self.versions.items())]
        said += [sorted((n, v.version) for n, v in self.bases.items()), sorted(self.golden.items()), self.merges]
        return blake2b(repr(said).encode(), digest_size=8).hexdigest()

    def kept(self, at: str) -> KeptPlan:
        return KeptPlan(
            self.hash,
            {n: v.version for n, v in self.versions.items()},
            {n: v.version for n, v in self.bases.items()},
            {n: v.hash for n, v in self.versions.items()},
            self.counts,
            at,
        )

    def add(self, change: Change, limit: int | None) -> None:
        share = self.shares.setdefault((change.connection, change.stream), Share())
        share.creates += change.op is Op.CREATE
        share.updates += change.op is Op.UPDATE
        share.removes += change.op is Op.REMOVE
        share.clears += change.clears if change.op is Op.UPDATE else 0
        share.consents += sum(c.field.startswith(CONSENT) for c in change.cells)
        share.cells.update(c.field for c in change.cells)
        self.total += 1
        self._sum = (self._sum + _digest(change)) % (1 << 128)
        if limit is None or len(self.rows) < limit:
            self.rows.append(change)


def _digest(change: Change) -> int:
    cells = sorted((c.field, repr(c.after)) for c in change.cells)
    said = (change.connection, change.stream, change.entity_id, change.remote_id, change.op.value, change.part, cells)
    return int.from_bytes(blake2b(repr(said).encode(), digest_size=16).digest())


async def plan_edit(
    hub: Hub,
    versions: Mapping[str, MappingVersion],
    *,
    limit: int | None = LISTED,
    listener: Listener | None = None,
    progress: Progress | None = None,
) -> EditPlan:
    """Plans the publishing of these versions, by name. `listener` is told every row, however many; the plan lists
    `limit` of them. The plan's promise is kept, so that it can be published by its hash."""
    garbage.spare()
    async with hub.database.read() as conn:
        bases = await bases_of(conn, versions)
        proposal = propose(hub, versions, bases)
        planning = _Planning(hub, proposal, EditPlan(versions, bases), limit, listener, progress or Silent())
        await planning.all(conn)
    async with hub.database.write() as conn:
        await mappings.keep_plan(conn, planning.plan.kept(hub.now_text()))
    return planning.plan


@dataclass(slots=True)
class _Planning:
    hub: Hub
    proposal: Proposal
    plan: EditPlan
    limit: int | None
    listener: Listener | None
    progress: Progress
    foresight: Foresight = field(init=False)
    done: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.foresight = Foresight(self.proposal.new)

    async def all(self, conn: Transaction) -> None:
        for entity in self.proposal.entities:
            fields = narrow_fields(self.proposal, entity)
            narrow = Narrow(conn, self.proposal, entity, fields) if fields is not None else None
            async for ids, readings in self._suspects(conn, entity):
                await self._batch(conn, entity, narrow, ids, readings)
        for (connection, stream), calls in self.foresight.calls.items():
            self.plan.shares[connection, stream].calls = calls.total
        await self._brakes(conn)
        self.plan.unread = tuple([u for p in self.proposal.places if (u := await unread(conn, p)) is not None])

    async def _suspects(
        self, conn: Transaction, entity: str
    ) -> AsyncIterator[tuple[list[str], Mapping[Address, Reading]]]:
        """Entities that the edit may concern, with what their records show where that is known already."""
        for place in self.proposal.places:
            if place.entity == entity and place.edit.rereads:
                async for found in records(conn, place):
                    yield found.ids, found.readings
                    self.progress.update("plan", place.connection, place.stream, {"read": self.plan.judged}, None)
        asked = [q for p in self.proposal.places if p.entity == entity for q in questions(conn, p)]
        asked += [resurvived(conn, r) for r in self.proposal.resurvived if r.entity == entity]
        async for ids in entities(asked):
            yield ids, {}

    async def _batch(
        self,
        conn: Transaction,
        entity: str,
        narrow: Narrow | None,
        ids: Sequence[str],
        readings: Mapping[Address, Reading],
    ) -> None:
        fresh = [i for i in ids if hash(i) not in self.done]
        self.done.update(map(hash, fresh))
        if not fresh:
            return
        self.plan.judged += len(fresh)
        if narrow is not None:
            for address, reading in readings.items():
                if reading.sight.before.keys() != reading.sight.after.keys():
                    self._unreadable(address.connection, address.stream, reading.shown.raw)
            done, fresh = await narrow.verdicts(fresh, readings)
            await self._verdicts(conn, done)
        verdicts = await judge_edit(conn, self.proposal, entity, fresh) if fresh else Verdicts()
        for judged in verdicts.judged:
            self.plan.merges += len(judged.identities.merged)
            for seen in judged.batch.seen:
                self._unreadable(judged.batch.wired.name, judged.batch.stream, seen.raw)
        await self._verdicts(conn, verdicts.all)

    async def _verdicts(self, conn: Transaction, verdicts: Sequence[Verdict]) -> None:
        for verdict in verdicts:
            self._golden(verdict)
            for change in verdict.lost:
                self.plan.shares.setdefault((change.connection, change.stream), Share()).withdrawn += 1
        foreseen = await self.foresight.of(conn, [c for v in verdicts for c in v.gained])
        for change in foreseen.changes:
            self.plan.add(change, self.limit)
            if self.listener is not None:
                self.listener(change)
        self.plan.refused += len(foreseen.refusals)
        self.plan.refusals += foreseen.refusals[: max(LISTED - len(self.plan.refusals), 0)]

    def _unreadable(self, connection: str, stream: str, raw: Mapping[str, Any]) -> None:
        """Values that could be read and no more can, and the other way round."""
        old = self.proposal.old.wired[connection].lenses[stream]
        new = self.proposal.new.wired[connection].lenses[stream]
        before = {c.field for c in old.get(raw).complaints}
        after = {c.field for c in new.get(raw).complaints}
        self.plan.opened.update(after - before)
        self.plan.closed.update(before - after)

    def _golden(self, verdict: Verdict) -> None:
        old, new = verdict.before.golden, verdict.after.golden
        if old is None or new is None or old is new or new.state is GoldenState.MERGED:
            return
        self.plan.golden.update(moved(old, new))

    async def _brakes(self, conn: Transaction) -> None:
        """What a run would stop at."""
        for (connection, _), share in self.plan.shares.items():
            tallied = Tally(share.creates, share.updates, share.clears, share.removes)
            self.plan.tallies[connection] = self.plan.tallies.get(connection, Tally()).plus(tallied)
        for connection, tallied in self.plan.tallies.items():
            known = await links.total(conn, connection)
            tripped = guard(tallied, known, self.hub.brakes, await brakes.allowance(conn, connection))
            if tripped:
                self.plan.tripped[connection] = tripped


def moved(old: Golden, new: Golden) -> list[str]:
    """Fields whose golden value differs."""
    names = old.values.keys() | new.values.keys()
    values = [n for n in names if old.values.get(n) != new.values.get(n)]
    channels = old.consent.keys() | new.consent.keys()
    states = [
        f"{CONSENT}{c}"
        for c in channels
        if (old.consent[c].state if c in old.consent else None) != (new.consent[c].state if c in new.consent else None)
    ]
    return sorted(values + states)
