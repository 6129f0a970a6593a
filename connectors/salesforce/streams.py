"""Reading an sObject by SOQL with keyset paging: no query locator is needed, so a crash resumes at the last row kept.

Two walks. A *full* walk goes by Id: every row that lives is shown exactly once, however it is edited meanwhile, so the
walk can say it is complete. A walk by *changes* goes by (SystemModstamp, Id): stamps are whole seconds and a bulk load
gives thousands of rows the same one, so the id breaks ties. Stamps are set when a transaction begins and rows show
when it commits: the walk begins some minutes before the cursor. Both ask `queryAll`, which shows deleted and merged
rows for as long as they are in the recycle bin (15 days).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from connectors.salesforce import soql
from connectors.salesforce.describe import field_infos
from connectors.salesforce.records import place, record, rows
from connectors.salesforce.settings import Settings
from connectors.salesforce.shapes import SHAPES, Shape
from hub.domain.moments import iso, parse
from hub.domain.observation import Record
from hub.sdk.http import ContractBroken, Request, Response, get
from hub.sdk.streams import Complaint, Cursor, FieldInfo, Page, Position

PAGE = 2000
"""Rows asked for at once; Salesforce answers with fewer when rows are wide, so the count of an answer means nothing."""


class SObjectStream:
    """One sObject of one org. Positions: `{"walk": "full"|"changes", "until": iso, "first": bool}` and, for changes,
    `since`; after the first page `at` and `id` of the last row kept. `flawed` appears when a row could not be read:
    such a walk is not complete, for what it failed to read is not gone."""

    sees_deletes = True

    def __init__(self, shape: Shape, settings: Settings, fields: Sequence[str]) -> None:
        self.name = shape.stream
        self.entity = shape.entity
        self._shape = shape
        self._settings = settings
        self._fields = tuple(fields)
        self._select = soql.select(shape.sobject, shape.columns(fields, settings.absent))
        soql.query(settings.data, self._select, deleted=True)  # too long a field list is refused now, not at night

    def start(self, cursor: Cursor | None, until: datetime) -> Position:
        if cursor is None:
            return {"walk": "full", "until": iso(until), "first": True}
        since = parse(cursor.at) - timedelta(minutes=self._settings.overlap_minutes)
        return {"walk": "changes", "since": iso(since), "until": iso(until), "first": True}

    def request(self, position: Position) -> Request:
        return soql.query(self._settings.data, self._statement(position), deleted=True)

    def _statement(self, position: Position) -> str:
        # The first page has no LIMIT, so that totalSize counts the whole walk; the later ones have one, so that
        # Salesforce need not prepare rows that this request will not fetch.
        limit = "" if position["first"] else f" LIMIT {PAGE}"
        if position["walk"] == "full":
            after = f" WHERE Id > {soql.text(position['id'])}" if "id" in position else ""
            return f"{self._select}{after} ORDER BY Id{limit}"
        if "id" in position:
            at = position["at"]
            lower = f"((SystemModstamp = {at} AND Id > {soql.text(position['id'])}) OR SystemModstamp > {at})"
        else:
            lower = f"SystemModstamp >= {position['since']}"
        return (
            f"{self._select} WHERE {lower} AND SystemModstamp <= {position['until']} ORDER BY SystemModstamp,Id{limit}"
        )

    def page(self, position: Position, response: Response) -> Page:
        answer = rows(response)
        records: list[Record] = []
        complaints: list[Complaint] = []
        for row in answer.rows:
            item = record(self._shape, row, self._fields, self._settings.currency)
            if isinstance(item, Record):
                records.append(item)
            else:
                complaints.append(item)
        until = _until(position, response)
        more = not answer.done or (not position["first"] and len(answer.rows) >= PAGE)
        following = self._following(position, answer.rows, until) if more else None
        flawed = bool(complaints) or "flawed" in position
        if following is not None and flawed:
            following["flawed"] = True
        ended = following is None
        return Page(
            records=tuple(records),
            next=following,
            cursor=Cursor(until) if ended else None,
            complete=ended and position["walk"] == "full" and not flawed,
            complaints=tuple(complaints),
            total=answer.total if position["first"] else None,
        )

    def _following(self, position: Position, shown: Sequence[Any], until: str) -> Position:
        last = next((at for row in reversed(shown) if (at := place(row)) is not None), None)
        if last is None:
            raise ContractBroken(f"a page of {self._shape.sobject} says there is more and shows no readable row")
        stamp, id_ = last
        if id_ == position.get("id"):
            raise ContractBroken(f"a page of {self._shape.sobject} does not go beyond the row it was asked to follow")
        return {**position, "until": until, "first": False, "at": stamp, "id": id_}

    def describe(self) -> Request | None:
        return get(f"{self._settings.data}/sobjects/{self._shape.sobject}/describe")

    def fields(self, response: Response | None) -> Sequence[FieldInfo]:
        if response is None:
            raise ContractBroken(f"the fields of {self._shape.sobject} must be asked of the org")
        return field_infos(response)


def _until(position: Position, response: Response) -> str:
    """The walk's upper bound. On the first page it is pulled back to Salesforce's own clock (the Date header), so that
    a hub whose clock is fast does not skip what was saved meanwhile."""
    until: str = position["until"]
    date = response.headers.get("date", "")
    if not position["first"] or not date:
        return until
    try:
        return min(until, iso(parsedate_to_datetime(date)))
    except (ValueError, TypeError):
        return until


def stream(name: str, settings: Settings, fields: Sequence[str]) -> SObjectStream:
    """The stream of that name. KeyError when there is none; `soql.Unaskable` when the field list is too long."""
    return SObjectStream(SHAPES[name], settings, fields)
