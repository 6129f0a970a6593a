"""What somebody else says: the protobuf classes of Google's own client read our answers and know our fields."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import orjson
import pytest
from google.ads.googleads.v26.enums.types.advertising_channel_type import AdvertisingChannelTypeEnum
from google.ads.googleads.v26.enums.types.campaign_status import CampaignStatusEnum
from google.ads.googleads.v26.errors.types.errors import GoogleAdsFailure
from google.ads.googleads.v26.resources.types.google_ads_field import GoogleAdsField
from google.ads.googleads.v26.services.types.google_ads_field_service import SearchGoogleAdsFieldsResponse
from google.ads.googleads.v26.services.types.google_ads_service import (
    GoogleAdsRow,
    SearchGoogleAdsRequest,
    SearchGoogleAdsResponse,
    SearchGoogleAdsStreamRequest,
    SearchGoogleAdsStreamResponse,
)
from google.protobuf import json_format
from ruamel.yaml import YAML

import connectors.google_ads as package
import mappings
from connectors.google_ads import CONNECTOR, queries
from connectors.google_ads.sandbox import fields
from connectors.google_ads.sandbox.gaql import Parser
from hub.sdk.http import Request
from tests.connectors.google_ads.driver import Driver

FAILURE = "type.googleapis.com/google.ads.googleads.v26.errors.GoogleAdsFailure"


def parse(message: Any, body: object) -> Any:
    """Strictly: an unknown name, enum word or a wrong type fails."""
    return json_format.ParseDict(body, message.pb()())


def failure(body: Any) -> Any:
    error = (body[0] if isinstance(body, list) else body)["error"]
    detail = {key: value for key, value in error["details"][0].items() if key != "@type"}
    assert error["details"][0]["@type"] == FAILURE
    return parse(GoogleAdsFailure, detail)


def has_field(descriptor: Any, name: str) -> bool:
    for part in name.split("."):
        if descriptor is None or part not in descriptor.fields_by_name:
            return False
        descriptor = descriptor.fields_by_name[part].message_type
    return True


def asked_fields() -> list[str]:
    """Every field of every query that the connector sends, with the fields that the library mappings read."""
    settings = CONNECTOR.settings(customer_id="1234567890")
    names: set[str] = set()
    for request in (
        queries.account(settings),
        queries.campaigns(settings, queries.CAMPAIGN_FIELDS, 0),
        queries.daily(settings, queries.DAILY_FIELDS, "2026-01-01", "2026-01-31", 0),
    ):
        query = Parser(text(request), date(2026, 1, 31)).parse()
        names |= {*query.mask, *(c.fact.name for c in query.where), *(fact.name for fact, _ in query.order)}
    return sorted(names)


def text(request: Request) -> str:
    query: str = orjson.loads(request.body or b"")["query"]
    return query


def test_google_knows_every_field_that_we_ask_for() -> None:
    descriptor = GoogleAdsRow.pb().DESCRIPTOR
    names = asked_fields()
    assert len(names) > 20
    assert [name for name in names if not has_field(descriptor, name)] == []


def test_google_knows_every_field_of_the_sandbox() -> None:
    descriptor = GoogleAdsRow.pb().DESCRIPTOR
    assert [name for name in fields.FIELDS if not has_field(descriptor, name)] == []
    for name, words in fields.ENUMS.items():
        *path, last = name.split(".")
        message = descriptor
        for part in path:
            message = message.fields_by_name[part].message_type
        known = {value.name for value in message.fields_by_name[last].enum_type.values}
        assert set(words) <= known, name


def test_json_names_are_googles() -> None:
    descriptor = GoogleAdsRow.pb().DESCRIPTOR
    for name in fields.FIELDS:
        head, last = name.split(".")
        message = descriptor.fields_by_name[head]
        assert f"{message.json_name}.{message.message_type.fields_by_name[last].json_name}" == queries.json_path(name)
        assert queries.gaql_name(queries.json_path(name)) == name


def test_mapping_tables_use_googles_words() -> None:
    folder = Path(mappings.__file__).parent / "library" / "google_ads"
    document = YAML(typ="safe").load((folder / "campaigns.yaml").read_text())
    channels = set(AdvertisingChannelTypeEnum.AdvertisingChannelType.__members__)
    statuses = set(CampaignStatusEnum.CampaignStatus.__members__)
    assert set(document["fields"]["channel"]["table"]) <= channels
    assert set(document["fields"]["status"]["table"]) == statuses - {"UNKNOWN", "UNSPECIFIED"}


def test_walk_answers_are_stream_responses() -> None:
    driver = Driver(changes={"history_from": "2025-11-01"})
    rows = 0
    for stream in ("campaigns", "daily"):
        position: dict[str, Any] | None = CONNECTOR.stream(stream, driver.settings, ()).start(None, driver.clock())
        built = CONNECTOR.stream(stream, driver.settings, ())
        while position is not None:
            request = built.request(position)
            parse(SearchGoogleAdsStreamRequest, orjson.loads(request.body or b""))
            response = driver.ask(request)
            for batch in response.json():
                message = parse(SearchGoogleAdsStreamResponse, batch)
                rows += len(message.results)
                assert message.request_id
                for row in message.results:
                    assert row.campaign.id or row.customer.id
            position = built.page(position, response).next
    assert rows > 500


def test_paged_search_and_fields() -> None:
    driver = Driver()
    base = f"/v26/customers/{driver.settings.customer_id}/googleAds:search"
    body = {"query": "SELECT campaign.id, campaign.name FROM campaign ORDER BY campaign.id DESC LIMIT 3"}
    parse(SearchGoogleAdsRequest, body)
    answer = driver.ask(Request("POST", base, body=orjson.dumps(body)))
    message = parse(SearchGoogleAdsResponse, answer.json())
    ids = [row.campaign.id for row in message.results]
    assert ids == sorted(ids, reverse=True)
    assert len(ids) == 3
    for name in ("campaigns", "daily"):
        stream = CONNECTOR.stream(name, driver.settings, ())
        request = stream.describe()
        assert request is not None
        response = driver.ask(request)
        found = parse(SearchGoogleAdsFieldsResponse, response.json())
        assert len(found.results) > 5
        shown = {field.path: field for field in stream.fields(response)}
        assert not any(field.creatable or field.updatable for field in shown.values())
        always = queries.CAMPAIGN_FIELDS if name == "campaigns" else queries.DAILY_FIELDS
        assert set(always) <= set(shown)
        if name == "campaigns":
            assert "REMOVED" in shown["campaign.status"].choices
            assert "campaign.labels" not in shown  # repeated


@pytest.mark.parametrize(
    ("query", "kind", "code"),
    [
        ("SELECT campaign.nope FROM campaign", "query_error", "UNRECOGNIZED_FIELD"),
        ("SELECT campaign.id FROM campaigns", "query_error", "BAD_RESOURCE_TYPE_IN_FROM_CLAUSE"),
        ("SELECT campaign.id", "query_error", "EXPECTED_FROM"),
        ("campaign.id FROM campaign", "query_error", "EXPECTED_SELECT"),
        ("SELECT campaign.id, segments.date FROM campaign", "query_error", "EXPECTED_FILTERS_ON_DATE_RANGE"),
        (
            "SELECT campaign.id, segments.date FROM campaign WHERE segments.date >= '2026-01-01'",
            "query_error",
            "EXPECTED_FILTERS_ON_DATE_RANGE",
        ),
        (
            "SELECT segments.conversion_action_name, metrics.clicks FROM campaign",
            "query_error",
            "PROHIBITED_SEGMENT_WITH_METRIC_IN_SELECT_OR_WHERE_CLAUSE",
        ),
        (
            "SELECT customer_client.id, metrics.clicks FROM customer_client",
            "query_error",
            "PROHIBITED_METRIC_IN_SELECT_OR_WHERE_CLAUSE",
        ),
        ("SELECT customer_client.id FROM campaign", "query_error", "PROHIBITED_RESOURCE_TYPE_IN_SELECT_CLAUSE"),
        ("SELECT campaign.id FROM campaign WHERE metrics.clicks > 1", "query_error", None),
        ("SELECT campaign.id FROM campaign WHERE campaign.status = 'ALIVE'", "query_error", "BAD_ENUM_CONSTANT"),
        ("SELECT campaign.id FROM campaign WHERE campaign.name > 'a'", "query_error", "OPERATOR_FIELD_MISMATCH"),
        ("SELECT campaign.id FROM campaign WHERE campaign.id = 'x'", "query_error", "BAD_NUMBER"),
        ("SELECT campaign.id FROM campaign WHERE campaign.name = x", "query_error", "INVALID_STRING_VALUE"),
        ("SELECT campaign.id FROM campaign WHERE campaign.name = 'x", "query_error", "STRING_NOT_TERMINATED"),
        (
            "SELECT campaign.id FROM campaign WHERE campaign.id IN ()",
            "query_error",
            "PROHIBITED_EMPTY_LIST_IN_CONDITION",
        ),
        (
            "SELECT campaign.id FROM campaign WHERE segments.date DURING LAST_CENTURY",
            "query_error",
            "INVALID_VALUE_WITH_DURING_OPERATOR",
        ),
        (
            "SELECT campaign.id FROM campaign WHERE segments.date BETWEEN '2026-02-01' AND '2026-01-01'",
            "query_error",
            "DATE_RANGE_TOO_NARROW",
        ),
        ("SELECT campaign.id FROM campaign WHERE segments.date = '2026-02-30'", "query_error", "INVALID_DATE_FORMAT"),
        ("SELECT campaign.id FROM campaign LIMIT 0", "query_error", "LIMIT_VALUE_TOO_LOW"),
        ("SELECT campaign.id FROM campaign LIMIT many", "query_error", "BAD_LIMIT_VALUE"),
        ("SELECT campaign.id FROM campaign OR", "query_error", "UNEXPECTED_INPUT"),
        ("SELECT campaign.final_url_suffix FROM campaign ORDER BY campaign.final_url_suffix", "query_error", None),
        ("", "request_error", "REQUIRED_FIELD_MISSING"),
    ],
)
def test_refusals_are_failures_that_google_knows(query: str, kind: str, code: str | None) -> None:
    driver = Driver()
    response = driver.ask(queries.search(driver.settings, query))
    assert response.status == 400
    message = failure(response.json())
    oneof = message.errors[0].error_code
    assert oneof.WhichOneof("error_code") == kind
    number = getattr(oneof, kind)
    word = oneof.DESCRIPTOR.fields_by_name[kind].enum_type.values_by_number[number].name
    assert code is None or word == code
    fault = CONNECTOR.classify(queries.search(driver.settings, query), response)
    assert fault is not None
    assert fault.code == word


def test_metrics_of_a_manager_are_refused() -> None:
    driver = Driver(changes={"customer_id": "9990000001"})
    response = driver.ask(queries.search(driver.settings, "SELECT metrics.clicks FROM customer"))
    assert failure(response.json()).errors[0].error_code.query_error == 59
    clients = driver.ask(
        queries.search(
            driver.settings,
            "SELECT customer_client.id, customer_client.level FROM customer_client WHERE customer_client.level <= 1",
        )
    )
    rows = parse(SearchGoogleAdsStreamResponse, clients.json()[0]).results
    assert next((row.customer_client.id, row.customer_client.level) for row in rows) == (9990000001, 0)
    assert {row.customer_client.level for row in rows} == {0, 1}


def test_quota_failure_has_googles_form() -> None:
    driver = Driver()
    driver.grant()
    driver.sandbox.service.exhaust = 1
    message = failure(driver.ask(queries.account(driver.settings)).json())
    details = message.errors[0].details.quota_error_details
    assert details.retry_delay.seconds == 1
    assert details.rate_name == "Requests per account"


def test_fault_words_are_googles() -> None:
    from connectors.google_ads import faults

    error_code = GoogleAdsFailure.pb().DESCRIPTOR.fields_by_name["errors"].message_type.fields_by_name["error_code"]
    known = {value.name for field in error_code.message_type.fields for value in field.enum_type.values}
    assert {*faults.MENDS, *faults.PASSING, *faults.STALE_TOKEN} <= known


def test_samples_parse() -> None:
    folder = Path(package.__file__).parent / "samples"
    for name in ("campaigns", "daily"):
        for batch in YAML(typ="safe").load((folder / f"{name}.yaml").read_text())["response"]["json"]:
            parse(SearchGoogleAdsStreamResponse, batch)
    assert GoogleAdsField.pb().DESCRIPTOR.fields_by_name["data_type"].json_name == "dataType"
