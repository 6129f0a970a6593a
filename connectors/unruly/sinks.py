"""Writing people in batches; looks by id and by address."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from connectors.unruly.streams import record
from hub.domain.keys import Key
from hub.domain.outcome import Fault, FaultKind, Outcome, Status
from hub.domain.plan import Op, Write
from hub.sdk.http import ContractBroken, Request, Response, send_json
from hub.sdk.sinks import Found, default_group


@dataclass(frozen=True, slots=True)
class PeopleSink:
    upserts_by_key: bool = False
    shows_record: bool = True
    name: str = "people"
    batch_max: int = 20
    look_max: int = 50
    asked: tuple[str, ...] = ()
    """As the stream asks."""

    def read(self, ids: Sequence[str]) -> Request:
        return send_json("POST", "/people/read", {"ids": list(ids), "show": self.asked}, repeatable=True)

    def lookup(self, keys: Sequence[Key]) -> Request:
        return send_json(
            "POST", "/people/find", {"emails": [k.value for k in keys], "show": self.asked}, repeatable=True
        )

    def found(self, asked: Sequence[str], response: Response) -> Found:
        answer = response.json()
        if not isinstance(answer, dict) or "people" not in answer:
            raise ContractBroken("expected people")
        return Found(tuple(record(p) for p in answer["people"]), tuple(answer.get("missing", ())))

    def group(self, write: Write) -> str:
        return default_group(write)

    def request(self, batch: Sequence[Write]) -> Request:
        writes = [{"op": w.op.value, "id": w.remote_id, "fields": dict(w.payload), "token": w.token} for w in batch]
        removing = all(w.op is Op.REMOVE for w in batch)
        return send_json("POST", "/people/write", {"writes": writes, "show": self.asked}, repeatable=removing)

    def outcomes(self, batch: Sequence[Write], response: Response) -> Sequence[Outcome]:
        answer = response.json()
        if response.status == 400:
            fault = Fault(
                FaultKind.INVALID, "bad_batch", "a record of the batch is invalid", str(answer.get("field", ""))
            )
            return [Outcome(Status.REFUSED if len(batch) == 1 else Status.SPLIT, fault=fault)] * len(batch)
        if not response.ok or not isinstance(answer, dict) or not isinstance(answer.get("results"), list):
            raise ContractBroken(f"expected results of the writes (HTTP {response.status})")
        results = {r["token"]: r for r in answer["results"]}
        return [_outcome(w, results.get(w.token)) for w in batch]

    def supports(self, op: Op, part: str) -> bool:
        return True


def _outcome(write: Write, result: dict[str, Any] | None) -> Outcome:
    if result is None:
        return Outcome(Status.IN_DOUBT, fault=Fault(FaultKind.IN_DOUBT, "no_result", "the answer is silent about it"))
    if result["status"] == "ok":
        person = result.get("person")
        shown = record(person) if person else None
        return Outcome(
            Status.APPLIED,
            result.get("id"),
            shown.raw if shown else None,
            raw_modified_at=shown.modified_at if shown else None,
        )
    if result["status"] == "gone":
        return Outcome(Status.REFUSED, gone=True)
    if result["status"] == "exists":
        return Outcome(
            Status.REFUSED, existing_id=result["id"], fault=Fault(FaultKind.CONFLICT, "exists", "the key is taken")
        )
    if result["status"] == "no_such_field":
        fault = Fault(FaultKind.MISCONFIGURED, "no_such_field", "it has no such field", str(result["field"]))
        return Outcome(Status.REFUSED, fault=fault)
    return Outcome(Status.REFUSED, fault=Fault(FaultKind.INVALID, "invalid", "refused", str(result.get("field", ""))))
