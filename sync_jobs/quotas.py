"""Budgets in and out of the store: calls by the hour and vendors' words, kept in bulk and read back with what other
processes used."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextvars import Context
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hub.domain.connection import Connection
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
    """Takes over what the store knows: after the connections were wired."""
    async with hub.database.read() as conn:
        hub.budgets.share(await shares(conn))
        known = {account: await _known(conn, hub, book) for account, book in hub.budgets.passbooks.items()}
    for account, (counts, word) in known.items():
        book = hub.budgets.passbooks[account]
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
        await flush(hub)


async def _flush(hub: Hub) -> None:
    books = list(hub.budgets.passbooks.values())
    leaving = [count for book in books for count in book.leave()]
    words = [(book, Word(dict(book.said), dict(book.rests))) for book in books if book.unsaved]
    for book, _ in words:
        book.unsaved = False
    try:
        async with hub.database.write() if leaving or words else hub.database.read() as conn:
            await quotas.add(conn, leaving)
            for book, word in words:
                for connection in sorted(book.connections):
                    await quotas.hear(conn, connection, word, hub.now_text())
            known = [await _known(conn, hub, book) for book in books]
            hub.budgets.share(await shares(conn))
    except BaseException as error:
        for book in books:
            book.stay()
        for book, _ in words:
            book.unsaved = True
        if not isinstance(error, Exception):
            raise
        _log.warning("calls were not counted in the store yet", error=type(error).__name__)
        return
    for book, (counts, word) in zip(books, known, strict=True):
        book.keep(counts)
        book.recall(word.said, word.rests)


async def _known(conn: Transaction, hub: Hub, book: Passbook) -> tuple[list[CallCount], Word]:
    """What the store holds of an account: of all connections to it, the latest words."""
    connections = sorted(book.connections)
    counts: list[CallCount] = []
    if book.reach:
        counts = await quotas.since(conn, connections, int((hub.clock().timestamp() - book.reach) // HOUR))
    known = Word()
    for word in (await quotas.words(conn, connections)).values():
        known = known.with_(word)
    return counts, known


async def shares(conn: Transaction) -> Shares:
    """Of the lanes that can wait, as an operator set them."""
    found: Mapping[str, float] = await settings.get(conn, QUOTA) or {}
    return replace(Shares(), **found)


async def put_shares(conn: Transaction, said: Mapping[str, float]) -> None:
    """`{"backfill_share": 0.5, "verify_share": 0.2}`, any of them; the others stay."""
    found: Mapping[str, float] = await settings.get(conn, QUOTA) or {}
    await settings.put(conn, QUOTA, {**found, **said})
