"""Hearing: echo or news."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given

from hub.domain.consent import ConsentReading, ConsentState, Evidence, Statements
from hub.domain.link import Link, LinkState
from hub.engine.hear import NOTHING, Expectation, hear, settle
from hub.engine.survive import consents
from tests.engine.worlds import at, link, policy, shown, values

POLICY = policy()


def heard(made: Link, seen, expected: Expectation = NOTHING):
    return hear(made, seen, POLICY, expected)


@given(values, values)
def test_hearing_twice_changes_nothing(first, second) -> None:
    once = heard(heard(link(), shown(first)).link, shown(second, 2))
    again = heard(once.link, shown(second, 2))
    assert not again.news
    assert not again.moved
    assert again.link == once.link


def test_what_is_first_seen_is_news_but_a_blank_is_not() -> None:
    result = heard(link(), shown({"title": "CEO", "city": None}))
    assert result.news == ("title",)
    assert result.link.said == {"title": ("CEO", at(1))}


def test_a_blank_where_there_was_a_value_is_an_erasure() -> None:
    before = heard(link(), shown({"title": "CEO"})).link
    assert heard(before, shown({"title": None}, 2)).link.said["title"] == (None, at(2))


def test_a_missing_field_says_nothing() -> None:
    before = heard(link(), shown({"title": "CEO"})).link
    assert heard(before, shown({}, 2)).link.said["title"] == ("CEO", at(1))


def test_our_own_write_in_the_form_the_vendor_keeps_is_an_echo() -> None:
    told = settle(link(), {"title": "Chief"}, shown({"title": "CHIEF"}), POLICY)
    assert told.sent["title"] == "Chief"
    assert told.echo["title"] == "CHIEF"
    assert not heard(told, shown({"title": "CHIEF"}, 2)).news


def test_an_edit_after_our_write_is_news() -> None:
    told = settle(link(), {"title": "Chief"}, shown({"title": "CHIEF"}), POLICY)
    assert heard(told, shown({"title": "BOSS"}, 2)).link.said["title"] == ("BOSS", at(2))


def test_settling_does_not_swallow_other_news_in_the_answer() -> None:
    before = heard(link(), shown({"title": "CEO", "city": "Bonn"})).link
    answer = shown({"title": "Chief", "city": "Kiel"}, 2)
    told = settle(before, {"title": "Chief"}, answer, POLICY)
    assert heard(told, answer).news == ("city",)


def test_a_write_in_doubt_that_was_applied_is_ours() -> None:
    before = heard(link(), shown({"title": "CEO"})).link
    result = heard(before, shown({"title": "CTO"}, 2), Expectation({"title": "CTO"}))
    assert not result.news
    assert result.link.sent["title"] == "CTO"


def test_an_edit_while_a_write_is_in_doubt_is_news() -> None:
    before = heard(link(), shown({"title": "CEO"})).link
    assert heard(before, shown({"title": "Boss"}, 2), Expectation({"title": "CTO"})).news == ("title",)


def test_a_blank_in_a_record_that_our_create_made_is_a_persons() -> None:
    expected = Expectation({"email": "ann@example.com", "title": "CEO", "city": "Bonn"}, created=True)
    result = heard(link(), shown({"email": "ann@example.com", "title": None, "city": "Bonn"}), expected)
    assert result.link.said == {"title": (None, at(1))}


def test_a_blank_in_a_record_that_a_person_made_at_the_same_time_says_nothing() -> None:
    expected = Expectation({"email": "ann@example.com", "title": "CEO", "city": "Bonn"}, created=True)
    result = heard(link(), shown({"email": "ann@example.com", "title": None, "city": "Kiel"}), expected)
    assert result.link.said == {"email": ("ann@example.com", at(1)), "city": ("Kiel", at(1))}


def test_comparison_follows_the_vendor() -> None:
    before = heard(link(), shown({"email": "Ann@Example.com", "city": "Bonn"})).link
    assert not heard(before, shown({"email": "ann@example.com", "city": " Bonn "}, 2)).news


def test_a_field_that_is_only_written_is_never_heard_as_news() -> None:
    before = heard(link(), shown({"owner_email": "a@example.com"})).link
    assert before.said["owner_email"] == ("a@example.com", at(1))


def test_sets_are_heard_element_by_element() -> None:
    first = heard(link(), shown({"phones": ("1", "2")})).link
    second = heard(first, shown({"phones": ("2", "3")}, 2)).link
    assert second.said["phones"] == {"1": (False, at(2)), "2": (True, at(1)), "3": (True, at(2))}


def test_what_we_added_to_a_set_is_not_the_remotes_word() -> None:
    first = heard(link(), shown({"phones": ("1",)})).link
    result = heard(first, shown({"phones": ("1", "2", "3")}, 2), Expectation({"phones": ("1", "2")}))
    assert result.link.said["phones"] == {"1": (True, at(1)), "3": (True, at(2))}


def test_a_denial_is_heard_once_and_our_own_never() -> None:
    first = heard(link(), shown({}, 1, "denied")).link
    assert first.statements["email"].denied_at == "2026-01-01T00:00:01.999Z"
    assert heard(first, shown({}, 9, "denied")).link.statements == first.statements
    told = settle(link(), {"consent.email": "denied"}, shown({}, 1, "denied"), POLICY)
    assert not heard(told, shown({}, 2, "denied")).link.statements


def test_a_remote_that_drops_a_denial_says_nothing_but_is_seen() -> None:
    first = heard(link(), shown({}, 1, "denied")).link
    after = heard(first, shown({}, 2, "none"))
    assert after.link.statements == first.statements
    assert after.link.echo["consent.email"] == "none"
    assert after.moved


def test_a_record_that_is_shown_again_lives() -> None:
    assert heard(link(state=LinkState.GONE), shown({})).link.state is LinkState.LIVE


def test_a_write_in_doubt_is_ours_also_in_the_form_the_vendor_keeps() -> None:
    before = heard(link(), shown({"title": "CEO"})).link
    result = heard(before, shown({"title": "CHIEF OFFICER"}, 2), Expectation({"title": "Chief officer"}))
    assert not result.news
    assert (result.link.sent["title"], result.link.echo["title"]) == ("Chief officer", "CHIEF OFFICER")


def test_a_denial_between_two_reads_counts_from_when_it_was_seen() -> None:
    """The vendor's record-level time is whole seconds, or does not move with consent at all."""
    before = heard(link(), shown({}, 1, "none")).link
    after = heard(before, shown({}, 1, "denied", seen=at(30))).link
    assert after.statements["email"].denied_at == "2026-01-01T00:00:30.999Z"


def granted(when: str, seen: str):
    reading = ConsentReading("granted", when, Evidence("ann", when, "form 12"))
    return replace(shown({}, 1, seen=seen), consent={"email": reading})


@pytest.mark.parametrize("when", ["2099-12-31T00:00:00.000Z", "2026-01-01T02:00:00.000Z"])
def test_a_grant_from_the_future_lifts_no_denial_now_or_later(when: str) -> None:
    """A vendor's nonsense; a time of day that was taken for UTC. The record is edited, and read, once that time has
    come: in between, the person opted out elsewhere."""
    once = heard(link(), granted(when, at(0))).link
    again = heard(once, granted(when, "2100-01-01T00:00:00.000Z")).link
    for denied_at in (at(1), "2026-01-01T00:30:00.000Z"):
        denied = link("beta", statements={"email": Statements(denied_at=denied_at)})
        assert consents([once, denied], {})["email"].state is ConsentState.DENIED
        assert consents([again, denied], {})["email"].state is ConsentState.DENIED


def test_a_grant_from_the_future_takes_away_no_grant_and_no_later_one() -> None:
    first, last = "2025-12-01T00:00:00.000Z", "2026-01-01T03:00:00.000Z"
    made = heard(link(), granted(first, at(0))).link
    made = heard(made, granted("2026-01-01T02:00:00.000Z", at(1))).link
    assert made.statements["email"].granted_at == first
    assert heard(made, granted(last, last)).link.statements["email"].granted_at == last


def test_clocks_apart_by_minutes_are_none_from_the_future_and_count_from_when_they_were_seen() -> None:
    once = heard(link(), granted("2026-01-01T00:04:00.000Z", at(10))).link
    assert once.statements["email"].granted_at == at(10)
    again = heard(once, granted("2026-01-01T00:04:00.000Z", "2026-01-01T00:09:00.000Z"))
    assert (again.link.statements, again.news) == (once.statements, ())


def test_a_denial_from_the_future_is_heeded_and_can_be_lifted() -> None:
    for reading, before in ((ConsentReading("denied", "2099-12-31T00:00:00.000Z"), None), (None, "none")):
        made = heard(link(), shown({}, 1, before, seen=at(1))).link if before else link()
        said = replace(shown({}, 1, "denied", seen=at(2)), at="2099-12-31T00:00:00.000Z")
        if reading is not None:
            said = replace(said, consent={"email": reading})
        denied = heard(made, said).link
        assert denied.statements["email"].denied_at == "2026-01-01T00:05:02.000Z"
        grant = heard(link("beta"), granted("2026-01-01T00:06:00.000Z", "2026-01-01T00:07:00.000Z")).link
        assert consents([denied], {})["email"].state is ConsentState.DENIED
        assert consents([denied, grant], {})["email"].state is ConsentState.GRANTED
