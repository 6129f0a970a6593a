"""Documents held against the fields that discovery shows: planted misfits are named, the library fits the sandboxes."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from importlib import import_module

import pytest

import connectors
from hub.sdk.sandbox import SandboxOptions
from hub.sdk.streams import FieldInfo
from mappings import library
from mappings.document import parse
from mappings.fitting import Fit, fit
from tests.conformance.exercise import Exercise, SteppedClock
from tests.mappings.documents import document

MAPPED = [(c, s) for c, s in library.names() if c in connectors.names()]
FIELDS = (
    FieldInfo("id", "Id", "id", creatable=False, updatable=False),
    FieldInfo("mail", "Mail", "email", required=True, max_length=254),
    FieldInfo("LastName", "Last name", "string", max_length=80),
    FieldInfo("Score", "Score", "double"),
    FieldInfo("Since", "Since", "date"),
    FieldInfo("SeenAt", "Seen", "datetime"),
    FieldInfo("Vip", "VIP", "boolean"),
    FieldInfo("Kind", "Kind", "hologram"),
    FieldInfo("Address", "Address", "address"),
    FieldInfo("Tier", "Tier", "picklist", choices=("Gold", "Silver", "Bronze")),
    FieldInfo("Stage", "Stage", "picklist", choices=("New", "Warm", "Won")),
    FieldInfo("Sum", "Sum", "currency", creatable=False, updatable=False),
    FieldInfo("Born", "Born", "text", updatable=False),
    FieldInfo("Later", "Later", "text", creatable=False, max_length=20_000),
    FieldInfo("secret", "Secret", "text", readable=False),
    FieldInfo("merge.FNAME", "First", "text", max_length=255),
    FieldInfo("merge.LNAME", "Last", "text", max_length=255),
    FieldInfo("Owner.Email", "Owner", "string", creatable=False, updatable=False, open=True),
    FieldInfo("OptOut", "Opted out", "picklist", choices=("yes", "no")),
)


def fitted(fields: str, rest: str = "", infos: tuple[FieldInfo, ...] = FIELDS) -> Fit:
    head = "email: mail\n"
    return fit(parse(document(head + fields, rest), "x.yaml"), infos)


def complaint(fields: str, rest: str = "") -> str:
    found = fitted(fields, rest)
    assert len(found.complaints) == 1, found
    return str(found.complaints[0])


def warning(fields: str, rest: str = "") -> str:
    found = fitted(fields, rest)
    assert found.complaints == ()
    assert len(found.warnings) == 1, found
    return str(found.warnings[0])


@lru_cache
def discovered(connector: str, stream: str) -> tuple[FieldInfo, ...]:
    clock = SteppedClock()
    sandbox = import_module(f"connectors.{connector}.sandbox").sandbox(SandboxOptions(people=2, clock=clock))
    exercise = Exercise(connectors.load(connector), sandbox, clock)
    made = exercise.connector.stream(stream, exercise.settings, exercise.lens(stream).reads)
    request = made.describe()
    return tuple(made.fields(None if request is None else exercise.send(request)))


@pytest.mark.parametrize(("connector", "stream"), MAPPED)
def test_the_library_fits_what_the_sandboxes_discover(connector: str, stream: str) -> None:
    path = library.source(connector, stream)
    found = fit(parse(path.read_text(encoding="utf-8"), str(path)), discovered(connector, stream))
    assert found.complaints == ()


def test_nothing_is_said_without_a_discovery() -> None:
    assert fitted("title: nowhere", infos=()) == Fit()


def test_what_fits_is_silent() -> None:
    fields = """
        family_name: {path: LastName, max_length: 80}
        given_name: {path: merge.FNAME, max_length: 255}
        custom.score: {path: Score, kind: number}
        custom.vip: {path: Vip, kind: boolean}
        custom.since: {path: Since, kind: date}
        custom.seen: {path: SeenAt, kind: datetime}
        custom.tier: {path: Tier, table: {Gold: g, Silver: s, Bronze: b}}
        owner_email: {path: Owner.Email, direction: in}
        title: {path: Later, part: details}
    """
    assert fitted(_dedented(fields)) == Fit()


def _dedented(text: str) -> str:
    return "\n".join(line.strip() for line in text.strip().split("\n"))


def test_an_unknown_path_names_the_line_and_the_nearest() -> None:
    said = complaint("family_name: {path: Lastname, max_length: 80}")
    assert said.startswith('x.yaml:7 fields.family_name.path: "Lastname", which discovery does not show')
    assert 'Did you mean "LastName"?' in said


@pytest.mark.parametrize(
    ("fields", "rest"),
    [
        ("title: merge.FNAM", ""),
        ("phone: {path: Later, part: d, normalise: [phone], country: {path: Contry, default: US}}", ""),
        ("custom.x: {path: Sum, kind: money, direction: in, transform: [{major_to_minor: Curency}]}", ""),
        ("", "consent: {email: {read: {path: optout_, denied: [yes]}}}"),
        ("", "consent: {email: {write: {deny: {Opt_Out: yes}}}}"),
        ("", "scope: {where: [{any: [{path: Stagee, in: [New]}]}]}"),
    ],
)
def test_unknown_paths_are_found_wherever_they_stand(fields: str, rest: str) -> None:
    assert "which discovery does not show" in complaint(fields, rest)


@pytest.mark.parametrize(
    "fields",
    [
        "title: {path: Account.Industry, direction: in}",
        "title: {path: Owner.Title, direction: in}",
        "title: {path: Owner.Manager.Email, direction: in}",
        "title: {path: 'tags[].name', direction: in}",
        "title: {path: links.0.title, direction: in}",
    ],
)
def test_what_discovery_cannot_know_is_a_warning(fields: str) -> None:
    assert "which discovery does not show" in warning(fields)


def test_a_remote_of_which_not_everything_is_listed_warns() -> None:
    infos = tuple(replace(info, open=True) if "." not in info.path else info for info in FIELDS)
    found = fitted("title: {path: Own Column, direction: in}", infos=infos)
    assert (len(found.complaints), len(found.warnings)) == (0, 1)


def test_groups_and_parts_of_fields() -> None:
    assert "which has parts" in warning("title: {path: merge, direction: in}")
    assert "a part of LastName" in warning("title: {path: LastName.first, direction: in}")
    assert fitted("title: {path: Address.city, direction: in}") == Fit()
    assert fitted("title: {path: Kind.whatever, direction: in}") == Fit()


def test_what_cannot_be_read_or_written() -> None:
    assert "cannot be read there" in complaint("title: {path: secret}")
    assert "only read there" in complaint("custom.sum: {path: Sum, kind: number}")
    assert fitted("custom.sum: {path: Sum, kind: number, direction: in}") == Fit()
    assert "cannot be changed once" in complaint("title: Born")
    assert "cannot be given when a record is made" in complaint("title: Later")
    assert fitted("title: Later", "policy: {creates: false}") == Fit()
    assert "cannot be read there" in complaint("", "consent: {email: {read: {path: secret, denied: [yes]}}}")
    assert fitted("", "consent: {email: {write: {deny: {secret: x}}}}") == Fit()
    assert "only read" in complaint("", "consent: {email: {write: {deny: {Sum: 1}}}}")


@pytest.mark.parametrize(
    "fields",
    [
        "owner_email: {path: Score, direction: in}",
        "custom.day: {path: Score, kind: date, direction: in}",
        "custom.count: {path: Since, kind: integer, direction: in}",
        "custom.flag: {path: Since, kind: boolean, direction: in}",
        "title: {path: Address, direction: in}",
        "custom.n: {path: Vip, kind: integer}",
        "title: Score",
        "custom.at: {path: Since, kind: datetime}",
        "custom.on: {path: SeenAt, kind: date}",
    ],
)
def test_types_that_do_not_go_together(fields: str) -> None:
    found = fitted(fields)
    assert found.complaints, found
    assert all("which is of type" in said.said for said in found.complaints)


@pytest.mark.parametrize(
    "fields",
    [
        "custom.at: {path: Score, kind: datetime, transform: [epoch_ms]}",
        "custom.n: {path: Score, kind: integer}",
        "custom.n: {path: Born, kind: integer, direction: in}",
        "custom.any: {path: Kind}",
        "custom.any: {path: Kind, kind: integer}",
        "custom.any: Score",
        "custom.flag: {path: Vip, kind: text, table: {true: yes, false: no}}",
        "custom.on: {path: SeenAt, kind: date, direction: in}",
    ],
)
def test_types_that_may_go_together(fields: str) -> None:
    assert fitted(fields) == Fit()


def test_choices_without_a_row() -> None:
    said = complaint("lifecycle_stage: {path: Stage, direction: in, table: {New: lead, Warm: mql}}")
    assert 'x.yaml:7 fields.lifecycle_stage.table: no row for "Won", which Stage offers' in said
    assert (
        fitted("lifecycle_stage: {path: Stage, direction: in, table: {New: lead}, on_unknown: {default: other}}")
        == Fit()
    )
    assert "Add a `table`" in complaint("lifecycle_stage: {path: Stage, direction: in}")


def test_rows_and_writing_beyond_the_choices() -> None:
    row = "table: {new: lead, New: mql, Warm: sql, Won: customer}"
    read = warning(f"lifecycle_stage: {{path: Stage, direction: in, {row}}}")
    assert 'rows for "new", which Stage does not offer' in read
    found = fitted(f"lifecycle_stage: {{path: Stage, {row}}}")
    assert [c.said for c in found.complaints] == ['"new" written to Stage, which does not offer it']
    assert found.complaints[0].mend == 'Did you mean "New"?'
    assert any("no word for" in w.said and '"subscriber"' in w.said for w in found.warnings)
    rest = "table: {New: lead, Warm: mql, Won: customer}, write_table: {sql: Hot}"
    assert "fields.lifecycle_stage.write_table" in str(
        fitted(f"lifecycle_stage: {{path: Stage, {rest}}}").complaints[0]
    )


def test_free_text_into_choices_is_a_warning() -> None:
    assert "which offers 3 choices" in warning("title: {path: Tier}")


def test_choices_are_compared_as_they_are_read() -> None:
    table = "normalise: [trim, lower], table: {gold: g, silver: s, bronze: b}"
    assert fitted(f"custom.tier: {{path: Tier, direction: in, {table}}}") == Fit()


def test_consent_words() -> None:
    assert '"unsubscribed"' in warning("", "consent: {email: {read: {path: OptOut, denied: [unsubscribed]}}}")
    assert '"YES", which OptOut does not offer' in complaint("", "consent: {email: {write: {deny: {OptOut: 'YES'}}}}")
    assert fitted("", "consent: {email: {read: {path: OptOut, denied: ['yes', '*']}}}") == Fit()


def test_lengths() -> None:
    assert "Say `max_length: 80`" in complaint("family_name: LastName")
    assert "fields.family_name.max_length" in complaint("family_name: {path: LastName, max_length: 81}")
    assert fitted("phone: {path: LastName, normalise: [phone]}") == Fit()
    assert fitted("custom.n: {path: LastName, kind: integer}") == Fit()
    assert complaint("title: {path: LastName, max_length: 80, transform: [{remove_prefix: 'x:'}]}")


def test_required_fields() -> None:
    infos = (*FIELDS, FieldInfo("Company", "Company", "string", required=True, max_length=10_000))
    (said,) = fitted("", infos=infos).complaints
    assert 'nothing that writes "Company"' in said.said
    assert fitted("", "policy: {creates: false}", infos) == Fit()
    (warned,) = fitted("company_name: Company", infos=infos).warnings
    assert "create_requires: [company_name]" in warned.mend
    assert fitted("company_name: Company", "policy: {create_requires: [company_name]}", infos) == Fit()


def test_expressions_and_composites_are_held_to_the_fields_too() -> None:
    def two(fields: str, rest: str = "") -> Fit:
        text = document("email: mail\n" + fields, rest).replace("version: 1", "version: 2")
        return fit(parse(text, "x.yaml"), FIELDS)

    (said,) = two('title: {compute: \'record.Scoer > 1.0 ? "a" : "b"\'}').complaints
    assert said.where == "x.yaml:7 fields.title.compute"
    assert said.mend == 'Did you mean "Score"?'
    (said,) = two("", "scope: {when: 'record.Tear == \"Gold\"'}").complaints
    assert "scope" in said.where
    names = "composites: [{path: %s, form: given_first, fields: [given_name, family_name]%s}]"
    assert two("", names % ("LastName", ", max_length: 80")) == Fit()
    (said,) = two("", names % ("Lastname", ", max_length: 80")).complaints
    assert said.where == "x.yaml:7 composites.0.path"
    assert [c.mend for c in two("", names % ("LastName", "")).complaints] == ["Say `max_length: 80`"]
