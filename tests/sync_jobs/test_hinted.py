"""Looking where webhooks said: read by id, heard, forgotten; and nothing is lost that could not be looked at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from connectors.unruly.sinks import PeopleSink
from hub.domain.hint import ANYTHING, Noted
from hub.domain.keys import Address
from hub.domain.lane import Lane
from hub.domain.moments import iso
from hub.domain.outcome import Fault, FaultKind
from hub.sdk.http import Request, Response
from hub.sdk.sinks import Found
from hub.store import golden, hints, observations
from hub.transport.client import Caller, Failed
from hub.transport.mishaps import Mishap
from sync_jobs import hinted, push, runner
from sync_jobs.counts import Counts
from sync_jobs.hinted import Hinted, forget, look_at_hints
from sync_jobs.simulation.stage import Stage
from sync_jobs.slices import Slice
from sync_jobs.tour import tour


async def note(stage: Stage, *ids: str, stream: str = "people") -> None:
    assert stage.hub is not None
    async with stage.hub.database.write() as conn:
        await hints.note(conn, [Noted("alpha", stream, i, iso(stage.now)) for i in ids])


async def left(stage: Stage, stream: str = "people") -> list[str]:
    assert stage.hub is not None
    async with stage.hub.database.read() as conn:
        return [n.remote_id for n in await hints.of(conn, "alpha", stream, 100)]


async def looked(stage: Stage, limit: int = 100, stream: str = "people") -> Hinted:
    assert stage.hub is not None
    return await look_at_hints(stage.hub, stage.hub.connection("alpha"), stream, limit)


def person(n: int) -> Mapping[str, Any]:
    return {"email": f"p{n}@example.com", "name": f"First{n}"}


async def names(stage: Stage) -> set[str]:
    """Names of all golden records."""
    assert stage.hub is not None
    async with stage.hub.database.read() as conn:
        return {str(g.values.get("given_name")) async for part in golden.each(conn, "contact") for g in part}


async def calls(stage: Stage) -> int:
    return sum(stage.vendors["alpha"].calls.values())


async def test_the_hinted_records_are_read_and_heard_and_the_hints_forgotten(stage: Stage) -> None:
    vendor = stage.vendors["alpha"]
    a, b, c = (vendor.create(person(n)) for n in range(3))
    await note(stage, a, b)
    done = await looked(stage)
    assert (done.walk, done.counts.read, done.counts.heard, done.counts.api_calls) == ((), 2, 2, 1)
    assert await names(stage) == {"First0", "First1"}
    assert await left(stage) == []

    stage.step(5)
    vendor.edit(a, {"name": "Anna"})
    await note(stage, a)
    await looked(stage)
    assert await names(stage) == {"Anna", "First1"}
    assert c not in await left(stage)


async def test_a_hint_about_what_did_not_change_moves_nothing(stage: Stage) -> None:
    own = stage.vendors["alpha"].create(person(1))
    await note(stage, own)
    await looked(stage)
    await note(stage, own)
    assert (await looked(stage)).counts.heard == 0


async def test_a_record_that_is_gone_is_noticed(stage: Stage) -> None:
    vendor = stage.vendors["alpha"]
    own = vendor.create(person(1))
    await note(stage, own)
    await looked(stage)
    vendor.delete(own)
    await note(stage, own, "never-there")
    await looked(stage)
    assert stage.hub is not None
    async with stage.hub.database.read() as conn:
        seen = await observations.fetch(conn, [Address("alpha", "people", own)])
    assert [o.gone for o in seen.values()] == [True]
    assert await left(stage) == []


async def test_no_more_are_looked_at_than_was_asked_for(stage: Stage) -> None:
    vendor = stage.vendors["alpha"]
    for n in range(5):
        await note(stage, vendor.create(person(n)))
        stage.step(1)
    assert (await looked(stage, 2)).counts.read == 2
    assert await names(stage) == {"First0", "First1"}
    assert len(await left(stage)) == 3


async def test_something_in_the_stream_asks_for_a_walk(stage: Stage) -> None:
    await note(stage, ANYTHING)
    before = await calls(stage)
    done = await looked(stage)
    assert [n.remote_id for n in done.walk] == [ANYTHING]
    assert await calls(stage) == before
    assert await left(stage) == [ANYTHING]
    stage.step(1)
    await note(stage, "7")  # while the walk goes on
    assert stage.hub is not None
    await forget(stage.hub, done.walk)
    assert await left(stage) == [ANYTHING]


async def test_where_records_are_shown_singly_many_hints_are_one_walk(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PeopleSink, "__init__", _singly(PeopleSink.__init__))
    ids = [stage.vendors["alpha"].create(person(n)) for n in range(push.LOOK_SINGLY_MAX + 1)]
    await note(stage, *ids)
    done = await looked(stage, 5)
    assert (done.walk, done.counts.api_calls) == ((), 5)
    await note(stage, *ids)
    done = await looked(stage)
    assert len(done.walk) == len(ids)
    assert done.counts == Counts()


def _singly(make: Any) -> Any:
    def init(self: Any, *args: Any, **named: Any) -> None:
        make(self, *args, **named)
        object.__setattr__(self, "look_max", 1)

    return init


async def test_a_stream_that_cannot_be_read_by_id_asks_for_a_walk(stage: Stage) -> None:
    assert stage.hub is not None
    wired = stage.hub.wired["alpha"]
    stage.hub.wired["alpha"] = replace(wired, connector=replace(wired.connector, sinks=()))
    await note(stage, "7", "8", "9")
    done = await looked(stage, 2)
    assert len(done.walk) == 3  # one walk answers all of them


async def test_hints_about_what_is_not_read_are_forgotten(stage: Stage) -> None:
    await note(stage, "7", stream="companies")
    assert await looked(stage, stream="companies") == Hinted()
    assert await left(stage, "companies") == []


async def test_when_the_vendor_fails_the_hints_stay(stage: Stage) -> None:
    own = stage.vendors["alpha"].create(person(1))
    await note(stage, own)
    stage.script["alpha", "/people/read"] = [Mishap.NEVER_SENT] * 50
    with pytest.raises(Failed):
        await looked(stage)
    assert await left(stage) == [own]


async def test_ids_that_the_vendor_chokes_on_do_not_block_the_stream(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PeopleSink, "found", lambda self, asked, response: _broken())
    await note(stage, "7")
    assert [n.remote_id for n in (await looked(stage)).walk] == ["7"]


@pytest.mark.parametrize("kind", [FaultKind.CONTRACT, FaultKind.MISCONFIGURED])
async def test_ids_that_the_vendor_refuses_keep_nobody_from_reading(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, kind: FaultKind
) -> None:
    """Salesforce refuses a whole query for one id of an object that it doesn't have."""
    assert stage.hub is not None
    stage.vendors["alpha"].create(person(1))
    send = Caller.send

    async def refusing(self: Caller, request: Request) -> Response:
        if request.path == "/people/read" and b"malformed" in (request.body or b""):
            raise Failed(Fault(kind, "INVALID_QUERY_FILTER_OPERATOR", "the query is not taken"), sent=True)
        return await send(self, request)

    monkeypatch.setattr(Caller, "send", refusing)
    await note(stage, "malformed")
    done = await tour(stage.hub, "alpha", Lane.LIVE, Slice.whole(), term=timedelta(seconds=60))
    assert done.fault is None
    assert await names(stage) == {"First1"}
    assert await left(stage) == []


def _broken() -> Found:
    raise hinted.ContractBroken("not what was promised")


async def test_what_a_look_brought_is_told_to_the_others_like_any_news(stage: Stage) -> None:
    assert stage.hub is not None
    await note(stage, stage.vendors["alpha"].create(person(1)))
    await looked(stage)
    await runner.sync(stage.hub, until_quiet=True, sleep=stage._sleep, side_by_side=False)
    people = [stage.vendors[name].get(i) or {} for name in ("beta", "gamma") for i in stage.vendors[name].ids()]
    assert [str(p["email"]).lower() for p in people] == ["p1@example.com"] * 2
