"""Match keys: the same person gives the same key, two persons behind one mailbox don't."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.domain.keys import Key
from mappings import keys
from mappings.compile import lens
from tests.mappings.documents import document

CONTACT = lens(
    document(
        "email: mail\ngiven_name: first\nfamily_name: last",
        match="""match:
  - {key: email, from: [mail, more], split: ";"}
  - {key: phone_name, from: [phone, first, last], country: US}""",
    ),
    "contact.yaml",
)
CAMPAIGN = lens(
    document("name: title", entity="campaign", match="match: [{key: code, from: [c, u]}, {key: name, from: title}]"),
    "campaign.yaml",
)


def of(raw: dict[str, Any]) -> list[str]:
    return [str(key) for key in CONTACT.get(raw).keys]


def test_addresses_give_keys_each_once() -> None:
    assert of({"mail": " Anna@X.com ", "more": "b@x.com; ANNA@x.com;;"}) == ["email:anna@x.com", "email:b@x.com"]
    assert of({"mail": "O'Brien+news@x.com"}) == ["email:o'brien+news@x.com"]
    assert of({"mail": ["a@x.com", 3, None]}) == ["email:a@x.com"]


@pytest.mark.parametrize("mail", [None, "", "none", "a@", "@x.com", "a b@x.com", {"a": 1}, True, "x" * 300 + "@x.com"])
def test_what_is_no_address_gives_no_key(mail: Any) -> None:
    assert of({"mail": mail}) == []


@pytest.mark.parametrize("local", ["info", "sales", "SUPPORT", "office", "no-reply", "hello", "marketing", "info+x"])
def test_shared_mailboxes_match_together_with_the_name(local: str) -> None:
    mail = f"{local}@x.com"
    assert of({"mail": mail}) == []
    assert of({"mail": mail, "first": " ANNA ", "last": "Smith"}) == [f"email:{mail.lower()}|anna smith"]
    assert of({"mail": mail, "first": "Bob", "last": "Smith"}) != of({"mail": mail, "first": "Anna", "last": "Smith"})


def test_the_name_beside_a_mailbox_may_come_from_elsewhere() -> None:
    text = document("email: mail", match="match: [{key: email, from: mail, name_from: [who]}]")
    found = lens(text, "m.yaml").get({"mail": "info@x.com", "who": "Anna  Smith"}).keys
    assert found == (Key("email", "info@x.com|anna smith"),)


def test_phone_and_name_need_all_their_parts() -> None:
    full = {"phone": "(415) 555-0100 ext. 7", "first": "Zoë", "last": "O'Brien"}
    assert of(full) == ["phone_name:+14155550100|zoë o'brien"]
    assert of({**full, "phone": "+1 415 555 0100", "first": "ZOE\u0308"}) == of(full)
    for part in full:
        assert of({**full, part: ""}) == of({**full, part: None}) == []
    assert of({**full, "phone": "ask Anna"}) == []


def test_campaigns_by_code_and_name() -> None:
    found = CAMPAIGN.get({"c": " EM-014", "u": "em-014", "title": "Spring  Launch"}).keys
    assert [str(key) for key in found] == ["code:em-014", "name:spring launch"]


@given(st.text(max_size=80), st.text(max_size=80))
@settings(deadline=None)
def test_keys_do_not_depend_on_case_and_outer_space(mail: str, name: str) -> None:
    first = CONTACT.get({"mail": mail, "first": name}).keys
    second = CONTACT.get({"mail": f"  {mail.lower()} ", "first": name}).keys
    assert first == second


@given(st.text())
@settings(deadline=None)
def test_folding_a_name_twice_changes_nothing(name: str) -> None:
    once = keys.fold_name(name)
    assert keys.fold_name(once) == once


@given(st.emails())
@settings(deadline=None)
def test_keys_survive_being_written_as_text(address: str) -> None:
    key = keys.email_key(address.lower(), "Anna Smith")
    if "|" in address:
        assert key is None, "the bar parts an address from a name, so such an address is no key"
        return
    assert key is not None
    assert Key.parse(str(key)) == key
