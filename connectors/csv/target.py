"""The file that the hub writes, as the sink holds it between a look and a write: one text per row, and its indexes.

It is written as UTF-8 with a mark (so that spreadsheets read accents right), CRLF, in the delimiter it was found with.
Columns that people added, their order and their rows are kept.
"""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from connectors.csv.cells import guard
from connectors.csv.faults import Unusable
from connectors.csv.rows import Broken, Row, State, split
from connectors.csv.settings import Settings
from connectors.csv.shapes import Layout, NoLayout, hub_layout
from connectors.csv.sniff import hint, sniff
from hub.domain.observation import Record

COLUMNS = (
    *("hub_id", "first_name", "last_name", "email", "more_emails", "phone", "more_phones", "company", "job_title"),
    *("street", "city", "region", "postal_code", "country", "owner_email", "lifecycle_stage"),
    *("email_consent", "phone_consent"),
)
"""The columns of a new file."""


@dataclass(slots=True)
class Target:
    """`etag` is None while there is no file. `lines` are the rows as they stand in the file, without line ends."""

    etag: str | None
    layout: Layout
    delimiter: str = ","
    lines: list[str] = field(default_factory=list)
    ids: dict[str, int] = field(default_factory=dict)
    emails: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def fresh(cls, etag: str | None = None) -> Target:
        return cls(etag, hub_layout(COLUMNS))

    def copy(self) -> Target:
        """For a change that may be refused: the indexes and the list are its own, the texts are shared."""
        emails = {email: list(ids) for email, ids in self.emails.items()}
        return replace(self, lines=list(self.lines), ids=dict(self.ids), emails=emails)

    def record(self, remote_id: str, settings: Settings) -> Record | None:
        at = self.ids.get(remote_id)
        return None if at is None else self._parsed(self.lines[at], settings)

    def full_name(self, remote_id: str, settings: Settings) -> str:
        """The name in the form that keys of shared mailboxes have."""
        record = self.record(remote_id, settings)
        raw = record.raw if record else {}
        whole = unicodedata.normalize("NFKC", f"{raw.get('first_name') or ''} {raw.get('last_name') or ''}")
        return " ".join(whole.casefold().split())

    def _cells(self, line: str) -> list[str]:
        return next(csv.reader((line,), delimiter=self.delimiter)) if line else []

    def _parsed(self, line: str, settings: Settings) -> Record | None:
        return self.layout.record(self._cells(line), settings)

    def put(self, remote_id: str | None, values: Mapping[str, Any], settings: Settings) -> Record:
        """Writes the values into the row of the id, or into a new row. New columns are added at the end."""
        self._widen(values)
        at = self.ids.get(remote_id) if remote_id is not None else None
        cells = self._cells(self.lines[at]) if at is not None else [""] * self.layout.width
        places = {column: place for place, column in enumerate(self.layout.columns)}
        for column, value in values.items():
            cells[places[column]] = guard(text(value))
        line = _line(cells, self.delimiter)
        record = self._parsed(line, settings)
        if record is None:
            raise ValueError("a row without any value")
        if at is None:
            at = len(self.lines)
            self.lines.append(line)
        else:
            self._forget(str(remote_id), settings)
            self.lines[at] = line
        self._remember(record, at)
        return record

    def drop(self, remote_id: str, settings: Settings) -> None:
        """Takes the row out. The text stays as an empty one until the file is written."""
        at = self.ids[remote_id]
        self._forget(remote_id, settings)
        self.lines[at] = ""

    def _remember(self, record: Record, at: int) -> None:
        self.ids[record.id] = at
        for email in emails_of(record.raw):
            ids = self.emails.setdefault(email, [])
            if record.id not in ids:
                ids.append(record.id)

    def _forget(self, remote_id: str, settings: Settings) -> None:
        record = self.record(remote_id, settings)
        del self.ids[remote_id]
        for email in emails_of(record.raw) if record else ():
            if remote_id in self.emails.get(email, ()):
                self.emails[email].remove(remote_id)

    def _widen(self, columns: Iterable[str]) -> None:
        """Adds columns that the file doesn't have; every row gets an empty field for each."""
        new = [column for column in columns if column not in self.layout.columns]
        if new:
            self.layout = replace(self.layout, columns=(*self.layout.columns, *new))
            self.lines = [line + self.delimiter * len(new) if line else line for line in self.lines]

    def body(self) -> bytes:
        head = _line([guard(column) for column in self.layout.columns], self.delimiter)
        return ("\ufeff" + "\r\n".join((head, *filter(None, self.lines), ""))).encode()

    def add(self, cells: Sequence[str], settings: Settings) -> None:
        record = self.layout.record(cells, settings)
        if record is not None:
            self.lines.append(_line(cells, self.delimiter))
            self._remember(record, len(self.lines) - 1)


def _line(cells: Sequence[str], delimiter: str) -> str:
    """A row without its line end. Line breaks within a field are quoted and kept."""
    buffer = io.StringIO()
    csv.writer(buffer, delimiter=delimiter, lineterminator="\r\n").writerow(cells)
    return buffer.getvalue().removesuffix("\r\n")


def text(value: object) -> str:
    """A value of a payload as a cell."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return "; ".join(text(item) for item in value)
    return str(value).replace("\x00", "").replace("\r\n", "\n").replace("\r", "\n")


def emails_of(raw: Mapping[str, Any]) -> Iterator[str]:
    for part in (str(raw.get("email") or ""), *str(raw.get("more_emails") or "").split(";")):
        email = part.strip().casefold()
        if email:
            yield email


def parse(body: bytes, etag: str, settings: Settings) -> Target:
    """The file as it is. Raises `Unusable` when a row of it cannot be read: the hub would lose it by writing."""
    if not body:
        return Target.fresh(etag)
    dialect, used = sniff(body, settings)
    state = State()
    target: Target | None = None
    while target is None:
        piece = split(body[used:], dialect, state, None, final=True)
        used += piece.used
        first = piece.found[0] if piece.found else None
        if isinstance(first, Row) and hint(dialect.delimiter.join(first.cells)):
            continue
        target = Target(etag, _header(first, settings), dialect.delimiter)
    rest = split(body[used:], dialect, state, target.layout.width, final=True)
    for item in rest.found:
        if isinstance(item, Broken):
            raise _unreadable(settings, f"line {item.first}: {item.why}")
        target.add(item.cells, settings)
    return target


def _header(first: Row | Broken | None, settings: Settings) -> Layout:
    try:
        if isinstance(first, Row):
            return hub_layout(first.cells)
        raise NoLayout(first.why if first else "no header")
    except NoLayout as refused:
        raise _unreadable(settings, f"line 1: {refused}") from None


def _unreadable(settings: Settings, what: str) -> Unusable:
    mend = "mend the line, or move the file away; nothing was written to it"
    return Unusable("target_unreadable", f"{settings.target_file}, {what}. Please {mend}")
