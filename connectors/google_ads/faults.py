"""What Google's errors mean: google.rpc.Status with a GoogleAdsFailure in `details`, on searchStream inside an array.

Codes are those of the error enums of API version 26 (authentication, authorization, quota, internal, query, request,
header error).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hub.domain.outcome import Fault, FaultKind
from hub.sdk.http import ContractBroken, Request, Response

MENDS = {
    "USER_PERMISSION_DENIED": "the signed-in user cannot reach this account: check login_customer_id, or give the user "
    "access to it",
    "CUSTOMER_NOT_ENABLED": "the account is closed or was never activated: reactivate it or remove this connection",
    "CUSTOMER_NOT_FOUND": "no such account: check customer_id",
    "INVALID_CUSTOMER_ID": "no such account: check customer_id",
    "INVALID_LOGIN_CUSTOMER_ID": "check login_customer_id: ten digits of a manager account",
    "CLOUD_PROJECT_NOT_APPROVED_FOR_PRODUCTION": "apply for production access for the Google Cloud project that "
    "owns the OAuth client",
    "DEVELOPER_TOKEN_PROHIBITED": "the developer token belongs to another Google Cloud project: remove it",
    "DEVELOPER_TOKEN_INVALID": "remove the developer token: Google no longer asks for one",
    "UNSUPPORTED_VERSION": "this API version was retired: set api_version to a newer one",
    "REQUESTED_METRICS_FOR_MANAGER": "customer_id is a manager account, which has no metrics: name a client account "
    "and put the manager into login_customer_id",
    "UNRECOGNIZED_FIELD": "the mapping reads a field that this API version doesn't have",
}
PASSING = {
    "INTERNAL_ERROR",
    "TRANSIENT_ERROR",
    "DEADLINE_EXCEEDED",
    "ERROR_CODE_NOT_PUBLISHED",
    "RPC_DEADLINE_TOO_SHORT",
}
STALE_TOKEN = {"OAUTH_TOKEN_INVALID", "OAUTH_TOKEN_EXPIRED", "OAUTH_TOKEN_HEADER_INVALID", "AUTHENTICATION_ERROR"}
QUOTA_WAIT = 30.0
"""Seconds to wait when a quota error names no delay; Google's examples say 30 s."""

VALUE_IN_TEXT = re.compile(r"'[^']{0,500}'|\"[^\"]{0,500}\"|\b\d{10}\b|[^\s@]+@[^\s@]+")


class WrongAccount(ContractBroken):
    """The account answers, but is not one that can be read: the operator's to mend."""

    def fault(self) -> Fault:
        return Fault(FaultKind.MISCONFIGURED, "wrong_account", str(self))


@dataclass(frozen=True, slots=True)
class Said:
    """One error of the answer: `kind` is the key of `errorCode` ("quotaError"), `code` its value."""

    kind: str
    code: str
    message: str
    retry_after: float | None = None


def classify(_request: Request, response: Response) -> Fault | None:
    """Faults of the request. A 200 is looked into as well: a stream may break off with an error after good batches."""
    if response.ok and b'"error"' not in response.body:
        return None
    error = _error(response.json_or_none())
    if response.ok:
        return None if error is None else _fault(int(error.get("code") or 500), error, response)
    return _fault(response.status, error, response)


def _error(body: Any) -> Mapping[str, Any] | None:
    """The google.rpc.Status of an answer, whichever frame it came in."""
    for part in body if isinstance(body, list) else [body]:
        if isinstance(part, dict) and part.get("error"):
            error = part["error"]
            if isinstance(error, str):
                return {"status": error, "message": str(part.get("error_description") or "")}
            return error if isinstance(error, dict) else {}
    return None


def _said(error: Mapping[str, Any]) -> Iterator[Said]:
    for detail in error.get("details") or ():
        for item in detail.get("errors") or () if isinstance(detail, dict) else ():
            codes = item.get("errorCode") or {}
            kind, code = next(iter(codes.items()), ("", ""))
            quota = (item.get("details") or {}).get("quotaErrorDetails") or {}
            yield Said(str(kind), str(code), str(item.get("message") or ""), seconds(quota.get("retryDelay")))


def seconds(text: object) -> float | None:
    """A protobuf Duration in JSON, `"30s"` or `"1.500s"`; None when it is none."""
    match = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?)s", text) if isinstance(text, str) else None
    return float(match[1]) if match else None


def _fault(status: int, error: Mapping[str, Any] | None, response: Response) -> Fault:
    if error is None:
        return _by_status(status, "", f"HTTP {status} without Google's error envelope", response)
    errors = list(_said(error))
    for said in errors:
        fault = _of(said, response)
        if fault is not None:
            return fault
    return _by_status(status, str(error.get("status") or ""), _mask(str(error.get("message") or "")), response)


def _of(said: Said, response: Response) -> Fault | None:
    message = _mask(said.message)
    if said.code in MENDS:
        message = f"{message} ({MENDS[said.code]})"
    if said.kind == "quotaError" and said.code != "ACCESS_PROHIBITED":
        wait = said.retry_after or _retry_after(response) or QUOTA_WAIT
        return Fault(FaultKind.RATE_LIMITED, said.code, message, retry_after=wait)
    if said.kind == "internalError" or said.code in PASSING:
        return Fault(FaultKind.TRANSIENT, said.code, message)
    if said.kind == "authenticationError" and said.code in STALE_TOKEN:
        return Fault(FaultKind.UNAUTHORISED, said.code, message)
    if said.kind in ("authenticationError", "authorizationError", "queryError", "requestError", "headerError"):
        kind = FaultKind.UNAUTHORISED if said.code.startswith(("OAUTH_TOKEN", "GOOGLE_ACCOUNT")) else None
        return Fault(kind or FaultKind.MISCONFIGURED, said.code, message)
    return None


def _by_status(status: int, code: str, message: str, response: Response) -> Fault:
    code = code or f"HTTP_{status}"
    if status == 429:
        return Fault(FaultKind.RATE_LIMITED, code, message, retry_after=_retry_after(response) or QUOTA_WAIT)
    if status >= 500 or status == 408:
        return Fault(FaultKind.TRANSIENT, code, message, retry_after=_retry_after(response))
    if status == 401 or code in ("invalid_grant", "invalid_client"):
        return Fault(FaultKind.UNAUTHORISED, code, message)
    return Fault(FaultKind.MISCONFIGURED, code, message)


def _retry_after(response: Response) -> float | None:
    text = response.headers.get("retry-after", "")
    return float(text) if text.isascii() and text.isdigit() and len(text) < 6 else None


def _mask(message: str) -> str:
    """Error texts quote the query and account numbers; names of fields stay readable, values don't travel."""
    return VALUE_IN_TEXT.sub(lambda m: m[0] if re.fullmatch(r"'[a-z_.]+'", m[0]) else "'...'", message)[:500]
