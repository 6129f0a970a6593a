"""What publishing drafts would change: every cell in every system, with its cost, before anything moves."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import orjson

from hub.domain.entities import FACT
from hub.domain.plan import Change
from hub.domain.version import MappingVersion
from hub.errors import HubError, Refused
from hub.operations.export import target
from hub.operations.faults import mend, sentence
from hub.operations.mappings import names
from hub.operations.mappings.effort import Quota, quota
from hub.operations.mappings.names import VersionLine
from hub.operations.plan import Brake
from hub.operations.turns import sole_turn
from hub.store import observations
from hub.store.database import Transaction
from sync_jobs.counts import Progress
from sync_jobs.fieldread import fieldread
from sync_jobs.foresight import Refusal
from sync_jobs.hub import Hub
from sync_jobs.proposal import bases_of, propose
from sync_jobs.unread import Unread, unread
from sync_jobs.whatif import EditPlan, plan_edit


@dataclass(frozen=True, slots=True)
class EditShare:
    """What one stream of one system would be told. `fields`: cells by field; `withdrawn`: writes that would be due now
    and no more are; `writes`: whether the hub may write there (None: it is not usable now)."""

    connection: str
    stream: str
    creates: int
    updates: int
    clears: int
    removes: int
    consents: int
    withdrawn: int
    calls: int
    fields: Mapping[str, int]
    writes: bool | None


@dataclass(frozen=True, slots=True)
class EditPlanned:
    """The plan of an edit. `same`: names of drafts that mean what holds already. `total` changes are planned; `rows`
    lists the first of them. `golden`: canonical values that change, by field; `merges`: people who turn out to be one.
    `refusals`: cells that would not arrive (the first of `refused`). `unreadable`, `readable`: values that can be read
    no more, or at last, by field. `measures`: records of facts that are measured anew, by document. `destructive`:
    classes that have to be allowed by name, with their number. `judged`: entities that were looked at; `read`: records
    that were read for it."""

    hash: str
    empty: bool
    versions: tuple[VersionLine, ...]
    same: tuple[str, ...]
    shares: tuple[EditShare, ...]
    total: int
    rows: tuple[Change, ...]
    golden: Mapping[str, int]
    merges: int
    refused: int
    refusals: tuple[Refusal, ...]
    unreadable: Mapping[str, int]
    readable: Mapping[str, int]
    measures: Mapping[str, int]
    destructive: Mapping[str, int]
    brakes: tuple[Brake, ...]
    unread: tuple[Unread, ...]
    quotas: tuple[Quota, ...]
    judged: int
    read: int = 0
    file: Path | None = None

    @property
    def stale(self) -> tuple[VersionLine, ...]:
        """Drafts that can't be published as they are."""
        return tuple(v for v in self.versions if v.stale)

    @property
    def differences(self) -> bool:
        """Whether anything would move, as far as one can see."""
        return not self.empty or bool(self.unread or self.measures)

    @property
    def needs_person(self) -> bool:
        return bool(self.destructive or self.brakes or self.stale)


async def plan(
    hub: Hub,
    name: str,
    number: int | None = None,
    *,
    limit: int | None = None,
    rows: Path | None = None,
    read: bool = False,
    progress: Progress | None = None,
) -> EditPlanned:
    """Plans the publishing of one draft. `limit`: rows to list; `rows`: a file that takes them all, one JSON document a
    line, readable by its owner only (they are personal data). `read`: reads remote fields that were never requested
    first. BadInput when the draft doesn't compile."""
    async with hub.database.read() as conn:
        version = await names.draft(conn, name, number)
    return await planned(hub, {name: version}, limit=limit, rows=rows, read=read, progress=progress)


async def planned(
    hub: Hub,
    versions: Mapping[str, MappingVersion],
    *,
    limit: int | None = None,
    rows: Path | None = None,
    read: bool = False,
    progress: Progress | None = None,
) -> EditPlanned:
    """Plans several drafts together."""
    count = await read_fields(hub, versions, progress) if read else 0
    with ExitStack() as stack:
        file = stack.enter_context(target(rows)) if rows is not None else None
        made = await plan_edit(
            hub,
            versions,
            limit=limit,
            listener=(lambda change: _line(file, change)) if file is not None else None,
            progress=progress,
        )
    return await shown(hub, made, read=count, file=rows)


def _line(file: BinaryIO, change: Change) -> None:
    file.write(orjson.dumps(change) + b"\n")


async def read_fields(hub: Hub, versions: Mapping[str, MappingVersion], progress: Progress | None) -> int:
    """Reads the streams whose new paths nobody requested before; answers how many records it read. HubError when a
    vendor fails: what was read is kept, and the same command goes on from there."""
    async with hub.database.read() as conn:
        bases = await bases_of(conn, versions)
        places = [p for p in propose(hub, versions, bases).places if await unread(conn, p) is not None]
    if not places:
        return 0
    records = 0
    async with sole_turn(hub, progress):
        for place in places:
            wired = hub.connection(place.connection)
            if not wired.active:
                said = f"{wired.name} is {wired.connection.state}, and its fields cannot be read"
                raise Refused(said, mend=f"`hub connections resume {wired.name}`")
            done = await fieldread(hub, place, progress=progress)
            if done.fault is not None:
                name = place.connection
                raise HubError(f"{name}: {sentence(done.fault)}", mend=mend(done.fault, name))
            records += done.counts.read
    return records


async def shown(hub: Hub, made: EditPlan, *, read: int = 0, file: Path | None = None) -> EditPlanned:
    """The plan as people and programs see it."""
    async with hub.database.read() as conn:
        lines = tuple([await names.lined(conn, v) for v in made.versions.values()])
        quotas = await _quotas(conn, hub, made)
        measures = await _measures(conn, hub, made)
    return EditPlanned(
        hash=made.hash,
        empty=made.empty,
        versions=lines,
        same=tuple(n for n, v in made.versions.items() if v.hash == made.bases[n].hash),
        shares=tuple(_share(hub, made, *at) for at in sorted(made.shares)),
        total=made.total,
        rows=tuple(sorted(made.rows, key=lambda row: (row.connection, row.stream))),
        golden=dict(made.golden.most_common()),
        merges=made.merges,
        refused=made.refused,
        refusals=tuple(made.refusals),
        unreadable=dict(made.opened.most_common()),
        readable=dict(made.closed.most_common()),
        measures=measures,
        destructive=made.destructive,
        brakes=tuple(
            Brake(name, t.what, t.planned, t.allowed) for name, tripped in made.tripped.items() for t in tripped
        ),
        unread=made.unread,
        quotas=quotas,
        judged=made.judged,
        read=read,
        file=file,
    )


def _share(hub: Hub, made: EditPlan, connection: str, stream: str) -> EditShare:
    s = made.shares[connection, stream]
    wired = hub.wired.get(connection)
    return EditShare(
        connection,
        stream,
        s.creates,
        s.updates,
        s.clears,
        s.removes,
        s.consents,
        s.withdrawn,
        s.calls,
        dict(s.cells.most_common()),
        wired.connection.writes if wired is not None else None,
    )


async def _measures(conn: Transaction, hub: Hub, made: EditPlan) -> dict[str, int]:
    """Facts are compared when they are measured, not now: their source's latest word is what is known."""
    places = propose(hub, made.versions, made.bases).places
    counted = {
        f"{p.connection}/{p.stream}": (await observations.count(conn, p.connection, p.stream)).live
        for p in places
        if p.entity == FACT.name
    }
    return {name: n for name, n in counted.items() if n}


async def _quotas(conn: Transaction, hub: Hub, made: EditPlan) -> tuple[Quota, ...]:
    calls: dict[str, int] = {}
    for (connection, _), share in sorted(made.shares.items()):
        calls[connection] = calls.get(connection, 0) + share.calls
    return tuple(
        [
            await quota(conn, name, wired.caller.budget, n, hub.clock())
            for name, n in calls.items()
            if n and (wired := hub.wired.get(name)) is not None
        ]
    )
