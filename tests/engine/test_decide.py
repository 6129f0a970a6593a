"""Deciding: one row of the table, one test."""

from __future__ import annotations

from dataclasses import replace

from hub.domain.consent import Consent, ConsentState
from hub.domain.golden import Golden, GoldenState, Origin
from hub.domain.keys import Address, Key
from hub.domain.link import LinkState
from hub.domain.plan import Op
from hub.domain.policy import FieldPolicy, OnBuried, OnGone
from hub.engine.decide import Place, decide, key_of
from hub.engine.fate import fate
from tests.engine.worlds import at, link, policy

KEY = Key("email", "ann@example.com")
PLACE = Place("beta", "people", policy())
GOLDEN = Golden(
    "con_a",
    "contact",
    {"email": "ann@example.com", "title": "CEO"},
    {"title": Origin(Address("alpha", "people", "1"), at(1), "ranked")},
)
AWAY = link("alpha")
DENIED = {"email": Consent(ConsentState.DENIED, at(3), "alpha/people/1")}


def decided(golden: Golden = GOLDEN, *links, place: Place = PLACE, in_doubt: bool = False, key: Key | None = KEY):
    return decide(golden, links, place, in_doubt=in_doubt, key=key)


def cells(decision) -> dict[str, object]:
    return {c.field: c.after for change in decision.changes for c in change.cells}


def here(**more):
    return link("beta", "9", **more)


def agreed(**values):
    return here(echo=values, sent=values)


def test_in_doubt_nothing_else_is_decided() -> None:
    decision = decided(GOLDEN, AWAY, in_doubt=True)
    assert not decision.changes
    assert decision.waits


def test_what_is_in_doubt_elsewhere_holds_back_everything_but_a_denial() -> None:
    link_here = here(echo={"title": "CTO", "consent.email": "none"})
    denied = replace(GOLDEN, consent=DENIED)
    waiting = decide(denied, (AWAY, link_here), PLACE, in_doubt=True, key=KEY, elsewhere=True)
    assert (cells(waiting), bool(waiting.waits)) == ({"consent.email": "denied"}, True)
    assert not decide(denied, (AWAY, link_here), PLACE, in_doubt=True, key=KEY).changes
    assert not decide(denied, (AWAY,), PLACE, in_doubt=True, key=KEY, elsewhere=True).changes


def test_wanted_and_not_there_is_created_with_every_value() -> None:
    decision = decided(GOLDEN, AWAY)
    assert [c.op for c in decision.changes] == [Op.CREATE]
    assert decision.changes[0].key == KEY
    assert cells(decision) == {"email": "ann@example.com", "title": "CEO"}


def test_nothing_is_created_that_could_not_be_found_again() -> None:
    assert not decided(GOLDEN, AWAY, key=None).changes
    assert not decided(replace(GOLDEN, values={"title": "CEO"}), AWAY).changes


def test_a_shared_mailbox_is_nobodys_key() -> None:
    shared = link("alpha", keys=(Key("email", "ann@example.com|ann lee"),))
    assert key_of(GOLDEN, [shared], PLACE.policy) is None
    assert key_of(GOLDEN, [AWAY], PLACE.policy) == KEY


def test_nothing_is_created_for_one_who_is_in_scope_nowhere() -> None:
    assert not decided(GOLDEN, replace(AWAY, in_scope=False)).changes


def test_a_person_who_lives_in_another_stream_of_the_connection_is_not_made_again() -> None:
    lead = replace(AWAY, address=Address("beta", "leads", "7"))
    assert not decided(GOLDEN, AWAY, lead).changes


def test_unless_the_stream_is_a_list_of_its_own() -> None:
    lead = replace(AWAY, address=Address("beta", "leads", "7"))
    own = replace(PLACE, policy=policy(create_beside=True))
    assert [c.op for c in decided(GOLDEN, AWAY, lead, place=own).changes] == [Op.CREATE]


def test_one_who_denied_is_not_created_where_the_mapping_says_so() -> None:
    denied = replace(GOLDEN, consent=DENIED)
    assert not decided(denied, AWAY, place=replace(PLACE, policy=policy(create_denied=False))).changes
    assert cells(decided(denied, AWAY))["consent.email"] == "denied"


def test_a_record_deleted_there_is_not_made_again_when_unlinked() -> None:
    assert not decided(GOLDEN, AWAY, here(state=LinkState.UNLINKED)).changes


def test_a_record_gone_while_the_person_lives_is_made_again() -> None:
    assert [c.op for c in decided(GOLDEN, AWAY, here(state=LinkState.GONE)).changes] == [Op.CREATE]


def test_only_fields_that_moved_at_the_hub_are_told() -> None:
    assert cells(decided(GOLDEN, AWAY, agreed(email="ann@example.com", title="CTO"))) == {"title": "CEO"}


def test_what_both_agreed_on_is_not_told_again_however_the_vendor_writes_it() -> None:
    rewritten = here(
        echo={"title": "CEO!", "email": "ann@example.com"}, sent={"title": "CEO", "email": "ann@example.com"}
    )
    assert not decided(GOLDEN, AWAY, rewritten).changes


def test_what_the_remote_holds_anyway_is_not_told() -> None:
    assert not decided(GOLDEN, AWAY, here(echo={"title": "CEO", "email": "ANN@example.com"}, sent={})).changes


def test_an_erasure_is_told_where_there_is_something_to_erase() -> None:
    erased = replace(GOLDEN, values={"email": "ann@example.com", "title": None})
    assert cells(decided(erased, AWAY, agreed(email="ann@example.com", title="CTO"))) == {"title": None}
    assert not decided(erased, AWAY, agreed(email="ann@example.com")).changes


def test_a_field_that_only_fills_does_not_overwrite() -> None:
    fields = {**PLACE.policy.fields, "title": FieldPolicy("title", write_if_empty=True)}
    place = replace(PLACE, policy=replace(PLACE.policy, fields=fields))
    assert not decided(GOLDEN, AWAY, agreed(email="ann@example.com", title="CTO"), place=place).changes
    assert cells(decided(GOLDEN, AWAY, agreed(email="ann@example.com", title=None), place=place)) == {"title": "CEO"}


def test_a_denial_is_told_also_out_of_scope_and_again_when_it_was_dropped() -> None:
    denied = replace(GOLDEN, consent=DENIED)
    out = replace(agreed(email="x@example.com", title="CTO"), in_scope=False)
    assert cells(decided(denied, AWAY, out)) == {"consent.email": "denied"}
    dropped = here(
        echo={"email": "ann@example.com", "title": "CEO", "consent.email": "none"},
        sent={"email": "ann@example.com", "title": "CEO", "consent.email": "denied"},
    )
    assert cells(decided(denied, AWAY, dropped)) == {"consent.email": "denied"}


def test_a_grant_is_told_only_where_it_can_be() -> None:
    granted = replace(GOLDEN, consent={"email": Consent(ConsentState.GRANTED, at(9), "gamma/people/1")})
    holds = agreed(**{"email": "ann@example.com", "title": "CEO", "consent.email": "denied"})
    assert not decided(granted, AWAY, holds).changes
    place = replace(PLACE, policy=policy(grants=("email",)))
    assert cells(decided(granted, AWAY, holds, place=place)) == {"consent.email": "granted"}


def test_consent_travels_first_and_by_its_own_call() -> None:
    fields = {**PLACE.policy.fields, "consent.email": FieldPolicy("consent.email", part="subscriptions")}
    place = replace(PLACE, policy=replace(PLACE.policy, fields=fields))
    decision = decided(replace(GOLDEN, consent=DENIED), AWAY, agreed(email="ann@example.com", title="CTO"), place=place)
    assert [c.part for c in decision.changes] == ["subscriptions", ""]


def test_twins_keep_their_own_addresses() -> None:
    golden = replace(GOLDEN, values={**GOLDEN.values, "emails": ("ann@example.com", "ann@home.example")})
    one = agreed(email="ann@example.com", title="CEO")
    two = replace(agreed(email="ann@home.example", title="CEO"), address=Address("beta", "people", "10"))
    assert not decided(golden, AWAY, one, two).changes
    assert cells(decided(golden, AWAY, two)) == {"email": "ann@example.com"}


def test_the_buried_are_removed_or_left_as_the_mapping_says() -> None:
    buried = replace(GOLDEN, state=GoldenState.BURIED)
    assert not decided(buried, AWAY, agreed(title="CTO")).changes
    removing = replace(PLACE, policy=policy(on_buried=OnBuried.REMOVE))
    assert [c.op for c in decided(buried, AWAY, agreed(title="CTO"), place=removing).changes] == [Op.REMOVE]


def test_nothing_is_told_about_the_merged() -> None:
    assert not decided(replace(GOLDEN, state=GoldenState.MERGED), AWAY).changes


A, B = link("alpha"), link("beta", "9")


def test_a_deletion_buries_where_the_policy_says_so() -> None:
    after = fate(GoldenState.LIVE, [A, B], {B.address: OnGone.BURY}, frozenset(), made_anew=False)
    assert after.state is GoldenState.BURIED
    assert [k.state for k in after.links] == [LinkState.LIVE, LinkState.GONE]


def test_an_edit_elsewhere_beats_a_deletion() -> None:
    after = fate(GoldenState.LIVE, [A, B], {B.address: OnGone.BURY}, frozenset({A.address}), made_anew=False)
    assert after.state is GoldenState.LIVE
    assert [k.state for k in after.links] == [LinkState.LIVE, LinkState.GONE]


def test_a_deletion_unlinks_or_asks_where_the_policy_says_so() -> None:
    after = fate(GoldenState.LIVE, [A, B], {B.address: OnGone.UNLINK}, frozenset(), made_anew=False)
    assert (after.state, after.links[1].state) == (GoldenState.LIVE, LinkState.UNLINKED)
    asked = fate(GoldenState.LIVE, [A, B], {B.address: OnGone.ASK}, frozenset(), made_anew=False)
    assert asked.asks == (B.address,)


def test_a_tombstone_lasts_until_a_person_makes_the_record_anew_or_edits_a_copy() -> None:
    assert fate(GoldenState.BURIED, [A], {}, frozenset(), made_anew=False).state is GoldenState.BURIED
    assert fate(GoldenState.BURIED, [A], {}, frozenset({A.address}), made_anew=False).state is GoldenState.LIVE
    assert fate(GoldenState.BURIED, [A], {}, frozenset(), made_anew=True).state is GoldenState.LIVE


def test_a_twin_that_is_deleted_says_nothing_about_the_person() -> None:
    twin = replace(B, address=Address("beta", "people", "10"))
    after = fate(GoldenState.LIVE, [A, B, twin], {twin.address: OnGone.BURY}, frozenset(), made_anew=False)
    assert after.state is GoldenState.LIVE
