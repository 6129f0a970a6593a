"""What the account's own users do in its screens: no limits, no tokens, the same rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from threading import RLock
from typing import Any

from connectors.hubspot.sandbox.account import Account
from connectors.hubspot.sandbox.call import problems
from connectors.hubspot.sandbox.catalogue import Property
from connectors.hubspot.sandbox.contacts import Contact, Taken

TYPED = ("hs_additional_emails",)
"""Properties that the API does not let be written, and a person does."""


class HubSpotPeople:
    def __init__(self, account: Account, lock: RLock) -> None:
        self._account = account
        self._lock = lock

    def ids(self) -> list[str]:
        with self._lock:
            return sorted(self._account.contacts.live, key=int)

    def find(self, email: str) -> str | None:
        with self._lock:
            found = self._account.contacts.holder(email)
            return found.id if found else None

    def get(self, remote_id: str) -> dict[str, Any] | None:
        """All properties of the account, flattened, and `id`; under an absorbed id the survivor's."""
        with self._lock:
            found = self._account.contacts.resolve(remote_id)
            if found is None:
                return None
            values = self._account.contacts.values(found)
            names = self._account.contacts.properties
            return {"id": found.id, **{name: values.get(name) or None for name in names}}

    def create(self, fields: Mapping[str, Any]) -> str:
        with self._lock:
            values = self._typed(fields)
            if not any(values.get(name) for name in ("email", "firstname", "lastname")):
                raise ValueError("HubSpot's screen wants an e-mail or a name")
            try:
                return self._account.contacts.create(values).id
            except Taken as taken:
                raise ValueError(f"contact {taken.holder} has this e-mail") from taken

    def edit(self, remote_id: str, fields: Mapping[str, Any]) -> None:
        with self._lock:
            contact, values = self._known(remote_id), self._typed(fields)
            if values.get("lifecyclestage"):
                # The screen lets a person move a stage back: it clears it first.
                self._account.contacts.update(contact, {"lifecyclestage": ""})
            try:
                self._account.contacts.update(contact, values)
            except Taken as taken:
                raise ValueError(f"contact {taken.holder} has this e-mail") from taken

    def delete(self, remote_id: str) -> None:
        with self._lock:
            self._account.contacts.archive(self._known(remote_id))

    def merge(self, winner: str, loser: str) -> str:
        """Makes a record with an id of its own."""
        with self._lock:
            primary, other = self._known(winner), self._known(loser)
            if primary is other:
                raise ValueError("a contact cannot be merged with itself")
            return self._account.merge(primary, other).id

    def opt_out(self, remote_id: str) -> None:
        """The person follows the unsubscribe link. ValueError for a contact without an address."""
        with self._lock:
            address = self._known(remote_id).properties.get("email", "")
            if not address:
                raise ValueError("consent is kept by address, and this contact has none")
            self._account.preferences.unsubscribe_all(address, by_person=True)

    def remove_field(self, name: str) -> None:
        """An administrator archives a property. KeyError when there is none, ValueError for one of HubSpot's own."""
        with self._lock:
            if not self._account.contacts.properties[name].custom:
                raise ValueError(f"HubSpot's own property {name} cannot be archived")
            self._account.contacts.archive_property(name)

    def restore_field(self, name: str) -> None:
        """The archived property is back, with all its values. KeyError."""
        with self._lock:
            self._account.contacts.restore_property(name)

    def change_field(self, name: str, **how: Any) -> None:
        """An administrator edits a property: its type, its choices. KeyError."""
        with self._lock:
            properties = self._account.contacts.properties
            properties[name] = replace(properties[name], **how)

    def add_field(self, name: str, **how: Any) -> None:
        """An administrator makes a property; under the name of an archived one it begins blank."""
        with self._lock:
            self._account.contacts.add_property(Property(name, name.title(), custom=True, **how))

    def _known(self, remote_id: str) -> Contact:
        found = self._account.contacts.resolve(remote_id)
        if found is None:
            raise KeyError(remote_id)
        return found

    def _typed(self, fields: Mapping[str, Any]) -> dict[str, str]:
        values = {name: "" if value is None else str(value) for name, value in fields.items()}
        wrong = problems(self._account.contacts.properties, {n: v for n, v in values.items() if n not in TYPED})
        if wrong:
            raise ValueError(f"{wrong[0][0]}: {wrong[0][1]}")
        return values
