"""How much one job does before it yields: work is cut into slices, so that nobody waits long for anybody."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

SECONDS = 15.0
RECORDS = 20_000


@dataclass(slots=True)
class Slice:
    """Asked between batches. It is over when its seconds or records are spent, or when the process is to stop; a
    batch that was begun is always finished. `until` None: never by time."""

    until: float | None
    records: float
    stopping: asyncio.Event | None = None
    clock: Callable[[], float] = field(default=time.monotonic)

    @classmethod
    def of(cls, seconds: float = SECONDS, records: int = RECORDS, stopping: asyncio.Event | None = None) -> Slice:
        return cls(time.monotonic() + seconds, records, stopping)

    @classmethod
    def whole(cls) -> Slice:
        """All there is to do: for commands that a person waits for."""
        return cls(None, float("inf"))

    @property
    def bounded(self) -> bool:
        return self.until is not None

    def spend(self, records: int) -> None:
        self.records -= records

    def over(self) -> bool:
        if self.stopping is not None and self.stopping.is_set():
            return True
        return self.records <= 0 or (self.until is not None and self.clock() >= self.until)
