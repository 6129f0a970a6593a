"""What HubSpot's refusals of writes say, laid upon the writes: per record where it names one, for all otherwise."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from connectors.hubspot.faults import Detail, category, details, texts
from hub.domain.outcome import Fault, FaultKind, Outcome, Status
from hub.domain.plan import Op, Write
from hub.sdk.http import ContractBroken, Response

EXISTING = re.compile(r"Existing ID:\s*([0-9]{1,20})")
HOLDER = re.compile(r"\b([0-9]{1,20}) already has that value")
OF_THE_MAPPING = {"PROPERTY_DOESNT_EXIST", "READ_ONLY_VALUE"}
"""Codes that speak of a property, not of a value: they hold for every write that carries the property."""
LATER = {"RATE_LIMITS", "RATE_LIMIT", "INTERNAL_ERROR", "SERVICE_UNAVAILABLE"}


def listed(batch: Sequence[Write], body: Mapping[str, Any], traces: Sequence[str]) -> list[Outcome | None]:
    """The `errors` of a 207 by trace id or record id; None where no error names the write."""
    outcomes: list[Outcome | None] = [None] * len(batch)
    by_trace = {value: index for index, value in enumerate(traces)}
    by_id = {write.remote_id: index for index, write in enumerate(batch) if write.remote_id}
    for error in _errors(body):
        context = error.get("context")
        context = context if isinstance(context, dict) else {}
        named = [by_trace.get(value) for value in texts(context.get("objectWriteTraceId"))]
        named += [by_id.get(value) for name in ("ids", "id") for value in texts(context.get(name))]
        for index in named:
            if index is not None:
                outcomes[index] = of_error(batch[index], error)
    return outcomes


def last_one(batch: Sequence[Write], body: Mapping[str, Any], outcomes: list[Outcome | None]) -> None:
    """An error without a name belongs to the only write that is left."""
    nameless = [error for error in _errors(body) if not _names(error)]
    open_ = [index for index, outcome in enumerate(outcomes) if outcome is None]
    if len(nameless) == 1 and len(open_) == 1:
        outcomes[open_[0]] = of_error(batch[open_[0]], nameless[0])


def _names(error: Mapping[str, Any]) -> bool:
    context = error.get("context")
    return isinstance(context, dict) and any(name in context for name in ("objectWriteTraceId", "ids", "id"))


def _errors(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    errors = body.get("errors")
    return [error for error in errors if isinstance(error, dict)] if isinstance(errors, list) else []


def of_error(write: Write, error: Mapping[str, Any]) -> Outcome:
    """One error that is known to speak of one write."""
    word = category(dict(error))
    if word == "OBJECT_NOT_FOUND":
        return Outcome(Status.REFUSED, write.remote_id, gone=True)
    if word == "CONFLICT":
        return conflict(write, error)
    if word in LATER:
        return Outcome(Status.LATER, write.remote_id, fault=Fault(FaultKind.TRANSIENT, word, "HubSpot asks to retry"))
    return Outcome(Status.REFUSED, write.remote_id, fault=_invalid(dict(error), word))


def conflict(write: Write, error: Mapping[str, Any]) -> Outcome:
    """A create whose address exists is an adoption; an update whose new address another contact holds is a conflict
    for a person: two records of HubSpot are one to the hub."""
    holder = existing_id(error)
    if write.op is Op.CREATE:
        fault = Fault(FaultKind.CONFLICT, "CONFLICT", f"contact {holder or '(unnamed)'} already holds the address")
        return Outcome(Status.REFUSED, None, fault=fault, existing_id=holder)
    fault = Fault(
        FaultKind.CONFLICT, "CONFLICT", f"another contact ({holder or 'unnamed'}) already holds the address", "email"
    )
    return Outcome(Status.REFUSED, write.remote_id, fault=fault)


def existing_id(error: Mapping[str, Any]) -> str | None:
    """`context.existingId` or "Existing ID: 123" in the message."""
    context = error.get("context")
    named = texts(context.get("existingId")) if isinstance(context, dict) else []
    found = EXISTING.search(str(error.get("message") or "")) or HOLDER.search(str(error.get("message") or ""))
    return named[0] if named else (found.group(1) if found else None)


def whole(batch: Sequence[Write], response: Response) -> list[Outcome]:
    """A 4xx of the whole batch: HubSpot applied nothing."""
    said = response.json_or_none()
    if not isinstance(said, dict) or response.status not in (400, 404, 409):
        raise ContractBroken(f"HubSpot answered a batch with HTTP {response.status} that its API does not promise")
    word = category(said)
    found = details(said)
    properties = {name for detail in found for name in detail.properties if detail.code in OF_THE_MAPPING}
    if properties and all(properties & set(write.payload) for write in batch):
        return [Outcome(Status.REFUSED, write.remote_id, fault=_of_the_mapping(found)) for write in batch]
    if len(batch) > 1:
        return [Outcome(Status.SPLIT, write.remote_id, fault=Fault(FaultKind.SPLIT, word, "")) for write in batch]
    if response.status == 409 or word == "CONFLICT" or HOLDER.search(str(said.get("message") or "")):
        return [conflict(batch[0], said)]
    if response.status == 404:
        if word == "OBJECT_NOT_FOUND":
            return [Outcome(Status.REFUSED, batch[0].remote_id, gone=True)]
        raise ContractBroken("HubSpot does not know the batch endpoint (HTTP 404): is the API version right?")
    return [Outcome(Status.REFUSED, batch[0].remote_id, fault=_invalid(said, word))]


def _of_the_mapping(found: Sequence[Detail]) -> Fault:
    detail = next(d for d in found if d.code in OF_THE_MAPPING)
    name = detail.properties[0]
    if detail.code == "READ_ONLY_VALUE":
        text = f"HubSpot does not let property '{name}' be written: make it `direction: in` in the mapping"
    else:
        text = f"HubSpot has no property '{name}': create it there or take it out of the mapping"
    return Fault(FaultKind.MISCONFIGURED, detail.code, text, name)


def _invalid(said: dict[str, Any], word: str) -> Fault:
    """Names the property and HubSpot's code, never the value: the vendor's own text quotes it."""
    for detail in details(said):
        if detail.properties:
            name = detail.properties[0]
            code = detail.code or word or "VALIDATION_ERROR"
            return Fault(FaultKind.INVALID, code, f"HubSpot refuses the value of property '{name}' ({code})", name)
    code = word or "VALIDATION_ERROR"
    return Fault(FaultKind.INVALID, code, f"HubSpot refuses the record ({code}) and does not say which property")


def unaccounted(write: Write) -> Outcome:
    fault = Fault(FaultKind.IN_DOUBT, "unaccounted", "HubSpot's answer does not say what became of this write")
    return Outcome(Status.IN_DOUBT, write.remote_id, fault=fault)
