"""What HubSpot's refusals mean (its error-handling and usage-limits guides). No message quotes the vendor's text: it
may name people's addresses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from hub.domain.outcome import Fault, FaultKind
from hub.sdk.http import Request, Response, describe
from hub.sdk.limits import ALL, Meter

ROLLING_WAIT = 10.0
"""Seconds after which a 10-second window has surely moved on."""
INTERVAL, ROLLING = "x-hubspot-ratelimit-interval-milliseconds", "10000"
SECONDLY_WAIT = 1.0
DAY = 86_400.0
DAILY_WAIT = 3600.0
"""The daily limit resets at midnight of the account's time zone, which an answer does not tell: ask hourly."""
MIGRATION_WAIT = 60.0
LOCKED_WAIT = 5.0
CATEGORY = re.compile(r"[A-Z][A-Z0-9_.]{1,60}")
EMBEDDED = re.compile(r":\s*(\[\s*\{.*\}\s*\])\s*$", re.DOTALL)


def classify(_request: Request, response: Response) -> Fault | None:
    """The fault of the request itself; None when the answer speaks of records (2xx, 400, 404, 409 with JSON)."""
    status = response.status
    if status < 300:
        return None
    if status < 400:
        return Fault(FaultKind.MISCONFIGURED, f"http_{status}", "HubSpot redirects: check the connection's base URL")
    body = response.json_or_none()
    said = body if isinstance(body, dict) else {}
    if status == 401:
        return _unauthorised(said)
    if status == 403:
        return _forbidden(said, response)
    if status == 429:
        return _limited(said, response)
    if status == 414:
        return Fault(FaultKind.CONTRACT, "uri_too_long", "the request's URL was too long for HubSpot (HTTP 414)")
    if status in (408, 423, 477) or status >= 500:
        return _busy(status, response)
    if not said:
        return Fault(
            FaultKind.MISCONFIGURED,
            f"http_{status}",
            f"not HubSpot's own answer (HTTP {status}, {describe(response)}): check the base URL and any proxy",
        )
    return None


def _unauthorised(said: dict[str, Any]) -> Fault:
    code = category(said) or "INVALID_AUTHENTICATION"
    text = "the access token has expired" if code == "EXPIRED_AUTHENTICATION" else "HubSpot does not accept the token"
    return Fault(FaultKind.UNAUTHORISED, code, text)


def _forbidden(said: dict[str, Any], response: Response) -> Fault:
    if not said:
        return Fault(
            FaultKind.MISCONFIGURED, "blocked", f"blocked before HubSpot's API (HTTP 403, {describe(response)})"
        )
    scopes = sorted(
        {
            scope
            for error in details(said)
            for scope in texts(error.context.get("requiredGranularScopes")) + texts(error.context.get("requiredScopes"))
            if re.fullmatch(r"[\w.\-]{1,80}", scope)
        }
    )
    need = f": add {', '.join(scopes)} to the app and renew its token" if scopes else ""
    return Fault(FaultKind.MISCONFIGURED, category(said) or "FORBIDDEN", f"the app lacks a scope{need}")


def _limited(said: dict[str, Any], response: Response) -> Fault:
    policy = str(said.get("policyName") or "")
    waits = {"DAILY": DAILY_WAIT, "SECONDLY": SECONDLY_WAIT}
    wait = retry_after(response)
    code = policy if CATEGORY.fullmatch(policy) else "RATE_LIMIT"
    text = "the account's daily limit is used up" if policy == "DAILY" else "too many requests in a short time"
    return Fault(
        FaultKind.RATE_LIMITED, code, text, retry_after=waits.get(policy, ROLLING_WAIT) if wait is None else wait
    )


def _busy(status: int, response: Response) -> Fault:
    known = {423: ("LOCKED", LOCKED_WAIT), 477: ("MIGRATION_IN_PROGRESS", MIGRATION_WAIT)}
    code, wait = known.get(status, (f"http_{status}", None))
    asked = retry_after(response)
    return Fault(
        FaultKind.TRANSIENT,
        code,
        f"HubSpot could not answer (HTTP {status})",
        retry_after=wait if asked is None else asked,
    )


def retry_after(response: Response) -> float | None:
    """Seconds from the Retry-After header; HubSpot gives a number of seconds where it gives one."""
    try:
        seconds = float(response.headers.get("retry-after", ""))
    except ValueError:
        return None
    return seconds if 0 <= seconds <= 86_400 else None


def meters(response: Response) -> tuple[Meter, ...]:
    """The daily quota of all calls, which the headers tell of private apps, and the rolling one, unless it is said to
    be of another length than the declared one; nothing on searches, which have neither."""
    told = [(ALL, DAY, "x-hubspot-ratelimit-daily", "x-hubspot-ratelimit-daily-remaining")]
    if response.headers.get(INTERVAL, ROLLING) == ROLLING:
        told.append(("default", ROLLING_WAIT, "x-hubspot-ratelimit-max", "x-hubspot-ratelimit-remaining"))
    found = []
    for bucket, seconds, limit, remaining in told:
        try:
            found.append(
                Meter(bucket, seconds, int(response.headers[limit]), remaining=int(response.headers[remaining]))
            )
        except (KeyError, ValueError):
            continue
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Detail:
    """One error of an answer: its code, the properties it names, and its context."""

    code: str
    properties: tuple[str, ...]
    context: dict[str, Any]


def details(said: dict[str, Any]) -> tuple[Detail, ...]:
    """The `errors` of a body, and those that HubSpot embeds as JSON text in `message` ("Property values were not
    valid: [{...}]")."""
    return tuple(_listed(said)) or tuple(_embedded(said))


def _listed(said: dict[str, Any]) -> Iterator[Detail]:
    errors = said.get("errors")
    for error in errors if isinstance(errors, list) else ():
        if isinstance(error, dict):
            context = error.get("context")
            context = context if isinstance(context, dict) else {}
            named = texts(context.get("propertyName")) or texts(error.get("name"))
            yield Detail(str(error.get("code") or error.get("error") or ""), tuple(named), context)


def _embedded(said: dict[str, Any]) -> Iterator[Detail]:
    found = EMBEDDED.search(str(said.get("message") or ""))
    if not found:
        return
    try:
        errors = orjson.loads(found.group(1))
    except orjson.JSONDecodeError:
        return
    for error in errors:
        if isinstance(error, dict):
            yield Detail(str(error.get("error") or ""), tuple(texts(error.get("name"))), {})


def category(said: dict[str, Any]) -> str:
    """The vendor's word for the error, when it is a plain word."""
    for name in ("category", "errorType", "status"):
        word = said.get(name)
        if isinstance(word, str) and CATEGORY.fullmatch(word):
            return word
    return ""


def texts(value: object) -> list[str]:
    """A text or a list of texts, as a list."""
    if isinstance(value, str):
        return [value]
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
