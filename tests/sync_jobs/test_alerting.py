"""What a look at a real store sees, keeps and tells: once when it begins, once when it ends."""

from __future__ import annotations

import asyncio
import base64
import io
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import httpx
import orjson
import pytest

from connectors.unruly.sandbox import Manners
from hub import logs
from hub.domain.alert import Alert, AlertKind
from hub.domain.connection import ConnectionState
from hub.domain.moments import iso
from hub.domain.observation import Record
from hub.domain.policy import Brakes
from hub.domain.run import Run, RunState
from hub.engine import alerts as engine
from hub.store import alerts, connections, observations, runs, secrets, volumes
from hub.transport import poster
from hub.transport.mishaps import Mishap
from hub.transport.poster import Unposted, post
from sync_jobs import alerting, refusals, situation
from sync_jobs.alerting import Looked, Receiver, look
from sync_jobs.hub import Hub
from sync_jobs.pull import pull
from sync_jobs.runner import sync
from sync_jobs.simulation.stage import Stage
from tests.sync_jobs.test_counts import counted

URL = "https://ops.example/hooks/4f9c1e7ab2"


@dataclass
class Ops:
    """Who is told. `away`: does not answer; `dies`: the process ends after the receiver took it."""

    away: bool = False
    dies: bool = False
    tries: int = 0
    taken: list[dict[str, Any]] = field(default_factory=list)

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> None:
        self.tries += 1
        if self.away:
            raise Unposted("no answer (ConnectError)")
        assert headers["Idempotency-Key"]
        self.taken.append(orjson.loads(body))
        if self.dies:
            raise asyncio.CancelledError

    @property
    def receiver(self) -> Receiver:
        return Receiver(URL, slack=False, post=self.post)

    @property
    def said(self) -> list[tuple[str, str]]:
        return [(m["event"], m["kind"]) for m in self.taken]


@pytest.fixture
async def stage(tmp_path: Path, store_url: str) -> AsyncIterator[Stage]:
    made = await Stage.set(tmp_path, Random(1), "none", {"alpha": Manners()}, database_url=store_url)
    yield made
    await made.close()


@pytest.fixture
def ops() -> Ops:
    return Ops()


def hub_of(stage: Stage) -> Hub:
    assert stage.hub is not None
    return stage.hub


async def set_state(hub: Hub, state: ConnectionState, reason: str = "") -> None:
    async with hub.database.write() as conn:
        await connections.set_state(conn, "alpha", state, reason)
    await hub.wire()


async def looks(stage: Stage, ops: Ops, minutes: int) -> None:
    """Looks every minute, and reads every five where that is possible."""
    for minute in range(minutes):
        if minute % 5 == 0:
            await sync(hub_of(stage))
        stage.step(60)
        await look(hub_of(stage), ops.receiver)


# --- told once ------------------------------------------------------------------------------------------------------


async def test_a_stopped_connection_is_told_when_it_begins_and_when_it_ends(stage: Stage, ops: Ops) -> None:
    hub = hub_of(stage)
    await set_state(hub, ConnectionState.BROKEN, "401: the token of ann@example.com is not accepted")
    for _ in range(3):
        found = await look(hub, ops.receiver)
        assert [(a.key, a.summary) for a in found.open] == [
            ("failed/alpha", "alpha is stopped: 401: the token of [e-mail] is not accepted")
        ]
    assert ops.said == [("began", "failed")]
    await set_state(hub, ConnectionState.ACTIVE)
    stage.step(60)
    await looks(stage, ops, 20)
    assert ops.said == [("began", "failed"), ("ended", "failed")]
    began, ended = ops.taken
    assert began["alert"] == ended["alert"]
    assert (began["ended_at"], bool(ended["ended_at"])) == (None, True)
    assert began["id"] != ended["id"]


async def test_a_receiver_that_is_away_hears_of_it_later_and_once(stage: Stage, ops: Ops) -> None:
    hub = hub_of(stage)
    ops.away = True
    await set_state(hub, ConnectionState.BROKEN, "401")
    await looks(stage, ops, 30)
    assert ops.taken == []
    assert ops.tries <= 5, "tries come at growing distances"
    standing = await alerting.standing(hub)
    assert (standing["why"], standing["failures"]) == ("no answer (ConnectError)", ops.tries)
    await set_state(hub, ConnectionState.ACTIVE)
    await looks(stage, ops, 20)
    ops.away = False
    await looks(stage, ops, 31)
    assert ops.said == [("began", "failed"), ("ended", "failed")], "also when it was over by then"
    assert await alerting.standing(hub) == {}


async def test_a_receiver_that_took_a_message_to_try_is_told_the_rest_at_once(stage: Stage, ops: Ops) -> None:
    hub = hub_of(stage)
    ops.away = True
    await set_state(hub, ConnectionState.BROKEN, "401")
    await looks(stage, ops, 30)
    assert (await look(hub, ops.receiver)).failed
    ops.away = False  # its address was mended
    await alerting.test(hub, ops.receiver)
    ops.taken.clear()
    assert (await look(hub, ops.receiver)).told == 1
    assert ops.said == [("began", "failed")]


async def test_where_nothing_is_untold_no_receiver_counts_as_failing(
    stage: Stage, ops: Ops, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = hub_of(stage)
    ops.away = True
    await set_state(hub, ConnectionState.BROKEN, "401")
    await looks(stage, ops, 5)
    monkeypatch.delenv("HUB_ALERT_URL", raising=False)
    await set_state(hub, ConnectionState.ACTIVE)
    for minute in range(20):
        if minute % 5 == 0:
            await sync(hub)
        stage.step(60)
        await look(hub)
    assert not (await look(hub)).open
    await look(hub, ops.receiver)
    assert await alerting.standing(hub) == {}


async def test_a_receiver_says_when_it_wants_to_be_asked_again(stage: Stage) -> None:
    hub, asked = hub_of(stage), []

    async def busy(url: str, body: bytes, headers: Mapping[str, str]) -> None:
        asked.append(stage.now)
        raise Unposted("HTTP 429", 600.0)

    await set_state(hub, ConnectionState.BROKEN, "401")
    for _ in range(15):
        await look(hub, Receiver(URL, slack=False, post=busy))
        stage.step(60)
    assert [at - asked[0] for at in asked] == [timedelta(0), timedelta(minutes=10)]


@dataclass
class Choosy:
    """A receiver that refuses some messages, with one status."""

    refuses: set[str]
    status: int = 400
    tries: list[str] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        said = orjson.loads(request.content)
        what = f"{said['connection']} {said['event']}"
        self.tries.append(what)
        if what in self.refuses:
            return httpx.Response(self.status)
        self.taken.append(what)
        return httpx.Response(200)

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> None:
        await post(url, body, headers, transport=httpx.MockTransport(self._answer))

    @property
    def receiver(self) -> Receiver:
        return Receiver(URL, slack=False, post=self.post)


@pytest.fixture
def nothing_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """No look finds anything, and what is open ends."""

    async def none(_: Hub) -> list[engine.ConnectionSituation]:
        return []

    monkeypatch.setattr(alerting, "situation", none)


async def begin(stage: Stage, *names: str) -> None:
    at = hub_of(stage).now_text()
    async with hub_of(stage).database.write() as conn:
        await alerts.begin(conn, [Alert(f"failed/{n}", AlertKind.FAILED, n, "", "s", "m", at, at) for n in names])
    stage.step(1)


async def minutes(stage: Stage, ops: Choosy, number: int, step: int = 1) -> Looked:
    found = Looked()
    for _ in range(0, number, step):
        stage.step(60 * step)
        found = await look(hub_of(stage), ops.receiver)
    return found


ALL = {"one began", "one ended", "two began", "two ended"}


@pytest.mark.usefixtures("nothing_wrong")
@pytest.mark.parametrize("status", sorted(poster.FOR_GOOD))
async def test_a_message_that_is_refused_for_good_holds_up_no_other_and_is_given_up(stage: Stage, status: int) -> None:
    hub, ops = hub_of(stage), Choosy({"bad began"}, status)
    await begin(stage, "first", "bad")
    await begin(stage, "last")
    found = await look(hub, ops.receiver)
    assert ops.taken == ["first began", "last began"]
    assert (found.told, found.untold, found.failed) == (2, 1, f"HTTP {status}")
    found = await minutes(stage, ops, 200, 4)
    assert ops.tries.count("bad began") == refusals.TIMES, "and at growing distances"
    assert (found.untold, found.failed) == (0, "")
    held = await alerting.refused(hub)
    assert (held.tried, [(r.what, r.why, r.times) for r in held.given_up]) == (
        {},
        [("failed/bad began", f"HTTP {status}", refusals.TIMES)],
    )
    assert sorted(ops.taken) == ["bad ended", "first began", "first ended", "last began", "last ended"], "each once"
    stage.step(8 * 86_400)
    assert (await alerting.refused(hub)).given_up == [], "it is said for a week"


@pytest.mark.usefixtures("nothing_wrong")
async def test_a_receiver_that_takes_nothing_at_all_is_told_everything_once_it_was_mended(stage: Stage) -> None:
    """Its form may be the wrong one: then every message is refused."""
    ops = Choosy(set(ALL))
    await begin(stage, "one")
    await begin(stage, "two")
    assert (await minutes(stage, ops, 12 * 60, 10)).failed == "HTTP 400"
    assert 2 * refusals.TIMES < len(ops.tries) <= 2 * 12 * 3, "and at growing distances"
    assert (await alerting.refused(hub_of(stage))).given_up == []
    ops.refuses.clear()
    await alerting.test(hub_of(stage), Receiver(URL, slack=False, post=Ops().post))
    assert (await look(hub_of(stage), ops.receiver)).failed == ""
    assert ops.taken == ["one began", "one ended", "two began", "two ended"]
    assert (await alerting.refused(hub_of(stage))).tried == {}


@pytest.mark.usefixtures("nothing_wrong")
async def test_also_where_nothing_else_is_told_tries_come_to_an_end(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusals, "TIMES_ALONE", 3)
    ops = Choosy({"one began"})
    await begin(stage, "one")
    await minutes(stage, ops, 12)
    assert ops.tries == ["one began"] * 3


@pytest.mark.usefixtures("nothing_wrong")
@pytest.mark.parametrize("status", [401, 403, 404, 410, 429, 503])
async def test_a_receiver_that_is_away_holds_up_everything_and_hears_it_in_order(stage: Stage, status: int) -> None:
    ops = Choosy({"one began"}, status)
    await begin(stage, "one")
    await begin(stage, "two")
    found = await minutes(stage, ops, 24 * 60, 40)
    assert (ops.taken, found.untold, found.failed) == ([], 2, f"HTTP {status}")
    assert len(ops.tries) > refusals.TIMES
    ops.refuses.clear()
    await minutes(stage, ops, 40, 40)
    assert ops.taken == ["one began", "one ended", "two began", "two ended"]


async def test_a_process_that_ends_between_answer_and_note_repeats_the_message_under_its_id(
    stage: Stage, ops: Ops
) -> None:
    hub = hub_of(stage)
    ops.dies = True
    await set_state(hub, ConnectionState.BROKEN, "401")
    with pytest.raises(asyncio.CancelledError):
        await look(hub, ops.receiver)
    ops.dies = False
    await looks(stage, ops, 3)
    assert [m["id"] for m in ops.taken] == [ops.taken[0]["id"]] * 2


async def test_processes_that_look_at_once_tell_it_once(stage: Stage, ops: Ops) -> None:
    hub = hub_of(stage)
    await set_state(hub, ConnectionState.BROKEN, "401")
    found = await asyncio.gather(*(look(hub, ops.receiver) for _ in range(5)))
    assert ops.said == [("began", "failed")]
    assert [f.elsewhere for f in found].count(False) >= 1
    async with hub.database.read() as conn:
        assert len(await alerts.latest(conn, 10)) == 1


async def test_one_look_tells_a_bounded_number_and_the_next_one_goes_on(stage: Stage, ops: Ops) -> None:
    hub, at = hub_of(stage), hub_of(stage).now_text()
    some = [Alert(f"failed/{n:02}", AlertKind.FAILED, f"{n:02}", "", "s", "m", at, at) for n in range(30)]
    async with hub.database.write() as conn:
        await alerts.begin(conn, some)
    first = await look(hub, ops.receiver)
    assert (first.told, first.untold) == (alerting.TOLD_MOST, 10)
    await looks(stage, ops, 1)
    assert len({m["id"] for m in ops.taken}) == len(ops.taken) == 30


async def test_where_nobody_is_to_be_told_alerts_are_kept_all_the_same(
    stage: Stage, ops: Ops, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HUB_ALERT_URL", raising=False)
    hub = hub_of(stage)
    await set_state(hub, ConnectionState.BROKEN, "401")
    assert [(a.kind, a.told_began_at) for a in (await look(hub)).open] == [(AlertKind.FAILED, None)]
    await looks(stage, ops, 1)
    assert ops.said == [("began", "failed")], "whoever is told from here on hears what is still there"


async def test_days_of_a_connection_that_comes_and_goes_are_a_handful_of_messages(stage: Stage, ops: Ops) -> None:
    """Every other hour it is stopped, for a day and a half. (Months of it, without a store: tests/engine.)"""
    hub = hub_of(stage)
    for step in range(36):
        await set_state(hub, ConnectionState.BROKEN if step % 2 else ConnectionState.ACTIVE, "401")
        stage.step(3_600)
        await look(hub, ops.receiver)
    await set_state(hub, ConnectionState.ACTIVE)
    for _ in range(6):
        stage.step(6 * 3_600)
        await look(hub, ops.receiver)
    failed = [event for event, kind in ops.said if kind == "failed"]
    assert failed[::2] == ["began"] * (len(failed) // 2)
    assert failed[1::2] == ["ended"] * (len(failed) // 2)
    assert 2 <= len(failed) <= 10
    assert len({m["id"] for m in ops.taken}) == len(ops.taken)


# --- what is seen ---------------------------------------------------------------------------------------------------


async def kinds(hub: Hub) -> list[str]:
    return [c.key for c in engine.conditions(await situation.situation(hub), hub.clock())]


async def test_nothing_is_wrong_after_a_sync(stage: Stage) -> None:
    stage.vendors["alpha"].create({"email": "a@x.example", "name": "A B"})
    stage.step(1)
    await sync(hub_of(stage), until_quiet=True)
    assert await kinds(hub_of(stage)) == []


async def test_a_stream_that_is_not_read_is_stale_and_read_again_it_is_not(stage: Stage) -> None:
    hub = hub_of(stage)
    await sync(hub)
    stage.step(3_600)
    assert await kinds(hub) == ["stale/alpha/people"]
    await sync(hub)
    assert await kinds(hub) == []


async def test_what_is_read_and_not_heard_is_a_backlog(stage: Stage) -> None:
    hub = hub_of(stage)
    stage.vendors["alpha"].create({"email": "a@x.example", "name": "A B"})
    stage.step(1)
    await sync(hub, until_quiet=True)
    async with hub.database.write() as conn:
        await observations.keep(conn, "alpha", "people", [Record("z", {"id": "z"})], seen_at=hub.now_text())
    stage.step(1_900)
    assert "backlog/alpha/people" in await kinds(hub)


async def test_a_tripped_brake_says_how_to_agree(stage: Stage, ops: Ops) -> None:
    hub = hub_of(stage)
    ids = [stage.vendors["alpha"].create({"email": f"p{n}@x.example", "name": f"P {n}"}) for n in range(8)]
    stage.step(1)
    await sync(hub, until_quiet=True)
    hub.brakes = replace(Brakes(), removes=2, removes_share=0.0)
    for remote_id in ids[:6]:
        stage.vendors["alpha"].people_by_id.pop(remote_id)
    stage.step(3_600 * 25)
    await sync(hub, full=True)
    (alert,) = [a for a in (await look(hub, ops.receiver)).open if a.kind is AlertKind.BRAKE]
    assert "no longer shows 6 of 8 records" in alert.summary
    assert "hub connections allow-writes alpha --removes 6" in alert.mend


async def test_runs_that_fail_again_and_again_are_told_and_one_success_ends_it(stage: Stage) -> None:
    hub = hub_of(stage)
    for _ in range(3):
        stage.step(60)
        stage.script["alpha", "/people"] = [Mishap.HTML] * 5
        await sync(hub)
        stage.script.clear()
    found = await situation.situation(hub)
    assert [(f.what, f.times) for f in found[0].failing] == [("pull people", 3)]
    stage.step(60)
    async with hub.database.read() as conn:
        failed = await runs.recent(conn, 50, connection="alpha", job="pull")
    assert [r.state for r in failed] == [RunState.FAILED] * 3
    assert situation._failing(failed, hub.now_text()) == [], "what was long ago, and wasn't tried again"
    await pull(hub, hub.connection("alpha"), "people")  # a worker's: a run that does nothing is not kept
    assert (await situation.situation(hub))[0].failing == []


async def pushed(hub: Hub, number: int, counts: Mapping[str, int], at: datetime) -> None:
    async with hub.database.write() as conn:
        for n in range(number):
            await runs.start(conn, Run(f"r{n}-{iso(at)}", "push", iso(at), "alpha", "people", counts=counts))


async def test_all_writes_of_a_day_are_counted_however_many_runs_made_them(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = hub_of(stage)
    await pushed(hub, 20, {"refused": 1_000}, stage.now - timedelta(hours=25))
    await pushed(hub, 20, {"refused": 6, "later": 5}, stage.now - timedelta(hours=23))
    await pushed(hub, 250, {"created": 1, "updated": 2, "removed": 1, "api_calls": 3}, stage.now - timedelta(hours=1))
    (found,) = await situation.situation(hub)
    assert (found.refused, found.written, found.counted_since) == (120, 1_000, None)
    monkeypatch.setattr(situation, "SUMMED_MOST", 255)
    (found,) = await situation.situation(hub)
    assert (found.refused, found.written) == (30, 1_000)
    assert found.counted_since == stage.now - timedelta(hours=23), "what is said goes back no further"


async def test_zero_rows_where_history_says_thousands(stage: Stage, ops: Ops) -> None:
    """Four weeks of about five thousand changed records a day, weekends idle; then a Tuesday with none."""
    hub = hub_of(stage)
    while stage.now.weekday() != 1:
        stage.step(86_400)
    async with hub.database.write() as conn:
        for ago in range(1, 29):
            day = stage.now - timedelta(days=ago)
            if day.weekday() < 5:
                for hour in range(10):
                    await volumes.add(conn, "alpha", "people", day - timedelta(hours=hour), 500)
    for number in range(3):
        stage.vendors["alpha"].create({"email": f"p{number}@x.example", "name": "P"})
    await sync(hub)
    found = await look(hub, ops.receiver)
    assert [(a.kind, a.summary) for a in found.open] == [
        (AlertKind.VOLUME, "alpha/people: 3 records changed in 24 h, where 5,000 are usual")
    ]
    stage.step(86_400)
    await sync(hub)
    (alert,) = (await look(hub, ops.receiver)).open
    assert alert.summary == "alpha/people: 0 records changed in 24 h, where 5,000 are usual"
    assert ops.said == [("began", "volume")], "it got worse, and is the same trouble"


def token_of(exp: float) -> str:
    claims = base64.urlsafe_b64encode(orjson.dumps({"exp": exp})).decode().rstrip("=")
    return f"eyJhbGciOiJub25lIn0.{claims}.c2ln"


async def test_a_token_that_says_when_it_ends_and_nobody_can_renew(stage: Stage) -> None:
    hub = hub_of(stage)
    ends = stage.now + timedelta(days=5)
    async with hub.database.write() as conn:
        await secrets.put(conn, hub.vault, "alpha", {"token": token_of(ends.timestamp())}, hub.now_text())
    await hub.rewire("alpha")
    assert "token_expiring/alpha//token" in await kinds(hub)


@pytest.mark.parametrize(
    ("secret", "expected"),
    [
        (token_of(1_800_000_000), datetime(2027, 1, 15, 8, tzinfo=UTC)),
        ("eyJ.eyJ.x", None),
        (token_of(1e300), None),
        ("pat-eu1-abc.def.ghi", None),
        ("", None),
    ],
)
def test_what_a_secret_says_of_its_end(secret: str, expected: datetime | None) -> None:
    assert situation.expiry_of(secret) == expected


async def test_a_look_costs_the_same_however_many_records_there_are(stage: Stage, ops: Ops) -> None:
    hub, costs = hub_of(stage), []
    for people in (10, 300):
        for number in range(people):
            stage.vendors["alpha"].create({"email": f"p{people}-{number}@x.example", "name": f"P {number}"})
        stage.step(1)
        await sync(hub, until_quiet=True)
        with counted() as seen:
            await look(hub, ops.receiver)
        costs.append(len(seen))
    assert costs[0] == costs[1]
    assert costs[0] <= 40


# --- messages -------------------------------------------------------------------------------------------------------

ALERT = Alert(
    "volume/crm/contacts",
    AlertKind.VOLUME,
    "crm",
    "contacts",
    "crm/contacts: <3 & more> are usual",
    "look there",
    "2026-03-02T09:30:00.000Z",
    "2026-03-02T09:30:00.000Z",
)


def slack(event: str, alert: Alert) -> str:
    body, headers = alerting.message(event, alert, slack=True)
    said = orjson.loads(body)
    assert said.keys() == {"text"}
    assert headers["Content-Type"] == "application/json"
    text: str = said["text"]
    return text


def test_the_shape_of_slack() -> None:
    began = slack("began", ALERT)
    assert began.splitlines() == [
        ":rotating_light: volume: crm/contacts: &lt;3 &amp; more&gt; are usual",
        "look there",
        f"since 2026-03-02 09:30 UTC ({ALERT.id})",
    ]
    ended = slack("ended", replace(ALERT, ended_at="2026-03-02T11:00:00.000Z"))
    assert ended.startswith(":white_check_mark: recovered, volume: crm/contacts")
    assert f"from 2026-03-02 09:30 UTC, for 90 min ({ALERT.id})" in ended


@pytest.mark.parametrize("length", [2_900, 2_999, 3_000, 3_001, 10_000])
@pytest.mark.parametrize("character", ["a", "&", "<", "ü"])
def test_a_text_for_slack_is_cut_before_it_is_too_long_and_never_within_an_escape(length: int, character: str) -> None:
    text = slack("began", replace(ALERT, summary=character * length))
    assert len(text) <= alerting.SLACK_TEXT_MAX
    bare = text.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "")
    assert not set("&<>") & set(bare)


def test_where_alerts_go_and_in_which_form(monkeypatch: pytest.MonkeyPatch) -> None:
    forms = {}
    for url in ("https://hooks.slack.com/services/T/B/x", "https://ops.example/hub"):
        for said in ("auto", "json", "slack"):
            monkeypatch.setenv("HUB_ALERT_URL", url)
            monkeypatch.setenv("HUB_ALERT_FORMAT", said)
            told = alerting.receiver()
            assert told is not None
            assert url not in repr(told)
            forms[url, said] = told.slack
    assert list(forms.values()) == [True, False, True, False, False, True]
    monkeypatch.delenv("HUB_ALERT_URL")
    assert alerting.receiver() is None


# --- posting --------------------------------------------------------------------------------------------------------


@pytest.fixture
def written() -> io.StringIO:
    """What is logged at debug."""
    stream = io.StringIO()
    logs.start("debug", "json", lambda: datetime.now(UTC), stream)
    return stream


@pytest.mark.parametrize("answer", ["200", "302", "404", "429", "503", "ConnectError", "ReadTimeout"])
async def test_a_post_never_shows_its_address(answer: str, written: io.StringIO) -> None:
    def handle(request: httpx.Request) -> httpx.Response:
        if not answer.isdigit():
            raise getattr(httpx, answer)(f"cannot reach {request.url}", request=request)
        return httpx.Response(int(answer), headers={"Retry-After": "7", "Location": URL + "/moved"})

    failed = None
    try:
        await post(URL + "?key=abcdefgh", b"{}", {}, transport=httpx.MockTransport(handle))
    except Unposted as error:
        failed = error
    assert (failed is None) == (answer == "200")
    assert "4f9c1e7ab2" not in f"{failed!r} {failed} {written.getvalue()}"
    assert "abcdefgh" not in written.getvalue()
    assert "HTTP Request" in written.getvalue() or failed is not None
    if failed is not None and answer.isdigit():
        assert (str(failed), failed.retry_after) == (f"HTTP {answer}", 7.0)
        assert failed.__cause__ is None


class _Endless(httpx.AsyncByteStream):
    """The body of a receiver that never comes to an end."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"ok"
        raise AssertionError("read on, for ever")


async def test_a_receiver_whose_answer_never_ends_holds_nobody_up() -> None:
    await post(URL, b"{}", {}, transport=httpx.MockTransport(lambda _: httpx.Response(200, stream=_Endless())))


async def test_one_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(poster, "WITHIN", 0.05)

    async def never(_: httpx.Request) -> httpx.Response:
        await asyncio.sleep(3600)
        raise AssertionError

    with pytest.raises(Unposted, match="no answer"):
        await post(URL, b"{}", {}, transport=httpx.MockTransport(never))
