"""What a lens makes of records: three absences kept apart, forms changed and undone, misfits left out and told."""

from __future__ import annotations

from typing import Any

import pytest

from hub.domain.consent import ConsentReading, Evidence
from hub.domain.values import Value
from mappings.compile import lens
from mappings.lens import Lens
from mappings.reading import ValueComplaint
from tests.mappings.documents import EVERYTHING, document


def made(fields: str, rest: str = "", **more: str) -> Lens:
    return lens(document(fields, rest, **more), "m.yaml")


ALL = lens(EVERYTHING, "all.yaml")


def test_missing_null_and_empty_stay_apart() -> None:
    subject = made("given_name: first\nfamily_name: last\ntitle: title")
    assert subject.get({"first": None, "last": "  "}).values == {"given_name": None, "family_name": ""}


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({}, {}),
        ({"a": None}, {"city": None}),
        ({"a": ""}, {"city": ""}),
        ({"a": {}}, {}),
        ({"a": {"b": None}}, {"city": None}),
        ({"a": {"b": "Bonn"}}, {"city": "Bonn"}),
        ({"a.b": "Köln", "a": {"b": "Bonn"}}, {"city": "Köln"}),
        ({"a": []}, {"city": None}),
    ],
)
def test_paths_descend(raw: dict[str, Any], expected: dict[str, Value]) -> None:
    path = "a.0.b" if isinstance(raw.get("a"), list) else "a.b"
    assert made(f"city: {path}").get(raw).values == expected


def test_elements_of_lists() -> None:
    subject = made("email: emails.0.value\ncustom.tags: {path: 'tags[].name', kind: text_set}")
    raw = {"emails": [{"value": "a@x.com"}, {"value": "b@x.com"}], "tags": [{"name": "b"}, {"id": 1}, {"name": "a"}]}
    assert subject.get(raw).values == {"email": "a@x.com", "custom.tags": ("a", "b")}


def test_a_text_where_an_object_was_expected_is_complained_of() -> None:
    reading = made("city: a.b").get({"a": "Anna Smith"})
    assert reading.values == {}
    (complaint,) = reading.complaints
    assert (complaint.field, complaint.path) == ("city", "a.b")
    assert "Anna" not in complaint.said


@pytest.mark.parametrize(
    ("empty", "shown", "read", "erased"),
    [("keep", "", "", None), ("is_null", "", None, ""), ("is_missing", "", "missing", ""), ("is_null", " ", None, "")],
)
def test_what_empty_means(empty: str, shown: str, read: str | None, erased: str | None) -> None:
    subject = made(f"title: {{path: t, empty: {empty}}}")
    assert subject.get({"t": shown}).values.get("title", "missing") == read
    assert subject.put({"title": None}).values == {"t": erased}


MISFITS: list[tuple[str, Any, str]] = [
    ("title: x", {"a": 1}, "a text"),
    ("title: x", True, "a text"),
    ("title: x", "y" * 10_001, "at most 10000 characters"),
    ("title: x", "y" * 10_000_000, "at most 10000 characters"),
    ("title: {path: x, max_length: 3}", "four", "at most 3 characters"),
    ("email: x", "not an address", "an e-mail address"),
    ("email: x", "a@b@c", "an e-mail address"),
    ("phone: {path: x, normalise: [phone]}", "call me", "a phone number"),
    ("lifecycle_stage: x", "hot", "one of subscriber"),
    ("lifecycle_stage: {path: x, table: {Warm: lead}}", "Cold", "one of Warm"),
    ("custom.n: {path: x, kind: integer}", "1.5", "a whole number"),
    ("custom.n: {path: x, kind: number}", "1e400", "a number"),
    ("custom.n: {path: x, kind: boolean}", "maybe", "true or false"),
    ("custom.n: {path: x, kind: date}", "2026-02-30", "a day that exists"),
    ("custom.n: {path: x, kind: date}", "0000-01-01", "a day"),
    ("custom.n: {path: x, kind: datetime}", "yesterday", "a time that exists"),
    ("custom.n: {path: x, kind: money}", "12.34", "a whole number"),
    ("custom.n: {path: x, kind: datetime, transform: [epoch_ms]}", 10**17, "a time before"),
    ("custom.n: x", [1], "a single value"),
]


@pytest.mark.parametrize(("field", "value", "expected"), MISFITS)
def test_a_misfit_is_left_out_and_the_record_goes_on(field: str, value: Any, expected: str) -> None:
    reading = made(f"{field}\ncity: city").get({"x": value, "city": "Bonn"})
    assert reading.values == {"city": "Bonn"}
    (complaint,) = reading.complaints
    assert complaint.path == "x"
    assert complaint.expected.startswith(expected)
    assert len(complaint.said) < 120


def test_personal_values_are_masked_and_picklist_values_are_not() -> None:
    subject = made("email: mail\nlifecycle_stage: {path: stage, table: {Warm: lead}}")
    first, second = subject.get({"mail": "anna.smith", "stage": "Cold"}).complaints
    assert first.said == '"xxxx.xxxxx" (10 characters)'
    assert second == ValueComplaint(
        "lifecycle_stage", "stage", '"Cold"', "one of Warm", "Add the value to the field's table"
    )


KINDS: list[tuple[str, Any, Any]] = [
    ("integer", "12", 12),
    ("integer", 12.0, 12),
    ("integer", "", None),
    ("number", "1.50", 1.5),
    ("boolean", "TRUE", True),
    ("boolean", 0, False),
    ("date", "2026-01-31T10:00:00Z", "2026-01-31"),
    ("datetime", "2026-01-31T10:00:00.000+0100", "2026-01-31T09:00:00.000Z"),
    ("money", "1200", 1200),
    ("text", 12345, "12345"),
    ("text_set", "a", ("a",)),
    ("text_set", ["b", "a", "b", " ", None], ("a", "b")),
    ("text_set", None, ()),
]


@pytest.mark.parametrize(("kind", "value", "expected"), KINDS)
def test_kinds_read_what_vendors_show(kind: str, value: Any, expected: Any) -> None:
    found = made(f"custom.x: {{path: x, kind: {kind}}}").get({"x": value}).values["custom.x"]
    assert found == expected
    assert type(found) is type(expected)


def test_free_custom_fields_take_what_comes() -> None:
    subject = made("custom.a: a\ncustom.b: b\ncustom.c: c")
    values = subject.get({"a": " x ", "b": 1.5, "c": False}).values
    assert values == {"custom.a": "x", "custom.b": 1.5, "custom.c": False}
    assert subject.put(values).values == {"a": "x", "b": 1.5, "c": False}


TABLE = "lifecycle_stage: {path: s, table: {Warm: mql, Hot: mql, New: lead, true: customer}, on_unknown: ON}"


def test_tables_turn_round_and_leave_a_synonym_alone() -> None:
    subject = made(TABLE.replace("ON", "reject"))
    assert subject.get({"s": "Hot"}).values == {"lifecycle_stage": "mql"}
    assert subject.get({"s": True}).values == subject.get({"s": "true"}).values == {"lifecycle_stage": "customer"}
    assert subject.put({"lifecycle_stage": "mql"}).values == {"s": "Warm"}
    assert subject.put({"lifecycle_stage": "mql"}, raw={"s": "Hot"}).values == {}
    assert subject.put({"lifecycle_stage": "customer"}).values == {"s": True}


def test_a_value_that_the_vendor_has_no_word_for_is_not_written() -> None:
    payload = made(TABLE.replace("ON", "reject")).put({"lifecycle_stage": "evangelist"})
    assert payload.values == {}
    assert payload.complaints[0].field == "lifecycle_stage"


def test_unknown_values_pass_or_take_the_default() -> None:
    assert made(TABLE.replace("ON", "pass")).get({"s": "sql"}).values == {"lifecycle_stage": "sql"}
    assert made(TABLE.replace("ON", "pass")).get({"s": "cold"}).complaints
    assert made(TABLE.replace("ON", "{default: other}")).get({"s": "cold"}).values == {"lifecycle_stage": "other"}


def test_several_transforms_are_undone_in_reverse() -> None:
    subject = made("title: {path: t, transform: [{remove_prefix: 'a:'}, {remove_prefix: 'b:'}]}")
    assert subject.get({"t": "a:b:CEO"}).values == {"title": "CEO"}
    assert subject.put({"title": "CEO"}).values == {"t": "a:b:CEO"}


def test_the_first_of_several_paths_is_read_and_written() -> None:
    subject = made("title: {path: [a, b]}")
    assert subject.get({"a": " ", "b": "CEO"}).values == {"title": "CEO"}
    assert subject.get({"a": None, "b": ""}).values == {"title": None}
    assert subject.put({"title": "CFO"}, raw={"a": "", "b": "CEO"}).values == {"b": "CFO"}
    assert subject.put({"title": "CFO"}, raw={"a": None}).values == {"a": "CFO"}
    assert subject.put({"title": None}, raw={"a": "x", "b": "y"}).values == {"a": None, "b": None}


def test_parts_are_joined() -> None:
    subject = made('street: {path: [a, b], join: ", "}')
    assert subject.get({"a": "1 Main St ", "b": None}).values == {"street": "1 Main St"}
    assert subject.get({"a": "1 Main St", "b": 7}).values == {"street": "1 Main St, 7"}
    assert subject.get({"a": None, "b": None}).values == {"street": None}
    assert subject.get({"a": " ", "b": None}).values == {"street": ""}
    assert subject.get({"c": 1}).values == {}
    assert not subject.writes


def test_sets_are_split_and_joined() -> None:
    subject = made('phones: {path: p, split: ",", normalise: [phone], country: US}')
    assert subject.get({"p": "415 555 0100, +49 30 1234567,"}).values == {"phones": ("+14155550100", "+49301234567")}
    assert subject.put({"phones": ("+1", "+14155550100")}).values == {"p": "+1,+14155550100"}
    assert subject.put({"phones": ()}, raw={"p": "415 555 0100"}).values == {"p": None}


def test_an_element_that_cannot_be_read_is_kept_when_the_set_is_written() -> None:
    subject = made('phones: {path: p, split: ",", normalise: [phone], country: US}')
    raw = {"p": "415 555 0100,ask Anna"}
    reading = subject.get(raw)
    assert reading.values == {"phones": ("+14155550100",)}
    assert [c.field for c in reading.complaints] == ["phones"]
    payload = subject.put({"phones": ("+14155550101",)}, raw=raw)
    assert payload.values == {"p": "+14155550101,ask Anna"}


def test_an_element_with_the_separator_in_it_is_not_written() -> None:
    payload = made('emails: {path: p, split: ";"}').put({"emails": ("a;b",)})
    assert payload.values == {}
    assert payload.complaints


def test_lists_and_records_keep_their_form() -> None:
    assert made("phones: {path: p}").put({"phones": ("b", "a")}).values == {"p": ["a", "b"]}


def test_amounts_are_written_with_the_currency_that_is_written() -> None:
    text = "budget_minor: {path: b, transform: [{major_to_minor: c}]}\ncurrency: c\nname: name"
    subject = made(text, entity="campaign")
    assert subject.get({"b": 12.5, "c": "EUR"}).values == {"budget_minor": 1250, "currency": "EUR"}
    assert subject.put({"budget_minor": 1250, "currency": "EUR"}).values == {"b": 12.5, "c": "EUR"}
    changed = subject.put({"budget_minor": 1250, "currency": "JPY"}, raw={"b": 12.5, "c": "EUR"})
    assert changed.values == {"b": 1250, "c": "JPY"}
    assert subject.put({"budget_minor": 1250}).complaints
    assert "c" in subject.reads


def test_the_country_of_the_record_decides_on_phones() -> None:
    subject = made("phone: {path: p, normalise: [phone], country: {path: land, default: US}}")
    assert subject.get({"p": "030 1234567", "land": "Germany"}).values == {"phone": "+49301234567"}
    assert subject.get({"p": "415 555 0100", "land": "Atlantis"}).values == {"phone": "+14155550100"}
    assert subject.reads == ("p", "land", "mail")


def test_what_is_read_and_what_is_written() -> None:
    subject = made(
        "email: mail\ntitle: {path: t, direction: in}\ncity: {path: c, direction: out}",
        "consent: {email: {read: {path: off, denied: [true], at: at}, write: {deny: {sub.email: no}, part: sub}}}",
    )
    assert subject.reads == ("mail", "t", "c", "off", "at")
    assert subject.writes == ("mail", "c", "sub.email")
    assert subject.get({"c": "Bonn"}).values == {"city": "Bonn"}
    assert subject.put({"title": "x", "nothing": 1}).values == {}


def test_expect_shows_what_the_payload_touches() -> None:
    raw = {"names": {"first": "Ann", "last": "Smith"}, "email": "A@x.com", "status": "subscribed"}
    payload = ALL.put({"given_name": "Anna", "email": "b@x.com"}, {"email": "denied", "sms": "denied"}, raw)
    assert payload.values == {"names.first": "Anna", "email": "b@x.com", "status": "unsubscribed", "sms_off": True}
    expected = ALL.expect(raw, payload.values)
    assert expected == {
        "email": "b@x.com",
        "emails": ("b@x.com",),
        "given_name": "Anna",
        "consent.email": "denied",
        "consent.sms": "denied",
    }
    assert raw["names"] == {"first": "Ann", "last": "Smith"}
    assert ALL.expect(None, {"names.first": "X"}) == {"given_name": "X"}


# -- consent ------------------------------------------------------------------------------------------------------


def consent(raw: dict[str, Any], modified_at: str | None = None) -> ConsentReading | None:
    return ALL.get(raw, modified_at).consent.get("email")


AT = "2026-01-02T03:04:05+00:00"
UTC_AT = "2026-01-02T03:04:05.000Z"


def test_a_denial_is_read_whatever_its_case() -> None:
    assert consent({"status": " Unsubscribed", "status_at": AT}) == ConsentReading("denied", UTC_AT)
    assert consent({"status": "cleaned"}) == ConsentReading("denied")


def test_a_grant_counts_only_with_all_its_evidence() -> None:
    raw = {"status": "subscribed", "status_at": AT, "ip": "10.0.0.1"}
    proof = Evidence("10.0.0.1", UTC_AT, "the sign-up form")
    assert consent(raw) == ConsentReading("granted", UTC_AT, proof)
    for gone in ("status_at", "ip"):
        for blank in (None, "", " "):
            assert consent({**raw, gone: blank}) == ConsentReading("none")


def test_nothing_said_missing_and_unknown() -> None:
    assert consent({"status": "pending"}) == consent({"status": None}) == ConsentReading("none")
    assert consent({}) is None
    reading = ALL.get({"status": "archived"})
    assert "email" not in reading.consent
    assert reading.complaints[0].field == "consent.email"


def test_a_denial_in_one_reading_wins() -> None:
    raw = {"status": "subscribed", "status_at": AT, "ip": "1", "no_mail": "2025-12-31"}
    assert consent(raw, "2026-02-01T00:00:00.000Z") == ConsentReading("denied", "2026-02-01T00:00:00.000Z")
    assert consent({**raw, "no_mail": ""}) != ConsentReading("denied")


@pytest.mark.parametrize("value", [True, "true", "TRUE", 1, "1", [False, True]])
def test_booleans_deny_in_every_form(value: Any) -> None:
    assert ALL.get({"do_not_call": value}).consent["phone"].state == "denied"


@pytest.mark.parametrize("value", [False, "false", 0, None, "", [], ["x"]])
def test_what_does_not_deny(value: Any) -> None:
    assert ALL.get({"do_not_call": value}).consent["phone"].state == "none"


def test_consent_is_told_only_where_it_is_not_shown() -> None:
    assert ALL.put({}, {"email": "denied"}, {"status": "unsubscribed"}).values == {}
    assert ALL.put({}, {"email": "denied"}, {"status": "cleaned"}).values == {}
    assert ALL.put({}, {"email": "granted"}, {"status": "unsubscribed"}).values == {"status": "pending"}
    assert ALL.put({}, {"phone": "denied"}).values == {}
    assert ALL.put({}, {"email": "unknown"}).values == {}


# -- scope --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({"email": "a@x.com"}, True),
        ({"email": "a@x.com", "kind": "TEST"}, False),
        ({"email": "a@x.com", "kind": None}, False),
        ({"email": " "}, False),
        ({"phone": "+49"}, True),
        ({"phone": "049"}, False),
        ({"company": "Acme GmbH"}, True),
        ({"kind": ["Person", "x"]}, True),
        ({"id": "3X"}, True),
        ({}, False),
    ],
)
def test_scope(raw: dict[str, Any], expected: bool) -> None:
    assert ALL.get(raw).in_scope is expected


def test_consent_is_read_outside_the_scope() -> None:
    reading = ALL.get({"kind": "test", "status": "unsubscribed"})
    assert (reading.in_scope, reading.consent["email"].state) == (False, "denied")
