"""Folders as collections: every file in turn, in pieces, so that memory stays flat whatever its size.

A walk lists the folder first. When nothing changed since the last walk it reads nothing; when files were only added it
reads those; else it reads all of them, because rows may have vanished, and only a walk that read every file without a
complaint says that it was complete.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from connectors.csv import folder
from connectors.csv.faults import Unusable
from connectors.csv.headers import CAMPAIGN_COLUMNS, SHOWN_COLUMNS
from connectors.csv.rows import Broken, Row, State, split
from connectors.csv.settings import Settings
from connectors.csv.shapes import Layout, NoLayout, footer, hub_layout, layout
from connectors.csv.sniff import Dialect, encoding, hint, sniff
from connectors.csv.target import COLUMNS
from hub.domain.moments import iso
from hub.domain.observation import Record
from hub.sdk.http import Request, Response
from hub.sdk.streams import Complaint, Cursor, FieldInfo, Page, Position, Stream

MAX_FILES = 500
MAX_RESTARTS = 5
MAX_COMPLAINTS = 200
"""Rows of one file that are complained of one by one; the others are counted."""

TARGET = "hub_contacts"


@dataclass(slots=True)
class Reading:
    """Where the reading of one file stands, between two pieces."""

    dialect: Dialect
    state: State
    layout: Layout | None = None
    told: int = 0
    untold: int = 0
    foot: bool = False

    def as_json(self) -> dict[str, Any]:
        kept = asdict(self)
        kept["layout"] = self.layout.as_json() if self.layout else None
        kept["state"]["lost"] = list(self.state.lost) if self.state.lost else None
        return kept

    @classmethod
    def of_json(cls, said: dict[str, Any]) -> Reading:
        state = dict(said["state"])
        lost = state.pop("lost")
        return cls(
            Dialect(**said["dialect"]),
            State(**state, lost=tuple(lost) if lost else None),
            Layout.of_json(said["layout"]) if said["layout"] else None,
            said["told"],
            said["untold"],
            said["foot"],
        )


@dataclass(slots=True)
class Found:
    """What a piece gave."""

    records: dict[str, Record]
    complaints: list[Complaint]
    sound: bool = True

    def tell(self, name: str, where: str, text: str) -> None:
        self.complaints.append(Complaint("", f"{name}, {where}: {text}"))


@dataclass(slots=True)
class Files:
    """The files of a folder that hold one entity. `target`: the file that the hub writes, instead of all others."""

    settings: Settings
    name: str
    entity: str
    target: bool = False
    sees_deletes: bool = False

    def start(self, cursor: Cursor | None, until: datetime) -> Position:
        return {"stage": "list", "known": cursor.id if cursor else "", "until": iso(until), "restarts": 0}

    def request(self, position: Position) -> Request:
        if position["stage"] == "list":
            return folder.list_files()
        name, etag, _ = position["files"][0]
        return folder.read_from(name, etag, position["offset"], self.settings.page_bytes)

    def page(self, position: Position, response: Response) -> Page:
        if position["stage"] == "list":
            return self._listed(position, response)
        if response.status in (404, 412, 416):
            return self._again(position)
        return self._read(position, response)

    # -- the list of files ----------------------------------------------------------------------------------------

    def _listed(self, position: Position, response: Response) -> Page:
        patterns = (self.settings.target_file,) if self.target else self.settings.files
        files = folder.chosen(folder.listing(response), patterns, "" if self.target else self.settings.target_file)
        if len(files) > MAX_FILES:
            raise Unusable(
                "too_many_files", f"{len(files)} files to read, expected at most {MAX_FILES}: name them in `files`"
            )
        mark = folder.snapshot(self.settings.reading(), files)
        found = folder.news(position["known"], self.settings.reading(), files)
        empty = [file for file in found.files if file.size == 0]
        complaints = tuple(Complaint("", f"{file.name}: the file is empty; was it cut short?") for file in empty)
        left = [[file.name, file.etag, file.size] for file in found.files if file.size]
        if not left:
            return Page(cursor=Cursor(position["until"], mark), complaints=complaints)
        ahead = {
            "stage": "read",
            "files": left,
            "offset": 0,
            "file": None,
            "whole": found.whole,
            "sound": not empty,
            "mark": mark,
            **{key: position[key] for key in ("known", "until", "restarts")},
        }
        return Page(next=ahead, complaints=complaints, whole=found.whole)

    def _again(self, position: Position) -> Page:
        """A file changed or went away under our hands: begin with a new list."""
        restarts = position["restarts"] + 1
        if restarts > MAX_RESTARTS:
            raise Unusable(
                "keeps_changing", "the files of the folder change faster than they can be read; copy them elsewhere"
            )
        return Page(next={"stage": "list", "known": "", "until": position["until"], "restarts": restarts})

    # -- a piece of a file ----------------------------------------------------------------------------------------

    def _read(self, position: Position, response: Response) -> Page:
        name, _, _ = position["files"][0]
        body, size = folder.span(response, position["offset"])
        final = position["offset"] + len(body) >= size
        found = Found({}, [], position["sound"])
        offset = position["offset"]
        try:
            reading, used = self._open(position, body, final, found)
        except NoLayout as refused:
            found.tell(name, "line 1", str(refused))
            found.sound = False
            return self._next_file(position, found)
        if reading.layout is None or reading.layout.entity != self.entity:
            return self._next_file(position, found)
        used += self._rows(name, reading, body[used:], final, found)
        if final:
            self._close(name, reading, found)
            return self._next_file(position, found)
        ahead = {**position, "offset": offset + used, "file": reading.as_json(), "sound": found.sound}
        return Page(tuple(found.records.values()), next=ahead, complaints=tuple(found.complaints))

    def _open(self, position: Position, body: bytes, final: bool, found: Found) -> tuple[Reading, int]:
        """The reading to go on with, and the bytes that its header took when the file begins here."""
        if position["file"]:
            reading = Reading.of_json(position["file"])
            self._settle_encoding(reading, body)
            return reading, 0
        dialect, used = sniff(body, self.settings)
        reading = Reading(dialect, State())
        for _ in range(20):
            piece = split(body[used:], dialect, reading.state, None, final)
            used += piece.used
            first = piece.found[0] if piece.found else None
            if isinstance(first, Row) and hint(dialect.delimiter.join(first.cells)):
                continue
            if isinstance(first, Row) and first.cells != [""]:
                reading.layout = self._layout(first.cells, position["files"][0][0])
                return reading, used
            why = first.why if isinstance(first, Broken) else "the file has no line that could be the header"
            raise NoLayout(why)
        raise NoLayout("the file has no header")

    def _settle_encoding(self, reading: Reading, body: bytes) -> None:
        """While a file was ASCII alone, its first other byte decides about the encoding."""
        if not reading.dialect.sure and not body.isascii():
            reading.dialect = replace(reading.dialect, encoding=encoding(body)[0], sure=True)

    def _layout(self, header: list[str], name: str) -> Layout:
        """The layout; a file of another entity is somebody else's to complain of."""
        if self.target:
            return hub_layout(header)
        try:
            return layout(header, name, self.settings)
        except NoLayout:
            if self.entity == "contact":
                raise
            return Layout("", "", ())

    def _rows(self, name: str, reading: Reading, body: bytes, final: bool, found: Found) -> int:
        assert reading.layout is not None
        piece = split(body, reading.dialect, reading.state, reading.layout.width, final)
        lines: dict[str, int] = {}
        for item in piece.found:
            if isinstance(item, Broken):
                self._broken(name, reading, item, found)
                continue
            record = reading.layout.record(item.cells, self.settings)
            if record is None:
                continue
            if record.id in lines:
                text = f"the same id as line {item.line}, which counts; set `id_column` to tell them apart"
                self._complain(name, reading, f"line {lines[record.id]}", text, found)
            lines[record.id] = item.line
            found.records[record.id] = record
        return piece.used

    def _broken(self, name: str, reading: Reading, item: Broken, found: Found) -> None:
        salesforce = reading.layout is not None and reading.layout.shape == "salesforce"
        if salesforce and item.cells and footer(item.cells) and (item.after_blank or reading.foot):
            reading.foot = True
            return
        found.sound = False
        where = f"line {item.first}" if item.last <= item.first else f"lines {item.first} to {item.last}"
        self._complain(
            name, reading, where, f"{item.why}. Mend the line and save the file; the other rows were read", found
        )

    def _complain(self, name: str, reading: Reading, where: str, text: str, found: Found) -> None:
        if reading.told < MAX_COMPLAINTS:
            reading.told += 1
            found.tell(name, where, text)
        else:
            reading.untold += 1

    def _close(self, name: str, reading: Reading, found: Found) -> None:
        if reading.untold:
            found.tell(
                name, "in all", f"{reading.untold} more rows could not be read as they are; is the export damaged?"
            )

    def _next_file(self, position: Position, found: Found) -> Page:
        left = position["files"][1:]
        records, complaints = tuple(found.records.values()), tuple(found.complaints)
        if left:
            ahead = {**position, "files": left, "offset": 0, "file": None, "sound": found.sound}
            return Page(records, next=ahead, complaints=complaints)
        cursor = Cursor(position["until"], position["mark"])
        return Page(records, cursor=cursor, complete=position["whole"] and found.sound, complaints=complaints)

    # -- discovery ------------------------------------------------------------------------------------------------

    def describe(self) -> Request | None:
        """The columns are those that every shape becomes; a file's own further headers can be named as they stand."""
        return None

    def fields(self, response: Response | None) -> Sequence[FieldInfo]:
        columns = COLUMNS if self.target else CAMPAIGN_COLUMNS if self.entity == "campaign" else SHOWN_COLUMNS
        written = self.target
        return tuple(FieldInfo(n, n, "text", creatable=written, updatable=written, open=True) for n in columns)


def stream(name: str, settings: Settings, _fields: Sequence[str]) -> Stream:
    """KeyError for another name."""
    if name == TARGET:
        return Files(settings, TARGET, "contact", target=True)
    return Files(settings, name, {"contacts": "contact", "campaigns": "campaign"}[name])
