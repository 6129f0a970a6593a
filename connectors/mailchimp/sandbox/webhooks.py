"""The audience's webhooks: made and listed by the API, told one event a request, signed when they were made so.

Mailchimp asks a new address by GET whether somebody is there. The secret that signs is in the answer that makes the
webhook, and never again. Events of sources that the webhook doesn't ask for (people, users of Mailchimp, the API) are
not told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from connectors.mailchimp.sandbox.audience import Audience, Member, digest
from connectors.mailchimp.sandbox.query import Call
from connectors.mailchimp.sandbox.replies import NOTHING, Reply, invalid, not_found
from connectors.mailchimp.webhooks import proof
from hub.sdk.courier import Courier, Letter, ask

EVENTS = ("subscribe", "unsubscribe", "profile", "cleaned", "upemail", "campaign")
SOURCES = ("user", "admin", "api")
WEBHOOKS_MAX = 20


@dataclass(slots=True)
class Webhook:
    id: str
    url: str
    events: dict[str, bool]
    sources: dict[str, bool]
    secret: str = field(repr=False)
    """"" for one that is not signed."""

    def shown(self, list_id: str) -> dict[str, Any]:
        return {
            "id": self.id,
            "url": self.url,
            "events": dict(self.events),
            "sources": dict(self.sources),
            "signing_enabled": bool(self.secret),
            "list_id": list_id,
            "_links": [],
        }


@dataclass(frozen=True, slots=True)
class _Seen:
    """A member as it was last told of."""

    email: str
    status: str
    merge: str


class Webhooks:
    """Compares members with how they were last seen; the audience says when to look."""

    def __init__(self, audience: Audience, clock: Callable[[], datetime]) -> None:
        self.courier = Courier()
        self._audience = audience
        self._clock = clock
        self._webhooks: dict[str, Webhook] = {}
        self._seen: dict[str, _Seen] = {}

    # Calls

    def listing(self, call: Call) -> Reply:
        rows = [w.shown(self._audience.list_id) for w in self._webhooks.values()]
        body = {"webhooks": rows, "list_id": self._audience.list_id, "total_items": len(rows), "_links": []}
        return Reply(body=body)

    def add(self, call: Call) -> Reply:
        body = call.object()
        url = body.get("url")
        if not isinstance(url, str) or not url.startswith(("http://", "https://")):
            raise invalid([("url", "Please enter a valid URL.")])
        if len(self._webhooks) >= WEBHOOKS_MAX or any(w.url == url for w in self._webhooks.values()):
            raise invalid(detail="Sorry, you can't set up multiple WebHooks for one URL")
        if ask("GET", url) != 200:
            raise invalid([("url", "We couldn't verify this URL: it must answer a GET with 200.")])
        made = self.make(url, _chosen(body, "events", EVENTS), _chosen(body, "sources", SOURCES))
        return Reply(body={**made.shown(self._audience.list_id), "signing_secret": made.secret})

    def get(self, call: Call) -> Reply:
        return Reply(body=self._named(call).shown(self._audience.list_id))

    def change(self, call: Call) -> Reply:
        webhook, body = self._named(call), call.object()
        webhook.events |= {n: bool(v) for n, v in dict(body.get("events") or {}).items() if n in EVENTS}
        webhook.sources |= {n: bool(v) for n, v in dict(body.get("sources") or {}).items() if n in SOURCES}
        return Reply(body=webhook.shown(self._audience.list_id))

    def drop(self, call: Call) -> Reply:
        del self._webhooks[self._named(call).id]
        return NOTHING

    def _named(self, call: Call) -> Webhook:
        found = self._webhooks.get(call.ids["webhook_id"])
        if found is None:
            raise not_found()
        return found

    def make(
        self, url: str, events: Mapping[str, bool], sources: Mapping[str, bool], *, signed: bool = True
    ) -> Webhook:
        """A webhook without asking its address."""
        if not self._webhooks:
            self._seen = {m.contact_id: _seen(m) for m in self._audience.members.values()}
        number = digest(f"webhook {self._audience.list_id} {url}")[:10]
        secret = digest(f"signing {number}") if signed else ""
        made = Webhook(number, url, dict(events), dict(sources), secret)
        self._webhooks[number] = made
        return made

    # Telling

    def look(self, member: Member) -> None:
        """Something was done to a member; whatever shows is told."""
        if not self._webhooks:
            return
        old, now = self._seen.get(member.contact_id), _seen(member)
        if member.contact_id not in self._audience.members:
            self._seen.pop(member.contact_id, None)
            self._tell("unsubscribe", member, {"action": "delete", "reason": "manual"})
            return
        self._seen[member.contact_id] = now
        if old is None:
            if now.status == "subscribed":
                self._tell("subscribe", member, {})
            return
        if old.email != now.email:
            ids = {"old_email": old.email, "new_email": now.email, "new_id": member.shown("")["unique_email_id"]}
            self._tell("upemail", member, ids)
        if old.merge != now.merge:
            self._tell("profile", member, {})
        if old.status != now.status:
            self._status(member, now.status)

    def _status(self, member: Member, status: str) -> None:
        match status:
            case "subscribed":
                self._tell("subscribe", member, {})
            case "unsubscribed":
                self._tell("unsubscribe", member, {"action": "unsub", "reason": "manual"})
            case "archived":
                self._tell("unsubscribe", member, {"action": "delete", "reason": "manual"})
            case "cleaned":
                self._tell("cleaned", member, {"reason": "hard"})

    def _tell(self, kind: str, member: Member, more: Mapping[str, str]) -> None:
        body = urlencode(_form(kind, self._clock(), member, self._audience.list_id, more)).encode()
        for webhook in self._webhooks.values():
            if webhook.events[kind] and webhook.sources[self._audience.acting]:
                self.courier.send(lambda _attempt, webhook=webhook: self._letter(webhook, body))  # type: ignore[misc]

    def _letter(self, webhook: Webhook, body: bytes) -> Letter:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        if webhook.secret:
            stamp = str(int(self._clock().timestamp()))
            headers["X-Mailchimp-Signature"] = f"t={stamp},v1={proof(webhook.secret, stamp, body)}"
        return Letter(webhook.url, headers, body)


def _chosen(body: Mapping[str, Any], name: str, known: tuple[str, ...]) -> dict[str, bool]:
    given = body.get(name)
    if given is not None and not isinstance(given, Mapping):
        raise invalid([(name, "Schema describes object, something else found instead")])
    return {one: bool((given or {}).get(one, given is None)) for one in known}


def _seen(member: Member) -> _Seen:
    return _Seen(member.email, member.status, repr(sorted(member.merge.items(), key=lambda item: item[0])))


def _form(kind: str, at: datetime, member: Member, list_id: str, more: Mapping[str, str]) -> dict[str, str]:
    """`fired_at` is UTC, and doesn't say so."""
    form = {"type": kind, "fired_at": at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S"), "data[list_id]": list_id}
    if kind != "upemail":
        form |= {
            "data[id]": str(member.shown("")["unique_email_id"]),
            "data[email]": member.email,
            "data[email_type]": member.email_type,
            "data[ip_opt]": member.ip_opt,
            "data[web_id]": str(member.web_id),
            "data[merges][EMAIL]": member.email,
        }
        for tag, value in member.merge.items():
            parts = value.items() if isinstance(value, Mapping) else (("", value),)
            form |= {f"data[merges][{tag}]" + (f"[{part}]" if part else ""): str(held) for part, held in parts}
    return form | {f"data[{name}]": value for name, value in more.items()}
