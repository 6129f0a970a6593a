"""What discovery last showed of the remotes' fields."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.sdk.streams import FieldInfo
from hub.store.dialect import Upsert
from hub.store.tables import discoveries

T = discoveries.c
_save = Upsert(discoveries)


@dataclass(frozen=True, slots=True)
class Discovery:
    connection: str
    stream: str
    fields: tuple[FieldInfo, ...]
    at: str


async def save(conn: AsyncConnection, connection: str, stream: str, fields: Sequence[FieldInfo], at: str) -> None:
    """Keeps what a discovery showed, in place of the one before."""
    forms = [asdict(info) for info in fields]
    await _save(conn, [{"connection": connection, "stream": stream, "fields": forms, "at": at}])


async def get(conn: AsyncConnection, connection: str, stream: str) -> Discovery | None:
    chosen = select(discoveries).where(T.connection == connection, T.stream == stream)
    row = (await conn.execute(chosen)).mappings().first()
    return None if row is None else _discovery(row)


async def all(conn: AsyncConnection, connection: str) -> list[Discovery]:
    """What is known of a connection's streams, by stream."""
    chosen = select(discoveries).where(T.connection == connection).order_by(T.stream)
    return [_discovery(row) for row in (await conn.execute(chosen)).mappings()]


def _discovery(row: Any) -> Discovery:
    fields = tuple(FieldInfo(**{**form, "choices": tuple(form["choices"])}) for form in row["fields"])
    return Discovery(row["connection"], row["stream"], fields, row["at"])
