"""Budgets in and out of the store: calls by the hour and vendors' words, kept in bulk and read back with what other
processes used."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from contextvars import Context
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hub.domain.connection import Connection
from hub.domain.lane import Lane
from hub.domain.quota import HOUR, CallCount
from hub.engine.quota import Shares
from hub.logs import log
from hub.sdk.connector import Connector
from hub.store import quotas, settings
from hub.store.database import Transaction
from hub.store.quotas import Word
from hub.transport.budget import Budget, zone_of
from hub.transport.passbook import Passbook

if TYPE_CHECKING:
    from sync_jobs.hub import Hub

EVERY = 5.0
"""Seconds between two flushes of a process that goes on: for so long others don't know of its calls, as far as windows
of an hour and more are concerned."""
QUOTA = "quota"

_log = log(__name__)


def budget_of(hub: Hub, row: Connection, connector: Connector, settings: Any, secrets: Mapping[str, str]) -> Budget:
    """The budget of whoever pays for the connection's calls: as the connector says, else the account that answered the
    last check, else the connection alone."""
    payer, account = connector.payer(settings, secrets), row.account or {}
    if payer:
        whose = f"payer {payer}"
    elif account.get("key"):
        whose = f"account {account['key']}"
    else:
        whose = f"connection {row.name}"
    return hub.budgets.of(connector, whose, row.name, zone_of(account.get("time_zone", "")))


async def recall(hub: Hub) -> None:
    """Takes over what the store knows of accounts that this process did not know: after connections were wired."""
    for book in hub.budgets.passbooks.values():
        book.connections &= {*hub.wired, *hub.unusable}
    books = [book for book in hub.budgets.passbooks.values() if not book.recalled]
    async with hub.database.read() as conn:
        hub.budgets.share(await shares(conn))
        known = await _known(conn, hub, books)
    for book, (counts, word) in zip(books, known, strict=True):
        book.see(counts)
        book.recall(word.said, word.rests)


async def flush(hub: Hub) -> None:
    """Keeps what was counted and heard since the last time, and takes over what other processes did. Never raises for
    a store that is away: the next one keeps it."""
    async with hub.locks["quotas"]:
        # In a context of its own: calls were made, whoever holds a lease by now.
        await asyncio.create_task(_flush(hub), context=Context())


def is_due(hub: Hub) -> bool:
    """Whether there is anything to keep."""
    return any(book.has_news for book in hub.budgets.passbooks.values())


async def keep_flushing(hub: Hub, every: float = EVERY) -> None:
    """Until it is cancelled; for a process that goes on."""
    while True:
        await asyncio.sleep(every)
        await asyncio.shield(flush(hub))  # one that is cancelled half-way would cost a connection to the store


async def end(hub: Hub) -> None:
    """Keeps what is left, after a flush that is under way."""
    async with hub.locks["quotas"]:
        pass
    if is_due(hub):
        await flush(hub)


async def _flush(hub: Hub) -> None:
    books = list(hub.budgets.passbooks.values())
    leaving = _summed(count for book in books for count in book.leave())
    spoken_to = [book for book in books if book.unsaved]
    words = {name: Word(dict(book.said), dict(book.rests)) for book in spoken_to for name in book.connections}
    for book in spoken_to:
        book.unsaved = False
    try:
        async with hub.database.write() if leaving or words else hub.database.read() as conn:
            await quotas.add(conn, leaving)
            for name in sorted(words):  # in the order in which everybody takes these rows
                await quotas.hear(conn, name, words[name], hub.now_text())
            known = await _known(conn, hub, books)
            hub.budgets.share(await shares(conn))
    except BaseException as error:
        for book in books:
            book.stay()
        for book in spoken_to:
            book.unsaved = True
        if not isinstance(error, Exception):
            raise
        _log.warning("calls were not counted in the store yet", error=type(error).__name__)
        return
    for book, (counts, word) in zip(books, known, strict=True):
        book.keep(counts)
        book.recall(word.said, word.rests)


def _summed(counts: Iterable[CallCount]) -> list[CallCount]:
    """One a place: a connection may have changed accounts within the hour."""
    sums: dict[tuple[str, str, int, Lane], CallCount] = {}
    for count in counts:
        place = (count.connection, count.bucket, count.hour, count.lane)
        held = sums.get(place)
        sums[place] = (
            count if held is None else replace(count, calls=held.calls + count.calls, cost=held.cost + count.cost)
        )
    return list(sums.values())


async def _known(conn: Transaction, hub: Hub, books: Sequence[Passbook]) -> list[tuple[list[CallCount], Word]]:
    """What the store holds of each account: the calls of all its connections, and the latest words."""
    connections = sorted({name for book in books for name in book.connections})
    if not connections:
        return [([], Word()) for _ in books]
    reach = max(book.reach for book in books)
    counts = await quotas.since(conn, connections, int((hub.clock().timestamp() - reach) // HOUR)) if reach else []
    words = await quotas.words(conn, connections)
    known = []
    for book in books:
        word = Word()
        for connection in book.connections & words.keys():
            word = word.with_(words[connection])
        known.append(([count for count in counts if count.connection in book.connections], word))
    return known


async def shares(conn: Transaction) -> Shares:
    """Of the lanes that can wait, as an operator set them."""
    found: Mapping[str, float] = await settings.get(conn, QUOTA) or {}
    return replace(Shares(), **found)


async def put_shares(conn: Transaction, said: Mapping[str, float]) -> None:
    """`{"backfill_share": 0.5, "verify_share": 0.2}`, any of them; the others stay."""
    found: Mapping[str, float] = await settings.get(conn, QUOTA) or {}
    await settings.put(conn, QUOTA, {**found, **said})
