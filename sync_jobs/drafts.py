"""Drafts of mapping documents that take up what changed in the remote's fields. A person publishes them, or doesn't."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hub.domain.version import MappingVersion
from hub.sdk.streams import FieldInfo
from hub.store.database import Transaction
from mappings.drifting import Broken

WHO = "drift"


@dataclass(frozen=True, slots=True)
class Draft:
    """A draft of the document `name`; `mends`: the remote fields whose breach it would mend."""

    name: str
    version: int
    mends: frozenset[str]


async def adopt(
    conn: Transaction, version: MappingVersion, new: Sequence[FieldInfo], broken: Sequence[Broken], now: str
) -> Draft | None:
    return None
