"""Masking: nothing of a person comes through, and the mapping reads the same; examples made of it hold."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import replace
from importlib import import_module
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import connectors
from hub.domain.entities import Kind
from hub.errors import Refused
from hub.sdk.sandbox import SandboxOptions
from mappings import examples, library
from mappings.clauses import Document
from mappings.compile import compiled
from mappings.disguise import PHONE_WORDS, Disguise, runs, words
from mappings.document import parse
from mappings.exampling import example, put_example
from mappings.keys import ROLES
from mappings.lens import Lens
from mappings.masking import masked
from mappings.paths import merged
from tests.conformance.exercise import Exercise, SteppedClock
from tests.mappings.documents import EVERYTHING, document

TEXTS = [("everything", EVERYTHING)] + [
    (f"{c}/{s}", library.source(c, s).read_text(encoding="utf-8")) for c, s in library.names()
]
PAIRS = [(parse(text, name), compiled(parse(text, name))) for name, text in TEXTS]
IDS = [name for name, _ in TEXTS]
each = pytest.mark.parametrize("which", range(len(PAIRS)), ids=IDS)

SALESFORCE = {
    "Id": "003Ho0000000001IAA",
    "FirstName": "Siobhán",
    "LastName": "O'Brien-Kowalski",
    "Email": "Siobhan.OBrien+news@Alpine.co.uk",
    "Phone": "(212) 555-0142",
    "MobilePhone": "+353 86 123 4567",
    "Title": "VP Marketing",
    "Account": {"Name": "Alpine Systems Inc.", "Industry": "Machinery"},
    "Owner": {"Email": "ana.ruiz@customer.com"},
    "MailingStreet": "12 Main St\nFloor 3",
    "MailingCity": "New York",
    "MailingPostalCode": "10012",
    "MailingCountry": "USA",
    "HasOptedOutOfEmail": True,
    "DoNotCall": False,
    "Description": "Knows Peter",
}


def of(connector: str, stream: str) -> tuple[Document, Lens]:
    return PAIRS[IDS.index(f"{connector}/{stream}")]


NAMES = st.sampled_from(
    ["Anna", "Jürgen Müller", "O'Brien", "Zoe\u0308", "李小龍", "محمد علي", "Ольга", "D'Arcy-Løw", "😀 Max"]
)
MAILS = st.sampled_from(
    ["Anna.Smith@X.com", "info@acme.com", "jobs+it@acme.co.uk", "no mail", "ü@exämple.de", "a@example.test"]
)
PHONES = st.sampled_from(
    [
        "(415) 555-0100",
        "+49 30 1234567",
        "0049 30 1234567",
        "+353 86 123 4567",
        "+1 212 555 0199 ext. 12",
        "ask Anna",
        "4155550100",
    ]
)
DAYS = st.sampled_from(
    ["2026-01-31", "31.1.2026", "2026-01-31T08:00:00.000+0000", "2026-02-30", 1769846400000, "1/31/2026 9:05 PM"]
)
ODD = st.none() | st.booleans() | st.integers(-(10**6), 10**13) | st.just("") | st.just(" ") | st.text(max_size=15)
SOME = NAMES | MAILS | PHONES | DAYS | ODD | st.text(max_size=40) | st.lists(NAMES | MAILS, max_size=3)
SOME |= st.dictionaries(NAMES, NAMES, max_size=2)


@st.composite
def records(draw: st.DrawFn, which: int) -> dict[str, Any]:
    """Records with some of the lens's paths and others beside them."""
    document_, lens = PAIRS[which]
    table = [remote for field in document_.fields for _, remote, _ in field.table]
    values = SOME | (st.sampled_from(table) if table else st.nothing())
    raw: dict[str, Any] = {"unread": draw(NAMES)}
    for path in lens.reads:
        if draw(st.booleans()):
            raw = merged(raw, {path.replace("[]", ""): draw(values)})
    return raw


def texts_of(value: object) -> list[str]:
    """All texts and numbers of a record, without its keys."""
    if isinstance(value, dict):
        return [text for inner in value.values() for text in texts_of(inner)]
    if isinstance(value, list):
        return [text for inner in value for text in texts_of(inner)]
    return [] if value is None or isinstance(value, bool) else [str(value)]


def personal(document_: Document) -> set[str]:
    """The paths of fields that hold free text, e-mail addresses, phones or names, and nothing that stays."""
    kinds = (Kind.TEXT, Kind.EMAIL, Kind.PHONE, Kind.TEXT_SET)
    found: set[str] = set()
    staying: set[str] = set()
    for field in document_.fields:
        country = "country" in field.normalise or any(name == "country_name" for name, _ in field.transform)
        plain = field.definition.kind in kinds and not field.table and not country and not field.compute
        (found if plain else staying).update(field.paths)
        staying |= {field.country.path or ""} | {str(v) for _, args in field.transform for v in args.values()}
    for consent in document_.consent:
        for read in consent.reads:
            staying |= {read.path, read.at or "", read.when or ""}
    return {path for path in found - staying if "[]" not in path}


def shown(raw: Any, path: str) -> Any:
    for step in path.split("."):
        raw = raw.get(step) if isinstance(raw, dict) else None
    return raw


@each
@given(data=st.data())
@settings(deadline=None, max_examples=60)
def test_no_word_of_a_person_comes_through_and_it_reads_the_same(which: int, data: Any) -> None:
    document_, lens = PAIRS[which]
    raw = data.draw(records(which))
    made = masked(raw, document_, salt=data.draw(st.sampled_from(["a", "b"])), lens=lens)
    paths = personal(document_)
    told = {word for path in paths for text in texts_of(shown(raw, path)) for word in words(text)}
    left = {word for path in paths for text in texts_of(shown(made, path)) for word in words(text)}
    mapping_names = {"gmbh", "vip", "new", "lead"}
    codes = {"353", "0049"}
    assert not (told & left) - PHONE_WORDS - ROLES - codes - mapping_names, (raw, made)
    before, after = lens.get(raw), lens.get(made)
    assert before.values.keys() == after.values.keys()
    assert {c.field for c in before.complaints} == {c.field for c in after.complaints}
    assert before.in_scope == after.in_scope
    assert {c: r.state for c, r in before.consent.items()} == {c: r.state for c, r in after.consent.items()}
    for field in document_.fields:
        stays = field.table or field.definition.kind in (Kind.BOOLEAN, Kind.INTEGER, Kind.NUMBER, Kind.MONEY)
        if stays and not field.compute and field.name in before.values and field.on_unknown != "pass":
            assert before.values[field.name] == after.values[field.name]
    assert "unread" not in made
    orjson.dumps(made)


@each
def test_it_is_the_same_for_the_same_salt_and_another_for_another(which: int) -> None:
    document_, lens = PAIRS[which]
    raw: dict[str, Any] = {}
    for path in lens.reads:
        raw = merged(raw, {path.replace("[]", ""): "Anna Kowalski"})
    first = masked(raw, document_, salt="one", lens=lens)
    assert first == masked(raw, document_, salt="one")
    if "Anna" not in json.dumps(raw) or not first:
        return
    assert first != masked(raw, document_, salt="two", lens=lens)


def test_the_form_of_each_value_stays() -> None:
    document_, lens = of("salesforce", "contacts")
    made = masked(SALESFORCE, document_, salt="s", lens=lens)
    assert made.keys() == SALESFORCE.keys() - {"Id", "Description"}
    assert made["Account"].keys() == {"Name"}
    name, family, mail = made["FirstName"], made["LastName"], made["Email"]
    assert len(name) == len("Siobhán")
    assert name[0].isupper()
    assert name[5] in "áéíóúàèìòùâêîôûäëïöü"
    assert (family[1], family[7], family[0].isupper(), family[8].isupper()) == ("'", "-", True, True)
    assert (mail[7], mail[14], mail[19]) == (".", "+", "@")
    assert mail.endswith(".example")
    assert made["Phone"].startswith("(")
    assert made["Phone"][6:10] != "555-"
    assert made["MobilePhone"].startswith("+353 ")
    assert made["MailingStreet"].count("\n") == 1
    assert made["MailingPostalCode"].isdigit()
    assert len(made["MailingPostalCode"]) == 5
    assert (made["MailingCountry"], made["HasOptedOutOfEmail"], made["DoNotCall"]) == ("USA", True, False)


def test_days_move_by_whole_days_and_keep_their_order() -> None:
    made = parse(
        document(
            """
            name: name
            start_date: start
            end_date: {path: end, transform: [{date: D.M.YYYY}]}
            custom.at: {path: at, kind: datetime, transform: [epoch_ms]}
            """,
            entity="campaign",
        ),
        "x.yaml",
    )
    raw = {"name": "Spring", "start": "2026-03-01", "end": "31.3.2026", "at": 1769846400000}
    out = masked(raw, made, salt="s")
    days = compiled(made).get(out).values
    assert out["start"] != "2026-03-01"
    assert str(days["start_date"]) < str(days["end_date"])
    assert (out["at"] - 1769846400000) % 86_400_000 == 0
    assert out["end"].count(".") == 2


def test_shared_mailboxes_stay_shared() -> None:
    document_, lens = of("hubspot", "contacts")
    raw = {"email": "Info@acme.com", "firstname": "Front", "lastname": "Desk"}
    made = masked(raw, document_, salt="s", lens=lens)
    assert made["email"].startswith("Info@")
    assert "acme" not in made["email"]
    (key,) = lens.get(made).keys
    assert "|" in str(key)


def test_one_value_in_two_places_stays_one() -> None:
    document_, lens = of("hubspot", "contacts")
    raw = {"email": "anna@acme.com", "hs_additional_emails": "ANNA@acme.com;a2@acme.com", "phone": "+14155550100"}
    raw["mobilephone"] = "(415) 555-0100"
    values = lens.get(masked(raw, document_, salt="s", lens=lens)).values
    assert len(values["emails"]) == 2  # type: ignore[arg-type]
    assert len(values["phones"]) == 1  # type: ignore[arg-type]


def test_what_the_scope_looks_for_stays() -> None:
    where = "{path: company, contains: gmbh}, {path: kind, in: [person]}, {path: mail, ends_with: '@acme.de'}"
    scope = f"scope: {{where: [{where}]}}"
    made = parse(document("company_name: company", scope), "x.yaml")
    raw = {"mail": "jo@acme.de", "company": "Müller GmbH & Söhne", "kind": "Person"}
    out = masked(raw, made, salt="s")
    assert compiled(made).get(out).in_scope
    assert "Müller" not in out["company"]
    assert out["kind"] == "Person"


def test_long_texts_are_masked_whole() -> None:
    document_, lens = of("salesforce", "contacts")
    text = " ".join(f"Anna{i} met Peter" for i in range(5))
    out = masked({"Title": text, "MailingStreet": "x" * 250}, document_, salt="s", lens=lens)
    assert len(out["Title"]) == len(text)
    assert not words(text) & words(out["Title"])
    assert words(out["MailingStreet"]) != {"x" * 250}


def test_a_record_that_cannot_be_masked_is_refused_without_its_contents() -> None:
    compute = "custom.flag: {kind: boolean, compute: 'record.name.startsWith(record.nick)'}"
    text = document(compute, "policy: {creates: false}").replace("version: 1", "version: 2")
    made = parse(text, "x.yaml")
    raw = {"name": "Annabella", "nick": "Annabel"}
    assert compiled(made).get(raw).values["custom.flag"] is True
    with pytest.raises(Refused) as refused:
        masked(raw, made, salt="s")
    said = f"{refused.value} {refused.value.complaints}"
    assert "custom.flag" in said
    assert "Anna" not in said


def test_examples_hold_when_they_are_made() -> None:
    for (document_, lens), text in zip(PAIRS, TEXTS, strict=True):
        for shipped in document_.examples:
            if "raw" not in shipped:
                continue
            at = shipped.get("modified_at")
            entry = example(shipped["raw"], document_, salt="s", modified_at=at, lens=lens)
            orjson.dumps(entry)
            assert examples.run(_with(document_, entry), lens) == (), text[0]


def _with(document_: Document, entry: dict[str, Any]) -> Document:
    return replace(document_, examples=(entry,))


def test_an_example_of_a_change() -> None:
    document_, lens = of("salesforce", "contacts")
    entry = put_example(
        {"given_name": "Ann", "phone": "+14155550100", "email": "no mail"},
        document_,
        consent={"email": "denied"},
        onto={**SALESFORCE, "HasOptedOutOfEmail": False},
        salt="s",
    )
    assert entry["onto"]["FirstName"] != "Siobhán"
    assert entry["gives"]["FirstName"] == "Ann"
    assert entry["gives"]["HasOptedOutOfEmail"] is True
    assert entry["complaints"] == ["email"]
    assert examples.run(_with(document_, entry), lens) == ()


@given(st.text(max_size=60), st.sampled_from(["a", "b"]))
@settings(deadline=None, max_examples=300)
def test_texts_in_disguise(text: str, salt: str) -> None:
    disguise = Disguise(salt, frozenset(words(text)))
    made = disguise.text(text)
    assert not words(made) & words(text)
    assert made == Disguise(salt, frozenset(words(text))).text(text)
    if "@" not in text and unicodedata.normalize("NFC", text) == text:
        assert [r for r in runs(made) if not r[0].isalnum()] == [r for r in runs(text) if not r[0].isalnum()]


def test_words_run_out_and_others_are_found() -> None:
    digits = [f"{n:03}" for n in range(1000)]
    made = Disguise("s", frozenset(digits)).text("415 212")
    assert not words(made) & set(digits)


@pytest.mark.parametrize(("connector", "stream"), [(c, s) for c, s in library.names() if c in connectors.names()])
def test_every_record_of_the_sandboxes_makes_an_example_that_holds(connector: str, stream: str) -> None:
    clock = SteppedClock()
    sandbox = import_module(f"connectors.{connector}.sandbox").sandbox(SandboxOptions(people=15, clock=clock))
    records_, _ = Exercise(connectors.load(connector), sandbox, clock).walk(stream)
    document_, lens = of(connector, stream)
    paths = personal(document_)
    for record in records_:
        entry = example(record.raw, document_, salt="s", modified_at=record.modified_at, lens=lens)
        assert examples.run(replace(document_, examples=(entry,)), lens) == ()
        told = {word for path in paths for text in texts_of(shown(record.raw, path)) for word in words(text)}
        left = {word for path in paths for text in texts_of(shown(entry["raw"], path)) for word in words(text)}
        assert not (told & left) - PHONE_WORDS - ROLES - {"353"}
