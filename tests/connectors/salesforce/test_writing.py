"""Writes and looks against the sandbox: one outcome each, whatever happens to the others."""

from __future__ import annotations

import pytest

from connectors.salesforce import CONNECTOR
from connectors.salesforce.ids import long_id
from hub.domain.keys import Key
from hub.domain.outcome import FaultKind, Status
from hub.domain.plan import Op, Write
from tests.connectors.salesforce.driver import LEAD_READS, READS, Driver, create, remove, update

NOBODY = "003Ho000ZZZZZZZ"


def test_one_bad_record_among_two_hundred_costs_only_itself(empty: Driver) -> None:
    batch = [create(f"p{n}@x.example", LastName=f"Person {n}") for n in range(200)]
    batch[77] = create("p77@x.example", FirstName="No family name")
    batch[78] = create("p78@x.example", LastName="x" * 81)
    batch[79] = create("p79@x.example", LastName="Picky", Tier__c="Platinum")
    batch[80] = create("not an address", LastName="Mail")
    outcomes = empty.write(batch)
    refused = {n: o for n, o in enumerate(outcomes) if o.status is not Status.APPLIED}
    assert refused.keys() == {77, 78, 79, 80}
    faults = {n: o.fault for n, o in refused.items()}
    assert [(f.kind, f.code, f.field) for f in faults.values() if f] == [
        (FaultKind.INVALID, "REQUIRED_FIELD_MISSING", "LastName"),
        (FaultKind.INVALID, "STRING_TOO_LONG", "LastName"),
        (FaultKind.INVALID, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "Tier__c"),
        (FaultKind.INVALID, "INVALID_EMAIL_ADDRESS", "Email"),
    ]
    assert not any("xxx" in f.message or "Platinum" in f.message for f in faults.values() if f)
    assert len(empty.sandbox.people.ids()) == 196
    for outcome, sent in zip(outcomes, batch, strict=True):
        if outcome.remote_id:
            shown = empty.sandbox.people.get(outcome.remote_id)
            assert shown is not None
            assert shown["Email"] == sent.payload["Email"]


def test_a_value_of_the_wrong_type_splits_the_batch(empty: Driver) -> None:
    batch = [create(f"p{n}@x.example", LastName="P") for n in range(3)]
    batch.append(create("p3@x.example", LastName="P", DoNotCall="perhaps"))
    assert {o.status for o in empty.write(batch)} == {Status.SPLIT}
    assert empty.sandbox.people.ids() == [], "nothing was applied"
    assert {o.status for o in empty.write(batch[:2])} == {Status.APPLIED}
    last = empty.write(batch[3:])[0]
    assert last.status is Status.REFUSED
    assert last.fault is not None
    assert last.fault.code == "JSON_PARSER_ERROR"


def test_updates_of_what_went_away_are_observations(empty: Driver) -> None:
    live, deleted, merged, locked, *_ = empty.plant(5)
    people = empty.sandbox.people
    people.delete(deleted)
    people.merge(live, merged)
    empty.sandbox.org.locked.add(locked)
    outcomes = empty.write(
        [
            update(live, Title="CEO", FirstName=None),
            update(deleted, Title="CEO"),
            update(merged, Title="CEO"),
            update(locked, Title="CEO"),
            update(NOBODY, Title="CEO"),
        ]
    )
    assert [(o.status, o.gone) for o in outcomes] == [
        (Status.APPLIED, False),
        (Status.REFUSED, True),
        (Status.REFUSED, True),
        (Status.LATER, False),
        (Status.REFUSED, True),
    ]
    assert outcomes[0].remote_id == live
    again = empty.write([remove(deleted), remove(locked)])
    assert [(o.status, o.gone) for o in again] == [(Status.APPLIED, True), (Status.APPLIED, False)]


def test_a_converted_lead_takes_no_update_and_is_gone(empty: Driver) -> None:
    (lead,) = empty.plant(1, name="lead")
    empty.sandbox.leads.convert(lead)
    (outcome,) = empty.write([update(lead, Title="CEO")], stream="leads")
    assert (outcome.status, outcome.gone) == (Status.REFUSED, True)
    found = empty.read([lead], "leads", LEAD_READS)
    assert [r.gone for r in found.records] == [True]


def test_creates_with_the_hubs_id_do_no_harm_when_sent_twice(empty: Driver) -> None:
    batch = [create("a@x.example", "con_a", LastName="A"), create("b@x.example", "con_b", LastName="B")]
    sink = CONNECTOR.sink("contacts", empty.settings, ["Email"])
    assert sink.request(batch).repeatable
    first = [o.remote_id for o in empty.write(batch)]
    assert [o.remote_id for o in empty.write(batch)] == first
    assert empty.sandbox.people.ids() == first
    plain = create("a@x.example", LastName="A")
    assert sink.group(plain) != sink.group(batch[0])
    assert not sink.request([plain]).repeatable
    assert empty.write([plain])[0].remote_id not in first, "without it Salesforce makes a second one"


def test_a_unique_field_and_a_duplicate_rule_name_who_holds_it(empty: Driver) -> None:
    (held,) = empty.plant(1)
    empty.sandbox.people.edit(held, {"HubId__c": "con_held"})
    empty.connect({"external_id_field": ""})
    (unique,) = empty.write([create("n@x.example", LastName="N", HubId__c="CON_HELD")])
    assert unique.existing_id == held
    empty.sandbox.org.duplicate_rule = True
    (rule,) = empty.write([create("row0@bulk.example", LastName="Again")])
    assert (rule.status, rule.existing_id) == (Status.REFUSED, None), "collections don't say which record it is"
    assert rule.fault is not None
    assert rule.fault.kind is FaultKind.CONFLICT


def test_what_the_org_rewrites_shows_when_it_is_read_back(empty: Driver) -> None:
    (outcome,) = empty.write([create("Anna@X.Example", LastName="  Ames ", FirstName="", DoNotCall=True)])
    assert outcome.remote_id is not None
    assert outcome.raw is None, "the answer doesn't show the record"
    (shown,) = empty.read([outcome.remote_id]).records
    assert shown.raw["Email"] == "anna@x.example"
    assert shown.raw["LastName"] == "Ames"
    assert shown.raw["FirstName"] is None
    assert shown.raw["DoNotCall"] is True


def test_reads_by_id_tell_merged_from_deleted_from_unknown(empty: Driver) -> None:
    live, deleted, merged, *_ = empty.plant(3)
    empty.sandbox.people.delete(deleted)
    empty.sandbox.people.merge(live, merged)
    found = empty.read([live[:15], deleted, merged, NOBODY, "nonsense"])
    by_id = {r.id: r for r in found.records}
    assert by_id.keys() == {live, deleted, merged}
    assert by_id[merged].merged_into == live
    assert by_id[deleted].gone
    assert by_id[deleted].merged_into is None
    assert set(found.missing) == {NOBODY, "nonsense"}
    assert empty.read(["nonsense"]).missing == ("nonsense",)


@pytest.mark.parametrize(
    "email",
    ["o'brien@x.example", "o'brien+a&b=c@x.example", "back{slash}|pipe@x.example", "percent%25@x.example"],
)
def test_lookups_by_email_find_any_address(empty: Driver, email: str) -> None:
    empty.plant(3)
    id_ = empty.sandbox.people.create({"LastName": "Odd", "Email": email.title()})
    found = empty.look([Key("email", email.lower()), Key("email", "nobody@x.example")])
    assert [r.id for r in found.records] == [id_]
    assert found.missing == ("email:nobody@x.example",)


def test_lookups_see_only_what_lives(empty: Driver) -> None:
    a, b = empty.plant(2)
    empty.sandbox.people.delete(b)
    found = empty.look([Key("email", "row0@bulk.example"), Key("email", "row1@bulk.example")])
    assert [r.id for r in found.records] == [a]
    assert found.missing == ("email:row1@bulk.example",)
    (lead,) = empty.plant(1, name="lead")
    assert empty.look([Key("email", "row0@bulk.example")], "leads", LEAD_READS).missing == ()
    empty.sandbox.leads.convert(lead)
    assert empty.look([Key("email", "row0@bulk.example")], "leads", LEAD_READS).missing != ()


def test_a_role_mailbox_is_looked_for_by_its_address(empty: Driver) -> None:
    ids = [empty.sandbox.people.create({"LastName": n, "Email": "info@x.example"}) for n in ("Ames", "Byrd")]
    found = empty.look([Key("email", "info@x.example|ada ames")])
    assert [r.id for r in found.records] == ids
    assert found.missing == ()


def test_an_address_that_many_records_share_is_looked_up_in_several_answers(empty: Driver) -> None:
    for n in range(12):
        empty.sandbox.people.create({"LastName": f"Shared {n}", "Email": "noemail@x.example"})
    empty.sandbox.api.queries.page_size = 5
    sink = CONNECTOR.sink("contacts", empty.settings, READS)
    keys = [Key("email", "noemail@x.example"), Key("email", "nobody@x.example")]
    found = sink.found([str(k) for k in keys], empty.send(sink.lookup(keys)))
    shown = list(found.records)
    answers = 1
    while found.next is not None:
        assert found.missing == ()
        found = sink.found([str(k) for k in keys], empty.send(found.next))
        shown += found.records
        answers += 1
    assert [r.id for r in shown] == empty.sandbox.people.ids()
    assert answers == 3
    assert found.missing == (), "the last of several answers doesn't know what the others showed"


def test_keys_that_no_column_holds_are_refused_and_long_ones_are_missing(empty: Driver) -> None:
    sink = CONNECTOR.sink("contacts", empty.settings, ["Email"])
    with pytest.raises(ValueError, match="found by email, not by phone_name"):
        sink.lookup([Key("phone_name", "+1|a")])
    endless = Key("email", "a" * 90 + "@x.example")
    assert empty.look([endless]).missing == (str(endless),)
    most = [Key("email", f"{n:03d}-{'x' * 60}@long.example") for n in range(sink.look_max)]
    assert len(empty.look(most).missing) == len(most), "a full look fits the URI"


def test_the_largest_batches_fit(empty: Driver) -> None:
    ids = empty.plant(200)
    sink = CONNECTOR.sink("contacts", empty.settings, ["Email"])
    assert all(o.status is Status.APPLIED for o in empty.write([update(i, Title="x") for i in ids]))
    assert len(empty.read(ids[: sink.look_max]).records) == sink.look_max
    assert all(o.status is Status.APPLIED for o in empty.write([remove(i) for i in ids]))
    assert empty.sandbox.people.ids() == []


def test_campaigns_are_updated_and_never_made(org: Driver) -> None:
    sink = CONNECTOR.sink("campaigns", org.settings, ["Name"])
    assert sink.supports(Op.UPDATE, "")
    assert not sink.supports(Op.CREATE, "")
    assert not sink.supports(Op.REMOVE, "")
    assert not sink.supports(Op.UPDATE, "subscriptions")
    id_ = org.sandbox.campaigns.ids()[0]
    (outcome,) = org.write([update(id_, Status="Paused", EndDate="2026-04-15")], "campaigns")
    assert outcome.status is Status.APPLIED
    (shown,) = org.read([id_], "campaigns", ("Status", "EndDate")).records
    assert (shown.raw["Status"], shown.raw["EndDate"]) == ("Paused", "2026-04-15")


def test_a_field_the_user_may_not_write_is_the_operators(empty: Driver) -> None:
    (id_,) = empty.plant(1)
    (fixed,) = empty.write([update(id_, Name="Both Names")])
    (unknown,) = empty.write([update(id_, Nonsense__c="x")])
    for outcome, code in ((fixed, "INVALID_FIELD_FOR_INSERT_UPDATE"), (unknown, "INVALID_FIELD")):
        assert outcome.status is Status.REFUSED
        assert outcome.fault is not None
        assert (outcome.fault.kind, outcome.fault.code) == (FaultKind.MISCONFIGURED, code)


def test_parents_are_written_by_their_own_ids_only_and_nested_paths_descend() -> None:
    driver_free = CONNECTOR.sink("contacts", CONNECTOR.settings(client_id="x"), ["LastName"])
    write = Write(Op.UPDATE, long_id(NOBODY), None, {"Account.External__c": "a1", "Title": "CEO"})
    body = driver_free.request([write]).body or b""
    assert b'"Account":{"External__c":"a1"}' in body
