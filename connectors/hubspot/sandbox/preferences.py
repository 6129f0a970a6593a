"""E-mail subscriptions of a sandbox account, kept by address as HubSpot keeps them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from hub.domain.moments import iso

SUBSCRIPTIONS = {
    1001: ("Marketing Information", "Marketing offers and updates"),
    1002: ("Product Newsletter", "What is new, once a month"),
}
STATES = ("SUBSCRIBED", "UNSUBSCRIBED", "NOT_SPECIFIED")
LEGAL_BASES = (
    *("LEGITIMATE_INTEREST_PQL", "LEGITIMATE_INTEREST_CLIENT", "LEGITIMATE_INTEREST_OTHER"),
    *("PERFORMANCE_OF_CONTRACT", "CONSENT_WITH_NOTICE", "NON_GDPR", "PROCESS_AND_STORE"),
)


@dataclass(frozen=True, slots=True)
class Said:
    state: str
    at: datetime
    by_person: bool
    legal_basis: str | None = None


class NoResubscribe(Exception):
    """The person unsubscribed by themselves; only they may subscribe again, or a legal basis must be named."""


@dataclass(slots=True)
class Preferences:
    clock: Callable[[], datetime]
    changed: Callable[[str], None] = lambda _address: None
    """Called with the address whose opt-out from everything was set or lifted."""
    wide: dict[str, Said] = field(default_factory=dict)
    single: dict[tuple[str, int], Said] = field(default_factory=dict)

    def opted_out(self, address: str) -> bool:
        return address.lower() in self.wide

    def unsubscribe_all(self, address: str, *, by_person: bool, at: datetime | None = None) -> bool:
        """False when nothing changed."""
        key = address.strip().lower()
        if key in self.wide:
            return False
        self.wide[key] = Said("UNSUBSCRIBED", at or self.clock(), by_person)
        self.changed(key)
        return True

    def write(self, address: str, subscription: int, state: str, legal_basis: str | None) -> str:
        """The success reason. Raises `NoResubscribe`."""
        key = (address.strip().lower(), subscription)
        wide, before = self.wide.get(key[0]), self.single.get(key)
        own_word = (wide and wide.by_person) or (before and before.state == "UNSUBSCRIBED" and before.by_person)
        if state == "SUBSCRIBED" and legal_basis is None and own_word:
            raise NoResubscribe
        now = self.state(*key)
        if now == state:
            return "NO_STATUS_CHANGE"
        self.single[key] = Said(state, self.clock(), False, legal_basis)
        if state == "SUBSCRIBED" and wide:
            del self.wide[key[0]]
            self.changed(key[0])
            return "RESUBSCRIBE_OCCURRED"
        return "RESUBSCRIBE_OCCURRED" if now == "UNSUBSCRIBED" else "REQUESTED_CHANGE_OCCURRED"

    def subscribe_by_person(self, address: str, at: datetime | None = None) -> None:
        """A form the person filled in: lifts everything they said before."""
        key = address.strip().lower()
        moment = at or self.clock()
        for subscription in SUBSCRIPTIONS:
            self.single[key, subscription] = Said("SUBSCRIBED", moment, True, "CONSENT_WITH_NOTICE")
        if self.wide.pop(key, None):
            self.changed(key)

    def state(self, address: str, subscription: int) -> str:
        if address.lower() in self.wide:
            return "UNSUBSCRIBED"
        said = self.single.get((address.lower(), subscription))
        return said.state if said else "NOT_SPECIFIED"

    def status(self, address: str, subscription: int, reason: str | None = None) -> dict[str, Any]:
        """PublicStatus of the v4 API."""
        key = address.strip().lower()
        said = self.wide.get(key) or self.single.get((key, subscription))
        shown: dict[str, Any] = {
            "channel": "EMAIL",
            "source": "Subscription status",
            "status": self.state(key, subscription),
            "subscriberIdString": key,
            "subscriptionId": subscription,
            "subscriptionName": SUBSCRIPTIONS[subscription][0],
            "timestamp": iso(said.at if said else self.clock()),
        }
        if said and said.legal_basis:
            shown["legalBasis"] = said.legal_basis
        return shown | ({"setStatusSuccessReason": reason} if reason else {})

    def wide_status(self, address: str) -> list[dict[str, Any]]:
        """PublicWideStatus; empty when the address never opted out of everything."""
        key = address.strip().lower()
        said = self.wide.get(key)
        if said is None:
            return []
        return [
            {
                "channel": "EMAIL",
                "status": said.state,
                "subscriberIdString": key,
                "timestamp": iso(said.at),
                "wideStatusType": "PORTAL_WIDE",
            }
        ]

    def definitions(self) -> list[dict[str, Any]]:
        return [
            {
                "id": str(identity),
                "name": name,
                "description": text,
                "purpose": "Marketing",
                "communicationMethod": "Email",
                "isActive": True,
                "isDefault": False,
                "isInternal": False,
                "createdAt": "2024-02-01T09:00:00.000Z",
                "updatedAt": "2024-02-01T09:00:00.000Z",
            }
            for identity, (name, text) in SUBSCRIPTIONS.items()
        ]

    def v3_statuses(self, address: str) -> list[dict[str, Any]]:
        """PublicSubscriptionStatus of the v3 API, which knows two states only."""
        states = {"SUBSCRIBED": "SUBSCRIBED"}
        return [
            {
                "id": str(identity),
                "name": name,
                "description": text,
                "status": states.get(self.state(address, identity), "NOT_SUBSCRIBED"),
                "sourceOfStatus": "PORTAL_WIDE_STATUS" if self.opted_out(address) else "SUBSCRIPTION_STATUS",
            }
            for identity, (name, text) in SUBSCRIPTIONS.items()
        ]
