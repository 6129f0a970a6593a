"""Stores for tests that need more than the one of the `database` fixture."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from hub.store.database import Database, open_database


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    """The store at that URL as it is, closed afterwards."""
    database = open_database(url)
    try:
        yield database
    finally:
        await database.close()
