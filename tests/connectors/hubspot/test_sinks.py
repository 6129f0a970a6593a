"""Writing contacts to the sandbox: outcomes one by one, adoption, bisection, merges, looks, consent."""

from __future__ import annotations

from collections.abc import Sequence

import orjson
import pytest

from hub.domain.keys import Key
from hub.domain.outcome import FaultKind, Outcome, Status
from hub.domain.plan import Op, Write
from hub.sdk.http import ContractBroken, Response
from tests.connectors.hubspot.stage import Stage


def email(value: str) -> Key:
    return Key("email", value)


def create(address: str, **payload: object) -> Write:
    return Write(Op.CREATE, None, email(address), {"email": address, **payload}, token=f"t-{address}")


def update(remote_id: str, **payload: object) -> Write:
    return Write(Op.UPDATE, remote_id, None, payload, token=f"u-{remote_id}")


def bisect(stage: Stage, batch: Sequence[Write]) -> tuple[list[Outcome], int]:
    """As the writer does: halves of what must be split, until each write has an outcome."""
    outcomes = stage.write(*batch)
    if outcomes[0].status is not Status.SPLIT:
        return outcomes, 1
    assert {o.status for o in outcomes} == {Status.SPLIT}
    middle = len(batch) // 2
    left, used = bisect(stage, batch[:middle])
    right, more = bisect(stage, batch[middle:])
    return left + right, used + more + 1


def test_creates_are_placed_and_hold_what_was_sent():
    stage = Stage()
    batch = [create(f"p{i}@people.example", firstname=f"P{i}", company="Ünïcode 🎉 & O'Brien") for i in range(100)]
    outcomes = stage.write(*batch)
    for index, outcome in enumerate(outcomes):
        assert outcome.status is Status.APPLIED
        shown = stage.sandbox.people.get(outcome.remote_id)
        assert shown["email"] == f"p{index}@people.example"
        assert shown["company"] == "Ünïcode 🎉 & O'Brien"


def test_an_address_that_exists_becomes_an_adoption_and_the_others_are_made():
    stage = Stage()
    held = stage.sandbox.people.create({"email": "Ann@People.example"})
    batch = [create("bob@people.example"), create("ANN@people.example"), create("cy@people.example")]
    outcomes = stage.write(*batch)
    assert [o.status for o in outcomes] == [Status.APPLIED, Status.REFUSED, Status.APPLIED]
    assert outcomes[1].existing_id == held
    assert outcomes[1].fault.kind is FaultKind.CONFLICT
    assert stage.sandbox.people.find("cy@people.example") == outcomes[2].remote_id


def test_two_creates_of_one_address_in_a_batch_make_one_contact():
    stage = Stage()
    twins = [create("ann@people.example"), Write(Op.CREATE, None, None, {"email": "ANN@people.example"}, token="other")]
    outcomes = stage.write(*twins)
    assert outcomes[1].existing_id == outcomes[0].remote_id
    assert len(stage.sandbox.people.ids()) == 1


def test_one_bad_record_in_a_hundred_is_found_by_halving_and_names_its_property():
    stage = Stage()
    batch = [create(f"p{i}@people.example", lifecyclestage="lead") for i in range(100)]
    batch[37] = create("p37@people.example", lifecyclestage="wizard")
    outcomes, calls = bisect(stage, batch)
    refused = [i for i, o in enumerate(outcomes) if o.status is Status.REFUSED]
    assert refused == [37]
    assert outcomes[37].fault.kind is FaultKind.INVALID
    assert outcomes[37].fault.field == "lifecyclestage"
    assert outcomes[37].fault.code == "INVALID_OPTION"
    assert "wizard" not in outcomes[37].fault.message
    assert len(stage.sandbox.people.ids()) == 99
    assert calls <= 15


def test_an_invalid_address_is_not_quoted_in_the_fault():
    stage = Stage()
    (outcome,) = stage.write(create("not an address"))
    assert outcome.fault.code == "INVALID_EMAIL"
    assert outcome.fault.field == "email"
    assert "not an address" not in outcome.fault.message


@pytest.mark.parametrize(
    ("name", "code"), [("no_such_property", "PROPERTY_DOESNT_EXIST"), ("hs_email_optout", "READ_ONLY_VALUE")]
)
def test_a_property_that_cannot_be_written_is_the_mapping_s_fault_and_is_not_bisected(name, code):
    stage = Stage()
    batch = [create(f"p{i}@people.example", **{name: "true"}) for i in range(10)]
    outcomes = stage.write(*batch)
    assert {(o.status, o.fault.kind, o.fault.code, o.fault.field) for o in outcomes} == {
        (Status.REFUSED, FaultKind.MISCONFIGURED, code, name)
    }
    assert stage.write(*batch[:9], create("q@people.example"))[0].status is Status.SPLIT, "only some carry it"


def test_updates_are_placed_by_id_and_unknown_ids_are_gone():
    stage = Stage()
    one, two = (stage.sandbox.people.create({"email": f"{n}@people.example"}) for n in ("one", "two"))
    stage.sandbox.people.delete(two)
    outcomes = stage.write(update(two, company="B"), update("999999", company="C"), update(one, company="A", city=None))
    assert [o.gone for o in outcomes] == [True, True, False]
    assert outcomes[2].status is Status.APPLIED
    assert outcomes[2].remote_id == one
    assert stage.sandbox.people.get(one)["company"] == "A"


def test_values_travel_as_texts_and_nothing_clears():
    stage = Stage()
    one = stage.sandbox.people.create({"email": "one@people.example", "company": "Old"})
    payload = {"company": None, "seats": 12, "interests": ["newsletter", "events"], "renewal_date": "2026-03-01"}
    (outcome,) = stage.write(update(one, **payload))
    assert outcome.status is Status.APPLIED
    shown = stage.sandbox.people.get(one)
    assert shown["company"] is None
    assert (shown["seats"], shown["interests"], shown["renewal_date"]) == ("12", "newsletter;events", "2026-03-01")
    assert all(isinstance(v, str) for v in orjson.loads(stage.sent[-1].body)["inputs"][0]["properties"].values())


def test_an_update_under_an_absorbed_id_tells_the_survivors():
    stage = Stage()
    people = stage.sandbox.people
    one, two, three = (people.create({"email": f"{n}@people.example"}) for n in ("one", "two", "three"))
    merged = people.merge(one, two)
    outcomes = stage.write(update(two, company="Under the old id"), update(three, company="Own"))
    assert [o.remote_id for o in outcomes] == [merged, three]
    assert people.get(merged)["company"] == "Under the old id"


def test_both_ids_of_a_merge_in_one_batch_reach_the_survivor_and_the_second_is_looked_at():
    stage = Stage()
    people = stage.sandbox.people
    one, two = (people.create({"email": f"{n}@people.example"}) for n in ("one", "two"))
    merged = people.merge(one, two)
    outcomes, _ = bisect(stage, [update(one, company="A"), update(two, city="B")])
    assert all(o.status in (Status.APPLIED, Status.IN_DOUBT) for o in outcomes)
    assert (people.get(merged)["company"], people.get(merged)["city"]) == ("A", "B")


def test_an_update_to_another_contact_s_address_is_a_conflict_for_a_person():
    stage = Stage()
    people = stage.sandbox.people
    one, two, three = (people.create({"email": f"{n}@people.example"}) for n in ("one", "two", "three"))
    batch = [update(one, email="two@people.example"), update(three, company="Fine")]
    outcomes, _ = bisect(stage, batch)
    assert outcomes[0].fault.kind is FaultKind.CONFLICT
    assert two in outcomes[0].fault.message
    assert outcomes[0].existing_id is None
    assert "people.example" not in outcomes[0].fault.message
    assert outcomes[1].status is Status.APPLIED


def test_archiving_is_applied_also_for_what_was_gone():
    stage = Stage()
    one = stage.sandbox.people.create({"email": "one@people.example"})
    writes = [Write(Op.REMOVE, one, None), Write(Op.REMOVE, "424242", None)]
    outcomes = stage.write(*writes)
    assert all(o.status is Status.APPLIED and o.gone for o in outcomes)
    assert stage.sandbox.people.ids() == []


def test_an_archive_answered_by_a_proxy_s_page_is_no_success():
    sink = Stage().sink()
    with pytest.raises(ContractBroken):
        sink.outcomes([Write(Op.REMOVE, "1", None)], Response(200, b"<html>Back soon</html>"))


def test_looks_by_id_are_consistent_at_once_and_show_merges_and_gaps():
    stage = Stage()
    people, sink = stage.sandbox.people, stage.sink()
    one, two, three = (people.create({"email": f"{n}@people.example"}) for n in ("one", "two", "three"))
    merged = people.merge(one, two)
    people.delete(three)
    found = sink.found([one, two, three, "77"], stage.send(sink.read([one, two, three, "77"])))
    assert [r.id for r in found.records] == [merged]
    assert set(found.records[0].aliases) == {one, two}
    assert set(found.missing) == {three, "77"}
    assert found.next is None


def test_a_look_pairs_an_absorbed_id_also_when_the_survivor_does_not_list_it():
    """As a user of the API showed on HubSpot's forum: asked for one id, answered under another, without an error."""
    sink = Stage().sink()
    body = {"status": "COMPLETE", "results": [{"id": "84805801", "properties": {"email": "m@x.example"}}]}
    found = sink.found(["62241"], Response(200, orjson.dumps(body)))
    assert found.records[0].aliases == ("62241",)
    assert found.missing == ()


def test_silence_about_several_ids_is_no_deletion():
    sink = Stage().sink()
    body = {"status": "COMPLETE", "results": [{"id": "9", "properties": {}}]}
    found = sink.found(["1", "2"], Response(200, orjson.dumps(body)))
    assert found.missing == ()
    assert found.records[0].aliases == ()


def test_lookups_find_by_primary_and_secondary_address_before_the_index_does():
    stage = Stage()
    people, sink = stage.sandbox.people, stage.sink()
    one = people.create({"email": "one@people.example", "hs_additional_emails": "uno@people.example"})
    keys = [email("UNO@people.example"), email("nobody@people.example"), email("info@shop.example|ann byron")]
    found = sink.found([str(key) for key in keys], stage.send(sink.lookup(keys)))
    assert [r.id for r in found.records] == [one]
    assert found.missing == ("email:nobody@people.example", "email:info@shop.example|ann byron")


def test_a_lookup_by_a_key_that_hubspot_has_not_is_refused():
    with pytest.raises(ValueError, match="phone_name"):
        Stage().sink().lookup([Key("phone_name", "+4912345|ann|byron")])


def test_a_batch_that_the_answer_does_not_account_for_is_in_doubt():
    sink = Stage().sink()
    batch = [create("a@people.example"), create("b@people.example"), create("c@people.example")]
    body = {"status": "COMPLETE", "results": [{"id": "1", "properties": {"email": "b@people.example"}}]}
    outcomes = sink.outcomes(batch, Response(201, orjson.dumps(body)))
    assert [o.status for o in outcomes] == [Status.IN_DOUBT, Status.APPLIED, Status.IN_DOUBT]


def test_creates_without_an_address_are_placed_by_their_trace():
    stage = Stage()
    batch = [Write(Op.CREATE, None, None, {"lastname": name}, token=name) for name in ("Ay", "Bee", "Cee")]
    outcomes = stage.write(*batch)
    assert [stage.sandbox.people.get(o.remote_id)["lastname"] for o in outcomes] == ["Ay", "Bee", "Cee"]


@pytest.mark.parametrize("status", [404, 405, 413])
def test_an_endpoint_that_is_not_there_is_no_deletion(status):
    body = orjson.dumps({"status": "error", "message": "resource not found"})
    with pytest.raises(ContractBroken):
        Stage().sink().outcomes([update("1", company="A")], Response(status, body))
    with pytest.raises(ContractBroken):
        Stage().sink().found(["1"], Response(status, body))


def test_lifecycle_stages_do_not_move_back():
    stage = Stage()
    one = stage.sandbox.people.create({"email": "one@people.example", "lifecyclestage": "customer"})
    assert stage.write(update(one, lifecyclestage="lead"))[0].status is Status.APPLIED
    assert stage.sandbox.people.get(one)["lifecyclestage"] == "customer"
    stage.write(update(one, lifecyclestage=None))
    stage.write(update(one, lifecyclestage="lead"))
    assert stage.sandbox.people.get(one)["lifecyclestage"] == "lead"


def opt_out(remote_id: str, address: str | None, state: str = "UNSUBSCRIBED") -> Write:
    key = email(address) if address else None
    return Write(Op.UPDATE, remote_id, key, {"subscriptions.email": state}, part="subscriptions")


def test_an_opt_out_unsubscribes_from_everything_and_shows_on_the_contact():
    stage = Stage()
    people = stage.sandbox.people
    one, two = (people.create({"email": f"{n}@people.example"}) for n in ("one", "two"))
    outcomes = stage.write(opt_out(one, "One@people.example"), opt_out(two, None))
    assert [o.status for o in outcomes] == [Status.APPLIED, Status.REFUSED]
    assert outcomes[1].fault.code == "no_email"
    assert people.get(one)["hs_email_optout"] == "true"
    assert people.get(two)["hs_email_optout"] is None
    assert stage.write(opt_out(one, "one@people.example"))[0].status is Status.APPLIED, "no change is agreement"


def test_with_a_subscription_only_that_type_is_written():
    stage = Stage(subscription_id=1002)
    one = stage.sandbox.people.create({"email": "one@people.example"})
    assert stage.write(opt_out(one, "one@people.example"))[0].status is Status.APPLIED
    preferences = stage.sandbox.account.preferences
    assert preferences.state("one@people.example", 1002) == "UNSUBSCRIBED"
    assert preferences.state("one@people.example", 1001) == "NOT_SPECIFIED"
    assert stage.write(opt_out(one, "one@people.example"))[0].status is Status.APPLIED


def test_somebody_who_unsubscribed_is_not_resubscribed():
    stage = Stage(subscription_id=1002)
    people = stage.sandbox.people
    one, two = (people.create({"email": f"{n}@people.example"}) for n in ("one", "two"))
    people.opt_out(one)
    outcomes = stage.write(
        opt_out(one, "one@people.example", "SUBSCRIBED"), opt_out(two, "two@people.example", "SUBSCRIBED")
    )
    assert [o.status for o in outcomes] == [Status.REFUSED, Status.APPLIED]
    assert "people.example" not in outcomes[0].fault.message
    assert people.get(one)["hs_email_optout"] == "true"


def test_writes_of_different_states_and_parts_do_not_share_a_request():
    sink = Stage().sink()
    groups = {sink.group(w) for w in (opt_out("1", "a@x.example"), opt_out("1", "a@x.example", "SUBSCRIBED"))}
    assert len({*groups, sink.group(update("1", city="x")), sink.group(create("a@x.example"))}) == 4
    assert sink.supports(Op.UPDATE, "subscriptions")
    assert not sink.supports(Op.CREATE, "subscriptions")
    assert sink.supports(Op.REMOVE, "")


def test_merging_keeps_an_opt_out():
    stage = Stage()
    people = stage.sandbox.people
    one, two = (people.create({"email": f"{n}@people.example"}) for n in ("one", "two"))
    people.opt_out(two)
    assert people.get(people.merge(one, two))["hs_email_optout"] == "true"
