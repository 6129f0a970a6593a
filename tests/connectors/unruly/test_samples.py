"""The samples beside the connector: walks, writes, faults."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from ruamel.yaml import YAML

import connectors.unruly as package
from connectors.unruly import CONNECTOR
from hub.domain.keys import Key
from hub.domain.moments import parse
from hub.domain.observation import Record
from hub.domain.outcome import Outcome
from hub.domain.plan import Op, Write
from hub.sdk.http import Request, Response, get
from hub.sdk.streams import Cursor

FOLDER = Path(package.__file__).parent / "samples"


def sample(name: str) -> Any:
    return YAML(typ="safe").load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))


def response_of(said: dict[str, Any]) -> Response:
    body = orjson.dumps(said["json"]) if "json" in said else said["text"].encode()
    return Response(said["status"], body, said.get("headers", {}))


def agrees(request: Request, said: dict[str, Any]) -> None:
    assert (request.method, request.path) == (said["method"], said["path"])
    assert dict(request.query) == said.get("query", {})
    assert (orjson.loads(request.body) if request.body else None) == said.get("json")


@pytest.mark.parametrize("case", sample("people")["pages"], ids=lambda case: case["name"])
def test_page(case: dict[str, Any]) -> None:
    said = sample("people")
    stream = CONNECTOR.stream(said["stream"], CONNECTOR.settings(**said["settings"]), said["fields"])
    start = case.get("start", {})
    cursor = Cursor(start["cursor"]) if "cursor" in start else None
    position = case.get("position") or stream.start(cursor, parse(start["until"]))
    agrees(stream.request(position), case["request"])
    page, expect = stream.page(position, response_of(case["response"])), case["expect"]
    records = [Record(**{**r, "aliases": tuple(r.get("aliases", ()))}) for r in expect["records"]]
    assert list(page.records) == records
    assert page.next == expect.get("next")
    assert page.complete is expect["complete"]
    assert (page.cursor.at if page.cursor else None) == expect.get("cursor")
    assert len(page.complaints) == expect.get("complaints", 0)


@pytest.mark.parametrize("case", sample("writes")["writes"], ids=lambda case: case["name"])
def test_write(case: dict[str, Any]) -> None:
    said = sample("writes")
    sink = CONNECTOR.sink(said["sink"], CONNECTOR.settings(**said["settings"]), ())
    batch = [
        Write(
            Op(item["op"]),
            item.get("id"),
            Key.parse(item["key"]) if "key" in item else None,
            item["payload"],
            item["token"],
        )
        for item in case["batch"]
    ]
    if "request" in case:
        agrees(sink.request(batch), case["request"])
    assert [shown(o) for o in sink.outcomes(batch, response_of(case["response"]))] == case["expect"]


def shown(outcome: Outcome) -> dict[str, Any]:
    found = {
        "status": outcome.status.value,
        "remote_id": outcome.remote_id,
        "existing_id": outcome.existing_id,
        "gone": outcome.gone,
        "raw": outcome.raw,
        "fault": outcome.fault.kind.value if outcome.fault else None,
        "field": outcome.fault.field if outcome.fault else None,
    }
    return {name: value for name, value in found.items() if value}


@pytest.mark.parametrize("case", sample("faults")["faults"], ids=lambda case: str(case["expect"]))
def test_fault(case: dict[str, Any]) -> None:
    fault = CONNECTOR.classify(get("/people"), response_of(case["response"]))
    if case["expect"] is None:
        assert fault is None
        return
    assert fault is not None
    assert {name: getattr(fault, name) for name in case["expect"]} == case["expect"]
