"""The verdicts of an edit that touches single fields, judged on those fields alone.

An entity has dozens of values in each of its records; an edit of one field moves no other. So only that field is read,
remembered, survived and decided. It is the plan's quick way; publishing takes the long one (`verdicts`), and the tests
hold the two against each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from hub.domain.golden import Golden, GoldenState, Pin
from hub.domain.keys import Address
from hub.domain.link import Link, LinkState
from hub.domain.plan import Change
from hub.domain.policy import StreamPolicy
from hub.domain.values import is_empty
from hub.engine import hear
from hub.engine.decide import Place as Sink
from hub.engine.decide import decide
from hub.engine.reread import reread
from hub.engine.survive import survive
from hub.store import attempts, pins, suspects
from hub.store.database import Transaction
from sync_jobs.judging import World
from sync_jobs.proposal import Place, Proposal
from sync_jobs.rulebook import Rulebook
from sync_jobs.suspicion import Reader, Reading
from sync_jobs.verdicts import Verdict, beyond, sinks, translator


def narrow_fields(proposal: Proposal, entity: str) -> frozenset[str] | None:
    """The fields that the edit touches, when judging them alone is judging all; otherwise None."""
    fields: set[str] = set()
    for place in proposal.places:
        if place.entity == entity:
            edit = place.edit
            if edit.whole or edit.creating or edit.deleting:
                return None
            fields |= edit.reading.keys() | edit.writing | edit.forms | edit.weighing
    for edited in proposal.resurvived:
        if edited.entity == entity:
            if edited.fields is None:
                return None
            fields |= edited.fields
    keyed = {
        name for book in (proposal.old, proposal.new) for w, s in sinks(book, entity) for name in _keyed(w.policy(s))
    }
    return None if fields & keyed or any(name.startswith(hear.CONSENT) for name in fields) else frozenset(fields)


def _keyed(policy: StreamPolicy) -> set[str]:
    """Fields that say which of somebody's records is which."""
    return {policy.create_key, f"{policy.create_key}s"}


@dataclass(slots=True)
class Narrow:
    """Judges one kind of entity on `fields` alone."""

    conn: Transaction
    proposal: Proposal
    entity: str
    fields: frozenset[str]
    _places: dict[tuple[str, str], Place] = field(init=False)
    _readers: dict[tuple[str, str], Reader] = field(init=False)
    _sinks: list[tuple[Sink, Sink, Place | None]] = field(init=False)

    def __post_init__(self) -> None:
        mine = [p for p in self.proposal.places if p.entity == self.entity]
        self._places = {(p.connection, p.stream): p for p in mine}
        self._readers = {where: Reader(p) for where, p in self._places.items() if p.edit.rereads}
        old, new = self.proposal.old, self.proposal.new
        where = sorted({(w.name, s) for book in (old, new) for w, s in sinks(book, self.entity)})
        self._sinks = [(self._sink(old, *w), self._sink(new, *w), self._places.get(w)) for w in where]

    def _sink(self, book: Rulebook, connection: str, stream: str) -> Sink:
        """The sink as it would be if it had no other fields; one that is no sink tells nothing."""
        wired = book.wired[connection]
        policy = wired.policy(stream)
        kept = {n: p for n, p in policy.fields.items() if n in self.fields} if stream in wired.sinks() else {}
        return Sink(connection, stream, replace(policy, fields=kept))

    async def verdicts(
        self, ids: Sequence[str], readings: Mapping[Address, Reading]
    ) -> tuple[list[Verdict], list[str]]:
        """The verdicts, and the entities that have to be judged the long way. `readings`: of records that are known to
        read differently; others are read when they may."""
        goldens = await suspects.some_golden(self.conn, ids, self.fields)
        owned = await suspects.some_links(self.conn, ids, self.fields)
        readings = {**readings, **await self._others(owned, readings)}
        pinned = await pins.fetch(self.conn, ids)
        doubtful = await attempts.unsettled(self.conn, ids)
        done: list[Verdict] = []
        rest: list[str] = []
        for i in sorted(goldens):
            verdict = self._verdict(goldens[i], owned.get(i, ()), readings, pinned.get(i, {}), in_doubt=i in doubtful)
            if self._makes(verdict):
                rest.append(i)
            else:
                done.append(verdict)
        return done, rest

    def _makes(self, verdict: Verdict) -> bool:
        """Whether a record might be made, or not made any more: a field that a create requires came or went."""
        before, after = verdict.before.golden, verdict.after.golden
        if before is None or after is None:
            return False
        turned = {f for f in self.fields if is_empty(before.values.get(f)) is not is_empty(after.values.get(f))}
        return any(turned.intersection(sink.policy.create_requires) for _, sink, _ in self._sinks)

    async def _others(
        self, owned: Mapping[str, Sequence[Link]], readings: Mapping[Address, Reading]
    ) -> dict[Address, Reading]:
        """Readings of the same people's other records in edited streams."""
        found: dict[Address, Reading] = {}
        for (connection, stream), reader in self._readers.items():
            asked = [
                k.address.remote_id
                for links in owned.values()
                for k in links
                if (k.address.connection, k.address.stream) == (connection, stream) and k.address not in readings
            ]
            for shown in await suspects.shown_at(self.conn, connection, stream, asked):
                found[Address(connection, stream, shown.remote_id)] = reader.read(shown)
        return found

    def _verdict(
        self,
        golden: Golden,
        links: Sequence[Link],
        readings: Mapping[Address, Reading],
        pinned: Mapping[str, Pin],
        *,
        in_doubt: bool,
    ) -> Verdict:
        before = World(golden, tuple(links))
        if golden.state is GoldenState.MERGED:
            return Verdict(golden.entity_id, before, before)
        reread_links = tuple([self._reread(k, readings.get(k.address)) for k in links])
        rules = self.proposal.new.rules(self.entity)
        chosen = [pin for name, pin in pinned.items() if name in self.fields]
        survivors = survive(reread_links, rules.survivorship, rules.ranker, rules.weigh, chosen)
        after = World(replace(golden, values=survivors.values, origins=survivors.origins), reread_links)
        if in_doubt:
            return Verdict(golden.entity_id, before, after)
        gained, lost = self._decisions(before, after)
        return Verdict(golden.entity_id, before, after, tuple(gained), tuple(lost))

    def _reread(self, link: Link, reading: Reading | None) -> Link:
        place = self._places.get((link.address.connection, link.address.stream))
        if reading is None or place is None:
            return link
        old, new = place.old.policy, place.new.policy
        reworded = reread(link, reading.sight, place.edit.reading, old, new, translator(place))
        shown = reading.shown
        if shown.gone or not shown.heard:
            return reworded
        at = shown.modified_at or shown.seen_at
        seen = hear.Shown(reading.sight.after, {}, link.keys, at, link.in_scope, seen=shown.seen_at)
        return hear.hear(reworded, seen, new).link

    def _decisions(self, before: World, after: World) -> tuple[list[Change], list[Change]]:
        gained: list[Change] = []
        lost: list[Change] = []
        moved = before != after
        live = {(k.address.connection, k.address.stream) for k in before.links if k.state is LinkState.LIVE}
        for old, new, place in self._sinks:
            where = (old.connection, old.stream)
            if where not in live or not (moved or place is not None):
                continue
            now, then = self._changes(old, before), self._changes(new, after)
            gained += beyond(then, now, place.edit.writing | place.edit.forms if place is not None else frozenset())
            lost += beyond(now, then)
        return gained, lost

    def _changes(self, sink: Sink, world: World) -> Sequence[Change]:
        if world.golden is None or not sink.policy.fields:
            return ()
        return decide(world.golden, world.links, sink, in_doubt=False, key=None).changes
