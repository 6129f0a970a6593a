"""Directed histories, kept by name: each once broke a sync tool, or this one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from connectors.unruly.sandbox import Manners, Unruly
from connectors.unruly.sinks import PeopleSink
from hub.domain.golden import GoldenState
from hub.store import cursors
from hub.transport.mishaps import Mishap
from sync_jobs.push import push
from sync_jobs.runner import sync
from sync_jobs.simulation.stage import Stage
from sync_jobs.wiring import Wired
from tests.sim.acting import (
    ANN,
    golden_of,
    held,
    job,
    living,
    once,
    open_issues,
    plain,
    script,
    settle,
    well,
    writes_of,
)

BOB = "bob@example.com"
EVERYWHERE = {"alpha", "beta", "gamma"}


async def test_one_person_reaches_every_system(stage: Stage) -> None:
    stage.vendors["alpha"].create({"email": ANN, "name": "Ann", "title": "CEO", "city": "Bonn", "phones": ["1"]})
    await well(stage)
    assert plain(held(stage, "title")) == dict.fromkeys(EVERYWHERE, "ceo")
    assert held(stage, "phones") == {vendor: ["1"] for vendor in EVERYWHERE}


@pytest.mark.parametrize("mishap", [Mishap.REPLY_LOST, Mishap.FAILS_AFTER, Mishap.DIES_AFTER, Mishap.CUT_SHORT])
@pytest.mark.parametrize("vendor", ["alpha", "beta", "gamma"])
async def test_lost_reply_after_a_create(stage: Stage, vendor: str, mishap: Mishap) -> None:
    source = "beta" if vendor == "alpha" else "alpha"
    stage.vendors[source].create({"email": ANN, "title": "CEO"})
    script(stage, vendor, mishap)
    await well(stage)
    assert len(living(stage, vendor)) == 1
    assert writes_of(stage, vendor, "create") + writes_of(stage, vendor, "upsert") == 1


@pytest.mark.parametrize("vendor", ["alpha", "beta", "gamma"])
async def test_a_create_that_the_vendor_still_works_on_is_not_made_again(stage: Stage, vendor: str) -> None:
    """Nobody waits for its answer any more, and a look does not show it yet."""
    source = "beta" if vendor == "alpha" else "alpha"
    stage.vendors[source].create({"email": ANN, "title": "CEO"})
    script(stage, vendor, Mishap.APPLIED_LATE)
    await well(stage)
    assert len(living(stage, vendor)) == 1
    assert writes_of(stage, vendor, "create") + writes_of(stage, vendor, "upsert") == 1


async def test_an_update_that_arrives_late_is_nobodys_edit(stage: Stage) -> None:
    """Alpha ranks above beta: taken for alpha's own word, it would win over what was typed in beta since."""
    ann = stage.vendors["beta"].create({"email": ANN, "title": "CEO"})
    await well(stage)
    stage.vendors["beta"].edit(ann, {"title": "CTO"})
    script(stage, "alpha", Mishap.APPLIED_LATE)
    await once(stage)
    stage.step(1)
    stage.vendors["beta"].edit(ann, {"title": "CFO"})
    assert stage.hub is not None
    await sync(stage.hub, sleep=stage._sleep)
    await well(stage)
    assert plain(held(stage, "title")) == dict.fromkeys(EVERYWHERE, "cfo")


@pytest.mark.parametrize("mishap", [Mishap.DIES_BEFORE, Mishap.NEVER_SENT, Mishap.SLOW_DOWN, Mishap.FAILS_BEFORE])
async def test_an_update_that_never_arrived_is_told_again(stage: Stage, mishap: Mishap) -> None:
    """What was decided and not sent, or sent and not done, is not taken for told."""
    ann = stage.vendors["alpha"].create({"email": ANN, "title": "CEO"})
    await well(stage)
    stage.vendors["alpha"].edit(ann, {"title": "CTO"})
    script(stage, "beta", mishap)
    await well(stage)
    assert plain(held(stage, "title")) == dict.fromkeys(EVERYWHERE, "cto")


async def test_case_folding_and_trimming_remotes_do_not_bounce(stage: Stage) -> None:
    stage.vendors["alpha"].create({"email": ANN, "title": "  Chief Executive ", "city": " Bonn"})
    await well(stage)
    writes = sum(len(v.log) for v in stage.vendors.values())
    for _ in range(3):
        assert (await settle(stage)).writes == 0
    assert sum(len(v.log) for v in stage.vendors.values()) == writes
    assert held(stage, "title")["beta"].strip() == "CHIEF EXECUTIVE"
    assert held(stage, "title")["gamma"] == "chief executive"


async def test_a_vendor_that_rewrites_beyond_recognition_is_told_no_more_and_a_steward_is(
    tmp_path: Path, store_url: str
) -> None:
    """Its answers don't show the record, so its own form can't be told from an edit at first."""
    manners = {"alpha": Manners(), "beta": Manners(shows_record=False, case="mirror")}
    stage = await Stage.set(tmp_path, Random(1), "none", manners, store_url)
    try:
        stage.vendors["alpha"].create({"email": ANN, "title": "CEO"})
        await well(stage)
        assert held(stage, "title") == {"alpha": "CEO", "beta": "OEC"}
        assert len(stage.vendors["beta"].log) <= 3
        assert [i.kind for i in await open_issues(stage)] == ["not_kept"]
    finally:
        await stage.close()


async def test_a_blank_against_an_old_value(stage: Stage) -> None:
    alpha = stage.vendors["alpha"]
    ann = alpha.create({"email": ANN, "title": "CEO"})
    stage.vendors["gamma"].create({"email": ANN, "title": "boss"})
    await well(stage)
    alpha.edit(ann, {"title": None})
    await well(stage)
    assert plain(held(stage, "title")) == dict.fromkeys(EVERYWHERE, "")


async def test_a_blank_in_a_better_ranked_record_that_never_had_a_value(stage: Stage) -> None:
    stage.vendors["gamma"].create({"email": ANN, "title": "boss"})
    stage.step(10)
    stage.vendors["alpha"].create({"email": ANN, "title": None})
    await well(stage)
    assert plain(held(stage, "title")) == dict.fromkeys(EVERYWHERE, "boss")


async def test_a_better_ranked_word_holds_against_a_newer_one(stage: Stage) -> None:
    stage.vendors["alpha"].create({"email": ANN, "title": "CEO"})
    await well(stage)
    gamma = stage.vendors["gamma"]
    gamma.edit(gamma.find(ANN) or "", {"title": "boss"})
    await well(stage)
    assert plain(held(stage, "title")) == dict.fromkeys(EVERYWHERE, "ceo")


async def test_a_blank_in_a_record_that_was_just_made_there_says_nothing(stage: Stage) -> None:
    stage.vendors["alpha"].create({"email": ANN, "title": "CEO"})
    await well(stage)
    beta = stage.vendors["beta"]
    beta.delete(beta.find(ANN) or "")
    beta.create({"email": ANN})
    await well(stage)
    assert plain(held(stage, "title")) == dict.fromkeys(EVERYWHERE, "ceo")


async def test_an_older_human_edit_against_our_own_echo(stage: Stage) -> None:
    """A person edits the title; before we read it, our write of another field bumps the record's only time."""
    beta = stage.vendors["beta"]
    ann = stage.vendors["alpha"].create({"email": ANN, "title": None, "city": "Bonn"})
    await well(stage)
    there = beta.find(ANN) or ""
    stage.step(10)
    beta.edit(there, {"title": "BOSS"})
    stage.step(10)
    stage.vendors["alpha"].edit(ann, {"city": "Kiel"})
    await well(stage)
    assert plain(held(stage, "title")) == dict.fromkeys(EVERYWHERE, "boss")
    assert plain(held(stage, "city")) == dict.fromkeys(EVERYWHERE, "kiel")


async def test_a_vendor_merge_is_no_deletion_of_the_person(stage: Stage) -> None:
    alpha = stage.vendors["alpha"]
    one = alpha.create({"email": ANN, "title": "CEO"})
    two = alpha.create({"email": ANN.upper(), "city": "Bonn"})
    await settle(stage)
    alpha.merge(one, two)
    await well(stage)
    assert set(held(stage, "title")) == EVERYWHERE
    assert plain(held(stage, "title")) == dict.fromkeys(EVERYWHERE, "ceo")
    assert writes_of(stage, "beta", "remove") == 0


async def test_a_vendor_merge_of_two_addresses_removes_nobody(stage: Stage) -> None:
    """Alpha's users find out that two records are one person. The other systems' records of both stay."""
    alpha = stage.vendors["alpha"]
    one = alpha.create({"email": ANN, "title": "CEO"})
    two = alpha.create({"email": "ann@home.example", "title": "CTO"})
    await well(stage)
    alpha.merge(one, two)
    await well(stage)
    assert [len(v.ids()) for v in stage.vendors.values()] == [1, 2, 2]
    assert not any(writes_of(stage, name, "remove") for name in stage.vendors)
    for name in ("beta", "gamma"):
        assert str(living(stage, name, "ann@home.example")[0]["title"]).casefold() == "ceo"


async def test_an_id_change_keeps_the_link_and_its_memory(stage: Stage) -> None:
    """Beta mints a new id when two records merge, and answers for the old ones."""
    beta = stage.vendors["beta"]
    one = beta.create({"email": ANN, "title": "CEO"})
    await well(stage)
    two = beta.create({"email": "ann@home.example", "title": "X"})
    await well(stage)
    minted = beta.merge(one, two)
    await well(stage)
    assert minted not in (one, two)
    assert len(living(stage, "beta")) == 1
    assert plain(held(stage, "title")) == dict.fromkeys(EVERYWHERE, "ceo")
    assert writes_of(stage, "beta", "create") == 0


async def test_a_person_makes_the_contact_just_before_our_create(stage: Stage) -> None:
    stage.vendors["alpha"].create({"email": ANN, "title": "CEO"})
    beta = stage.vendors["beta"]

    def race() -> None:
        beta.before_write = None
        beta.create({"email": ANN.title(), "city": "KIEL"})

    beta.before_write = race
    await well(stage)
    assert len(living(stage, "beta")) == 1
    assert plain(held(stage, "city")) == dict.fromkeys(EVERYWHERE, "kiel")
    assert plain(held(stage, "title")) == dict.fromkeys(EVERYWHERE, "ceo")


async def test_a_delete_while_a_write_is_in_doubt(stage: Stage) -> None:
    """The create's reply is lost, then a person deletes what it made: the deletion counts, nothing comes back."""
    ann = stage.vendors["alpha"].create({"email": ANN, "title": "CEO"})
    await well(stage)
    beta = stage.vendors["beta"]
    stage.vendors["alpha"].edit(ann, {"title": "CTO"})
    script(stage, "beta", Mishap.REPLY_LOST)
    await once(stage)
    beta.delete(beta.find(ANN) or "")
    await well(stage)
    assert held(stage, "title") == {}
    record = await golden_of(stage)
    assert record is not None
    assert record.state is GoldenState.BURIED


async def test_a_delete_on_one_side_with_an_edit_on_the_other(stage: Stage) -> None:
    ann = stage.vendors["alpha"].create({"email": ANN, "title": "CEO"})
    await well(stage)
    beta = stage.vendors["beta"]
    beta.delete(beta.find(ANN) or "")
    stage.vendors["alpha"].edit(ann, {"title": "CTO"})
    await well(stage)
    assert plain(held(stage, "title")) == dict.fromkeys(EVERYWHERE, "cto")


async def test_a_deletion_reaches_every_system_and_a_tombstone_lasts(stage: Stage) -> None:
    stage.vendors["alpha"].create({"email": ANN, "title": "CEO"})
    await well(stage)
    beta = stage.vendors["beta"]
    beta.delete(beta.find(ANN) or "")
    await well(stage)
    assert held(stage, "title") == {}
    stage.vendors["gamma"].create({"email": ANN, "title": "again"})
    await well(stage)
    assert set(held(stage, "title")) == EVERYWHERE


async def test_what_our_lost_create_made_is_not_that_systems_own_word(stage: Stage) -> None:
    """Alpha ranks above beta. What our own create put there must not outrank beta's next edit."""
    ann = stage.vendors["beta"].create({"email": ANN, "title": "CEO"})
    script(stage, "alpha", Mishap.REPLY_LOST)
    await well(stage)
    stage.vendors["beta"].edit(ann, {"title": "CTO"})
    await well(stage)
    assert plain(held(stage, "title")) == dict.fromkeys(EVERYWHERE, "cto")


async def test_a_record_made_there_since_the_last_read_is_found_before_a_create(stage: Stage) -> None:
    """Alpha has no unique addresses: only looking helps."""
    stage.vendors["beta"].create({"email": ANN, "title": "CEO"})
    await job(stage, "pull", "beta")
    await job(stage, "reconcile", "beta")
    stage.vendors["alpha"].create({"email": ANN, "city": "Bonn"})
    await job(stage, "push", "alpha")
    assert len(living(stage, "alpha")) == 1
    await well(stage)
    assert plain(held(stage, "city")) == dict.fromkeys(EVERYWHERE, "bonn")


async def test_an_edit_made_there_since_the_last_read_is_heard_before_a_write(stage: Stage) -> None:
    ann = stage.vendors["alpha"].create({"email": ANN, "title": "CEO"})
    await well(stage)
    stage.step(60)
    gamma = stage.vendors["gamma"]
    gamma.edit(gamma.find(ANN) or "", {"city": "kiel"})
    stage.vendors["beta"].edit(stage.vendors["beta"].find(ANN) or "", {"city": "BERN"})
    await job(stage, "pull", "gamma")
    await job(stage, "reconcile", "gamma")
    await job(stage, "push", "beta")
    await well(stage)
    assert plain(held(stage, "city")) == dict.fromkeys(EVERYWHERE, "bern")
    assert stage.vendors["alpha"].get(ann) is not None


async def test_a_new_id_takes_over_the_memory_of_the_old_one(stage: Stage) -> None:
    """After a merge that mints an id, what the hub wrote there before is still an echo, not beta's own word."""
    ann = stage.vendors["gamma"].create({"email": ANN, "title": "boss"})
    await well(stage)
    beta = stage.vendors["beta"]
    other = beta.create({"email": "ann@home.example"})
    await well(stage)
    beta.merge(beta.find(ANN) or "", other)
    await well(stage)
    stage.vendors["gamma"].edit(ann, {"title": "chief"})
    await well(stage)
    assert plain(held(stage, "title")) == dict.fromkeys(EVERYWHERE, "chief")


async def test_an_edit_of_another_field_during_our_write_is_not_swallowed(stage: Stage) -> None:
    """The answer to our write shows the person's edit too: it is heard, not taken for agreed."""
    ann = stage.vendors["alpha"].create({"email": ANN, "title": "CEO"})
    await well(stage)
    beta = stage.vendors["beta"]

    def race() -> None:
        beta.before_write = None
        beta.edit(beta.find(ANN) or "", {"city": "KIEL"})

    beta.before_write = race
    stage.vendors["alpha"].edit(ann, {"title": "CTO"})
    await well(stage)
    assert plain(held(stage, "city")) == dict.fromkeys(EVERYWHERE, "kiel")


async def test_an_opt_out_during_a_push(stage: Stage) -> None:
    ann = stage.vendors["alpha"].create({"email": ANN, "title": "CEO"})
    await well(stage)
    gamma = stage.vendors["gamma"]
    stage.vendors["alpha"].edit(ann, {"title": "CTO"})

    def race() -> None:
        gamma.before_write = None
        gamma.opt_out(gamma.find(ANN) or "")

    gamma.before_write = race
    await well(stage)
    assert held(stage, "opted_out") == dict.fromkeys(EVERYWHERE, True)
    assert plain(held(stage, "title")) == dict.fromkeys(EVERYWHERE, "cto")


async def test_an_opt_out_that_somebody_unticks_is_told_again(stage: Stage) -> None:
    stage.vendors["alpha"].create({"email": ANN, "opted_out": True})
    await well(stage)
    beta = stage.vendors["beta"]
    beta.edit(beta.find(ANN) or "", {"opted_out": False})
    await well(stage)
    assert held(stage, "opted_out") == dict.fromkeys(EVERYWHERE, True)


async def test_more_records_with_one_timestamp_than_any_page_holds(stage: Stage) -> None:
    """2,001 people made by an import in the same second, read in pages of 100."""
    alpha = stage.vendors["alpha"]
    for number in range(2_001):
        alpha.create({"email": f"p{number}@example.com"})
    assert stage.hub is not None
    from sync_jobs.pull import pull

    stage.step(600)
    pulled = await pull(stage.hub, stage.hub.wired["alpha"], "people")
    assert (pulled.finished, pulled.counts.read, pulled.counts.fresh) == (True, 2_001, 2_001)


async def test_an_empty_read_of_a_full_stream_deletes_nobody(stage: Stage) -> None:
    from dataclasses import replace

    from hub.domain.policy import Brakes

    assert stage.hub is not None
    alpha = stage.vendors["alpha"]
    for number in range(60):
        alpha.create({"email": f"p{number}@example.com", "title": "x"})
    await well(stage)
    stage.hub.brakes = replace(Brakes(), creates=10_000)
    kept, alpha.people_by_id = alpha.people_by_id, {}
    stage.step(600)
    from sync_jobs.runner import sync

    await sync(stage.hub, until_quiet=True, full=True, sleep=stage._sleep)
    assert len(stage.vendors["beta"].ids()) == 60
    assert "vanished" in {i.kind for i in await open_issues(stage)}
    alpha.people_by_id = kept
    await sync(stage.hub, until_quiet=True, full=True, sleep=stage._sleep)
    assert "vanished" not in {i.kind for i in await open_issues(stage)}


async def test_a_walk_that_dies_in_the_middle_resumes_there(stage: Stage) -> None:
    alpha = stage.vendors["alpha"]
    for number in range(500):
        alpha.create({"email": f"p{number}@example.com"})
        stage.step(1)
    script(stage, "alpha", Mishap.NONE, Mishap.NONE, Mishap.DIES_AFTER, path="/people")
    report = await settle(stage)
    assert report.quiet
    assert stage.deaths == 1
    lists = [line for line in stage.notes if " alpha GET /people " in line]
    assert len(lists) < 30, "the walk began again from the start"
    assert stage.hub is not None
    async with stage.hub.database.read() as conn:
        assert (await cursors.fetch(conn, "alpha", "people")).position is None


async def test_one_bad_record_in_a_batch_of_a_hundred(stage: Stage) -> None:
    """Beta refuses a whole batch without a word which record is at fault."""
    alpha = stage.vendors["alpha"]
    for number in range(100):
        alpha.create({"email": f"p{number}@example.com", "title": "x" * 500 if number == 37 else "CEO"})
    await settle(stage)
    beta = stage.vendors["beta"]
    assert len(beta.ids()) == 100
    refused = [i for i in await open_issues(stage) if i.connection == "beta"]
    assert len(refused) == 1
    assert refused[0].field == "title"
    assert (await settle(stage)).writes == 0


async def test_what_is_left_of_a_refused_write_is_told_though_it_has_to_wait(stage: Stage) -> None:
    """One field is refused; the rest goes out again at once, and the vendor can't take it just now."""
    ann = stage.vendors["alpha"].create({"email": ANN, "title": "CEO", "city": "Bonn"})
    await well(stage)
    stage.vendors["alpha"].edit(ann, {"title": "x" * 300, "city": "Kiel"})
    await job(stage, "pull", "alpha")
    await job(stage, "reconcile", "alpha")
    script(stage, "beta", Mishap.NONE, *[Mishap.NEVER_SENT] * 50)
    await job(stage, "push", "beta")
    assert held(stage, "city")["beta"] == "BONN"
    stage.script.clear()
    await settle(stage)
    assert held(stage, "city")["beta"] == "KIEL"


@pytest.mark.parametrize("refuses", ["the first", "the second"])
async def test_a_record_that_refuses_does_not_speak_for_its_twin(
    stage: Stage, refuses: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ann has two records at alpha. One refuses to be opted out, the answer is silent about the other."""
    alpha, gamma = stage.vendors["alpha"], stage.vendors["gamma"]
    twins = [alpha.create({"email": ANN, "title": "CEO"}), alpha.create({"email": ANN, "title": "CEO"})]
    await well(stage)
    gamma.opt_out(gamma.find(ANN) or "")
    await job(stage, "pull", "gamma")
    await job(stage, "reconcile", "gamma")
    stubborn = twins[refuses == "the second"]

    def apply(_: Unruly, write: dict[str, Any], bad: bool) -> dict[str, Any]:
        refused = {"token": write["token"], "status": "invalid", "field": ""}
        return refused if write["id"] == stubborn else {"token": "lost", "status": "ok"}

    with monkeypatch.context() as patch:
        patch.setattr(Unruly, "_apply", apply)
        await job(stage, "push", "alpha")
    await settle(stage)
    assert [p["opted_out"] for p in living(stage, "alpha")] == [True, True]


async def test_a_token_that_is_refused_stops_that_connection_alone(stage: Stage) -> None:
    stage.vendors["alpha"].create({"email": ANN, "title": "CEO"})
    from connectors.unruly import sandbox

    original = sandbox.TOKEN
    try:
        sandbox.TOKEN = "another"
        for vendor in ("alpha", "beta"):
            stage.vendors[vendor].calls.clear()
        await once(stage)
        assert "connection" in {i.kind for i in await open_issues(stage)}
    finally:
        sandbox.TOKEN = original


async def test_an_edit_typed_while_a_write_waits_for_the_vendor_is_heard_first(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The vendor says "later" to a write; what was seen before that is no ground to write upon after it."""
    monkeypatch.setattr("hub.transport.client.LONG", 1.0)  # the vendor's "later" is a second
    beta = stage.vendors["beta"]
    alpha = stage.vendors["alpha"]
    ann = alpha.create({"email": ANN, "city": "Bonn"})
    beta.create({"email": ANN, "title": "BOSS"})
    await well(stage)
    typed: list[str] = []

    async def meanwhile(seconds: float) -> None:
        stage.step(seconds)
        if not typed:
            beta.edit(beta.find(ANN) or "", {"city": "BERN", "title": "CHIEF"})
            typed.append("CHIEF")

    assert stage.hub is not None
    stage.hub.wired["beta"].caller._sleep = meanwhile
    alpha.edit(ann, {"city": "Ulm"})
    script(stage, "beta", Mishap.SLOW_DOWN)
    await job(stage, "pull", "alpha")
    await job(stage, "reconcile", "alpha")
    await job(stage, "push", "beta")
    assert typed
    assert held(stage, "city")["beta"] == "BERN", "it was overwritten unread"
    await well(stage)
    assert plain(held(stage, "title")) == dict.fromkeys(EVERYWHERE, "chief")
    assert plain(held(stage, "city")) == dict.fromkeys(EVERYWHERE, "ulm"), "heard, and lost to a better-ranked word"


@pytest.mark.parametrize("look", ["by id", "by a read", "by a read that fails"])
async def test_an_edit_typed_while_other_writes_take_long_is_heard_first(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, look: str
) -> None:
    """A look holds for seconds; what comes late in a batch is looked at again, or not written."""
    alpha, beta = stage.vendors["alpha"], stage.vendors["beta"]
    bob = alpha.create({"email": BOB, "city": "Bonn"})
    await well(stage)
    ann = alpha.create({"email": ANN, "city": "Bonn"})
    await well(stage)

    def long() -> None:
        beta.before_write = None
        stage.step(30)
        beta.edit(beta.find(BOB) or "", {"city": "BERN"})
        if look == "by a read that fails":
            script(stage, "beta", *[Mishap.NEVER_SENT] * 50, path="/people")

    beta.before_write = long
    sink, most = Wired.sink, 50 if look == "by id" else 1
    monkeypatch.setattr(Wired, "sink", lambda wired, stream: replace(sink(wired, stream), batch_max=1, look_max=most))
    alpha.edit(bob, {"city": "Ulm"})
    alpha.edit(ann, {"city": "Ulm"})
    await job(stage, "pull", "alpha")
    await job(stage, "reconcile", "alpha")
    await job(stage, "push", "beta")
    assert held(stage, "city", ANN)["beta"] == "ULM"
    assert held(stage, "city", BOB)["beta"] == "BERN", "it was overwritten unread"
    stage.script.clear()
    await well(stage)
    assert plain(held(stage, "city", BOB)) == dict.fromkeys(EVERYWHERE, "ulm")


async def test_nothing_is_written_upon_a_read_that_failed(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a vendor shows one record per call, many looks are one read of what changed. It fails."""
    alpha, beta = stage.vendors["alpha"], stage.vendors["beta"]
    people = [alpha.create({"email": f"p{number}@example.com", "city": "Bonn"}) for number in range(12)]
    await well(stage)
    monkeypatch.setattr(PeopleSink, "__init__", _singly(PeopleSink.__init__))
    for remote_id in people:
        alpha.edit(remote_id, {"city": "Kiel"})
    await job(stage, "pull", "alpha")
    await job(stage, "reconcile", "alpha")
    written = len(beta.log)
    script(stage, "beta", *[Mishap.NEVER_SENT] * 50, path="/people")
    assert stage.hub is not None
    pushed = await push(stage.hub, stage.hub.wired["beta"], "people", "run_1")
    assert (len(beta.log), pushed.fault is not None) == (written, True)
    stage.script.clear()
    await well(stage)
    assert len(beta.log) == written + len(people)


def _singly(make: Any) -> Any:
    def init(self: Any, *args: Any, **named: Any) -> None:
        make(self, *args, **named)
        object.__setattr__(self, "look_max", 1)

    return init
