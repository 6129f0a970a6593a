"""A change on its way to a vendor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hub.domain.attempt import Attempt
from hub.domain.plan import Change, Write
from hub.domain.values import Value


@dataclass(frozen=True, slots=True)
class Item:
    """A change on its way: in the vendor's words, with what it should make the record show, and its open attempt."""

    change: Change
    write: Write
    expect: Mapping[str, Value]
    before: Mapping[str, Any] | None
    attempt: Attempt | None = None
