"""What a person agreed to beyond the brakes, for the next run of a connection only."""

from __future__ import annotations

from collections.abc import Mapping

from hub.store import settings
from hub.store.database import Transaction


def _name(connection: str) -> str:
    return f"allowance/{connection}"


async def allowance(conn: Transaction, connection: str) -> Mapping[str, int]:
    """`{"creates": n, "clears": n, "removes": n}`, any of them."""
    found: Mapping[str, int] | None = await settings.get(conn, _name(connection))
    return found or {}


async def allow(conn: Transaction, connection: str, amounts: Mapping[str, int]) -> None:
    """Lets the connection's next run go up to these amounts."""
    agreed = {**await allowance(conn, connection), **{what: n for what, n in amounts.items() if n}}
    await settings.put(conn, _name(connection), agreed)


async def spend(conn: Transaction, connection: str) -> None:
    """The run that used it is over."""
    await settings.drop(conn, _name(connection))
