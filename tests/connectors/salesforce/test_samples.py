"""The samples beside the connector: request, answer, and what becomes of it. No network."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from ruamel.yaml import YAML

from connectors.salesforce import CONNECTOR
from connectors.salesforce.settings import Settings
from hub.domain.keys import Key
from hub.domain.outcome import Fault, Outcome
from hub.domain.plan import Op, Write
from hub.sdk.http import ContractBroken, Request, Response
from hub.sdk.streams import Cursor, Position

FOLDER = Path(CONNECTOR.docs).parent / "samples"


def samples(part: str) -> list[Any]:
    """(document, case) of every case under `part`."""
    root = Path(__file__).parents[3] / FOLDER
    found = []
    for path in sorted(root.glob("*.yaml")):
        document = YAML(typ="safe", pure=True).load(path.read_text("utf-8"))
        assert document["connector"] == CONNECTOR.name
        cases = document.get(part, ())
        found.extend(pytest.param(document, case, id=f"{path.stem}: {case['name']}") for case in cases)
    assert found, f"no samples of {part}"
    return found


def response(given: dict[str, Any]) -> Response:
    body = given["text"].encode() if "text" in given else orjson.dumps(given["json"])
    return Response(given["status"], body, given.get("headers", {}))


def check_request(made: Request, expected: dict[str, Any] | None) -> None:
    if expected is None:
        return
    assert (made.method, made.path) == (expected["method"], expected["path"])
    if "query" in expected:
        assert dict(made.query) == expected["query"]
    if "json" in expected:
        assert orjson.loads(made.body or b"") == expected["json"]


def position(case: dict[str, Any], stream: Any) -> Position:
    if "position" in case:
        return dict(case["position"])
    start = case["start"]
    cursor = Cursor(start["cursor"]) if "cursor" in start else None
    made: Position = stream.start(cursor, datetime.fromisoformat(start["until"]))
    return made


@pytest.mark.parametrize(("document", "case"), samples("pages"))
def test_pages(document: dict[str, Any], case: dict[str, Any]) -> None:
    stream = CONNECTOR.stream(document["stream"], Settings(**document["settings"]), document["fields"])
    at = position(case, stream)
    check_request(stream.request(at), case.get("request"))
    expected = case["expect"]
    if "broken" in expected:
        with pytest.raises(ContractBroken, match=expected["broken"]):
            stream.page(at, response(case["response"]))
        return
    page = stream.page(at, response(case["response"]))
    assert page.next == expected.get("next")
    assert page.next != at
    assert page.complete is expected["complete"]
    assert (page.cursor.at if page.cursor else None) == expected.get("cursor")
    assert page.total == expected.get("total")
    assert [c.id for c in page.complaints] == expected.get("complaints", [])
    assert [r.id for r in page.records] == [r["id"] for r in expected["records"]]
    for record, wanted in zip(page.records, expected["records"], strict=True):
        assert record.modified_at == wanted["modified_at"]
        assert record.gone is wanted.get("gone", False)
        assert record.merged_into == wanted.get("merged_into")
        if "raw" in wanted:
            assert record.raw == wanted["raw"]


def write(given: dict[str, Any], number: int) -> Write:
    key = Key.parse(given["key"]) if "key" in given else None
    payload = given.get("payload", {})
    entity_id = given.get("entity_id", "")
    return Write(Op(given["op"]), given.get("remote_id"), key, payload, token=str(number), entity_id=entity_id)


def check_fault(made: Fault | None, wanted: dict[str, Any]) -> None:
    if "kind" not in wanted:
        assert made is None or made.kind == "split"
        return
    assert made is not None
    assert (made.kind, made.code) == (wanted["kind"], wanted["code"])
    assert made.field == wanted.get("field", "")
    assert wanted.get("message", "") in made.message
    if "retry_after" in wanted:
        assert made.retry_after == wanted["retry_after"]


@pytest.mark.parametrize(("document", "case"), samples("writes"))
def test_writes(document: dict[str, Any], case: dict[str, Any]) -> None:
    sink = CONNECTOR.sink(document["sink"], Settings(**document["settings"]), document["fields"])
    batch = [write(w, i) for i, w in enumerate(case["batch"])]
    assert len({sink.group(w) for w in batch}) == 1
    check_request(sink.request(batch), case.get("request"))
    if "broken" in case:
        with pytest.raises(ContractBroken, match=case["broken"]):
            sink.outcomes(batch, response(case["response"]))
        return
    outcomes = sink.outcomes(batch, response(case["response"]))
    assert len(outcomes) == len(case["expect"])
    for outcome, wanted in zip(outcomes, case["expect"], strict=True):
        check_outcome(outcome, wanted)


def check_outcome(outcome: Outcome, wanted: dict[str, Any]) -> None:
    assert outcome.status == wanted["status"]
    assert outcome.gone is wanted.get("gone", False)
    assert outcome.existing_id == wanted.get("existing_id")
    if "remote_id" in wanted:
        assert outcome.remote_id == wanted["remote_id"]
    check_fault(outcome.fault, wanted)


@pytest.mark.parametrize(("document", "case"), samples("faults"))
def test_faults(document: dict[str, Any], case: dict[str, Any]) -> None:
    path = case.get("path", "/services/data/v62.0/queryAll")
    made = CONNECTOR.classify(Request(case.get("method", "GET"), path), response(case["response"]))
    if case["expect"] is None:
        assert made is None
        return
    check_fault(made, case["expect"])
    assert made is not None
    assert "@" not in made.message
