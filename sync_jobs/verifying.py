"""Verification that goes on by itself, slice by slice, beside the live reading: each stream, once a week unless
somebody says otherwise.

People edit while it reads. So what doesn't agree at first is only doubted: once the live reading had its turn, what the
store then knows is judged again, and only what differs still, with nothing on its way, is reported.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from hub.domain.keys import Address
from hub.domain.lane import Lane
from hub.domain.moments import iso, normal, parse
from hub.domain.observation import Observation, Record
from hub.domain.run import Run, RunState
from hub.domain.schedule import Schedule
from hub.engine import schedule as engine
from hub.logs import log
from hub.sdk.http import ContractBroken
from hub.sdk.streams import Page
from hub.store import cursors, golden, issues, observations, runs, schedules, settings, verified
from hub.store.cursors import CursorRow
from hub.store.database import Transaction
from hub.store.verified import Shown
from hub.transport.client import Failed
from hub.transport.tally import tallied
from sync_jobs import calendar, troubles
from sync_jobs.backfill import Sliced
from sync_jobs.hub import Hub
from sync_jobs.pull import RECORD_MAX
from sync_jobs.slices import Slice
from sync_jobs.verify import Compared, Verdict, compare
from sync_jobs.wiring import Wired

JOB = "verify"
SETTING = "verify"
WEEKLY = Schedule(every=7 * 86_400)
BATCH = 500
PATIENCE = timedelta(hours=6)
"""How long it waits for the live reading to have its turn; then what is still doubted stays unknown."""
PATIENCE_WHOLE = timedelta(hours=30)
"""The same where that has to read everything, which it does once a day."""
AGAIN = timedelta(minutes=1)
"""How often it looks whether the live reading had its turn, at first."""
MISSED = "changed there, and the live reading did not show it"
GONE = "no longer there"

LOG = log(__name__)


@dataclass(slots=True)
class Tally:
    """Counted in records; `reasons` in fields."""

    read: int = 0
    agree: int = 0
    differ: int = 0
    unknown: int = 0
    held_back: int = 0
    reasons: dict[str, int] = field(default_factory=dict)

    def differs(self, reasons: Sequence[str]) -> None:
        self.differ += 1
        for reason in reasons:
            self.reasons[reason] = self.reasons.get(reason, 0) + 1


@dataclass(slots=True)
class _Standing:
    """Where the verification of a stream stands, as its cursor keeps it. `phase`: clear (what an earlier one left),
    walk, judge (what was doubted), seek (what was not shown), forget, done. `at`: the stream's own position; `after`:
    the last remote id of a later phase; `complete`: everything was shown; `walked_at`: when the walk ended."""

    phase: str
    at: dict[str, Any] | None
    after: str = ""
    complete: bool = False
    walked_at: str = ""
    tally: Tally = field(default_factory=Tally)

    @classmethod
    def of(cls, position: Mapping[str, Any]) -> _Standing:
        return cls(**{**position, "tally": Tally(**position["tally"])})


# --- when -------------------------------------------------------------------------------------------------------


async def scheduled(conn: Transaction) -> Schedule | None:
    """How often each stream is verified; None: never."""
    said = await settings.get(conn, SETTING)
    if said is None:
        return WEEKLY
    return Schedule(**said) if said else None


async def schedule(conn: Transaction, said: Schedule | None) -> None:
    """Has streams verified so often; never with None."""
    await settings.put(conn, SETTING, {} if said is None else asdict(said))


async def pending(hub: Hub) -> list[str]:
    """The connections that have a stream whose verification is to be begun or gone on with now: within the hours of
    the stream, if it has any."""
    async with hub.database.read() as conn:
        often, said = await scheduled(conn), await schedules.all(conn)
        rows = {(r.connection, r.stream, r.lane): r for r in await cursors.all(conn)}
    found = []
    now = hub.clock()
    for name, wired in hub.wired.items():
        walks = [(rows.get((name, s, Lane.VERIFY)), rows.get((name, s, Lane.LIVE)), s) for s in _streams(wired)]
        ripe = [s for verify, live, s in walks if _ripe(wired, s, often, verify, live, now)]
        if any(calendar.is_open(wired, s, said, now) for s in ripe):
            found.append(name)
    return found


def _streams(wired: Wired) -> list[str]:
    """Facts are measured by their source alone: there is nothing to hold them against."""
    return [s for s in wired.streams() if wired.lenses[s].entity != "fact"] if wired.active else []


def _ripe(
    wired: Wired, stream: str, often: Schedule | None, row: CursorRow | None, live: CursorRow | None, now: datetime
) -> bool:
    """Begun and not told to wait, or due; a stream that was never read has nothing to verify."""
    if row is not None and row.not_before is not None and parse(row.not_before) > now:
        return False
    if row is not None and row.position is not None:
        return True
    if often is None or live is None or live.finished_at is None:
        return False
    last = row.began_at if row is not None and row.began_at is not None else wired.connection.created_at
    return engine.due_at(often, parse(last), f"{wired.name}/{stream}/{Lane.VERIFY}", now) <= now


# --- what -------------------------------------------------------------------------------------------------------


async def slice_(hub: Hub, connection: str, bounds: Slice) -> Sliced:
    """Goes on with the verification of a connection's streams until the slice is over."""
    wired, done = hub.connection(connection), Sliced()
    with tallied() as tally:
        for stream in _streams(wired):
            verification = _Verification(hub, wired, stream, bounds, done)
            if await verification.ready():
                await verification.go_on()
            if done.fault is not None or done.more:
                break
    done.counts.api_calls += tally.calls
    return done


@dataclass(slots=True)
class _Verification:
    """One stream's."""

    hub: Hub
    wired: Wired
    stream: str
    bounds: Slice
    done: Sliced
    row: CursorRow = field(init=False)
    standing: _Standing = field(init=False)

    async def ready(self) -> bool:
        """Whether there is anything to do now; begins what is due."""
        name, now = self.wired.name, self.hub.clock()
        async with self.hub.database.read() as conn:
            often, said = await scheduled(conn), await schedules.all(conn, name)
            self.row = await cursors.fetch(conn, name, self.stream, Lane.VERIFY)
            live = await cursors.fetch(conn, name, self.stream, Lane.LIVE)
        ripe = _ripe(self.wired, self.stream, often, self.row, live, now)
        if not ripe or not calendar.is_open(self.wired, self.stream, said, now):
            return False
        if self.row.position is not None:
            self.standing = _Standing.of(self.row.position)
            return True
        self.standing = _Standing("clear", self.wired.stream(self.stream).start(None, now))
        self.row = replace(self.row, walk=self.row.walk + 1, read=0, total=None, began_at=iso(now), until=iso(now))
        return True

    async def go_on(self) -> None:
        """Step after step, each kept with where it leaves the cursor."""
        steps = {
            "clear": self._clear,
            "walk": self._walk,
            "judge": self._judge,
            "seek": self._seek,
            "forget": self._forget,
        }
        while self.standing.phase != "done":
            if self.bounds.over():
                self.done.more = True
                return
            if not await steps[self.standing.phase]():
                return

    async def _clear(self) -> bool:
        async with self.hub.database.write() as conn:
            if not await verified.forget(conn, self.wired.name, self.stream):
                self.standing.phase = "walk"
            await self._keep(conn)
        return True

    async def _walk(self) -> bool:
        stream, asked_at, position = self.wired.stream(self.stream), self.hub.now_text(), dict(self.standing.at or {})
        try:
            page = stream.page(position, await self.wired.caller.send(stream.request(position)))
            if page.next == position and not page.wait:
                raise ContractBroken(f"{self.wired.name}/{self.stream}: the page points at itself")
        except Failed as failed:
            self.done.fault = failed.fault
            return False
        except ContractBroken as broken:
            await self._give_up(broken)
            return False
        living = {r.id: r for r in page.records if not r.gone}
        async with self.hub.database.read() as conn:  # a record that moves while it is walked is shown twice
            for again in await verified.among(conn, self.wired.name, self.stream, list(living)):
                del living[again]
        shown = await self._first_look(list(living.values()), asked_at)
        tally, now = self.standing.tally, self.hub.now_text()
        self.standing.at = page.next
        if page.next is None and not page.wait:
            self.standing = _Standing("judge", None, complete=page.complete, walked_at=now, tally=tally)
        tally.read += len(living)
        self.done.counts.read += len(living)
        self.bounds.spend(len(living))
        async with self.hub.database.write() as conn:
            await verified.put(conn, self.wired.name, self.stream, shown)
            await self._keep(conn, page, wait=page.wait)
        return not page.wait

    async def _first_look(self, records: Sequence[Record], asked_at: str) -> list[Shown]:
        """Counts what agrees or can't be said, and doubts the rest, and whom the hub doesn't know. A page may show less
        than is known by now: a copy that lags, or an answer that was long on its way."""
        compared = await compare(self.hub, self.wired, self.stream, records)
        doubted = {c.remote_id for c in compared if c.verdict is Verdict.DIFFER or not c.entity_id}
        known = await self._observed(doubted)
        shown = []
        for record, found in zip(records, compared, strict=True):
            seen = known.get(record.id)
            if record.id not in doubted:
                self._count(found)
                shown.append(Shown(record.id))
            elif _older(record, seen) if seen is not None else not observations.keepable(record, RECORD_MAX):
                self.standing.tally.unknown += 1
                shown.append(Shown(record.id))
            else:
                shown.append(Shown(record.id, observations.digest(record), asked_at))
        return shown

    async def _judge(self) -> bool:
        """What was doubted, by what the store knows since the live reading had its turn."""
        async with self.hub.database.read() as conn:
            part = await verified.doubted(conn, self.wired.name, self.stream, self.standing.after, BATCH)
        live = await self._live()
        turned = live.position is None and (live.began_at or "") > self.standing.walked_at
        if part and not turned and await self._waits(PATIENCE):
            return False
        await self._second_look(part, turned=turned)
        if part:
            self.standing.after = part[-1].remote_id
        else:
            phase = "seek" if self.standing.complete else "forget"
            self.standing = replace(self.standing, phase=phase, after="")
        self.bounds.spend(len(part))
        async with self.hub.database.write() as conn:
            await self._keep(conn)
        return True

    async def _second_look(self, part: Sequence[Shown], *, turned: bool) -> None:
        tally = self.standing.tally
        known = await self._observed({s.remote_id for s in part})
        again: list[Record] = []
        for shown in part:
            seen = known.get(shown.remote_id)
            if seen is not None and (seen.gone or seen.revision > seen.heard):
                tally.unknown += 1
            elif seen is None or (seen.hash != shown.hash and seen.seen_at < (shown.asked_at or "")):
                if turned:
                    tally.differs([MISSED])
                else:
                    tally.unknown += 1
            else:
                again.append(Record(shown.remote_id, seen.raw, seen.modified_at))
        found = await compare(self.hub, self.wired, self.stream, again)
        behind = await self._behind([c for c in found if c.verdict is Verdict.DIFFER])
        for compared in found:
            if compared.entity_id in behind:
                tally.unknown += 1
            else:
                self._count(compared)

    async def _seek(self) -> bool:
        """Records that the store believes to live there and that the walk, which was complete, didn't show. Where
        deletions show only by absence, the live reading has to have been complete since, too."""
        async with self.hub.database.read() as conn:
            since = self.row.began_at or ""
            part = await verified.living(conn, self.wired.name, self.stream, since, self.standing.after, BATCH)
        lost = sum(record.linked and not record.shown for record in part)
        live, sees = await self._live(), self.wired.stream(self.stream).sees_deletes
        last = live.began_at if sees else live.full_at
        turned = live.position is None and (last or "") > self.standing.walked_at
        if lost and not turned and await self._waits(PATIENCE if sees else PATIENCE_WHOLE):
            return False
        for _ in range(lost if turned else 0):
            self.standing.tally.differs([GONE])
        self.standing.tally.unknown += 0 if turned else lost
        if part:
            self.standing.after = part[-1].remote_id
        else:
            self.standing.phase = "forget"
        self.bounds.spend(len(part))
        async with self.hub.database.write() as conn:
            await self._keep(conn)
        return True

    async def _waits(self, patience: timedelta) -> bool:
        """Comes back later, the less often the longer it took, unless patience is at its end."""
        waited = self.hub.clock() - parse(self.standing.walked_at)
        if waited >= patience:
            return False
        async with self.hub.database.write() as conn:
            await self._keep(conn, wait=max(AGAIN, waited / 10).total_seconds())
        return True

    async def _forget(self) -> bool:
        async with self.hub.database.write() as conn:
            if not await verified.forget(conn, self.wired.name, self.stream):
                await self._end(conn)
                self.standing.phase = "done"
        return True

    async def _end(self, conn: Transaction) -> None:
        name, now, tally = self.wired.name, self.hub.now_text(), self.standing.tally
        key = f"{troubles.DIFFERS}/{name}/{self.stream}"
        if tally.differ:
            await issues.raise_(conn, troubles.differs(name, self.stream, tally.differ, tally.reasons, now))
            self.done.counts.issues += 1
        else:
            await issues.close(conn, [key], now)
        reasons = ", ".join(f"{n:,} {why}" for why, n in sorted(tally.reasons.items()))
        await self._record(conn, RunState.PARTIAL if tally.differ else RunState.DONE, reasons)
        await cursors.save(conn, replace(self.row, position=None, until=None, finished_at=now, not_before=None))

    async def _give_up(self, broken: ContractBroken) -> None:
        """A walk that can't go on from where it stands is begun anew when the next is due."""
        self.done.fault = broken.fault()
        LOG.warning("verification given up", connection=self.wired.name, stream=self.stream)
        async with self.hub.database.write() as conn:
            await self._record(conn, RunState.FAILED, f"{self.done.fault.code}: {self.done.fault.message}")
            await cursors.save(conn, replace(self.row, position=None, until=None, not_before=None))

    async def _record(self, conn: Transaction, state: RunState, note: str) -> None:
        counts = {k: v for k, v in asdict(self.standing.tally).items() if v and k != "reasons"}
        began, now = self.row.began_at or "", self.hub.now_text()
        place = (self.wired.name, self.stream, Lane.VERIFY)
        await runs.start(conn, Run(self.hub.new_id("run"), JOB, began, *place, state, counts, note, now))

    async def _keep(self, conn: Transaction, page: Page | None = None, wait: float = 0.0) -> None:
        now = self.hub.clock()
        self.row = replace(
            self.row,
            position=asdict(self.standing),
            read=self.standing.tally.read,
            total=self.row.total if page is None or page.total is None else page.total,
            moved_at=iso(now),
            not_before=iso(now + timedelta(seconds=wait)) if wait else None,
        )
        await cursors.save(conn, self.row)

    async def _live(self) -> CursorRow:
        async with self.hub.database.read() as conn:
            return await cursors.fetch(conn, self.wired.name, self.stream, Lane.LIVE)

    async def _observed(self, ids: set[str]) -> dict[str, Observation]:
        addresses = [Address(self.wired.name, self.stream, i) for i in sorted(ids)]
        async with self.hub.database.read() as conn:
            return {a.remote_id: o for a, o in (await observations.fetch(conn, addresses)).items()}

    async def _behind(self, found: Sequence[Compared]) -> set[str]:
        """Entities of which this sink is still to be told: what differs is on its way, or may not be written."""
        if self.stream not in self.wired.sinks():
            return set()
        async with self.hub.database.read() as conn:
            told = await golden.tellings(conn, [c.entity_id for c in found], self.wired.name, self.stream)
        return {c.entity_id for c in found if c.entity_id not in told or told[c.entity_id].rev < c.rev}

    def _count(self, compared: Compared) -> None:
        tally = self.standing.tally
        if compared.verdict is Verdict.DIFFER:
            tally.differs(sorted({d.reason for d in compared.found}))
        else:
            tally.agree += compared.verdict is Verdict.AGREE
            tally.unknown += compared.verdict is Verdict.UNKNOWN
            tally.held_back += compared.held_back


def _older(record: Record, seen: Observation) -> bool:
    try:
        shown = normal(record.modified_at)
        return shown is not None and seen.modified_at is not None and shown < seen.modified_at
    except ValueError:  # no time orders nothing
        return False
