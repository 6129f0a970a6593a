"""Writing to a vendor: a sink turns writes into a request and an answer into outcomes, one each, in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from hub.domain.keys import Key
from hub.domain.observation import Record
from hub.domain.outcome import Outcome
from hub.domain.plan import Op, Write
from hub.sdk.http import Request, Response


@dataclass(frozen=True, slots=True)
class Found:
    """What a look showed. `records` in any order; a record may come under another id than was asked for (a merge):
    then `Record.aliases` holds the id asked for. `missing` are ids (or keys, as text) that the vendor does not have."""

    records: tuple[Record, ...] = ()
    missing: tuple[str, ...] = ()
    next: Request | None = None
    """A further request when the look did not fit one answer."""


class Sink(Protocol):
    """A writable collection, of the same name as its stream."""

    @property
    def name(self) -> str: ...

    @property
    def batch_max(self) -> int:
        """The most writes one request takes."""
        ...

    @property
    def look_max(self) -> int:
        """The most ids or keys one look takes."""
        ...

    @property
    def upserts_by_key(self) -> bool:
        """True when a create whose key exists at the vendor updates that record instead of making a second one. Then
        a create needs no look first."""
        ...

    @property
    def shows_record(self) -> bool:
        """True when the answer to a write shows the record as it is now; otherwise the writer reads it back."""
        ...

    def read(self, ids: Sequence[str]) -> Request:
        """Looks at records by id, up to `look_max`, with the fields of the mapping; strongly consistent."""
        ...

    def lookup(self, keys: Sequence[Key]) -> Request:
        """Looks for records by key, up to `look_max`; as consistent as the vendor allows."""
        ...

    def found(self, asked: Sequence[str], response: Response) -> Found:
        """Reads the answer to `read` (asked = the ids) or `lookup` (asked = the keys as text)."""
        ...

    def group(self, write: Write) -> str:
        """Writes of the same group may travel in one request. By default op and part."""
        ...

    def request(self, batch: Sequence[Write]) -> Request:
        """One request for writes of one group, at most `batch_max`."""
        ...

    def outcomes(self, batch: Sequence[Write], response: Response) -> Sequence[Outcome]:
        """One outcome per write, in the batch's order, also for a 4xx of the whole batch: then either one fault that
        holds for all, or `Status.SPLIT` for all when some record is at fault and the vendor does not say which. A
        batch of one never says SPLIT. Raises `ContractBroken` when the answer is not what the API promises (the
        writer then treats the batch as in doubt)."""
        ...

    def supports(self, op: Op, part: str) -> bool:
        """Whether the vendor can do this at all."""
        ...


def default_group(write: Write) -> str:
    return f"{write.op}/{write.part}"
