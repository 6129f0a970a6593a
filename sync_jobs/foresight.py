"""What vendors would say to planned changes: which cells cannot be told, and how many calls the rest costs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import ceil
from typing import Any

from hub.domain.keys import Address
from hub.domain.plan import Cell, Change, Op, Write
from hub.domain.values import Value
from hub.engine.hear import CONSENT
from hub.sdk.sinks import Sink
from hub.sdk.streams import FieldInfo
from hub.store import discoveries, observations
from hub.store.database import Transaction
from mappings.lens import Lens
from sync_jobs.push import LOOK_SINGLY_MAX
from sync_jobs.rulebook import Rulebook
from sync_jobs.wiring import Wired


@dataclass(frozen=True, slots=True)
class Refusal:
    """A cell that would not arrive, and why. The value is left out: it may be personal."""

    connection: str
    stream: str
    remote_id: str | None
    entity_id: str
    field: str
    why: str


@dataclass(frozen=True, slots=True)
class Foreseen:
    """`changes` are those that would be sent, with the cells that would arrive."""

    changes: tuple[Change, ...]
    refusals: tuple[Refusal, ...]


@dataclass(slots=True)
class Calls:
    """The calls of one sink, counted as they would be made: looks first, then writes in batches, then reading back."""

    sink: Sink
    groups: Counter[str] = field(default_factory=Counter)
    looks: int = 0
    lookups: int = 0

    def add(self, change: Change, write: Write) -> None:
        self.groups[self.sink.group(write)] += 1
        self.looks += change.op is not Op.CREATE
        self.lookups += change.op is Op.CREATE and not self.sink.upserts_by_key

    @property
    def total(self) -> int:
        batch, look = max(self.sink.batch_max, 1), max(self.sink.look_max, 1)
        writes = sum(ceil(n / batch) for n in self.groups.values())
        back = 0 if self.sink.shows_record else ceil(sum(self.groups.values()) / look)
        # Many looks at single records are made as one read of what changed, which is short where little did.
        looks = 1 if look == 1 and self.looks > LOOK_SINGLY_MAX else ceil(self.looks / look)
        return writes + looks + ceil(self.lookups / look) + back


@dataclass(slots=True)
class Foresight:
    """Looks ahead for all sinks of a set of rules; `calls` by (connection, stream)."""

    book: Rulebook
    calls: dict[tuple[str, str], Calls] = field(default_factory=dict)
    _known: dict[tuple[str, str], Mapping[str, FieldInfo]] = field(default_factory=dict)

    async def of(self, conn: Transaction, changes: Sequence[Change]) -> Foreseen:
        """What would become of these changes."""
        wanted = [Address(c.connection, c.stream, c.remote_id) for c in changes if c.remote_id]
        shown = await observations.fetch(conn, wanted)
        sent: list[Change] = []
        refusals: list[Refusal] = []
        for change in changes:
            wired = self.book.wired[change.connection]
            seen = shown.get(Address(change.connection, change.stream, change.remote_id or ""))
            rest = await self._one(conn, wired, change, seen.raw if seen is not None else None, refusals)
            if rest is not None:
                sent.append(rest)
        return Foreseen(tuple(sent), tuple(refusals))

    async def _one(
        self,
        conn: Transaction,
        wired: Wired,
        change: Change,
        raw: Mapping[str, Any] | None,
        refusals: list[Refusal],
    ) -> Change | None:
        if change.op is Op.REMOVE:
            self._count(wired, change, {})
            return change
        lens = wired.lenses[change.stream]
        known = await self._fields(conn, wired, change.stream)
        cells: list[Cell] = []
        whole: dict[str, Any] = {}
        for cell in change.cells:
            payload, why = _told(lens, cell, raw, known)
            if why:
                refusals.append(_refusal(change, cell, why))
            elif payload:
                cells.append(cell)
                whole |= payload
        if not cells:
            return None
        self._count(wired, change, whole)
        return replace(change, cells=tuple(cells))

    def _count(self, wired: Wired, change: Change, payload: Mapping[str, Any]) -> None:
        here = (wired.name, change.stream)
        if here not in self.calls:
            self.calls[here] = Calls(wired.sink(change.stream))
        write = Write(change.op, change.remote_id, change.key, payload, "0", change.part, change.entity_id)
        self.calls[here].add(change, write)

    async def _fields(self, conn: Transaction, wired: Wired, stream: str) -> Mapping[str, FieldInfo]:
        here = (wired.name, stream)
        if here not in self._known:
            found = await discoveries.get(conn, wired.name, stream)
            self._known[here] = {info.path: info for info in found.fields} if found is not None else {}
        return self._known[here]


def _told(
    lens: Lens, cell: Cell, raw: Mapping[str, Any] | None, known: Mapping[str, FieldInfo]
) -> tuple[Mapping[str, Any], str]:
    """A cell in the vendor's words, and why it would not arrive ("" when it would)."""
    consent = {cell.field.removeprefix(CONSENT): str(cell.after)} if cell.field.startswith(CONSENT) else None
    values: dict[str, Value] = {} if consent else {cell.field: cell.after}
    payload = lens.put(values, consent, raw)
    if payload.complaints:
        return {}, f"{payload.complaints[0].path} would have to be {payload.complaints[0].expected}"
    for path, value in payload.values.items():
        why = _refused(known.get(path), value, creating=raw is None)
        if why:
            return {}, f"{path} {why}"
    return payload.values, ""


def _refused(info: FieldInfo | None, value: Any, *, creating: bool) -> str:
    if info is None or value is None or value == "":
        return ""
    if not (info.creatable if creating else info.updatable):
        return "cannot be written there"
    if info.choices and isinstance(value, str) and value not in info.choices:
        return f"offers {', '.join(info.choices)[:120]} there, and not this value"
    if info.max_length is not None and isinstance(value, str) and len(value) > info.max_length:
        return f"takes {info.max_length} characters there, and the value has {len(value)}"
    return ""


def _refusal(change: Change, cell: Cell, why: str) -> Refusal:
    return Refusal(change.connection, change.stream, change.remote_id, change.entity_id, cell.field, why)
