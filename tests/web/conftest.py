"""A hub with connections that take webhooks, and its web application, on both databases."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from hub.domain.connection import Connection
from hub.domain.hint import Noted
from hub.sdk import relay
from hub.store import connections, hints
from hub.store import secrets as safe
from hub.store.database import Database
from hub.web.app import make_app
from sync_jobs.hub import Hub
from sync_jobs.queue import MemoryQueue

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECRET = "0123456789abcdef0123456789abcdef"
SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "hubspot": {},
    "mailchimp": {"audience_id": "57afe96172"},
    "salesforce": {"client_id": "c"},
    "unruly": {},
}


class House:
    """An opened hub whose clock stands still unless a test moves it."""

    def __init__(self, home: Path, database: Database, vault: safe.Vault, key: bytes) -> None:
        self.now = NOON
        self.hub_key = key
        self.hub = Hub(home, database, vault, lambda: self.now, {}, MemoryQueue())

    async def connect(
        self, name: str, connector: str, secrets: Mapping[str, str], account: Mapping[str, str] | None = None
    ) -> None:
        async with self.hub.database.write() as conn:
            made = Connection(name, connector, "http://x.invalid", SETTINGS[connector], account=account)
            await connections.add(conn, replace(made, created_at=self.hub.now_text()))
        await self.give(name, secrets)

    async def give(self, name: str, secrets: Mapping[str, str]) -> None:
        async with self.hub.database.write() as conn:
            await safe.put(conn, self.hub.vault, name, secrets, self.hub.now_text())

    async def waiting(self, name: str, stream: str) -> list[Noted]:
        async with self.hub.database.read() as conn:
            return await hints.of(conn, name, stream, 10_000)

    async def ids(self, name: str, stream: str) -> list[str]:
        return sorted(n.remote_id for n in await self.waiting(name, stream))

    async def woken(self) -> list[str]:
        """Connections that were woken, once the wake-ups under way have gone out."""
        await asyncio.sleep(0.1)
        queue = self.hub.queue
        assert isinstance(queue, MemoryQueue)
        taken = []
        while (wake := await queue.take()) is not None:
            taken.append(wake.connection)
        return taken

    @asynccontextmanager
    async def client(self, public_url: str = "https://hub.example") -> AsyncIterator[httpx.AsyncClient]:
        """Speaks to the application as a server would, without one."""
        app = make_app(self.hub, public_url=public_url)
        async with app.router.lifespan_context(app):
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://10.0.0.7:8400") as client:
                yield client


def relayed(body: object, at: datetime = NOON, secret: str = SECRET, skew: float = 0.0) -> tuple[bytes, dict[str, str]]:
    """A relay's message and its headers."""
    text = body if isinstance(body, bytes) else orjson.dumps(body)
    stamp = str(int((at + timedelta(seconds=skew)).timestamp()))
    return text, {"X-Hub-Timestamp": stamp, "X-Hub-Signature-256": relay.proof(secret, stamp, text)}


@pytest.fixture
async def house(database: Database, tmp_path: Path) -> House:
    """With the connection `shop`, which has a relay's secret."""
    key = os.urandom(32)
    async with database.write() as conn:
        vault = await safe.make_vault(conn, safe.MasterKey("a test", raw=key), "2026-01-01T00:00:00.000Z")
    made = House(tmp_path, database, vault, key)
    await made.connect("shop", "unruly", {"token": "t", "webhook_secret": SECRET})
    return made
