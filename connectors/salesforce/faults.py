"""Salesforce's errors in the hub's words: whose trouble it is, and when to try again.

Errors of a request are a JSON array `[{"message", "errorCode", "fields"}]`; those of a record in a collection are
`{"statusCode", "message", "fields"}`; those of the token endpoint an object. Exceeded quotas come as 403, not 429, and
without Retry-After (Salesforce's REST API guide, "Status codes and error responses" and "API request limits").
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from connectors.salesforce.grants import TEMPORARY, TOKEN_PATH
from connectors.salesforce.ids import long_id
from hub.domain.outcome import Fault, FaultKind, Outcome, Status
from hub.domain.plan import Op, Write
from hub.sdk.http import Request, Response, describe
from hub.sdk.limits import Meter

DAY = 86_400.0
DAILY_WAIT = 1800.0
"""Seconds to wait when the org's rolling 24-hour quota is spent."""
CONCURRENT_WAIT = 10.0
"""Seconds to wait when too many long requests run at once."""

_TEMPORARY_RECORD = frozenset({"UNABLE_TO_LOCK_ROW", "SERVER_UNAVAILABLE", "QUERY_TIMEOUT", "UNKNOWN_EXCEPTION"})
_LIMITS = frozenset({"REQUEST_LIMIT_EXCEEDED", "TXN_SECURITY_METERING_ERROR"})
_SETUP = {
    "INVALID_FIELD": "the field does not exist in this org, or the user may not see it: "
    "create it, grant field-level security, or take it out of the mapping",
    "INVALID_FIELD_FOR_INSERT_UPDATE": "the user may not write the field: grant it, or map the field `direction: in`",
    "INVALID_TYPE": "the object does not exist in this org, or the user may not see it",
    "API_DISABLED_FOR_ORG": "this edition of Salesforce has no API, or it is switched off for the user",
    "API_CURRENTLY_DISABLED": "the API is switched off for the user's profile",
    "INSUFFICIENT_ACCESS": "the user may not do this: grant it in a permission set",
    "FUNCTIONALITY_NOT_ENABLED": "the org does not have this feature",
    "STORAGE_LIMIT_EXCEEDED": "the org's storage is full",
    "NOT_FOUND": "there is no such address: check `api_version` and the base URL",
    "URI_TOO_LONG": "the mapping reads too many fields for one query",
    "REQUEST_HEADER_FIELDS_TOO_LARGE": "the mapping reads too many fields for one query",
}
_GONE = frozenset({"ENTITY_IS_DELETED", "CANNOT_UPDATE_CONVERTED_LEAD", "NOT_FOUND"})
_NO_SUCH_COLUMN = re.compile(r"No such column '([\w.]+)' on (?:entity|sobject of type) '?(\w+)'?")


def classify(request: Request, response: Response) -> Fault | None:
    """The fault of a request as a whole; None for successes and for answers that speak of records."""
    if response.ok or response.status == 300:
        return None
    code, message = _first_error(response)
    if request.path.endswith(TOKEN_PATH) and code not in _LIMITS:
        return _of_token(response)
    if response.status == 401 or code == "INVALID_SESSION_ID":
        return Fault(FaultKind.UNAUTHORISED, code or "401", "the session expired or is not valid")
    if code in _LIMITS or response.status == 429:
        short = "concurrent" in message.lower()
        wait = CONCURRENT_WAIT if short else DAILY_WAIT
        text = "too many requests at once" if short else "the org's API requests of 24 hours are spent"
        return Fault(FaultKind.RATE_LIMITED, code or "429", text, retry_after=_retry_after(response) or wait)
    if response.status >= 500 or response.status in (406, 408) or code in _TEMPORARY_RECORD:
        text = f"Salesforce could not answer (HTTP {response.status}, {code or describe(response)})"
        return Fault(FaultKind.TRANSIENT, code or str(response.status), text, retry_after=_retry_after(response))
    if not code:
        text = f"HTTP {response.status} with {describe(response)}: is this the address of a Salesforce API?"
        return Fault(FaultKind.MISCONFIGURED, str(response.status), text)
    if code in _SETUP:
        return _setup(code, message)
    if response.status in (403, 404, 405, 414, 431):
        return Fault(FaultKind.MISCONFIGURED, code, f"Salesforce refused the request: {code}")
    if request.method == "GET":
        return Fault(FaultKind.CONTRACT, code, f"Salesforce does not take the query: {code}")
    return None


def _of_token(response: Response) -> Fault | None:
    """5xx and the OAuth errors that pass; None leaves a refusal to the grant, which says `Denied`."""
    body = response.json_or_none()
    error = body.get("error", "") if isinstance(body, dict) else ""
    if response.status == 429 or response.status >= 500 or error in TEMPORARY:
        text = f"the token endpoint could not answer ({error or response.status})"
        return Fault(FaultKind.TRANSIENT, str(error or response.status), text, retry_after=_retry_after(response))
    return None


def _setup(code: str, message: str) -> Fault:
    named = _NO_SUCH_COLUMN.search(message)
    column, sobject = (named.group(1), named.group(2)) if named else ("", "")
    where = f"{sobject}.{column}: " if named else ""
    mend = _SETUP[code]
    if column == "CurrencyIsoCode":
        mend = "the org has one currency: name it in the setting `currency`"
    return Fault(FaultKind.MISCONFIGURED, code, where + mend, field=column)


def _first_error(response: Response) -> tuple[str, str]:
    """(errorCode, message) of the first error of an answer; empty texts when it has none."""
    body = response.json_or_none()
    first = body[0] if isinstance(body, list) and body else body
    if not isinstance(first, Mapping):
        return "", ""
    code = first.get("errorCode") or first.get("statusCode") or ""
    return str(code), str(first.get("message", ""))


def _retry_after(response: Response) -> float | None:
    text = response.headers.get("retry-after", "")
    return float(text) if text.isdecimal() else None


def refusal(write: Write, errors: Sequence[Any]) -> Outcome:
    """What the errors of one record of a collection mean for its write."""
    first = next((e for e in errors if isinstance(e, Mapping)), {})
    code = str(first.get("statusCode") or first.get("errorCode") or "UNKNOWN")
    message = str(first.get("message", ""))
    named = first.get("fields") or []
    field = str(named[0]) if isinstance(named, list) and named else ""
    if code in _GONE or (code in ("INVALID_CROSS_REFERENCE_KEY", "MALFORMED_ID") and write.remote_id and not field):
        status = Status.APPLIED if write.op is Op.REMOVE else Status.REFUSED
        return Outcome(status, remote_id=write.remote_id, gone=True)
    if code in _LIMITS:
        return Outcome(Status.LATER, fault=Fault(FaultKind.RATE_LIMITED, code, "a limit of the org", field, DAILY_WAIT))
    if code in _TEMPORARY_RECORD or "UNABLE_TO_LOCK_ROW" in message:
        text = "another transaction held the record" if "LOCK_ROW" in code + message else "Salesforce was busy"
        return Outcome(Status.LATER, fault=Fault(FaultKind.TRANSIENT, code, text, field))
    if code in ("DUPLICATE_VALUE", "DUPLICATES_DETECTED"):
        return _duplicate(code, message, first, field)
    if code in _SETUP:
        setup = _setup(code, message)
        return Outcome(Status.REFUSED, fault=Fault(setup.kind, code, setup.message, field or setup.field))
    return Outcome(Status.REFUSED, fault=Fault(FaultKind.INVALID, code, _told(code, message, write), field))


def _duplicate(code: str, message: str, error: Mapping[str, Any], field: str) -> Outcome:
    """DUPLICATE_VALUE (a unique field) names the holder in its text; DUPLICATES_DETECTED (a duplicate rule) in
    `duplicateResult`, though not in collections. One holder means adoption; several or none, a person must choose."""
    holders = _matched_ids(error)
    if match := re.search(r"with id:\s*([0-9A-Za-z]{15}(?:[0-9A-Za-z]{3})?)\b", message):
        holders.add(long_id(match.group(1)))
    if code == "DUPLICATE_VALUE" and not field and (named := re.search(r"found: (\w+) duplicates", message)):
        field = named.group(1)
    if len(holders) == 1:
        fault = Fault(FaultKind.CONFLICT, code, "another record already holds this", field)
        return Outcome(Status.REFUSED, fault=fault, existing_id=holders.pop())
    kind = FaultKind.AMBIGUOUS if holders else FaultKind.CONFLICT
    text = (
        f"a duplicate rule of the org names {len(holders)} records like this one"
        if holders
        else "the org holds a record like this one and does not say which: merge or link it there"
    )
    return Outcome(Status.REFUSED, fault=Fault(kind, code, text, field))


def _matched_ids(error: Mapping[str, Any]) -> set[str]:
    result = error.get("duplicateResult")
    found: set[str] = set()
    for match in (result.get("matchResults") or []) if isinstance(result, Mapping) else []:
        for item in (match.get("matchRecords") or []) if isinstance(match, Mapping) else []:
            holder = item.get("record") if isinstance(item, Mapping) else None
            if isinstance(holder, Mapping) and isinstance(holder.get("Id"), str):
                found.add(long_id(holder["Id"]))
    return found


_TOLD = {
    "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST": "the value is not in the field's restricted picklist",
    "REQUIRED_FIELD_MISSING": "a required field is missing",
    "INVALID_EMAIL_ADDRESS": "Salesforce does not take this as an e-mail address",
    "INSUFFICIENT_ACCESS_OR_READONLY": "the user may not edit this record",
    "ENTITY_IS_LOCKED": "the record is locked, for example by an approval",
    "NUMBER_OUTSIDE_VALID_RANGE": "the number is too large for the field",
    "JSON_PARSER_ERROR": "a value does not have the type of its field",
}


def _told(code: str, message: str, write: Write) -> str:
    """A text for the steward without what the record holds. Only an admin's own texts (validation rules, triggers) are
    passed on, with everything we sent and every e-mail address masked."""
    if code == "STRING_TOO_LONG":
        most = re.search(r"max length=(\d+)", message)
        return f"the value is longer than the {most.group(1)} characters the field takes" if most else "too long"
    if code in _TOLD:
        return _TOLD[code]
    if code in (
        "FIELD_CUSTOM_VALIDATION_EXCEPTION",
        "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
        "FIELD_INTEGRITY_EXCEPTION",
    ):
        return f"the org refused it: {mask(message, write)}"
    return f"Salesforce refused the record: {code}"


def mask(message: str, write: Write) -> str:
    """The message, cut to 300 characters, without sent values, e-mail addresses and long numbers."""
    for value in sorted((str(v) for v in write.payload.values() if v is not None), key=len, reverse=True):
        if len(value) > 2:
            message = message.replace(value, "***")
    message = re.sub(r"[^\s@<>\"',;()]+@[^\s@<>\"',;()]+", "***", message)
    return re.sub(r"\+?\d[\d\s().-]{6,}\d", "***", message)[:300]


def quota(response: Response) -> tuple[Meter, ...]:
    """`Sforce-Limit-Info: api-usage=18/100000`: what the whole org used of its 24 hours."""
    match = re.search(r"(?<![\w-])api-usage=(\d+)/(\d+)", response.headers.get("sforce-limit-info", ""))
    if match is None:
        return ()
    return (Meter("default", DAY, limit=int(match.group(2)), used=int(match.group(1))),)
