"""A member as the hub keeps it: which id, which parts, which address."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import md5
from typing import Any

from hub.domain.moments import normal
from hub.domain.observation import Record
from hub.sdk.streams import Complaint

ALWAYS = ("id", "contact_id", "email_address", "status", "last_changed")
"""Parts that the connector needs whatever the mapping reads."""
KEPT_REASON = ("unsubscribed", "archived")
"""Statuses under which `unsubscribe_reason` says something of today: Mailchimp may go on showing the reason after the
person came back, and hides behind `archived` that somebody had unsubscribed."""
STATUSES = ("subscribed", "unsubscribed", "cleaned", "pending", "transactional", "archived")


def hash_of(address: str) -> str:
    """Mailchimp's id of an address within an audience: the MD5 of its lower-cased form."""
    return md5(address.strip().lower().encode(), usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True)
class Shape:
    """Which top-level parts of a member are kept; every way of reading a member must give the same shape, or the same
    contents would look like news. Empty `parts`: all of them."""

    parts: tuple[str, ...] = ()

    @classmethod
    def of(cls, fields: Sequence[str]) -> Shape:
        if not fields:
            return cls()
        tops = (path.partition(".")[0] for path in fields)
        return cls(tuple(dict.fromkeys((*ALWAYS, *tops))))

    def query(self, prefix: str, *more: str) -> dict[str, str]:
        """The query that asks for these parts only: `prefix` is "members." in a listing. Trimming makes the listing
        much faster at Mailchimp's side."""
        if not self.parts:
            return {"exclude_fields": ",".join((f"{prefix}_links", *(("_links",) if prefix else ())))}
        return {"fields": ",".join((*(prefix + part for part in self.parts), *more))}

    def trim(self, member: Mapping[str, Any]) -> dict[str, Any]:
        """The parts of a member that are kept, without links, and without a reason that is history."""
        kept = {k: v for k, v in member.items() if k != "_links" and (not self.parts or k in self.parts)}
        if kept.get("status") not in KEPT_REASON:
            kept.pop("unsubscribe_reason", None)
        return kept

    def record(self, member: Mapping[str, Any]) -> Record:
        """Raises ValueError, naming the part, when a member lacks what identifies it.

        The id is `contact_id`, which stays when the address changes; the hash of the address is an alias, under which
        Mailchimp answers as well. Where an answer leaves `contact_id` out, the hash is all there is.
        """
        for part in ("id", "email_address", "status"):
            if not isinstance(member.get(part), str) or not member[part]:
                raise ValueError(part)
        changed = member.get("last_changed")
        if changed is not None and not isinstance(changed, str):
            raise ValueError("last_changed")
        try:
            modified_at = normal(changed or None)
        except ValueError as error:
            raise ValueError("last_changed") from error
        contact, digest = member.get("contact_id"), str(member["id"])
        if isinstance(contact, str) and contact:
            return Record(contact, self.trim(member), modified_at, aliases=(digest,))
        return Record(digest, self.trim(member), modified_at)


EXPECTED = {
    "id": "the hash of the address",
    "email_address": "an address",
    "status": "a status",
    "last_changed": "a time in ISO 8601",
}


def read(shape: Shape, rows: Iterable[Any]) -> tuple[tuple[Record, ...], tuple[Complaint, ...]]:
    """Rows of a page as records; a row that cannot be read becomes a complaint and costs nothing more."""
    records: list[Record] = []
    complaints: list[Complaint] = []
    for row in rows:
        if not isinstance(row, Mapping):
            complaints.append(Complaint("", f"a member is a {type(row).__name__}; expected an object"))
            continue
        try:
            records.append(shape.record(row))
        except ValueError as error:
            part = str(error)
            named = row.get("contact_id") or row.get("id")
            complaints.append(
                Complaint(
                    named if isinstance(named, str) else "", f"{part} is missing; expected {EXPECTED[part]}", part
                )
            )
    return tuple(records), tuple(complaints)
