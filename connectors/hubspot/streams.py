"""Reading contacts: everything by list, changes by search, deletions by the archived list.

A walk by changes asks the search index only *who* changed and then reads those contacts by id. HubSpot's index lags
behind writes, so a search result may show a contact as it was; `batch/read` shows it as it is.

The search never meets its ceiling of 10,000 results: each page is the first page of a query of its own, sorted by
`hs_object_id` and filtered to ids above the last one seen. Any number of contacts may share one modified time, and a
contact that is edited while the walk goes on cannot shift another one off a page, as it does with offsets.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from urllib.parse import quote_plus

from connectors.hubspot.properties import field_infos
from connectors.hubspot.records import (
    BATCH,
    Properties,
    from_milliseconds,
    identity,
    milliseconds,
    modified_milliseconds,
    read_answer,
    read_request,
    record,
    results,
)
from connectors.hubspot.settings import HubSpotSettings, contacts_path, properties_path
from hub.domain.moments import iso, parse
from hub.domain.observation import Record
from hub.sdk.http import ContractBroken, Request, Response, get, send_json
from hub.sdk.streams import Complaint, Cursor, FieldInfo, Page, Position

LIST_PAGE = 100
SEARCH_PAGE = 200
"""HubSpot's largest search page (search API reference)."""
URL_ROOM = 4_000
"""Bytes of `properties` that a list URL carries at most; a longer list is read by id, by POST."""


class Contacts:
    """The stream `contacts`. Positions are `{"stage": list | search | archived | read | end, ...}`; every one
    carries `at` (where the next walk starts, ISO 8601), `full` and, for `read`, the position that follows it."""

    name = "contacts"
    entity = "contact"

    def __init__(self, settings: HubSpotSettings, fields: Sequence[str]) -> None:
        self.settings = settings
        self.wanted = Properties.of(fields)
        self.path = contacts_path(settings)
        self.sees_deletes = settings.archived_pages > 0
        self.by_id = len(quote_plus(",".join(self.wanted.asked()))) > URL_ROOM

    def start(self, cursor: Cursor | None, until: datetime) -> Position:
        """Walks end at `until`, but the next one starts a margin before it: what the index did not show yet is seen
        then. A cursor's `id` is where the archived list was left."""
        settled = until - timedelta(seconds=self.settings.search_margin_seconds)
        if cursor is None:
            return {"stage": "list", "after": "", "at": iso(settled), "full": True}
        since = milliseconds(parse(cursor.at))
        return {
            "stage": "search",
            "from": since,
            "to": max(since, milliseconds(until)),
            "id": "0",
            "at": from_milliseconds(max(since, milliseconds(settled))),
            "full": False,
            "archived": cursor.id,
        }

    def request(self, position: Position) -> Request:
        stage = position["stage"]
        if stage in ("list", "archived"):
            return self._list(position)
        if stage == "search":
            return self._search(position)
        if stage == "read":
            archived = bool(position["archived"])
            return read_request(self.path, position["ids"], self.wanted.asked(), archived=archived)
        raise ValueError(f"no request for a position of stage {stage!r}")

    def _list(self, position: Position) -> Request:
        query = {"limit": str(LIST_PAGE), "archived": "true" if position["stage"] == "archived" else "false"}
        if position["after"]:
            query["after"] = position["after"]
        query["properties"] = "hs_object_id" if self.by_id else ",".join(self.wanted.asked())
        return get(self.path, query)

    def _search(self, position: Position) -> Request:
        filters = [
            {
                "propertyName": "lastmodifieddate",
                "operator": "BETWEEN",
                "value": str(position["from"]),
                "highValue": str(position["to"]),
            },
            {"propertyName": "hs_object_id", "operator": "GT", "value": position["id"]},
        ]
        body = {
            "filterGroups": [{"filters": filters}],
            "sorts": [{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
            "properties": ["lastmodifieddate"],
            "limit": SEARCH_PAGE,
        }
        return send_json("POST", f"{self.path}/search", body, bucket="search", repeatable=True)

    def page(self, position: Position, response: Response) -> Page:
        stage = position["stage"]
        if stage == "search":
            return self._searched(position, response)
        if stage == "read":
            return self._read(position, response)
        return self._listed(position, response)

    def _listed(self, position: Position, response: Response) -> Page:
        body, items = results(response, 200)
        after = _after(body)
        if after and after == position["after"]:
            raise ContractBroken("the list's next page is the page itself (`paging.next.after` did not move)")
        gone = position["stage"] == "archived"
        following = self._after_archived(position, after) if gone else self._after_list(position, after)
        if self.by_id and items:
            return _read_by_id([identity(item) for item in items], following, archived=gone)
        records: list[Record] = []
        complaints: list[Complaint] = []
        for item in items:
            read, bad = record(item, self.wanted, gone=gone)
            records.append(read)
            complaints.extend(bad)
        return _page(following, tuple(records), tuple(complaints))

    def _after_list(self, position: Position, after: str) -> Position:
        if after:
            return {**position, "after": after}
        return self._archived(position, "", None)

    def _after_archived(self, position: Position, after: str) -> Position:
        left = position["left"]
        if not after:
            return _end(position, "")
        if left is not None and left <= 1:
            return _end(position, after)
        return {**position, "after": after, "left": None if left is None else left - 1}

    def _archived(self, position: Position, after: str, left: int | None) -> Position:
        if not self.sees_deletes:
            return _end(position, "")
        return {"stage": "archived", "after": after, "left": left, "at": position["at"], "full": position["full"]}

    def _searched(self, position: Position, response: Response) -> Page:
        body, items = results(response, 200)
        ids = [identity(item) for item in items]
        numbers = [int(position["id"]), *map(int, ids)]
        if any(later <= earlier for earlier, later in pairwise(numbers)):
            raise ContractBroken("the search did not keep to its filter and order by `hs_object_id`")
        total = body.get("total")
        total = total if isinstance(total, int) and not isinstance(total, bool) else None
        if ids and (_after(body) or (total or 0) > len(ids)):
            following: Position = {**position, "id": ids[-1]}
        else:
            following = self._archived(position, position["archived"], self.settings.archived_pages)
        # A filter that is silently ignored would show everything: what lies before the window is dropped here.
        changed = [
            own
            for own, item in zip(ids, items, strict=True)
            if (modified_milliseconds(item) or position["from"]) >= position["from"]
        ]
        page = _read_by_id(changed, following, archived=False) if changed else _page(following)
        first = position["id"] == "0"
        return Page(page.records, page.next, page.cursor, page.complete, total=total if first else None)

    def _read(self, position: Position, response: Response) -> Page:
        gone = bool(position["archived"])
        found = read_answer(position["ids"], response, self.wanted, gone=gone)
        records = list(found.records)
        if not gone:
            records += [Record(own, {"id": own}, gone=True) for own in found.missing]
        return _page(position["then"], tuple(records), found.complaints)

    def describe(self) -> Request | None:
        return get(properties_path(self.settings), {"archived": "false"})

    def fields(self, response: Response | None) -> Sequence[FieldInfo]:
        return () if response is None else field_infos(response)


def _after(body: dict[str, Any]) -> str:
    paging = body.get("paging")
    following = paging.get("next") if isinstance(paging, dict) else None
    after = following.get("after") if isinstance(following, dict) else None
    return str(after) if isinstance(after, str | int) and not isinstance(after, bool) else ""


def _end(position: Position, archived: str) -> Position:
    return {"stage": "end", "at": position["at"], "full": position["full"], "archived": archived}


def _page(following: Position, records: tuple[Record, ...] = (), complaints: tuple[Complaint, ...] = ()) -> Page:
    if following["stage"] != "end":
        return Page(records, following, complaints=complaints)
    cursor = Cursor(following["at"], following["archived"])
    return Page(records, None, cursor, complete=following["full"], complaints=complaints)


def _read_by_id(ids: Sequence[str], following: Position, *, archived: bool) -> Page:
    for first in range((len(ids) - 1) // BATCH * BATCH, -1, -BATCH):
        following = {"stage": "read", "ids": list(ids[first : first + BATCH]), "archived": archived, "then": following}
    return Page(next=following)
