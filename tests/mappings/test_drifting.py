"""What of a remote's fields changed, and what of a document that breaks."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.sdk.streams import FieldInfo
from mappings import library
from mappings.document import parse
from mappings.drifting import Broken, Change, drift, held, implausible, resolve
from mappings.language import VERSION
from mappings.uses import MATCH, SCOPE, uses

TEXT = f"""
mapping: hubspot/contacts
version: {VERSION}
entity: contact
match:
  - {{key: email, from: [email]}}
  - {{key: phone_name, from: [phone, firstname], country: {{path: country, default: US}}}}
fields:
  email: email
  given_name: firstname
  phone: {{path: phone, normalise: [phone], country: {{path: country, default: US}}}}
  city: {{path: address.city, direction: in}}
  lifecycle_stage:
    path: stage
    table: {{lead: lead, prospect: lead, customer: customer}}
    write_table: {{customer: won}}
  title: {{path: jobtitle, direction: in}}
consent:
  email: {{read: {{path: optout, denied: ["true"]}}, write: {{deny: {{optout: "true"}}}}}}
scope: {{where: [{{path: kind, not_in: [test]}}]}}
""".encode()
DOCUMENT = parse(TEXT, "a document")
USED = uses(DOCUMENT)
OLD = (
    *(FieldInfo(p, p, "string") for p in ("email", "firstname", "phone", "country", "jobtitle", "kind", "unused")),
    FieldInfo("address", "Address", "object"),
    FieldInfo("stage", "Stage", "enumeration", choices=("lead", "prospect", "won", "lost")),
    FieldInfo("optout", "Opt-out", "bool", choices=("true", "false")),
)


def without(*paths: str) -> list[FieldInfo]:
    return [info for info in OLD if info.path not in paths]


def changed(path: str, **how: object) -> list[FieldInfo]:
    return [replace(info, **how) if info.path == path else info for info in OLD]  # type: ignore[arg-type]


def only(new: list[FieldInfo]) -> Broken:
    found = drift(OLD, new, USED).broken
    assert len(found) == 1, found
    return found[0]


def test_a_document_says_where_it_uses_which_paths() -> None:
    assert USED["phone"].reads == ("phone", "country")
    assert USED["phone"].writes == ("phone",)
    assert USED["title"].writes == ()
    assert USED["lifecycle_stage"].values == {"lead", "won"}
    assert USED["consent.email"].writes == ("optout",)
    assert USED["consent.email"].values == {"true"}
    assert USED[MATCH].reads == ("email", "phone", "firstname", "country")
    assert USED[SCOPE].reads == ("kind",)


@pytest.mark.parametrize(
    ("path", "fields", "places"),
    [
        ("jobtitle", ("title",), ()),
        ("address", ("city",), ()),
        ("country", ("phone",), (MATCH,)),
        ("optout", ("consent.email",), ()),
        ("kind", (), (SCOPE,)),
    ],
)
def test_a_removed_field_breaks_what_uses_it(path: str, fields: tuple[str, ...], places: tuple[str, ...]) -> None:
    broken = only(without(path))
    assert (broken.change, broken.fields, broken.places) == (Change.REMOVED, fields, places)
    assert (broken.path, broken.now, broken.what) == (path, None, "was removed")


def test_a_field_of_another_type_breaks_what_uses_it() -> None:
    broken = only(changed("jobtitle", type="number"))
    assert (broken.change, broken.fields, broken.what) == (
        Change.RETYPED,
        ("title",),
        "its type string is now number",
    )


def test_a_right_taken_away_breaks_only_what_needs_it() -> None:
    assert drift(OLD, changed("jobtitle", creatable=False, updatable=False), USED).broken == ()
    assert only(changed("firstname", updatable=False)).what == "can no longer be written"
    assert only(changed("firstname", updatable=False)).fields == ("given_name",)
    assert only(changed("jobtitle", readable=False)).fields == ("title",)


def test_a_choice_taken_away_breaks_only_what_writes_it() -> None:
    assert drift(OLD, changed("stage", choices=("lead", "won", "lost")), USED).broken == ()
    assert only(changed("stage", choices=("lead", "prospect"))).what == "no longer offers won"
    assert drift(OLD, changed("stage", choices=()), USED).broken == ()


def test_what_the_document_does_not_use_breaks_nothing() -> None:
    found = drift(OLD, without("unused"), USED)
    assert (found.removed, found.broken) == (("unused",), ())
    assert drift(OLD, changed("unused", type="number"), USED).retyped == ("unused",)


def test_new_fields_are_those_that_nobody_knows_yet() -> None:
    new = FieldInfo("seats", "Seats", "number")
    assert drift(OLD, [*OLD, new], USED).new == (new,)
    assert drift(without("jobtitle"), OLD, USED).new == ()
    assert drift(None, [*OLD, new], USED).new == ()


def test_without_an_earlier_discovery_nothing_has_changed() -> None:
    assert drift(None, without("jobtitle"), USED).broken == ()


def test_a_path_that_discovery_never_shows_is_no_drift_until_the_vendor_refuses_it() -> None:
    old = without("jobtitle")
    assert drift(old, old, USED).broken == ()
    named = drift(old, old, USED, {"jobtitle"}).broken
    assert [(b.path, b.change, b.fields) for b in named] == [("jobtitle", Change.REMOVED, ("title",))]
    assert drift(OLD, OLD, USED, {"jobtitle"}).broken == ()
    assert drift([named[0].was, *old], OLD, USED).broken == ()


def test_a_part_of_a_field_that_is_one_text_now_is_gone() -> None:
    used = uses(parse(TEXT.replace(b"address.city", b"address.city.name"), "a document"))
    old = [*OLD, FieldInfo("address.city.name", "City", "string")]
    assert [b.fields for b in drift(old, OLD, used).broken] == [("city",)]


def test_a_path_lies_in_the_nearest_field_above_it() -> None:
    infos = {info.path: info for info in (FieldInfo("tags", "", "list"), FieldInfo("a.b", "", "text"))}
    assert [getattr(resolve(p, infos), "path", None) for p in ("tags[].name", "tags.0.name", "a.b", "a.c", "tag")] == [
        "tags",
        "tags",
        "a.b",
        None,
        None,
    ]


@pytest.mark.parametrize(
    "new",
    [(), OLD[:3], tuple(i for i in OLD if i.path in ("email", "address"))],
)
def test_most_fields_gone_at_once_is_a_fault_and_no_drift(new: tuple[FieldInfo, ...]) -> None:
    assert implausible(OLD, new)


def test_a_whole_group_gone_at_once_is_a_fault_too() -> None:
    group = tuple(FieldInfo(f"merge_fields.{tag}", tag, "text") for tag in ("FNAME", "LNAME", "PHONE"))
    assert "merge_fields" in implausible((*OLD, *group), OLD)
    assert not implausible((*OLD, *group), (*OLD, group[0]))


def test_a_few_fields_gone_are_believed() -> None:
    assert not implausible(OLD[:2], OLD[:1])
    assert not implausible(OLD, OLD[4:])
    assert not implausible(None, ())


def test_a_field_at_rest_is_asked_for_by_nobody() -> None:
    lens = held(DOCUMENT, ["phone"], ["country"])
    assert "country" not in lens.reads
    assert {"phone", "email", "kind"} <= set(lens.reads)
    reading = lens.get({"email": "a@x.example", "phone": "(212) 555-0142", "firstname": "Ann", "kind": "real"})
    assert "phone" not in reading.values
    assert [str(key) for key in reading.keys] == ["email:a@x.example"]
    assert lens.put({"phone": "+12125550142", "given_name": "Ann"}).values == {"firstname": "Ann"}
    assert lens.hash != held(DOCUMENT, [], []).hash


def test_a_field_that_returns_is_asked_for_and_not_heard() -> None:
    lens = held(DOCUMENT, ["title"], [])
    assert "jobtitle" in lens.reads
    assert "title" not in lens.get({"jobtitle": "CEO"}).values


@pytest.mark.parametrize(("connector", "stream"), library.names())
def test_every_document_of_the_library_can_do_without_any_field(connector: str, stream: str) -> None:
    document = parse(library.source(connector, stream).read_bytes(), stream)
    used = uses(document)
    for path in {path for use in used.values() for path in use.paths}:
        names = [name for name, use in used.items() if path in use.paths]
        assert path not in held(document, names, [path]).reads


infos = st.builds(
    FieldInfo,
    st.sampled_from([info.path for info in OLD] + ["seats", "address.city"]),
    st.just("A field"),
    st.sampled_from(["string", "number"]),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    choices=st.sampled_from([(), ("lead",), ("lead", "won")]),
)
listings = st.lists(infos, max_size=8).map(lambda shown: list({info.path: info for info in shown}.values()))


@given(listings)
def test_what_did_not_change_is_no_drift(shown: list[FieldInfo]) -> None:
    found = drift(shown, shown, USED)
    assert (found.new, found.removed, found.retyped, found.broken) == ((), (), (), ())


@given(listings, listings)
def test_what_broke_is_mended_when_all_is_as_it_was(old: list[FieldInfo], new: list[FieldInfo]) -> None:
    broken = drift(old, new, USED).broken
    was = [b.was for b in broken]
    assert drift(was, old, USED).broken == ()
    assert {b.path for b in drift(was, new, USED).broken} == {b.path for b in broken}
