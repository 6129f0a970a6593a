"""A plan is data: preview, dry run, approval and the writer read the same list of changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from hub.domain.keys import Key
from hub.domain.values import Value

UNDO = "undo"
"""The rule of a cell that puts back what a record held before a run wrote to it."""


class Op(StrEnum):
    CREATE = "create"
    UPDATE = "update"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class Cell:
    """One field of one record: before -> after, the rule that decides and where the value comes from."""

    field: str
    before: Value
    after: Value
    rule: str
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """What would make one remote record right. `remote_id` is None for a create; `key` finds the record again."""

    op: Op
    entity_id: str
    connection: str
    stream: str
    remote_id: str | None
    key: Key | None
    cells: tuple[Cell, ...] = ()
    reason: str = ""
    part: str = ""

    @property
    def undoes(self) -> bool:
        """Whether it takes back an earlier write, rather than tell what the golden record holds."""
        return any(c.rule == UNDO for c in self.cells)

    @property
    def clears(self) -> int:
        """How many fields lose their value."""
        return sum(1 for c in self.cells if c.after in (None, "", ()) and c.before not in (None, "", ()))


@dataclass(frozen=True, slots=True)
class Write:
    """A change in the vendor's words, as a sink takes it.

    `payload` maps remote paths to remote values (dots descend); `token` is unique in the batch and may be echoed by
    the vendor (trace ids); `entity_id` is the hub's own id of the entity, for vendors that keep an external id ("":
    the sink must do without).
    """

    op: Op
    remote_id: str | None
    key: Key | None
    payload: Mapping[str, Any] = field(default_factory=dict)
    token: str = ""
    part: str = ""
    entity_id: str = ""
