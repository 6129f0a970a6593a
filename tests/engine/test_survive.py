"""Survivorship: pure, order-free, and true to the rules."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hub.domain.consent import ConsentState, Evidence, Statements
from hub.domain.golden import Pin
from hub.domain.link import Link, LinkState
from hub.domain.policy import EntityPolicy, Rule, Survivorship, Weight
from hub.engine.survive import consents, survive
from tests.engine.worlds import SURVIVORSHIP, at, link, links, ranker, weigh


def winner(made: list[Link], rule: Rule = Rule.RANKED) -> object:
    policy = EntityPolicy("contact", Survivorship(rule))
    return survive(made, policy, ranker, weigh).values.get("title")


@given(links(), st.randoms())
def test_the_order_of_links_does_not_matter(made, chance) -> None:
    shuffled = list(made)
    chance.shuffle(shuffled)
    for rule in Rule:
        policy = EntityPolicy("contact", Survivorship(rule))
        assert survive(made, policy, ranker, weigh) == survive(shuffled, policy, ranker, weigh)
    assert consents(made, {}) == consents(shuffled, {})


@given(links())
def test_a_survivor_is_something_that_somebody_said(made) -> None:
    for rule in (Rule.RANKED, Rule.NEWEST, Rule.LONGEST):
        policy = EntityPolicy("contact", Survivorship(rule))
        result = survive(made, policy, ranker, weigh)
        for name, value in result.values.items():
            if name != "phones" and value is not None:
                assert value in [k.said[name][0] for k in made if name in k.said]


def test_the_better_rank_wins_whatever_the_time() -> None:
    made = [link("beta", said={"title": ("CTO", at(9))}), link("alpha", said={"title": ("CEO", at(1))})]
    assert winner(made) == "CEO"
    assert winner(made, Rule.NEWEST) == "CTO"


def test_an_erasure_holds_against_what_was_said_before_it() -> None:
    made = [link("alpha", said={"title": (None, at(5))}), link("beta", said={"title": ("CTO", at(1))})]
    assert winner(made) is None


def test_a_value_said_after_an_erasure_fills_the_blank() -> None:
    made = [link("alpha", said={"title": (None, at(5))}), link("beta", said={"title": ("CTO", at(9))})]
    assert winner(made) == "CTO"


def test_an_erasure_of_a_lower_rank_does_not_erase_a_better_one() -> None:
    made = [link("alpha", said={"title": ("CEO", at(1))}), link("gamma", said={"title": (None, at(9))})]
    assert winner(made) == "CEO"


def test_the_longest_wins_when_the_rule_says_so() -> None:
    made = [link("alpha", said={"title": ("VP", at(9))}), link("beta", said={"title": ("Vice President", at(1))})]
    assert winner(made, Rule.LONGEST) == "Vice President"


def test_weights_come_before_and_after_the_ranks() -> None:
    made = [link("gamma", said={"title": ("owner's", at(1))}), link("alpha", said={"title": ("CEO", at(1))})]
    owner = survive(made, SURVIVORSHIP, ranker, lambda a, f: Weight.OWNER if a.connection == "gamma" else Weight.RANKED)
    assert owner.values["title"] == "owner's"
    last = survive(
        made, SURVIVORSHIP, ranker, lambda a, f: Weight.IF_EMPTY if a.connection == "alpha" else Weight.RANKED
    )
    assert last.values["title"] == "owner's"
    never = survive(made, SURVIVORSHIP, ranker, lambda a, f: Weight.NEVER)
    assert "title" not in never.values


def test_a_pin_wins_every_rule() -> None:
    made = [link("alpha", said={"title": ("CEO", at(1))})]
    result = survive(made, SURVIVORSHIP, ranker, weigh, [Pin("title", "Boss", "ann", at(2))])
    assert result.values["title"] == "Boss"
    assert result.origins["title"].address is None


def test_sets_are_united_element_by_element_and_presence_wins_a_tie() -> None:
    made = [
        link("alpha", said={"phones": {"1": (True, at(1)), "2": (True, at(1))}}),
        link("beta", said={"phones": {"1": (False, at(1)), "2": (False, at(2)), "3": (True, at(0))}}),
    ]
    assert survive(made, SURVIVORSHIP, ranker, weigh).values["phones"] == ("1", "3")


def test_a_rule_that_asks_names_the_dispute_and_holds_the_best_ranked_meanwhile() -> None:
    made = [link("beta", said={"title": ("CTO", at(9))}), link("alpha", said={"title": ("CEO", at(1))})]
    result = survive(made, EntityPolicy("contact", Survivorship(Rule.ASK)), ranker, weigh)
    assert result.values["title"] == "CEO"
    assert len(result.disputed["title"]) == 2


def test_the_word_of_a_deleted_record_holds_until_a_living_one_says_something_newer() -> None:
    dead = link("alpha", said={"title": ("CEO", at(5))}, state=LinkState.GONE)
    assert winner([dead, link("beta", said={"title": ("CTO", at(1))})]) == "CEO"
    assert winner([dead, link("beta", said={"title": ("CTO", at(9))})]) == "CTO"


def test_the_survivor_of_a_vendors_merge_speaks_for_both() -> None:
    loser = link("alpha", "1", said={"title": ("X", at(9))}, state=LinkState.GONE)
    assert winner([loser, link("alpha", "2", said={"title": ("CEO", at(1))}, echo={"title": "CEO"})]) == "CEO"
    other = link("beta", said={"title": ("CTO", at(1))})
    assert winner([loser, other, link("alpha", "2", echo={"title": "CEO"})]) == "CTO"
    assert winner([loser, other, link("alpha", "2", echo={"title": "x"})]) == "X"


def consent(*made: Link) -> ConsentState:
    return consents(made, {})["email"].state


EVIDENCE = Evidence("ann", at(5), "double opt-in")


def test_a_denial_wins_over_older_grants_and_over_those_without_evidence() -> None:
    denied = link("beta", statements={"email": Statements(denied_at=at(6))})
    assert consent(denied, link(statements={"email": Statements(None, at(5), EVIDENCE)})) is ConsentState.DENIED
    assert consent(denied, link(statements={"email": Statements(None, at(9), None)})) is ConsentState.DENIED


def test_a_denial_at_the_same_moment_wins() -> None:
    both = link(statements={"email": Statements(at(5), at(5), EVIDENCE)})
    assert consent(both) is ConsentState.DENIED


def test_only_a_newer_evidenced_grant_lifts_a_denial() -> None:
    denied = link("beta", statements={"email": Statements(denied_at=at(4))})
    assert consent(denied, link(statements={"email": Statements(None, at(5), EVIDENCE)})) is ConsentState.GRANTED


@given(links(2))
def test_no_join_of_links_loses_a_denial_that_no_newer_evidenced_grant_lifts(made) -> None:
    denials = [k.statements["email"].denied_at for k in made if "email" in k.statements]
    grants = [k.statements["email"].granted_at for k in made if "email" in k.statements]
    last_denial = max((d for d in denials if d), default=None)
    last_grant = max((g for g in grants if g), default="")
    if last_denial and last_grant <= last_denial:
        assert consent(*made) is ConsentState.DENIED


@given(st.data())
def test_joining_statements_is_commutative_associative_and_idempotent(data) -> None:
    a, b, c = (data.draw(links()).pop().statements.get("email", Statements()) for _ in range(3))
    assert a.join(b) == b.join(a)
    assert a.join(b).join(c) == a.join(b.join(c))
    assert a.join(a) == a
