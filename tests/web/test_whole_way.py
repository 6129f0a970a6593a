"""The whole way of an edit: a person at the vendor, a signed webhook over HTTP, a hint, a look, a golden record.

Nothing is read but what the webhooks named: no stream is ever walked.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from hub.operations import connections
from hub.operations.sandboxes import as_said
from hub.sdk.courier import Courier
from hub.sdk.sandbox import SandboxOptions, serve
from hub.store import golden, hints
from hub.web import doors
from hub.web.app import make_app
from hub.web.server import serving
from sync_jobs.hinted import look_at_hints
from sync_jobs.hub import Hub

PEOPLE = 20


class Way:
    """A hub that serves its webhooks, and a vendor's sandbox that tells what its people do."""

    def __init__(self, hub: Hub, url: str, sandbox: Any, courier: Courier, stream: str) -> None:
        self.hub = hub
        self.url = url
        self.people = sandbox.people
        self.sandbox = sandbox
        self.courier = courier
        self.stream = stream

    async def waiting(self) -> int:
        async with self.hub.database.read() as conn:
            return (await hints.count(conn)).get(("crm", self.stream), 0)

    async def heard(self) -> Mapping[str, str]:
        """Lets the webhooks arrive and looks where they said; answers given names by address."""
        assert await asyncio.to_thread(self.courier.settle)
        assert self.courier.given_up == 0
        done = await look_at_hints(self.hub, self.hub.connection("crm"), self.stream, 100)
        assert done.walk == ()
        assert await self.waiting() == 0
        async with self.hub.database.read() as conn:
            people = [g.values async for part in golden.each(conn, "contact") for g in part]
        return {str(p.get("email")): str(p.get("given_name")) for p in people}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doors, "LOOK_SECONDS", 0.05)


@asynccontextmanager
async def way(home: Path, vendor: str, stream: str, *, connected: bool = True) -> AsyncIterator[Way]:
    sandbox = import_module(f"connectors.{vendor}.sandbox").sandbox(SandboxOptions(people=PEOPLE))
    with serve(sandbox.app) as running:
        async with await Hub.open(home) as hub, serving(make_app(hub), "127.0.0.1:0") as url:
            one = Way(hub, f"{url}/webhooks/crm", sandbox, sandbox.tell(f"{url}/webhooks/crm"), stream)
            if connected:
                await connect(one, vendor, running.url)
            yield one


async def connect(one: Way, vendor: str, base_url: str) -> None:
    needs = one.sandbox.connection()
    settings = as_said(needs.settings)
    await connections.add(one.hub, "crm", vendor, base_url=base_url, settings=settings, secrets=needs.secrets)
    await connections.check(one.hub, "crm")


async def test_from_an_edit_in_hubspot_to_its_golden_record(tmp_path: Path) -> None:
    async with way(tmp_path, "hubspot", "contacts") as one:
        anna = one.people.create({"email": "anna@people.example", "firstname": "Anna"})
        assert await one.heard() == {"anna@people.example": "Anna"}
        one.people.edit(anna, {"firstname": "Ann"})
        assert await one.heard() == {"anna@people.example": "Ann"}
        other = one.people.create({"email": "bob@people.example", "firstname": "Bob"})
        assert len(await one.heard()) == 2
        one.people.merge(anna, other)
        assert await one.heard() == {"anna@people.example": "Ann"}
        calls = one.sandbox.calls
        assert not [call for call in calls if "search" in call or call == "GET /crm/v3/objects/contacts"]


async def test_from_an_edit_in_mailchimp_to_its_golden_record(tmp_path: Path) -> None:
    async with way(tmp_path, "mailchimp", "members") as one:
        anna = one.people.create({"email_address": "anna@people.example", "merge_fields.FNAME": "Anna"})
        assert await one.heard() == {"anna@people.example": "Anna"}
        one.people.edit(anna, {"merge_fields.FNAME": "Ann"})
        assert await one.heard() == {"anna@people.example": "Ann"}
        one.people.edit(anna, {"email_address": "ann@people.example"})
        assert await one.heard() == {"ann@people.example": "Ann"}
        assert not [call for call in one.sandbox.calls if call.endswith("/members")]


async def test_webhooks_that_come_before_the_connection_does_are_told_again(tmp_path: Path) -> None:
    async with way(tmp_path, "hubspot", "contacts", connected=False) as one:
        one.people.create({"email": "anna@people.example", "firstname": "Anna"})
        for _ in range(500):
            if 404 in one.courier.answers:
                break
            await asyncio.sleep(0.01)
        assert set(one.courier.answers) == {404}
        with serve(one.sandbox.app) as running:
            await connect(one, "hubspot", running.url)
            assert await one.heard() == {"anna@people.example": "Anna"}


@pytest.mark.parametrize("vendor", ["hubspot", "mailchimp"])
async def test_a_strangers_webhook_reaches_nobody(tmp_path: Path, vendor: str) -> None:
    """Another account of the same vendor, with another secret, told to tell this hub."""
    stream = {"hubspot": "contacts", "mailchimp": "members"}[vendor]
    async with way(tmp_path, vendor, stream) as one:
        stranger = import_module(f"connectors.{vendor}.sandbox").sandbox(SandboxOptions(seed=9, people=PEOPLE))
        if vendor == "hubspot":
            stranger.account.gate.client_secret = "another"
        courier = stranger.tell(one.url)
        edit = {"firstname": "X"} if vendor == "hubspot" else {"merge_fields.FNAME": "X"}
        stranger.people.edit(stranger.people.ids()[0], edit)
        assert await asyncio.to_thread(courier.settle)
        assert courier.answers[-1] == 401
        assert not [status for status in courier.answers if status < 400]
        assert await one.waiting() == 0
