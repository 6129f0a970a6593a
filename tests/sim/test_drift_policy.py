"""What a mapping says to do about drift: nothing, a draft that takes it up, or rest."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import pytest

from hub.domain.issue import IssueState
from hub.domain.version import MappingVersion, VersionState
from hub.sdk.streams import FieldInfo
from hub.store import issues, mappings, runs
from mappings import library
from mappings.document import check, parse
from mappings.drifting import drift
from mappings.language import VERSION
from mappings.uses import uses
from sync_jobs.drafts import WHO, drafted
from sync_jobs.publish import publish
from sync_jobs.simulation.stage import Stage
from sync_jobs.whatif import plan_edit
from tests.sim.acting import ANN, held, plain, settle, well
from tests.sim.test_drift import DAY, MANNERS, drifted, edit, vendor

TEXT = library.source("unruly", "people").read_text()


@asynccontextmanager
async def staged(home: Path, url: str, policy: str) -> AsyncIterator[Stage]:
    """Vendor beta's mapping says `policy` of drift."""
    (home / "mappings" / "beta").mkdir(parents=True)
    (home / "mappings" / "beta" / "people.yaml").write_text(f"{TEXT}# of this account\ndrift: {policy}\n")
    made = await Stage.set(home, Random(1), "none", MANNERS, url)
    try:
        made.vendors["alpha"].create({"email": ANN, "name": "Ann", "title": "CEO", "city": "Bonn"})
        await well(made)
        yield made
    finally:
        await made.close()


async def versions(stage: Stage) -> list[MappingVersion]:
    assert stage.hub is not None
    async with stage.hub.database.read() as conn:
        return await mappings.history(conn, "beta/people")


async def notes(stage: Stage) -> str:
    assert stage.hub is not None
    async with stage.hub.database.read() as conn:
        return "\n".join(r.note for r in await runs.recent(conn, connection="beta", job="discover"))


async def test_ignored_drift_leaves_a_note_and_nothing_else(tmp_path: Path, store_url: str) -> None:
    async with staged(tmp_path, store_url, "{retyped: ignore, new: ignore}") as stage:
        vendor(stage, "beta").kinds["city"] = "number"
        vendor(stage, "beta").add_field("seats")
        stage.step(DAY)
        edit(stage, "alpha", city="Ulm")
        await well(stage)
        assert plain(held(stage, "city"))["beta"] == "ulm"
        assert await drifted(stage) == []
        assert len(await versions(stage)) == 1
        assert "city its type string is now number" in await notes(stage)
        assert "1 new: seats" in await notes(stage)


async def test_new_fields_are_adopted_in_one_draft_that_nobody_publishes_by_itself(
    tmp_path: Path, store_url: str
) -> None:
    async with staged(tmp_path, store_url, "{new: adopt}") as stage:
        assert len(await versions(stage)) == 1, "what was there at first is not new"
        vendor(stage, "beta").add_field("seats", "number")
        for _ in range(3):
            stage.step(DAY)
            await well(stage)
        draft, published = await versions(stage)
        assert (draft.state, draft.who, draft.parent) == (VersionState.DRAFT, WHO, 1)
        assert published.state is VersionState.PUBLISHED
        assert "custom.seats" in draft.text
        assert "# of this account" in draft.text
        added = parse(draft.text, "draft").policy.fields["custom.seats"]
        assert not added.direction.writes
        vendor(stage, "beta").add_field("fax")
        stage.step(DAY)
        await well(stage)
        draft, *others = await versions(stage)
        assert [v.state for v in others] == [VersionState.PUBLISHED], "a second drift goes on with the same draft"
        assert {"custom.seats", "custom.fax"} <= parse(draft.text, "draft").policy.fields.keys()
        assert await drifted(stage) == []


async def test_a_removed_field_rests_until_its_draft_is_published(tmp_path: Path, store_url: str) -> None:
    async with staged(tmp_path, store_url, "{removed: adopt}") as stage:
        hub = stage.hub
        assert hub is not None
        vendor(stage, "beta").remove_field("title")
        edit(stage, "alpha", title="Chair", city="Ulm")
        assert (await settle(stage)).quiet
        assert plain(held(stage, "city"))["beta"] == "ulm"
        (issue,) = await drifted(stage)
        assert "adopt" in issue.detail["followed"]
        assert "Version 2 of beta/people" in issue.detail["mend"]
        stage.step(DAY)
        await settle(stage)
        draft, _ = await versions(stage)
        assert "title" not in parse(draft.text, "draft").policy.fields
        async with hub.database.write() as conn:
            await mappings.publish(conn, "beta/people", draft.version, hub.now_text(), "")
        await hub.wire()
        assert await drifted(stage) == []
        assert (await settle(stage)).quiet
        assert plain(held(stage, "title")) == {"alpha": "chair", "beta": "ceo", "gamma": "chair"}


async def test_an_issue_about_a_type_closes_itself_when_the_mapping_was_fitted_to_it(
    tmp_path: Path, store_url: str
) -> None:
    async with staged(tmp_path, store_url, "{retyped: park}") as stage:
        hub = stage.hub
        assert hub is not None
        vendor(stage, "beta").kinds["city"] = "number"
        stage.step(DAY)
        await settle(stage)
        assert len(await drifted(stage)) == 1
        (first,) = await versions(stage)
        for text, left in ((first.text + "\n# nothing new\n", 1), (first.text.replace("path: city, compare: trimmed",
                           "path: city, normalise: [trim, lower]"), 0)):  # fmt: skip
            document, _ = check(text, "beta/people")
            assert document is not None
            async with hub.database.write() as conn:
                made = await mappings.add_draft(
                    conn, "beta/people", text, document.hash, who="ops", why="", at=hub.now_text()
                )
                await mappings.publish(conn, "beta/people", made.version, hub.now_text(), "")
            await hub.wire()
            await settle(stage)
            assert len(await drifted(stage)) == left
        async with hub.database.read() as conn:
            assert len(await issues.list_(conn, state=IssueState.CLOSED, kind="drift")) == 1
        edit(stage, "alpha", city="Ulm")
        await settle(stage)
        assert plain(held(stage, "city"))["beta"] == "ulm"


DOCUMENT = """mapping: hubspot/contacts
version: {version}
entity: contact
match: [{{key: email, from: [email]}}]
fields:
  email: email  # the key
  # what people do
  title: jobtitle
  phones: {{path: [phone, mobile], direction: in}}
  lifecycle_stage: {{path: stage, table: {{lead: lead, won: customer}}, write_table: {{customer: closed}}}}
consent:
  email: {{read: {{path: optout, denied: ["true"]}}}}
"""


def text() -> str:
    return DOCUMENT.format(version=VERSION)


def infos(*paths: str) -> list[FieldInfo]:
    return [FieldInfo(p, p, "string", choices=("lead", "won", "closed") if p == "stage" else ()) for p in paths]


ALL = infos("email", "jobtitle", "phone", "mobile", "stage", "optout")


@pytest.mark.parametrize(
    ("now", "mends", "there", "gone"),
    [
        ([i for i in ALL if i.path != "jobtitle"], {"jobtitle"}, "# what people do", "title:"),
        ([i for i in ALL if i.path != "mobile"], {"mobile"}, "path: [phone]", "mobile"),
        ([i for i in ALL if i.path != "email"], set(), "email: email  # the key", "nothing"),
        ([i for i in ALL if i.path != "optout"], set(), "optout", "nothing"),
        (
            [FieldInfo("jobtitle", "", "string", updatable=False) if i.path == "jobtitle" else i for i in ALL],
            {"jobtitle"},
            "direction: in",
            "title: jobtitle\n",
        ),
        (
            [FieldInfo("stage", "", "string", choices=("lead", "won")) if i.path == "stage" else i for i in ALL],
            {"stage"},
            "won: customer",
            "closed",
        ),
        ([FieldInfo("jobtitle", "", "number") if i.path == "jobtitle" else i for i in ALL], set(), "jobtitle", "none"),
    ],
)
def test_a_draft_mends_what_can_be_mended_without_a_person(
    now: list[FieldInfo], mends: set[str], there: str, gone: str
) -> None:
    broken = drift(ALL, now, uses(parse(text(), "a document"))).broken
    assert len(broken) == 1
    made, mended = drafted(text(), [], broken)
    assert mended == mends
    assert there in made
    assert gone not in made
    assert check(made, "a draft")[0] is not None
    assert drift(ALL, now, uses(parse(made, "a draft"))).broken == (() if mends else broken)


def test_a_draft_takes_up_new_fields_under_names_that_are_legal_and_free() -> None:
    new = infos("merge_fields.TIER", "Größe der Firma", "stage_of_life")
    made, _ = drafted(text(), [*new, *new, FieldInfo("hidden", "", "string", readable=False)], ())
    added = parse(made, "a draft").policy.fields.keys() - parse(text(), "a document").policy.fields.keys()
    assert added == {"custom.merge_fields_tier", "custom.gr_e_der_firma", "custom.stage_of_life"}


async def test_a_plan_of_an_edit_counts_on_nothing_that_rests(tmp_path: Path, store_url: str) -> None:
    async with staged(tmp_path, store_url, "{removed: park}") as stage:
        hub = stage.hub
        assert hub is not None
        vendor(stage, "beta").remove_field("title")
        edit(stage, "alpha", title="Chair")
        await settle(stage)
        (first,) = await versions(stage)
        new = first.text.replace("city: {path: city, compare: trimmed}", "city: {path: city, normalise: [upper]}")
        document, _ = check(new, "beta/people")
        assert document is not None
        async with hub.database.write() as conn:
            draft = await mappings.add_draft(
                conn, "beta/people", new, document.hash, who="ops", why="", at=hub.now_text()
            )
        plan = await plan_edit(hub, {"beta/people": draft}, limit=None)
        assert [cell.field for change in plan.rows for cell in change.cells if cell.field == "title"] == []
        await publish(hub, plan.hash)
        assert (await settle(stage)).quiet
        assert plain(held(stage, "title"))["beta"] == "ceo"
        assert len(await drifted(stage)) == 1
        vendor(stage, "beta").add_field("title")
        stage.step(DAY)
        await well(stage)
        assert plain(held(stage, "title"))["beta"] == "chair"
