"""Reading campaigns and what became of them.

Campaigns have no updated-since filter, so an incremental walk reads again those made or sent lately. Reports are
cumulative and go on changing for weeks; the hub keeps them as one fact on the day of the mailing, restated at every
walk while the mailing is young.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from connectors.mailchimp.listing import Listing, earlier, listing, stamp
from connectors.mailchimp.settings import Settings
from hub.domain.moments import iso, normal, parse
from hub.domain.observation import Record
from hub.sdk.http import ContractBroken, Request, Response, get
from hub.sdk.streams import Complaint, Cursor, FieldInfo, Page, Position

RESTARTS = 25
DAY = timedelta(days=1)

CAMPAIGN_PARTS = (
    *("id", "web_id", "type", "create_time", "send_time", "status", "emails_sent", "content_type"),
    *("parent_campaign_id", "recipients", "settings", "tracking", "archive_url"),
)
"""Without `report_summary` and `delivery_status`: they move with every opened mail, and are no news of the campaign."""
REPORT_PARTS = (
    *("id", "campaign_title", "type", "list_id", "subject_line", "emails_sent", "abuse_reports", "unsubscribed"),
    *("send_time", "bounces", "forwards", "opens", "clicks", "ecommerce", "list_name"),
)


def _kept(parts: Sequence[str], fields: Sequence[str]) -> tuple[str, ...]:
    tops = (path.partition(".")[0] for path in fields)
    return tuple(dict.fromkeys((*parts, *(t for t in tops if t != "send_day"))))


def _shown(row: Mapping[str, Any], parts: Sequence[str]) -> dict[str, Any]:
    return {part: row[part] for part in parts if part in row}


def _offset(position: Position, shown: Listing) -> Position | None:
    """The next position of a frozen window paged by offset: begun again when its count moved (a campaign was deleted
    meanwhile: the rows behind it moved up), None at its end."""
    before = position["total"]
    if before is not None and shown.total != before:
        if position["restarts"] >= RESTARTS:
            raise ContractBroken(f"a frozen window kept changing its count: {shown.total}, before {before}")
        return position | {"offset": 0, "total": shown.total, "restarts": position["restarts"] + 1}
    reached = position["offset"] + len(shown.rows)
    if shown.rows and reached < shown.total:
        return position | {"offset": reached, "total": shown.total}
    if reached < shown.total:
        raise ContractBroken(f"a listing counts {shown.total} rows and shows none at {reached}")
    return None


@dataclass(slots=True)
class Campaigns:
    """The campaigns sent, or to be sent, to the audience. A position is `{"full": bool, "window": 0 or 1, "until":
    stamp, "offset": n, "total": n or None, "restarts": n, "since": stamp or ""}`."""

    settings: Settings
    paths: tuple[str, ...] = ()
    name: str = "campaigns"
    entity: str = "campaign"
    sees_deletes: bool = False

    def start(self, cursor: Cursor | None, until: datetime) -> Position:
        end = stamp(until.astimezone(UTC))
        since = earlier(cursor.at, self.settings.campaign_days * DAY) if cursor else ""
        return _window({"full": cursor is None, "until": end, "since": since}, 0)

    def request(self, position: Position) -> Request:
        field = WINDOWS[position["window"]]
        query = {
            "count": str(self.settings.page_size),
            "offset": str(position["offset"]),
            "list_id": self.settings.audience_id,
            "sort_field": field,
            "sort_dir": "ASC",
        }
        if position["since"]:
            query[f"since_{field}"] = position["since"]
        if field == "create_time":
            query["before_create_time"] = earlier(position["until"], -timedelta(seconds=1))
        parts = (f"campaigns.{part}" for part in _kept(CAMPAIGN_PARTS, self.paths))
        return get("/3.0/campaigns", query | {"fields": ",".join((*parts, "total_items"))})

    def page(self, position: Position, response: Response) -> Page:
        shown = listing(response, "campaigns")
        parts = _kept(CAMPAIGN_PARTS, self.paths)
        records, complaints = [], []
        for row in shown.rows:
            identity = row.get("id") if isinstance(row, Mapping) else None
            if isinstance(identity, str) and identity:
                records.append(Record(identity, _shown(row, parts)))
            else:
                complaints.append(Complaint("", "a campaign has no id", "id"))
        following = _offset(position, shown)
        if following is None and not position["full"] and position["window"] == 0:
            following = _window(position, 1)
        if following is not None:
            return Page(tuple(records), following, complaints=tuple(complaints), total=shown.total)
        cursor = Cursor(iso(parse(position["until"])))
        return Page(
            tuple(records),
            cursor=cursor,
            complete=position["full"],
            complaints=tuple(complaints),
            total=shown.total,
        )

    def describe(self) -> Request | None:
        return None

    def fields(self, response: Response | None) -> Sequence[FieldInfo]:
        return CAMPAIGN_FIELDS


WINDOWS = ("create_time", "send_time")
"""An incremental walk has two windows: an old draft that was sent lately is in the second one alone. That one has no
end, for what is scheduled lies in the future."""


def _window(position: Position, number: int) -> Position:
    return position | {"window": number, "offset": 0, "total": None, "restarts": 0}


@dataclass(slots=True)
class Reports:
    """What came of each mailing to the audience, one record per campaign, with `send_day` added: the day of the
    mailing in the account's time zone. A position is `{"full": bool, "since": stamp or "", "until": stamp, "offset": n,
    "total": n or None, "restarts": n}`."""

    settings: Settings
    paths: tuple[str, ...] = ()
    name: str = "reports"
    entity: str = "fact"
    sees_deletes: bool = False

    def start(self, cursor: Cursor | None, until: datetime) -> Position:
        since = earlier(cursor.at, self.settings.report_days * DAY) if cursor else ""
        end = stamp(until.astimezone(UTC))
        return {"full": cursor is None, "since": since, "until": end, "offset": 0, "total": None, "restarts": 0}

    def request(self, position: Position) -> Request:
        query = {"count": str(self.settings.page_size), "offset": str(position["offset"])}
        if position["since"]:
            query["since_send_time"] = position["since"]
        query["before_send_time"] = earlier(position["until"], -timedelta(seconds=1))
        parts = (f"reports.{part}" for part in _kept(REPORT_PARTS, self.paths))
        return get("/3.0/reports", query | {"fields": ",".join((*parts, "total_items"))})

    def page(self, position: Position, response: Response) -> Page:
        """Reports of other audiences of the account are passed over: the listing cannot be filtered by audience."""
        shown = listing(response, "reports")
        records, complaints = [], []
        for row in shown.rows:
            if isinstance(row, Mapping) and row.get("list_id") not in (None, self.settings.audience_id):
                continue
            try:
                records.append(self._record(row))
            except ValueError as error:
                named = row.get("id") if isinstance(row, Mapping) else None
                complaints.append(Complaint(str(named or ""), f"a report has no readable {error}", str(error)))
        following = _offset(position, shown)
        if following is not None:
            return Page(tuple(records), following, complaints=tuple(complaints), total=shown.total)
        cursor = Cursor(iso(parse(position["until"])))
        return Page(
            tuple(records),
            cursor=cursor,
            complete=position["full"],
            complaints=tuple(complaints),
            total=shown.total,
        )

    def _record(self, row: Any) -> Record:
        if not isinstance(row, Mapping) or not isinstance(row.get("id"), str) or not row["id"]:
            raise ValueError("id")
        sent = row.get("send_time")
        try:
            sent_at = normal(sent if isinstance(sent, str) and sent else None)
        except ValueError as error:
            raise ValueError("send_time") from error
        if sent_at is None:
            raise ValueError("send_time")
        day = parse(sent_at).astimezone(ZoneInfo(self.settings.time_zone)).date().isoformat()
        return Record(row["id"], _shown(row, _kept(REPORT_PARTS, self.paths)) | {"send_day": day})

    def describe(self) -> Request | None:
        return None

    def fields(self, response: Response | None) -> Sequence[FieldInfo]:
        return REPORT_FIELDS


def _fixed(*named: tuple[str, str, str]) -> tuple[FieldInfo, ...]:
    return tuple(FieldInfo(path, title, kind, creatable=False, updatable=False) for path, title, kind in named)


CAMPAIGN_FIELDS = _fixed(
    ("id", "Campaign ID", "text"),
    ("settings.title", "Title", "text"),
    ("settings.subject_line", "Subject", "text"),
    ("type", "Type", "dropdown"),
    ("status", "Status", "dropdown"),
    ("create_time", "Made", "datetime"),
    ("send_time", "Sent", "datetime"),
    ("emails_sent", "Mails sent", "number"),
    ("recipients.list_id", "Audience", "text"),
    ("tracking.google_analytics", "Google Analytics name (utm_campaign)", "text"),
)
REPORT_FIELDS = _fixed(
    ("id", "Campaign ID", "text"),
    ("send_day", "Day of the mailing in the account's time zone", "date"),
    ("send_time", "Sent", "datetime"),
    ("emails_sent", "Mails sent", "number"),
    ("opens.unique_opens", "Unique opens", "number"),
    ("opens.opens_total", "Opens", "number"),
    ("clicks.unique_subscriber_clicks", "People who clicked", "number"),
    ("clicks.unique_clicks", "Unique clicks", "number"),
    ("clicks.clicks_total", "Clicks", "number"),
    ("unsubscribed", "Unsubscribed", "number"),
    ("bounces.hard_bounces", "Hard bounces", "number"),
    ("ecommerce.total_orders", "Orders", "number"),
    ("ecommerce.total_revenue", "Revenue", "number"),
    ("ecommerce.currency_code", "Currency", "text"),
)
