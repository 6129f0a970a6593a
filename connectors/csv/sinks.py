"""Writing `hub-contacts.csv`: one row per person, the whole file replaced in one step, only if nobody changed it since.

A file has no way to change one row, so the sink keeps what the last look showed and writes the file anew from it. It is
the one object of this connector with a memory; the same answers still make the same requests. Whoever edits the file in
between wins: the write is refused by 412, and is decided again after another look.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from connectors.csv import folder
from connectors.csv.settings import Settings
from connectors.csv.streams import TARGET
from connectors.csv.target import Target, parse
from hub.domain.keys import Key
from hub.domain.observation import Record
from hub.domain.outcome import Fault, FaultKind, Outcome, Status
from hub.domain.plan import Op, Write
from hub.sdk.http import ContractBroken, Request, Response
from hub.sdk.sinks import Found, Sink

PIECE = 8 * 1024 * 1024
BATCH_MAX = 5_000
ANY = "*"
"""Matches every state of a file that exists: an empty one has nothing to lose."""


@dataclass(slots=True)
class TargetFile:
    """The sink of the stream `hub_contacts`."""

    settings: Settings
    name: str = TARGET
    batch_max: int = BATCH_MAX
    look_max: int = BATCH_MAX
    upserts_by_key: bool = False
    shows_record: bool = True
    _known: Target | None = None
    _pieces: list[bytes] = field(default_factory=list)
    _etag: str = ""

    # -- looking --------------------------------------------------------------------------------------------------

    def read(self, ids: Sequence[str]) -> Request:
        return self._look()

    def lookup(self, keys: Sequence[Key]) -> Request:
        return self._look()

    def _look(self) -> Request:
        """The file from its beginning, unless it is still the one that is known."""
        self._pieces, self._etag = [], ""
        headers = [("Range", f"bytes=0-{PIECE - 1}")]
        if self._known is not None and self._known.etag is not None:
            headers.append(("If-None-Match", self._known.etag))
        return Request("GET", folder.path(self.settings.target_file), headers=tuple(headers), repeatable=True)

    def found(self, asked: Sequence[str], response: Response) -> Found:
        """`asked` are ids, or keys as text: an id of a row never has the form of an e-mail key that is known here, and
        both are looked for."""
        following = self._take(response)
        if following is not None:
            return Found(next=following)
        target = self._known or Target.fresh()
        records: dict[str, Record] = {}
        missing: list[str] = []
        for wanted in asked:
            ids = [wanted] if wanted in target.ids else self._by_key(target, Key.parse(wanted))
            for remote_id in ids:
                record = target.record(remote_id, self.settings)
                if record is not None:
                    records[record.id] = record
            if not ids:
                missing.append(wanted)
        return Found(tuple(records.values()), tuple(missing))

    def _by_key(self, target: Target, key: Key) -> list[str]:
        """Rows are found by e-mail alone; a role mailbox's key carries the person's name behind a bar."""
        if key.kind != "email":
            return []
        email, _, name = key.value.partition("|")
        ids = target.emails.get(email.casefold(), [])
        return [id_ for id_ in ids if not name or target.full_name(id_, self.settings) == name]

    def _take(self, response: Response) -> Request | None:
        """Takes in an answer to a look; a further request when the file is longer."""
        if response.status == 304 and self._known is not None:
            return None
        if response.status in (404, 416):
            self._known = Target.fresh(None if response.status == 404 else ANY)
            return None
        offset = sum(map(len, self._pieces))
        etag = _etag(response)
        if response.status == 412 or (self._pieces and etag != self._etag):
            return self._look()
        piece, size = folder.span(response, offset)
        self._pieces.append(piece)
        self._etag = etag
        if offset + len(piece) < size and piece:
            return folder.read_from(self.settings.target_file, etag, offset + len(piece), PIECE)
        body, self._pieces = b"".join(self._pieces), []
        self._known = parse(body, etag, self.settings)
        return None

    # -- writing --------------------------------------------------------------------------------------------------

    def group(self, write: Write) -> str:
        return "rows"

    def supports(self, op: Op, part: str) -> bool:
        return not part

    def request(self, batch: Sequence[Write]) -> Request:
        """The whole file with the batch in it; without a look before, a look."""
        if self._known is None:
            return Request("GET", folder.path(self.settings.target_file), repeatable=True)
        after, _ = self._apply(self._known, batch)
        etag = self._known.etag
        condition = ("If-Match", etag) if etag is not None else ("If-None-Match", "*")
        headers = (("Content-Type", "text/csv; charset=utf-8"), condition)
        return Request(
            "PUT", folder.path(self.settings.target_file), headers=headers, body=after.body(), repeatable=True
        )

    def outcomes(self, batch: Sequence[Write], response: Response) -> Sequence[Outcome]:
        if self._known is None:
            self._pieces = []
            if self._take(response) is not None:
                raise ContractBroken("expected the whole file, got a part of it")
            return [_later("not_looked", "the file was looked at first; the write follows")] * len(batch)
        if response.status in (404, 412):
            self._known = None
            return [_later("changed", "somebody changed the file in between")] * len(batch)
        if not response.ok:
            raise ContractBroken(f"expected the file to be written, got HTTP {response.status}")
        after, outcomes = self._apply(self._known, batch)
        after.etag = response.headers.get("etag")
        self._known = after if after.etag else None
        return outcomes

    def _apply(self, known: Target, batch: Sequence[Write]) -> tuple[Target, list[Outcome]]:
        target = known.copy()
        return target, [self._one(target, write) for write in batch]

    def _one(self, target: Target, write: Write) -> Outcome:
        if write.op is Op.CREATE:
            return self._create(target, write)
        remote_id = write.remote_id or ""
        if remote_id not in target.ids:
            text = "the row is not in the file any more"
            return Outcome(Status.REFUSED, remote_id, fault=Fault(FaultKind.CONFLICT, "gone", text), gone=True)
        if write.op is Op.REMOVE:
            target.drop(remote_id, self.settings)
            return Outcome(Status.APPLIED, remote_id)
        return self._put(target, remote_id, write)

    def _create(self, target: Target, write: Write) -> Outcome:
        own = f"{target.layout.shape}:{write.entity_id}"
        holders = (
            [own] if write.entity_id and own in target.ids else self._by_key(target, write.key) if write.key else []
        )
        if holders:
            fault = Fault(FaultKind.CONFLICT, "exists", "the file has a row for this person already")
            return Outcome(Status.REFUSED, fault=fault, existing_id=holders[0])
        return self._put(target, None, write)

    def _put(self, target: Target, remote_id: str | None, write: Write) -> Outcome:
        values = dict(write.payload)
        if remote_id is None and write.entity_id:
            values["hub_id"] = write.entity_id
        try:
            record = target.put(remote_id, values, self.settings)
        except ValueError as error:
            return Outcome(Status.REFUSED, remote_id, fault=Fault(FaultKind.INVALID, "empty", str(error)))
        return Outcome(Status.APPLIED, record.id, dict(record.raw))


def _etag(response: Response) -> str:
    etag = response.headers.get("etag")
    if not etag:
        raise ContractBroken("expected an ETag with every file of the folder")
    return etag


def _later(code: str, message: str) -> Outcome:
    return Outcome(Status.LATER, fault=Fault(FaultKind.TRANSIENT, code, message, retry_after=0.0))


def sink(name: str, settings: Settings, _fields: Sequence[str]) -> Sink:
    """KeyError for another name: exports are read, never changed."""
    if name != TARGET:
        raise KeyError(name)
    return TargetFile(settings)
