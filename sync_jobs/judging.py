"""What observations mean for their entities: a handful of queries for a batch, then the engine. Reads only.

So a plan judges with the same code as the jobs do, and keeps nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from hub.domain.attempt import Attempt
from hub.domain.consent import Statements
from hub.domain.golden import Golden, Pin
from hub.domain.keys import Address, Key
from hub.domain.link import Link, LinkState
from hub.domain.observation import Observation
from hub.domain.plan import Op
from hub.engine.decide import decide
from hub.engine.hear import Expectation, Shown, expectation
from hub.engine.identify import Candidate, Identities, identify, keys_of
from hub.engine.reconcile import Reconciled, Scene, absorb, reconcile
from hub.store import attempts, golden, links, pins, statements
from hub.store.database import Transaction
from mappings.reading import Reading
from sync_jobs.rulebook import Rulebook
from sync_jobs.wiring import Wired

Rewording: TypeAlias = Callable[[Link, Observation], Link]
"""Puts a link's memory into the words of another mapping."""

MERGED_ID = "id"
"""The kind of key by which a record that a vendor merged away names its survivor."""


@dataclass(frozen=True, slots=True)
class World:
    """One entity as it is kept, or as it would be."""

    golden: Golden | None
    links: tuple[Link, ...]


Worlds: TypeAlias = Mapping[str, World]
"""Entity id -> what is known of it better, or sooner, than by asking the store."""


@dataclass(slots=True)
class Batch:
    """Observations of one stream on their way to be heard. `readdressed`: links that move to another address;
    `closed`: links under older ids, kept for what was said there; `reworded`: links whose memory was put into the words
    of another mapping."""

    book: Rulebook
    wired: Wired
    stream: str
    seen: Sequence[Observation]
    readings: dict[Address, Reading] = field(default_factory=dict)
    known: dict[Address, Link] = field(default_factory=dict)
    shown: dict[Address, Shown] = field(default_factory=dict)
    readdressed: dict[Address, Address] = field(default_factory=dict)
    closed: list[Link] = field(default_factory=list)
    reworded: list[Link] = field(default_factory=list)
    worlds: Worlds = field(default_factory=dict)

    @property
    def entity(self) -> str:
        return self.wired.lenses[self.stream].entity

    def address(self, remote_id: str) -> Address:
        return Address(self.wired.name, self.stream, remote_id)


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of a batch; nothing of it is kept yet."""

    batch: Batch
    identities: Identities
    scenes: Scenes
    results: list[Reconciled]

    @property
    def deferred(self) -> set[Address]:
        """Deletions that can't be believed yet."""
        return {a for r in self.results for a in r.deferred}


async def judge(
    conn: Transaction,
    book: Rulebook,
    wired: Wired,
    stream: str,
    seen: Sequence[Observation],
    reword: Rewording | None = None,
    worlds: Worlds | None = None,
    *,
    known_people: bool = False,
) -> Judged:
    """What these observations mean for their entities, by the rules of `book`. Reads only. `worlds`: entities that
    need not be asked of the store; with their links they stand for what it holds of them. `known_people`: records that
    are linked keep their entities, whatever their keys say."""
    batch = Batch(book, wired, stream, seen, worlds=worlds or {})
    _read(batch)
    batch.known = await _known(conn, batch)
    if reword is not None:
        _reword(batch, reword)
    _follow_aliases(batch)
    identities = _as_linked(batch) if known_people else await _identify(conn, batch)
    scenes = await _scenes(conn, batch, identities)
    return Judged(batch, identities, scenes, _judge(batch, identities, scenes))


async def _known(conn: Transaction, batch: Batch) -> dict[Address, Link]:
    there = {k.address: k for world in batch.worlds.values() for k in world.links}
    wanted = _addresses(batch)
    asked = await links.by_address(conn, [a for a in wanted if a not in there])
    return {**{a: there[a] for a in wanted if a in there}, **asked}


def _read(batch: Batch) -> None:
    lens = batch.wired.lenses[batch.stream]
    for seen in batch.seen:
        reading = lens.get(seen.raw, seen.modified_at)
        batch.readings[seen.address] = replace(reading, complaints=()) if seen.gone else reading
        batch.shown[seen.address] = Shown(
            reading.values,
            reading.consent,
            reading.keys,
            seen.modified_at or seen.seen_at,
            reading.in_scope,
            seen.gone,
            seen.seen_at,
        )


def _addresses(batch: Batch) -> list[Address]:
    addresses = [o.address for o in batch.seen]
    for seen in batch.seen:
        addresses += [batch.address(alias) for alias in seen.aliases]
        if seen.merged_into:
            addresses.append(batch.address(seen.merged_into))
    return addresses


def _reword(batch: Batch, reword: Rewording) -> None:
    """Memory in the words of an older mapping is put into those of the one that holds."""
    for seen in batch.seen:
        old = batch.known.get(seen.address)
        new = reword(old, seen) if old is not None else None
        if new is not None and new is not old:
            batch.known[seen.address] = new
            batch.reworded.append(new)


def _follow_aliases(batch: Batch) -> None:
    """A record that answers for older ids takes over the link of one of them, with its memory; the links of the others
    are kept for what people said there, joined to the same entity."""
    for seen in batch.seen:
        if seen.gone or not seen.aliases:
            continue
        old = [a for a in map(batch.address, seen.aliases) if a in batch.known and a != seen.address]
        old = [a for a in old if batch.known[a].state is LinkState.LIVE]
        if old and seen.address not in batch.known:
            moved = old.pop(0)
            batch.readdressed[moved] = seen.address
            batch.known[seen.address] = replace(batch.known.pop(moved), address=seen.address)
        for address in old:
            batch.known[address] = replace(batch.known[address], state=LinkState.GONE)
            batch.closed.append(batch.known[address])


async def _identify(conn: Transaction, batch: Batch) -> Identities:
    candidates = []
    survivors: dict[Key, list[tuple[Address, str]]] = defaultdict(list)
    for seen in batch.seen:
        link = batch.known.get(seen.address)
        if seen.gone:
            if link is not None:
                candidates.append(Candidate(seen.address, _merge_keys(batch, seen, survivors), link.entity_id))
            elif _last_denial(batch.shown[seen.address]):
                candidates.append(Candidate(seen.address, batch.readings[seen.address].keys))
            continue
        own = Key(MERGED_ID, f"{batch.stream}@{batch.wired.name}/{seen.address.remote_id}")
        keys = (*batch.readings[seen.address].keys, own)
        candidates.append(Candidate(seen.address, keys, link.entity_id if link else None))
        for alias in seen.aliases:
            other = batch.known.get(batch.address(alias))
            if other is not None:
                survivors[own].append((other.address, other.entity_id))
    holders = await links.keys_of(conn, batch.entity, keys_of(candidates))
    joined = {key: [*holders.get(key, ()), *survivors.get(key, ())] for key in holders.keys() | survivors.keys()}
    return identify(batch.entity, candidates, joined)


def _as_linked(batch: Batch) -> Identities:
    return Identities({o.address: batch.known[o.address].entity_id for o in batch.seen if o.address in batch.known})


def _last_denial(shown: Shown) -> bool:
    """A record that came and went between two reads is nobody to the hub, unless it left an opt-out."""
    return any(reading.state == "denied" for reading in shown.consent.values())


def _merge_keys(batch: Batch, seen: Observation, survivors: dict[Key, list[tuple[Address, str]]]) -> tuple[Key, ...]:
    """What joins a record that its vendor merged away with the survivor, whichever of the two is heard first."""
    if not seen.merged_into:
        return ()
    key = Key(MERGED_ID, f"{batch.stream}@{batch.wired.name}/{seen.merged_into}")
    survivor = batch.known.get(batch.address(seen.merged_into))
    if survivor is not None:
        survivors[key].append((survivor.address, survivor.entity_id))
    return (key,)


@dataclass(slots=True)
class Scenes:
    """The entities of a batch as the store holds them, those that merge already joined. `before`: golden records as
    they are kept, also those of entities that are absorbed."""

    scenes: dict[str, Scene]
    losers: list[Golden] = field(default_factory=list)
    before: dict[str, Golden] = field(default_factory=dict)


async def _scenes(conn: Transaction, batch: Batch, identities: Identities) -> Scenes:
    absorbed = identities.merged
    wanted = sorted({*identities.entity_of.values(), *absorbed.keys(), *absorbed.values()})
    stored = [e for e in wanted if e not in identities.founded]
    asked = [e for e in stored if e not in batch.worlds]
    goldens = await golden.fetch(conn, asked)
    owned = await links.by_entities(conn, asked)
    for entity in stored:
        if entity in batch.worlds:
            world = batch.worlds[entity]
            owned[entity] = list(world.links)
            goldens |= {entity: world.golden} if world.golden is not None else {}
    unsettled = await attempts.unsettled(conn, stored)
    pinned = await pins.fetch(conn, stored)
    said = await statements.fetch(conn, stored)
    before = dict(goldens)
    for entity in stored:  # what this batch knows better than the store: links under their new addresses
        places = [batch.readdressed.get(k.address, k.address) for k in owned.get(entity, [])]
        owned[entity] = [batch.known.get(a, k) for a, k in zip(places, owned.get(entity, []), strict=True)]
    losers = []
    for loser, winner in sorted(absorbed.items()):
        pinned[winner] = _joined_pins(pinned.get(winner, {}), pinned.pop(loser, {}))
        said[winner] = _joined_statements(said.get(winner, {}), said.pop(loser, {}))
        owned[winner] = [*owned.get(winner, []), *owned.pop(loser, [])]
        unsettled[winner] = [*unsettled.get(winner, []), *unsettled.pop(loser, [])]
        if loser in goldens and winner in goldens:
            goldens[winner], gone = absorb(goldens[winner], goldens.pop(loser))
            losers.append(gone)
    behind = await _behind(conn, batch, owned, goldens)
    scenes = {}
    for entity in sorted(set(identities.entity_of.values())):
        open_writes = unsettled.get(entity, [])
        scenes[entity] = Scene(
            goldens.get(entity),
            tuple(owned.get(entity, ())),
            tuple(pinned.get(entity, {}).values()),
            said.get(entity) or None,
            _expected(batch, open_writes, identities, entity),
            bool(open_writes),
            behind,
        )
    return Scenes(scenes, losers, before)


def _joined_pins(ours: Mapping[str, Pin], theirs: Mapping[str, Pin]) -> dict[str, Pin]:
    """Of two pins for one field the later stays, as `pins.reassign` keeps it."""
    later = {f: pin for f, pin in theirs.items() if f not in ours or ours[f].at < pin.at}
    return {**ours, **later}


def _joined_statements(ours: Mapping[str, Statements], theirs: Mapping[str, Statements]) -> dict[str, Statements]:
    """What was said of either is said of both, as `statements.reassign` keeps it."""
    return {**ours, **{c: ours[c].join(s) if c in ours else Statements().join(s) for c, s in theirs.items()}}


async def _behind(
    conn: Transaction, batch: Batch, owned: Mapping[str, Iterable[Link]], goldens: Mapping[str, Golden]
) -> frozenset[Address]:
    """Records now seen deleted that had not been told yet of somebody's edit: they were deleted in ignorance of it."""
    gone = {a for a, shown in batch.shown.items() if shown.gone}
    concerned = [e for e, ks in owned.items() if any(k.address in gone for k in ks) and e in goldens]
    if not concerned:
        return frozenset()
    told = await golden.tellings(conn, concerned, batch.wired.name, batch.stream)
    place = batch.wired.place(batch.stream)
    behind = set()
    for entity in concerned:
        record, telling = goldens[entity], told.get(entity)
        if telling is not None and telling.known >= record.rev:
            continue
        untold = decide(record, tuple(owned[entity]), place, in_doubt=False, key=None)
        behind |= {batch.address(c.remote_id) for c in untold.changes if c.op is Op.UPDATE and c.remote_id}
    return frozenset(behind)


def _expected(
    batch: Batch, open_writes: Sequence[Attempt], identities: Identities, entity: str
) -> dict[Address, Expectation]:
    """What the writes in doubt would make the records of this batch show. A create in doubt has no id yet: it concerns
    every record of the stream that joined the entity just now."""
    expected = {}
    here = [a for a in open_writes if a.connection == batch.wired.name and a.stream == batch.stream]
    if not here:
        return {}
    for address, owner in identities.entity_of.items():
        if owner != entity:
            continue
        mine = [a for a in here if a.address == address or (a.remote_id is None and address not in batch.known)]
        if mine:
            expected[address] = expectation(mine)
    return expected


def _judge(batch: Batch, identities: Identities, scenes: Scenes) -> list[Reconciled]:
    rules = batch.book.rules(batch.entity)
    by_entity: dict[str, dict[Address, Shown]] = defaultdict(dict)
    for address, entity in identities.entity_of.items():
        by_entity[entity][address] = batch.shown[address]
    merged_keys = {o.address: _merge_keys(batch, o, defaultdict(list)) for o in batch.seen if o.gone and o.merged_into}
    results = []
    for entity, shown in by_entity.items():
        away = [a for a in shown if a in merged_keys]
        scene = scenes.scenes[entity]
        if away:  # merged away by the vendor: no deletion of the person
            scene = replace(scene, links=tuple(_merged_away(k, merged_keys) for k in scene.links))
            shown = {a: s for a, s in shown.items() if a not in merged_keys}
        result = reconcile(entity, scene, shown, rules)
        if away:
            kept = {k.address for k in result.links}
            moved = tuple(k for k in scene.links if k.address in merged_keys and k.address not in kept)
            result = replace(result, links=(*result.links, *(replace(k, entity_id=entity) for k in moved)))
        results.append(result)
    results += [Reconciled(loser, ()) for loser in scenes.losers]
    return results


def _merged_away(link: Link, merged: Mapping[Address, tuple[Key, ...]]) -> Link:
    if link.address not in merged:
        return link
    return replace(link, state=LinkState.GONE, keys=tuple(dict.fromkeys((*link.keys, *merged[link.address]))))
