"""Settling outcomes: what each write did is kept together with what its record shows now, in one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hub.domain.attempt import AttemptState
from hub.domain.issue import Issue
from hub.domain.keys import Address
from hub.domain.link import Link, LinkState
from hub.domain.observation import Record
from hub.domain.outcome import Fault, Outcome, Status
from hub.domain.plan import Op
from hub.domain.values import Value
from hub.engine import hear as hearing
from hub.engine.compare import resembles
from hub.engine.hear import CONSENT, Shown
from hub.sdk.http import ContractBroken
from hub.sdk.sinks import Sink
from hub.store import attempts, golden, issues, links, observations
from hub.store.database import Transaction
from hub.transport.client import Failed
from sync_jobs import troubles
from sync_jobs.counts import Counts
from sync_jobs.hearing import hear
from sync_jobs.hub import Hub
from sync_jobs.item import Item
from sync_jobs.look import hear_looked, look
from sync_jobs.wiring import Wired

STATES = {
    Status.APPLIED: AttemptState.APPLIED,
    Status.REFUSED: AttemptState.REFUSED,
    Status.LATER: AttemptState.LATER,
    Status.IN_DOUBT: AttemptState.IN_DOUBT,
    Status.SPLIT: AttemptState.REFUSED,
}


@dataclass(slots=True)
class Settled:
    """`fates`: by entity, what counts for how far it was told. `again`: items to send once more without one remote
    path, which alone was refused."""

    counts: Counts = field(default_factory=Counts)
    fates: dict[str, tuple[Status, Fault | None]] = field(default_factory=dict)
    again: list[tuple[Item, str]] = field(default_factory=list)


@dataclass(slots=True)
class _Batch:
    hub: Hub
    wired: Wired
    stream: str
    now: str
    settled: Settled
    known: dict[Address, Link]
    heirs: dict[str, str]
    """Entities that turned out to be another one while the write was under way."""
    put: dict[Address, Link] = field(default_factory=dict)
    shown: list[Record] = field(default_factory=list)
    unseen: list[tuple[Item, str]] = field(default_factory=list)
    taken: list[tuple[Item, str]] = field(default_factory=list)
    raised: list[Issue] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)

    def address(self, remote_id: str) -> Address:
        return Address(self.wired.name, self.stream, remote_id)

    def entity(self, item: Item) -> str:
        return self.heirs.get(item.change.entity_id, item.change.entity_id)


async def settle(hub: Hub, wired: Wired, stream: str, sink: Sink, answers: Sequence[tuple[Item, Outcome]]) -> Settled:
    now = hub.now_text()
    answers = [(item, _archived(item, outcome)) for item, outcome in answers]
    ids = {i for item, o in answers for i in (item.write.remote_id, o.remote_id) if i}
    settled = Settled()
    async with hub.database.hearing() as conn:
        settled.counts.add(await _hear_first(conn, hub, wired, stream, answers))
        known = await links.by_address(conn, [Address(wired.name, stream, i) for i in sorted(ids)])
        heirs = await golden.heirs(conn, {item.change.entity_id for item, _ in answers})
        batch = _Batch(hub, wired, stream, now, settled, known, heirs)
        for item, outcome in answers:
            await _settle_one(conn, batch, item, outcome)
        await _keep(conn, batch)
        closed = [
            replace(
                item.attempt,
                state=STATES[o.status],
                fault=o.fault,
                closed_at=None if o.status is Status.IN_DOUBT else now,
                remote_id=o.remote_id or item.attempt.remote_id,
            )
            for item, o in answers
            if item.attempt
        ]
        await attempts.close(conn, closed)
    await _read_back(batch, sink)
    await _adopt(batch, sink)
    return batch.settled


async def _hear_first(
    conn: Transaction, hub: Hub, wired: Wired, stream: str, answers: Sequence[tuple[Item, Outcome]]
) -> Counts:
    """What other lanes saw in these records meanwhile. The write may have taken it away from the vendor, and what the
    answers show would take its place here: whatever was seen is heard."""
    written = sorted({item.write.remote_id for item, _ in answers if item.write.remote_id})
    seen = await observations.news(conn, [Address(wired.name, stream, i) for i in written])
    return await hear(conn, hub, wired, stream, seen)


def _archived(item: Item, outcome: Outcome) -> Outcome:
    """A record that an undo removes and that is gone was removed by it: the answer to an earlier try was lost. Taken
    for a person's deletion, it would bury the person everywhere."""
    if outcome.gone and item.write.op is Op.REMOVE and item.change.undoes:
        return Outcome(Status.APPLIED, item.write.remote_id)
    return outcome


async def _settle_one(conn: Transaction, batch: _Batch, item: Item, outcome: Outcome) -> None:
    counts = batch.settled.counts
    status = outcome.status
    if outcome.existing_id and item.write.op is Op.CREATE:
        batch.taken.append((item, outcome.existing_id))
        status = Status.LATER
    elif outcome.gone:
        batch.shown.append(Record(item.write.remote_id or "", item.before or {}, gone=True))
        status = Status.LATER
    elif status is Status.APPLIED:
        await _applied(conn, batch, item, outcome)
    elif status in (Status.REFUSED, Status.SPLIT):
        status = Status.REFUSED
        _refused(batch, item, outcome)
    if status is Status.LATER:
        counts.later += not (outcome.existing_id or outcome.gone)
    counts.in_doubt += status is Status.IN_DOUBT
    entity = item.change.entity_id
    known = batch.settled.fates.get(entity)
    if known is None or status.outweighs(known[0]):
        fault = None if outcome.existing_id or outcome.gone else outcome.fault
        batch.settled.fates[entity] = (status, fault)


def _refused(batch: _Batch, item: Item, outcome: Outcome) -> None:
    """One refused field of several is left out and the rest sent again; otherwise the record is the steward's."""
    batch.settled.counts.refused += 1
    batch.settled.counts.issues += 1
    batch.raised.append(troubles.refused(item.change, outcome.fault, batch.now))
    path = _path(item, outcome.fault)
    if path and len(item.write.payload) > 1:
        batch.settled.again.append((item, path))


def _path(item: Item, fault: Fault | None) -> str:
    """The remote path in the payload that the vendor blames, if it is there."""
    if fault is None or not fault.field:
        return ""
    blamed = [p for p in item.write.payload if p == fault.field or p.rpartition(".")[2] == fault.field]
    return blamed[0] if len(blamed) == 1 else ""


async def _applied(conn: Transaction, batch: _Batch, item: Item, outcome: Outcome) -> None:
    counts, change = batch.settled.counts, item.change
    remote_id = outcome.remote_id or item.write.remote_id or ""
    address = batch.address(remote_id)
    if item.write.op is Op.REMOVE:
        counts.removed += 1
        link = batch.known.get(address)
        if link is not None:
            batch.put[address] = replace(link, state=LinkState.UNLINKED if change.undoes else LinkState.GONE)
        batch.shown.append(Record(remote_id, item.before or {}, gone=True))
        return
    old = batch.put.get(address) or batch.known.get(address)
    if old is not None and old.entity_id != batch.entity(item):
        counts.refused += 1
        counts.issues += 1
        batch.raised.append(troubles.refused(change, None, batch.now, troubles.TAKEN))
        return
    counts.created += item.write.op is Op.CREATE
    counts.updated += item.write.op is Op.UPDATE
    if old is None and item.write.remote_id and item.write.remote_id != remote_id:
        moved = batch.address(item.write.remote_id)
        await links.readdress(conn, moved, address)
        if moved in batch.known:
            old = replace(batch.known[moved], address=address)
    link = old or Link(address, batch.entity(item), keys=(change.key,) if change.key else ())
    shown = None
    if outcome.raw is not None:
        record = Record(remote_id, outcome.raw, outcome.raw_modified_at)
        batch.shown.append(record)
        shown = _read(batch, outcome.raw, outcome.raw_modified_at)
    else:
        batch.unseen.append((item, remote_id))
    policy = batch.wired.policy(batch.stream)
    batch.put[address] = hearing.settle(link, item.expect, shown, policy, undone=change.undoes)
    batch.closed.append(troubles.refusal_key(change))
    _check_consent(batch, item, shown)


def _check_consent(batch: _Batch, item: Item, shown: Shown | None) -> None:
    """An opt-out that was accepted and is not shown is the one thing nobody may miss."""
    if shown is None:
        return
    lost = [
        name
        for name, value in item.expect.items()
        if name.startswith(CONSENT)
        and value == "denied"
        and name.removeprefix(CONSENT) in shown.consent
        and shown.consent[name.removeprefix(CONSENT)].state != "denied"
    ]
    if lost:
        batch.settled.counts.issues += 1
        batch.raised.append(troubles.not_kept(item.change, lost, batch.now))


def _read(batch: _Batch, raw: Mapping[str, Any], modified_at: str | None) -> Shown:
    reading = batch.wired.lenses[batch.stream].get(raw, modified_at)
    return Shown(reading.values, reading.consent, reading.keys, modified_at or batch.now, reading.in_scope)


async def _keep(conn: Transaction, batch: _Batch) -> None:
    entity = batch.wired.lenses[batch.stream].entity
    await observations.keep(conn, batch.wired.name, batch.stream, batch.shown, seen_at=batch.now)
    await links.put(conn, list(batch.put.values()), batch.now)
    await links.put_keys(conn, entity, [k for a, k in batch.put.items() if a not in batch.known])
    await issues.raise_all(conn, batch.raised)
    raised = {issue.dedupe for issue in batch.raised}
    await issues.close(conn, [key for key in batch.closed if key not in raised], batch.now)


async def _read_back(batch: _Batch, sink: Sink) -> None:
    """Where the answer doesn't show the record, it is read: what resembles what was told is the vendor's way of
    keeping it, and the echo; anything else is left to be heard as somebody's edit."""
    told = {remote_id: item for item, remote_id in batch.unseen}
    if not told:
        return
    try:
        looked = await look(batch.hub, batch.wired, batch.stream, sink, told, ())
    except (Failed, ContractBroken):
        return  # the next pull shows it; until then what was told stands for the echo
    async with batch.hub.database.hearing() as conn:
        known = await links.by_address(conn, [batch.address(i) for i in looked.records])
        changed = []
        for remote_id, record in looked.records.items():
            link = known.get(batch.address(remote_id))
            if link is not None and remote_id in told:
                shown = _read(batch, record.raw, record.modified_at)
                echo = _echo(told[remote_id].expect, shown)
                echo |= _ignored(batch, told[remote_id], shown, echo)
                changed.append(replace(link, echo={**link.echo, **echo}))
                _check_consent(batch, told[remote_id], shown)
        await links.put(conn, changed, batch.now)
        await issues.raise_all(conn, [i for i in batch.raised if i.kind == troubles.NOT_KEPT])


def _ignored(batch: _Batch, item: Item, shown: Shown, echo: Mapping[str, Value]) -> dict[str, Value]:
    """Fields that show just what they showed before the write: this vendor keeps the value in a form of its own, or
    changes it back. They are told no more until something moves, and a steward is told."""
    lens = batch.wired.lenses[batch.stream]
    before = lens.get(item.before).values if item.before else {}
    odd = [n for n in item.expect if n in shown.values and n not in echo and not n.startswith(CONSENT)]
    vain = [n for n in odd if n in before and before[n] == shown.values[n]]
    if vain:
        batch.settled.counts.issues += 1
        batch.raised.append(troubles.not_kept(item.change, vain, batch.now))
    return {n: shown.values[n] for n in vain}


def _echo(told: Mapping[str, Value], shown: Shown) -> dict[str, Value]:
    echo: dict[str, Value] = {}
    for name, value in told.items():
        if name.startswith(CONSENT):
            reading = shown.consent.get(name.removeprefix(CONSENT))
            if reading is not None:
                echo[name] = reading.state
        elif name in shown.values and resembles(value, shown.values[name]):
            echo[name] = shown.values[name]
    return echo


async def _adopt(batch: _Batch, sink: Sink) -> None:
    """A create was refused because a record holds the key: it is read, and where it is the same person, adopted. When
    it belongs to somebody else, a steward must tell the two apart."""
    if not batch.taken:
        return
    looked = await look(batch.hub, batch.wired, batch.stream, sink, {i for _, i in batch.taken}, ())
    batch.settled.counts.add(await hear_looked(batch.hub, batch.wired, batch.stream, looked))
    lasting = {alias: r.id for r in looked.records.values() for alias in r.aliases}
    taken = [(item, batch.address(lasting.get(existing, existing))) for item, existing in batch.taken]
    async with batch.hub.database.hearing() as conn:
        found = await links.by_address(conn, [address for _, address in taken])
        batch.heirs = await golden.heirs(conn, {item.change.entity_id for item, _ in taken})
        for item, existing in taken:
            link = found.get(existing)
            if link is None or link.entity_id != batch.entity(item):
                batch.settled.counts.refused += 1
                batch.settled.counts.issues += 1
                batch.settled.fates[item.change.entity_id] = (Status.REFUSED, None)
                await issues.raise_(conn, troubles.refused(item.change, None, batch.now, troubles.TAKEN))
