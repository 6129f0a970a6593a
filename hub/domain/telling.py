"""How far one sink has been told of one entity."""

from __future__ import annotations

from dataclasses import dataclass

NEVER = -1
"""Below every revision: the sink is due, whatever it was told before. `NEVER - rev`: due again, because a mapping was
edited, though it had been told of all up to that revision."""

UNASKED = -(2**31)
"""Below whatever a sink may have been told of: nobody asks it to hold the entity."""


@dataclass(frozen=True, slots=True)
class Telling:
    """The sink `connection`/`stream` was told of the entity up to golden revision `rev`. It is due again when that
    moved, but not before `retry_at`. `tries` counts failures in a row. Below zero: it is due in any case."""

    entity_id: str
    connection: str
    stream: str
    rev: int
    retry_at: str | None = None
    tries: int = 0

    @property
    def known(self) -> int:
        """The revision up to which the sink knew everything that people said, also when it is due again since."""
        return self.rev if self.rev >= 0 else NEVER - self.rev
