"""The brakes as an operator set them, and what a person agreed to beyond them for one run of a connection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hub.domain.policy import Brakes
from hub.store import settings
from hub.store.database import Transaction

BRAKES = "brakes"


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


async def fetch(conn: Transaction, usual: Brakes) -> Brakes:
    """The brakes of this home: `usual`, as far as nobody set others."""
    found: Mapping[str, Any] = await settings.get(conn, BRAKES) or {}
    return replace(usual, **found)


async def put(conn: Transaction, amounts: Mapping[str, float]) -> None:
    """Sets some brakes of this home, for every connection; the others stay."""
    found: Mapping[str, float] = await settings.get(conn, BRAKES) or {}
    await settings.put(conn, BRAKES, {**found, **amounts})
