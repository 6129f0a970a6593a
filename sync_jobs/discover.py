"""Asking a vendor who answers and which fields there are, and what it means for the mappings when these changed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta

from hub.domain.issue import IssueState
from hub.domain.moments import parse
from hub.domain.outcome import Fault
from hub.domain.policy import OnDrift
from hub.domain.version import MappingVersion
from hub.sdk.connector import Account
from hub.sdk.http import ContractBroken
from hub.sdk.streams import FieldInfo
from hub.store import connections, discoveries, issues, runs
from hub.store import mappings as versions_of
from hub.store.database import Transaction
from hub.transport.client import Failed
from hub.transport.tally import tallied
from mappings import drifting
from mappings.drifting import Broken, Drift
from mappings.uses import parsed, uses_of
from sync_jobs import documents, drafts, drifts, troubles
from sync_jobs.connection import mended
from sync_jobs.counts import Counts
from sync_jobs.drifts import Held
from sync_jobs.hub import Hub
from sync_jobs.recording import Recorded
from sync_jobs.wiring import Wired

JOB = "discover"
EVERY = timedelta(hours=24)
"""How often the fields of a connection are looked at."""
AGAIN = timedelta(hours=1)
"""After a look that failed, or was not believed, the next one."""


@dataclass(slots=True)
class Found:
    """What a discovery showed, by stream. `moved`: fields rest now that didn't before, or the other way round; then
    the connection is wired anew. `notes`: what changed there, in sentences."""

    fields: dict[str, Sequence[FieldInfo]] = field(default_factory=dict)
    drifts: dict[str, Drift] = field(default_factory=dict)
    moved: bool = False
    notes: list[str] = field(default_factory=list)
    issues: int = 0


async def check(hub: Hub, connection: str) -> Account:
    """Who answers. Raises Failed with the fault when nobody does, or refuses."""
    wired = hub.connection(connection)
    account = wired.connector.account(await wired.caller.send(wired.connector.check(wired.settings)))
    async with hub.database.write() as conn:
        await connections.put(conn, replace(wired.connection, account=asdict(account)))
    await mended(hub, wired)
    await hub.wire()
    return account


def mapped(wired: Wired) -> list[str]:
    """Every stream that has a mapping, also one that rests."""
    return [s for s in wired.connector.streams if s in wired.lenses]


async def due(hub: Hub, wired: Wired) -> bool:
    """Whether the fields of a connection are to be looked at: a stream was never looked at, or a day ago; and the last
    try is an hour ago."""
    now = hub.clock()
    async with hub.database.read() as conn:
        seen = {d.stream: parse(d.at) for d in await discoveries.all(conn, wired.name)}
        tried = await runs.recent(conn, 1, connection=wired.name, job=JOB)
    stale = any(stream not in seen or now - seen[stream] >= EVERY for stream in mapped(wired))
    return stale and (not tried or now - parse(tried[0].started_at) >= AGAIN)


async def discover(hub: Hub, connection: str, missing: Collection[str] = ()) -> Found:
    """The remote fields of every stream, kept for the mapping editor, and what their drift means: see `drifts`.
    `missing`: fields that the vendor said it doesn't know. One request per stream at most. Raises Failed and
    ContractBroken; what was learned until then holds."""
    wired = hub.connection(connection)
    found = Found()
    async with Recorded(hub, JOB, connection, "") as recorded:
        fault: Fault | None = None
        try:
            with tallied() as tally:
                for name in mapped(wired):
                    await _look(hub, wired, name, missing, found)
        except (Failed, ContractBroken) as failed:
            fault = failed.fault() if isinstance(failed, ContractBroken) else failed.fault
            raise
        finally:
            counts = Counts(api_calls=tally.calls, issues=found.issues)
            recorded.ended(counts, fault, note="; ".join(found.notes))
    async with hub.database.write() as conn:
        await issues.close(conn, [drifts.dedupe(connection)], hub.now_text())
    if found.moved:
        await hub.rewire(connection)
    return found


async def _look(hub: Hub, wired: Wired, name: str, missing: Collection[str], found: Found) -> None:
    stream = wired.stream(name)
    request = stream.describe()
    fields = tuple(stream.fields(await wired.caller.send(request) if request else None))
    found.fields[name] = fields
    async with hub.database.write() as conn:
        await _Judging(conn, hub, wired.name, name, found).judge(fields, missing)


@dataclass(slots=True)
class _Judging:
    """One stream's fields, held against what was known of them and what its document uses."""

    conn: Transaction
    hub: Hub
    connection: str
    stream: str
    found: Found

    async def judge(self, fields: Sequence[FieldInfo], missing: Collection[str]) -> None:
        conn, now = self.conn, self.hub.now_text()
        before = await discoveries.get(conn, self.connection, self.stream)
        held = {h.path: h for h in await drifts.of(conn, self.connection) if h.stream == self.stream}
        why = drifting.implausible(before.fields if before else None, fields)
        if why and not await self._agreed():
            await issues.raise_(conn, drifts.unbelievable(self.connection, self.stream, why, now))
            self.found.issues += 1
            self.found.notes.append(f"{self.stream}: {why}; not believed")
            return
        version = (await versions_of.published(conn)).get(documents.name_of(self.connection, self.stream))
        if version is not None:
            known = _known(before.fields if before else None, held)
            drift = drifting.drift(known, fields, uses_of(version.text, documents.titled(version)), missing)
            self.found.drifts[self.stream] = drift
            await self._follow(version, drift, held, now)
        await discoveries.save(conn, self.connection, self.stream, fields, now)
        await issues.close(conn, [drifts.dedupe(self.connection, self.stream)], now)

    async def _agreed(self) -> bool:
        """Whether a person has said that what looked like too much is so."""
        asked = await issues.list_(
            self.conn,
            state=IssueState.ANSWERED,
            kind=troubles.DRIFT,
            connection=self.connection,
            limit=drifts.MOST,
        )
        return any(i.dedupe == drifts.dedupe(self.connection, self.stream) for i in asked)

    async def _follow(self, version: MappingVersion, drift: Drift, held: Mapping[str, Held], now: str) -> None:
        """Does as the document's drift policy says."""
        policy = parsed(version.text, documents.titled(version)).policy.drift
        told = [b for b in drift.broken if drifts.action_of(policy, b.change) is not OnDrift.IGNORE]
        fresh = [b for b in told if not _stands(held.get(b.path), b)]
        adopted = [b for b in fresh if drifts.action_of(policy, b.change) is OnDrift.ADOPT]
        new = drift.new if policy.new is OnDrift.ADOPT else ()
        draft = await drafts.adopt(self.conn, version, new, adopted, now) if adopted or new else None
        for broken in fresh:
            if broken.path in held:
                await issues.close(self.conn, [held[broken.path].issue.dedupe], now)
            mends = draft.version if draft is not None and broken.path in draft.mends else 0
            followed = drifts.action_of(policy, broken.change)
            issue = drifts.issue_of(self.connection, self.stream, broken, followed, version, mends, now)
            await issues.raise_(self.conn, issue)
            self.found.issues += 1
        still = {b.path for b in told}
        back = [h for path, h in held.items() if path not in still and not h.returning]
        for one in back:
            await drifts.give_back(self.conn, one)
        self.found.moved = self.found.moved or bool(fresh or back)
        self.found.notes += [f"{self.stream}: {line}" for line in _said(drift, draft, back)]


def _known(before: Sequence[FieldInfo] | None, held: Mapping[str, Held]) -> list[FieldInfo] | None:
    """What the fields are held against: as discovery showed them last, but those that are held as they were when all
    was well. A changed type that a person agreed to is well, and so is a field that discovery never shows."""
    if before is None and not held:
        return None
    agreed = [h for h in held.values() if h.answered and (h.change is drifting.Change.RETYPED or not h.was.type)]
    was = {h.path: h.was for h in held.values() if h not in agreed}
    return [*(info for info in before or () if info.path not in was), *was.values()]


def _stands(held: Held | None, broken: Broken) -> bool:
    """Whether an open issue says just this already."""
    return held is not None and not (held.returning or held.answered) and held.what == broken.what


def _said(drift: Drift, draft: drafts.Draft | None, back: Sequence[Held]) -> list[str]:
    lines = [f"{b.path} {b.what}" for b in drift.broken]
    used = {b.path for b in drift.broken}
    unused = [p for p in (*drift.removed, *drift.retyped) if p not in used]
    lines += [f"{len(drift.new)} new: {_some([f.path for f in drift.new])}"] if drift.new else []
    lines += [f"{len(unused)} changed that the mapping doesn't use: {_some(unused)}"] if unused else []
    lines += [f"draft {draft.version} of {draft.name}"] if draft is not None else []
    return lines + ([f"back: {_some([h.path for h in back])}"] if back else [])


def _some(paths: Sequence[str]) -> str:
    return ", ".join(paths[:5]) + (", ..." if len(paths) > 5 else "")
