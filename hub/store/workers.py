"""Processes that work here, as they last said."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.domain.worker import Role, Worker
from hub.store.dialect import Upsert
from hub.store.tables import workers

T = workers.c
_put = Upsert(workers)


async def put(conn: AsyncConnection, worker: Worker) -> None:
    row: dict[str, Any] = asdict(worker)
    await _put(conn, [{**row, "doing": list(worker.doing)}])


async def all(conn: AsyncConnection, seen_after: str = "") -> list[Worker]:
    """Those that said something after that time, by host and process."""
    found = await conn.execute(select(workers).where(T.seen_at > seen_after).order_by(T.host, T.process, T.id))
    return [Worker(**{**row, "doing": tuple(row["doing"]), "role": Role(row["role"])}) for row in found.mappings()]


async def drop(conn: AsyncConnection, worker_id: str) -> None:
    """It ended as it should."""
    await conn.execute(delete(workers).where(T.id == worker_id))


async def drop_silent(conn: AsyncConnection, before: str) -> None:
    """Forgets those that fell silent before that time."""
    await conn.execute(delete(workers).where(T.seen_at < before))
