"""Changes of consent are noted where they are heard, of people who were known, with the time they were seen at."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import select

from connectors.unruly.sandbox import Manners, Unruly
from hub.domain.connection import ConnectionState
from hub.domain.consent import Consent, ConsentState, Evidence, Statements
from hub.domain.lane import Lane
from hub.domain.moments import iso
from hub.engine.alerts import conditions
from hub.operations import connections as accounts
from hub.operations import consent as operations
from hub.store import connections, consent_changes, golden, links, observations, statements
from hub.store.tables import consent_changes as table
from hub.transport.mishaps import Mishap
from sync_jobs import brakes
from sync_jobs import tour as tours
from sync_jobs.consents import STUCK_AFTER, addressee, close_written
from sync_jobs.counts import Counts
from sync_jobs.hearing import hear
from sync_jobs.hub import Hub
from sync_jobs.pull import pull
from sync_jobs.push import Pushed
from sync_jobs.reconcile import reconcile
from sync_jobs.runner import sync
from sync_jobs.simulation.stage import Stage
from sync_jobs.situation import situation
from sync_jobs.slices import Slice
from sync_jobs.tour import Toured, tour


@pytest.fixture
async def stage(tmp_path: Path, store_url: str) -> AsyncIterator[Stage]:
    made = await Stage.set(
        tmp_path, Random(1), "none", {"alpha": Manners(), "beta": Manners(unique_email=True)}, database_url=store_url
    )
    made.vendors["alpha"].create({"email": "ann@x.example", "name": "Ann"})
    made.vendors["alpha"].create({"email": "bob@x.example", "name": "Bob"})
    await settle(made)
    yield made
    await made.close()


def hub_of(stage: Stage) -> Hub:
    assert stage.hub is not None
    return stage.hub


async def settle(stage: Stage) -> None:
    stage.step(5)
    assert (await sync(hub_of(stage), until_quiet=True, side_by_side=False)).quiet
    stage.step(5)


async def noted(stage: Stage) -> list[dict[str, Any]]:
    async with hub_of(stage).database.read() as conn:
        return [dict(row) for row in (await conn.execute(select(table).order_by(table.c.id))).mappings()]


async def read(stage: Stage, name: str) -> None:
    hub = hub_of(stage)
    assert (await pull(hub, hub.connection(name), "people")).finished


async def heard(stage: Stage, name: str) -> None:
    await reconcile(hub_of(stage), hub_of(stage).connection(name), "people")


async def toured(stage: Stage, name: str, lane: Lane) -> Toured:
    return await tour(hub_of(stage), name, lane, Slice.of(), term=timedelta(minutes=1))


async def nothing_may_be_cleared(stage: Stage) -> None:
    async with hub_of(stage).database.write() as conn:
        await brakes.put(conn, {"clears": 0, "clears_share": 0.0})
    await hub_of(stage).refresh()


def held_of(vendor: Unruly) -> dict[str, Any]:
    return vendor.get(ann(vendor)) or {}


def ann(vendor: Unruly) -> str:
    found = vendor.find("ann@x.example")
    assert found is not None
    return found


async def test_who_is_new_has_nothing_to_be_told_first(stage: Stage) -> None:
    stage.vendors["alpha"].create({"email": "cid@x.example", "opted_out": True})
    await settle(stage)
    assert await noted(stage) == []


async def test_a_change_counts_from_when_it_was_seen_and_is_through_when_all_were_told(stage: Stage) -> None:
    alpha, hub = stage.vendors["alpha"], hub_of(stage)
    alpha.opt_out(ann(alpha))
    stage.step(1)
    await read(stage, "alpha")
    seen_at = iso(stage.now)
    stage.step(7)
    await heard(stage, "alpha")
    (change,) = await noted(stage)
    assert (change["channel"], change["state"], change["seen_at"], change["heard_at"], change["written_at"]) == (
        "email",
        "denied",
        seen_at,
        iso(stage.now),
        None,
    )
    assert await close_written(hub) == 0
    async with hub.database.read() as conn:
        places = [addressee(hub.connection(name), "people") for name in ("alpha", "beta")]
        due = [await consent_changes.due(conn, place, "contact", hub.now_text()) for place in places]
    assert due == [[], [change["entity_id"]]], "alpha shows it"
    await settle(stage)
    assert stage.vendors["beta"].get(ann(stage.vendors["beta"]))["opted_out"]  # type: ignore[index]
    (change,) = await noted(stage)
    assert change["written_at"] == iso(stage.now - timedelta(seconds=5))


async def test_other_news_is_no_change_of_consent(stage: Stage) -> None:
    alpha = stage.vendors["alpha"]
    alpha.edit(ann(alpha), {"name": "Anne"})
    await settle(stage)
    alpha.opt_out(ann(alpha))
    await settle(stage)
    assert len(await noted(stage)) == 1
    alpha.edit(ann(alpha), {"name": "Annie"})
    await settle(stage)
    assert len(await noted(stage)) == 1, "he is denied still"


async def test_two_people_who_turn_out_to_be_one_carry_the_denial_to_the_records_of_both(stage: Stage) -> None:
    """Bob opted out. Ann's record gets his address: her systems have to be told, too."""
    alpha, beta = stage.vendors["alpha"], stage.vendors["beta"]
    bob = alpha.find("bob@x.example")
    assert bob is not None
    alpha.opt_out(bob)
    await settle(stage)
    assert [c["state"] for c in await noted(stage) if c["written_at"]] == ["denied"]
    beta.edit(ann(beta), {"email": "bob@x.example"})
    stage.step(1)
    await read(stage, "beta")
    await heard(stage, "beta")
    changes = await noted(stage)
    assert [c["state"] for c in changes] == ["denied", "denied"]
    assert changes[1]["written_at"] is None
    await settle(stage)
    assert all(c["written_at"] for c in await noted(stage))


async def test_what_is_heard_again_counts_from_then(stage: Stage) -> None:
    """An observation that was heard long ago tells something new, as when a mapping begins to read consent."""
    alpha, hub = stage.vendors["alpha"], hub_of(stage)
    remote_id = ann(alpha)
    async with hub.database.write() as conn:
        seen = await observations.unheard(conn, "alpha", "people", 10)
        assert seen == []
        found = [o async for batch in observations.each(conn, "alpha", "people") for o in batch]
    (old,) = (o for o in found if o.address.remote_id == remote_id)
    old.raw["opted_out"] = True  # type: ignore[index]
    stage.step(3_600)
    async with hub.database.hearing() as conn:
        await hear(conn, hub, hub.connection("alpha"), "people", [old])
    (change,) = await noted(stage)
    assert (change["seen_at"], change["heard_at"]) == (iso(stage.now), iso(stage.now))


async def test_what_is_said_to_the_hub_travels_first_too(stage: Stage) -> None:
    hub = hub_of(stage)
    await operations.deny(hub, "contact", "ann@x.example", "email", who="Ann")
    (change,) = await noted(stage)
    assert (change["state"], change["seen_at"]) == ("denied", iso(stage.now))
    await operations.deny(hub, "contact", "ann@x.example", "email", who="Ann")
    assert len(await noted(stage)) == 1
    stage.step(1)
    await operations.grant(hub, "contact", "ann@x.example", "email", who="Ann", how="signed form 12")
    assert [c["state"] for c in await noted(stage)] == ["denied", "granted"]


async def test_an_opt_out_does_not_wait_for_what_else_is_to_be_told_of_the_person(stage: Stage) -> None:
    """Ann opts out and blanks her name; to blank fields is left to the push of the whole, which may not just now."""
    alpha, beta, hub = stage.vendors["alpha"], stage.vendors["beta"], hub_of(stage)
    await nothing_may_be_cleared(stage)
    alpha.edit(ann(alpha), {"name": None, "opted_out": True})
    stage.step(1)
    await read(stage, "alpha")
    await heard(stage, "alpha")
    assert (await toured(stage, "beta", Lane.CONSENT)).counts.updated == 1
    assert (held_of(beta)["name"], held_of(beta)["opted_out"]) == ("Ann", True)
    calls = beta.calls.total()
    assert not (await toured(stage, "beta", Lane.CONSENT)).counts.writes
    assert beta.calls.total() == calls, "what was told is not told again"
    async with hub.database.read() as conn:
        assert await golden.due(conn, "beta", "people", hub.now_text()), "the rest is still to be told"


async def test_an_opt_out_passes_a_push_that_is_parked(stage: Stage) -> None:
    """Beta loses an opt-out that it was told of, which is no change of anybody's consent, and a blank is parked."""
    alpha, beta = stage.vendors["alpha"], stage.vendors["beta"]
    alpha.opt_out(ann(alpha))
    await settle(stage)
    await nothing_may_be_cleared(stage)
    beta.edit(ann(beta), {"opted_out": False})
    alpha.edit(alpha.find("bob@x.example") or "", {"name": None})
    alpha.edit(ann(alpha), {"name": "Anne"})
    stage.step(60)
    report = await sync(hub_of(stage), until_quiet=True, side_by_side=False)
    assert [str(t) for t in report.parked["beta"]] == ["1 clears planned, 0 allowed in one run"]
    assert (held_of(beta)["name"], held_of(beta)["opted_out"]) == ("Ann", True)
    writes = len(beta.log)
    stage.step(60)
    assert "beta" in (await sync(hub_of(stage), until_quiet=True, side_by_side=False)).parked
    assert len(beta.log) == writes
    hub_of(stage).brakes = replace(hub_of(stage).brakes, clears=10)
    await settle(stage)
    assert held_of(beta)["name"] == "Anne"


async def test_an_opt_out_does_not_wait_for_another_system_that_is_silent(tmp_path: Path) -> None:
    """Nobody knows whether gamma took Ann's new name, since it died over it: beta is told that she opted out."""
    stage = await Stage.set(tmp_path, Random(1), "none", {n: Manners() for n in ("alpha", "beta", "gamma")})
    alpha, beta = stage.vendors["alpha"], stage.vendors["beta"]
    alpha.create({"email": "ann@x.example", "name": "Ann"})
    await settle(stage)
    alpha.edit(ann(alpha), {"name": "Anne"})
    stage.step(1)
    await read(stage, "alpha")
    await heard(stage, "alpha")
    stage.script["gamma", "/people/write"] = [Mishap.REPLY_LOST] * 50
    stage.script["gamma", "/people/read"] = [Mishap.NONE] + [Mishap.NEVER_SENT] * 500
    assert (await toured(stage, "gamma", Lane.LIVE)).counts.in_doubt
    alpha.opt_out(ann(alpha))
    stage.step(1)
    await read(stage, "alpha")
    await heard(stage, "alpha")
    assert (await toured(stage, "beta", Lane.CONSENT)).counts.updated == 1
    assert (held_of(beta)["name"], held_of(beta)["opted_out"]) == ("Ann", True)
    stage.script.clear()
    await settle(stage)
    assert (held_of(beta)["name"], held_of(stage.vendors["gamma"])["opted_out"]) == ("Anne", True)
    await stage.close()


async def consent_of_ann(stage: Stage) -> Consent | None:
    async with hub_of(stage).database.read() as conn:
        (record,) = await golden.find(conn, "contact", "ann@x.example")
    return record.consent.get("email")


async def test_an_opt_out_outlives_the_connection_in_which_it_was_said(stage: Stage) -> None:
    alpha, beta = stage.vendors["alpha"], stage.vendors["beta"]
    alpha.opt_out(ann(alpha))
    await settle(stage)
    before = await consent_of_ann(stage)
    assert before is not None
    assert before.state is ConsentState.DENIED
    await accounts.remove(hub_of(stage), "alpha")
    beta.edit(ann(beta), {"name": "Anne", "opted_out": False})
    await settle(stage)
    assert await consent_of_ann(stage) == replace(before, origin="hub")
    assert held_of(beta)["opted_out"]
    (said,) = (await operations.show(hub_of(stage), "contact", "ann@x.example")).consent
    assert [(v.value, v.evidence.partition(",")[0]) for v in said.voices] == [
        ("denied", f"said in alpha/people/{ann(alpha)}")
    ]


async def test_an_opt_out_that_was_read_and_not_heard_outlives_the_connection_too(stage: Stage) -> None:
    alpha, beta = stage.vendors["alpha"], stage.vendors["beta"]
    alpha.opt_out(ann(alpha))
    stage.step(1)
    await read(stage, "alpha")
    await accounts.remove(hub_of(stage), "alpha")
    await settle(stage)
    assert held_of(beta)["opted_out"]


async def test_a_grant_outlives_the_connection_as_well(stage: Stage) -> None:
    """Else the denial that it lifted would come back."""
    hub = hub_of(stage)
    grant = Statements(
        granted_at="2026-01-02T00:00:00.000Z", evidence=Evidence("ann", "2026-01-02T00:00:00.000Z", "form")
    )
    async with hub.database.write() as conn:
        (record,) = await golden.find(conn, "contact", "ann@x.example")
        owned = (await links.by_entities(conn, [record.entity_id]))[record.entity_id]
        said = {"alpha": grant, "beta": Statements(denied_at="2026-01-01T00:00:00.000Z")}
        await links.put(conn, [replace(k, statements={"email": said[k.address.connection]}) for k in owned])
    await accounts.remove(hub, "alpha")
    async with hub.database.read() as conn:
        kept = await statements.fetch(conn, [record.entity_id])
    assert kept == {record.entity_id: {"email": grant}}


async def alerts_of(stage: Stage) -> list[tuple[str, str]]:
    found = conditions(await situation(hub_of(stage)), stage.now)
    return [(c.kind.value, c.connection) for c in found if c.kind.value == "opt_out"]


@pytest.mark.parametrize("state", [ConnectionState.PAUSED, ConnectionState.BROKEN])
async def test_an_opt_out_that_a_stopped_system_was_not_told_of_is_open_and_seen(
    stage: Stage, state: ConnectionState
) -> None:
    alpha, beta, hub = stage.vendors["alpha"], stage.vendors["beta"], hub_of(stage)
    async with hub.database.write() as conn:
        await connections.set_state(conn, "beta", state, "for a test")
    await hub.refresh()
    alpha.opt_out(ann(alpha))
    await settle(stage)
    assert not held_of(beta)["opted_out"]
    assert [c["written_at"] for c in await noted(stage)] == [None]
    assert await alerts_of(stage) == []
    stage.step(STUCK_AFTER.total_seconds())
    assert await alerts_of(stage) == [("opt_out", "beta")]
    async with hub.database.write() as conn:
        await connections.set_state(conn, "beta", ConnectionState.ACTIVE)
    await hub.refresh()
    await settle(stage)
    assert held_of(beta)["opted_out"]
    assert all(c["written_at"] for c in await noted(stage))
    assert await alerts_of(stage) == []


async def test_who_cannot_be_told_yet_keeps_nobody_else_from_being_told(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two opted out, and one question answers one: the first of them waits for something."""
    alpha, asked = stage.vendors["alpha"], []
    for email in ("ann@x.example", "bob@x.example"):
        alpha.opt_out(alpha.find(email) or "")
    stage.step(1)
    await read(stage, "alpha")
    await heard(stage, "alpha")

    async def waits(_hub: Any, _wired: Any, _sink: str, _run: str, ids: Any, *_rest: Any) -> Pushed:
        asked.extend(ids)
        return Pushed(Counts())

    monkeypatch.setattr(tours, "CONSENTS_MAX", 1)
    monkeypatch.setattr(tours, "push_some", waits)
    await toured(stage, "beta", Lane.CONSENT)
    assert sorted(asked) == sorted(c["entity_id"] for c in await noted(stage))
    assert len(asked) == 2


async def test_an_opt_out_that_was_refused_is_open_and_seen(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    alpha, beta = stage.vendors["alpha"], stage.vendors["beta"]
    refusal = {"status": "invalid", "field": "title"}
    with monkeypatch.context() as patched:
        patched.setattr(Unruly, "_apply", lambda _self, write, _bad: {"token": write["token"], **refusal})
        alpha.opt_out(ann(alpha))
        await settle(stage)
    assert not held_of(beta)["opted_out"]
    assert [c["written_at"] for c in await noted(stage)] == [None]
    stage.step(STUCK_AFTER.total_seconds())
    assert await alerts_of(stage) == [("opt_out", "beta")]
    tries = len(beta.log)
    assert not (await toured(stage, "beta", Lane.CONSENT)).counts.writes
    assert len(beta.log) == tries, "what was refused is not told again and again"
    alpha.edit(ann(alpha), {"name": "Anne"})
    await settle(stage)
    assert held_of(beta)["opted_out"]
    assert all(c["written_at"] for c in await noted(stage))
