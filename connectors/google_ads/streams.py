"""The two collections that Google Ads shows: campaigns, and what each did on each day.

Both walks begin by asking who the account is: a manager account answers every campaign query with nothing, which must
not be read as "all campaigns are gone"; and the account's time zone says which day it is there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from connectors.google_ads import queries
from connectors.google_ads.faults import WrongAccount
from connectors.google_ads.settings import Settings
from connectors.google_ads.utm import utm
from hub.domain.moments import iso, parse
from hub.domain.observation import Record
from hub.sdk.http import ContractBroken, Request, Response
from hub.sdk.streams import Complaint, Cursor, FieldInfo, Page, Position, Stream

WHOLE_METRICS = {"impressions", "clicks", "interactions", "engagements", "videoViews", "viewThroughConversions"}


def rows(response: Response) -> list[dict[str, Any]]:
    """The rows of all batches of a searchStream answer; an empty result is `[]` or one batch without `results`."""
    body = response.json()
    if not isinstance(body, list):
        raise ContractBroken("expected an array of batches from searchStream, got another JSON value")
    found: list[dict[str, Any]] = []
    for batch in body:
        results = batch.get("results", []) if isinstance(batch, dict) else None
        if not isinstance(results, list) or not all(isinstance(row, dict) for row in results):
            raise ContractBroken("expected batches of the form {results: [rows]} from searchStream")
        found.extend(results)
    return found


def customer(response: Response) -> Mapping[str, Any]:
    """The account itself, from the answer to `queries.account`."""
    found = rows(response)
    who = found[0].get("customer") if found else None
    if not isinstance(who, dict) or not who.get("id"):
        raise ContractBroken("expected one row that describes the account, got none")
    return who


def readable(response: Response) -> Mapping[str, Any]:
    """The account, when it is one that has campaigns of its own."""
    who = customer(response)
    if who.get("manager"):
        raise WrongAccount(
            "this is a manager account, which has no campaigns of its own: set customer_id to a client account and "
            "login_customer_id to the manager"
        )
    return who


def zone(name: object) -> ZoneInfo:
    try:
        return ZoneInfo(str(name))
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ContractBroken(f"the account's time zone {str(name)[:40]!r} is not one that this system knows") from error


def campaign_id(row: Mapping[str, Any]) -> int:
    """The id, an int64 that travels as text."""
    said = queries.dig(row, "campaign.id")
    if isinstance(said, int) or (isinstance(said, str) and said.isascii() and said.isdigit()):
        return int(said)
    raise ContractBroken("expected campaign.id, a number as text, in every row")


NO_ANSWER = frozenset({"UNSPECIFIED", "UNKNOWN"})
"""Values that every enum of the protocol lists beside those that a campaign can have."""


def describe(response: Response | None, fixed: Sequence[str], heads: tuple[str, ...]) -> Sequence[FieldInfo]:
    """Fields as googleAdsFields:search lists them, with the fixed ones of other resources. None can be written."""
    listed = {path: FieldInfo(path, path, "", creatable=False, updatable=False) for path in fixed}
    results = response.json().get("results", []) if response is not None else []
    for item in results:
        name = str(item.get("name") or "")
        if item.get("selectable") and not item.get("isRepeated") and name.startswith(heads):
            path = queries.json_path(name)
            kind = str(item.get("dataType") or "").lower()
            choices = tuple(c for c in item.get("enumValues") or () if c not in NO_ANSWER)
            listed[path] = FieldInfo(path, name, kind, creatable=False, updatable=False, choices=choices)
    return tuple(listed.values())


@dataclass(slots=True)
class Campaigns:
    """Every campaign, each cycle: campaigns carry no time of change, and a full list costs one operation per 10,000.
    A removed campaign stays in the list with status REMOVED."""

    settings: Settings
    paths: tuple[str, ...]
    name: str = "campaigns"
    entity: str = "campaign"
    sees_deletes: bool = False

    def start(self, cursor: Cursor | None, until: datetime) -> Position:
        return {"stage": "account", "until": iso(until)}

    def request(self, position: Position) -> Request:
        if position["stage"] == "account":
            return queries.account(self.settings)
        return queries.campaigns(self.settings, self.paths, position["after"])

    def page(self, position: Position, response: Response) -> Page:
        if position["stage"] == "account":
            readable(response)
            return Page(next={"stage": "list", "until": position["until"], "after": 0}, whole=True)
        found = rows(response)
        records: list[Record] = []
        after = position["after"]
        for row in found:
            number = campaign_id(row)
            if number <= after:
                raise ContractBroken("expected campaigns in the order of their ids, each once")
            after = number
            records.append(Record(str(number), self._raw(row)))
        if len(found) >= self.settings.page_rows:
            return Page(tuple(records), next={"stage": "list", "until": position["until"], "after": after})
        return Page(tuple(records), cursor=Cursor(position["until"]), complete=True)

    def _raw(self, row: dict[str, Any]) -> dict[str, Any]:
        """Proto3 JSON leaves out what is unset: a selected field that is absent is null (an end date that was taken
        off must not linger)."""
        for path in self.paths:
            if queries.dig(row, path) is None:
                queries.plant(row, path, None)
        row["utm"] = utm(row["campaign"])
        return _without_names(row)

    def describe(self) -> Request | None:
        return queries.field_list(self.settings, "campaign")

    def fields(self, response: Response | None) -> Sequence[FieldInfo]:
        return describe(response, (*queries.CAMPAIGN_FIELDS, *queries.DERIVED), ("campaign.", "campaign_budget."))


@dataclass(slots=True)
class Daily:
    """What each campaign did on each day of the account. Google restates days for weeks (conversions arrive late), so
    each walk reads the last `restate_days` again; a record is the campaign and the day, so it overwrites. Days without
    any activity have no row."""

    settings: Settings
    paths: tuple[str, ...]
    name: str = "daily"
    entity: str = "fact"
    sees_deletes: bool = False

    def start(self, cursor: Cursor | None, until: datetime) -> Position:
        return {"stage": "account", "since": None if cursor is None else cursor.at, "until": iso(until)}

    def request(self, position: Position) -> Request:
        if position["stage"] == "account":
            return queries.account(self.settings)
        return queries.daily(self.settings, self.paths, position["first"], position["last"], position["after"])

    def page(self, position: Position, response: Response) -> Page:
        if position["stage"] == "account":
            return self._window(position, readable(response))
        found = rows(response)
        records, complaints = self._records(found, position)
        if len(found) >= self.settings.page_rows:
            return self._cut(position, campaign_id(found[-1]), records, complaints)
        next_first = date.fromisoformat(position["last"]) + timedelta(days=1)
        if next_first > date.fromisoformat(position["end"]):
            return Page(tuple(records), cursor=Cursor(position["until"]), complaints=tuple(complaints))
        return Page(
            tuple(records), next=self._span(next_first, position["end"], position), complaints=tuple(complaints)
        )

    def _window(self, position: Position, who: Mapping[str, Any]) -> Page:
        """The days to read: up to the account's own today, from the cursor's day less the days that are restated."""
        clock = zone(who.get("timeZone"))
        until = parse(position["until"])
        end = until.astimezone(clock).date()
        if position["since"] is not None:
            first = parse(position["since"]).astimezone(clock).date() - timedelta(days=self.settings.restate_days)
        else:
            first = self.settings.history_from or end - timedelta(days=self.settings.history_days)
        if first > end:
            return Page(cursor=Cursor(position["until"]))
        return Page(next=self._span(first, end.isoformat(), position))

    def _span(self, first: date, end: str, position: Position) -> Position:
        last = min(first + timedelta(days=self.settings.days_per_query - 1), date.fromisoformat(end))
        return {
            "stage": "days",
            "first": first.isoformat(),
            "last": last.isoformat(),
            "after": 0,
            "end": end,
            "until": position["until"],
        }

    def _cut(self, position: Position, last: int, records: list[Record], complaints: list[Complaint]) -> Page:
        """A full answer may end in the middle of a campaign's days: leave that campaign to the next page."""
        kept = [record for record in records if int(record.id.partition("/")[0]) < last]
        if not kept:
            raise ContractBroken("a full page of days of one campaign; expected at most one row per campaign and day")
        after = int(kept[-1].id.partition("/")[0])
        return Page(tuple(kept), next={**position, "after": after}, complaints=tuple(complaints))

    def _records(self, found: list[dict[str, Any]], position: Position) -> tuple[list[Record], list[Complaint]]:
        records: list[Record] = []
        complaints: list[Complaint] = []
        before = position["after"]
        for row in found:
            number, day = campaign_id(row), queries.dig(row, "segments.date")
            if number < before:
                raise ContractBroken("expected rows in the order of campaign ids")
            before = number
            if not isinstance(day, str) or not position["first"] <= day <= position["last"]:
                complaints.append(Complaint(str(number), "a row without a day of the span asked for", "segments.date"))
                continue
            records.append(Record(f"{number}/{day}", self._raw(row)))
        return records, complaints

    def _raw(self, row: dict[str, Any]) -> dict[str, Any]:
        """Proto3 JSON leaves out zeros: a selected metric that is absent is zero, as int64 (text) or double."""
        for path in self.paths:
            if queries.dig(row, path) is None:
                queries.plant(row, path, _zero(path))
        return _without_names(row)

    def describe(self) -> Request | None:
        return queries.field_list(self.settings, "metrics.")

    def fields(self, response: Response | None) -> Sequence[FieldInfo]:
        return describe(response, queries.DAILY_FIELDS, ("metrics.",))


def _zero(path: str) -> object:
    head, _, name = path.partition(".")
    if head != "metrics":
        return None
    return "0" if name in WHOLE_METRICS or name.endswith("Micros") else 0.0


def _without_names(row: dict[str, Any]) -> dict[str, Any]:
    """Resource names repeat the ids; they come unasked and would only swell what is kept."""
    for part in row.values():
        if isinstance(part, dict):
            part.pop("resourceName", None)
    return row


def stream(name: str, settings: Settings, fields: Sequence[str]) -> Stream:
    """KeyError for another name; ValueError for a path that cannot be read."""
    if name == "campaigns":
        return Campaigns(settings, queries.wanted(queries.CAMPAIGN_FIELDS, fields))
    if name != "daily":
        raise KeyError(name)
    paths = queries.wanted(queries.DAILY_FIELDS, fields)
    split = [path for path in paths if path.startswith("segments.") and path != "segments.date"]
    if split:
        raise ValueError(f"{split[0]!r} would split a campaign's day into several rows; only segments.date can be read")
    return Daily(settings, paths)
