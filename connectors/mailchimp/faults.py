"""What Mailchimp's refusals mean, and whose they are.

Errors are problem documents (RFC 7807): `{"type", "title", "status", "detail", "instance", "errors": [{"field",
"message"}]}`. Titles and texts are those of Mailchimp's error glossary and of public bug reports.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from hub.domain.outcome import Fault, FaultKind
from hub.sdk.http import Request, Response, describe

THROTTLE_PAUSE = 30.0
"""Seconds to hold back after a refusal for volume: Mailchimp sends no Retry-After and documents no window."""
BLOCK_PAUSE = 120.0
"""Seconds to hold back after the edge in front of the API blocked a request."""

_ADDRESS = re.compile(r"(?:(?<=\w)'|[^\s\"'<>,;])+@[^\s\"'<>,;]+")
_QUOTED = re.compile(r"\"[^\"]{1,200}\"|(?<![A-Za-z])'[^']{1,200}'")
_NUMBER = re.compile(r"\+?\d[\d ().-]{5,}\d")
_AUDIENCE = re.compile(r"/3\.0/lists/[^/]+(/(members|merge-fields|segments))?/?$")
_ITEM = re.compile(r"^members\.item:(\d+)\.?")


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem document, of which only these are believed. `detail` may quote people: mask it before showing it."""

    title: str
    detail: str
    errors: tuple[tuple[str, str], ...] = ()


def problem(response: Response) -> Problem | None:
    """The problem document in an answer; None when the answer holds none."""
    body = response.json_or_none()
    if not isinstance(body, Mapping) or not isinstance(body.get("title"), str):
        return None
    raw = body.get("errors")
    listed = [e for e in raw if isinstance(e, Mapping)] if isinstance(raw, list) else []
    errors = tuple((str(e.get("field", "")), str(e.get("message", ""))) for e in listed)
    return Problem(body["title"], str(body.get("detail", "")), errors)


def masked(text: str, said: Iterable[Any] = ()) -> str:
    """A vendor's text without the values that were `said` to it, addresses, quoted values and long numbers, at most
    300 characters."""
    for value in sorted({str(v) for v in said if v not in (None, "")}, key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", "(value)", text)
    text = _ADDRESS.sub("(address)", text)
    text = _QUOTED.sub("(value)", text)
    return _NUMBER.sub("(number)", text)[:300]


def remote_path(named: str) -> str:
    """The mapping's path of a field as an error names it: `members.item:3.vip`, `PHONE`, `ADDRESS.zip`."""
    path = _ITEM.sub("", named)
    head = path.partition(".")[0]
    return f"merge_fields.{path}" if head and head == head.upper() and not head.isdigit() else path


def classify(request: Request, response: Response) -> Fault | None:
    """A fault of the request as a whole; None when the stream or sink should read the answer."""
    status = response.status
    if status < 400:
        return None
    said = problem(response)
    if status == 401:
        return Fault(FaultKind.UNAUTHORISED, _code(said, "401"), "Mailchimp does not accept the key or token")
    if status == 403:
        return _forbidden(response, said)
    if status == 429:
        text = "more than 10 connections at once, over all apps of the account"
        return Fault(FaultKind.RATE_LIMITED, _code(said, "429"), text, retry_after=_retry_after(response))
    if status >= 500:
        return _server(response, said)
    if status == 404 and _AUDIENCE.search(request.path):
        return Fault(FaultKind.MISCONFIGURED, _code(said, "404"), "there is no such audience: check audience_id")
    if request.method == "GET" and status != 404:
        text = masked(said.detail) if said else describe(response)
        return Fault(FaultKind.CONTRACT, _code(said, str(status)), f"Mailchimp refused to be read: {text}")
    return None


def _code(said: Problem | None, status: str) -> str:
    return said.title if said else status


def _retry_after(response: Response) -> float | None:
    given = response.headers.get("retry-after", "")
    return float(given) if given.isdecimal() else None


def _forbidden(response: Response, said: Problem | None) -> Fault:
    """A 403 without a problem document is how very high volume is refused (Mailchimp's notes on limits)."""
    if said is None:
        return Fault(
            FaultKind.RATE_LIMITED, "403", f"refused without a reason: {describe(response)}", retry_after=THROTTLE_PAUSE
        )
    if said.title == "User Disabled":
        return Fault(FaultKind.UNAUTHORISED, said.title, "the Mailchimp account or user is disabled")
    if said.title == "Wrong Datacenter":
        return Fault(FaultKind.MISCONFIGURED, said.title, "the key belongs to another data centre than the base URL")
    return Fault(FaultKind.MISCONFIGURED, said.title, f"Mailchimp forbids this: {masked(said.detail)}")


def _server(response: Response, said: Problem | None) -> Fault:
    """5xx. A 503 with a page in it is the edge that blocks ("Request Blocked"); 504 is the 120 s limit."""
    if said is None and response.status == 503:
        return Fault(
            FaultKind.TRANSIENT, "503", f"blocked before the API: {describe(response)}", retry_after=BLOCK_PAUSE
        )
    return Fault(FaultKind.TRANSIENT, _code(said, str(response.status)), "Mailchimp failed; it may work later")


_BURIED = "permanently deleted"
_COMPLIANCE = "compliance state"
_FAKE = ("looks fake or invalid", "provide a valid email")
_EXISTS = "already a list member"


def refusal(title: str, text: str, named: str = "", field_message: str = "", said: Iterable[Any] = ()) -> Fault:
    """Why one record was refused. `title` is a problem's title or a batch error's code; `text` is the vendor's own
    sentence, which says more than the code does (every code but one is ERROR_GENERIC). `said` are the values that were
    sent: they are kept out of the message."""
    low = text.lower()
    if title in ("Forgotten Email Not Subscribed",) or _BURIED in low:
        return Fault(
            FaultKind.INVALID,
            "Forgotten Email Not Subscribed",
            "this address was permanently deleted at Mailchimp: only its owner can return, by a sign-up form",
        )
    if title == "Member In Compliance State" or _COMPLIANCE in low:
        return Fault(
            FaultKind.INVALID,
            "Member In Compliance State",
            "Mailchimp blocks this address (unsubscribed, bounced or under review); the hub leaves it so",
        )
    if any(sign in low for sign in _FAKE):
        return Fault(
            FaultKind.INVALID, title, "Mailchimp takes the address for fake or invalid: correct it", "email_address"
        )
    if title in ("ERROR_CONTACT_EXISTS", "Member Exists") or _EXISTS in low:
        return Fault(
            FaultKind.CONFLICT, title, "another member of the audience has this address already", "email_address"
        )
    why = masked(field_message or text, said) or "no reason given"
    return Fault(FaultKind.INVALID, title, f"Mailchimp refused the record: {why}", remote_path(named))


def refusal_of(response: Response, said: Iterable[Any] = ()) -> Fault:
    """The refusal of a request for one record, from its problem document."""
    found = problem(response)
    if found is None:
        return Fault(FaultKind.CONTRACT, str(response.status), f"refused without a reason: {describe(response)}")
    named, message = found.errors[0] if found.errors else ("", "")
    return refusal(found.title, found.detail, named, message, said)


def texts(body: Mapping[str, Any], *names: str) -> tuple[str, ...]:
    """The named members as texts, "" where they are missing."""
    return tuple(str(body.get(name) or "") for name in names)
