"""People by changes: keyset paging on (updated, id), tombstones among them where the vendor shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from hub.domain.moments import iso, parse
from hub.domain.observation import Record
from hub.sdk.http import ContractBroken, Request, Response, get
from hub.sdk.streams import Complaint, Cursor, FieldInfo, Page, Position

LIMIT = 50
NAMES = ("email", "name", "title", "city", "phones", "opted_out")


def record(person: dict[str, Any]) -> Record:
    """One person as the vendor shows it. Raises ContractBroken when it has no id."""
    if not isinstance(person, dict) or not isinstance(person.get("id"), str):
        raise ContractBroken("a person without an id")
    return Record(
        person["id"],
        {k: v for k, v in person.items() if k not in ("deleted", "merged_into", "aliases")},
        person.get("updated"),
        gone=bool(person.get("deleted")),
        merged_into=person.get("merged_into"),
        aliases=tuple(person.get("aliases", ())),
    )


@dataclass(frozen=True, slots=True)
class PeopleStream:
    sees_deletes: bool = True
    overlap_seconds: int = 120
    asked: tuple[str, ...] = ()
    """The fields to ask for by name, where the vendor lists them; it shows all of them otherwise."""
    name: str = "people"
    entity: str = "contact"

    def start(self, cursor: Cursor | None, until: datetime) -> Position:
        if cursor is None:
            return {"since": "", "id": "", "until": iso(until), "full": True}
        since = parse(cursor.at) - timedelta(seconds=self.overlap_seconds)
        return {"since": iso(since), "id": "", "until": iso(until), "full": False}

    def request(self, position: Position) -> Request:
        query = {"since": position["since"], "after": position["id"], "until": position["until"], "limit": str(LIMIT)}
        return get("/people", query | ({"fields": ",".join(self.asked)} if self.asked else {}))

    def page(self, position: Position, response: Response) -> Page:
        answer = response.json()
        if not isinstance(answer, dict) or not isinstance(answer.get("people"), list):
            raise ContractBroken("expected a list of people")
        records, complaints = [], []
        for person in answer["people"]:
            try:
                records.append(record(person))
            except ContractBroken as broken:
                complaints.append(Complaint("", f"{self.name}: {broken}"))
        after = answer.get("next")
        if after is not None:
            following = {**position, "since": after["updated"], "id": after["id"]}
            return Page(tuple(records), following, complaints=tuple(complaints))
        return Page(
            tuple(records),
            cursor=Cursor(position["until"]),
            complete=bool(position["full"]),
            complaints=tuple(complaints),
        )

    def describe(self) -> Request | None:
        return get("/fields") if self.asked else None

    def fields(self, response: Response | None) -> Sequence[FieldInfo]:
        if response is None:
            return [FieldInfo(n, n.replace("_", " "), "boolean" if n == "opted_out" else "string") for n in NAMES]
        answer = response.json()
        if not isinstance(answer, dict) or not isinstance(answer.get("fields"), list):
            raise ContractBroken("expected a list of fields")
        return [FieldInfo(str(f["name"]), str(f["name"]).replace("_", " "), str(f["type"])) for f in answer["fields"]]
