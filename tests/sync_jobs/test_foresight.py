"""Calls are foreseen as they would be made."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from hub.domain.plan import Change, Op, Write
from sync_jobs.foresight import Calls


@dataclass
class Sink:
    batch_max: int = 100
    look_max: int = 50
    upserts_by_key: bool = False
    shows_record: bool = True

    def group(self, write: Write) -> str:
        return str(write.op)


def foreseen(sink: Sink, creates: int = 0, updates: int = 0) -> int:
    calls = Calls(sink)  # type: ignore[arg-type]
    for op, number in ((Op.CREATE, creates), (Op.UPDATE, updates)):
        for _ in range(number):
            calls.add(Change(op, "e", "crm", "contacts", None, None), Write(op, None, None))
    return calls.total


@pytest.mark.parametrize(
    ("sink", "creates", "updates", "calls"),
    [
        (Sink(), 0, 0, 0),
        (Sink(), 0, 101, 3 + 2),  # looked at by fifties, written by hundreds
        (Sink(), 101, 0, 3 + 2),  # looked for by fifties
        (Sink(upserts_by_key=True), 101, 0, 2),
        (Sink(shows_record=False), 0, 101, 3 + 2 + 3),  # and read back
        (Sink(look_max=1, batch_max=1), 0, 10, 10 + 10),
        (Sink(look_max=1, batch_max=1), 0, 11, 1 + 11),  # one read of what changed instead of eleven looks
    ],
)
def test_calls(sink: Sink, creates: int, updates: int, calls: int) -> None:
    assert foreseen(sink, creates, updates) == calls
