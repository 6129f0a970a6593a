"""Reading again after publishing: batch after batch, each in one transaction with how far it is.

Until it is done nothing of its kind is heard or told: what is believed would rest on two mappings at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from hub.domain.entities import FACT
from hub.domain.keys import Address
from hub.domain.version import MappingVersion, Phase, Rereading, connection_of
from hub.store import changes, golden, links, mappings, observations, suspects
from hub.store.database import Transaction
from sync_jobs import documents
from sync_jobs.counts import Counts, Progress, Silent
from sync_jobs.hearing import keep
from sync_jobs.hub import Hub
from sync_jobs.proposal import Place, Proposal, propose
from sync_jobs.suspicion import SCAN, Question, entities, questions, records, resurvived
from sync_jobs.verdicts import Verdicts, judge_edit


async def finish(hub: Hub, *, progress: Progress | None = None) -> Counts:
    """Does what publishing left to do; nothing when nothing is left. May be stopped at any moment and go on later."""
    counts = Counts()
    async with hub.locks["rereading"]:
        return await _finish(hub, progress or Silent(), counts)


async def _finish(hub: Hub, progress: Progress, counts: Counts) -> Counts:
    async with hub.database.read() as conn:
        rows = [r for r in await mappings.pending(conn) if _usable(hub, r)]
        if not rows:
            return counts
        bases = await _versions(conn, {r.name: r.from_version for r in rows})
        versions = await _versions(conn, {r.name: r.to_version for r in rows})
    proposal = backwards(hub, versions, bases)
    rereading = _Rereading(hub, proposal, progress, counts)
    for row in rows:
        await rereading.one(row)
    return counts


async def waits(hub: Hub) -> bool:
    """Whether something is still to be read again."""
    async with hub.database.read() as conn:
        return any(_usable(hub, row) for row in await mappings.pending(conn))


def _usable(hub: Hub, row: Rereading) -> bool:
    """What cannot be used now is read again when it can: nobody else waits for it."""
    connection = connection_of(row.name)
    return not connection or connection in hub.wired


async def _versions(conn: Transaction, numbers: Mapping[str, int]) -> dict[str, MappingVersion]:
    found = {name: await mappings.get(conn, name, number) for name, number in numbers.items()}
    return {name: version for name, version in found.items() if version is not None}


def backwards(hub: Hub, versions: Mapping[str, MappingVersion], bases: Mapping[str, MappingVersion]) -> Proposal:
    """The proposal of versions that hold already: the rules before are what has to be made up."""
    forth = propose(hub, versions, bases)
    lenses = {(p.connection, p.stream): p.old for p in forth.places}
    policies = {r.entity: documents.survivorship_of(bases[r.entity]) for r in forth.resurvived}
    return replace(forth, old=hub.book.edited(lenses, policies), new=hub.book)


class _Rereading:
    def __init__(self, hub: Hub, proposal: Proposal, progress: Progress, counts: Counts) -> None:
        self.hub = hub
        self.proposal = proposal
        self.progress = progress
        self.counts = counts

    async def one(self, row: Rereading) -> None:
        place = next((p for p in self.proposal.places if f"{p.connection}/{p.stream}" == row.name), None)
        if place is not None and place.entity == FACT.name:
            await self._measures(place, row)
        else:
            if place is not None and row.phase is Phase.RECORDS:
                row = await self._records(place, row)
            await self._entities(place, row)
        async with self.hub.database.hearing() as conn:
            await mappings.done(conn, row.name)

    async def _records(self, place: Place, row: Rereading) -> Rereading:
        """Through the stream's records: those that read differently are heard again."""
        while place.edit.rereads:
            async with self.hub.database.read() as conn:
                step = await anext(records(conn, place, row.after), None)
            if step is None:
                break
            if step.after == row.after:
                break
            row = replace(row, after=step.after)
            await self._batch(place.entity, step.ids, row)
            self.progress.update("reread", place.connection, place.stream, self.counts.as_dict(), None)
        row = replace(row, phase=Phase.ENTITIES, after="")
        async with self.hub.database.hearing() as conn:
            await mappings.note(conn, row)
        return row

    async def _measures(self, place: Place, row: Rereading) -> None:
        """Facts are measured anew by the next reconcile, from what was shown; those that come out the same stay."""
        while True:
            async with self.hub.database.hearing() as conn:
                seen = await suspects.shown(conn, place.connection, place.stream, row.after, SCAN)
                if not seen:
                    return
                addresses = [Address(place.connection, place.stream, s.remote_id) for s in seen if not s.gone]
                await observations.unhear(conn, addresses)
                row = replace(row, after=seen[-1].remote_id)
                await mappings.note(conn, row)

    async def _entities(self, place: Place | None, row: Rereading) -> None:
        """Through the entities that the policy touches."""
        if place is not None:
            await self._asked(place.entity, place, row)
        for edited in self.proposal.resurvived:
            if edited.entity == row.name:
                await self._asked(edited.entity, None, row)

    async def _asked(self, entity: str, place: Place | None, row: Rereading) -> None:
        while True:
            async with self.hub.database.read() as conn:
                asked = questions(conn, place) if place is not None else self._survivors(conn, entity)
                ids = await anext(entities(asked, row.after), None) if asked else None
            if not ids:
                return
            row = replace(row, after=ids[-1])
            await self._batch(entity, ids, row)

    def _survivors(self, conn: Transaction, entity: str) -> list[Question]:
        return [resurvived(conn, r) for r in self.proposal.resurvived if r.entity == entity]

    async def _batch(self, entity: str, ids: Sequence[str], row: Rereading) -> None:
        async with self.hub.database.hearing() as conn:
            if ids:
                verdicts = await judge_edit(conn, self.proposal, entity, ids)
                await _keep(conn, self.hub, verdicts, self.counts)
            await mappings.note(conn, row)


async def _keep(conn: Transaction, hub: Hub, verdicts: Verdicts, counts: Counts) -> None:
    """Keeps the verdicts, and has sinks told where their decisions changed."""
    now = hub.now_text()
    due = _due(verdicts)
    informed = {here: await golden.informed(conn, ids, *here) for here, ids in due.items()}
    await links.put(conn, verdicts.reworded, now)
    for judged in verdicts.judged:
        counts.add(await keep(conn, hub, judged))
    await golden.put(conn, [r.golden for r in verdicts.resurvived], now)
    await changes.append(conn, [c for r in verdicts.resurvived for c in r.changes])
    for here, ids in due.items():
        await golden.make_due(conn, ids, *here, informed[here])


def _due(verdicts: Verdicts) -> dict[tuple[str, str], list[str]]:
    """Sink -> the entities of which the edit changes what it is told."""
    due: dict[tuple[str, str], list[str]] = {}
    for verdict in verdicts.all:
        for here in sorted({(c.connection, c.stream) for c in (*verdict.gained, *verdict.lost)}):
            due.setdefault(here, []).append(verdict.entity_id)
    return due
