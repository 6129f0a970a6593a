"""Writes against the sandbox: one outcome each, nobody subscribed who did not ask for it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest

from connectors.mailchimp.members import hash_of
from hub.domain.keys import Key
from hub.domain.outcome import FaultKind, Status
from hub.domain.plan import Op, Write
from hub.sdk.http import ContractBroken, Request, Response
from tests.connectors.mailchimp.driver import EMPTY, READS, Driver, create, update


def stage(**changes: Any) -> Driver:
    return Driver(world=EMPTY, changes=changes)


def member(driver: Driver, email: str, **fields: Any) -> str:
    return driver.sandbox.people.create({"email_address": email, **fields})


def shown(driver: Driver, email: str) -> dict[str, Any]:
    remote_id = driver.sandbox.people.find(email)
    assert remote_id is not None
    found = driver.sandbox.people.get(remote_id)
    assert found is not None
    return found


def items(request: Request) -> list[dict[str, Any]]:
    body = orjson.loads(request.body or b"")
    found: list[dict[str, Any]] = body["members"]
    return found


# Creating


def test_new_members_are_transactional_unless_their_consent_says_otherwise() -> None:
    driver = stage()
    outcomes = driver.write(
        create("Plain@Firm.example", merge_fields__FNAME="Plain"),
        create("yes@firm.example", status="subscribed"),
        create("no@firm.example", status="unsubscribed"),
    )
    assert [o.status for o in outcomes] == [Status.APPLIED] * 3
    assert shown(driver, "plain@firm.example")["status"] == "transactional"
    assert shown(driver, "yes@firm.example")["status"] == "subscribed"
    assert shown(driver, "no@firm.example")["status"] == "unsubscribed"
    for outcome, email in zip(outcomes, ("plain", "yes", "no"), strict=True):
        assert outcome.remote_id == driver.sandbox.people.find(f"{email}@firm.example")
        assert outcome.raw_modified_at == "2026-01-05T09:00:00.000Z"


def test_new_members_may_be_asked_by_mail_but_never_be_set_to_be_subscribed() -> None:
    driver = stage(new_members="pending")
    driver.write(create("a@firm.example"))
    assert shown(driver, "a@firm.example")["status"] == "pending"
    with pytest.raises(ValueError, match="new_members"):
        stage(new_members="subscribed")


def test_the_answer_shows_what_a_walk_shows() -> None:
    driver = stage()
    (outcome,) = driver.write(create("a@firm.example", merge_fields__LNAME="O'Brien"))
    walked = driver.walk()[0][outcome.remote_id or ""]
    assert walked.raw == outcome.raw
    assert walked.modified_at == outcome.raw_modified_at


def test_who_is_there_already_is_not_overwritten_but_adopted() -> None:
    driver = stage()
    there = member(driver, "O'Brien@firm.example", merge_fields={"FNAME": "Typed by hand"})
    (outcome, other) = driver.write(create("o'brien@firm.example", merge_fields__FNAME="Hub"), create("b@firm.example"))
    assert outcome.status is Status.REFUSED
    assert outcome.fault is not None
    assert (outcome.fault.kind, outcome.fault.code) == (FaultKind.CONFLICT, "ERROR_CONTACT_EXISTS")
    assert outcome.existing_id == hash_of("o'brien@firm.example")
    assert shown(driver, "o'brien@firm.example")["merge_fields"]["FNAME"] == "Typed by hand"
    assert other.status is Status.APPLIED
    found = driver.sink().found([outcome.existing_id], driver.ask(driver.sink().read([outcome.existing_id])))
    assert found.records[0].id == there
    assert outcome.existing_id in found.records[0].aliases


def test_a_mixed_batch_gives_each_its_own_outcome() -> None:
    driver = stage()
    gone = member(driver, "gone@firm.example")
    driver.sandbox.people.delete(gone)
    writes = [
        create("ok@firm.example"),
        create("fake@firm.example"),
        create("gone@firm.example"),
        create("nonsense"),
        create("tier@firm.example", merge_fields__TIER="Iron"),
        create("also-ok@firm.example"),
    ]
    outcomes = driver.write(*writes)
    assert [o.status for o in outcomes] == [
        Status.APPLIED,
        *[Status.REFUSED] * 4,
        Status.APPLIED,
    ]
    faults = [o.fault for o in outcomes[1:5]]
    assert [f.kind for f in faults if f] == [FaultKind.INVALID] * 4
    assert [f.field for f in faults if f] == ["email_address", "", "email_address", "merge_fields.TIER"]
    assert faults[1] is not None
    assert faults[1].code == "Forgotten Email Not Subscribed"
    assert not any("firm.example" in f.message or "Iron" in f.message for f in faults if f)
    assert all(o.existing_id is None for o in outcomes)


def test_the_compliance_refusal_of_a_create() -> None:
    driver = stage()
    person = member(driver, "left@firm.example")
    driver.sandbox.people.opt_out(person)
    driver.sandbox.people.archive(person)
    (outcome,) = driver.write(create("left@firm.example", status="subscribed"))
    assert outcome.fault is not None
    assert outcome.fault.code == "Member In Compliance State"
    assert shown(driver, "left@firm.example")["status"] == "archived"


def test_five_hundred_at_once() -> None:
    driver = stage()
    writes = [create(f"p{n}@firm.example", merge_fields__FNAME=f"N{n}") for n in range(500)]
    outcomes = driver.write(*writes)
    assert all(o.status is Status.APPLIED for o in outcomes)
    for n, outcome in enumerate(outcomes):
        assert outcome.raw is not None
        assert outcome.raw["merge_fields"]["FNAME"] == f"N{n}"
    assert driver.sandbox.calls["POST /3.0/lists/{list_id}"] == 1
    too_many = driver.sink().request([*writes, create("p500@firm.example")])
    response = driver.send(driver.auth.sign(too_many, None))
    assert {o.status for o in driver.sink().outcomes(writes, response)} == {Status.SPLIT}


# Updating


def test_updates_leave_the_status_alone() -> None:
    driver = stage()
    ids = {
        s: member(driver, f"{s}@firm.example", status=s) for s in ("subscribed", "unsubscribed", "cleaned", "pending")
    }
    driver.clock.forward(minutes=1)
    writes = [update(i, f"{s}@firm.example", merge_fields__FNAME=f"New {s}") for s, i in ids.items()]
    request = driver.sink().request(writes)
    assert all("status" not in item for item in items(request))
    outcomes = driver.write(*writes)
    for (status, remote_id), outcome in zip(ids.items(), outcomes, strict=True):
        assert outcome.status is Status.APPLIED
        assert outcome.remote_id == remote_id
        assert shown(driver, f"{status}@firm.example")["status"] == status
        assert shown(driver, f"{status}@firm.example")["merge_fields"]["FNAME"] == f"New {status}"


@pytest.mark.parametrize("status", ["unsubscribed", "cleaned", "archived", "transactional", "pending"])
def test_nobody_is_ever_subscribed_by_an_update(status: str) -> None:
    driver = stage()
    person = member(driver, "a@firm.example", status="subscribed")
    if status == "archived":
        driver.sandbox.people.archive(person)
    else:
        driver.sandbox.people.edit(person, {"status": status})
    alone = update(person, "a@firm.example", part="consent", status="subscribed")
    (outcome,) = driver.write(alone)
    assert outcome.status is Status.REFUSED
    assert outcome.fault is not None
    assert outcome.fault.code == "never resubscribed"
    with_more = update(person, "a@firm.example", status="subscribed", merge_fields__FNAME="A")
    assert all("status" not in item for item in items(driver.sink().request([with_more])))
    driver.write(with_more)
    moved = update(person, "a@firm.example", status="subscribed", email_address="b@firm.example")
    driver.write(moved)
    assert shown(driver, "b@firm.example")["status"] == status


def test_an_update_does_not_bring_a_deleted_member_back_subscribed() -> None:
    driver = stage()
    person = member(driver, "a@firm.example")
    driver.sandbox.people.delete(person)
    driver.sandbox.audience.forgotten.clear()
    (outcome,) = driver.write(update(person, "a@firm.example", merge_fields__FNAME="A"))
    assert shown(driver, "a@firm.example")["status"] == "transactional"
    assert outcome.remote_id != person
    assert outcome.remote_id == driver.sandbox.people.find("a@firm.example")


def test_an_opt_out_is_told_and_shown() -> None:
    driver = stage()
    ids = [member(driver, f"p{n}@firm.example") for n in range(3)]
    driver.sandbox.people.archive(ids[2])
    outcomes = driver.write(
        *(update(i, f"p{n}@firm.example", part="consent", status="unsubscribed") for n, i in enumerate(ids))
    )
    assert [o.status for o in outcomes] == [Status.APPLIED] * 3
    assert [(o.raw or {})["status"] for o in outcomes] == ["unsubscribed"] * 3
    assert [o.remote_id for o in outcomes] == ids


def test_an_opt_out_goes_through_though_a_required_field_is_missing() -> None:
    driver = stage()
    person = member(driver, "a@firm.example")
    next(f for f in driver.sandbox.audience.fields if f.tag == "COMPANY").required = True
    (outcome,) = driver.write(update(person, "a@firm.example", part="consent", status="unsubscribed"))
    assert outcome.status is Status.APPLIED


def test_a_new_address_is_a_patch_of_its_own_and_the_id_stays() -> None:
    driver = stage()
    person = member(driver, "old@firm.example")
    write = update(person, "old@firm.example", email_address="new@firm.example", merge_fields__FNAME="N")
    assert driver.sink().group(write) == f"change/{person}"
    request = driver.sink().request([write])
    assert (request.method, request.path) == ("PATCH", f"/3.0/lists/{driver.list_id}/members/{person}")
    (outcome,) = driver.write(write)
    assert (outcome.status, outcome.remote_id) == (Status.APPLIED, person)
    assert outcome.raw is not None
    assert outcome.raw["id"] == hash_of("new@firm.example")
    assert driver.sandbox.people.find("old@firm.example") is None


def test_a_record_known_by_hash_tells_its_lasting_id() -> None:
    driver = stage()
    person = member(driver, "old@firm.example")
    write = update(hash_of("old@firm.example"), "old@firm.example", email_address="new@firm.example")
    assert not driver.sink().request([write]).repeatable
    (outcome,) = driver.write(write)
    assert outcome.remote_id == person


def test_an_address_that_is_taken_is_a_conflict_of_that_field() -> None:
    driver = stage()
    person = member(driver, "old@firm.example")
    member(driver, "taken@firm.example")
    (outcome,) = driver.write(update(person, "old@firm.example", email_address="taken@firm.example"))
    assert outcome.status is Status.REFUSED
    assert outcome.fault is not None
    assert (outcome.fault.kind, outcome.fault.field) == (FaultKind.CONFLICT, "email_address")
    assert outcome.existing_id is None


def test_another_case_of_the_address_is_no_new_address() -> None:
    driver = stage()
    person = member(driver, "anna@firm.example")
    write = update(person, "anna@firm.example", email_address="Anna@Firm.example")
    assert driver.sink().group(write) == "update/"
    assert driver.write(write)[0].status is Status.APPLIED


def test_without_a_known_address_a_member_is_changed_by_id() -> None:
    driver = stage()
    person = member(driver, "a@firm.example")
    (outcome,) = driver.write(update(person, None, merge_fields__FNAME="A"))
    assert outcome.status is Status.APPLIED
    driver.sandbox.people.delete(person)
    (outcome,) = driver.write(update(person, None, merge_fields__FNAME="B"))
    assert outcome.gone


def test_merge_fields_are_cleared_and_addresses_nested() -> None:
    driver = stage()
    person = member(driver, "a@firm.example", merge_fields={"FNAME": "A", "LNAME": "B"})
    address = {"addr1": "1 High St", "city": "Leeds", "state": "Yorkshire", "zip": "LS1 1AA"}
    payload = {"merge_fields.FNAME": None, **{f"merge_fields.ADDRESS.{k}": v for k, v in address.items()}}
    write = Write(Op.UPDATE, person, Key("email", "a@firm.example"), payload)
    (item,) = items(driver.sink().request([write]))
    assert item["merge_fields"] == {"FNAME": "", "ADDRESS": address}
    driver.write(write)
    fields = shown(driver, "a@firm.example")["merge_fields"]
    assert (fields["FNAME"], fields["LNAME"], fields["ADDRESS"]["city"]) == ("", "B", "Leeds")


def test_an_incomplete_address_is_dropped_without_a_word() -> None:
    """Why the library's mapping only reads addresses."""
    driver = stage()
    person = member(driver, "a@firm.example")
    (outcome,) = driver.write(update(person, "a@firm.example", merge_fields__ADDRESS__city="Leeds"))
    assert outcome.status is Status.APPLIED
    assert shown(driver, "a@firm.example")["merge_fields"]["ADDRESS"] == ""


def test_shared_mailboxes_are_written_by_their_address() -> None:
    driver = stage()
    person = member(driver, "info@firm.example")
    write = replace(update(person, None, merge_fields__FNAME="I"), key=Key("email", "info@firm.example|anna smith"))
    assert driver.sink().group(write) == "update/"
    assert driver.write(write)[0].remote_id == person


# Removing


def test_removing_archives() -> None:
    driver = stage()
    person = member(driver, "a@firm.example")
    remove = Write(Op.REMOVE, person, Key("email", "a@firm.example"))
    assert driver.write(remove)[0].status is Status.APPLIED
    assert shown(driver, "a@firm.example")["status"] == "archived"
    (again,) = driver.write(remove)
    assert again.status is Status.REFUSED
    assert again.fault is not None
    assert again.fault.code == "Method Not Allowed"
    driver.sandbox.people.delete(person)
    assert driver.write(remove)[0].gone


# Looking


def test_looks_by_id_and_by_key() -> None:
    driver = stage()
    person = member(driver, "Anna+x@Firm.example")
    sink = driver.sink()
    for request, asked in (
        (sink.read([person]), person),
        (sink.read([hash_of("anna+x@firm.example")]), hash_of("anna+x@firm.example")),
        (sink.lookup([Key("email", "anna+x@firm.example")]), "email:anna+x@firm.example"),
    ):
        found = sink.found([asked], driver.ask(request))
        assert [r.id for r in found.records] == [person]
        assert "@" not in request.path
    assert sink.found(["nobody"], driver.ask(sink.read(["nobody"]))).missing == ("nobody",)
    assert found.records[0] == driver.walk()[0][person]
    with pytest.raises(ValueError, match="phone_name"):
        sink.lookup([Key("phone_name", "+1|a")])


# Answers that were not made by the sandbox


def answer(driver: Driver, writes: list[Write], body: Any, status: int = 200) -> Any:
    data = body if isinstance(body, bytes) else orjson.dumps(body)
    return driver.sink().outcomes(writes, Response(status, data))


def test_an_answer_without_contact_ids_falls_back_on_hashes() -> None:
    """The published description of the batch answer has no `contact_id`."""
    driver = stage()
    digest = hash_of("a@firm.example")
    row = {"id": digest, "email_address": "a@firm.example", "status": "transactional"}
    (made,) = answer(driver, [create("a@firm.example")], {"new_members": [row]})
    assert made.remote_id == digest
    (changed,) = answer(driver, [update("c1", "a@firm.example", merge_fields__FNAME="A")], {"updated_members": [row]})
    assert changed.remote_id == "c1"


def test_order_case_and_escapes_of_the_answer_do_not_matter() -> None:
    driver = stage()
    writes = [create("O'Brien@firm.example"), create("b@firm.example"), create("c@firm.example")]
    body = {
        "new_members": [{"id": "hc", "contact_id": "c3", "email_address": "C@FIRM.example", "status": "transactional"}],
        "errors": [
            {"email_address": "b@firm.example", "error": "b@firm.example is odd", "error_code": "ERROR_GENERIC"},
            {
                "email_address": "o\\'brien@firm.example",
                "error": "already a list member",
                "error_code": "ERROR_GENERIC",
            },
        ],
    }
    first, second, third = answer(driver, writes, body)
    assert first.existing_id == hash_of("o'brien@firm.example")
    assert second.fault.message == "Mailchimp refused the record: (value) is odd"
    assert third.remote_id == "c3"


def test_a_write_that_the_answer_does_not_speak_of_is_in_doubt() -> None:
    driver = stage()
    outcomes = answer(driver, [create("a@firm.example"), create("b@firm.example")], {"new_members": [], "errors": []})
    assert [o.status for o in outcomes] == [Status.IN_DOUBT] * 2


def test_an_envelope_that_is_refused_is_split_down_to_the_record_at_fault() -> None:
    driver = stage()
    bad = create("b@firm.example", language=7, status="subscribed")
    bad = replace(bad, payload={**bad.payload, "email_address": 12})
    writes = [create("a@firm.example"), bad]
    response = driver.send(driver.auth.sign(driver.sink().request(writes), None))
    assert response.status == 400
    assert [o.status for o in driver.sink().outcomes(writes, response)] == [Status.SPLIT] * 2
    (alone,) = driver.sink().outcomes([bad], driver.send(driver.auth.sign(driver.sink().request([bad]), None)))
    assert alone.status is Status.REFUSED
    assert alone.fault is not None
    assert alone.fault.field == "email_address"


@pytest.mark.parametrize("body", [b"<html>Blocked</html>", b'{"new_mem', b"[]", b"{}", b'{"new_members": {}}'])
def test_an_answer_that_is_none_leaves_the_batch_in_doubt(body: bytes) -> None:
    driver = stage()
    with pytest.raises(ContractBroken):
        answer(driver, [create("a@firm.example")], body)


def test_fields_of_the_mapping_shape_the_record() -> None:
    driver = stage()
    assert dict(driver.sink(("merge_fields.FNAME",)).read(["x"]).query) == {
        "fields": "id,contact_id,email_address,status,last_changed,merge_fields"
    }
    assert dict(driver.sink(()).read(["x"]).query) == {"exclude_fields": "_links"}
    assert "email_address" in READS
