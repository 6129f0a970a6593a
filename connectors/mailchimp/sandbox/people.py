"""What persons do in Mailchimp: sign up, change their profile, leave; and what its users do in the audience's table."""

from __future__ import annotations

from collections.abc import Mapping
from threading import RLock
from typing import Any

from connectors.mailchimp.members import Shape
from connectors.mailchimp.sandbox.audience import BLOCKED, BY_PERSON, Audience, Member, hashed
from connectors.mailchimp.sandbox.merge_fields import MergeField
from hub.sdk.sandbox import Unsupported

ANY = Shape()
PERSON_IP = "198.51.100.20"


class AudiencePeople:
    """Ids are contact ids. Fields are those of a member; `merge_fields.FNAME` may be written so, or nested."""

    def __init__(self, audience: Audience, lock: RLock) -> None:
        self._audience = audience
        self._lock = lock

    def ids(self) -> list[str]:
        with self._lock:
            return list(self._audience.members)

    def find(self, email: str) -> str | None:
        with self._lock:
            member = self._audience.find(hashed(email))
            return member.contact_id if member else None

    def get(self, remote_id: str) -> dict[str, Any] | None:
        with self._lock:
            member = self._audience.find(remote_id)
            return ANY.trim(member.shown(self._audience.list_id)) if member else None

    def create(self, fields: Mapping[str, Any]) -> str:
        """Somebody signs up by the form, which also those may who left or were deleted for good. `status` says
        otherwise how a user of Mailchimp adds them."""
        with self._lock:
            given = _nested(fields)
            email = str(given.get("email_address") or "")
            if "@" not in email:
                raise ValueError("a member needs an address")
            old = self._audience.find(hashed(email))
            if old is not None and old.status != "archived":
                raise ValueError("this address is in the audience already")
            self._audience.forgotten.discard(hashed(email))
            member = old or self._audience.place(email, "transactional", source="Hosted Signup Form")
            self._set(member, given | {"status": given.get("status", "subscribed")})
            return member.contact_id

    def edit(self, remote_id: str, fields: Mapping[str, Any]) -> None:
        with self._lock:
            self._set(self._known(remote_id), _nested(fields))

    def delete(self, remote_id: str) -> None:
        """For good: the record is gone, and the API can never bring its address back."""
        with self._lock:
            self._audience.forget(self._known(remote_id))

    def archive(self, remote_id: str) -> None:
        with self._lock:
            self._audience.archive(self._known(remote_id))

    def merge(self, winner: str, loser: str) -> str:
        raise Unsupported("Mailchimp merges no members")

    def opt_out(self, remote_id: str) -> None:
        self.edit(remote_id, {"status": "unsubscribed"})

    def remove_field(self, tag: str) -> None:
        """An administrator deletes a merge field, and with it what members hold there: for good. KeyError."""
        with self._lock:
            fields = self._audience.fields
            found = next((f for f in fields if f.tag == tag), None)
            if found is None:
                raise KeyError(tag)
            fields.remove(found)
            for member in self._audience.members.values():
                member.merge.pop(tag, None)

    def add_field(self, tag: str, name: str = "", **how: Any) -> None:
        """An administrator makes a merge field: it is blank for every member, also when the tag was in use before."""
        with self._lock:
            fields = self._audience.fields
            made = MergeField(max((f.merge_id for f in fields), default=0) + 1, tag, name or tag.title(), **how)
            fields.append(made)
            for member in self._audience.members.values():
                member.merge.setdefault(tag, made.default)

    def change_field(self, tag: str, **how: Any) -> None:
        """An administrator edits a merge field, its choices say."""
        with self._lock:
            found = next((f for f in self._audience.fields if f.tag == tag), None)
            if found is None:
                raise KeyError(tag)
            for name, value in how.items():
                setattr(found, name, value)

    def _known(self, remote_id: str) -> Member:
        member = self._audience.find(remote_id)
        if member is None:
            raise KeyError(remote_id)
        return member

    def _set(self, member: Member, given: Mapping[str, Any]) -> None:
        email = given.get("email_address")
        if email is not None and hashed(str(email)) != member.hash:
            if self._audience.find(hashed(str(email))) is not None:
                raise ValueError("this address is in the audience already")
            self._audience.readdress(member, str(email))
        elif email is not None:
            member.email = str(email).strip()
        for tag, value in dict(given.get("merge_fields") or {}).items():
            held = member.merge.get(tag)
            both = isinstance(value, Mapping) and isinstance(held, Mapping)
            member.merge[tag] = {**held, **value} if both and isinstance(held, Mapping) else value
        status = given.get("status")
        if status is not None and status != member.status:
            self._own_status(member, str(status))
        self._audience.touch(member)

    def _own_status(self, member: Member, status: str) -> None:
        """A person's own word lifts what the API may not."""
        if status == "subscribed":
            member.timestamp_opt, member.ip_opt = self._audience.now(), PERSON_IP
            member.blocked = False
        if status in BLOCKED:
            member.blocked = True
        if status == "unsubscribed":
            member.unsubscribe_reason = BY_PERSON
        member.status = status


def _nested(fields: Mapping[str, Any]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for path, value in fields.items():
        *heads, last = path.split(".")
        place = nested
        for head in heads:
            place = place.setdefault(head, {})
        place[last] = dict(value) if isinstance(value, Mapping) else value
    return nested
