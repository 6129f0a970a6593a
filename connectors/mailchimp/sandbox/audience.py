"""The state of an audience: who is in it, in which status, and what Mailchimp will not do any more with whom."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import md5
from typing import Any

from connectors.mailchimp.sandbox import merge_fields
from connectors.mailchimp.sandbox.merge_fields import MergeField
from connectors.mailchimp.sandbox.query import shown
from connectors.mailchimp.sandbox.replies import Refused, invalid, not_found

STATUSES = ("subscribed", "unsubscribed", "cleaned", "pending", "transactional")
BLOCKED = ("unsubscribed", "cleaned")
ADDRESS = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
FAKE = re.compile(r"(fake|asdf|noreply|no-reply|abuse|spam)@|@[^@]*\.(invalid|fake)$", re.IGNORECASE)
BY_ADMIN = "N/A (Unsubscribed by admin)"
BY_PERSON = "I no longer want to receive these emails"
MEMBER_PATH = "/3.0/lists/{}/members/{}"


def digest(text: str) -> str:
    return md5(text.encode(), usedforsecurity=False).hexdigest()


def hashed(email: str) -> str:
    return digest(email.strip().lower())


@dataclass(slots=True)
class Member:
    """`blocked`: Mailchimp's compliance state; it survives being archived, and only the person lifts it."""

    contact_id: str
    web_id: int
    email: str
    status: str
    merge: dict[str, Any]
    last_changed: datetime
    timestamp_opt: datetime | None = None
    timestamp_signup: datetime | None = None
    ip_opt: str = ""
    unsubscribe_reason: str = ""
    blocked: bool = False
    tags: dict[int, str] = field(default_factory=dict)
    interests: dict[str, bool] = field(default_factory=dict)
    language: str = ""
    vip: bool = False
    email_type: str = "html"
    source: str = "Unknown"

    @property
    def hash(self) -> str:
        return hashed(self.email)

    def shown(self, list_id: str) -> dict[str, Any]:
        body: dict[str, Any] = {
            "id": self.hash,
            "email_address": self.email,
            "unique_email_id": digest(f"unique {self.email.lower()}")[:10],
            "contact_id": self.contact_id,
            "full_name": f"{self.merge.get('FNAME', '')} {self.merge.get('LNAME', '')}".strip(),
            "web_id": self.web_id,
            "email_type": self.email_type,
            "status": self.status,
            "consents_to_one_to_one_messaging": True,
            "merge_fields": dict(self.merge),
            "interests": dict(self.interests),
            "stats": {"avg_open_rate": 0, "avg_click_rate": 0},
            "ip_signup": "",
            "timestamp_signup": shown(self.timestamp_signup),
            "ip_opt": self.ip_opt,
            "timestamp_opt": shown(self.timestamp_opt),
            "member_rating": 2,
            "last_changed": shown(self.last_changed),
            "language": self.language,
            "vip": self.vip,
            "email_client": "",
            "location": {
                "latitude": 0,
                "longitude": 0,
                "gmtoff": 0,
                "dstoff": 0,
                "country_code": "",
                "timezone": "",
                "region": "",
            },
            "source": self.source,
            "tags_count": len(self.tags),
            "tags": [{"id": number, "name": name} for number, name in sorted(self.tags.items())],
            "list_id": list_id,
            "_links": _links(list_id, self.hash),
        }
        if self.unsubscribe_reason:
            body["unsubscribe_reason"] = self.unsubscribe_reason
        return body


def _links(list_id: str, member: str) -> list[dict[str, str]]:
    path = MEMBER_PATH.format(list_id, member)
    return [
        {"rel": rel, "href": f"https://us6.api.mailchimp.com{path}", "method": method}
        for rel, method in (("self", "GET"), ("update", "PATCH"), ("upsert", "PUT"), ("delete", "DELETE"))
    ]


class Audience:
    """Members by contact id. Not thread-safe by itself: the sandbox holds one lock around every call."""

    def __init__(self, list_id: str, name: str, company: str, now: Callable[[], datetime]) -> None:
        self.list_id = list_id
        self.name = name
        self.company = company
        self.fields: list[MergeField] = merge_fields.standard()
        self.members: dict[str, Member] = {}
        self.forgotten: set[str] = set()
        self.tag_names: dict[int, str] = {}
        self.created = now()
        self.acting = "user"
        """Who does what is done now: a person (user), a user of Mailchimp (admin), or the API."""
        self.told: Callable[[Member], None] = lambda _member: None
        """Called with a member to whom something was done."""
        self._now = now
        self._by_hash: dict[str, str] = {}
        self._web_id = 1_000

    def now(self) -> datetime:
        """The clock, in whole seconds: Mailchimp knows no finer ones."""
        return self._now().replace(microsecond=0)

    # Finding

    def find(self, named: str) -> Member | None:
        """By hash, contact id or address, as the member calls take them."""
        contact = self._by_hash.get(named) or (named if named in self.members else None)
        if contact is None and "@" in named:
            contact = self._by_hash.get(hashed(named))
        return self.members.get(contact) if contact else None

    def get(self, named: str) -> Member:
        member = self.find(named)
        if member is None:
            raise not_found()
        return member

    def listed(self, status: str) -> Iterable[Member]:
        """Without a status: everybody but the archived."""
        if status:
            return (m for m in self.members.values() if m.status == status)
        return (m for m in self.members.values() if m.status != "archived")

    # Changing

    def add(self, email: str, status: str, body: Mapping[str, Any], *, lenient: bool, source: str) -> Member:
        """A new member, or one back from the archive."""
        self.check_address(email)
        if hashed(email) in self.forgotten:
            raise Refused(
                400,
                "Forgotten Email Not Subscribed",
                f"{email} was permanently deleted and cannot be re-imported. "
                "The contact must re-subscribe to get back on the list.",
            )
        self.check_status(status)
        kept = merge_fields.checked(self.fields, body.get("merge_fields"), None, skip_required=lenient)
        old = self.find(hashed(email))
        if old is not None:
            self.set_status(old, status)
            old.merge |= kept
            self._write(old, body)
            return old
        member = self.place(email, "transactional" if status == "archived" else status, source=source)
        member.merge |= kept
        if status == "subscribed":
            member.timestamp_opt, member.ip_opt = self.now(), "127.0.0.1"
        if status in BLOCKED:
            member.blocked = True
            member.unsubscribe_reason = BY_ADMIN if status == "unsubscribed" else ""
        self._write(member, body)
        return member

    def place(self, email: str, status: str, *, source: str, at: datetime | None = None) -> Member:
        """Puts a member in without asking; for the seed and for persons."""
        self._web_id += 1
        email = email.strip()
        contact = digest(f"{self.list_id} {self._web_id} {email}")
        member = Member(
            contact, self._web_id, email, status, merge_fields.blank(self.fields), at or self.now(), source=source
        )
        self.members[contact] = member
        self._by_hash[member.hash] = contact
        return member

    def change(self, member: Member, body: Mapping[str, Any], *, lenient: bool) -> Member:
        """A partial change; a new address moves the member to another hash and leaves `contact_id`."""
        kept = merge_fields.checked(self.fields, body.get("merge_fields"), member.merge, skip_required=lenient)
        email = body.get("email_address")
        if email is not None:
            self._check_move(member, email)
        status = body.get("status")
        if status is not None:
            self.check_status(status)
            self.set_status(member, status)
        member.merge |= kept
        if email is not None:
            self.readdress(member, email)
        self._write(member, body)
        return member

    def readdress(self, member: Member, email: str) -> None:
        del self._by_hash[member.hash]
        member.email = email.strip()
        self._by_hash[member.hash] = member.contact_id

    def archive(self, member: Member) -> None:
        if member.status == "archived":
            raise Refused(405, "Method Not Allowed", "This list member cannot be removed.  Please contact support.")
        member.status = "archived"
        self.touch(member)

    def forget(self, member: Member) -> None:
        del self.members[member.contact_id]
        del self._by_hash[member.hash]
        self.forgotten.add(member.hash)
        self.told(member)

    def set_status(self, member: Member, status: str) -> None:
        """What the API may do. Nobody who left, bounced or was blocked is subscribed again by it."""
        if status == "subscribed" and (member.blocked or member.status in BLOCKED):
            raise Refused(
                400,
                "Member In Compliance State",
                f"{member.email} is in a compliance state due to unsubscribe, bounce, or compliance review "
                "and cannot be subscribed.",
            )
        if status == "subscribed" and member.status != "subscribed":
            member.timestamp_opt, member.ip_opt = self.now(), "127.0.0.1"
        if status == "unsubscribed" and member.status != "unsubscribed":
            member.unsubscribe_reason = BY_ADMIN
        if status in BLOCKED:
            member.blocked = True
        member.status = status

    def touch(self, member: Member) -> None:
        member.last_changed = self.now()
        self.told(member)

    def _write(self, member: Member, body: Mapping[str, Any]) -> None:
        """The plain parts of a body. Every write moves `last_changed`, also one that changes nothing."""
        if isinstance(body.get("interests"), Mapping):
            member.interests |= {str(k): bool(v) for k, v in body["interests"].items()}
        member.language = str(body.get("language", member.language))
        member.vip = bool(body.get("vip", member.vip))
        member.email_type = str(body.get("email_type", member.email_type))
        for name in ("timestamp_opt", "timestamp_signup"):
            if body.get(name):
                setattr(member, name, _moment(name, body[name]))
        member.ip_opt = str(body.get("ip_opt", member.ip_opt))
        self.touch(member)

    # Checking

    def check_address(self, email: Any) -> None:
        if not isinstance(email, str):
            raise invalid([("email_address", "Schema describes string, something else found instead")])
        if not ADDRESS.fullmatch(email.strip()):
            raise invalid(detail="Please provide a valid email address.")
        if FAKE.search(email):
            raise invalid(detail=f"{email} looks fake or invalid, please enter a real email address.")

    def check_status(self, status: Any) -> None:
        if status not in STATUSES:
            raise invalid([("status", f"Value must be one of: {', '.join(STATUSES)}")])

    def _check_move(self, member: Member, email: Any) -> None:
        self.check_address(email)
        other = self.find(hashed(email))
        if other is not None and other is not member:
            raise exists(email)


def _moment(name: str, text: Any) -> datetime:
    try:
        return datetime.fromisoformat(str(text))
    except ValueError:
        raise invalid([(name, "This value is not a valid datetime.")]) from None


def exists(email: str) -> Refused:
    return Refused(
        400,
        "Member Exists",
        f"{email} is already a list member. Use PUT to insert or update list members.",
        code="ERROR_CONTACT_EXISTS",
    )
