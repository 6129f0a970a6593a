"""Batch endpoints: what fails as a whole (400, 409), and what fails record by record (207)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from connectors.hubspot.sandbox.account import Account
from connectors.hubspot.sandbox.answers import answer, bad_properties, batch, conflict, invalid, standard_error
from connectors.hubspot.sandbox.call import HISTORY_BATCH_MAX, Call, problems, property_texts, text_of
from connectors.hubspot.sandbox.contacts import Taken
from connectors.hubspot.sandbox.objects import accepted, find, written

NOT_FOUND = "Could not get some CONTACT objects, they may be deleted or not exist. Check that ids are valid."


def read(account: Account, call: Call) -> Response:
    body = call.body()
    ids = call.ids(most=HISTORY_BATCH_MAX if body.get("propertiesWithHistory") else 100)
    wanted = body.get("properties")
    names = [name for name in wanted if isinstance(name, str)] if isinstance(wanted, list) else None
    archived = {c.id: c for c in account.contacts.listed()} if call.flag("archived") else None
    shown: dict[str, dict[str, Any]] = {}
    missing = []
    for identity in ids:
        by = str(body.get("idProperty") or "")
        found = archived.get(identity) if archived is not None else find(account, identity, by)
        if found is None:
            missing.append(identity)
        else:
            shown[found.id] = account.contacts.show(found, names)
    errors = [standard_error("OBJECT_NOT_FOUND", NOT_FOUND, {"ids": missing})] if missing else []
    return batch(account.clock(), shown.values(), errors)


def create(account: Account, call: Call) -> Response:
    inputs = call.inputs()
    values = [property_texts(item) for item in inputs]
    _refuse_all(account, values)
    for own in values:
        accepted(account, own)
    traces = [item.get("objectWriteTraceId") for item in inputs]
    traced = all(isinstance(trace, str) and trace for trace in traces) and len(set(traces)) == len(traces)
    if not traced:
        _refuse_conflicts(account, values)
    results, errors = [], []
    for own, trace in zip(values, traces, strict=True):
        try:
            made = account.contacts.create(own)
        except Taken as taken:
            errors.append(_conflict(taken.holder, str(trace)))
            continue
        results.append(_traced(written(account, made, own), trace if traced else None))
    return batch(account.clock(), results, errors, status=201)


def _refuse_conflicts(account: Account, values: list[dict[str, str]]) -> None:
    """Without trace ids one conflict refuses the batch, and only the first is told."""
    seen: set[str] = set()
    for own in values:
        address = own.get("email", "").strip().lower()
        holder = account.contacts.holder(address) if address else None
        if holder is not None:
            raise conflict(holder.id)
        if address in seen:
            raise invalid("Duplicate values found in batch input for unique property email")
        if address:
            seen.add(address)


def _conflict(holder: str, trace: str) -> dict[str, Any]:
    message = f"Contact already exists. Existing ID: {holder}"
    return standard_error("CONFLICT", message, {"objectWriteTraceId": [trace], "existingId": [holder]})


def _traced(shown: dict[str, Any], trace: object) -> dict[str, Any]:
    return shown | {"objectWriteTraceId": trace} if isinstance(trace, str) else shown


def update(account: Account, call: Call) -> Response:
    inputs = call.inputs()
    if any(item.get("idProperty") not in (None, "", "hs_object_id") for item in inputs):
        raise invalid("Unable to perform update/upsert by non-unique 0-1 property")
    ids = call.ids()
    values = [property_texts(item) for item in inputs]
    _refuse_all(account, values)
    targets = [account.contacts.resolve(identity) for identity in ids]
    for own, target in zip(values, targets, strict=True):
        holder = account.contacts.holder(own["email"]) if target is not None and own.get("email") else None
        if holder is not None and target is not None and holder is not target:
            raise invalid(
                f"Cannot set PropertyValueCoordinates{{propertyName=email, value={own['email']}}} on {target.id}. "
                f"{holder.id} already has that value."
            )
    results, missing = [], []
    for identity, own, target in zip(ids, values, targets, strict=True):
        if target is None:
            missing.append(identity)
            continue
        try:
            account.contacts.update(target, own)
        except Taken as taken:
            raise conflict(taken.holder) from taken
        results.append(written(account, target, own))
    errors = [standard_error("OBJECT_NOT_FOUND", NOT_FOUND, {"ids": missing})] if missing else []
    return batch(account.clock(), results, errors)


def upsert(account: Account, call: Call) -> Response:
    inputs = call.inputs()
    values = [property_texts(item) for item in inputs]
    _refuse_all(account, values)
    call.ids()
    results = [_upsert(account, item, own) for item, own in zip(inputs, values, strict=True)]
    return batch(account.clock(), results, [])


def _upsert(account: Account, item: Mapping[str, Any], values: dict[str, str]) -> dict[str, Any]:
    by, identity = str(item.get("idProperty") or "hs_object_id"), text_of(item.get("id"), "id")
    found = find(account, identity, by)
    if found is None and by == "hs_object_id":
        raise invalid(f"Object {identity} does not exist")
    try:
        if found is None:
            values = values | {by: identity}
            contact = account.contacts.create(accepted(account, values))
        else:
            contact = account.contacts.update(found, values)
    except Taken as taken:
        raise conflict(taken.holder) from taken
    return _traced(written(account, contact, values), item.get("objectWriteTraceId")) | {"new": found is None}


def archive(account: Account, call: Call) -> Response:
    for identity in call.ids():
        found = account.contacts.resolve(identity)
        if found is not None:
            account.contacts.archive(found)
    return answer(204, None)


def _refuse_all(account: Account, values: list[dict[str, str]]) -> None:
    """A wrong property or value refuses the whole batch and names no record."""
    found = [problem for own in values for problem in problems(account.contacts.properties, own)]
    if found:
        raise bad_properties(list(dict.fromkeys(found)))
