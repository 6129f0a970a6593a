"""Asynchronous batches: queued, worked off later and in no promised order, with the results in a packed archive."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson

from connectors.mailchimp.sandbox.audience import digest
from connectors.mailchimp.sandbox.query import Call, page, shown, trimmed
from connectors.mailchimp.sandbox.replies import NOTHING, Refused, Reply, invalid, not_found

OPERATIONS_MAX = 1000
OPEN_MAX = 500
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
WORKED_OFF = timedelta(seconds=2)
EXPIRES = timedelta(days=7)
LINK_LASTS = timedelta(minutes=10)
STAGES = ("pending", "preprocessing", "started", "finalizing", "finished")
S3_DENIED = b"<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"

Perform = Callable[[str, str, Mapping[str, str], bytes], Reply]


@dataclass(slots=True)
class Batch:
    id: str
    operations: list[Mapping[str, Any]]
    submitted: datetime
    completed: datetime | None = None
    asked: int = 0
    errored: int = 0
    results: list[dict[str, Any]] = field(default_factory=list)


class Batches:
    """`perform` does one operation as if it had come by itself."""

    def __init__(self, now: Callable[[], datetime], perform: Perform) -> None:
        self._now = now
        self._perform = perform
        self._rows: dict[str, Batch] = {}

    def start(self, call: Call) -> Reply:
        operations = call.object().get("operations")
        if not isinstance(operations, list) or not operations:
            raise invalid([("operations", "This value should not be blank.")])
        if len(operations) > OPERATIONS_MAX:
            raise invalid([("operations", f"Array must contain at most {OPERATIONS_MAX} items")])
        for number, operation in enumerate(operations):
            if not isinstance(operation, Mapping) or not operation.get("path"):
                raise invalid([(f"operations.item:{number}", "Required fields were not provided: path")])
            if operation.get("method") not in METHODS:
                raise invalid([(f"operations.item:{number}.method", f"Value must be one of: {', '.join(METHODS)}")])
        if sum(1 for b in self._rows.values() if b.completed is None) >= OPEN_MAX:
            raise Refused(429, "Too Many Requests", f"You have more than {OPEN_MAX} pending batches.")
        batch = Batch(digest(f"batch {len(self._rows)} {self._now()}")[:10], operations, self._now())
        self._rows[batch.id] = batch
        return Reply(body=self._shown(batch, "pending", call.host))

    def get(self, call: Call) -> Reply:
        """Moves on with the clock, and at the latest with the fifth look."""
        batch = self._rows.get(call.ids["batch_id"])
        if batch is None or self._now() - batch.submitted >= EXPIRES:
            raise not_found()
        batch.asked += 1
        waited = int((self._now() - batch.submitted) / WORKED_OFF * (len(STAGES) - 1))
        stage = STAGES[min(max(waited, batch.asked), len(STAGES) - 1)]
        if stage == "finished" and batch.completed is None:
            self._work(batch)
        return Reply(body=trimmed(call, self._shown(batch, stage, call.host)))

    def listing(self, call: Call) -> Reply:
        rows = [self._shown(b, "finished" if b.completed else "pending", call.host) for b in self._rows.values()]
        body = {"batches": list(page(call, rows)), "total_items": len(rows), "_links": []}
        return Reply(body=trimmed(call, body))

    def drop(self, call: Call) -> Reply:
        if self._rows.pop(call.ids["batch_id"], None) is None:
            raise not_found()
        return NOTHING

    def archive(self, call: Call) -> Reply:
        """The results, for ten minutes after the link was made: a gzipped tar of JSON files."""
        batch = self._rows.get(call.ids["batch_id"])
        try:
            until = datetime.fromisoformat(call.query.get("until", ""))
        except ValueError:
            return Reply(403, raw=S3_DENIED, media="application/xml")
        if batch is None or batch.completed is None or self._now() > until:
            return Reply(403, raw=S3_DENIED, media="application/xml")
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as tar:
            folder = tarfile.TarInfo("./")
            folder.type = tarfile.DIRTYPE
            tar.addfile(folder)
            for number in range(0, len(batch.results), 100):
                text = orjson.dumps(batch.results[number : number + 100])
                info = tarfile.TarInfo(f"./{digest(f'{batch.id} {number}')[:10]}.json")
                info.size = len(text)
                tar.addfile(info, io.BytesIO(text))
        return Reply(raw=packed.getvalue(), media="application/gzip")

    def _work(self, batch: Batch) -> None:
        order = sorted(range(len(batch.operations)), key=lambda n: digest(f"{batch.id} {n}"))
        for number in order:
            operation = batch.operations[number]
            params = operation.get("params")
            query = {str(k): str(v) for k, v in params.items()} if isinstance(params, Mapping) else {}
            body = str(operation.get("body") or "").encode()
            path = "/3.0/" + str(operation["path"]).lstrip("/").removeprefix("3.0/")
            reply = self._perform(str(operation["method"]), path, query, body)
            batch.errored += reply.status >= 400
            batch.results.append(
                {
                    "status_code": reply.status,
                    "operation_id": operation.get("operation_id", ""),
                    "response": orjson.dumps(reply.body).decode() if reply.body is not None else "",
                }
            )
        batch.completed = self._now()

    def _shown(self, batch: Batch, stage: str, host: str) -> dict[str, Any]:
        done = stage == "finished"
        until = (self._now() + LINK_LASTS).isoformat().replace("+", "%2B")
        return {
            "id": batch.id,
            "status": stage,
            "total_operations": len(batch.operations),
            "finished_operations": len(batch.results),
            "errored_operations": batch.errored,
            "submitted_at": shown(batch.submitted),
            "completed_at": shown(batch.completed),
            "response_body_url": f"{host}/batch-results/{batch.id}.tar.gz?until={until}" if done else "",
            "_links": [],
        }
