"""Whom an edit concerns: the database finds whose values differ, the lenses whose records read differently."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from hub.domain.edit import Moved
from hub.domain.keys import Address
from hub.domain.values import Value, is_empty
from hub.engine.reread import Sight
from hub.store import suspects
from hub.store.database import Transaction
from hub.store.suspects import Shown
from mappings.lens import Lens
from sync_jobs import troubles
from sync_jobs.proposal import Place, Resurvived

BATCH = 1000
SCAN = 2000
"""Records that are held against both lenses at a time."""
MISSING = object()
UNTOLD = (troubles.UNTOLD, troubles.REFUSED)
"""Kinds of issues that say that a system could not be told something."""

Question: TypeAlias = Callable[[str], Awaitable[list[str]]]
"""Ids behind `after`, at most a batch of them."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A record in the old words and in the new ones, in what the edit touches."""

    shown: Shown
    sight: Sight


class Reader:
    """Reads records under both documents of a place."""

    def __init__(self, place: Place) -> None:
        self.names = [name for name, how in place.edit.reading.items() if how is not Moved.REMOVED]
        self._old, self._new = place.old.reader(self.names), place.new.reader(self.names)
        self._whole = _whole(place.old, place.new) if place.edit.whole else None

    def read(self, shown: Shown) -> Reading:
        return Reading(shown, Sight(self._old(shown.raw), self._new(shown.raw)))

    def touched(self, shown: Shown) -> Reading | None:
        """None when the record says the same under both."""
        before, after = self._old(shown.raw), self._new(shown.raw)
        if before != after and any(_apart(before.get(n, MISSING), after.get(n, MISSING)) for n in self.names):
            return Reading(shown, Sight(before, after))
        if self._whole is not None and self._whole(shown.raw, shown.modified_at):
            return Reading(shown, Sight(before, after))
        return None


@dataclass(frozen=True, slots=True)
class Found:
    """Entities with records of the stream that read differently, those records' readings by address, and the remote id
    up to which the stream was gone through."""

    ids: list[str]
    readings: Mapping[Address, Reading]
    after: str


async def records(conn: Transaction, place: Place, after: str = "") -> AsyncIterator[Found]:
    """Goes through the stream's records, about a batch of entities at a time."""
    reader = Reader(place)
    touched: dict[Address, Reading] = {}
    while True:
        seen = await suspects.shown(conn, place.connection, place.stream, after, SCAN)
        after = seen[-1].remote_id if seen else after
        for shown in seen:
            reading = reader.touched(shown)
            if reading is not None:
                touched[Address(place.connection, place.stream, shown.remote_id)] = reading
        if len(touched) >= BATCH or not seen:
            ids = await suspects.owners(conn, place.connection, place.stream, [a.remote_id for a in touched])
            yield Found(ids, touched, after)
            touched = {}
        if not seen:
            return


def _apart(before: Value | object, after: Value | object) -> bool:
    """A blank that comes into sight says nothing."""
    if before is MISSING:
        return after is not MISSING and not is_empty(after)  # type: ignore[arg-type]
    return before != after or isinstance(before, bool) != isinstance(after, bool)


def _whole(old: Lens, new: Lens) -> Callable[[Any, str | None], bool]:
    def differs(raw: Any, modified_at: str | None) -> bool:
        a, b = old.get(raw, modified_at), new.get(raw, modified_at)
        return (a.consent, a.keys, a.in_scope) != (b.consent, b.keys, b.in_scope)

    return differs


def questions(conn: Transaction, place: Place) -> list[Question]:
    """What to ask the database of entities that the edit's policy concerns."""
    edit, entity, connection, stream = place.edit, place.entity, place.connection, place.stream
    asked: list[Question] = []
    if edit.writing:
        asked.append(lambda a: suspects.differing(conn, entity, connection, stream, edit.writing, a, BATCH))
    if edit.forms:
        asked.append(lambda a: suspects.untold(conn, connection, stream, UNTOLD, a, BATCH))
    silent = edit.weighing | {name for name, how in edit.reading.items() if how is Moved.REMOVED}
    if silent:
        asked.append(lambda a: suspects.saying(conn, connection, stream, silent, a, BATCH))
    if edit.creating:
        asked.append(lambda a: suspects.absent(conn, entity, connection, stream, a, BATCH))
    if edit.deleting:
        asked.append(lambda a: suspects.buried(conn, entity, connection, stream, a, BATCH))
    return asked


def resurvived(conn: Transaction, edited: Resurvived) -> Question:
    return lambda after: suspects.holding(conn, edited.entity, edited.fields, after, BATCH)


async def entities(asked: Sequence[Question], after: str = "") -> AsyncIterator[list[str]]:
    """The answers to several questions as one, in the order of ids, each once, in batches."""
    while True:
        answers = [await ask(after) for ask in asked]
        found = sorted({i for answer in answers for i in answer})
        # No further than where the shortest full answer ends: behind it that question has more to say.
        ends = [answer[-1] for answer in answers if len(answer) >= BATCH]
        if ends:
            found = [i for i in found if i <= min(ends)]
        if found:
            yield found
            after = found[-1]
        if not ends:
            return
