"""A HubSpot that fails about one request in twelve: 5xx before and after, 429, HTML pages, cut JSON."""

from __future__ import annotations

from connectors.hubspot import CONNECTOR
from connectors.hubspot.sandbox import HubSpotSandbox
from hub.domain.outcome import FaultKind, Status
from hub.domain.plan import Op, Write
from hub.sdk.http import ContractBroken, Request, Response
from hub.sdk.sandbox import SandboxOptions
from tests.connectors.hubspot.stage import Stage


def rude(people: int) -> Stage:
    stage = Stage(people=0)
    stage.sandbox = HubSpotSandbox(SandboxOptions(seed=5, people=people, faults="heavy", clock=stage.clock))
    return stage


def answer(stage: Stage, request: Request) -> Response | None:
    """The answer, or None when the request must be asked again."""
    stage.clock.step(1)
    try:
        response = stage.raw_send(stage.auth.sign(request, None))
    except Exception:  # the line was dropped
        return None
    fault = CONNECTOR.classify(request, response)
    if fault is None:
        return response
    assert fault.kind in (FaultKind.TRANSIENT, FaultKind.RATE_LIMITED)
    return None


def test_a_walk_keeps_nothing_of_a_bad_answer_and_loses_nobody():
    stage = rude(4_000)
    stream = stage.stream()
    position, ids, broken, asked = stream.start(None, stage.clock()), [], 0, 0
    while position:
        asked += 1
        assert asked < 500
        response = answer(stage, stream.request(position))
        if response is None:
            broken += 1
            continue
        try:
            page = stream.page(position, response)
        except ContractBroken:
            broken += 1
            continue
        ids += [record.id for record in page.records]
        position = page.next
    assert ids == stage.sandbox.people.ids()
    assert broken > 0, "the sandbox was too polite to show anything"


def test_no_bad_answer_to_a_write_is_taken_for_a_success():
    stage = rude(0)
    sink, people = stage.sink(), stage.sandbox.people
    doubtful = 0
    for number in range(120):
        batch = [
            Write(Op.CREATE, None, None, {"email": f"p{number}.{i}@people.example"}, token=str(i)) for i in range(3)
        ]
        response = answer(stage, sink.request(batch))
        try:
            outcomes = [] if response is None else sink.outcomes(batch, response)
        except ContractBroken:
            outcomes = []
        doubtful += not outcomes
        for outcome, write in zip(outcomes, batch, strict=False):
            assert outcome.status is Status.APPLIED
            assert people.get(outcome.remote_id)["email"] == write.payload["email"]
    assert doubtful > 0
