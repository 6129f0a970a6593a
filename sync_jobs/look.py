"""Looking at remote records before deciding on them: what is found is an observation like any other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from hub.domain.keys import Address, Key
from hub.domain.observation import Record
from hub.sdk.http import ContractBroken, Request
from hub.sdk.sinks import Sink
from hub.store import observations
from sync_jobs.counts import Counts
from sync_jobs.hearing import hear
from sync_jobs.hub import Hub
from sync_jobs.wiring import Wired

FOLLOW_MAX = 50
"""Further answers that one look may have."""


@dataclass(slots=True)
class Looked:
    """Addresses that were looked at, with what is there (None: gone), and the keys that were looked for."""

    ids: set[str] = field(default_factory=set)
    keys: set[Key] = field(default_factory=set)
    records: dict[str, Record] = field(default_factory=dict)


async def look(hub: Hub, wired: Wired, stream: str, sink: Sink, ids: Iterable[str], keys: Iterable[Key]) -> Looked:
    """Reads records by id and by key, and keeps what is shown as observations, not heard yet. Raises Failed."""
    looked = Looked()
    wanted = sorted(set(ids))
    missing: list[str] = []
    for chunk in _chunks(wanted, sink.look_max):
        records, gone = await _ask(wired, sink, sink.read(chunk), chunk)
        looked.ids |= set(chunk)
        missing += gone
        looked.records |= {r.id: r for r in records}
    for key_chunk in _chunks(sorted(set(keys)), sink.look_max):
        records, _ = await _ask(wired, sink, sink.lookup(key_chunk), [str(k) for k in key_chunk])
        looked.keys |= set(key_chunk)
        looked.records |= {r.id: r for r in records}
    await _keep(hub, wired, stream, looked, missing)
    return looked


async def _ask(wired: Wired, sink: Sink, request: Request, asked: Sequence[str]) -> tuple[list[Record], list[str]]:
    records: list[Record] = []
    missing: list[str] = []
    following: Request | None = request
    for _ in range(FOLLOW_MAX):
        if following is None:
            return records, missing
        found = sink.found(asked, await wired.caller.send(following))
        records += found.records
        missing += found.missing
        following = found.next
    raise ContractBroken(f"{wired.name}: a look at {len(asked)} records goes on for more than {FOLLOW_MAX} answers")


async def _keep(hub: Hub, wired: Wired, stream: str, looked: Looked, missing: Sequence[str]) -> None:
    answered = {alias for r in looked.records.values() for alias in r.aliases}
    vanished = [m for m in missing if m in looked.ids and m not in answered]
    async with hub.database.write() as conn:
        old = await observations.fetch(conn, [Address(wired.name, stream, m) for m in vanished])
        gone = [Record(o.address.remote_id, o.raw, o.modified_at, gone=True) for o in old.values() if not o.gone]
        await observations.keep(conn, wired.name, stream, [*looked.records.values(), *gone], seen_at=hub.now_text())


async def hear_looked(hub: Hub, wired: Wired, stream: str, looked: Looked) -> Counts:
    """Hears what the look brought, as far as it is news to the store."""
    return await hear_news(hub, wired, stream, looked.ids | looked.records.keys())


async def hear_news(hub: Hub, wired: Wired, stream: str, ids: Iterable[str]) -> Counts:
    """Hears what was seen of these records, by whomever, and not heard yet."""
    addresses = [Address(wired.name, stream, i) for i in sorted(ids)]
    async with hub.database.hearing() as conn:
        return await hear(conn, hub, wired, stream, await observations.news(conn, addresses))


T = TypeVar("T")


def _chunks(items: Sequence[T], size: int) -> list[Sequence[T]]:
    return [items[i : i + size] for i in range(0, len(items), max(size, 1))]
