"""Secrets of webhooks: opened when they change, and not before."""

from __future__ import annotations

from dataclasses import replace

import pytest

from connectors.unruly import CONNECTOR
from hub.store import connections
from hub.store import secrets as safe
from hub.web.doors import Door, Doors
from tests.web.conftest import SECRET, House


async def test_a_door_is_opened_once_and_again_when_something_changed(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    fetch = safe.fetch

    async def counted(conn: object, vault: object, name: str) -> dict[str, str]:
        opened.append(name)
        return await fetch(conn, vault, name)  # type: ignore[arg-type]

    monkeypatch.setattr(safe, "fetch", counted)
    await house.connect("crm", "hubspot", {"token": "t", "client_secret": "s"})
    doors = Doors(house.hub)
    for _ in range(3):
        await doors.look()
    assert sorted(opened) == ["crm", "shop"]

    opened.clear()
    house.now = house.now.replace(hour=13)
    await house.give("crm", {"client_secret": "another"})
    await doors.look()
    door = doors.at("crm")
    assert door is not None
    assert (opened, dict(door.secrets)) == (["crm"], {"client_secret": "another"})  # the API's token isn't kept here

    opened.clear()
    async with house.hub.database.write() as conn:
        row = await connections.get(conn, "crm")
        assert row is not None
        await connections.put(conn, replace(row, account={"key": "77"}))
    await doors.look()
    door = doors.at("crm")
    assert door is not None
    assert (opened, door.account) == (["crm"], "77")


async def test_who_leaves_takes_the_door_along(house: House) -> None:
    doors = Doors(house.hub)
    await doors.look()
    assert doors.at("shop") is not None
    async with house.hub.database.write() as conn:
        await connections.remove(conn, "shop")
    await doors.look()
    assert doors.at("shop") is None


async def test_one_connection_that_cannot_be_used_costs_only_its_own_door(house: House) -> None:
    await house.connect("broken", "unruly", {"webhook_secret": SECRET})
    async with house.hub.database.write() as conn:
        row = await connections.get(conn, "broken")
        assert row is not None
        await connections.put(conn, replace(row, settings={"no such setting": 1}))
    doors = Doors(house.hub)
    await doors.look()
    assert doors.at("broken") is None
    assert doors.at("shop") is not None


async def test_secrets_that_can_no_longer_be_opened_leave_the_door_as_it_was(house: House) -> None:
    """Another process sealed them under a master key that this one does not have."""
    doors = Doors(house.hub)
    await doors.look()
    async with house.hub.database.write() as conn:
        new = safe.MasterKey("another", raw=bytes(32))
        await safe.change_master(conn, safe.MasterKey("a test", raw=house.hub_key), new)
        other = await safe.rotate(conn, new, "2026-03-02T00:00:00.000Z")
        await safe.put(conn, other, "shop", {"webhook_secret": SECRET[::-1]}, "2026-03-02T00:00:00.000Z")
    for _ in range(2):
        await doors.look()
    door = doors.at("shop")
    assert door is not None
    assert door.secrets == {"webhook_secret": SECRET}


def test_a_door_does_not_show_its_secrets() -> None:
    door = Door("shop", CONNECTOR, CONNECTOR.settings(), "", {"webhook_secret": SECRET}, ())
    assert SECRET not in repr(door)
