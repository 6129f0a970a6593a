"""Error answers in Google's envelope: google.rpc.Status with a GoogleAdsFailure (errors.proto, API version 26)."""

from __future__ import annotations

from typing import Any

from starlette.responses import JSONResponse, Response

STATUS = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND"}
STATUS |= {429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 503: "UNAVAILABLE"}

MESSAGES = {
    400: "Request contains an invalid argument.",
    401: "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid "
    "authentication credential.",
    403: "The caller does not have permission",
    404: "Requested entity was not found.",
    429: "Resource has been exhausted (e.g. check quota).",
    500: "Internal error encountered.",
    503: "The service is currently unavailable.",
}


class Fails(Exception):
    """Ends a request with an error answer."""

    def __init__(self, http: int, kind: str, code: str, message: str, extra: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.http, self.kind, self.code, self.message, self.extra = http, kind, code, message, extra


def status(failure: Fails, request_id: str, version: str = "v26") -> dict[str, Any]:
    """The google.rpc.Status."""
    item: dict[str, Any] = {"errorCode": {failure.kind: failure.code}, "message": failure.message}
    if failure.extra:
        item["details"] = failure.extra
    detail = {
        "@type": f"type.googleapis.com/google.ads.googleads.{version}.errors.GoogleAdsFailure",
        "errors": [item],
        "requestId": request_id,
    }
    return {
        "error": {
            "code": failure.http,
            "message": MESSAGES.get(failure.http, failure.message),
            "status": STATUS.get(failure.http, "UNKNOWN"),
            "details": [detail],
        }
    }


def answer(failure: Fails, request_id: str, *, framed: bool, version: str = "v26") -> Response:
    """`framed`: searchStream answers errors inside an array, too."""
    body = status(failure, request_id, version)
    return JSONResponse([body] if framed else body, status_code=failure.http)


def unauthenticated() -> Response:
    """The answer to a missing, unknown or expired access token: it comes from Google's front, without a failure."""
    message = MESSAGES[401]
    return JSONResponse({"error": {"code": 401, "message": message, "status": "UNAUTHENTICATED"}}, status_code=401)


def exhausted(delay: str = "30s") -> Fails:
    details = {"quotaErrorDetails": {"rateScope": "ACCOUNT", "rateName": "Requests per account", "retryDelay": delay}}
    return Fails(429, "quotaError", "RESOURCE_EXHAUSTED", "Too many requests. Retry in 30 seconds.", details)
