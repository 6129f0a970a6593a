"""`/healthz` and `/readyz`: what a probe is told, and what it costs."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from starlette.applications import Starlette

from hub.store import secrets as safe
from hub.web.app import make_app
from hub.web.health import KEPT_SECONDS, Health
from tests.sync_jobs.test_counts import counted
from tests.web.conftest import House


async def get(app: Starlette, path: str) -> tuple[int, dict[str, Any]]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://hub") as client:
        answer = await client.get(path)
    return answer.status_code, answer.json()


def wrong(found: dict[str, Any]) -> dict[str, str]:
    return {check["name"]: check["why"] for check in found["checks"] if not check["ok"]}


async def test_all_is_well(house: House) -> None:
    app = make_app(house.hub)
    assert await get(app, "/healthz") == (200, {"ok": True})
    status, found = await get(app, "/readyz")
    assert (status, found["ok"]) == (200, True)
    assert [check["name"] for check in found["checks"]] == ["running", "store", "secrets", "queue"]


async def test_a_process_that_stops_lives_and_is_not_ready(house: House) -> None:
    stopping = asyncio.Event()
    app = make_app(house.hub, stopping=stopping)
    assert (await get(app, "/readyz"))[0] == 200
    stopping.set()
    status, found = await get(app, "/readyz")
    assert (status, wrong(found)) == (503, {"running": "the process is stopping"})
    assert (await get(app, "/healthz"))[0] == 200


async def test_a_store_of_a_newer_release_is_not_worked_on(house: House) -> None:
    async with house.hub.database.write() as conn:
        await conn.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    status, found = await get(make_app(house.hub), "/readyz")
    assert status == 503
    assert "9999" in wrong(found)["store"]


async def test_a_key_that_does_not_open_the_secrets(house: House) -> None:
    """Another master key was given to the store, and keys were rotated: this process still has the old one."""
    old, new = safe.MasterKey("a test", raw=house.hub_key), safe.MasterKey("another", raw=os.urandom(32))
    async with house.hub.database.write() as conn:
        await safe.rotate(conn, old, house.hub.now_text())
    assert (await get(make_app(house.hub), "/readyz"))[0] == 200, "it follows"
    async with house.hub.database.write() as conn:
        await safe.change_master(conn, old, new)
        await safe.rotate(conn, new, house.hub.now_text())
    status, found = await get(make_app(house.hub), "/readyz")
    assert status == 503
    assert set(wrong(found)) == {"secrets"}
    assert "does not open" in wrong(found)["secrets"]


async def test_a_queue_that_is_away_is_told_and_keeps_nobody_from_working(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away() -> int:
        return -1

    monkeypatch.setattr(house.hub.queue, "waiting", away)
    status, found = await get(make_app(house.hub), "/readyz")
    assert (status, set(wrong(found))) == (200, {"queue"})


async def test_a_store_that_does_not_answer_in_time(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def hangs() -> None:
        await asyncio.sleep(60)

    monkeypatch.setattr("hub.operations.readiness.WITHIN", 0.05)
    monkeypatch.setattr(house.hub.database, "schema", hangs)
    app = make_app(house.hub)
    status, found = await get(app, "/readyz")
    assert (status, "store" in wrong(found)) == (503, True)
    assert (await get(app, "/healthz"))[0] == 200


async def test_probes_that_come_all_the_time_ask_once(house: House) -> None:
    now = [0.0]
    health = Health(house.hub, clock=lambda: now[0])
    app = Starlette(routes=health.routes())
    await get(app, "/readyz")
    with counted() as seen:
        await asyncio.gather(*(get(app, "/readyz") for _ in range(20)))
    assert seen == []
    now[0] += KEPT_SECONDS
    with counted() as seen:
        await get(app, "/readyz")
    assert 1 <= len(seen) <= 12


async def test_nothing_secret_is_said(house: House) -> None:
    async with house.hub.database.write() as conn:
        other = safe.MasterKey("another", raw=os.urandom(32))
        await safe.change_master(conn, safe.MasterKey("a test", raw=house.hub_key), other)
    _, found = await get(make_app(house.hub), "/readyz")
    assert "0123456789abcdef" not in str(found)
