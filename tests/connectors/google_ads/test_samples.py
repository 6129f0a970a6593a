"""The samples beside the connector: request made, answer read, faults named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from ruamel.yaml import YAML

import connectors.google_ads as package
from connectors.google_ads import CONNECTOR
from hub.domain.observation import Record
from hub.sdk.http import Response, get

FOLDER = Path(package.__file__).parent / "samples"


def sample(name: str) -> Any:
    return YAML(typ="safe").load((FOLDER / f"{name}.yaml").read_text())


def response_of(said: dict[str, Any]) -> Response:
    body = orjson.dumps(said["json"]) if "json" in said else said["text"].encode()
    return Response(said["status"], body)


@pytest.mark.parametrize("name", ["campaigns", "daily"])
def test_stream(name: str) -> None:
    said = sample(name)
    stream = CONNECTOR.stream(said["stream"], CONNECTOR.settings(**said["settings"]), ())
    request = stream.request(said["position"])
    assert (request.method, request.path) == (said["request"]["method"], said["request"]["path"])
    assert orjson.loads(request.body or b"") == said["request"]["json"]
    page = stream.page(said["position"], response_of(said["response"]))
    assert [*page.records] == [Record(record["id"], record["raw"]) for record in said["expect"]["records"]]
    assert page.complete is said["expect"]["complete"]
    assert page.next == said["expect"].get("next")
    assert (page.cursor.at if page.cursor else None) == said["expect"].get("cursor")
    assert page.complaints == ()


@pytest.mark.parametrize("case", sample("faults")["faults"], ids=lambda case: str(case["expect"]))
def test_fault(case: dict[str, Any]) -> None:
    fault = CONNECTOR.classify(get("/"), response_of(case["response"]))
    if case["expect"] is None:
        assert fault is None
        return
    assert fault is not None
    for name, value in case["expect"].items():
        assert getattr(fault, name) == value, name


def test_fault_texts_carry_no_values_but_field_names() -> None:
    said = {
        "error": {
            "code": 400,
            "details": [
                {
                    "errors": [
                        {
                            "errorCode": {"queryError": "BAD_VALUE"},
                            "message": "Bad 'Anna Smith' for 'campaign.name' in 1234567890 by anna@x.example",
                        }
                    ]
                }
            ],
        }
    }
    fault = CONNECTOR.classify(get("/"), Response(400, orjson.dumps(said)))
    assert fault is not None
    assert "campaign.name" in fault.message
    for secret in ("Anna", "1234567890", "anna@x.example"):
        assert secret not in fault.message
