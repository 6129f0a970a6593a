"""The webhooks of an app: up to 100 events in a request, signed as HubSpot signs them, sent again until they are taken.

An event for the creation, one for each property that changed, for deletions and merges; the sandbox's app is subscribed
to all of them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime
from threading import Lock
from typing import Any

import orjson

from connectors.hubspot.sandbox.gate import PORTAL
from connectors.hubspot.webhooks import proof
from hub.sdk.courier import Courier, Letter

EVENTS_MAX = 100
APP, SUBSCRIPTION = 7_001, 9_001


class Webhooks:
    """`source`: who acts, as HubSpot words it."""

    def __init__(self, url: str, secret: str, clock: Callable[[], datetime], source: Callable[[], str]) -> None:
        self.courier = Courier()
        self._url = url
        self._secret = secret
        self._clock = clock
        self._source = source
        self._events: deque[dict[str, Any]] = deque()
        self._lock = Lock()
        self._last = 100

    def told(self, kind: str, remote_id: str, more: Mapping[str, Any]) -> None:
        """Something happened to a contact."""
        with self._lock:
            self._last += 1
            self._events.append(
                {
                    "eventId": self._last,
                    "subscriptionId": SUBSCRIPTION,
                    "portalId": PORTAL,
                    "appId": APP,
                    "occurredAt": int(self._clock().timestamp() * 1000),
                    "subscriptionType": f"contact.{kind}",
                    "attemptNumber": 0,
                    "objectId": int(remote_id),
                    "changeSource": self._source(),
                    **more,
                }
            )
        self.courier.send(_Batch(self).letter)

    def taken(self) -> list[dict[str, Any]]:
        """The events that go into the next request."""
        with self._lock:
            return [self._events.popleft() for _ in range(min(EVENTS_MAX, len(self._events)))]

    def sealed(self, events: list[dict[str, Any]], attempt: int) -> Letter:
        body = orjson.dumps([{**event, "attemptNumber": attempt} for event in events])
        stamp = str(int(self._clock().timestamp() * 1000))
        headers = {
            "Content-Type": "application/json",
            "X-HubSpot-Signature-v3": proof(self._secret, "POST", self._url, body, stamp),
            "X-HubSpot-Request-Timestamp": stamp,
        }
        return Letter(self._url, headers, body)


class _Batch:
    """Whatever waits when its turn comes: what waits for several turns travels with the first."""

    def __init__(self, webhooks: Webhooks) -> None:
        self._webhooks = webhooks
        self._events: list[dict[str, Any]] = []

    def letter(self, attempt: int) -> Letter | None:
        self._events = self._events or self._webhooks.taken()
        return self._webhooks.sealed(self._events, attempt) if self._events else None
