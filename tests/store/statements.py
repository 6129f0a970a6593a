"""Counts the statements that reach the driver: a batch of rows in one `executemany` is one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event

from hub.store.database import Transaction


@contextmanager
def counted(conn: Transaction) -> Iterator[list[str]]:
    """Every statement sent over this connection inside the block."""
    seen: list[str] = []

    def note(_conn: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)

    event.listen(conn.sync_connection, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(conn.sync_connection, "before_cursor_execute", note)
