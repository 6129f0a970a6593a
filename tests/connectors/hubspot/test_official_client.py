"""HubSpot's own Python client against the sandbox, over a socket: it parses every answer into its own models, and
raises its own exceptions, so a form that HubSpot does not have shows here."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from hubspot import HubSpot
from hubspot.communication_preferences import PublicUpdateSubscriptionStatusRequest
from hubspot.crm.contacts import (
    ApiException,
    BatchInputSimplePublicObjectBatchInput,
    BatchInputSimplePublicObjectBatchInputForCreate,
    BatchInputSimplePublicObjectBatchInputUpsert,
    BatchInputSimplePublicObjectId,
    BatchReadInputSimplePublicObjectId,
    PublicGdprDeleteInput,
    PublicMergeInput,
    PublicObjectSearchRequest,
    SimplePublicObjectBatchInput,
    SimplePublicObjectBatchInputForCreate,
    SimplePublicObjectBatchInputUpsert,
    SimplePublicObjectId,
    SimplePublicObjectInput,
    SimplePublicObjectInputForCreate,
)
from hubspot.crm.properties import PropertyCreate

from connectors.hubspot.sandbox import HubSpotSandbox
from connectors.hubspot.sandbox.gate import CLIENT_ID
from hub.sdk.sandbox import SandboxOptions, serve
from tests.connectors.hubspot.stage import SteppedClock


class Account:
    def __init__(self, people: int) -> None:
        self.clock = SteppedClock()
        self.sandbox = HubSpotSandbox(SandboxOptions(people=people, clock=self.clock))
        self.running = serve(self.sandbox.app)
        self.client = HubSpot(access_token=self.sandbox.token, host=self.running.url)
        self.contacts = self.client.crm.contacts

    def make(self, *names: str) -> list[str]:
        return [self.sandbox.people.create({"email": f"{name}@people.example", "firstname": name}) for name in names]


@pytest.fixture
def account() -> Iterator[Account]:
    made = Account(0)
    yield made
    made.running.stop()


@pytest.fixture
def crowd() -> Iterator[Account]:
    made = Account(400)
    yield made
    made.running.stop()


def said(error: ApiException) -> dict:
    return json.loads(error.body)


def test_get_all_pages_through_everybody(crowd):
    everybody = crowd.contacts.get_all(properties=["email", "lifecyclestage"])
    assert [c.id for c in everybody] == crowd.sandbox.people.ids()
    assert crowd.sandbox.calls["GET /crm/v3/objects/contacts"] == -(-len(everybody) // 100)
    assert everybody[0].properties["hs_object_id"] == everybody[0].id
    assert everybody[0].created_at.year >= 2000


def test_archived_contacts_are_listed_apart(account):
    one, two = account.make("one", "two")
    account.contacts.basic_api.archive(one)
    assert [c.id for c in account.contacts.get_all()] == [two]
    (gone,) = account.contacts.get_all(archived=True)
    assert (gone.id, gone.archived) == (one, True)
    assert gone.archived_at == account.clock()


def test_create_get_update_and_their_errors(account):
    api = account.contacts.basic_api
    made = api.create(SimplePublicObjectInputForCreate(properties={"email": "Ann@People.example", "firstname": "Ann"}))
    assert made.properties["email"] == "ann@people.example"
    assert api.get_by_id("ANN@people.example", id_property="email").id == made.id
    changed = api.update(made.id, SimplePublicObjectInput(properties={"company": "O'Brien & 🎉"}))
    assert changed.properties["company"] == "O'Brien & 🎉"
    with pytest.raises(ApiException) as twice:
        api.create(SimplePublicObjectInputForCreate(properties={"email": "ann@people.example"}))
    assert twice.value.status == 409
    assert said(twice.value)["category"] == "CONFLICT"
    assert f"Existing ID: {made.id}" in said(twice.value)["message"]
    with pytest.raises(ApiException) as unknown:
        api.get_by_id("1")
    assert unknown.value.status == 404
    with pytest.raises(ApiException) as bad:
        api.create(SimplePublicObjectInputForCreate(properties={"email": "b@people.example", "nonsense": "1"}))
    assert bad.value.status == 400
    assert said(bad.value)["errors"][0]["code"] == "PROPERTY_DOESNT_EXIST"


def test_search_finds_after_the_index_delay_and_pages_by_offset(account):
    account.make(*(f"p{i}" for i in range(5)))
    ask = PublicObjectSearchRequest(
        filter_groups=[{"filters": [{"propertyName": "firstname", "operator": "HAS_PROPERTY"}]}],
        sorts=[{"propertyName": "email", "direction": "DESCENDING"}],
        properties=["email"],
        limit=2,
        after="0",
    )
    assert account.contacts.search_api.do_search(ask).total == 0
    account.clock.step(2)
    first = account.contacts.search_api.do_search(ask)
    assert first.total == 5
    assert [r.properties["email"] for r in first.results] == ["p4@people.example", "p3@people.example"]
    ask.after = first.paging.next.after
    second = account.contacts.search_api.do_search(ask)
    assert [r.properties["email"] for r in second.results] == ["p2@people.example", "p1@people.example"]
    ask.after = "9999"
    with pytest.raises(ApiException) as beyond:
        account.contacts.search_api.do_search(ask)
    assert beyond.value.status == 400
    ask.after, ask.limit = "0", 201
    with pytest.raises(ApiException):
        account.contacts.search_api.do_search(ask)


def test_batch_create_tells_each_failure_only_with_trace_ids(account):
    (held,) = account.make("held")
    api = account.contacts.batch_api
    emails = ["new@people.example", "held@people.example"]

    def inputs(*, traced: bool):
        return BatchInputSimplePublicObjectBatchInputForCreate(
            inputs=[
                SimplePublicObjectBatchInputForCreate(
                    properties={"email": address}, object_write_trace_id=str(i) if traced else None
                )
                for i, address in enumerate(emails)
            ]
        )

    with pytest.raises(ApiException) as whole:
        api.create(inputs(traced=False))
    assert whole.value.status == 409
    assert account.sandbox.people.ids() == [held]
    partly = api.create(inputs(traced=True))
    assert type(partly).__name__ == "BatchResponseSimplePublicObjectWithErrors"
    assert partly.num_errors == 1
    assert partly.errors[0].category == "CONFLICT"
    assert partly.errors[0].context == {"objectWriteTraceId": ["1"], "existingId": [held]}
    assert partly.results[0].properties["email"] == "new@people.example"
    assert partly.results[0].object_write_trace_id == "0"


def test_batch_update_read_upsert_and_archive(account):
    one, _ = account.make("one", "two")
    api = account.contacts.batch_api
    updated = api.update(
        BatchInputSimplePublicObjectBatchInput(
            inputs=[
                SimplePublicObjectBatchInput(id=one, properties={"company": "A"}),
                SimplePublicObjectBatchInput(id="999", properties={"company": "B"}),
            ]
        )
    )
    assert [r.id for r in updated.results] == [one]
    assert updated.errors[0].category == "OBJECT_NOT_FOUND"
    assert updated.errors[0].context["ids"] == ["999"]
    with pytest.raises(ApiException) as doubled:
        api.update(
            BatchInputSimplePublicObjectBatchInput(
                inputs=[SimplePublicObjectBatchInput(id=one, properties={"company": "A"})] * 2
            )
        )
    assert "Duplicate IDs" in said(doubled.value)["message"]
    upserted = api.upsert(
        BatchInputSimplePublicObjectBatchInputUpsert(
            inputs=[
                SimplePublicObjectBatchInputUpsert(
                    id=f"{n}@people.example", id_property="email", properties={"city": "X"}
                )
                for n in ("two", "three")
            ]
        )
    )
    assert [(r.properties["city"], r.new) for r in upserted.results] == [("X", False), ("X", True)]
    ask = BatchReadInputSimplePublicObjectId(
        inputs=[SimplePublicObjectId(id=a) for a in ("ONE@people.example", "nobody@people.example")],
        properties=["company"],
        properties_with_history=[],
        id_property="email",
    )
    found = api.read(ask)
    assert [(r.id, r.properties["company"]) for r in found.results] == [(one, "A")]
    assert found.errors[0].context["ids"] == ["nobody@people.example"]
    api.archive(BatchInputSimplePublicObjectId(inputs=[SimplePublicObjectId(id=one), SimplePublicObjectId(id="7")]))
    assert one not in account.sandbox.people.ids()
    with pytest.raises(ApiException) as many:
        api.read(
            BatchReadInputSimplePublicObjectId(
                inputs=[SimplePublicObjectId(id=str(i)) for i in range(101)], properties=[], properties_with_history=[]
            )
        )
    assert many.value.status == 400


def test_a_merge_mints_a_new_id_and_both_old_ones_lead_to_it(account):
    one, two = account.make("one", "two")
    merged = account.contacts.basic_api.merge(PublicMergeInput(primary_object_id=one, object_id_to_merge=two))
    assert merged.id not in (one, two)
    for old in (one, two):
        found = account.contacts.basic_api.get_by_id(old, properties=["hs_additional_emails", "hs_merged_object_ids"])
        assert found.id == merged.id
        assert found.properties["hs_additional_emails"] == "two@people.example"
        assert set(found.properties["hs_merged_object_ids"].split(";")) == {one, two}
    assert [c.id for c in account.contacts.get_all()] == [merged.id]
    assert account.contacts.get_all(archived=True) == []


def test_a_privacy_deletion_leaves_nothing(account):
    (one,) = account.make("one")
    account.contacts.basic_api.purge(PublicGdprDeleteInput(object_id="one@people.example", id_property="email"))
    assert account.contacts.get_all() == []
    assert account.contacts.get_all(archived=True) == []
    with pytest.raises(ApiException):
        account.contacts.basic_api.get_by_id(one)


def test_properties_and_owners(crowd):
    api = crowd.client.crm.properties.core_api
    listed = {p.name: p for p in api.get_all("contacts").results}
    assert listed["hs_email_optout"].modification_metadata.read_only_value
    assert [o.value for o in listed["lifecyclestage"].options][:2] == ["subscriber", "lead"]
    made = api.create(
        "contacts",
        PropertyCreate(
            name="score_band", label="Score band", type="string", field_type="text", group_name="contactinformation"
        ),
    )
    assert made.name == "score_band"
    crowd.contacts.basic_api.update(
        crowd.sandbox.people.ids()[0], SimplePublicObjectInput(properties={"score_band": "A"})
    )
    owners = crowd.client.crm.owners.owners_api.get_page().results
    assert [o.email for o in owners] == list(crowd.sandbox.account.owners)


def test_a_wrong_token_and_an_expired_one(account):
    with pytest.raises(ApiException) as wrong:
        HubSpot(access_token="nonsense", host=account.running.url).crm.contacts.basic_api.get_page()
    assert wrong.value.status == 401
    token = account.client.oauth.tokens_api.create(
        grant_type="refresh_token",
        client_id=CLIENT_ID,
        client_secret=account.sandbox.account.gate.client_secret,
        refresh_token=account.sandbox.account.gate.refresh_token,
    )
    assert token.expires_in == 1800
    fresh = HubSpot(access_token=token.access_token, host=account.running.url)
    assert fresh.crm.contacts.basic_api.get_page().results == []
    assert account.client.oauth.access_tokens_api.get(token.access_token).hub_id
    account.clock.step(1_801)
    with pytest.raises(ApiException) as expired:
        fresh.crm.contacts.basic_api.get_page()
    assert said(expired.value)["category"] == "EXPIRED_AUTHENTICATION"


def test_too_many_calls_name_the_policy(account):
    for _ in range(100):
        account.contacts.basic_api.get_page(limit=1)
    with pytest.raises(ApiException) as many:
        account.contacts.basic_api.get_page(limit=1)
    assert many.value.status == 429
    assert said(many.value)["policyName"] == "TEN_SECONDLY_ROLLING"
    account.clock.step(10)
    account.contacts.basic_api.get_page(limit=1)


def test_communication_preferences(account):
    (one,) = account.make("one")
    api = account.client.communication_preferences
    definitions = api.definition_api.get_page().subscription_definitions
    assert [d.id for d in definitions] == ["1001", "1002"]
    done = api.status_api.unsubscribe(
        PublicUpdateSubscriptionStatusRequest(email_address="one@people.example", subscription_id="1002")
    )
    assert done.status == "NOT_SUBSCRIBED"
    account.sandbox.people.opt_out(one)
    shown = api.status_api.get_email_status("one@people.example")
    assert {s.status for s in shown.subscription_statuses} == {"NOT_SUBSCRIBED"}
    assert {s.source_of_status for s in shown.subscription_statuses} == {"PORTAL_WIDE_STATUS"}
    assert (
        account.contacts.basic_api.get_by_id(one, properties=["hs_email_optout"]).properties["hs_email_optout"]
        == "true"
    )
