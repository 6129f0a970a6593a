"""The samples beside the connector: walks, a look, a write."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
from ruamel.yaml import YAML

import connectors.csv as package
from connectors.csv import CONNECTOR
from hub.domain.keys import Key
from hub.domain.observation import Record
from hub.domain.plan import Op, Write
from hub.sdk.http import Request, Response
from tests.connectors.csv.walks import NOW

FOLDER = Path(package.__file__).parent / "samples"


def sample(name: str) -> Any:
    return YAML(typ="safe").load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))


def response_of(said: dict[str, Any]) -> Response:
    body = orjson.dumps(said["json"]) if "json" in said else said.get("text", "").encode()
    return Response(said["status"], body, said.get("headers", {}))


def agrees(request: Request, said: dict[str, Any]) -> None:
    assert (request.method, request.path) == (said["method"], said["path"])
    headers = dict(request.headers)
    assert said.get("headers", {}).items() <= headers.items()
    if "text" in said:
        assert (request.body or b"").decode() == said["text"]


def test_contacts() -> None:
    said = sample("contacts")
    stream = CONNECTOR.stream(said["stream"], CONNECTOR.settings(**said["settings"]), ())
    position: Any = stream.start(None, NOW)
    for step in said["steps"]:
        agrees(stream.request(position), step["request"])
        page = stream.page(position, response_of(step["response"]))
        expect = step["expect"]
        assert [*page.records] == [Record(record["id"], record["raw"]) for record in expect["records"]]
        assert [complaint.message for complaint in page.complaints] == expect.get("complaints", [])
        assert (page.complete, page.whole) == (expect["complete"], expect.get("whole", False))
        assert (page.cursor is not None) == expect.get("cursor", False)
        position = page.next
    assert position is None


def test_hub_contacts() -> None:
    said = sample("hub_contacts")
    sink = CONNECTOR.sink(said["sink"], CONNECTOR.settings(**said["settings"]), ())
    look = said["look"]
    agrees(sink.read(look["asked"]), look["request"])
    found = sink.found(look["asked"], response_of(look["response"]))
    assert [*found.records] == [Record(record["id"], record["raw"]) for record in look["expect"]["records"]]
    assert (list(found.missing), found.next) == (look["expect"]["missing"], None)
    batch = [
        Write(
            Op(item["op"]),
            item.get("remote_id"),
            Key.parse(item["key"]) if "key" in item else None,
            item["payload"],
            str(number),
            entity_id=item.get("entity_id", ""),
        )
        for number, item in enumerate(said["write"]["batch"])
    ]
    agrees(sink.request(batch), said["write"]["request"])
    for case in said["refused"]:
        other = CONNECTOR.sink(said["sink"], CONNECTOR.settings(**said["settings"]), ())
        other.read(look["asked"])
        other.found(look["asked"], response_of(look["response"]))
        for outcome in other.outcomes(batch, response_of(case["response"])):
            assert outcome.fault is not None
            assert (outcome.status.value, outcome.fault.kind.value) == (
                case["expect"]["status"],
                case["expect"]["fault"],
            )
    outcomes = sink.outcomes(batch, response_of(said["write"]["response"]))
    shown = [{"status": outcome.status.value, "remote_id": outcome.remote_id} for outcome in outcomes]
    assert shown == said["write"]["expect"]
