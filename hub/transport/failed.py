"""The one way a request fails."""

from __future__ import annotations

from hub.domain.outcome import Fault, FaultKind

REFUSED = frozenset(
    {
        FaultKind.RATE_LIMITED,
        FaultKind.UNAUTHORISED,
        FaultKind.MISCONFIGURED,
        FaultKind.INVALID,
        FaultKind.CONFLICT,
    }
)
"""Faults by which the vendor says that it did nothing."""


class Failed(Exception):
    """A request came to nothing that could be read. `sent`: it (or an earlier try of it) may have reached the vendor
    and been applied there; False is a proof that it was not."""

    def __init__(self, fault: Fault, sent: bool) -> None:
        super().__init__(f"{fault.code}: {fault.message}")
        self.fault = fault
        self.sent = sent
