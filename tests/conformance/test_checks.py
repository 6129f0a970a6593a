"""The checks are checked: each kind of departure is planted once, and must be found."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from tests.conformance.descriptions import Allowance, Descriptions, Violation, settle
from tests.conformance.google_check import GoogleTables
from tests.conformance.openapi import Description
from tests.conformance.recording import Exchange
from tests.conformance.salesforce_check import StandardObjects

CONTACT = {
    "id": "1",
    "properties": {"email": "a@x.example"},
    "createdAt": "2026-01-05T09:00:00Z",
    "updatedAt": "2026-01-05T09:00:00Z",
}


def exchange(method: str, path: str, sent: Any = None, answered: Any = None, **more: Any) -> Exchange:
    query = tuple(more.get("query", {}).items())
    body = b"" if sent is None else orjson.dumps(sent)
    answer = b"" if answered is None else orjson.dumps(answered)
    return Exchange(method, path, query, "application/json", body, more.get("status", 200), answer)


def pointers(found: Any) -> set[str]:
    return {violation.pointer for violation in found}


@pytest.mark.parametrize(
    ("sent", "answered", "query", "status", "pointer"),
    [
        (None, {"results": [CONTACT]}, {"limit": "100"}, 200, None),
        (None, {"results": [CONTACT]}, {"limit": "many"}, 200, "query/limit"),
        (None, {"results": [CONTACT]}, {"pagesize": "5"}, 200, "query/pagesize"),
        (None, {"results": [CONTACT]}, {"archived": "yes"}, 200, "query/archived"),
        ({}, {"results": [CONTACT]}, {}, 200, "request"),
        (None, {"results": [{**CONTACT, "createdAt": "yesterday"}]}, {}, 200, "response/results/0/createdAt"),
        (None, {"results": [{**CONTACT, "id": 1}]}, {}, 200, "response/results/0/id"),
        (None, {"results": [{**CONTACT, "stars": 5}]}, {}, 200, "response/results/0"),
        (None, {"results": [{"id": "1"}]}, {}, 200, "response/results/0"),
        (None, {"contacts": []}, {}, 200, "response"),
        (None, {"results": []}, {}, 202, "status"),
    ],
)
def test_openapi(descriptions: Descriptions, sent, answered, query, status, pointer) -> None:
    description = Description("hubspot", descriptions.read("hubspot", "crm-contacts.json"))
    made = exchange("GET", "/crm/v3/objects/contacts", sent, answered, query=query, status=status)
    operation = description.find(made)
    assert operation is not None
    assert pointers(description.check(operation, made)) == ({pointer} if pointer else set())


def test_openapi_request_bodies_and_paths(descriptions: Descriptions) -> None:
    description = Description("hubspot", descriptions.read("hubspot", "crm-contacts.json"))
    path = "/crm/v3/objects/contacts/batch/archive"
    for body, expected in (
        ({"inputs": [{"id": "1"}]}, set()),
        ({"inputs": [{"id": 1}]}, {"request/inputs/0/id"}),
        ({"inputs": [{"id": "1", "email": "x"}]}, {"request/inputs/0"}),
        ({"ids": ["1"]}, {"request"}),
    ):
        made = exchange("POST", path, body, status=204)
        operation = description.find(made)
        assert operation is not None
        assert pointers(description.check(operation, made)) == expected
    assert description.find(exchange("PUT", path)) is None
    assert description.find(exchange("GET", "/crm/v3/objects/contacts/1/extra")) is None
    literal = description.find(exchange("POST", "/crm/v3/objects/contacts/search"))
    assert literal is not None
    assert literal.template.endswith("/search")


@pytest.mark.parametrize(
    ("query", "row", "pointer"),
    [
        ("SELECT Id,Email,Owner.Email,X__c FROM Contact WHERE Id > '1' ORDER BY Id", {"Email": None}, None),
        ("SELECT Id,Mail FROM Contact", {}, "query/q/Mail"),
        ("SELECT Id,Boss.Email FROM Contact", {}, "query/q/Boss.Email"),
        ("SELECT Id FROM Contact WHERE Modified > 1", {}, "query/q/Modified"),
        ("SELECT Id FROM Contact", {"IsDeleted": "false"}, "response/records/0/IsDeleted"),
        ("SELECT Id FROM Contact", {"LastName": None}, "response/records/0/LastName"),
        ("SELECT Id FROM Contact", {"SystemModstamp": "2026-01-05 09:00"}, "response/records/0/SystemModstamp"),
        ("SELECT Id FROM Contact", {"Mail": "x"}, "response/records/0/Mail"),
    ],
)
def test_salesforce(descriptions: Descriptions, query: str, row: dict[str, Any], pointer: str | None) -> None:
    table = StandardObjects(descriptions.read("salesforce", "standard-objects.json"))
    answered = {"records": [{"attributes": {"type": "Contact"}, **row}]}
    made = exchange("GET", "/services/data/v62.0/query", None, answered, query={"q": query})
    assert pointers(table.check(made)) == ({pointer} if pointer else set())


def test_salesforce_writes(descriptions: Descriptions) -> None:
    table = StandardObjects(descriptions.read("salesforce", "standard-objects.json"))
    record = {"attributes": {"type": "Lead"}, "id": "00Q", "Company": 5, "Zip": "1"}
    made = exchange("PATCH", "/services/data/v62.0/composite/sobjects", {"records": [record]}, [])
    assert pointers(table.check(made)) == {"request/records/0/Company", "request/records/0/Zip"}


@pytest.mark.parametrize(
    ("columns", "row", "pointer"),
    [
        ("campaign.id, metrics.clicks", {"campaign": {"id": "1"}, "metrics": {"clicks": "2"}}, None),
        ("campaign.idd", {}, "request/query/campaign.idd"),
        ("metrics.klicks", {}, "request/query/metrics.klicks"),
        ("campaign.id", {"campaign": {"id": 1}}, "response/0/results/0/campaign/id"),
        ("campaign.id", {"campaign": {"status": "LIVE"}}, "response/0/results/0/campaign/status"),
        ("campaign.id", {"campaign": {"start_date_time": "x"}}, "response/0/results/0/campaign/start_date_time"),
        ("campaign.id", {"campagne": {}}, "response/0/results/0/campagne"),
    ],
)
def test_google_ads(descriptions: Descriptions, columns: str, row: dict[str, Any], pointer: str | None) -> None:
    names = ("resources", "metrics", "enums")
    tables = GoogleTables(*(descriptions.read("google-ads", f"v26-{name}.json") for name in names))
    query = (
        f"SELECT {columns} FROM campaign WHERE segments.date BETWEEN '2026-01-01' AND '2026-01-02' ORDER BY campaign.id"
    )
    made = exchange("POST", "/v26/customers/1/googleAds:searchStream", {"query": query}, [{"results": [row]}])
    assert pointers(tables.check(made)) == ({pointer} if pointer else set())


def test_allowances_cover_what_they_name_and_nothing_else() -> None:
    allowance = Allowance("v", r"response/results/\d+/x", "because", said="None")
    covered = Violation("v", "GET /a", "response/results/3/x", "None is not a text")
    others = [
        Violation("v", "GET /a", "response/results/3/y", "None is not a text"),
        Violation("v", "GET /a", "response/results/3/x", "5 is not a text"),
        Violation("w", "GET /a", "response/results/3/x", "None is not a text"),
    ]
    assert settle([covered, *others], [allowance]) == others
    assert allowance.used == 1


def test_a_missing_file_fails(descriptions: Descriptions) -> None:
    with pytest.raises(pytest.fail.Exception, match=r"no hubspot/nothing\.json"):
        descriptions.read("hubspot", "nothing.json")
