"""Remote paths that an edit reads and nobody requested before: what they hold is in no plan until they were read."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

from hub.store import cursors, observations, suspects
from hub.store.database import Transaction
from mappings.paths import MISSING, getter
from sync_jobs.proposal import Place

SAMPLE = 1_000
"""Records that are looked through for a field that was never read."""


@dataclass(frozen=True, slots=True)
class Unread:
    """`records`: how many would have to be read to know what these paths hold."""

    connection: str
    stream: str
    paths: tuple[str, ...]
    records: int


async def unread(conn: Transaction, place: Place) -> Unread | None:
    """Paths that the new document reads, the old one didn't, and some record doesn't show: an answer to a write or an
    earlier document may have shown them of a few. None where they were read since."""
    paths = asked(place)
    if not paths:
        return None
    known = await suspects.shown(conn, place.connection, place.stream, "", SAMPLE)
    shown = [s.raw for s in known if not s.gone]
    lacking = tuple(p for p in paths if any(getter(p)(raw) is MISSING for raw in shown))
    if not lacking:
        return None
    row = await cursors.fetch(conn, place.connection, place.stream, lane_of(place))
    if row.finished_at is not None:  # read, and the vendor leaves out what is blank
        return None
    there = await observations.count(conn, place.connection, place.stream)
    return Unread(place.connection, place.stream, lacking, there.live)


def asked(place: Place) -> list[str]:
    """The paths that the edit adds to what is requested."""
    return [path for path in place.edit.never_read if "$" not in path]


def lane_of(place: Place) -> str:
    """The same new paths are the same reading: asked for again, it goes on, or reads what changed since."""
    said = "\n".join(sorted(asked(place)))
    return f"fields:{blake2b(said.encode(), digest_size=8).hexdigest()}"
