"""The judge of the chaos can fail: every law that is broken by hand is found, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.chaos.judge import Decided, judge
from tests.chaos.theatre import EMAIL, TEXTS, Theatre
from tests.chaos.truth import Denial, Made, Told, Word

ANN = "person0001@example.com"
WINDOW = 8.0
LAST_NAME = {"salesforce": "LastName", "hubspot": "lastname", "mailchimp": "merge_fields.LNAME"}


async def nobody(theatre: Theatre) -> None:
    return None


def make(theatre: Theatre, name: str, email: str, **texts: str) -> str:
    fields: dict[str, Any] = {EMAIL[name]: email, LAST_NAME[name]: "Family"}
    fields |= {TEXTS[name][text]: value for text, value in texts.items() if text in TEXTS[name]}
    return theatre.systems[name].sandbox.people.create(fields)


@pytest.fixture
def theatre() -> Theatre:
    """Ann typed in two systems, the better-ranked word holds, and she opted out after that."""
    made = Theatre(1, nobody)
    for name, system in made.systems.items():
        remote_id = make(made, name, ANN, given_name="Nr000001", title="Nr000002", city="Nr000003")
        if name == "salesforce":
            for field, value in (("given_name", "Nr000001"), ("title", "Nr000002"), ("city", "Nr000003")):
                system.said(Word(ANN, name, remote_id, field, value, 1.0))
        if name == "hubspot":
            system.said(Word(ANN, name, remote_id, "title", "Nr000009", 5.0))
        system.sandbox.people.opt_out(remote_id)
    made.truth.denials.append(Denial(ANN, "hubspot", 20.0))
    return made


def found(theatre: Theatre, decided: Decided | None = None) -> list[str]:
    return judge(theatre, decided or Decided({ANN: theatre.moment(25.0)}, {}), WINDOW)


def of(theatre: Theatre, name: str, email: str = ANN) -> str:
    return theatre.systems[name].sandbox.people.find(email) or ""


def test_all_is_well_when_the_best_ranked_word_holds_and_the_opt_out_is_everywhere(theatre: Theatre) -> None:
    assert found(theatre) == []


def edit(theatre: Theatre, name: str, field: str, value: str) -> None:
    theatre.systems[name].sandbox.people.edit(of(theatre, name), {TEXTS[name][field]: value})


def lost_edit(theatre: Theatre) -> None:
    for name in ("salesforce", "hubspot"):
        edit(theatre, name, "title", "Nr000009")  # the worse-ranked word


def half_told(theatre: Theatre) -> None:
    edit(theatre, "mailchimp", "given_name", "Nr000077")


def overwritten_on_an_old_look(theatre: Theatre) -> None:
    theatre.truth.words[0].overwritten = WINDOW + 1


def twice(theatre: Theatre) -> None:
    again = make(theatre, "salesforce", ANN, given_name="Nr000001", title="Nr000002", city="Nr000003")
    theatre.systems["salesforce"].sandbox.people.opt_out(again)
    theatre.truth.made.append(Made(ANN, "salesforce", again, None))


def twice_long_after_a_person(theatre: Theatre) -> None:
    twice(theatre)
    last = theatre.truth.made.pop()
    theatre.truth.made.append(Made(last.email, last.connection, last.remote_id, WINDOW + 1))


def opted_in_again(theatre: Theatre) -> None:
    theatre.systems["salesforce"].sandbox.people.edit(of(theatre, "salesforce"), {"HasOptedOutOfEmail": False})


def missing_somewhere(theatre: Theatre) -> None:
    make(theatre, "salesforce", "person0002@example.com")
    make(theatre, "hubspot", "person0002@example.com")


def disagreement_about_a_blank(theatre: Theatre) -> None:
    theatre.truth.loose.add(ANN)
    edit(theatre, "salesforce", "title", "")


def said_by_nobody(theatre: Theatre) -> None:
    theatre.truth.loose.add(ANN)
    for name in ("salesforce", "hubspot"):
        edit(theatre, name, "title", "Nr000055")


@pytest.mark.parametrize(
    ("breaks", "words"),
    [
        (lost_edit, "should hold everywhere"),
        (half_told, "should hold everywhere"),
        (overwritten_on_an_old_look, "overwritten 9.0 s after"),
        (twice, "has 2 records"),
        (twice_long_after_a_person, "has 2 records"),
        (opted_in_again, "and opted out"),
        (missing_somewhere, "is not in mailchimp"),
        (disagreement_about_a_blank, "people said"),
        (said_by_nobody, "people said"),
    ],
)
def test_a_broken_law_is_found(theatre: Theatre, breaks: Callable[[Theatre], None], words: str) -> None:
    breaks(theatre)
    assert len(found(theatre)) == 1
    assert words in found(theatre)[0]


@pytest.mark.parametrize(
    ("opened", "asked", "fine"),
    [
        (24.0, 26.0, True),  # decided before the hub knew
        (26.0, 26.5, False),
        (None, 26.0, False),
        (None, 19.0, True),  # before she opted out
    ],
)
def test_a_write_to_one_who_opted_out_counts_from_when_that_was_understood(
    theatre: Theatre, opened: float | None, asked: float, fine: bool
) -> None:
    theatre.truth.told.append(Told(ANN, "mailchimp", "x", True, True, asked, asked + 0.1))
    writes = {} if opened is None else {(ANN, "mailchimp"): [theatre.moment(opened)]}
    assert bool(found(theatre, Decided({ANN: theatre.moment(25.0)}, writes))) is not fine


def test_a_word_that_a_write_crossed_on_its_way_is_lost_to_any_writer(theatre: Theatre) -> None:
    theatre.truth.words[1].overwritten = 1.0  # the title typed in Salesforce
    edit(theatre, "salesforce", "title", "Nr000009")
    edit(theatre, "hubspot", "title", "Nr000009")
    assert found(theatre) == []


def test_a_person_who_crossed_a_create_on_its_way_is_there_twice_for_any_writer(theatre: Theatre) -> None:
    twice(theatre)
    last = theatre.truth.made.pop()
    theatre.truth.made.append(Made(last.email, last.connection, last.remote_id, 2.0))
    assert found(theatre) == []
