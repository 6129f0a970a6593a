"""What an edit means for entities: each judged by the rules as they are and as they would be. Reads only.

The plan lists the verdicts, the re-reading keeps them: so what is planned is what is done.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from hub.domain.attempt import Attempt
from hub.domain.edit import Moved
from hub.domain.keys import Address
from hub.domain.link import Link
from hub.domain.observation import Observation
from hub.domain.plan import Change, Op
from hub.domain.values import Value
from hub.engine.decide import decide, key_of
from hub.engine.hear import settle
from hub.engine.reconcile import Reconciled, Scene, reconcile
from hub.engine.reread import Sight, Translate, reread
from hub.store import attempts, golden, links, observations, pins, statements
from hub.store.database import Transaction
from sync_jobs.judging import Judged, Rewording, World, judge
from sync_jobs.proposal import Place, Proposal
from sync_jobs.rulebook import Rulebook
from sync_jobs.wiring import Wired


@dataclass(frozen=True, slots=True)
class Verdict:
    """One entity before and after. `gained`: what its systems would be told because of the edit; `lost`: what they
    would be told now, and no more after it."""

    entity_id: str
    before: World
    after: World
    gained: tuple[Change, ...] = ()
    lost: tuple[Change, ...] = ()


@dataclass(slots=True)
class Verdicts:
    """`judged`, `resurvived` and `reworded` are what there is to keep."""

    all: list[Verdict] = field(default_factory=list)
    reworded: list[Link] = field(default_factory=list)
    judged: list[Judged] = field(default_factory=list)
    resurvived: list[Reconciled] = field(default_factory=list)


async def judge_edit(conn: Transaction, proposal: Proposal, entity: str, ids: Sequence[str]) -> Verdicts:
    """Judges these entities of one kind."""
    session = _Session(conn, proposal, entity)
    await session.load(ids)
    for place in proposal.places:
        if place.entity == entity and place.edit.rereads:
            await session.reread(place)
    await session.resurvive()
    return session.verdicts()


def rewording(place: Place) -> Rewording:
    """Puts links' memory into the words of the new document."""
    names = [name for name, how in place.edit.reading.items() if how is not Moved.REMOVED]
    old, new = place.old.reader(names), place.new.reader(names)
    translate = translator(place)

    def reword(link: Link, seen: Observation) -> Link:
        sight = Sight(old(seen.raw), new(seen.raw))
        return reread(link, sight, place.edit.reading, place.old.policy, place.new.policy, translate)

    return reword


def translator(place: Place) -> Translate:
    """Through the remote form: as the old document would write it, the new one reads it."""
    old, new = place.old, place.new

    def translate(name: str, value: Value) -> Value:
        if name not in new.policy.fields:
            return value
        payload = old.put({name: value}).values
        return new.reader([name])(payload).get(name, value) if payload else value

    return translate


@dataclass(slots=True)
class _Session:
    conn: Transaction
    proposal: Proposal
    entity: str
    before: dict[str, World] = field(default_factory=dict)
    after: dict[str, World] = field(default_factory=dict)
    unsettled: Mapping[str, Sequence[Attempt]] = field(default_factory=dict)
    judged: list[Judged] = field(default_factory=list)
    reworded: list[Link] = field(default_factory=list)
    kept: list[Reconciled] = field(default_factory=list)

    async def load(self, ids: Sequence[str]) -> None:
        goldens = await golden.fetch(self.conn, ids)
        owned = await links.by_entities(self.conn, ids)
        self.unsettled = {**self.unsettled, **await attempts.unsettled(self.conn, ids)}
        found = {i: World(goldens[i], tuple(owned.get(i, ()))) for i in sorted(set(ids)) if i in goldens}
        self.before |= found
        self.after |= {i: world for i, world in found.items() if i not in self.after}

    async def reread(self, place: Place) -> None:
        addresses = [
            k.address
            for world in self.after.values()
            for k in world.links
            if (k.address.connection, k.address.stream) == (place.connection, place.stream)
        ]
        found = await observations.fetch(self.conn, addresses)
        seen = sorted((o for o in found.values() if o.heard == o.revision), key=lambda o: o.address)
        self._reword(place, [o for o in found.values() if 0 < o.heard < o.revision])
        book = self.proposal.new
        wired = book.wired[place.connection]
        same_people = not place.edit.keys
        judged = await judge(
            self.conn, book, wired, place.stream, seen, rewording(place), self.after, known_people=same_people
        )
        self.judged.append(judged)
        await self._take(judged)

    def _reword(self, place: Place, unheard: Sequence[Observation]) -> None:
        """Records with news that nobody has heard yet: their memory is put into the new words; what is new in them is
        heard afterwards, like any news."""
        reword, seen = rewording(place), {o.address: o for o in unheard}
        for entity, world in self.after.items() if seen else ():
            moved = {
                k.address: new
                for k in world.links
                if k.address in seen and (new := reword(k, seen[k.address])) is not k
            }
            if moved:
                self.reworded += moved.values()
                self.after[entity] = replace(world, links=tuple(moved.get(k.address, k) for k in world.links))

    async def _take(self, judged: Judged) -> None:
        """What was judged is how the world would be."""
        strangers = [r.golden.entity_id for r in judged.results if r.golden.entity_id not in self.before]
        await self.load(strangers)
        reworded: dict[str, dict[Address, Link]] = {}
        for link in judged.batch.reworded:
            reworded.setdefault(link.entity_id, {})[link.address] = link
        for result in judged.results:
            entity = result.golden.entity_id
            scene = judged.scenes.scenes.get(entity)
            held = {k.address: k for k in scene.links} if scene is not None else {}
            held |= reworded.get(entity, {})
            held |= {k.address: k for k in result.links}
            self.after[entity] = World(result.golden, tuple(held.values()))

    async def resurvive(self) -> None:
        """Who wins may change without anything being read again."""
        if not self._weighs():
            return
        done = {r.golden.entity_id for judged in self.judged for r in judged.results}
        ids = [i for i in self.after if i not in done]
        pinned = await pins.fetch(self.conn, ids)
        said = await statements.fetch(self.conn, ids)
        rules = self.proposal.new.rules(self.entity)
        for entity in ids:
            world = self.after[entity]
            scene = Scene(world.golden, world.links, tuple(pinned.get(entity, {}).values()), said.get(entity))
            result = reconcile(entity, scene, {}, rules)
            if result.changed:
                self.kept.append(result)
                self.after[entity] = replace(world, golden=result.golden)

    def _weighs(self) -> bool:
        return any(r.entity == self.entity for r in self.proposal.resurvived) or any(
            p.entity == self.entity and (p.edit.weighing or Moved.REMOVED in p.edit.reading.values())
            for p in self.proposal.places
        )

    def verdicts(self) -> Verdicts:
        done = Verdicts(judged=self.judged, resurvived=self.kept, reworded=self.reworded)
        for entity in sorted(self.after):
            before, after = self.before[entity], self.after[entity]
            gained, lost = self._decisions(entity, before, after)
            done.all.append(Verdict(entity, before, after, gained, lost))
        return done

    def _decisions(self, entity: str, before: World, after: World) -> tuple[tuple[Change, ...], tuple[Change, ...]]:
        moved = before != after
        gained: list[Change] = []
        lost: list[Change] = []
        for wired, stream in sinks(self.proposal.new, self.entity):
            edited = self.proposal.edited(wired.name, stream)
            if not (moved or edited):
                continue
            now = self._changes(self.proposal.old, wired.name, stream, entity, before)
            then = self._changes(self.proposal.new, wired.name, stream, entity, after)
            gained += beyond(then, now, self._rewritten(wired.name, stream))
            lost += beyond(now, then)
        return tuple(gained), tuple(lost)

    def _rewritten(self, connection: str, stream: str) -> frozenset[str]:
        """Fields that are told in another way: what was decided before may work now."""
        return frozenset().union(
            *(
                p.edit.writing | p.edit.forms
                for p in self.proposal.places
                if (p.connection, p.stream) == (connection, stream)
            )
        )

    def _changes(self, book: Rulebook, connection: str, stream: str, entity: str, world: World) -> list[Change]:
        wired = book.wired[connection]
        if world.golden is None or stream not in wired.sinks():
            return []
        place = wired.place(stream)
        in_doubt = bool(self.unsettled.get(entity))
        key = key_of(world.golden, world.links, place.policy)
        decision = decide(world.golden, world.links, place, in_doubt=in_doubt, key=key)
        return [c for change in decision.changes for c in (change, *_followed(change, world, wired, stream))]


def sinks(book: Rulebook, entity: str) -> list[tuple[Wired, str]]:
    """Every sink of a kind of entity."""
    return [(w, s) for w in book.wired.values() for s in w.sinks() if w.lenses[s].entity == entity]


def _followed(change: Change, world: World, wired: Wired, stream: str) -> list[Change]:
    """What is told right after a create: the parts that travel in a call of their own."""
    if change.op is not Op.CREATE or world.golden is None:
        return []
    address = Address(wired.name, stream, "")
    keys = (change.key,) if change.key is not None else ()
    made = settle(
        Link(address, change.entity_id, keys=keys), {c.field: c.after for c in change.cells}, None, wired.policy(stream)
    )
    place = wired.place(stream)
    decision = decide(world.golden, (*world.links, made), place, in_doubt=False, key=change.key)
    return [replace(c, remote_id=None) for c in decision.changes if c.op is Op.UPDATE]


def beyond(changes: Iterable[Change], others: Iterable[Change], also: frozenset[str] = frozenset()) -> list[Change]:
    """`changes` without the cells that `others` hold as well, but for those of the fields in `also`. A record that
    would be made, or removed, in any case is nobody's doing."""
    known = {(_where(c), cell.field, _plain(cell.after)) for c in others for cell in c.cells}
    bare = {_where(c) for c in others}
    rest: list[Change] = []
    for change in changes:
        where = _where(change)
        if change.op is not Op.UPDATE:
            rest += [] if where in bare else [change]
            continue
        cells = tuple(c for c in change.cells if c.field in also or (where, c.field, _plain(c.after)) not in known)
        if cells:
            rest.append(replace(change, cells=cells))
    return rest


def _where(change: Change) -> tuple[str, str, str, str | None, str]:
    return change.connection, change.stream, change.entity_id, change.remote_id, change.op.value


def _plain(value: Value) -> tuple[str, Value]:
    return type(value).__name__, value
