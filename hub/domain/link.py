"""The tie between an entity and one remote record, with the memory that keeps an echo apart from news."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from hub.domain.consent import Statements
from hub.domain.keys import Address, Key
from hub.domain.values import Scalar, Value


class LinkState(StrEnum):
    LIVE = "live"
    GONE = "gone"
    """The remote record was deleted there; what its people said still counts."""
    UNLINKED = "unlinked"
    """Deleted there, and by policy not made again by the hub unless other copies bring news."""


Said: TypeAlias = tuple[Scalar, str] | Mapping[str, tuple[bool, str]]
"""What people at a remote said of a field: (value, at) of a scalar; for a set, element -> (present, at)."""


@dataclass(frozen=True, slots=True)
class Link:
    """`echo` is what the remote last showed and the hub has heard; `sent` is what both last agreed on, as the hub put
    it. They differ where a vendor rewrites values (case, trimming). `said` holds what *people* there said, never what
    the hub wrote: survivorship reads that."""

    address: Address
    entity_id: str
    state: LinkState = LinkState.LIVE
    echo: Mapping[str, Value] = field(default_factory=dict)
    sent: Mapping[str, Value] = field(default_factory=dict)
    said: Mapping[str, Said] = field(default_factory=dict)
    statements: Mapping[str, Statements] = field(default_factory=dict)
    keys: tuple[Key, ...] = ()
    in_scope: bool = True
