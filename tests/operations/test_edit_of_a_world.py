"""An edit of three things over a world of people in four systems: what is planned is what moves, and nothing is asked
of a vendor about anybody else. `HUB_TEST_WORLD=2000` plays it with that many people."""

from __future__ import annotations

import os

from hub.operations.undo import undo
from sync_jobs import plan as plans
from sync_jobs.publish import CLASSES, publish
from sync_jobs.runner import sync, work_off
from sync_jobs.whatif import plan_edit
from tests.operations.worlds import World, moved, promised, settled

PEOPLE = int(os.environ.get("HUB_TEST_WORLD", "60"))
SHOUT = (
    "  given_name: {path: FirstName, normalise: [trim, nfc]",
    "  given_name: {path: FirstName, normalise: [trim, upper]",
)
TABLE = ("      other: other\n", "      other: lead\n")
FILLS = ("given_name: {path: merge_fields.FNAME", "given_name: {overwrite: false, path: merge_fields.FNAME")
DIRECTION = ("  title: {path: Title", "  title: {direction: in, path: Title")


async def test_a_plan_over_a_world_lists_exactly_what_moves() -> None:
    async with settled(PEOPLE) as world:
        table = await world.draft("hubspot/contacts", TABLE)
        both = await world.draft("salesforce/contacts", DIRECTION, SHOUT)
        before, calls = world.raws(), world.calls()
        plan = await plan_edit(world.hub, {v.name: v for v in (table, both)}, limit=None)
        assert world.calls() == calls, "a plan asks nobody"
        assert plan.total > PEOPLE / 4
        await publish(world.hub, plan.hash, allow=CLASSES)
        assert world.calls() == calls, "what is read again is in the store"
        told = await work_off(world.hub)
        assert moved(before, world.raws()) == promised(world.hub, plan)
        assert told.writes == plan.total
        foreseen = sum(share.calls for share in plan.shares.values())
        # Work goes by batches of entities, whose last requests are not full: a few more than foreseen.
        assert (world.calls() - calls).total() <= 1.3 * foreseen + 3, plan.shares
        await _quiet(world)


async def _quiet(world: World) -> None:
    """The plan after it is empty, whoever asks."""
    assert (await plans.plan(world.hub)).total == 0
    again = await world.draft("hubspot/contacts", ("about: Contacts", "about: All contacts"))
    assert (await plan_edit(world.hub, {again.name: again})).empty


async def test_publishing_calls_only_for_records_that_differ() -> None:
    """Nobody holds anything else under this edit, so no request leaves; one who does is looked at and written alone."""
    async with settled(PEOPLE, seed=4) as world:
        fills = await world.draft("mailchimp/members", FILLS)
        plan = await plan_edit(world.hub, {fills.name: fills}, limit=None)
        assert plan.empty
        await publish(world.hub, plan.hash)
        calls = world.calls()
        await work_off(world.hub)
        assert world.calls() == calls
        overwrites = await world.draft("mailchimp/members", ("given_name: {overwrite: false, ", "given_name: {"))
        people = world.stage.people("salesforce")
        one = next(
            c for c in people.ids() if (people.get(c) or {}).get("Email") and (people.get(c) or {}).get("FirstName")
        )
        people.edit(one, {"FirstName": "Renamed"})
        await world.settle()
        plan = await plan_edit(world.hub, {overwrites.name: overwrites}, limit=None)
        assert plan.total <= 1
        await publish(world.hub, plan.hash)
        calls = world.calls()
        await work_off(world.hub)
        asked = world.calls() - calls
        assert set(asked) <= {"mailchimp"}
        assert asked.total() <= 3 * plan.total


async def test_rollback_and_undo_put_back_what_an_edit_wrote() -> None:
    """Law 6 over a world: every system holds to the letter what it held before."""
    async with settled(PEOPLE, seed=5) as world:
        before = world.raws()
        version = await world.draft("salesforce/contacts", SHOUT)
        plan = await plan_edit(world.hub, {version.name: version}, limit=None)
        await publish(world.hub, plan.hash, allow=CLASSES)
        await work_off(world.hub)
        assert moved(before, world.raws())
        back = await world.draft("salesforce/contacts", SHOUT[::-1])
        taken = await plan_edit(world.hub, {back.name: back}, limit=None)
        await publish(world.hub, taken.hash, allow=CLASSES)
        undone = await undo(world.hub, ["last"])
        assert undone.ok
        assert moved(before, world.raws()) == set()
        await sync(world.hub, until_quiet=True)
        assert moved(before, world.raws()) == set()
