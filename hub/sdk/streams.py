"""Reading a vendor: a stream turns a position into a request and an answer into a page. Pure on both sides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeAlias

from hub.domain.observation import Record
from hub.sdk.http import Request, Response

Position: TypeAlias = dict[str, Any]
"""Where a walk stands: plain JSON of the stream's own making, so that a crash resumes there."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """From where a stream resumes: a time (ISO 8601, UTC) and the id that breaks ties. `at` is *included* in the next
    walk; the overlap that a vendor needs is the stream's own business (it subtracts it in `start`)."""

    at: str
    id: str = ""


@dataclass(frozen=True, slots=True)
class Complaint:
    """A record on a page that could not be read: it becomes an issue, the others go on. `id` is "" when unknown;
    `message` names the place and what was expected, never the person's data."""

    id: str
    message: str
    field: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """What one answer holds.

    `next` is None at the end of the walk, and never equal to the position it came from. `wait` asks the runner to
    come back after that many seconds (an export that is being prepared). `cursor` is set on the last page only: from
    there the next walk starts. `complete` on the last page says that the walk enumerated *every* live record of the
    stream (so a record the walk didn't show is gone); a walk by changes is never complete.
    """

    records: tuple[Record, ...] = ()
    next: Position | None = None
    cursor: Cursor | None = None
    complete: bool = False
    wait: float = 0.0
    complaints: tuple[Complaint, ...] = ()
    whole: bool = False
    """Said before the first record of a walk that began from a cursor: it turns out to show everything after all (a
    file that changed is read from its beginning), so `complete` on its last page counts as that of a first walk
    does."""
    total: int | None = None
    """How many records the vendor says the walk will show, when it says so: for progress bars and reconciliation."""


@dataclass(frozen=True, slots=True)
class FieldInfo:
    """A field of the remote, as discovery shows it. `path` is what a mapping document writes."""

    path: str
    title: str
    type: str
    readable: bool = True
    creatable: bool = True
    updatable: bool = True
    required: bool = False
    unique: bool = False
    choices: tuple[str, ...] = ()
    max_length: int | None = None
    open: bool = False
    """Beside it (under the same parent) there may be paths that discovery cannot list."""


class Stream(Protocol):
    """A readable collection. Built by the connector for one connection, with the remote fields its mapping reads."""

    @property
    def name(self) -> str:
        """As in the mapping library: `contacts`, `leads`, `campaigns`, `members`, ..."""
        ...

    @property
    def entity(self) -> str:
        """`contact`, `campaign` or `fact`."""
        ...

    @property
    def sees_deletes(self) -> bool:
        """True when a walk by changes shows deletions as records with `gone`."""
        ...

    def start(self, cursor: Cursor | None, until: datetime) -> Position:
        """Without a cursor: everything that lives (and, where the vendor shows them, what was deleted lately). With
        one: what changed from the cursor (less the stream's overlap) up to `until`."""
        ...

    def request(self, position: Position) -> Request: ...

    def page(self, position: Position, response: Response) -> Page:
        """Reads an answer that is a success. Raises `ContractBroken` when it is not what the API promises."""
        ...

    def describe(self) -> Request | None:
        """The request that lists the remote's fields; None when the fields are fixed."""
        ...

    def fields(self, response: Response | None) -> Sequence[FieldInfo]: ...
