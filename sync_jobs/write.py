"""Sending writes: the attempt is committed before the request leaves, and every record gets an outcome of its own."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from hub.domain.attempt import Attempt, AttemptState
from hub.domain.connection import ConnectionState
from hub.domain.keys import Address
from hub.domain.lane import Lane
from hub.domain.link import Link
from hub.domain.moments import iso
from hub.domain.outcome import Fault, FaultKind, Outcome, Status
from hub.domain.plan import Change, Op, Write
from hub.domain.telling import NEVER, Telling
from hub.domain.values import Value, Values
from hub.engine.compare import same
from hub.engine.decide import only_denies
from hub.engine.hear import CONSENT
from hub.engine.retry import retry_at
from hub.sdk.http import ContractBroken
from hub.sdk.sinks import Sink
from hub.store import attempts, connections, golden, issues, observations
from hub.store.database import Transaction
from hub.transport import lanes
from hub.transport.client import Failed
from mappings.lens import Lens
from mappings.paths import Raw
from mappings.reading import Payload
from sync_jobs import troubles
from sync_jobs.counts import Counts
from sync_jobs.hub import Hub
from sync_jobs.item import Item
from sync_jobs.look import look
from sync_jobs.pull import pull
from sync_jobs.settle import Settled, settle
from sync_jobs.slices import Slice
from sync_jobs.view import View
from sync_jobs.wiring import Wired

HOLDS = timedelta(seconds=5)
"""For how long a look is good to write upon. No vendor here lets a writer ask "only if it is as I saw it": what people
type in between is overwritten, and nobody ever reads it."""
FAILURES_MAX = 3
"""Batches in a row that fail before the push gives up for now."""
STOPPING = (FaultKind.UNAUTHORISED, FaultKind.MISCONFIGURED, FaultKind.RATE_LIMITED)


@dataclass(slots=True)
class Writer:
    hub: Hub
    wired: Wired
    stream: str
    sink: Sink
    run_id: str
    counts: Counts
    seen_at: datetime
    """When the records that are written to were looked at."""
    slice: Slice = field(default_factory=Slice.whole)
    partly: frozenset[str] = frozenset()
    """Entities of which only a part is told now: they stay due."""
    failures: int = 0
    fates: dict[str, Status] = field(default_factory=dict)
    pending: Counter[str] = field(default_factory=Counter)
    """Writes of each entity that have no outcome yet: until all have one, it counts as not told."""
    faults: dict[str, Fault | None] = field(default_factory=dict)

    @property
    def lane(self) -> Lane:
        return lanes.current()

    @property
    def lens(self) -> Lens:
        return self.wired.lenses[self.stream]

    async def write(self, seen: View, changes: Sequence[Change]) -> None:
        """Writes the changes and records how far each entity has now been told. Raises Failed when the connection
        can't go on; what was sent until then is settled."""
        if not changes:
            return
        self.fates = {c.entity_id: Status.APPLIED for c in changes}
        self.faults = {}
        items = await self._items(seen, changes)
        self.pending = Counter(item.change.entity_id for item in items)
        try:
            for group in _groups(self.sink, items):
                for start in range(0, len(group), self.sink.batch_max):
                    await self._batch(group[start : start + self.sink.batch_max], seen)
        except Failed:
            await self.told(seen, changes)
            raise
        await self.told(seen, changes)

    async def _items(self, seen: View, changes: Sequence[Change]) -> list[Item]:
        wanted = [Address(c.connection, c.stream, c.remote_id) for c in changes if c.remote_id]
        async with self.hub.database.read() as conn:
            shown = await observations.fetch(conn, wanted)
        by_address = {k.address: k for ks in seen.links.values() for k in ks}
        items, troubled = [], []
        for number, change in enumerate(changes):
            address = Address(change.connection, change.stream, change.remote_id or "")
            raw = shown[address].raw if address in shown else None
            item, complaints = self._item(change, raw, by_address.get(address), str(number))
            troubled += [troubles.untold(change, c, self.hub.now_text()) for c in complaints]
            if item is not None:
                items.append(item)
        if troubled:
            self.counts.issues += len(troubled)
            async with self.hub.database.write() as conn:
                await issues.raise_all(conn, troubled)
        return items

    def _item(
        self, change: Change, raw: Mapping[str, Any] | None, link: Link | None, token: str
    ) -> tuple[Item | None, Sequence[Any]]:
        if change.op is Op.REMOVE:
            return Item(
                change, Write(change.op, change.remote_id, change.key, {}, token, entity_id=change.entity_id), {}, raw
            ), ()
        values = {c.field: c.after for c in change.cells if not c.field.startswith(CONSENT)}
        consent = {c.field.removeprefix(CONSENT): str(c.after) for c in change.cells if c.field.startswith(CONSENT)}
        payload = self.payload(change, values, consent, raw)
        if not payload.values:
            return None, payload.complaints
        write = Write(change.op, change.remote_id, change.key, payload.values, token, change.part, change.entity_id)
        return Item(change, write, self._expect(change, raw, link, payload.values), raw), payload.complaints

    def _expect(
        self, change: Change, raw: Mapping[str, Any] | None, link: Link | None, payload: Mapping[str, Any]
    ) -> dict[str, Value]:
        """What the record should show afterwards, of every field that the payload moves, also of those derived from
        it; not of others."""
        policy = self.wired.policy(self.stream)
        told = {c.field: c.after for c in change.cells}
        echo = link.echo if link else {}
        expect: dict[str, Value] = {}
        for name, value in self.lens.expect(raw, payload).items():
            compare = policy.fields[name].compare if name in policy.fields else None
            if compare is None:
                continue
            if (name in told and same(compare, value, told[name])) or not same(compare, value, echo.get(name)):
                expect[name] = value
        expect.update({name: value for name, value in told.items() if name.startswith(CONSENT)})
        return expect

    async def _batch(self, items: Sequence[Item], seen: View) -> None:
        if self.hub.clock() - self.seen_at > HOLDS:
            moved = await self._moved(items)
            self.counts.later += len(moved)
            items = [item for item in items if item.change.entity_id not in moved]
        opened = await self._open(items, seen)
        if opened:
            await self._send(opened, seen)

    async def _open(self, items: Sequence[Item], seen: View) -> list[Item]:
        """Opens the attempts of what still holds. News that were seen or heard since, by whomever, change what is to be
        told; what another lane is just telling somebody about is not told twice at once; and an operator who paused the
        connection, or took its leave to write back, is heard before the next batch. These stay due."""
        revisions = {e: g.rev for e, g in seen.goldens.items()}
        entities = [item.change.entity_id for item in items]
        async with self.hub.database.hearing() as conn:
            row = await connections.get(conn, self.wired.name)
            if row is None or not row.writes or row.state is not ConnectionState.ACTIVE:
                return []
            current = await golden.revisions(conn, entities)
            elsewhere = await attempts.under_way(conn, entities, but=self.lane)
            news = await self._news(conn, {item.change.remote_id for item in items if item.change.remote_id})
            now = self.hub.now_text()
            opened = [
                replace(item, attempt=self._attempt(item, now))
                for item in items
                if current.get(item.change.entity_id) == revisions.get(item.change.entity_id)
                and not self._awaited(item.change, elsewhere.get(item.change.entity_id, set()))
                and item.change.remote_id not in news
            ]
            await attempts.open(conn, [item.attempt for item in opened if item.attempt])
        return opened

    def _awaited(self, change: Change, connections: AbstractSet[str]) -> bool:
        """Whether what other lanes are writing about the person, to these connections, comes first. An opt-out waits
        only for what is written to the same one."""
        return self.wired.name in connections if only_denies(change) else bool(connections)

    def _attempt(self, item: Item, now: str) -> Attempt:
        change = item.change
        return Attempt(
            self.hub.new_id("att"),
            self.run_id,
            change.entity_id,
            change.connection,
            change.stream,
            change.remote_id,
            change.op,
            change.key,
            change.part,
            change.cells,
            item.expect,
            item.before,
            AttemptState.OPEN,
            now,
            lane=self.lane,
        )

    async def _send(self, items: Sequence[Item], seen: View) -> None:
        writes = [item.write for item in items]
        stopping: Failed | None = None
        try:
            response = await self.wired.caller.send(self.sink.request(writes), recheck=lambda: self._recheck(items))
            outcomes = list(self.sink.outcomes(writes, response))
            if len(outcomes) != len(items):
                raise ContractBroken(f"{len(outcomes)} outcomes for {len(items)} writes")
            self.failures = 0
        except Failed as failed:
            outcomes = [_unanswered(failed)] * len(items)
            self.failures += 1
            if failed.fault.kind in STOPPING or self.failures >= FAILURES_MAX:
                stopping = failed
        except ContractBroken as broken:
            outcomes = [Outcome(Status.IN_DOUBT, fault=broken.fault())] * len(items)
        if len(items) > 1 and any(o.status is Status.SPLIT for o in outcomes):
            middle = len(items) // 2
            await self._send(items[:middle], seen)
            await self._send(items[middle:], seen)
            return
        settled = await settle(self.hub, self.wired, self.stream, self.sink, list(zip(items, outcomes, strict=True)))
        self._count(settled)
        self.pending.subtract(item.change.entity_id for item in items)
        self.pending.update(item.change.entity_id for item, _ in settled.again)
        if stopping is not None:
            raise stopping
        if settled.again:
            await self._batch([self._without(item, path) for item, path in settled.again], seen)

    async def _recheck(self, items: Sequence[Item]) -> None:
        """Asked when the call had to wait. Raises Failed."""
        if await self._moved(items):
            text = "people changed these records while the call waited; it is decided again"
            raise Failed(Fault(FaultKind.TRANSIENT, "seen_anew", text), sent=False)

    async def _moved(self, items: Sequence[Item]) -> set[str]:
        """Looks again, and answers the entities whose records show what the hub has not heard. What is shown is kept,
        so the sweep finds it. Where a vendor shows one record per call, it is one read of what changed; while that is
        not at its end nobody knows, and nothing is written. Raises Failed."""
        ids = {item.change.remote_id for item in items if item.change.remote_id}
        keys = {item.change.key for item in items if item.change.op is Op.CREATE and item.change.key}
        if self.sink.look_max <= 1 and ids and self.lane is not Lane.CONSENT:  # of few people, and not of its cursor
            if self.slice.over():
                return {item.change.entity_id for item in items}
            began = self.hub.clock()
            pulled = await pull(self.hub, self.wired, self.stream, slice_=self.slice)
            if pulled.fault is not None:
                raise Failed(pulled.fault, sent=False)
            if not pulled.finished:
                return {item.change.entity_id for item in items}
            self.seen_at = began  # it is true of all that is still to be written
            found: set[str] = set()
        else:
            looked = await look(
                self.hub, self.wired, self.stream, self.sink, ids, set() if self.sink.upserts_by_key else keys
            )
            found = looked.records.keys() - ids
        async with self.hub.database.read() as conn:
            news = await self._news(conn, ids)
        return {
            item.change.entity_id
            for item in items
            if item.change.remote_id in news or (item.change.op is Op.CREATE and found)
        }

    async def _news(self, conn: Transaction, ids: Iterable[str]) -> set[str]:
        """Those of these records that show what the hub has not heard."""
        addresses = [Address(self.wired.name, self.stream, i) for i in sorted(ids)]
        return {o.address.remote_id for o in await observations.news(conn, addresses)}

    def _without(self, item: Item, path: str) -> Item:
        """The same write less the one field that the vendor refused: bad input never costs more than itself."""
        payload = {p: v for p, v in item.write.payload.items() if p != path}
        expect = {
            name: value
            for name, value in self.lens.expect(item.before, payload).items()
            if name in item.expect and item.expect[name] == value
        }
        expect.update({name: value for name, value in item.expect.items() if name.startswith(CONSENT)})
        return replace(item, write=replace(item.write, payload=payload), expect=expect, attempt=None)

    def _count(self, settled: Settled) -> None:
        self.counts.add(settled.counts)
        for entity, (status, fault) in settled.fates.items():
            if status.outweighs(self.fates.get(entity, Status.APPLIED)):
                self.fates[entity] = status
                self.faults[entity] = fault

    def payload(self, change: Change, values: Values, consent: Mapping[str, str], raw: Raw | None) -> Payload:
        """The change in the vendor's words."""
        return self.lens.put(values, consent, raw)

    async def told(self, seen: View, changes: Sequence[Change]) -> None:
        """Applied and refused ones are told until something moves; those to do later wait their time; those in doubt
        stay due, and are looked up first."""
        policy = self.wired.policy(self.stream)
        parts = any(f.part for f in policy.fields.values())
        created = {c.entity_id for c in changes if c.op is Op.CREATE} if parts else set()
        fates = {entity: status for entity, status in self.fates.items() if self.pending[entity] <= 0}
        async with self.hub.database.write() as conn:
            before = await golden.tellings(conn, list(fates), self.wired.name, self.stream)
            rows = []
            for entity, status in fates.items():
                rev = seen.goldens[entity].rev
                last = before.get(entity) or Telling(entity, self.wired.name, self.stream, NEVER)
                if status is Status.LATER or (status is Status.REFUSED and entity in self.partly):
                    fault = self.faults.get(entity)  # none: an adoption or a deletion was found; decide again at once
                    again = iso(retry_at(self.hub.clock(), last.tries, fault)) if fault else None
                    due = NEVER - rev if last.known >= rev else rev - 1
                    rows.append(Telling(entity, self.wired.name, self.stream, due, again, last.tries + 1))
                elif status in (Status.APPLIED, Status.REFUSED) and entity not in self.partly:
                    told = rev - 1 if entity in created and status is Status.APPLIED else rev
                    rows.append(Telling(entity, self.wired.name, self.stream, told))
            await golden.tell(conn, rows)


def _unanswered(failed: Failed) -> Outcome:
    """Nobody knows whether it was applied, unless the caller proves that it was not: also a refusal leaves that open
    when the answer to an earlier try of the same request was lost."""
    return Outcome(Status.IN_DOUBT if failed.sent else Status.LATER, fault=failed.fault)


def _groups(sink: Sink, items: Sequence[Item]) -> list[list[Item]]:
    """Writes that may travel together; those that carry consent go first."""
    groups: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        groups[sink.group(item.write)].append(item)
    return sorted(
        groups.values(), key=lambda g: not any(c.field.startswith(CONSENT) for i in g for c in i.change.cells)
    )
