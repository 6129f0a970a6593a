"""Undoing one record's writes, decided purely."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.domain.attempt import Attempt, AttemptState
from hub.domain.golden import Golden
from hub.domain.keys import Address, Key
from hub.domain.link import Link, LinkState
from hub.domain.plan import UNDO, Cell, Op
from hub.domain.policy import Direction, FieldPolicy
from hub.domain.values import Value, Values
from hub.engine import undo as engine
from hub.engine.agree import held_back
from hub.engine.decide import Place, decide
from hub.engine.hear import Expectation, Shown, expectation, hear, settle
from hub.engine.undo import Undoing, Written, undo
from tests.engine.worlds import at, link, policy, shown

POLICY = policy()
PLACE = Place("alpha", "people", POLICY)
KEY = Key("email", "ann@example.com")


def attempt(number: int, told: Values, before: Values | None = None, **more: Any) -> Attempt:
    """A write of run `r<number>` that was applied at `number`; `before`: what the record showed."""
    rule = more.pop("rule", "ranked")
    cells = tuple(Cell(n, (before or {}).get(n), v, rule) for n, v in told.items())
    values: dict[str, Any] = {
        "id": f"att_{number}",
        "run_id": f"r{number}",
        "entity_id": "con_a",
        "connection": "alpha",
        "stream": "people",
        "remote_id": "1",
        "op": Op.UPDATE,
        "key": KEY,
        "part": "",
        "cells": cells,
        "expect": told,
        "before": dict(before) if before is not None else None,
        "state": AttemptState.APPLIED,
        "opened_at": at(number),
        **more,
    }
    return Attempt(**values)


def written(made: Link, *attempts: Attempt, **more: Any) -> Written:
    """The images are the before-records themselves: here the raw words are the canonical ones."""
    images = {a.id: dict(a.before) for a in attempts if a.before is not None}
    return Written(made.address, attempts, images, made, links=(made,), **more)


def told(made: Link, *writes: Attempt) -> Link:
    for write in writes:
        made = settle(made, write.expect, None, POLICY, undone=write.undoes)
    return made


def cells(undoing: Undoing) -> dict[str, tuple[Value, Value]]:
    return {c.field: (c.before, c.after) for change in undoing.changes for c in change.cells}


def whys(undoing: Undoing) -> dict[str, str]:
    return {k.field: k.why for k in undoing.kept}


SEEN = hear(link(), shown({"title": "CEO", "city": "Bonn", "phones": ("1",)}), POLICY).link
WRITE = attempt(2, {"title": "CTO", "phones": ("1", "2")}, {"title": "CEO", "phones": ("1",)})
TOLD = told(SEEN, WRITE)


def test_each_field_gets_its_before_image_back() -> None:
    undoing = undo(written(TOLD, WRITE), PLACE)
    assert cells(undoing) == {"title": ("CTO", "CEO"), "phones": (("1", "2"), ("1",))}
    assert all(c.undoes and c.op is Op.UPDATE for c in undoing.changes)
    assert {c.rule for change in undoing.changes for c in change.cells} == {UNDO}
    assert undoing.images == {"title": WRITE.id, "phones": WRITE.id}
    assert not undoing.kept


def test_several_writes_fold_into_the_first_before_image() -> None:
    second = attempt(3, {"title": "CFO"}, {"title": "CTO"})
    third = attempt(4, {"title": "COO"}, {"title": "CFO"})
    undoing = undo(written(told(TOLD, second, third), WRITE, second, third), PLACE)
    assert cells(undoing)["title"] == ("COO", "CEO")
    assert undoing.images["title"] == WRITE.id


def test_what_a_person_wrote_between_two_writes_is_what_comes_back() -> None:
    second = attempt(4, {"title": "CTO"}, {"title": "Boss"})
    made = told(hear(TOLD, shown({"title": "Boss"}, 3), POLICY).link, second)
    assert cells(undo(written(made, WRITE, second), PLACE))["title"] == ("CTO", "Boss")


def test_what_somebody_changed_since_is_kept() -> None:
    made = hear(TOLD, shown({"title": "Boss"}, 3), POLICY).link
    undoing = undo(written(made, WRITE), PLACE)
    assert set(cells(undoing)) == {"phones"}
    assert whys(undoing) == {"title": engine.MOVED}


def test_a_vendors_own_form_of_what_was_told_is_no_change() -> None:
    answer = Shown({"title": "OTC"}, {}, (KEY,), at(2))
    made = settle(SEEN, {"title": "CTO"}, answer, POLICY)
    write = attempt(2, {"title": "CTO"}, {"title": "CEO"})
    assert cells(undo(written(made, write), PLACE)) == {"title": ("OTC", "CEO")}


@pytest.mark.parametrize(
    ("made", "more", "why"),
    [
        (replace(TOLD, in_scope=False), {}, engine.OUT_OF_SCOPE),
        (TOLD, {"others": (attempt(9, {"title": "COO", "phones": ()}, {}),)}, "written again since, by r9"),
    ],
)
def test_reasons_to_keep_a_field(made: Link, more: dict[str, Any], why: str) -> None:
    assert whys(undo(written(made, WRITE, **more), PLACE)) == {"title": why, "phones": why}


@pytest.mark.parametrize("state", [LinkState.GONE, LinkState.UNLINKED])
def test_reasons_to_keep_a_record(state: LinkState) -> None:
    assert whys(undo(written(replace(TOLD, state=state), WRITE), PLACE)) == {"": engine.GONE}
    assert whys(undo(replace(written(TOLD, WRITE), link=None), PLACE)) == {"": engine.GONE}
    assert whys(undo(written(TOLD, WRITE, in_doubt=True), PLACE)) == {"": engine.IN_DOUBT}


def test_a_field_that_is_no_longer_written_or_was_not_readable_is_kept() -> None:
    inward = replace(POLICY, fields={**POLICY.fields, "title": FieldPolicy("title", Direction.IN)})
    assert whys(undo(written(TOLD, WRITE), replace(PLACE, policy=inward)))["title"] == engine.NOT_WRITTEN
    without = replace(POLICY, fields={n: f for n, f in POLICY.fields.items() if n != "title"})
    assert whys(undo(written(TOLD, WRITE), replace(PLACE, policy=without)))["title"] == engine.NOT_WRITTEN
    blind = attempt(2, {"title": "CTO"}, {})
    assert whys(undo(written(told(SEEN, blind), blind), PLACE)) == {"title": engine.NOT_SHOWN}


def test_a_field_whose_reading_changed_since_says_so() -> None:
    """The write told in words that the mapping no longer uses."""
    image = {WRITE.id: {"title": "chief executive", "phones": ("1",)}}
    reworded = replace(TOLD, echo={**TOLD.echo, "title": "chief technician"}, sent={"title": "chief technician"})
    undoing = undo(replace(written(reworded, WRITE), images=image), PLACE)
    assert whys(undoing) == {"title": engine.READ_OTHERWISE}


def test_consent_is_never_undone() -> None:
    deny = attempt(2, {"consent.email": "denied"}, {})
    grant = attempt(2, {"consent.email": "granted"}, {})
    assert whys(undo(written(told(SEEN, deny), deny), PLACE)) == {"consent.email": engine.DENY_WINS}
    assert whys(undo(written(told(SEEN, grant), grant), PLACE)) == {"consent.email": engine.BY_EVIDENCE}


def test_what_shows_the_before_image_already_is_left_alone() -> None:
    first = undo(written(TOLD, WRITE), PLACE)
    back = attempt(3, {n: after for n, (_, after) in cells(first).items()}, WRITE.expect, rule=UNDO)
    undoing = undo(written(told(TOLD, back), WRITE), PLACE)
    assert (undoing.changes, undoing.kept, undoing.back) == ((), (), 2)


def test_a_write_whose_answer_was_lost_counts_as_far_as_it_is_seen() -> None:
    lost = attempt(3, {"title": "CFO"}, {"title": "CTO"}, state=AttemptState.SETTLED)
    assert cells(undo(written(TOLD, WRITE, lost), PLACE))["title"] == ("CTO", "CEO")
    arrived = hear(TOLD, shown({"title": "CFO"}, 3), POLICY, expectation([lost])).link
    assert cells(undo(written(arrived, WRITE, lost), PLACE))["title"] == ("CFO", "CEO")
    never = undo(written(SEEN, lost), PLACE)
    assert (never.changes, never.kept) == ((), ())


MADE = attempt(1, {"email": "ann@example.com", "title": "CEO"}, op=Op.CREATE)
ALONE = settle(link(echo={}, sent={}), MADE.expect, None, POLICY)


def test_a_create_is_kept_unless_its_archiving_is_asked_for() -> None:
    assert whys(undo(written(ALONE, MADE), PLACE)) == {"": engine.MADE}
    undoing = undo(written(ALONE, MADE), PLACE, archive_creates=True)
    (change,) = undoing.changes
    assert (change.op, change.undoes, undoing.kept) == (Op.REMOVE, True, ())
    assert cells(undoing) == {"email": ("ann@example.com", None), "title": ("CEO", None)}


def test_an_update_of_a_record_that_is_not_archived_is_undone() -> None:
    update = attempt(2, {"title": "CTO"}, {"title": "CEO"})
    undoing = undo(written(told(ALONE, update), MADE, update), PLACE)
    assert cells(undoing) == {"title": ("CTO", "CEO")}
    assert whys(undoing) == {"": engine.MADE}


def test_a_record_with_words_or_an_opt_out_of_its_own_is_not_archived() -> None:
    spoken = hear(ALONE, shown({"email": "ann@example.com", "title": "Boss"}, 3), POLICY).link
    assert whys(undo(written(spoken, MADE), PLACE, archive_creates=True)) == {"": engine.WORDS + "title"}
    denied = hear(ALONE, shown({}, 3, "denied"), POLICY).link
    assert whys(undo(written(denied, MADE), PLACE, archive_creates=True)) == {"": engine.OPT_OUT}
    told_so = replace(ALONE, echo={**ALONE.echo, "consent.email": "denied"})
    assert whys(undo(written(told_so, MADE), PLACE, archive_creates=True)) == {"": engine.OPT_OUT}


def test_an_archived_record_is_archived_once() -> None:
    undoing = undo(written(replace(ALONE, state=LinkState.UNLINKED), MADE), PLACE, archive_creates=True)
    assert (undoing.changes, undoing.kept, undoing.back) == ((), (), 1)


def test_a_removal_is_kept_but_an_archiving_is_taken_back() -> None:
    removal = attempt(2, {}, {"title": "CEO"}, op=Op.REMOVE)
    assert whys(undo(written(replace(SEEN, state=LinkState.GONE), removal), PLACE)) == {"": engine.REMOVED}
    archived = replace(ALONE, state=LinkState.UNLINKED, keys=(KEY,))
    archiving = replace(removal, cells=(Cell("title", "CEO", None, UNDO),))
    other = replace(SEEN, address=Address("beta", "people", "9"))
    golden = Golden("con_a", "contact", {"email": "ann@example.com", "title": "CEO"})
    scene = replace(written(archived, archiving), golden=golden, links=(archived, other))
    undoing = undo(scene, PLACE)
    (change,) = undoing.changes
    assert (change.op, change.undoes) == (Op.CREATE, False)
    assert undoing.freed == replace(archived, state=LinkState.GONE)
    assert whys(undo(replace(scene, link=ALONE), PLACE)) == {"": engine.THERE}


# --- that it sticks ---------------------------------------------------------------------------------------------------


def golden(values: Values) -> Golden:
    return Golden("con_a", "contact", values)


def test_after_an_undo_nothing_is_told_until_the_golden_record_moves() -> None:
    back = attempt(3, {"title": "CEO"}, {"title": "CTO"}, rule=UNDO)
    made = told(TOLD, back)
    assert (made.echo["title"], made.sent["title"]) == ("CEO", "CTO")
    assert not decide(golden({"title": "CTO"}), [made], PLACE, in_doubt=False, key=KEY).changes
    assert decide(golden({"title": "CFO"}), [made], PLACE, in_doubt=False, key=KEY).changes
    assert held_back(golden({"title": "CTO"}), made, [back], POLICY) == ("title",)
    assert held_back(golden({"title": "CFO"}), made, [back], POLICY) == ()


@given(st.sampled_from(["CEO", " ceo", "Boss", None]), st.sampled_from([("1",), ("1", "2"), ()]))
def test_an_undo_in_doubt_is_heard_as_one_that_was_answered(title: Value, phones: Value) -> None:
    """Seeing its values, whoever looks, moves the echo and leaves what was told; and it is nobody's news."""
    back = attempt(3, {"title": title, "phones": phones}, WRITE.expect, rule=UNDO)
    seen = hear(TOLD, shown({"title": title, "phones": phones}, 3), POLICY, expectation([back]))
    assert not seen.news
    assert seen.link.sent == TOLD.sent
    assert seen.link.said == TOLD.said
    assert not decide(golden(dict(WRITE.expect)), [seen.link], PLACE, in_doubt=False, key=KEY).changes


def test_of_two_writes_in_doubt_the_later_one_says_what_was_told() -> None:
    back = attempt(3, {"title": "CEO"}, {"title": "CTO"}, rule=UNDO)
    again = attempt(4, {"title": "CFO"}, {"title": "CEO"})
    assert expectation([back]) == Expectation({"title": "CEO"}, undone=frozenset({"title"}))
    assert expectation([back, again]) == Expectation({"title": "CFO"})


# --- law 6 ------------------------------------------------------------------------------------------------------------

texts = st.sampled_from(["CEO", "CTO", "Boss", "Ölmüller", None, "x" * 50])
acts = st.lists(
    st.tuples(st.sampled_from(["write", "other run", "edit"]), st.sampled_from(["title", "city"]), texts), max_size=12
)


@given(st.fixed_dictionaries({"title": texts, "city": texts}), acts)
def test_undo_restores_before_images_except_cells_that_others_touched_since(start: Values, history: list[Any]) -> None:
    """Against a model without links: who touched each cell last, and what it held before the run's unbroken writes."""
    made = hear(link(echo=dict.fromkeys(start)), shown(start), POLICY).link
    now = dict(start)
    mine: list[Attempt] = []
    others: list[Attempt] = []
    before: dict[str, Value] = {}  # what the cell held before the run's writes that nobody interrupted
    owner: dict[str, str] = {}
    for number, (who, name, value) in enumerate(history, 2):
        if value == now[name]:
            continue
        if who == "edit":
            made = hear(made, shown({name: value}, number), POLICY).link
        else:
            write = attempt(number, {name: value}, now)
            made = told(made, write)
            if who == "write":
                mine.append(write)
                if owner.get(name) != "write":
                    before[name] = now[name]
            else:
                others.append(write)
        owner[name] = who
        now[name] = value
    undoing = undo(written(made, *mine, others=tuple(others)), PLACE)
    after = {**now, **{n: v for n, (_, v) in cells(undoing).items()}}
    for name in start:
        touched = owner.get(name) != "write"
        assert after[name] == (now[name] if touched or name not in before else before[name])
        if touched and any(c.field == name for a in mine for c in a.cells):
            assert name in whys(undoing) or undoing.back
