"""The part `subscriptions`: e-mail consent through communication preferences v4, keyed by address.

Without a subscription type an opt-out is "unsubscribe from all e-mail" (`statuses/batch/unsubscribe-all`); with one it
is the status of that type (`statuses/batch/write`). Shapes: HubSpot's subscription preferences API reference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.hubspot import refusals
from connectors.hubspot.faults import category, details, texts
from connectors.hubspot.records import results
from connectors.hubspot.settings import HubSpotSettings, preferences_path
from hub.domain.outcome import Fault, FaultKind, Outcome, Status
from hub.domain.plan import Write
from hub.sdk.http import Request, Response, send_json

PATH = "subscriptions.email"
STATES = ("SUBSCRIBED", "UNSUBSCRIBED", "NOT_SPECIFIED")
DONE = {"REQUESTED_CHANGE_OCCURRED", "RESUBSCRIBE_OCCURRED", "UNSUBSCRIBE_FROM_ALL_OCCURRED", "NO_STATUS_CHANGE"}
"""`setStatusSuccessReason`: "no change" is agreement too."""


def state(write: Write) -> str:
    return str(write.payload.get(PATH, ""))


def request(settings: HubSpotSettings, batch: Sequence[Write]) -> Request:
    """One request for writes of one state. Telling an opt-out twice does no more than once."""
    wanted = state(batch[0])
    if wanted not in STATES:
        raise ValueError(f"{PATH} takes {', '.join(STATES)}; the mapping says {wanted!r}")
    emails = list(dict.fromkeys(found for write in batch if (found := email(write))))
    base = f"{preferences_path(settings)}/statuses/batch"
    if settings.subscription_id is None:
        if wanted != "UNSUBSCRIBED":
            raise ValueError(f"{PATH}: {wanted} needs the setting subscription_id: only single types can be granted")
        return send_json(
            "POST", f"{base}/unsubscribe-all", {"inputs": emails}, query={"channel": "EMAIL"}, repeatable=True
        )
    inputs = [
        {
            "subscriberIdString": value,
            "subscriptionId": settings.subscription_id,
            "statusState": wanted,
            "channel": "EMAIL",
        }
        for value in emails
    ]
    return send_json("POST", f"{base}/write", {"inputs": inputs}, repeatable=True)


def outcomes(batch: Sequence[Write], response: Response) -> list[Outcome]:
    if not response.ok:
        return refusals.whole(batch, response)
    body, items = results(response, 200, 201, 207)
    shown = {str(item.get("subscriberIdString", "")).lower(): reason(item) for item in items if isinstance(item, dict)}
    errors = body.get("errors")
    refused = [error for error in (errors if isinstance(errors, list) else ()) if isinstance(error, dict)]
    return [_outcome(write, shown, refused, alone=len(batch) == 1) for write in batch]


def _outcome(write: Write, shown: Mapping[str, str], refused: Sequence[dict[str, Any]], *, alone: bool) -> Outcome:
    own = email(write)
    if not own:
        fault = Fault(FaultKind.INVALID, "no_email", "consent at HubSpot is kept by address, and the contact has none")
        return Outcome(Status.REFUSED, write.remote_id, fault=fault)
    error = next((e for e in refused if alone or own in _addresses(e)), None)
    if error is not None:
        found = details(error)
        code = (found[0].code if found else "") or category(error) or "REFUSED"
        fault = Fault(FaultKind.INVALID, code, f"HubSpot refuses the e-mail subscription ({code})", PATH)
        return Outcome(Status.REFUSED, write.remote_id, fault=fault)
    said = shown.get(own)
    if said in DONE:
        return Outcome(Status.APPLIED, write.remote_id)
    return refusals.unaccounted(write)


def reason(item: Mapping[str, Any]) -> str:
    """The success reason of a result; unsubscribe-all shows an address without statuses unless asked for them, and
    that it shows it is the success."""
    said = item.get("setStatusSuccessReason")
    if isinstance(said, str):
        return said
    statuses = item.get("statuses")
    inner = [s.get("setStatusSuccessReason") for s in statuses if isinstance(s, dict)] if statuses else []
    named = [word for word in inner if isinstance(word, str)]
    return named[0] if named else "REQUESTED_CHANGE_OCCURRED"


def _addresses(error: Mapping[str, Any]) -> set[str]:
    context = error.get("context")
    values = context.values() if isinstance(context, dict) else ()
    return {text.strip().lower() for value in values for text in texts(value)}


def email(write: Write) -> str:
    """The address the consent is kept by: the write's key."""
    if write.key is None or write.key.kind != "email":
        return ""
    return write.key.value.split("|", 1)[0].strip().lower()
