"""Pushes that take more than one job: how far one was planned, or told."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.engine.guard import Tally
from hub.store.dialect import Upsert
from hub.store.tables import passes

T = passes.c
_save = Upsert(passes)


class PassPhase(StrEnum):
    PLAN = "plan"
    TELL = "tell"


@dataclass(frozen=True, slots=True)
class PassRow:
    """`after`: the last entity id that was planned, or told. `due`: entities that are due, as far as it is planned.
    `planned` and `told`: by kind of change, so far."""

    connection: str
    stream: str
    phase: PassPhase
    after: str
    due: int
    planned: Tally
    told: Tally
    began_at: str


async def fetch(conn: AsyncConnection, connection: str, stream: str) -> PassRow | None:
    row = (await conn.execute(select(passes).where(T.connection == connection, T.stream == stream))).mappings().first()
    if row is None:
        return None
    tallies = {name: Tally(**amounts) for name, amounts in row["tally"].items()}
    return PassRow(
        connection, stream, PassPhase(row["phase"]), row["after"], row["due"], began_at=row["began_at"], **tallies
    )


async def save(conn: AsyncConnection, row: PassRow) -> None:
    form = {
        "connection": row.connection,
        "stream": row.stream,
        "phase": row.phase,
        "after": row.after,
        "due": row.due,
        "tally": {"planned": asdict(row.planned), "told": asdict(row.told)},
        "began_at": row.began_at,
    }
    await _save(conn, [form])


async def drop(conn: AsyncConnection, connection: str, stream: str) -> None:
    await conn.execute(delete(passes).where(T.connection == connection, T.stream == stream))


async def drop_all(conn: AsyncConnection) -> None:
    """What they were planned on holds no more: a mapping was published, or somebody worked the whole store."""
    await conn.execute(delete(passes))
