"""What became of a write, and whose the trouble is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class FaultKind(StrEnum):
    TRANSIENT = "transient"
    RATE_LIMITED = "rate_limited"
    UNAUTHORISED = "unauthorised"
    MISCONFIGURED = "misconfigured"
    INVALID = "invalid"
    CONFLICT = "conflict"
    AMBIGUOUS = "ambiguous"
    IN_DOUBT = "in_doubt"
    CONTRACT = "contract"
    SPLIT = "split"


class Owner(StrEnum):
    MACHINE = "machine"
    OPERATOR = "operator"
    STEWARD = "steward"
    US = "us"


OWNERS = {
    FaultKind.TRANSIENT: Owner.MACHINE,
    FaultKind.RATE_LIMITED: Owner.MACHINE,
    FaultKind.IN_DOUBT: Owner.MACHINE,
    FaultKind.SPLIT: Owner.MACHINE,
    FaultKind.UNAUTHORISED: Owner.OPERATOR,
    FaultKind.MISCONFIGURED: Owner.OPERATOR,
    FaultKind.INVALID: Owner.STEWARD,
    FaultKind.CONFLICT: Owner.STEWARD,
    FaultKind.AMBIGUOUS: Owner.STEWARD,
    FaultKind.CONTRACT: Owner.US,
}


@dataclass(frozen=True, slots=True)
class Fault:
    """What went wrong. `code` is the vendor's own word; `message` is free of personal data and secrets (values are
    masked by whoever makes it); `field` is the remote field, when the vendor names one; `retry_after` in seconds."""

    kind: FaultKind
    code: str
    message: str
    field: str = ""
    retry_after: float | None = None

    @property
    def owner(self) -> Owner:
        return OWNERS[self.kind]


class Status(StrEnum):
    APPLIED = "applied"
    REFUSED = "refused"
    LATER = "later"
    IN_DOUBT = "in_doubt"
    SPLIT = "split"
    """The vendor refused the whole batch without saying which record is at fault: send its halves."""

    def outweighs(self, other: Status) -> bool:
        """Of several writes about one entity, one decides how far it was told: what is in doubt has to be looked up,
        and what is left for later to be told, whatever was refused besides."""
        return WEIGHTS.index(self) > WEIGHTS.index(other)


WEIGHTS = (Status.APPLIED, Status.SPLIT, Status.REFUSED, Status.LATER, Status.IN_DOUBT)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one write of a batch.

    `remote_id` after a create or an adoption; `raw` is the record as the answer shows it, if it does;
    `existing_id`: refused because this record already holds the key: the write becomes an adoption;
    `gone`: the vendor does not know the id any more (an observation, not an error).
    """

    status: Status
    remote_id: str | None = None
    raw: Mapping[str, Any] | None = None
    fault: Fault | None = None
    existing_id: str | None = None
    gone: bool = False
    raw_modified_at: str | None = None
    """The vendor's record-level time in the answer, when it shows the record."""
