"""What changed in a golden record, and why: the memory behind an explanation."""

from __future__ import annotations

from dataclasses import dataclass

from hub.domain.keys import Address
from hub.domain.values import Value


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field of a golden record went from `before` to `after` by `rule`, because of what the record at `address`
    said (None: a person at the hub)."""

    entity_id: str
    field: str
    before: Value
    after: Value
    rule: str
    address: Address | None
    at: str
