"""How Unruly says no."""

from __future__ import annotations

from hub.domain.outcome import Fault, FaultKind
from hub.sdk.http import Request, Response


def classify(request: Request, response: Response) -> Fault | None:
    if response.status == 401:
        return Fault(FaultKind.UNAUTHORISED, "unauthorised", "the token is refused")
    if response.status == 429:
        return Fault(
            FaultKind.RATE_LIMITED,
            "slow_down",
            "too many calls",
            retry_after=float(response.headers.get("retry-after", 1)),
        )
    if response.status >= 500:
        return Fault(FaultKind.TRANSIENT, f"http_{response.status}", "the vendor failed")
    return None
