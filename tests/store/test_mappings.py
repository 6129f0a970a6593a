"""Versions of mapping documents: numbers, states, and what is to be read again."""

from __future__ import annotations

import pytest

from hub.domain.version import KeptPlan, MappingVersion, Phase, Rereading, VersionState
from hub.errors import NotFound, Refused
from hub.store import mappings
from hub.store.database import Database

AT = "2026-01-01T00:00:00.000Z"


def _first(name: str = "crm/contacts") -> MappingVersion:
    return MappingVersion(name, 0, VersionState.PUBLISHED, None, "text 1", "h1", "library", "first", AT, AT)


async def test_versions_are_numbered_and_a_draft_knows_its_parent(database: Database) -> None:
    async with database.write() as conn:
        first = await mappings.add(conn, _first())
        draft = await mappings.add_draft(conn, "crm/contacts", "text 2", "h2", who="ann", why="phones", at=AT)
        other = await mappings.add_draft(conn, "crm/contacts", "text 3", "h3", who="bob", why="stages", at=AT)
    assert (first.version, draft.version, draft.parent, other.version, other.parent) == (1, 2, 1, 3, 1)
    async with database.read() as conn:
        assert await mappings.drafts(conn, "crm/contacts") == [draft, other]
        assert await mappings.published(conn) == {"crm/contacts": first}
        assert [v.version for v in await mappings.history(conn, "crm/contacts")] == [3, 2, 1]


async def test_publishing_retires_the_one_before(database: Database) -> None:
    async with database.write() as conn:
        await mappings.add(conn, _first())
        await mappings.add_draft(conn, "crm/contacts", "text 2", "h2", who="ann", why="", at=AT)
        await mappings.mark(conn, "crm/contacts", 2, VersionState.VALIDATED)
        await mappings.publish(conn, "crm/contacts", 2, AT, "plan-hash")
        states = {v.version: v.state for v in await mappings.history(conn, "crm/contacts")}
        held = await mappings.get(conn, "crm/contacts", 2)
    assert states == {1: VersionState.RETIRED, 2: VersionState.PUBLISHED}
    assert held is not None
    assert (held.plan, held.published_at) == ("plan-hash", AT)


async def test_a_published_text_stays_as_it_is(database: Database) -> None:
    async with database.write() as conn:
        first = await mappings.add(conn, _first())
        with pytest.raises(Refused, match="published"):
            await mappings.rewrite(conn, first, "other", "h9", AT)
        await mappings.mark(conn, "crm/contacts", 1, VersionState.DROPPED)
        assert (await mappings.published(conn))["crm/contacts"] == first


async def test_another_text_has_to_be_validated_anew(database: Database) -> None:
    async with database.write() as conn:
        await mappings.add(conn, _first())
        draft = await mappings.add_draft(conn, "crm/contacts", "text 2", "h2", who="ann", why="", at=AT)
        await mappings.mark(conn, "crm/contacts", 2, VersionState.VALIDATED)
        held = await mappings.get(conn, "crm/contacts", 2)
        assert held is not None
        again = await mappings.rewrite(conn, held, "text 2b", "h2b", AT)
    assert (draft.state, held.state, again.state) == (
        VersionState.DRAFT,
        VersionState.VALIDATED,
        VersionState.DRAFT,
    )


async def test_a_draft_of_nothing_is_not_kept(database: Database) -> None:
    async with database.write() as conn:
        with pytest.raises(NotFound):
            await mappings.add_draft(conn, "crm/contacts", "text", "h", who="ann", why="", at=AT)


async def test_what_is_to_be_read_again_survives_and_ends(database: Database) -> None:
    row = Rereading("crm/contacts", 1, 2, Phase.RECORDS, "", AT)
    async with database.write() as conn:
        await mappings.note(conn, row)
        await mappings.note(conn, Rereading("crm/contacts", 1, 2, Phase.ENTITIES, "con_5", AT))
        assert await mappings.pending(conn) == [Rereading("crm/contacts", 1, 2, Phase.ENTITIES, "con_5", AT)]
        await mappings.done(conn, "crm/contacts")
        assert await mappings.pending(conn) == []


async def test_plans_are_kept_and_a_removed_connection_is_forgotten(database: Database) -> None:
    plan = KeptPlan("abc", {"crm/contacts": 2}, {"crm/contacts": 1}, {"crm/contacts": "h2"}, {"crm/contacts update": 7})
    async with database.write() as conn:
        await mappings.keep_plan(conn, plan)
        assert await mappings.plan(conn, "abc") == plan
        assert await mappings.plan(conn, "other") is None
        await mappings.add(conn, _first())
        await mappings.add(conn, _first("crm2/contacts"))
        await mappings.forget(conn, "crm")
        assert list(await mappings.published(conn)) == ["crm2/contacts"]
