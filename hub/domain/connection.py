"""One configured account of a connector."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class ConnectionState(StrEnum):
    ACTIVE = "active"
    PAUSED = "paused"
    """A person paused it."""
    BROKEN = "broken"
    """The hub stopped it: a person must reconnect or mend its settings; `state_reason` says what happened."""


@dataclass(frozen=True, slots=True)
class Connection:
    """`writes` is False until an operator allows them. `rank`: lower is trusted more. `account` is who answered the
    check (`key`, `title`, `time_zone`, `currency`), None before the first one. Secrets live elsewhere, sealed."""

    name: str
    connector: str
    base_url: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    state: ConnectionState = ConnectionState.ACTIVE
    state_reason: str = ""
    writes: bool = False
    rank: int = 50
    account: Mapping[str, str] | None = None
    created_at: str = ""
