"""Fields that drift at the vendors themselves: what their sandboxes show, refuse and forget."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

from hub.domain.connection import Connection, ConnectionState
from hub.domain.issue import Issue
from hub.domain.moments import iso
from hub.domain.policy import Brakes
from hub.sdk.sandbox import SandboxOptions
from hub.sdk.world import EPOCH
from hub.store import connections, golden, issues, secrets
from hub.transport.mishaps import Mishap, Mishaps
from mappings import library
from sync_jobs.hub import Hub
from sync_jobs.runner import SyncReport, sync

DAY = 86_400.0
PEOPLE = 12
RANKS = ("salesforce", "hubspot", "mailchimp", "csv")
SEATS = {
    "hubspot": ("contacts", "  custom.seats: {path: seats, kind: integer, transform: [{integer: {as: text}}], "
                "empty: is_null}\n"),
    "salesforce": ("contacts", "  custom.seats: {path: Score__c, kind: integer}\n"),
}  # fmt: skip
"""A field that an account made itself, mapped beside those of the library."""


@dataclass(slots=True)
class World:
    """A hub and its vendors, under one clock that steps."""

    hub: Hub
    boxes: dict[str, Any]
    time: list[datetime]

    def step(self, seconds: float) -> None:
        self.time[0] += timedelta(seconds=seconds)

    async def sync(self) -> SyncReport:
        self.step(600)

        async def pass_time(seconds: float) -> None:
            self.step(seconds)

        report = await sync(self.hub, until_quiet=True, sleep=pass_time)
        assert report.faults == {}, report.faults
        assert report.quiet, report
        return report

    async def issues(self, kind: str | None = None) -> list[Issue]:
        async with self.hub.database.read() as conn:
            return await issues.list_(conn, kind=kind)

    async def values(self, field: str) -> dict[str, Any]:
        """What the golden records hold in a field, by address."""
        async with self.hub.database.read() as conn:
            held = [record async for batch in golden.each(conn, "contact") for record in batch]
        return {str(r.values.get("email")): r.values.get(field) for r in held}

    def of(self, name: str, email: str) -> dict[str, Any]:
        people = self.boxes[name].people
        return dict(people.get(people.find(email) or "") or {})

    def edit(self, name: str, email: str, **fields: Any) -> None:
        people = self.boxes[name].people
        people.edit(people.find(email) or "", fields)

    def calls(self, name: str) -> Counter[str]:
        return Counter(self.boxes[name].calls)


@asynccontextmanager
async def world(home: Path, *names: str, seats: bool = False) -> AsyncIterator[World]:
    time = [EPOCH]
    options = SandboxOptions(seed=3, people=PEOPLE, clock=lambda: time[0])
    boxes = {name: import_module(f"connectors.{name}.sandbox").sandbox(options) for name in names}
    doors = {name: Mishaps(box.app, lambda _method, _path: Mishap.NONE) for name, box in boxes.items()}
    for name in names if seats else ():
        stream, line = SEATS[name]
        text = library.source(name, stream).read_text().replace("\nconsent:\n", f"\n{line}consent:\n", 1)
        (home / "mappings" / name).mkdir(parents=True)
        (home / "mappings" / name / f"{stream}.yaml").write_text(text)

    async def pass_time(seconds: float) -> None:
        time[0] += timedelta(seconds=seconds)

    hub = await Hub.open(home, clock=lambda: time[0], transports=doors, sleep=pass_time, jitter=lambda: 0.5)
    hub.brakes = Brakes(creates=10_000, clears=0, clears_share=0.0, removes=0, removes_share=0.0)
    try:
        async with hub.database.write() as conn:
            for name, box in boxes.items():
                needs = box.connection()
                row = Connection(name, name, "http://vendor.example", dict(needs.settings), writes=True,
                                 rank=RANKS.index(name), created_at=iso(EPOCH))  # fmt: skip
                await connections.add(conn, row)
                await secrets.put(conn, hub.vault, name, dict(needs.secrets), iso(EPOCH))
        await hub.wire()
        made = World(hub, boxes, time)
        await made.sync()
        yield made
    finally:
        await hub.close()


async def shared(made: World, *names: str) -> str:
    """Somebody whom every vendor knows."""
    for email in await made.values("email"):
        if all(made.boxes[name].people.find(email) for name in names):
            return email
    raise AssertionError("nobody is everywhere")


async def test_salesforce_refuses_a_query_for_a_field_that_is_gone_and_the_rest_goes_on(tmp_path: Path) -> None:
    async with world(tmp_path, "salesforce", "mailchimp") as made:
        email = await shared(made, "salesforce", "mailchimp")
        titles = await made.values("title")
        assert any(titles.values())
        made.boxes["salesforce"].people.remove_field("Title")
        before = made.calls("salesforce")
        made.edit("salesforce", email, FirstName="Zelda")
        await made.sync()
        assert made.of("mailchimp", email)["merge_fields"]["FNAME"] == "Zelda"
        described = made.calls("salesforce") - before
        assert sum(n for call, n in described.items() if call.endswith("/describe")) == 3, "one for every stream"
        (issue,) = await made.issues("drift")
        assert issue.dedupe == "drift/salesforce/contacts/Title"
        assert issue.detail["fields"] == ["title"]
        assert [i.kind for i in await made.issues()] == ["drift"], "the connection is not stopped"
        assert made.hub.wired["salesforce"].connection.state is ConnectionState.ACTIVE
        assert await made.values("title") == titles
        assert "Title" in made.hub.wired["salesforce"].lenses["leads"].reads

        made.boxes["salesforce"].people.restore_field("Title")
        made.edit("salesforce", email, Title="Empress")
        made.step(DAY)
        await made.sync()
        assert await made.issues("drift") == []
        assert (await made.values("title"))[email] == "Empress"
        assert "Title" in made.hub.wired["salesforce"].lenses["contacts"].reads
        assert {e: t for e, t in (await made.values("title")).items() if e != email} == {
            e: t for e, t in titles.items() if e != email
        }


async def test_a_field_that_salesforce_lets_nobody_write_any_more_is_only_left_alone(tmp_path: Path) -> None:
    async with world(tmp_path, "salesforce", "mailchimp") as made:
        email = await shared(made, "salesforce", "mailchimp")
        made.boxes["salesforce"].people.change_field("FirstName", update=False, create=False)
        made.step(DAY)
        made.edit("mailchimp", email, **{"merge_fields.FNAME": "Quentin", "merge_fields.LNAME": "Quick"})
        await made.sync()
        (issue,) = await made.issues("drift")
        assert "can no longer be written" in issue.summary
        assert [i.kind for i in await made.issues()] == ["drift"]


async def test_hubspot_hides_an_archived_property_and_nobody_loses_what_was_there(tmp_path: Path) -> None:
    async with world(tmp_path, "salesforce", "hubspot", seats=True) as made:
        email = await shared(made, "salesforce", "hubspot")
        people = made.boxes["hubspot"].people
        for number, remote_id in enumerate(people.ids()):
            people.edit(remote_id, {"seats": str(number + 1)})
        await made.sync()
        seats = await made.values("custom.seats")
        assert sum(1 for n in seats.values() if n) >= 5
        assert made.of("salesforce", email)["Score__c"] == seats[email]

        people.remove_field("seats")
        made.step(DAY)
        made.edit("salesforce", email, FirstName="Zelda")
        await made.sync()
        assert made.of("hubspot", email)["firstname"] == "Zelda"
        assert await made.values("custom.seats") == seats
        made.edit("salesforce", email, Score__c=77)
        await made.sync()
        assert [i.kind for i in await made.issues()] == ["drift"], "nothing is written there, so nothing is refused"

        people.restore_field("seats")
        made.step(DAY)
        await made.sync()
        assert await made.issues() == []
        assert made.of("hubspot", email)["seats"] == "77"
        assert await made.values("custom.seats") == {**seats, email: 77}


async def test_a_property_that_hubspot_made_anew_is_filled_again(tmp_path: Path) -> None:
    async with world(tmp_path, "hubspot", seats=True) as made:
        people = made.boxes["hubspot"].people
        for number, remote_id in enumerate(people.ids()):
            people.edit(remote_id, {"seats": str(number + 1)})
        await made.sync()
        seats = await made.values("custom.seats")
        people.remove_field("seats")
        made.step(DAY)
        await made.sync()
        people.add_field("seats", type="number", field_type="number")
        assert not any((people.get(i) or {}).get("seats") for i in people.ids())
        made.step(DAY)
        await made.sync()
        assert await made.values("custom.seats") == seats
        assert {str(made.of("hubspot", e).get("seats") or "") for e in seats} == {str(n or "") for n in seats.values()}
        assert await made.issues() == []


async def test_a_write_to_a_property_archived_a_moment_ago_parks_it_at_once(tmp_path: Path) -> None:
    async with world(tmp_path, "salesforce", "hubspot", seats=True) as made:
        email = await shared(made, "salesforce", "hubspot")
        made.boxes["hubspot"].people.remove_field("seats")
        made.edit("salesforce", email, Score__c=9, FirstName="Zelda")
        await made.sync()
        assert made.of("hubspot", email)["firstname"] == "Zelda"
        assert [(i.kind, i.field) for i in await made.issues()] == [("drift", "seats")]


async def test_a_choice_that_the_mapping_writes_is_taken_away(tmp_path: Path) -> None:
    async with world(tmp_path, "hubspot") as made:
        people = made.boxes["hubspot"].people
        choices = made.boxes["hubspot"].account.contacts.properties["lifecyclestage"].choices
        people.change_field("lifecyclestage", choices=tuple(c for c in choices if c[0] != "evangelist"))
        made.step(DAY)
        await made.sync()
        (issue,) = await made.issues("drift")
        assert (issue.field, issue.detail["what"]) == ("lifecyclestage", "no longer offers evangelist")
        people.change_field("lifecyclestage", choices=choices)
        made.step(DAY)
        await made.sync()
        assert await made.issues() == []


async def test_mailchimp_forgets_what_a_deleted_merge_field_held_and_is_told_it_again(tmp_path: Path) -> None:
    async with world(tmp_path, "salesforce", "mailchimp") as made:
        held = await made.values("company_name")
        assert sum(1 for name in held.values() if name) >= 5
        people = made.boxes["mailchimp"].people
        told = {e: made.of("mailchimp", e).get("merge_fields", {}).get("COMPANY") for e in held}
        people.remove_field("COMPANY")
        made.step(DAY)
        await made.sync()
        assert [(i.kind, i.field) for i in await made.issues()] == [("drift", "merge_fields.COMPANY")]
        assert await made.values("company_name") == held
        people.add_field("COMPANY", "Company")
        made.step(DAY)
        await made.sync()
        assert await made.issues() == []
        assert await made.values("company_name") == held
        again = {e: made.of("mailchimp", e).get("merge_fields", {}).get("COMPANY") for e in held}
        assert {e: v.strip() for e, v in again.items() if v} == {e: v.strip() for e, v in told.items() if v}


async def test_files_have_no_list_of_fields_and_drift_never(tmp_path: Path) -> None:
    async with world(tmp_path, "csv") as made:
        made.step(2 * DAY)
        await made.sync()
        assert await made.issues("drift") == []
