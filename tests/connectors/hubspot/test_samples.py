"""The samples beside the connector: positions to requests, answers to pages and outcomes, errors to faults."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from ruamel.yaml import YAML

import connectors.hubspot as package
from connectors.hubspot import CONNECTOR
from hub.domain.keys import Key
from hub.domain.observation import Record
from hub.domain.outcome import Outcome
from hub.domain.plan import Op, Write
from hub.sdk.http import Request, Response, get
from hub.sdk.streams import Cursor

FOLDER = Path(package.__file__).parent / "samples"


def sample(name: str) -> Any:
    return YAML(typ="safe").load((FOLDER / f"{name}.yaml").read_text())


def response_of(said: dict[str, Any]) -> Response:
    return Response(said["status"], orjson.dumps(said["json"]) if "json" in said else said["text"].encode())


def assert_request(request: Request, said: dict[str, Any]) -> None:
    assert (request.method, request.path) == (said["method"], said["path"])
    assert request.bucket == said.get("bucket", "default")
    assert dict(request.query) == said.get("query", {})
    assert (orjson.loads(request.body) if request.body else None) == said.get("json")


@pytest.mark.parametrize("step", sample("walk")["steps"], ids=lambda step: step["about"])
def test_walk(step: dict[str, Any]) -> None:
    said = sample("walk")
    stream = CONNECTOR.stream("contacts", CONNECTOR.settings(**said["settings"]), said["fields"])
    assert_request(stream.request(step["position"]), step["request"])
    page = stream.page(step["position"], response_of(step["response"]))
    expect = step["expect"]
    records = [Record(**{**r, "aliases": tuple(r.get("aliases", ()))}) for r in expect.get("records", ())]
    assert list(page.records) == records
    assert page.next == expect.get("next")
    assert page.cursor == (Cursor(**expect["cursor"]) if "cursor" in expect else None)
    assert page.complete is expect.get("complete", False)
    assert page.total == expect.get("total")
    assert page.complaints == ()


@pytest.mark.parametrize("case", sample("writes")["writes"], ids=lambda case: case["about"])
def test_write(case: dict[str, Any]) -> None:
    sink = CONNECTOR.sink("contacts", CONNECTOR.settings(**case.get("settings", {})), ("email",))
    batch = [
        Write(
            Op(item["op"]),
            item.get("remote_id"),
            Key.parse(item["key"]) if "key" in item else None,
            item.get("payload", {}),
            item.get("token", ""),
            item.get("part", ""),
        )
        for item in case["batch"]
    ]
    if "request" in case:
        assert_request(sink.request(batch), case["request"])
    assert [shown(o) for o in sink.outcomes(batch, response_of(case["response"]))] == case["expect"]


def shown(outcome: Outcome) -> dict[str, Any]:
    found = {
        "status": outcome.status.value,
        "remote_id": outcome.remote_id,
        "existing_id": outcome.existing_id,
        "gone": outcome.gone,
    }
    if outcome.fault and outcome.status.value != "split":
        found |= {"code": outcome.fault.code, "field": outcome.fault.field}
    return {name: value for name, value in found.items() if value}


@pytest.mark.parametrize("case", sample("faults")["faults"], ids=lambda case: str(case["expect"]))
def test_fault(case: dict[str, Any]) -> None:
    fault = CONNECTOR.classify(get("/"), response_of(case["response"]))
    if case["expect"] is None:
        assert fault is None
        return
    assert fault is not None
    assert {name: getattr(fault, name) for name in case["expect"]} == case["expect"]
