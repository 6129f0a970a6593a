"""The trace of one write, opened and committed before the request leaves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from hub.domain.keys import Address, Key
from hub.domain.lane import Lane
from hub.domain.outcome import Fault
from hub.domain.plan import UNDO, Cell, Op
from hub.domain.values import Value


class AttemptState(StrEnum):
    OPEN = "open"
    APPLIED = "applied"
    REFUSED = "refused"
    LATER = "later"
    IN_DOUBT = "in_doubt"
    SETTLED = "settled"
    """It was in doubt; a look has shown what became of it."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """`cells` are the fields it meant to change; `expect` is what the remote should show if it worked, for every
    canonical field that the payload touches; `before` is the raw record as it was; `lane` says under which of the
    connection's leases it was opened. `closed_at`: when its outcome was known; of one that is in doubt, when a look did
    not show it."""

    id: str
    run_id: str
    entity_id: str
    connection: str
    stream: str
    remote_id: str | None
    op: Op
    key: Key | None
    part: str
    cells: tuple[Cell, ...]
    expect: Mapping[str, Value]
    before: Mapping[str, Any] | None
    state: AttemptState
    opened_at: str
    closed_at: str | None = None
    fault: Fault | None = None
    lane: Lane = Lane.LIVE

    @property
    def address(self) -> Address | None:
        return Address(self.connection, self.stream, self.remote_id) if self.remote_id else None

    @property
    def undoes(self) -> bool:
        """Whether it took back an earlier write, rather than told what the golden record held."""
        return any(c.rule == UNDO for c in self.cells)
