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
    body = response.json_or_none() if response.status == 400 else None
    if isinstance(body, dict) and body.get("error") == "no_such_field":
        return Fault(FaultKind.MISCONFIGURED, "no_such_field", "it has no such field", str(body.get("field", "")))
    if response.status >= 500:
        return Fault(FaultKind.TRANSIENT, f"http_{response.status}", "the vendor failed")
    return None
