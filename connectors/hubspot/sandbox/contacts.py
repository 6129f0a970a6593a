"""The contacts of a sandbox account: live, archived and merged ones, unique addresses, and the lagging search index."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from connectors.hubspot.sandbox.catalogue import ORDER, Property, catalogue, kept
from hub.domain.moments import iso

KEPT_ARCHIVED = timedelta(days=90)
"""An archived contact can be listed and restored for 90 days."""
DEFAULTS = ("createdate", "email", "firstname", "hs_object_id", "lastmodifieddate", "lastname")
ALWAYS = ("createdate", "hs_object_id", "lastmodifieddate")


class Taken(Exception):
    """The address belongs to another contact."""

    def __init__(self, holder: str) -> None:
        super().__init__(holder)
        self.holder = holder


@dataclass(slots=True)
class Contact:
    id: str
    properties: dict[str, str]
    created: datetime
    updated: datetime
    archived_at: datetime | None = None

    def addresses(self) -> list[str]:
        more = self.properties.get("hs_additional_emails", "").split(";")
        return [a.lower() for a in (self.properties.get("email", ""), *more) if a]


@dataclass(slots=True)
class Indexed:
    """A contact as the search index shows it, calculated properties too."""

    id: str
    properties: dict[str, str]
    created: datetime
    updated: datetime


@dataclass(slots=True)
class Contacts:
    """Not thread-safe by itself: the sandbox holds its lock around every use."""

    clock: Callable[[], datetime]
    index_delay: timedelta
    properties: dict[str, Property] = field(default_factory=catalogue)
    archived_properties: dict[str, Property] = field(default_factory=dict)
    live: dict[str, Contact] = field(default_factory=dict)
    archived: dict[str, Contact] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    by_email: dict[str, str] = field(default_factory=dict)
    index: dict[str, Indexed] = field(default_factory=dict)
    index_ids: list[int] = field(default_factory=list)
    opted_out: Callable[[str], bool] = lambda _address: False
    told: Callable[[str, str, Mapping[str, Any]], None] = lambda _kind, _identity, _more: None
    """Called with what happened to which contact, as webhooks word it."""
    _pending: deque[tuple[datetime, str, Indexed | None]] = field(default_factory=deque)
    _last_id: int = 100_000
    _order: list[int] | None = None

    def resolve(self, identity: str) -> Contact | None:
        """The live contact under an id, its own or one that a merge absorbed."""
        seen = identity
        while seen in self.aliases:
            seen = self.aliases[seen]
        return self.live.get(seen)

    def holder(self, address: str) -> Contact | None:
        found = self.by_email.get(address.strip().lower())
        return self.live.get(found) if found else None

    def create(
        self, values: Mapping[str, str], *, at: datetime | None = None, created: datetime | None = None
    ) -> Contact:
        """Values are accepted ones. Raises `Taken`."""
        now = at or self.clock()
        properties = self._kept(values)
        for address in self._addresses_of(properties):
            self._free(address, "")
        contact = Contact(self._next_id(), properties, created or now, now)
        self._place(contact)
        self.told("creation", contact.id, {})
        self._changed(contact, properties)
        return contact

    def update(self, contact: Contact, values: Mapping[str, str], *, at: datetime | None = None) -> Contact:
        """Raises `Taken`. The lifecycle stage moves forward only, or is cleared: going back is silently not done."""
        properties = self._kept(values)
        stage, now = properties.get("lifecyclestage"), contact.properties.get("lifecyclestage")
        if stage and now and ORDER.get(stage, 0) < ORDER.get(now, 0):
            del properties["lifecyclestage"]
        if "email" in properties:
            if properties["email"]:
                self._free(properties["email"], contact.id)
            self._forget_addresses(contact)
            self._leave_secondary(contact, properties["email"])
        before = dict(contact.properties)
        contact.properties.update(properties)
        self._place(contact, at=at)
        self._changed(contact, {n: v for n, v in properties.items() if before.get(n, "") != v})
        return contact

    def touch(self, contact: Contact, *, at: datetime | None = None) -> None:
        """A change that HubSpot makes by itself, such as a consent."""
        self._place(contact, at=at)
        self._changed(contact, {"hs_email_optout": contact.properties.get("hs_email_optout", "")})

    def archive(self, contact: Contact) -> None:
        contact.archived_at = self.clock()
        self._forget(contact)
        self.archived[contact.id] = contact
        self.told("deletion", contact.id, {})

    def erase(self, contact: Contact) -> None:
        """A privacy deletion: it never reappears."""
        self._forget(contact)
        self.told("privacyDeletion", contact.id, {})

    def merge(self, primary: Contact, other: Contact) -> Contact:
        """A new record with an id of its own; both old ids lead to it. The primary's values win, the furthest
        lifecycle stage stays, the addresses add up (HubSpot's changelog on merges, its guide on merging records)."""
        now = self.clock()
        filled = {name: value for name, value in primary.properties.items() if value}
        properties = {**other.properties, **filled}
        stages = [c.properties.get("lifecyclestage", "") for c in (primary, other)]
        properties["lifecyclestage"] = max(stages, key=lambda stage: ORDER.get(stage, -1))
        email = properties.get("email", "")
        more = [a for a in (*primary.addresses(), *other.addresses()) if a != email]
        properties["hs_additional_emails"] = ";".join(dict.fromkeys(more))
        before = [c.properties.get("hs_merged_object_ids", "") for c in (primary, other)]
        absorbed = [primary.id, other.id, *(part for text in before for part in text.split(";") if part)]
        properties["hs_merged_object_ids"] = ";".join(dict.fromkeys(absorbed))
        for contact in (primary, other):
            self._forget(contact)
        merged = Contact(self._next_id(), properties, min(primary.created, other.created), now)
        self._place(merged)
        self.aliases |= {primary.id: merged.id, other.id: merged.id}
        ids = {"primaryObjectId": int(primary.id), "mergedObjectIds": [int(other.id)], "newObjectId": int(merged.id)}
        self.told("merge", primary.id, ids)
        return merged

    def archive_property(self, name: str) -> None:
        """Takes a property out of the catalogue; what contacts hold in it stays, and is not shown."""
        self.archived_properties[name] = self.properties.pop(name)

    def restore_property(self, name: str) -> None:
        """Brings an archived property back, with what contacts hold in it."""
        self.properties[name] = self.archived_properties.pop(name)

    def add_property(self, made: Property) -> None:
        """A property made anew, also under the name of an archived one: it is blank everywhere."""
        if self.archived_properties.pop(made.name, None) is not None:
            for contact in (*self.live.values(), *self.archived.values()):
                contact.properties.pop(made.name, None)
        self.properties[made.name] = made

    def listed(self) -> Iterator[Contact]:
        """Archived contacts that can still be listed, by id."""
        oldest = self.clock() - KEPT_ARCHIVED
        self.archived = {k: c for k, c in self.archived.items() if c.archived_at is None or c.archived_at > oldest}
        return iter(sorted(self.archived.values(), key=lambda contact: int(contact.id)))

    def from_id(self, first: int, most: int) -> list[Contact]:
        """Live contacts by id, from an id on."""
        if self._order is None:
            self._order = sorted(map(int, self.live))
        start = bisect_left(self._order, first)
        return [self.live[str(identity)] for identity in self._order[start : start + most]]

    def show(self, contact: Contact | Indexed, wanted: list[str] | None) -> dict[str, Any]:
        """A contact as the API shows it: every value a text or null; names it does not know are passed over."""
        names = dict.fromkeys((*(DEFAULTS if wanted is None else wanted), *ALWAYS))
        values = self.values(contact)
        shown: dict[str, Any] = {
            "id": contact.id,
            "properties": {name: values.get(name) or None for name in names if name in self.properties},
            "createdAt": iso(contact.created),
            "updatedAt": iso(contact.updated),
            "archived": False,
        }
        archived_at = getattr(contact, "archived_at", None)
        if archived_at is not None:
            shown |= {"archived": True, "archivedAt": iso(archived_at)}
        return shown

    def values(self, contact: Contact | Indexed) -> dict[str, str]:
        """All that a contact holds, calculated properties too."""
        if isinstance(contact, Indexed):
            return contact.properties
        email = contact.properties.get("email", "")
        return {
            **contact.properties,
            "hs_object_id": contact.id,
            "createdate": iso(contact.created),
            "lastmodifieddate": iso(contact.updated),
            "hs_email_domain": email.rpartition("@")[2],
        }

    def searchable(self) -> dict[str, Indexed]:
        """The index as it is now: what was written within the delay is not in it yet, or as it was before."""
        now = self.clock()
        while self._pending and self._pending[0][0] <= now:
            _, identity, entry = self._pending.popleft()
            if entry is None:
                if self.index.pop(identity, None):
                    self.index_ids.remove(int(identity))
            else:
                if identity not in self.index:
                    insort(self.index_ids, int(identity))
                self.index[identity] = entry
        return self.index

    def seeded(self) -> None:
        """What exists before the sandbox starts has been indexed long ago."""
        self._pending = deque((datetime.min.replace(tzinfo=at.tzinfo), i, entry) for at, i, entry in self._pending)
        self.searchable()

    def _changed(self, contact: Contact, properties: Mapping[str, str]) -> None:
        for name, value in properties.items():
            self.told("propertyChange", contact.id, {"propertyName": name, "propertyValue": value})

    def _next_id(self) -> str:
        self._last_id += 1
        return str(self._last_id)

    def _kept(self, values: Mapping[str, str]) -> dict[str, str]:
        return {name: kept(self.properties[name], value) for name, value in values.items()}

    @staticmethod
    def _addresses_of(properties: Mapping[str, str]) -> list[str]:
        more = properties.get("hs_additional_emails", "").split(";")
        return [address for address in (properties.get("email", ""), *more) if address]

    def _free(self, address: str, own: str) -> None:
        holder = self.by_email.get(address.lower())
        if holder is not None and holder != own:
            raise Taken(holder)

    def _place(self, contact: Contact, *, at: datetime | None = None) -> None:
        if contact.id in self.live:
            contact.updated = max(at or self.clock(), contact.updated)
        if contact.id not in self.live:
            self._order = None
        self.live[contact.id] = contact
        for address in contact.addresses():
            self.by_email[address] = contact.id
        self._show_consent(contact)
        entry = Indexed(contact.id, self.values(contact), contact.created, contact.updated)
        self._pending.append((self.clock() + self.index_delay, contact.id, entry))

    def _show_consent(self, contact: Contact) -> None:
        """`hs_email_optout` follows the primary address: nothing until somebody opts out, then true or false."""
        if self.opted_out(contact.properties.get("email", "")):
            contact.properties["hs_email_optout"] = "true"
        elif contact.properties.get("hs_email_optout") == "true":
            contact.properties["hs_email_optout"] = "false"

    @staticmethod
    def _leave_secondary(contact: Contact, address: str) -> None:
        """A secondary address that becomes the primary one is no longer secondary."""
        more = contact.properties.get("hs_additional_emails", "").split(";")
        contact.properties["hs_additional_emails"] = ";".join(a for a in more if a and a.lower() != address)

    def _forget(self, contact: Contact) -> None:
        self.live.pop(contact.id, None)
        self._order = None
        self._forget_addresses(contact)
        self._pending.append((self.clock() + self.index_delay, contact.id, None))

    def _forget_addresses(self, contact: Contact) -> None:
        for address in contact.addresses():
            if self.by_email.get(address) == contact.id:
                del self.by_email[address]
