"""Cursors, schedules, connections, discoveries, settings, pins, consent said to the hub, and the log of changes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hub.domain.circuit import Circuit
from hub.domain.connection import Connection, ConnectionState
from hub.domain.consent import Evidence, Statements
from hub.domain.golden import Pin
from hub.domain.history import FieldChange
from hub.domain.keys import Address, Key
from hub.domain.link import Link
from hub.domain.observation import Record
from hub.domain.schedule import Schedule
from hub.errors import BadInput, NotFound
from hub.sdk.streams import FieldInfo
from hub.store import (
    changes,
    circuits,
    connections,
    cursors,
    discoveries,
    links,
    observations,
    pins,
    schedules,
    settings,
    statements,
    verified,
)
from hub.store.cursors import CursorRow
from hub.store.database import Database
from hub.store.verified import Shown

NOW, LATER = "2026-01-05T09:00:00.000Z", "2026-01-05T10:00:00.000Z"
CRM = Connection("crm", "salesforce", "https://crm.example", {"sandbox": True}, rank=10, created_at=NOW)


async def test_cursors_are_kept_by_lane(database: Database) -> None:
    row = CursorRow(
        *("crm", "contacts", "live", {"after": "9", "n": [1]}, NOW, "9", LATER),
        *(3, True, 42, NOW, NOW, LATER, NOW, LATER, 99),
    )
    async with database.write() as conn:
        assert await cursors.fetch(conn, "crm", "contacts") == CursorRow("crm", "contacts")
        await cursors.save(conn, replace(row, walk=1))
        await cursors.save(conn, row)
        await cursors.save(conn, CursorRow("crm", "contacts", "backfill:1"))
        await cursors.save(conn, CursorRow("ads", "metrics"))
        assert await cursors.fetch(conn, "crm", "contacts", "live") == row
        assert await cursors.all(conn, "crm") == [CursorRow("crm", "contacts", "backfill:1"), row]
        assert len(await cursors.all(conn)) == 3
        await cursors.drop(conn, "crm", "contacts")
        assert await cursors.fetch(conn, "crm", "contacts") == CursorRow("crm", "contacts")


@pytest.mark.parametrize(("said", "kept"), [(10**12, 2**31 - 1), (2**31, 2**31 - 1), (-1, 0), (7, 7)])
async def test_a_total_that_cannot_be_stops_no_walk(database: Database, said: int, kept: int) -> None:
    async with database.write() as conn:
        await cursors.save(conn, CursorRow("crm", "contacts", total=said))
        assert (await cursors.fetch(conn, "crm", "contacts")).total == kept


async def test_page_and_cursor_are_kept_both_or_neither(database: Database) -> None:
    async def die() -> None:
        async with database.write() as conn:
            await observations.keep(conn, "crm", "contacts", [Record("1", {})], seen_at=NOW)
            await cursors.save(conn, CursorRow("crm", "contacts", at=NOW))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await die()
    async with database.read() as conn:
        assert (await observations.count(conn, "crm")).live == 0
        assert (await cursors.fetch(conn, "crm", "contacts")).at is None


async def test_connections_begin_read_only_and_change_by_name(database: Database) -> None:
    async with database.write() as conn:
        await connections.add(conn, CRM)
        with pytest.raises(BadInput, match="already"):
            await connections.add(conn, CRM)
        assert await connections.get(conn, "crm") == CRM
        assert not CRM.writes
        await connections.allow_writes(conn, "crm")
        await connections.set_state(conn, "crm", ConnectionState.BROKEN, "the grant was refused")
        changed = replace(CRM, writes=True, state=ConnectionState.BROKEN, state_reason="the grant was refused")
        assert await connections.all(conn) == [changed]
        await connections.put(conn, replace(changed, account={"key": "00D"}, created_at="never"))
        assert await connections.get(conn, "crm") == replace(changed, account={"key": "00D"})
        assert await connections.get(conn, "none") is None
        for step in (
            connections.allow_writes(conn, "none"),
            connections.set_state(conn, "none", ConnectionState.PAUSED),
            connections.put(conn, replace(CRM, name="none")),
            connections.remove(conn, "none"),
        ):
            with pytest.raises(NotFound):
                await step


async def test_a_removed_connection_leaves_nothing_of_its_records(database: Database) -> None:
    async with database.write() as conn:
        for name in ("crm", "ads"):
            await connections.add(conn, replace(CRM, name=name))
            await observations.keep(conn, name, "contacts", [Record("1", {})], seen_at=NOW)
            link = Link(Address(name, "contacts", "1"), "con_a", keys=(Key("email", "a"),))
            await links.put(conn, [link])
            await links.put_keys(conn, "contact", [link])
            await cursors.save(conn, CursorRow(name, "contacts"))
        await connections.remove(conn, "crm")
        assert [c.name for c in await connections.all(conn)] == ["ads"]
        assert [c.connection for c in await cursors.all(conn)] == ["ads"]
        assert (await observations.count(conn, "crm")).live == 0
        assert [link.address.connection for link in (await links.by_entities(conn, ["con_a"]))["con_a"]] == ["ads"]
        assert len((await links.keys_of(conn, "contact", [Key("email", "a")]))[Key("email", "a")]) == 1


async def test_discoveries(database: Database) -> None:
    fields = [
        FieldInfo("email", "E-mail", "text", unique=True, choices=("a", "b"), max_length=80),
        FieldInfo("x", "X", "n"),
    ]
    async with database.write() as conn:
        assert await discoveries.get(conn, "crm", "contacts") is None
        await discoveries.save(conn, "crm", "contacts", [], NOW)
        await discoveries.save(conn, "crm", "contacts", fields, LATER)
        expected = discoveries.Discovery("crm", "contacts", tuple(fields), LATER)
        assert await discoveries.get(conn, "crm", "contacts") == expected
        assert await discoveries.all(conn, "crm") == [expected]


async def test_settings(database: Database) -> None:
    async with database.write() as conn:
        assert await settings.get(conn, "brakes", 5) == 5
        await settings.put(conn, "brakes", {"creates": 1})
        await settings.put(conn, "brakes", {"creates": 2})
        assert await settings.get(conn, "brakes") == {"creates": 2}
        assert await settings.drop(conn, "brakes")
        assert not await settings.drop(conn, "brakes")


async def test_pins_follow_a_merge_and_the_later_wins(database: Database) -> None:
    async with database.write() as conn:
        await pins.put(conn, "con_a", Pin("emails", ("a", "b"), "ann", NOW, "she said so"))
        await pins.put(conn, "con_a", Pin("title", "Dr", "ann", LATER))
        await pins.put(conn, "con_b", Pin("title", "Prof", "ben", NOW))
        await pins.put(conn, "con_b", Pin("city", None, "ben", NOW))
        held = await pins.fetch(conn, ["con_a", "con_x"])
        assert held == {
            "con_a": {
                "emails": Pin("emails", ("a", "b"), "ann", NOW, "she said so"),
                "title": Pin("title", "Dr", "ann", LATER),
            }
        }
        await pins.reassign(conn, "con_a", "con_b")
        held = await pins.fetch(conn, ["con_a", "con_b"])
        assert set(held) == {"con_b"}
        assert {f: p.value for f, p in held["con_b"].items()} == {"emails": ("a", "b"), "title": "Dr", "city": None}
        assert await pins.drop(conn, "con_b", "city")
        assert not await pins.drop(conn, "con_b", "city")


async def test_consent_said_to_the_hub_only_adds_up(database: Database) -> None:
    grant = Statements(granted_at=NOW, evidence=Evidence("ann", NOW, "phone call"))
    async with database.write() as conn:
        await statements.join(conn, "con_a", "email", Statements(denied_at=LATER))
        joined = await statements.join(conn, "con_a", "email", grant)
        assert joined == Statements(LATER, NOW, grant.evidence)
        await statements.join(conn, "con_b", "email", Statements(denied_at=NOW))
        await statements.join(conn, "con_a", "sms", grant)
        await statements.reassign(conn, "con_a", "con_b")
        assert await statements.fetch(conn, ["con_a", "con_b"]) == {"con_b": {"email": joined, "sms": grant}}


async def test_the_log_of_changes_begins_with_the_last(database: Database) -> None:
    first = FieldChange("con_a", "emails", None, ("a", "b"), "union", Address("crm", "contacts", "1"), NOW)
    second = FieldChange("con_a", "title", "Dr", None, "pinned", None, LATER)
    async with database.write() as conn:
        await changes.append(conn, [first, second, replace(first, entity_id="con_b")])
        assert await changes.of_entity(conn, "con_a") == [second, first]
        assert await changes.of_entity(conn, "con_a", "emails") == [first]
        assert await changes.of_entity(conn, "con_a", limit=1) == [second]


async def test_schedules_are_of_a_stream_or_of_a_connection(database: Database) -> None:
    often, nightly = Schedule(every=300, hours="mon-fri 07:00-20:00", zone="Europe/Berlin"), Schedule(cron="0 3 * * *")
    async with database.write() as conn:
        await schedules.put(conn, "crm", "contacts", nightly)
        await schedules.put(conn, "crm", "contacts", often)
        await schedules.put(conn, "crm", schedules.EVERY_STREAM, nightly)
        await schedules.put(conn, "ads", "daily", often)
        assert await schedules.get(conn, "crm", "contacts") == often
        assert await schedules.get(conn, "crm", "leads") is None
        assert await schedules.all(conn, "crm") == {("crm", "contacts"): often, ("crm", ""): nightly}
        assert len(await schedules.all(conn)) == 3
        assert await schedules.drop(conn, "crm", "contacts")
        assert not await schedules.drop(conn, "crm", "contacts")


async def test_a_removed_connection_leaves_no_schedule_circuit_or_verification(database: Database) -> None:
    async with database.write() as conn:
        for name in ("crm", "ads"):
            await connections.add(conn, replace(CRM, name=name))
            await schedules.put(conn, name, "contacts", Schedule(every=300))
            await circuits.put(conn, Circuit(name, 3, LATER, NOW, "not_reached"))
            await verified.put(conn, name, "contacts", [Shown("1"), Shown("2", "l00", NOW)])
        await connections.remove(conn, "crm")
        assert list(await schedules.all(conn)) == [("ads", "contacts")]
        assert list(await circuits.all(conn)) == ["ads"]
        assert await verified.among(conn, "crm", "contacts", ["1", "2"]) == []
        assert await verified.doubted(conn, "ads", "contacts", "", 10) == [Shown("2", "l00", NOW)]
