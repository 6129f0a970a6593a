"""The webhook that every connection has: a program of the operator's own says, signed, which records to look at.

For vendors without webhooks that could be trusted, for platform events and change feeds, for scripts:

    POST /webhooks/CONNECTION
    X-Hub-Timestamp: 1760000000
    X-Hub-Signature-256: sha256=<hex of HMAC-SHA256(webhook_secret, timestamp + "." + body)>

    {"stream": "contacts", "ids": ["17", "18"]}

A list of such objects is one message as well; without `ids`, something in the stream changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from hub.domain.hint import ANYTHING, Hint
from hub.sdk.auth import Secret
from hub.sdk.hooks import SECRET_LEAST, Hook, HookRequest, Refusal, bounded, fresh, is_id, same, seconds, signed

TIMESTAMP = "x-hub-timestamp"
SIGNATURE = "x-hub-signature-256"
SHARED = Secret("webhook_secret", "Webhook secret, shared with a relay of your own", False, SECRET_LEAST)


def meant(headers: Mapping[str, str]) -> bool:
    """Whether a request speaks this way, and not its vendor's."""
    return TIMESTAMP in headers


def proof(secret: str, timestamp: str, body: bytes) -> str:
    """The value of the signature's header."""
    return f"sha256={signed(secret, timestamp.encode(), b'.', body).hex()}"


def verify(settings: Any, secrets: Mapping[str, str], request: HookRequest) -> Refusal | None:
    stamp, given = request.headers.get(TIMESTAMP, ""), request.headers.get(SIGNATURE, "")
    at, secret = seconds(stamp), secrets.get(SHARED.name, "")
    if at is None or not given or not secret:
        return Refusal.UNSIGNED
    if not same(given, proof(secret, stamp, request.body)):
        return Refusal.SIGNATURE
    return None if fresh(at, request) else Refusal.OLD


def hints(settings: Any, request: HookRequest) -> Sequence[Hint] | Refusal:
    try:
        said = orjson.loads(request.body)
    except orjson.JSONDecodeError:
        return Refusal.UNREADABLE
    found: list[Hint] = []
    for item in said if isinstance(said, list) else [said]:
        if not isinstance(item, Mapping) or not isinstance(item.get("stream"), str):
            return Refusal.UNREADABLE
        ids = item.get("ids", [])
        if not isinstance(ids, list) or not all(_readable(i) for i in ids):
            return Refusal.UNREADABLE
        found += [Hint(item["stream"], str(i)) for i in ids or [ANYTHING]]
    return bounded(found)


def _readable(remote_id: Any) -> bool:
    return isinstance(remote_id, int | str) and not isinstance(remote_id, bool) and is_id(str(remote_id))


RELAY = Hook(
    secrets=(SHARED,),
    verify=verify,
    hints=hints,
    setup="a program of yours posts {stream, ids}, signed with webhook_secret",
)
