"""Reading what became of writes: the batch-list answer, keyed by address, and the answer to a single PATCH.

A batch answers 200 when its envelope is valid: `new_members`, `updated_members` (whole members) and `errors`
(`email_address, error, error_code, field, field_message`), in no promised order.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connectors.mailchimp.faults import refusal, refusal_of, texts
from connectors.mailchimp.members import Shape, hash_of
from hub.domain.observation import Record
from hub.domain.outcome import Fault, FaultKind, Outcome, Status
from hub.domain.plan import Op, Write
from hub.sdk.http import ContractBroken, Response


def plain(address: str) -> str:
    """An address as answers are matched by it: error entries may come with escaped quotes, and in another case."""
    return address.replace("\\", "").strip().lower()


@dataclass(frozen=True, slots=True)
class Answers:
    """The entries of a batch answer by plain address; each is used once, so that an address sent twice gets both."""

    shown: Mapping[str, list[Record]]
    refused: Mapping[str, list[Mapping[str, Any]]]

    @classmethod
    def of(cls, response: Response, shape: Shape) -> Answers:
        """Raises `ContractBroken` when the answer is not what the call promises."""
        body = response.json()
        if not isinstance(body, Mapping) or not any(k in body for k in ("new_members", "updated_members", "errors")):
            raise ContractBroken("a batch answer has neither new_members nor updated_members nor errors")
        shown: dict[str, list[Record]] = defaultdict(list)
        for row in _rows(body, "new_members") + _rows(body, "updated_members"):
            try:
                record = shape.record(row)
            except ValueError as error:
                raise ContractBroken(f"a written member has no readable {error}") from error
            shown[plain(str(row["email_address"]))].append(record)
        refused: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
        for row in _rows(body, "errors"):
            refused[plain(str(row.get("email_address") or ""))].append(row)
        return cls(shown, refused)

    def outcome(self, write: Write, address: str) -> Outcome:
        """What became of one write of the batch. An address that the answer does not name is in doubt: look."""
        told = write.payload.get("email_address")
        for name in dict.fromkeys((plain(str(told)) if told else "", plain(address))):
            if name and self.shown.get(name):
                return _applied(write, self.shown[name].pop(0))
            if name and self.refused.get(name):
                return _refused(write, address, self.refused[name].pop(0))
        text = "the answer to the batch does not speak of this address"
        return Outcome(Status.IN_DOUBT, fault=Fault(FaultKind.IN_DOUBT, "not answered", text))


def _rows(body: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    rows = body.get(name, [])
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise ContractBroken(f'"{name}" of a batch answer is not an array of objects')
    return rows


def _applied(write: Write, record: Record) -> Outcome:
    """The record as it is now. Its id differs from the one written to when the member vanished and the address was
    added anew, or belongs to somebody else by now."""
    return Outcome(Status.APPLIED, _same_id(write.remote_id, record), record.raw, raw_modified_at=record.modified_at)


def _same_id(asked: str | None, record: Record) -> str:
    """The id to remember: the one asked for where the answer knows the member by hash alone, for hashes are in every
    answer and contact ids are not."""
    return asked if asked is not None and record.id == record.raw.get("id") != asked else record.id


def _refused(write: Write, address: str, row: Mapping[str, Any]) -> Outcome:
    code, text, named, message = texts(row, "error_code", "error", "field", "field_message")
    fault = refusal(code, text, named, message, write.payload.values())
    existing = hash_of(address) if fault.kind is FaultKind.CONFLICT and write.op is Op.CREATE else None
    return Outcome(Status.REFUSED, fault=fault, existing_id=existing)


def member_outcome(write: Write, shape: Shape, response: Response) -> Outcome:
    """The outcome of a PATCH, which answers with the member. After a change of address the hash is another one."""
    if response.status == 404:
        return Outcome(Status.REFUSED, gone=True)
    if not response.ok:
        return Outcome(Status.REFUSED, fault=refusal_of(response, write.payload.values()))
    body = response.json()
    if not isinstance(body, Mapping):
        raise ContractBroken(f"a changed member is a {type(body).__name__}; expected an object")
    try:
        record = shape.record(body)
    except ValueError as error:
        raise ContractBroken(f"a changed member has no readable {error}") from error
    return Outcome(Status.APPLIED, record.id, record.raw, raw_modified_at=record.modified_at)
