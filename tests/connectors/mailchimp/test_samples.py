"""The samples beside the connector: request made, answer read, outcomes told, faults named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from ruamel.yaml import YAML

import connectors.mailchimp as package
from connectors.mailchimp import CONNECTOR
from hub.domain.keys import Key
from hub.domain.moments import parse
from hub.domain.observation import Record
from hub.domain.outcome import Fault, Status
from hub.domain.plan import Op, Write
from hub.sdk.http import Request, Response
from hub.sdk.streams import Cursor

FOLDER = Path(package.__file__).parent / "samples"


def sample(name: str) -> Any:
    return YAML(typ="safe").load((FOLDER / f"{name}.yaml").read_text())


def cases(name: str, part: str) -> list[Any]:
    said = sample(name)
    return [pytest.param(said, case, id=case["name"]) for case in said[part]]


def response_of(said: dict[str, Any]) -> Response:
    body = orjson.dumps(said["json"]) if "json" in said else said["text"].encode()
    return Response(said["status"], body)


def same_request(request: Request, said: dict[str, Any]) -> None:
    assert (request.method, request.path) == (said["method"], said["path"])
    query = dict(request.query)
    for name, value in said.get("query", {}).items():
        assert query[name] == value, name
    if "status" in query:
        assert query["status"] == said["query"]["status"]
    if "json" in said:
        assert orjson.loads(request.body or b"") == said["json"]


@pytest.mark.parametrize(("said", "case"), [*cases("members", "pages"), *cases("mailings", "pages")])
def test_page(said: dict[str, Any], case: dict[str, Any]) -> None:
    stream = CONNECTOR.stream(said["stream"], CONNECTOR.settings(**said["settings"]), said["fields"])
    if "start" in case:
        cursor = Cursor(case["start"]["cursor"]) if "cursor" in case["start"] else None
        position = stream.start(cursor, parse(case["start"]["until"]))
    else:
        position = dict(case["position"])
    assert orjson.loads(orjson.dumps(position)) == position
    same_request(stream.request(position), case["request"])
    page, expect = stream.page(position, response_of(case["response"])), case["expect"]
    assert list(page.records) == [
        Record(r["id"], r["raw"], r.get("modified_at"), aliases=tuple(r.get("aliases", ()))) for r in expect["records"]
    ]
    assert page.next == expect.get("next")
    assert page.complete is expect["complete"]
    assert (page.cursor.at if page.cursor else None) == expect.get("cursor")
    assert page.total == expect["total"]
    assert [{"id": c.id, "field": c.field} for c in page.complaints] == expect.get("complaints", [])


def write_of(said: dict[str, Any]) -> Write:
    key = Key.parse(said["key"]) if "key" in said else None
    return Write(Op(said["op"]), said.get("id"), key, said.get("payload", {}), part=said.get("part", ""))


def same_fault(fault: Fault | None, said: dict[str, Any] | None) -> None:
    if said is None:
        assert fault is None
        return
    assert fault is not None
    for name, value in said.items():
        assert getattr(fault, name) == value, name
    assert "@" not in fault.message


@pytest.mark.parametrize(("said", "case"), cases("writes", "writes"))
def test_write(said: dict[str, Any], case: dict[str, Any]) -> None:
    sink = CONNECTOR.sink(said["sink"], CONNECTOR.settings(**said["settings"]), said["fields"])
    writes = [write_of(w) for w in case["writes"]]
    assert {sink.group(w) for w in writes} == {case["group"]}
    request = sink.request(writes)
    same_request(request, case["request"])
    assert request.repeatable is case.get("repeatable", True)
    outcomes = sink.outcomes(writes, response_of(case["response"]))
    assert len(outcomes) == len(writes)
    for outcome, expect in zip(outcomes, case["outcomes"], strict=True):
        assert outcome.status is Status(expect["status"])
        same_fault(outcome.fault, expect.get("fault"))
        for name in ("remote_id", "existing_id", "raw", "raw_modified_at"):
            assert getattr(outcome, name) == expect.get(name), name
        assert outcome.gone is expect.get("gone", False)


@pytest.mark.parametrize(("said", "case"), cases("faults", "faults"))
def test_fault(said: dict[str, Any], case: dict[str, Any]) -> None:
    request = Request(case.get("method", "GET"), case.get("path", "/3.0/ping"))
    same_fault(CONNECTOR.classify(request, response_of(case["response"])), case["expect"])
