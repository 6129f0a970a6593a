"""Reading members: two sweeps, the default listing and then the archived ones, which it leaves out.

Both go forward by `last_changed`, oldest first, a page at a time, each page beginning one second before the last row
of the page before (`since_last_changed` is exclusive and whole-second: the public Estuary connector). A change moves
its row to the end, so nothing that is still ahead can be passed by. Where more members than a page holds share one
second, as after an import, that second becomes a frozen window that is paged by offset; a row that leaves it renumbers
those behind it, which shows in `total_items`: then the walk steps back by as many rows as left, and begins the window
again when rows came in. No offset outlives its window, and so none its run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from connectors.mailchimp.campaigns import Campaigns, Reports
from connectors.mailchimp.fields import describe_request, field_infos
from connectors.mailchimp.listing import Listing, earlier, listing, stamp, times
from connectors.mailchimp.members import Shape, read
from connectors.mailchimp.settings import Settings
from hub.domain.moments import iso, parse
from hub.sdk.http import ContractBroken, Request, Response, get
from hub.sdk.streams import Cursor, FieldInfo, Page, Position, Stream

SECOND = timedelta(seconds=1)
RESTARTS = 25
"""How often a window may begin again before the walk gives up: its second lies in the past, so rows that keep coming
in mean that the filter is not honoured."""
SWEEPS = ("", "archived")
FULL_SWEEPS = ("", "archived", "")
"""A full walk looks at the default listing once more, from its own start on: who came back from the archive between
the two sweeps was in neither of them."""


@dataclass(slots=True)
class Members:
    """The members of one audience. A position is

    `{"sweep": 0.., "full": bool, "since": stamp or "", "until": stamp, "from": stamp or "", "expected": n}`,
    and within a frozen second also `{"second": stamp, "offset": n, "total": n or None, "restarts": n}`.
    """

    settings: Settings
    shape: Shape
    name: str = "members"
    entity: str = "contact"
    sees_deletes: bool = False

    def start(self, cursor: Cursor | None, until: datetime) -> Position:
        end = stamp(until.astimezone(UTC))
        since = self._overlapped(cursor.at) if cursor else ""
        return {"sweep": 0, "full": cursor is None, "since": since, "until": end, "from": since, "expected": 0}

    def _overlapped(self, at: str) -> str:
        """The exclusive start that shows `at` itself and the overlap before it."""
        return earlier(at, timedelta(minutes=self.settings.overlap_minutes) + SECOND)

    def request(self, position: Position) -> Request:
        query = {"count": str(self.settings.page_size), "offset": str(position.get("offset", 0))}
        status = self._sweeps(position)[position["sweep"]]
        if status:
            query["status"] = status
        second = position.get("second")
        if second:
            query["since_last_changed"] = earlier(second, SECOND)
            query["before_last_changed"] = earlier(second, -SECOND)
        elif position["since"]:
            query["since_last_changed"] = position["since"]
        query |= {"sort_field": "last_changed", "sort_dir": "ASC"}
        query |= self.shape.query("members.", "total_items")
        return get(f"/3.0/lists/{self.settings.audience_id}/members", query)

    def page(self, position: Position, response: Response) -> Page:
        """Raises `ContractBroken` for an answer out of order, outside its window, or short of what it counts."""
        shown = listing(response, "members")
        ordered = times(shown.rows, "last_changed")
        _check(position, shown, ordered)
        records, complaints = read(self.shape, shown.rows)
        expected = position["expected"] + _first_count(position, shown)
        frozen = bool(position.get("second"))
        following = self._within(position, shown) if frozen else self._onward(position, shown, ordered)
        if following is None:
            following = self._next_sweep(position)
        if following is not None:
            following["expected"] = expected
            return Page(records, following, complaints=complaints, total=expected)
        cursor = Cursor(iso(parse(position["until"])))
        return Page(records, None, cursor, position["full"], complaints=complaints, total=expected)

    def _sweeps(self, position: Position) -> Sequence[str]:
        return FULL_SWEEPS if position["full"] else SWEEPS

    def _onward(self, position: Position, shown: Listing, ordered: list[datetime]) -> Position | None:
        """The position after a page of an open window; None when the sweep is over."""
        if len(shown.rows) >= shown.total:
            return None
        last = ordered[-1]
        if not position["full"] and last > parse(position["until"]):
            return None
        edge = stamp(last - SECOND)
        if not position["since"] or parse(edge) > parse(position["since"]):
            return _plain(position) | {"since": edge}
        return _plain(position) | {"second": stamp(last), "offset": 0, "total": None, "restarts": 0}

    def _within(self, position: Position, shown: Listing) -> Position | None:
        """The position after a page of a frozen second: further on, back by what left, or behind the second."""
        before, offset = position["total"], position["offset"]
        if before is not None and shown.total > before:
            if position["restarts"] >= RESTARTS:
                raise ContractBroken(f"one past second of members kept growing: {shown.total} rows, before {before}")
            return position | {"offset": 0, "total": shown.total, "restarts": position["restarts"] + 1}
        if before is not None and shown.total < before:
            return position | {"offset": max(0, offset - (before - shown.total)), "total": shown.total}
        reached = offset + len(shown.rows)
        if reached < shown.total:
            return position | {"offset": reached, "total": shown.total}
        return _plain(position) | {"since": position["second"]}

    def _next_sweep(self, position: Position) -> Position | None:
        sweep = position["sweep"] + 1
        if sweep >= len(self._sweeps(position)):
            return None
        since = position["from"]
        if position["full"] and sweep == len(FULL_SWEEPS) - 1:
            since = self._overlapped(position["until"])
        return _plain(position) | {"sweep": sweep, "since": since}

    def describe(self) -> Request | None:
        return describe_request(self.settings.audience_id)

    def fields(self, response: Response | None) -> Sequence[FieldInfo]:
        return field_infos(response)


def _plain(position: Position) -> Position:
    """A position outside of any frozen second."""
    return {k: v for k, v in position.items() if k not in ("second", "offset", "total", "restarts")}


def _first_count(position: Position, shown: Listing) -> int:
    """What the first page of each of the two sweeps adds to the number of members to expect."""
    first = position["since"] == position["from"] and not position.get("second") and position["sweep"] < 2
    return shown.total if first else 0


def _check(position: Position, shown: Listing, ordered: list[datetime]) -> None:
    """The promises that the walk rests on. Without them it would go on for ever or pass members by."""
    if len(shown.rows) < shown.total and not shown.rows and not _past_end(position, shown):
        raise ContractBroken(f"a listing counts {shown.total} members and shows none")
    if any(a > b for a, b in pairwise(ordered)):
        raise ContractBroken("members sorted by last_changed came out of order")
    since = position["since"]
    if ordered and since and not position.get("second") and ordered[0] < parse(since):
        raise ContractBroken("members older than since_last_changed came: the filter is not honoured")
    if shown.rows and not ordered and len(shown.rows) < shown.total:
        raise ContractBroken("no member of a page shows when it changed: the next page cannot be found")


def _past_end(position: Position, shown: Listing) -> bool:
    """Whether an empty page is empty because rows left the window before it."""
    return bool(position.get("second")) and position["offset"] >= shown.total


def stream(name: str, settings: Any, fields: Sequence[str]) -> Stream:
    """KeyError for a name that is not a stream."""
    if name == "members":
        return Members(settings, Shape.of(fields))
    if name == "campaigns":
        return Campaigns(settings, tuple(fields))
    if name == "reports":
        return Reports(settings, tuple(fields))
    raise KeyError(name)
