"""The documents that come with the hub: each compiles, keeps its own examples, and a home may replace it."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest
from ruamel.yaml import YAML

from hub.domain.entities import ENTITIES
from hub.domain.policy import Rule
from hub.errors import NotFound
from mappings import examples, library, survivorship
from mappings.compile import compiled
from mappings.document import BadDocument, parse
from mappings.schema import entity_schema, schema
from tests.mappings.documents import EVERYTHING, document

NAMES = library.names()


@pytest.mark.parametrize(("connector", "stream"), NAMES)
def test_a_document_compiles_and_keeps_its_examples(connector: str, stream: str) -> None:
    path = library.source(connector, stream)
    made = parse(path.read_bytes(), str(path))
    lens = compiled(made)
    assert library.load(connector, stream).hash == lens.hash
    assert [str(complaint) for complaint in examples.run(made, lens)] == []
    assert made.examples, "a document shows by example what it does"


def test_the_document_of_every_word_keeps_its_examples() -> None:
    made = parse(EVERYTHING, "everything.yaml")
    assert examples.run(made, compiled(made)) == ()


def test_an_example_that_does_not_hold_is_told() -> None:
    text = document(
        "email: mail\ntitle: t",
        """
        examples:
          - raw: {mail: a@x.com, t: 1}
            gives: {email: b@x.com}
            keys: ["email:b@x.com"]
            in_scope: false
          - put: {title: x}
            gives: {title: x}
            complaints: [title]
        """,
    )
    made = parse(text, "m.yaml")
    told = {complaint.where: complaint for complaint in examples.run(made, compiled(made))}
    assert set(told) == {
        "m.yaml:9 examples.0.gives.email",
        "m.yaml:9 examples.0.gives.title",
        "m.yaml:9 examples.0.keys",
        "m.yaml:9 examples.0.in_scope",
        "m.yaml:13 examples.1.gives.title",
        "m.yaml:13 examples.1.gives.t",
        "m.yaml:13 examples.1.complaints",
    }


@pytest.mark.parametrize(("connector", "stream"), NAMES)
def test_a_document_fits_the_schema(connector: str, stream: str) -> None:
    data = YAML(typ="safe", pure=True).load(library.source(connector, stream))
    errors = [error.message for error in jsonschema.Draft202012Validator(schema()).iter_errors(_text_keys(data))]
    assert errors == []


def _text_keys(data: object) -> object:
    if isinstance(data, dict):
        return {"true" if k is True else "false" if k is False else str(k): _text_keys(v) for k, v in data.items()}
    return [_text_keys(item) for item in data] if isinstance(data, list) else data


def test_the_schemas_are_schemas() -> None:
    for made in (schema(), entity_schema()):
        jsonschema.Draft202012Validator.check_schema(made)


def test_a_home_replaces_a_document(tmp_path: Path) -> None:
    connector, stream = NAMES[0]
    own = library.source(connector, stream).read_text() + "\n# ours\n"
    (tmp_path / f"{stream}.yaml").write_text(own.replace("about: ", "about: Ours. "))
    assert library.source(connector, stream, tmp_path) == tmp_path / f"{stream}.yaml"
    assert library.load(connector, stream, tmp_path).hash == library.load(connector, stream).hash
    assert library.load(connector, stream, tmp_path / "elsewhere") is library.load(connector, stream)


def test_a_document_in_the_wrong_place_is_complained_of(tmp_path: Path) -> None:
    connector, stream = NAMES[0]
    (tmp_path / f"{stream}.yaml").write_text(EVERYTHING)
    with pytest.raises(BadDocument) as caught:
        library.load(connector, stream, tmp_path)
    assert caught.value.complaints[0].expected == f"{connector}/{stream}"


def test_an_unknown_document_names_the_nearest() -> None:
    with pytest.raises(NotFound) as caught:
        library.load("salesforce", "contact")
    assert "salesforce/contacts" in caught.value.mend
    with pytest.raises(NotFound):
        library.load("..", "secrets")


@pytest.mark.parametrize("name", library.ENTITIES)
def test_survivorship_knows_every_field(name: str) -> None:
    policy = library.entity_policy(name)
    assert policy.entity == name
    assert policy.default.rule is Rule.RANKED
    for field in ENTITIES[name].fields.values():
        rule = policy.of(field.name)
        assert (rule.rule is Rule.UNION) == field.many
        assert rule.rank[0] in {"salesforce", "google_ads"}
    data = YAML(typ="safe", pure=True).load(library.ROOT / f"{name}.yaml")
    jsonschema.validate(data, entity_schema())


def test_a_home_replaces_survivorship(tmp_path: Path) -> None:
    text = "entity: contact\nversion: 1\ndefault: {rank: [hubspot, csv]}\nfields:\n  title: longest\n"
    (tmp_path / "contact.yaml").write_text(text)
    policy = library.entity_policy("contact", tmp_path)
    assert policy.default.rank == policy.of("title").rank == ("hubspot", "csv")
    assert policy.of("title").rule is Rule.LONGEST
    assert library.entity_policy("campaign", tmp_path) is library.entity_policy("campaign")


def test_mistakes_in_an_entity_document_come_at_once() -> None:
    text = "entity: contact\nversion: 1\nfields:\n  titel: ranked\n  city: union\n  emails: longest\n  phone: newst\n"
    _, complaints = survivorship.check(text, "contact.yaml")
    told = {complaint.where: complaint for complaint in complaints}
    assert told["contact.yaml:4 fields.titel"].mend == 'Did you mean "title"?'
    assert told["contact.yaml:7 fields.phone"].mend == 'Did you mean "newest"?'
    assert set(told) == {
        f"contact.yaml:{n} fields.{f}" for n, f in ((4, "titel"), (5, "city"), (6, "emails"), (7, "phone"))
    }
