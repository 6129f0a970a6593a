"""An edit of a mapping from draft to published: what is planned is what is done, and nothing else moves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from hub.domain.golden import Golden
from hub.domain.plan import Op
from hub.domain.version import MappingVersion
from hub.errors import NeedsPerson, NotFound, Refused
from hub.store import golden, links, mappings
from hub.transport.mishaps import Mishap
from mappings.document import parse
from sync_jobs.publish import CLASSES, publish
from sync_jobs.runner import sync
from sync_jobs.simulation.stage import Stage
from sync_jobs.whatif import EditPlan, plan_edit
from tests.sim.acting import ANN, WRITE, golden_of, held, job, script, settle

BOB = "bob@example.com"


async def draft(stage: Stage, name: str, *edits: tuple[str, str]) -> MappingVersion:
    """A draft in which each of these texts is replaced by the other."""
    assert stage.hub is not None
    async with stage.hub.database.write() as conn:
        text = (await mappings.published(conn))[name].text
        for old, new in edits:
            assert old in text
            text = text.replace(old, new)
        meaning = parse(text, name).hash if "/" in name else text
        return await mappings.add_draft(conn, name, text, meaning, who="test", why="", at=stage.hub.now_text())


async def planned(stage: Stage, *versions: MappingVersion) -> EditPlan:
    assert stage.hub is not None
    return await plan_edit(stage.hub, {v.name: v for v in versions}, limit=None)


def cells(plan: EditPlan) -> set[tuple[str, str, str, Any]]:
    """(connection, record or e-mail, field, after) of every row."""
    return {
        (c.connection, c.remote_id or (c.key.value if c.key else ""), cell.field, cell.after)
        for c in plan.rows
        for cell in c.cells
    }


def snapshot(stage: Stage) -> dict[tuple[str, str], Mapping[str, Any]]:
    return {(n, i): dict(v.get(i) or {}) for n, v in stage.vendors.items() for i in v.ids()}


async def calls(stage: Stage) -> int:
    return sum(sum(v.calls.values()) for v in stage.vendors.values())


async def known(stage: Stage, email: str = ANN) -> Golden:
    found = await golden_of(stage, email)
    assert found is not None
    return found


@pytest.fixture
async def three(stage: Stage) -> Stage:
    """Ann and Bob in all three systems, in agreement."""
    stage.vendors["alpha"].create({"email": ANN, "name": "Ann", "title": "ceo", "city": " Bonn"})
    stage.vendors["alpha"].create({"email": BOB, "name": "Bob", "title": "cto"})
    await settle(stage)
    return stage


async def test_a_draft_that_changes_nothing_plans_nothing(three: Stage) -> None:
    plan = await planned(three, await draft(three, "alpha/people", ("about: A made-up", "about: Some made-up")))
    assert plan.empty
    assert plan.judged == 0


async def test_a_normaliser_moves_what_it_touches_and_nothing_else(three: Stage) -> None:
    """The form changes at alpha; beta and gamma are told the new form. It is nobody's news."""
    before = await known(three)
    version = await draft(
        three,
        "alpha/people",
        ("title: {path: title, compare: exact}", "title: {path: title, normalise: [trim, upper]}"),
    )
    plan = await planned(three, version)
    # beta shows upper case anyway; gamma will show lower case again, and that is its way of keeping it.
    assert {(c, f, after) for c, _, f, after in cells(plan)} == {("gamma", "title", "CEO"), ("gamma", "title", "CTO")}
    assert plan.golden == {"title": 2}
    assert three.hub is not None
    await publish(three.hub, plan.hash)
    after = await known(three)
    assert after.values["title"] == "CEO"
    assert after.origins["title"] == before.origins["title"]
    await settle(three)
    assert {str(v).upper() for v in held(three, "title").values()} == {"CEO"}
    again = await planned(three, await draft(three, "alpha/people", ("about: A made-up", "about: Some made-up")))
    assert again.empty


async def test_a_new_field_carries_what_is_there_over_at_once(three: Stage) -> None:
    """Nobody reads alpha again: what it showed of the field is in the store."""
    for name in ("alpha", "beta"):
        three.vendors[name].add_field("region")
    three.vendors["alpha"].edit(three.vendors["alpha"].find(ANN) or "", {"region": "NRW"})
    await settle(three)
    version = await draft(three, "alpha/people", ("  city: {path", "  region: {path: region}\n  city: {path"))
    other = await draft(three, "beta/people", ("  city: {path", "  region: {path: region}\n  city: {path"))
    plan = await planned(three, version, other)
    assert {(c, f, a) for c, _, f, a in cells(plan)} == {("beta", "region", "NRW")}
    assert three.hub is not None
    count = await calls(three)
    await publish(three.hub, plan.hash)
    assert await calls(three) == count
    assert (await known(three)).values["region"] == "NRW"
    three.vendors["beta"].calls.clear()
    await settle(three)
    assert held(three, "region")["beta"].casefold() == "nrw"
    assert held(three, "region").get("gamma") is None


async def test_publishing_asks_what_the_plan_promised(three: Stage) -> None:
    assert three.hub is not None
    version = await draft(three, "alpha/people", ("compare: exact", "normalise: [upper]"))
    with pytest.raises(NotFound):
        await publish(three.hub, "nonsense")
    plan = await planned(three, version)
    other = await draft(three, "alpha/people", ("compare: exact", "compare: casefold"))
    theirs = await planned(three, other)
    await publish(three.hub, theirs.hash)
    with pytest.raises(Refused, match="holds since"):
        await publish(three.hub, plan.hash)


async def test_what_is_planned_is_what_is_done(three: Stage) -> None:
    """Law 3, by counting the sandbox's records that changed."""
    assert three.hub is not None
    three.vendors["gamma"].edit(three.vendors["gamma"].find(BOB) or "", {"city": "Köln"})
    await settle(three)
    version = await draft(three, "beta/people", ("  city: {path: city, compare: trimmed}\n", ""))
    plan = await planned(three, version)
    before = snapshot(three)
    await publish(three.hub, plan.hash)
    await sync(three.hub, until_quiet=True, sleep=three._sleep)
    after = snapshot(three)
    changed = {(n, i) for n, i in before if before[n, i] != after[n, i]}
    assert changed == {(c.connection, c.remote_id) for c in plan.rows if c.op is Op.UPDATE}
    async with three.hub.database.read() as conn:
        assert await mappings.pending(conn) == []
        assert len(await golden.fetch(conn, [])) == 0
        assert await links.total(conn, "beta") == 2


async def test_a_direction_that_opens_carries_words_that_were_kept(three: Stage) -> None:
    """While a field only goes out, what people type there is overwritten; where nobody else said anything it stays, and
    counts as soon as the mapping lets it."""
    assert three.hub is not None
    out = await draft(
        three,
        "gamma/people",
        ("city: {path: city, compare: trimmed}", "city: {path: city, compare: trimmed, direction: out}"),
    )
    await publish(three.hub, (await planned(three, out)).hash)
    await settle(three)
    three.vendors["gamma"].edit(three.vendors["gamma"].find(BOB) or "", {"city": "Köln"})
    await settle(three)
    assert (await known(three, BOB)).values.get("city") is None
    both = await draft(three, "gamma/people", ("compare: trimmed, direction: out", "compare: trimmed"))
    plan = await planned(three, both)
    assert {(c, f) for c, _, f, _ in cells(plan)} == {("alpha", "city"), ("beta", "city")}
    await publish(three.hub, plan.hash)
    await settle(three)
    assert {str(v).strip().casefold() for v in held(three, "city", BOB).values()} == {"köln"}


async def test_a_class_that_was_not_allowed_needs_a_person(three: Stage) -> None:
    assert three.hub is not None
    for n in range(30):
        three.vendors["alpha"].create({"email": f"p{n}@example.com", "name": f"P{n}"})
    off = await draft(three, "beta/people", ("creates: true", "creates: false"))
    await publish(three.hub, (await planned(three, off)).hash)
    await settle(three)
    on = await draft(three, "beta/people", ("creates: false", "creates: true"))
    plan = await planned(three, on)
    assert plan.destructive == {"creates": 30}
    with pytest.raises(NeedsPerson, match="30 creates"):
        await publish(three.hub, plan.hash)
    await publish(three.hub, plan.hash, allow=["creates"])
    await settle(three)
    assert len(three.vendors["beta"].ids()) == 32


async def test_keys_that_join_people_are_a_class_of_their_own(three: Stage) -> None:
    """alpha knows a second address of Ann's, under which beta and gamma hold Bob: with it as a key they are one."""
    assert three.hub is not None
    three.vendors["alpha"].add_field("other")
    three.vendors["alpha"].edit(three.vendors["alpha"].find(ANN) or "", {"other": BOB})
    reads = await draft(
        three, "alpha/people", ("  city: {path", "  custom.other: {path: other, direction: in}\n  city: {path")
    )
    await publish(three.hub, (await planned(three, reads)).hash)
    await settle(three)
    version = await draft(three, "alpha/people", ("from: [email], normalise", "from: [email, other], normalise"))
    plan = await planned(three, version)
    assert plan.destructive["merges"] == 1
    with pytest.raises(NeedsPerson, match="1 merges"):
        await publish(three.hub, plan.hash)
    await publish(three.hub, plan.hash, allow=CLASSES)
    ann, bob = await golden_of(three), await golden_of(three, BOB)
    assert ann is not None
    assert bob is not None
    assert ann.entity_id == bob.entity_id
    report = await settle(three)
    assert report.quiet


REGION = ("  city: {path", "  region: {path: region}\n  city: {path")
UPPER = ("title: {path: title, compare: exact}", "title: {path: title, normalise: [trim, upper]}")


@pytest.mark.parametrize(
    ("edits", "where"),
    [
        pytest.param({"alpha/people": REGION, "beta/people": REGION}, "beta", id="a new field"),
        pytest.param({"alpha/people": UPPER}, "gamma", id="another form of the same words"),
    ],
)
async def test_what_an_edit_has_told_is_nobodys_news(
    three: Stage, edits: dict[str, tuple[str, str]], where: str
) -> None:
    """Someone is deleted where the edit is still to be told: the deletion counts, for nobody said anything since."""
    assert three.hub is not None
    for name in ("alpha", "beta"):
        three.vendors[name].add_field("region")
    three.vendors["alpha"].edit(three.vendors["alpha"].find(ANN) or "", {"region": "NRW"})
    await settle(three)
    await publish(three.hub, (await planned(three, *[await draft(three, n, e) for n, e in edits.items()])).hash)
    three.vendors[where].delete(three.vendors[where].find(ANN) or "")
    await settle(three)
    assert held(three, "title") == {}


async def test_what_an_edit_has_told_stays_nobodys_news_when_telling_it_fails(three: Stage) -> None:
    assert three.hub is not None
    await publish(three.hub, (await planned(three, await draft(three, "alpha/people", UPPER))).hash)
    script(three, "gamma", *[Mishap.NEVER_SENT] * 20)
    await job(three, "push", "gamma")
    assert 0 < len(three.script["gamma", WRITE]) < 20, "it was tried, and not told"
    three.script.clear()
    three.vendors["gamma"].delete(three.vendors["gamma"].find(ANN) or "")
    await settle(three)
    assert held(three, "title") == {}


async def test_what_was_typed_before_an_edit_and_not_told_is_still_news(three: Stage) -> None:
    """Ann was edited at alpha before the mapping was, and deleted at gamma before gamma knew: the edit wins."""
    assert three.hub is not None
    three.vendors["alpha"].edit(three.vendors["alpha"].find(ANN) or "", {"city": "Köln"})
    await job(three, "pull", "alpha")
    await job(three, "reconcile", "alpha")
    await publish(three.hub, (await planned(three, await draft(three, "alpha/people", UPPER))).hash)
    three.vendors["gamma"].delete(three.vendors["gamma"].find(ANN) or "")
    await settle(three)
    assert set(held(three, "city")) == {"alpha", "beta", "gamma"}
