"""What the folder's refusals mean."""

from __future__ import annotations

from hub.domain.outcome import Fault, FaultKind
from hub.sdk.http import ContractBroken, Request, Response, describe

ABOUT_FILES = (304, 404, 412, 416)
"""Answers that speak of one file (unchanged, gone, changed, shorter): streams and sinks read them."""


class Unusable(ContractBroken):
    """The folder or one of its files cannot be worked with as it is; the operator mends it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code

    def fault(self) -> Fault:
        return Fault(FaultKind.MISCONFIGURED, self.code, str(self))


def classify(request: Request, response: Response) -> Fault | None:
    if response.ok or (response.status in ABOUT_FILES and request.path != "/"):
        return None
    code, message = _said(response)
    if response.status in (401, 407):
        return Fault(FaultKind.UNAUTHORISED, code, message)
    if response.status == 429:
        return Fault(FaultKind.RATE_LIMITED, code, message)
    if response.status == 507:
        return Fault(FaultKind.MISCONFIGURED, code, f"{message}: make room on the disk, or in the folder")
    if response.status >= 500 or response.status == 408:
        return Fault(FaultKind.TRANSIENT, code, message)
    mend = "check that it exists and that the hub may read and write it"
    return Fault(FaultKind.MISCONFIGURED, code, f"the folder cannot be used ({message}): {mend}")


def _said(response: Response) -> tuple[str, str]:
    said = response.json_or_none()
    if isinstance(said, dict) and said.get("code"):
        return str(said["code"])[:60], str(said.get("message") or "")[:300]
    return f"HTTP_{response.status}", f"HTTP {response.status}, {describe(response)}"
