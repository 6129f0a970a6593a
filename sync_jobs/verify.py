"""Does every system hold what the store says? Read anew from the systems themselves, and compared; nothing is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from hub.domain.attempt import Attempt
from hub.domain.keys import Address
from hub.domain.lane import Lane
from hub.domain.link import LinkState
from hub.domain.observation import Record
from hub.domain.outcome import Fault
from hub.domain.values import Value
from hub.engine.agree import Disagreement, disagreements, held_back
from hub.engine.hear import Shown
from hub.sdk.http import ContractBroken
from hub.sdk.streams import Position
from hub.store import attempts, golden, issues, links, observations
from hub.transport import lanes
from hub.transport.client import Failed
from hub.transport.tally import tallied
from sync_jobs.counts import Progress, Silent
from sync_jobs.hub import Hub
from sync_jobs.undo import UNDO
from sync_jobs.wiring import Wired

LISTED_MAX = 1000
"""Differences that are listed; all are counted."""


@dataclass(frozen=True, slots=True)
class Difference:
    connection: str
    stream: str
    remote_id: str
    entity_id: str
    field: str
    store: Value
    remote: Value
    reason: str


class Verdict(StrEnum):
    """`agree`: the record holds everything it should; `differ`: it doesn't; `unknown`: the hub can't say (not matched
    yet, or an open issue holds it)."""

    AGREE = "agree"
    DIFFER = "differ"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Compared:
    """One record. `rev`: of its golden record. `held_back`: it agrees, and an undo holds a golden value back."""

    remote_id: str
    verdict: Verdict
    entity_id: str = ""
    rev: int = 0
    found: tuple[Disagreement, ...] = ()
    held_back: bool = False


@dataclass(slots=True)
class Verification:
    """Counted in records, by verdict. `held_back`: of those that agree, records in which an undo holds a golden value
    back. `faults`: connections that could not be read whole."""

    agree: int = 0
    differ: int = 0
    unknown: int = 0
    held_back: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)
    faults: dict[str, Fault] = field(default_factory=dict)
    api_calls: int = 0

    def note(self, difference: Difference) -> None:
        self.reasons[difference.reason] = self.reasons.get(difference.reason, 0) + 1
        if len(self.differences) < LISTED_MAX:
            self.differences.append(difference)


async def verify(
    hub: Hub, connections: Sequence[str] | None = None, *, progress: Progress | None = None
) -> Verification:
    """Walks every stream of contacts and campaigns from the beginning."""
    result = Verification()
    for name in connections or list(hub.wired):
        wired = hub.connection(name)
        for stream in wired.streams() if wired.active else ():
            if wired.lenses[stream].entity != "fact":
                try:
                    with lanes.working(Lane.VERIFY), tallied() as tally:
                        await _stream(hub, wired, stream, result, progress or Silent())
                except Failed as failed:
                    result.faults[name] = failed.fault
                except ContractBroken as broken:
                    result.faults[name] = broken.fault()
                result.api_calls += tally.calls
    return result


async def _stream(hub: Hub, wired: Wired, name: str, result: Verification, progress: Progress) -> None:
    stream = wired.stream(name)
    position: Position | None = stream.start(None, hub.clock())
    seen: set[str] = set()
    complete = False
    while position is not None:
        page = stream.page(position, await wired.caller.send(stream.request(position)))
        living = [r for r in page.records if not r.gone]
        await _page(hub, wired, name, [r for r in living if r.id not in seen], result)
        seen.update(r.id for r in living)
        counts = {"agree": result.agree, "differ": result.differ, "unknown": result.unknown, "read": len(seen)}
        progress.update("verify", wired.name, name, counts, page.total)
        complete = page.complete
        if page.wait:
            await asyncio.sleep(page.wait)
        position = page.next
    if complete:
        await _missing(hub, wired, name, seen, result)


async def compare(hub: Hub, wired: Wired, stream: str, records: Sequence[Record]) -> list[Compared]:
    """Holds living records, as their system shows them, against what the store says they should hold. In their
    order."""
    lens, now = wired.lenses[stream], hub.now_text()
    addresses = [Address(wired.name, stream, r.id) for r in records]
    async with hub.database.read() as conn:
        known = await links.by_address(conn, addresses)
        ids = sorted({k.entity_id for k in known.values()})
        goldens = await golden.fetch(conn, ids)
        owned = await links.by_entities(conn, ids)
        held = await issues.holding(conn, ids, wired.name, stream)
        undone = await attempts.of_job(conn, UNDO, ids, wired.name, stream)
    writes: dict[Address, list[Attempt]] = {}
    for attempt in undone:
        if attempt.address is not None:
            writes.setdefault(attempt.address, []).append(attempt)
    compared = []
    for record, address in zip(records, addresses, strict=True):
        link = known.get(address)
        entity = goldens.get(link.entity_id) if link is not None else None
        if link is None or entity is None:
            compared.append(Compared(record.id, Verdict.UNKNOWN))
            continue
        reading = lens.get(record.raw, record.modified_at)
        shown = Shown(reading.values, reading.consent, reading.keys, record.modified_at or now, reading.in_scope)
        twins = [
            k
            for k in owned[link.entity_id]
            if k.address != address and (k.address.connection, k.address.stream) == (wired.name, stream)
        ]
        found = tuple(disagreements(entity, link, twins, shown, lens.policy))
        back = not found and bool(held_back(entity, link, writes.get(address, ()), lens.policy))
        verdict = Verdict.AGREE if not found else Verdict.UNKNOWN if link.entity_id in held else Verdict.DIFFER
        compared.append(Compared(record.id, verdict, link.entity_id, entity.rev, found, back))
    return compared


async def _page(hub: Hub, wired: Wired, stream: str, records: Sequence[Record], result: Verification) -> None:
    for compared in await compare(hub, wired, stream, records):
        result.agree += compared.verdict is Verdict.AGREE
        result.differ += compared.verdict is Verdict.DIFFER
        result.unknown += compared.verdict is Verdict.UNKNOWN
        result.held_back += compared.held_back
        for d in compared.found if compared.verdict is Verdict.DIFFER else ():
            place = (wired.name, stream, compared.remote_id, compared.entity_id)
            result.note(Difference(*place, d.field, d.store, d.remote, d.reason))


async def _missing(hub: Hub, wired: Wired, stream: str, seen: set[str], result: Verification) -> None:
    """Records that the store believes to live there and that the complete walk didn't show."""
    async with hub.database.read() as conn:
        async for batch in observations.each(conn, wired.name, stream, 1000):
            absent = [o.address for o in batch if not o.gone and o.address.remote_id not in seen]
            for address, link in (await links.by_address(conn, absent)).items():
                if link.state is LinkState.LIVE:
                    result.differ += 1
                    result.note(
                        Difference(
                            wired.name, stream, address.remote_id, link.entity_id, "", None, None, "no longer there"
                        )
                    )
