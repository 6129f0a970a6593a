"""One HubSpot account of the sandbox: its contacts, its subscriptions, its owners, under one clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from connectors.hubspot.sandbox.contacts import Contact, Contacts
from connectors.hubspot.sandbox.gate import Gate
from connectors.hubspot.sandbox.preferences import Preferences


@dataclass(slots=True)
class Account:
    clock: Callable[[], datetime]
    contacts: Contacts
    preferences: Preferences
    gate: Gate
    owners: tuple[str, ...] = ()
    """E-mail addresses; the id of an owner is its place, from 501 on."""
    acting: str = "CRM_UI"
    """Who changes what is changed now, as events name it."""

    def __post_init__(self) -> None:
        self.contacts.opted_out = self.preferences.opted_out
        self.preferences.changed = self._consent_changed

    def _consent_changed(self, address: str) -> None:
        """The contact whose primary address it is shows it at once, and counts as modified."""
        holder = self.contacts.holder(address)
        if holder is not None and holder.properties.get("email") == address:
            self.contacts.touch(holder)

    def merge(self, primary: Contact, other: Contact) -> Contact:
        """Opting out once is enough: the merged contact has opted out if either had."""
        denied = any(c.properties.get("hs_email_optout") == "true" for c in (primary, other))
        merged = self.contacts.merge(primary, other)
        address = merged.properties.get("email", "")
        if denied and address:
            self.preferences.unsubscribe_all(address, by_person=True)
        return merged

    def owner_id(self, email: str) -> str:
        return str(501 + self.owners.index(email))
