"""How far one sink has been told of one entity."""

from __future__ import annotations

from dataclasses import dataclass

NEVER = -1
"""Below every revision: the sink is due, whatever it was told before."""


@dataclass(frozen=True, slots=True)
class Telling:
    """The sink `connection`/`stream` was told of the entity up to golden revision `rev`. It is due again when that
    moved, but not before `retry_at`. `tries` counts failures in a row."""

    entity_id: str
    connection: str
    stream: str
    rev: int
    retry_at: str | None = None
    tries: int = 0
