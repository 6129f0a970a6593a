"""The library's documents on the sandbox's records: no complaint and no write in vain."""

from __future__ import annotations

import pytest

from hub.domain.outcome import Status
from hub.domain.plan import Op, Write
from mappings import library
from mappings.lens import Lens
from tests.connectors.salesforce.driver import Driver

STREAMS = ("contacts", "leads", "campaigns")


def lens_of(stream: str) -> Lens:
    return library.load("salesforce", stream)


@pytest.mark.parametrize("stream", STREAMS)
def test_what_is_read_needs_no_writing(stream: str) -> None:
    driver = Driver(people=600)
    lens = lens_of(stream)
    records = driver.walk(stream, lens.reads).records
    assert len(records) > 10
    read = [lens.get(r.raw, r.modified_at) for r in records]
    assert not [c for reading in read for c in reading.complaints]
    for record, reading in zip(records, read, strict=True):
        payload = lens.put(reading.values, {}, record.raw)
        assert payload.values == {}, record.id
    assert sum(bool(reading.keys) for reading in read) > len(read) * 0.8


@pytest.mark.parametrize("stream", ["contacts", "leads"])
def test_everything_that_is_written_shows_when_read_back(stream: str) -> None:
    driver = Driver(people=600)
    lens = lens_of(stream)
    values = {
        "email": "siobhan@x.example",
        "given_name": "Siobhán 🎉",
        "family_name": "O'Brien",
        "title": "Head of “Growth”",
        "phone": "+493023125123",
        "street": "Hauptstraße 1\n2. Stock",
        "city": "Köln",
        "region": "NW",
        "postal_code": "50667",
        "country": "DE",
    }
    if stream == "leads":
        values["company_name"] = "Acme"
    payload = lens.put(values, {"email": "denied", "phone": "denied"}, None)
    assert payload.complaints == ()
    (made,) = driver.write([Write(Op.CREATE, None, None, payload.values, entity_id="con_1")], stream)
    assert made.status is Status.APPLIED
    assert made.remote_id is not None
    (shown,) = driver.read([made.remote_id], stream, lens.reads).records
    reading = lens.get(shown.raw, shown.modified_at)
    assert {k: reading.values[k] for k in values} == values
    assert {c: r.state for c, r in reading.consent.items()} == {"email": "denied", "phone": "denied"}
    lifted = lens.put({}, {"email": "granted"}, shown.raw)
    assert lifted.values == {"HasOptedOutOfEmail": False}
    assert lens.policy.creates is (stream == "contacts")


def test_a_standard_org_without_the_campaign_code_is_read_by_name() -> None:
    driver = Driver(people=300)
    driver.connect({"optional_fields": [], "currency": "EUR"})
    lens = lens_of("campaigns")
    records = driver.walk("campaigns", lens.reads).records
    assert all("Campaign_Code__c" not in r.raw and r.raw["CurrencyIsoCode"] == "EUR" for r in records)
    reading = lens.get(records[0].raw, None)
    assert "code" not in reading.values
    assert [k.kind for k in reading.keys] == ["name"]
    assert reading.values["currency"] == "EUR"
    assert reading.complaints == ()
