"""The library's documents over what the sandbox shows, and back."""

from __future__ import annotations

import pytest

from hub.domain.plan import Op, Write
from mappings import compile as compiling
from mappings import document, examples, library
from tests.connectors.mailchimp.driver import EMPTY, Driver, create


@pytest.mark.parametrize("stream", ["members", "campaigns", "reports"])
def test_what_the_examples_say_comes_out(stream: str) -> None:
    source = library.source("mailchimp", stream)
    parsed = document.parse(source.read_bytes(), str(source))
    assert parsed.examples
    assert examples.run(parsed, compiling.compiled(parsed)) == ()


def test_every_member_is_read_and_putting_back_what_it_shows_changes_nothing() -> None:
    driver = Driver(people=400)
    lens = library.load("mailchimp", "members")
    found, _ = driver.walk(fields=lens.reads)
    complaints = 0
    for record in found.values():
        reading = lens.get(record.raw, record.modified_at)
        complaints += len(reading.complaints)
        assert reading.in_scope == (record.raw["status"] != "archived")
        assert any(k.kind == "email" for k in reading.keys) or not reading.values["given_name"]
        state = reading.consent["email"].state
        assert (state == "denied") == (record.raw["status"] == "unsubscribed")
        assert (state == "granted") == (record.raw["status"] == "subscribed")
        assert lens.put(reading.values, {}, record.raw).values == {}
    assert complaints < len(found) / 20


def test_what_is_put_is_what_is_shown() -> None:
    driver = Driver(world=EMPTY)
    lens = library.load("mailchimp", "members")
    sink = driver.sink(lens.reads)
    values = {
        "email": "anna@firm.example",
        "given_name": "Änne",
        "family_name": "O'Brien",
        "company_name": "Acme GmbH",
        "phone": "+493023125123",
    }
    payload = lens.put(values, {})
    assert payload.complaints == ()
    made = create("anna@firm.example", **{k.replace(".", "__"): v for k, v in payload.values.items()})
    (outcome,) = sink.outcomes([made], driver.ask(sink.request([made])))
    assert outcome.raw is not None
    reading = lens.get(outcome.raw, outcome.raw_modified_at)
    assert {name: reading.values[name] for name in values} == values
    assert reading.consent["email"].state == "none", "who the hub adds has consented to nothing"

    told = lens.put({}, {"email": "denied"}, outcome.raw)
    write = Write(Op.UPDATE, outcome.remote_id, made.key, told.values, part="consent")
    (left,) = sink.outcomes([write], driver.ask(sink.request([write])))
    assert left.raw is not None
    assert lens.get(left.raw).consent["email"].state == "denied"
    assert lens.put({}, {"email": "denied"}, left.raw).values == {}


def test_a_grant_carries_the_time_of_the_opt_in_and_not_of_the_last_edit() -> None:
    driver = Driver(world=EMPTY)
    lens = library.load("mailchimp", "members")
    person = driver.sandbox.people.create({"email_address": "a@firm.example"})
    driver.clock.forward(days=3)
    driver.sandbox.people.edit(person, {"merge_fields.FNAME": "Edited"})
    record = driver.walk(fields=lens.reads)[0][person]
    said = lens.get(record.raw, record.modified_at).consent["email"]
    assert said.evidence is not None
    assert said.evidence.when == "2026-01-05T09:00:00.000Z"
    assert record.modified_at == "2026-01-08T09:00:00.000Z"


def test_nothing_that_a_mapping_may_put_can_subscribe_a_member() -> None:
    lens = library.load("mailchimp", "members")
    assert lens.policy.grants == ()
    assert lens.put({}, {"email": "granted"}, {"status": "unsubscribed"}).values == {}


def test_campaigns_and_reports_are_read_without_a_complaint() -> None:
    driver = Driver(people=600)
    for stream in ("campaigns", "reports"):
        lens = library.load("mailchimp", stream)
        found, _ = driver.walk(stream)
        assert found
        for record in found.values():
            reading = lens.get(record.raw)
            assert reading.complaints == ()
            if stream == "campaigns":
                assert [k.kind for k in reading.keys] == ["code"]
            else:
                assert reading.values["campaign_ref"] == record.id
