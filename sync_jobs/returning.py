"""Fields that rested and are well again: once all of the stream was shown with them, they are heard."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from hub.domain.keys import Address
from hub.domain.link import Link
from hub.domain.observation import Observation
from hub.domain.policy import StreamPolicy
from hub.domain.values import Value, is_empty
from hub.domain.version import MappingVersion
from hub.engine.compare import same
from hub.store import cursors, golden, issues, links, observations
from hub.store import mappings as versions_of
from hub.store.database import Transaction
from mappings.drifting import Change
from mappings.lens import Lens
from mappings.narrowing import CONSENT
from mappings.reading import Reading
from mappings.uses import parsed, uses_of
from sync_jobs import documents, drifts
from sync_jobs.drifts import Held
from sync_jobs.hub import Hub

BATCH = 1_000


async def take_back(hub: Hub, connection: str, stream: str) -> int:
    """Ends the rest of what is well again in a stream, if all of it has been read since. Answers how many records are
    to be heard again for it. The connection is wired anew when anything returned."""
    async with hub.database.read() as conn:
        held = [h for h in await drifts.of(conn, connection) if h.stream == stream]
        cursor = await cursors.fetch(conn, connection, stream)
        version = (await versions_of.published(conn)).get(documents.name_of(connection, stream))
    walked = cursor.at is not None and cursor.position is None
    back = [h for h in held if h.returning and (walked or h.change is not Change.REMOVED)]
    if not back or version is None:
        return 0
    returned = _Returned.of(version, held, back)
    heard = 0
    async with hub.database.read() as reading:
        async for batch in observations.each(reading, connection, stream, BATCH):
            async with hub.database.hearing() as conn:
                heard += await returned.hear(conn, batch, hub.now_text())
    async with hub.database.hearing() as conn:
        if returned.creates:
            await golden.make_all_due(conn, connection, stream)
        await issues.close(conn, [h.issue.dedupe for h in back], hub.now_text())
    await hub.rewire(connection)
    return heard


class _Returned:
    """The stream as it is read from now on. `names`: canonical fields that rest no more."""

    def __init__(self, lens: Lens, names: Collection[str], creates: bool) -> None:
        self.lens = lens
        self.names = names
        self.creates = creates
        """Whether records may be made here again that could not be made meanwhile."""

    @classmethod
    def of(cls, version: MappingVersion, held: Sequence[Held], back: Sequence[Held]) -> _Returned:
        title = documents.titled(version)
        document, used = parsed(version.text, title), uses_of(version.text, title)
        left = [h for h in held if h not in back]
        before, after = drifts.narrow(document, used, held), drifts.narrow(document, used, left)
        rests = {name for h in left for name in drifts.fields_of(used, h.path)}
        names = {name for h in back for name in drifts.fields_of(used, h.path)} - rests
        return cls(after, names, after.policy.creates and not before.policy.creates)

    async def hear(self, conn: Transaction, batch: Sequence[Observation], now: str) -> int:
        """Has those of the records heard again that show something else than was agreed on, and the sink told of
        those where the hub holds something else. What a field shows blank becomes what was agreed on."""
        seen = [o for o in batch if not o.gone]
        known = await links.by_address(conn, [o.address for o in seen])
        changed: list[Link] = []
        again: list[Address] = []
        for o in seen:
            if (link := known.get(o.address)) is None:
                continue
            reading = self.lens.get(o.raw, o.modified_at)
            kept = _believed(link, reading, self.names)
            if kept is not link:
                changed.append(kept)
            if _differs(kept, reading, self.names, self.lens.policy):
                again.append(o.address)
            known[o.address] = kept
        await links.put(conn, changed, now)
        await observations.unhear(conn, again)
        await self._make_due(conn, list(known.values()))
        return len(again)

    async def _make_due(self, conn: Transaction, known: Sequence[Link]) -> None:
        """Entities of which this stream may have to be told something: their golden record departed from the echo."""
        held = await golden.fetch(conn, sorted({link.entity_id for link in known}))
        by_stream: dict[tuple[str, str], list[str]] = {}
        for link in known:
            record = held.get(link.entity_id)
            if record is not None and any(record.values.get(n) != link.echo.get(n) for n in self.names):
                by_stream.setdefault((link.address.connection, link.address.stream), []).append(link.entity_id)
        for (connection, stream), ids in by_stream.items():
            await golden.make_due(conn, ids, connection, stream)


def _believed(link: Link, reading: Reading, names: Collection[str]) -> Link:
    """The link, with what is blank now as agreed: a field that was taken away and made anew is blank for everybody,
    and nobody said so of anyone."""
    blank = {n: v for n in names if n in reading.values and is_empty(v := reading.values[n])}
    blank = {n: v for n, v in blank.items() if not is_empty(link.echo.get(n))}
    return replace(link, echo={**link.echo, **blank}, sent={**link.sent, **blank}) if blank else link


def _differs(link: Link, reading: Reading, names: Collection[str], policy: StreamPolicy) -> bool:
    fields = any(n in reading.values and not _same(link, n, reading.values[n], policy) for n in names)
    consent = any(
        CONSENT + channel in names and link.echo.get(CONSENT + channel) != word.state
        for channel, word in reading.consent.items()
    )
    return fields or consent or link.keys != reading.keys or link.in_scope != reading.in_scope


def _same(link: Link, name: str, value: Value, policy: StreamPolicy) -> bool:
    known = policy.fields.get(name)
    return known is None or (name in link.echo and same(known.compare, value, link.echo[name]))
