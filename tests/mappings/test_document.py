"""Documents: what is wrong is said all at once, with place, what was said, what was expected, the nearest word."""

from __future__ import annotations

import pytest

from hub.domain.policy import Compare, Direction, OnBuried, OnGone, Weight
from mappings.compile import lens
from mappings.document import BadDocument, check, parse
from tests.mappings.documents import EVERYTHING, document


def test_every_word_of_the_language_is_accepted() -> None:
    made, complaints = check(EVERYTHING, "acme.yaml")
    assert complaints == ()
    assert made is not None
    fields = {field.name: field for field in made.fields}
    assert fields["email"].weight is Weight.OWNER
    assert fields["title"].paths == ("title", "role")
    assert fields["custom.tags"].direction is Direction.IN
    assert fields["custom.source"].constant == "acme"
    policy = made.policy
    assert (policy.on_gone, policy.on_buried, policy.create_denied) == (OnGone.ASK, OnBuried.REMOVE, False)
    assert policy.create_requires == ("family_name",)
    assert policy.create_beside
    assert policy.fields["company_name"].write_if_empty
    assert policy.fields["custom.born"].part == "details"
    assert policy.fields["consent.email"].part == "consent"
    assert policy.fields["consent.email"].direction is Direction.BOTH
    assert policy.fields["consent.phone"].direction is Direction.IN
    assert policy.fields["consent.sms"].direction is Direction.OUT


def test_all_complaints_come_at_once() -> None:
    text = """\
mapping: acme/people
version: 1
entity: contact
match:
  - {key: e-mail, from: mail}
fields:
  emial: mail
  given_name: {pth: first}
  lifecycle_stage: {path: stage, table: {Warm: hot}}
  family_name: {path: last, normalise: [trimm]}
policy: {on_gone: burry}
colour: red
"""
    _, complaints = check(text, "acme.yaml")
    told = {c.where: c for c in complaints}
    assert told["acme.yaml:5 match.0.key"].mend == 'Did you mean "email"?'
    assert told["acme.yaml:7 fields.emial"].mend == 'Did you mean "email"?'
    assert told["acme.yaml:8 fields.given_name.pth"].mend == 'Did you mean "path"?'
    assert told["acme.yaml:9 fields.lifecycle_stage.table"].expected.startswith("one of subscriber, lead")
    assert told["acme.yaml:10 fields.family_name.normalise.0"].mend == 'Did you mean "trim"?'
    assert told["acme.yaml:11 policy.on_gone"].said == '"burry"'
    assert told["acme.yaml:11 policy.on_gone"].mend == 'Did you mean "bury"?'
    assert told["acme.yaml:12 colour"].said == 'the unknown key "colour"'


CONTACT = "email: mail"
WRONG = [
    (document("email: 12"), "fields.email", "a remote path", 6),
    (document("email: {}"), "fields.email", "a path or a constant", 6),
    (document("email: {path: mail, constant: x}"), "fields.email", "a path or a constant", 6),
    (document("email: [mail]"), "fields.email", "a remote path, or the settings", 6),
    (document("email: {path: mail, split: ;}"), "fields.email.split", "split only on sets", 6),
    (document("email: {path: mail, transform: [first_word], direction: both}"), "fields.email.direction", "in:", 6),
    (document("emails: {path: [a, b], direction: out}"), "fields.emails.direction", "in: a set gathered", 6),
    (document("emails: {path: 'a[].b', direction: both}"), "fields.emails.direction", "in: a path with []", 6),
    (document("title: {path: a, join: ' '}"), "fields.title.join", "several paths", 6),
    (document("title: {constant: x, direction: both}"), "fields.title.direction", "in: a constant", 6),
    (document("title: {constant: x, table: {a: b}}"), "fields.title.table", "only", 6),
    (document("title: {path: a, kind: text}"), "fields.title.kind", "only custom", 6),
    (document("title: {path: a, compare: set}"), "fields.title.compare", "set only for set fields", 6),
    (document("emails: {path: a, compare: exact}"), "fields.emails.compare", "set, for a set field", 6),
    (document("lifecycle_stage: {constant: hot}"), "fields.lifecycle_stage.constant", "one of", 6),
    (
        document("lifecycle_stage: {path: a, on_unknown: {default: lead}}"),
        "fields.lifecycle_stage.on_unknown",
        "a table",
        6,
    ),
    (
        document("lifecycle_stage: {path: a, table: {x: lead}, on_unknown: {default: leed}}"),
        "fields.lifecycle_stage.on_unknown.default",
        "one of",
        6,
    ),
    (document("custom.n: {path: a, kind: integer, normalise: [trim]}"), "fields.custom.n.normalise", "a transform", 6),
    (document("custom.n: {path: a, kind: enumm}"), "fields.custom.n.kind", "one of", 6),
    (document("phone: {path: a, country: XX, normalise: [phone]}"), "fields.phone.country", "a country code", 6),
    (document("phone: {path: a, country: US}"), "fields.phone.country", "the normaliser phone", 6),
    (document("title: {path: a, transform: [{take: {}}]}"), "fields.title.transform.0.take", "separator", 6),
    (document("title: {path: a, transform: [take]}"), "fields.title.transform.0", "without arguments", 6),
    (document("title: {path: a, transform: [{trim: x}]}"), "fields.title.transform.0.trim", "one of number", 6),
    (
        document("custom.d: {path: a, kind: date, transform: [{date: YYYY-MM}]}"),
        "fields.custom.d.transform.0.date.format",
        "a format such as",
        6,
    ),
    (
        document("custom.d: {path: a, transform: [{datetime: {zone: Europe/Berln}}]}"),
        "fields.custom.d.transform.0.datetime.zone",
        "a time zone",
        6,
    ),
    (document("title: a\nstreet: a"), "fields.street.path", "one writer", 7),
    (document("title: a\nstreet: a.b"), "fields.street.path", "one writer", 7),
    (document("title: {path: [a, a]}"), "fields.title.path", "each path once", 6),
    (document(CONTACT, "policy: {create_key: phone}"), "policy.create_key", "written", 7),
    (document(CONTACT, "policy: {creates: true, create_requires: [title]}"), "policy", "written", 7),
    (document("{email: {path: a, direction: in}}", "policy: {creates: true}"), "policy.create_key", "written", 7),
    (document(CONTACT, "consent: {email: {}}"), "consent.email", "read, write or both", 7),
    (document(CONTACT, "consent: {mail: {read: {path: x, denied: [1]}}}"), "consent.mail", "a channel", 7),
    (document(CONTACT, "consent: {email: {read: {path: x}}}"), "consent.email.read", "the values that deny", 7),
    (
        document(CONTACT, "consent: {email: {read: {path: x, granted: [yes]}}}"),
        "consent.email.read.granted",
        "evidence",
        7,
    ),
    (
        document(CONTACT, "consent: {email: {read: {path: x, denied: [yes], none: [YES]}}}"),
        "consent.email.read.none",
        "one list",
        7,
    ),
    (
        document(CONTACT, "consent: {email: {read: {path: x, denied: [y], granted: [n], evidence: {who: a}}}}"),
        "consent.email.read.evidence",
        "how",
        7,
    ),
    (document(CONTACT, "consent: {email: {write: {deny: {mail: x}}}}"), "consent.email.write", "one writer", 7),
    (document(CONTACT, "scope: {where: [{path: a}]}"), "scope.where.0", "one of in", 7),
    (document(CONTACT, "scope: {where: [{in: [a]}]}"), "scope.where.0", "path and one", 7),
    (document(CONTACT, "scope: {where: [{path: a, in: x}]}"), "scope.where.0.in", "a list of values", 7),
    (document(CONTACT, "examples: [{raw: {}, put: {}}]"), "examples.0", "`raw`", 7),
    (document(CONTACT, "examples: [{raw: {}}]"), "examples.0", "`raw`", 7),
    (document(CONTACT, match="match: []"), "", "a match with a key", 1),
    (document(CONTACT, match="match: [{key: code, from: a}]"), "match.0.key", "a key of contact", 4),
    (document(CONTACT, match="match: [{key: phone_name, from: a}]"), "match.0.from", "the phone, then", 4),
    (document("name: name", "consent: {email: {read: {path: x, denied: [1]}}}", entity="campaign"), "consent", "no", 7),
    (document("impressions: n", entity="fact"), "fields", "campaign_ref", 5),
    (document("campaign_ref: a\nday: {path: b, direction: both}", entity="fact"), "fields.day.direction", "in", 7),
    (document("custom.x: a", entity="fact"), "fields.custom.x", "a field of fact", 6),
]


@pytest.mark.parametrize(("text", "place", "expected", "line"), WRONG)
def test_what_cannot_be_meant(text: str, place: str, expected: str, line: int) -> None:
    made, complaints = check(text, "acme.yaml")
    assert made is None
    fitting = [c for c in complaints if expected in c.expected and place in c.where]
    assert fitting, [str(c) for c in complaints]
    assert any(c.where.startswith(f"acme.yaml:{line}") for c in fitting), [c.where for c in fitting]


def test_a_missing_key_is_named() -> None:
    _, complaints = check("fields: {email: mail}\n", "a.yaml")
    said = [c.said for c in complaints]
    assert "no key 'mapping'" in said
    assert "no key 'entity'" in said


def test_the_compare_that_follows_from_the_steps() -> None:
    text = document(
        """
        email: mail
        emails: {path: all, split: ";"}
        phone: {path: p, normalise: [phone]}
        given_name: first
        title: {path: t, normalise: []}
        region: {path: r, normalise: [upper]}
        lifecycle_stage: {path: s, table: {x: lead}}
        custom.n: {path: n, kind: number}
        custom.free: free
        """
    )
    fields = parse(text, "a.yaml").policy.fields
    assert {name: str(field.compare) for name, field in fields.items()} == {
        "email": "casefold",
        "emails": "set",
        "phone": "phone",
        "given_name": "trimmed",
        "title": "exact",
        "region": "casefold",
        "lifecycle_stage": "exact",
        "custom.n": "exact",
        "custom.free": "trimmed",
    }
    assert fields["given_name"].compare is Compare.TRIMMED


def test_the_hash_follows_the_meaning_only() -> None:
    base = parse(EVERYTHING, "a.yaml")
    renamed = parse("# a comment\n" + EVERYTHING.replace("Uses every word", "Says all"), "b.yaml")
    moved = parse(EVERYTHING.replace("path: role", "path: rule").replace("[title, role]", "[title, post]"), "a.yaml")
    assert renamed.hash == base.hash
    assert moved.hash != base.hash


def test_the_error_carries_all_complaints() -> None:
    with pytest.raises(BadDocument) as caught:
        lens("mapping: x\n", "a.yaml")
    assert len(caught.value.complaints) == 4
    assert "4 mistakes" in caught.value.message
