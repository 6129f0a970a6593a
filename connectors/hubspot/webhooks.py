"""Webhooks of a HubSpot app: signed by version 3 of its scheme, up to 100 events in one request.

HubSpot's guide on validating requests, and `hubspot.utils.signature` of its own Python client.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from hub.domain.hint import Hint
from hub.sdk.auth import Secret
from hub.sdk.hooks import Hook, HookRequest, Refusal, bounded, fresh, same, seconds, signed

STREAM = "contacts"
CONTACT_TYPE = "0-1"
"""`objectTypeId` of contacts."""
PLAIN = {
    "%3A": ":",
    "%2F": "/",
    "%3F": "?",
    "%40": "@",
    "%21": "!",
    "%24": "$",
    "%27": "'",
    "%28": "(",
    "%29": ")",
    "%2A": "*",
    "%2C": ",",
    "%3B": ";",
}
"""What HubSpot writes plainly in the address that it signs; everything else stays encoded."""
_ENCODED = re.compile("|".join(PLAIN), re.IGNORECASE)
_ID = re.compile(r"[0-9]{1,20}")
IDS = ("objectId", "primaryObjectId", "newObjectId", "fromObjectId")


def proof(secret: str, method: str, url: str, body: bytes, timestamp: str) -> str:
    """The value of `X-HubSpot-Signature-v3`."""
    address = _ENCODED.sub(lambda found: PLAIN[found[0].upper()], url)
    return b64encode(signed(secret, method.encode(), address.encode(), body, timestamp.encode())).decode()


def verify(settings: Any, secrets: Mapping[str, str], request: HookRequest) -> Refusal | None:
    given = request.headers.get("x-hubspot-signature-v3", "")
    stamp = request.headers.get("x-hubspot-request-timestamp", "")
    at, secret = seconds(stamp), secrets.get("client_secret", "")
    if at is None or not given or not secret:
        return Refusal.UNSIGNED
    if not same(given, proof(secret, request.method, request.url, request.body, stamp)):
        return Refusal.SIGNATURE
    return None if fresh(at / 1000, request) else Refusal.OLD


def hints(settings: Any, request: HookRequest) -> Sequence[Hint] | Refusal:
    """Events of other accounts that have the same app are passed over: they come in the same requests."""
    try:
        events = orjson.loads(request.body)
    except orjson.JSONDecodeError:
        return Refusal.UNREADABLE
    if not isinstance(events, list) or not all(isinstance(event, Mapping) for event in events):
        return Refusal.UNREADABLE
    ours = [e for e in events if not request.account or str(e.get("portalId")) == request.account]
    return bounded([Hint(STREAM, found) for event in ours if _of_contact(event) for found in _ids(event)])


def _of_contact(event: Mapping[str, Any]) -> bool:
    """`contact.propertyChange`, or, as newer subscriptions say it, `object.propertyChange` of type 0-1."""
    thing = str(event.get("subscriptionType") or "").partition(".")[0]
    return thing == "contact" or (thing == "object" and event.get("objectTypeId") == CONTACT_TYPE)


def _ids(event: Mapping[str, Any]) -> Iterator[str]:
    merged = event.get("mergedObjectIds")
    for value in (*(event.get(name) for name in IDS), *(merged if isinstance(merged, list) else ())):
        text = str(value)
        if _ID.fullmatch(text):
            yield text


HOOK = Hook(
    secrets=(Secret("client_secret", "Client secret of the app, which signs its webhooks", required=False),),
    verify=verify,
    hints=hints,
    setup="the target URL of the app's webhooks; subscribe it to the contact.* events",
)
