"""Campaigns and their reports. A report's numbers grow with the clock for thirty days after the mailing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import exp
from typing import Any

from connectors.mailchimp.sandbox.audience import Audience, Member, digest
from connectors.mailchimp.sandbox.query import Call, page, shown, trimmed
from connectors.mailchimp.sandbox.replies import NOTHING, Refused, Reply, invalid, not_found

TYPES = ("regular", "plaintext", "absplit", "rss", "variate")
STATUSES = ("save", "paused", "schedule", "sending", "sent", "canceled", "canceling", "archived")
GROWS = timedelta(days=30)


@dataclass(slots=True)
class Mailing:
    id: str
    web_id: int
    title: str
    subject: str
    status: str
    list_id: str
    created: datetime
    sent: datetime | None = None
    emails: int = 0
    analytics: str = ""
    type: str = "regular"
    from_name: str = ""
    reply_to: str = ""
    recipients: list[str] = field(default_factory=list)

    def shown(self, audience: Audience) -> dict[str, Any]:
        return {
            "id": self.id,
            "web_id": self.web_id,
            "type": self.type,
            "create_time": shown(self.created),
            "archive_url": f"https://mailchi.mp/{self.id}",
            "long_archive_url": f"https://mailchi.mp/long/{self.id}",
            "status": self.status,
            "emails_sent": self.emails,
            "send_time": shown(self.sent),
            "content_type": "template",
            "needs_block_refresh": False,
            "resendable": self.status == "sent",
            "recipients": {
                "list_id": self.list_id,
                "list_is_active": True,
                "list_name": audience.name,
                "segment_text": "",
                "recipient_count": self.emails,
            },
            "settings": {
                "subject_line": self.subject,
                "preview_text": "",
                "title": self.title,
                "from_name": self.from_name,
                "reply_to": self.reply_to,
                "use_conversation": False,
                "to_name": "",
                "folder_id": "",
                "authenticate": True,
                "auto_footer": False,
                "inline_css": False,
                "auto_tweet": False,
                "fb_comments": False,
                "timewarp": False,
                "template_id": 0,
                "drag_and_drop": True,
            },
            "tracking": {
                "opens": True,
                "html_clicks": True,
                "text_clicks": False,
                "goal_tracking": False,
                "ecomm360": False,
                "google_analytics": self.analytics,
                "clicktale": "",
            },
            "delivery_status": {"enabled": False},
            "_links": [],
        }

    def report(self, audience: Audience, now: datetime) -> dict[str, Any]:
        """Cumulative and still growing: three quarters of what will ever come is there after about three days."""
        grown = self._grown(now)
        opened, clicked = int(self.emails * self._share("opens", 0.18, 0.45) * grown), 0
        clicked = int(opened * self._share("clicks", 0.08, 0.25) * grown)
        left = int(self.emails * self._share("left", 0.002, 0.012) * grown)
        return {
            "id": self.id,
            "campaign_title": self.title,
            "type": self.type,
            "list_id": self.list_id,
            "list_is_active": True,
            "list_name": audience.name,
            "subject_line": self.subject,
            "preview_text": "",
            "emails_sent": self.emails,
            "abuse_reports": 0,
            "unsubscribed": left,
            "send_time": shown(self.sent),
            "bounces": {"hard_bounces": int(self.emails * 0.004), "soft_bounces": 0, "syntax_errors": 0},
            "forwards": {"forwards_count": 0, "forwards_opens": 0},
            "opens": {
                "opens_total": opened + opened // 3,
                "unique_opens": opened,
                "open_rate": round(opened / self.emails, 6) if self.emails else 0,
                "last_open": shown(now) if opened else "",
            },
            "clicks": {
                "clicks_total": clicked + clicked // 4,
                "unique_clicks": clicked + clicked // 8,
                "unique_subscriber_clicks": clicked,
                "click_rate": round(clicked / self.emails, 6) if self.emails else 0,
                "last_click": shown(now) if clicked else "",
            },
            "ecommerce": {"total_orders": 0, "total_spent": 0, "total_revenue": 0, "currency_code": "USD"},
            "delivery_status": {"enabled": False},
            "_links": [],
        }

    def _grown(self, now: datetime) -> float:
        age = min(now - self.sent, GROWS) if self.sent and now > self.sent else timedelta()
        return 1 - exp(-age / timedelta(days=2.2)) if age < GROWS else 1.0

    def _share(self, name: str, least: float, most: float) -> float:
        """A share that this mailing has for good."""
        return least + (most - least) * int(digest(f"{self.id} {name}")[:8], 16) / 0xFFFFFFFF


class Mailings:
    """The campaigns of the account, oldest first."""

    def __init__(self, audience: Audience) -> None:
        self.audience = audience
        self.rows: dict[str, Mailing] = {}

    def add(self, mailing: Mailing) -> Mailing:
        self.rows[mailing.id] = mailing
        return mailing

    def get(self, call: Call) -> Mailing:
        mailing = self.rows.get(call.ids["campaign_id"])
        if mailing is None:
            raise not_found()
        return mailing

    def send(self, mailing: Mailing) -> None:
        to = [m for m in self.audience.members.values() if m.status == "subscribed"]
        mailing.status, mailing.sent = "sent", self.audience.now()
        mailing.emails, mailing.recipients = len(to), [m.contact_id for m in to]

    def reached(self, mailing: Mailing) -> list[Member]:
        return [self.audience.members[c] for c in mailing.recipients if c in self.audience.members]


def listing(mailings: Mailings, call: Call) -> Reply:
    sort = call.choice("sort_field", ("create_time", "send_time"))
    order = call.choice("sort_dir", ("ASC", "DESC"))
    status, kind = call.choice("status", STATUSES), call.choice("type", TYPES)
    rows = [m for m in mailings.rows.values() if _matches(m, call, ("create_time", "send_time"))]
    rows = [m for m in rows if (not status or m.status == status) and (not kind or m.type == kind)]
    if call.query.get("list_id"):
        rows = [m for m in rows if m.list_id == call.query["list_id"]]
    rows.sort(key=lambda m: (shown(m.created if sort != "send_time" else m.sent), m.web_id))
    if order == "DESC" or not sort:
        rows.reverse()
    body = {
        "campaigns": [m.shown(mailings.audience) for m in page(call, rows)],
        "total_items": len(rows),
        "_links": [],
    }
    return Reply(body=trimmed(call, body))


def _matches(mailing: Mailing, call: Call, times: tuple[str, ...]) -> bool:
    values = {"create_time": mailing.created, "send_time": mailing.sent}
    for name in times:
        since, before = call.moment(f"since_{name}"), call.moment(f"before_{name}")
        value = values[name]
        if since is not None and (value is None or value <= since):
            return False
        if before is not None and (value is None or value >= before):
            return False
    return True


def get(mailings: Mailings, call: Call) -> Reply:
    return Reply(body=trimmed(call, mailings.get(call).shown(mailings.audience)))


def add(mailings: Mailings, call: Call) -> Reply:
    body = call.object()
    if body.get("type") not in TYPES:
        raise invalid([("type", f"Value must be one of: {', '.join(TYPES)}")])
    number = len(mailings.rows) + 1
    mailing = Mailing(
        digest(f"campaign {number} {mailings.audience.now()}")[:10],
        9_000 + number,
        "",
        "",
        "save",
        mailings.audience.list_id,
        mailings.audience.now(),
        type=str(body["type"]),
    )
    _settings(mailing, body)
    return Reply(body=mailings.add(mailing).shown(mailings.audience))


def _settings(mailing: Mailing, body: Mapping[str, Any]) -> None:
    given, tracking = body.get("settings"), body.get("tracking")
    if isinstance(given, Mapping):
        mailing.title = str(given.get("title", mailing.title))
        mailing.subject = str(given.get("subject_line", mailing.subject))
        mailing.from_name = str(given.get("from_name", mailing.from_name))
        mailing.reply_to = str(given.get("reply_to", mailing.reply_to))
    if isinstance(tracking, Mapping):
        mailing.analytics = str(tracking.get("google_analytics", mailing.analytics))


def change(mailings: Mailings, call: Call) -> Reply:
    mailing = mailings.get(call)
    if mailing.status in ("sent", "sending"):
        raise Refused(400, "Bad Request", "Your Campaign is not in a valid state to be edited.")
    _settings(mailing, call.object())
    return Reply(body=mailing.shown(mailings.audience))


def delete(mailings: Mailings, call: Call) -> Reply:
    del mailings.rows[mailings.get(call).id]
    return NOTHING


def send(mailings: Mailings, call: Call) -> Reply:
    mailing = mailings.get(call)
    if mailing.status not in ("save", "schedule", "paused"):
        raise Refused(400, "Bad Request", "Your Campaign is not ready to send.")
    mailings.send(mailing)
    return NOTHING


# Reports


def reports(mailings: Mailings, call: Call) -> Reply:
    kind, now = call.choice("type", TYPES), mailings.audience.now()
    rows = [m for m in mailings.rows.values() if m.status == "sent" and _matches(m, call, ("send_time",))]
    rows = [m for m in rows if not kind or m.type == kind]
    rows.sort(key=lambda m: (shown(m.sent), m.web_id), reverse=True)
    body = {
        "reports": [m.report(mailings.audience, now) for m in page(call, rows)],
        "total_items": len(rows),
        "_links": [],
    }
    return Reply(body=trimmed(call, body))


def _sent(mailings: Mailings, call: Call) -> Mailing:
    mailing = mailings.get(call)
    if mailing.status != "sent":
        raise not_found()
    return mailing


def report(mailings: Mailings, call: Call) -> Reply:
    mailing = _sent(mailings, call)
    return Reply(body=trimmed(call, mailing.report(mailings.audience, mailings.audience.now())))


def sent_to(mailings: Mailings, call: Call) -> Reply:
    mailing = _sent(mailings, call)
    rows = [_recipient(mailing, m) | {"status": "sent", "open_count": 0} for m in mailings.reached(mailing)]
    return _people(call, mailing, "sent_to", rows)


def unsubscribed(mailings: Mailings, call: Call) -> Reply:
    mailing = _sent(mailings, call)
    rows = [
        _recipient(mailing, m) | {"timestamp": shown(m.last_changed), "reason": m.unsubscribe_reason}
        for m in mailings.reached(mailing)
        if m.status == "unsubscribed"
    ]
    return _people(call, mailing, "unsubscribes", rows)


def _recipient(mailing: Mailing, member: Member) -> dict[str, Any]:
    return {
        "email_id": member.hash,
        "email_address": member.email,
        "merge_fields": dict(member.merge),
        "vip": member.vip,
        "campaign_id": mailing.id,
        "list_id": mailing.list_id,
        "list_is_active": True,
    }


def _people(call: Call, mailing: Mailing, name: str, rows: list[dict[str, Any]]) -> Reply:
    body = {name: list(page(call, rows)), "campaign_id": mailing.id, "total_items": len(rows), "_links": []}
    return Reply(body=trimmed(call, body))
