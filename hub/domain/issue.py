"""What only a person can settle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as made
from enum import StrEnum
from typing import Any


class IssueState(StrEnum):
    OPEN = "open"
    ANSWERED = "answered"
    """A person has said what to do; the hub has not acted on it yet."""
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Issue:
    """One trouble. `dedupe` names it: raised again, it is the same issue with `times` one higher. `summary` and
    `detail` name places (connection, record id, field), never personal data or secrets. `id` is 0 until it is kept."""

    kind: str
    dedupe: str
    summary: str
    opened_at: str
    connection: str = ""
    stream: str = ""
    remote_id: str = ""
    entity_id: str = ""
    field: str = ""
    detail: Mapping[str, Any] = made(default_factory=dict)
    state: IssueState = IssueState.OPEN
    answer: Any = None
    times: int = 1
    closed_at: str | None = None
    id: int = 0
