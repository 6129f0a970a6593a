"""Measured values of campaigns by day, kept as known when: a restatement closes the old row and adds a new one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import astuple, dataclass, fields
from typing import Any

from sqlalchemy import ColumnElement, FromClause, and_, bindparam, func, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.domain.fact import Fact, KnownFact
from hub.store.dialect import Upsert, given
from hub.store.tables import facts

T = facts.c
FIELDS = tuple(f.name for f in fields(Fact))
MEASURES = tuple(name for name in FIELDS if name not in ("campaign_ref", "day", "currency"))
FACT_COLUMNS: tuple[ColumnElement[Any], ...] = tuple(T[name] for name in FIELDS)

_insert = Upsert(facts)


@dataclass(frozen=True, slots=True)
class Kept:
    """What rows brought: days that were unknown, days that say something else now, and those that say the same."""

    created: int = 0
    restated: int = 0
    unchanged: int = 0


@dataclass(frozen=True, slots=True)
class Total:
    """Sums of one stream in one currency; a measure that no row has is None. `days` counts rows."""

    connection: str
    stream: str
    currency: str | None
    days: int
    measures: dict[str, int | float | None]


async def keep(conn: AsyncConnection, connection: str, stream: str, rows: Sequence[Fact], now: str) -> Kept:
    """Keeps what a source says now. Of two rows of one campaign and day the last wins; a row equal to what is known
    changes nothing; another closes what was known (`known_to` = now) and is known from now on."""
    latest = {(row.campaign_ref, row.day): row for row in rows}
    if not latest:
        return Kept()
    asked = _asked(conn, connection, stream, list(latest))
    found = await conn.execute(
        select(*FACT_COLUMNS, T.known_from)
        .join_from(asked, facts, and_(*(T[column.name] == column for column in asked.c)))
        .where(T.known_to.is_(None))
    )
    known = {(fact := Fact(*row[:-1])).campaign_ref + "\x1f" + fact.day: (fact, row[-1]) for row in found}
    closed: list[dict[str, Any]] = []
    new: list[dict[str, Any]] = []
    created = unchanged = 0
    for (ref, day), fact in latest.items():
        held = known.get(ref + "\x1f" + day)
        if held is not None and held[0] == fact:
            unchanged += 1
            continue
        if held is None:
            created += 1
        elif held[1] < now:
            closed.append({"a_ref": ref, "a_day": day, "a_from": held[1]})
        # Else it became known at this very moment: the row below takes its place.
        since = now if held is None or held[1] < now else held[1]
        values = dict(zip(FIELDS, astuple(fact), strict=True))
        new.append({"connection": connection, "stream": stream, "known_from": since, "known_to": None, **values})
    if closed:
        await conn.execute(
            update(facts)
            .where(
                T.connection == connection,
                T.stream == stream,
                T.campaign_ref == bindparam("a_ref"),
                T.day == bindparam("a_day"),
                T.known_from == bindparam("a_from"),
            )
            .values(known_to=now),
            closed,
        )
    await _insert(conn, new)
    return Kept(created, len(new) - created, unchanged)


def _asked(conn: AsyncConnection, connection: str, stream: str, days: Sequence[tuple[str, str]]) -> FromClause:
    """The days to look up. Source and stream travel with every row: were they conditions of their own, SQLite would
    begin with all facts of the stream and go through the whole list for each."""
    columns = {
        "connection": [connection] * len(days),
        "stream": [stream] * len(days),
        "campaign_ref": [ref for ref, _ in days],
        "day": [day for _, day in days],
    }
    return given(conn, "asked", columns)


def _chosen(
    connection: str | None, stream: str | None, since: str | None, until: str | None, as_of: str | None
) -> list[ColumnElement[bool]]:
    where: list[ColumnElement[bool]] = []
    if connection is not None:
        where.append(T.connection == connection)
    if stream is not None:
        where.append(T.stream == stream)
    if since is not None:
        where.append(T.day >= since)
    if until is not None:
        where.append(T.day <= until)
    if as_of is None:
        where.append(T.known_to.is_(None))
    else:
        where.append(T.known_from <= as_of)
        where.append(T.known_to.is_(None) | (T.known_to > as_of))
    return where


async def current(
    conn: AsyncConnection,
    *,
    connection: str | None = None,
    stream: str | None = None,
    since: str | None = None,
    until: str | None = None,
    as_of: str | None = None,
    batch: int = 1_000,
) -> AsyncIterator[list[KnownFact]]:
    """Facts as known now, or as known at `as_of`, of days from `since` to `until` (both included), in lists of at most
    `batch`, by connection, stream, campaign and day."""
    order = (T.connection, T.stream, T.campaign_ref, T.day)
    after: tuple[str, ...] | None = None
    while True:
        where = _chosen(connection, stream, since, until, as_of)
        if after is not None:
            where.append(tuple_(*order) > after)
        found = await conn.execute(
            select(T.connection, T.stream, T.known_from, T.known_to, *FACT_COLUMNS)
            .where(*where)
            .order_by(*order)
            .limit(batch)
        )
        part = [KnownFact(c, s, Fact(*values), from_, to) for c, s, from_, to, *values in found]
        if part:
            yield part
        if len(part) < batch:
            return
        last = part[-1]
        after = (last.connection, last.stream, last.fact.campaign_ref, last.fact.day)


async def totals(
    conn: AsyncConnection,
    *,
    connection: str | None = None,
    stream: str | None = None,
    since: str | None = None,
    until: str | None = None,
    as_of: str | None = None,
) -> list[Total]:
    """Sums per connection, stream and currency; currencies are never added up."""
    group = (T.connection, T.stream, T.currency)
    found = await conn.execute(
        select(*group, func.count(), *(func.sum(T[name]) for name in MEASURES))
        .where(*_chosen(connection, stream, since, until, as_of))
        .group_by(*group)
        .order_by(*group)
    )
    return [
        Total(c, s, currency, days, {name: _number(name, n) for name, n in zip(MEASURES, sums, strict=True)})
        for c, s, currency, days, *sums in found
    ]


def _number(name: str, said: Any) -> int | float | None:
    """PostgreSQL sums whole numbers into decimals."""
    if said is None:
        return None
    return float(said) if name == "conversions" else int(said)
