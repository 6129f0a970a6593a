"""What a remote showed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hub.domain.keys import Address


@dataclass(frozen=True, slots=True)
class Record:
    """A remote object on a page, as the vendor gave it.

    `raw` is plain JSON. `modified_at` is the vendor's own record-level time (ISO 8601, UTC) or None.
    `gone` means the vendor says it was deleted; `merged_into` names the survivor when the vendor does.
    `aliases` are further ids under which the vendor still answers for this record (ids absorbed by a merge).
    """

    id: str
    raw: Mapping[str, Any]
    modified_at: str | None = None
    gone: bool = False
    merged_into: str | None = None
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Observation:
    """The latest a remote showed of one record. `revision` counts contents that differed."""

    address: Address
    raw: Mapping[str, Any]
    hash: str
    revision: int
    heard: int
    modified_at: str | None
    seen_at: str
    gone: bool = False
    merged_into: str | None = None
    aliases: tuple[str, ...] = ()
