"""Calls by the hour, and what vendors said of their quotas: what outlives a process, and what processes share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.domain.lane import Lane
from hub.domain.moments import iso, parse
from hub.domain.quota import HOUR, CallCount, Said
from hub.store.dialect import Upsert, one_of
from hub.store.tables import call_counts, meters

C = call_counts.c
_add = Upsert(call_counts, lambda old, new: {"calls": old.calls + new.calls, "cost": old.cost + new.cost})
_put = Upsert(meters)
_touch = Upsert(meters, lambda _, new: {"at": new.at})


@dataclass(frozen=True, slots=True)
class Word:
    """What is known from a vendor's answers to one connection: of its windows, by bucket and seconds, and until when
    its buckets rest, in seconds since 1970."""

    said: Mapping[tuple[str, float], Said] = field(default_factory=dict)
    rests: Mapping[str, float] = field(default_factory=dict)

    def with_(self, other: Word) -> Word:
        """Of each window what was said later, of each bucket the longer rest."""
        said, rests = dict(self.said), dict(self.rests)
        for window, told in other.said.items():
            if window not in said or said[window].at < told.at:
                said[window] = told
        for bucket, until in other.rests.items():
            rests[bucket] = max(until, rests.get(bucket, until))
        return Word(said, rests)


async def add(conn: AsyncConnection, counts: Sequence[CallCount]) -> None:
    """Adds to what was counted before, by whichever process."""
    await _add(
        conn,
        [
            {
                "connection": count.connection,
                "bucket": count.bucket,
                "hour": _text(count.hour),
                "lane": count.lane.value,
                "calls": count.calls,
                "cost": count.cost,
            }
            for count in counts
        ],
    )


async def since(conn: AsyncConnection, connections: Sequence[str], hour: int) -> list[CallCount]:
    """What these connections called in that hour and later, in order of time."""
    chosen = select(call_counts).where(one_of(conn, C.connection, connections), C.hour >= _text(hour))
    ordered = chosen.order_by(C.hour, C.connection, C.bucket, C.lane)
    return [
        CallCount(row.connection, row.bucket, _hour(row.hour), Lane(row.lane), row.calls, row.cost)
        for row in await conn.execute(ordered)
    ]


async def words(conn: AsyncConnection, connections: Sequence[str]) -> dict[str, Word]:
    """What the vendors said to these connections, by connection."""
    chosen = select(meters).where(one_of(conn, meters.c.connection, connections))
    return {row.connection: _word(row.said) for row in await conn.execute(chosen)}


async def hear(conn: AsyncConnection, connection: str, word: Word, now: str) -> None:
    """Keeps what is later than what is kept already: several processes hear the same vendor, so the row is held from
    before it is read."""
    await _touch(conn, [{"connection": connection, "said": _form(Word()), "at": now}])
    held = (await words(conn, [connection])).get(connection, Word())
    await _put(conn, [{"connection": connection, "said": _form(held.with_(word)), "at": now}])


def _form(word: Word) -> dict[str, Any]:
    return {
        "windows": [
            {"bucket": bucket, "seconds": seconds, "limit": s.limit, "used": s.used, "at": s.at}
            for (bucket, seconds), s in word.said.items()
        ],
        "rests": dict(word.rests),
    }


def _word(said: Mapping[str, Any]) -> Word:
    windows = {(w["bucket"], float(w["seconds"])): Said(w["limit"], w["used"], w["at"]) for w in said["windows"]}
    return Word(windows, said["rests"])


def _text(hour: int) -> str:
    """`2026-11-22T09`, UTC."""
    return iso(datetime.fromtimestamp(hour * HOUR, UTC))[:13]


def _hour(text: str) -> int:
    return int(parse(f"{text}:00").timestamp() // HOUR)
