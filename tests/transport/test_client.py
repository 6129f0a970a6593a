"""What a caller does when the answer is not simply there."""

import asyncio
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
import respx

from hub.domain.outcome import Fault, FaultKind
from hub.domain.quota import Said
from hub.engine.retry import retry_at
from hub.sdk.auth import BearerSecret
from hub.sdk.connector import Limit
from hub.sdk.http import ContractBroken, Request, get, send_json
from hub.transport.client import Failed
from hub.transport.memory_budget import MemoryBudget
from hub.transport.passbook import Call
from hub.transport.wire import BODY_MAX
from tests.transport.shop import DEFAULT_URL, Clock, caller

MOVED = Failed(Fault(FaultKind.TRANSIENT, "seen_anew", "people changed it"), sent=False)
CREATE = send_json("POST", "/people", {"name": "Ada"})
UPSERT = send_json("PUT", "/people/1", {"name": "Ada"}, repeatable=True)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@respx.mock
async def test_a_plain_answer_and_what_was_sent(clock: Clock) -> None:
    route = respx.get(f"{DEFAULT_URL}/people").respond(200, json={"ok": 1}, headers={"X-Left": "7"})
    shop = caller(clock, auth=BearerSecret("s3"))
    answer = await shop.send(Request("GET", "/people", (("q", "O'Brien & co"), ("q", "ä")), repeatable=True))
    assert answer.json() == {"ok": 1}
    assert answer.headers["x-left"] == "7"
    assert shop.budget.passbook.said == {("default", 10.0): Said(None, None, clock.now.timestamp())}
    assert shop.calls == {"default": 1}
    sent = route.calls.last.request
    assert sent.headers["authorization"] == "Bearer s3"
    assert sent.url.raw_path == b"/people?q=O%27Brien%20%26%20co&q=%C3%A4"


@respx.mock
async def test_a_429_is_waited_out_as_long_as_the_vendor_says(clock: Clock) -> None:
    respx.post(f"{DEFAULT_URL}/people").mock(
        side_effect=[httpx.Response(429, headers={"Retry-After": "7"}), httpx.Response(201, json={})]
    )
    shop = caller(clock)
    assert (await shop.send(CREATE)).status == 201, "a refused create may be sent again"
    assert clock.slept == [7.35]
    assert shop.total_calls == 2


@respx.mock
async def test_a_date_in_retry_after(clock: Clock) -> None:
    respx.get(f"{DEFAULT_URL}/a").mock(
        side_effect=[
            httpx.Response(503, headers={"Retry-After": "Mon, 05 Jan 2026 09:00:20 GMT"}),
            httpx.Response(200, json={}),
        ]
    )
    await caller(clock).send(get("/a"))
    assert clock.slept == [20.5]


@respx.mock
@pytest.mark.parametrize("told", ["soon", "-5", "1e400", "nan"])
async def test_nonsense_in_retry_after_is_bounded(clock: Clock, told: str) -> None:
    respx.get(f"{DEFAULT_URL}/a").respond(429, headers={"Retry-After": told})
    with pytest.raises(Failed) as failed:
        await caller(clock).send(get("/a"))
    assert failed.value.fault.kind is FaultKind.RATE_LIMITED
    assert sum(clock.slept) <= 30
    assert failed.value.fault.retry_after is not None
    assert 0 <= failed.value.fault.retry_after <= 86_400


@respx.mock
@pytest.mark.parametrize("kind", [FaultKind.RATE_LIMITED, FaultKind.TRANSIENT])
@pytest.mark.parametrize("told", [1_769_770_800.0, 1e15, float("inf")])
async def test_nonsense_that_a_connector_reads_is_bounded_as_well(clock: Clock, kind: FaultKind, told: float) -> None:
    """Some say when, in seconds since 1970, where they should say for how long."""
    respx.get(f"{DEFAULT_URL}/a").respond(429)
    shop = caller(clock)
    shop.connector = replace(shop.connector, classify=lambda *_: Fault(kind, "429", "later", retry_after=told))
    with pytest.raises(Failed) as failed:
        await shop.send(get("/a"))
    assert failed.value.fault.retry_after is not None
    assert 0 <= failed.value.fault.retry_after <= 86_400
    assert retry_at(clock.now, 1, failed.value.fault) <= clock.now + timedelta(days=1)


@respx.mock
async def test_a_wait_that_is_too_long_is_given_back(clock: Clock) -> None:
    respx.get(f"{DEFAULT_URL}/a").respond(429, headers={"Retry-After": "3600"})
    shop = caller(clock, max_wait=30)
    with pytest.raises(Failed) as failed:
        await shop.send(get("/a"))
    assert failed.value.fault.retry_after == 3600
    assert not failed.value.sent
    assert clock.slept == []
    with pytest.raises(Failed, match="next in 3600 s"):
        await shop.send(get("/b"))
    assert shop.total_calls == 1, "nobody asks again before the time"


@respx.mock
async def test_a_5xx_is_tried_again_only_when_repeatable(clock: Clock) -> None:
    respx.put(f"{DEFAULT_URL}/people/1").mock(side_effect=[httpx.Response(502), httpx.Response(200, json={})])
    creates = respx.post(f"{DEFAULT_URL}/people").respond(502)
    shop = caller(clock)
    assert (await shop.send(UPSERT)).ok
    with pytest.raises(Failed) as failed:
        await shop.send(CREATE)
    assert failed.value.fault.kind is FaultKind.TRANSIENT
    assert failed.value.sent, "the 502 may hide a create"
    assert creates.call_count == 1


@respx.mock
async def test_attempts_and_pauses_are_bounded_and_grow(clock: Clock) -> None:
    route = respx.get(f"{DEFAULT_URL}/a").respond(500)
    with pytest.raises(Failed):
        await caller(clock).send(get("/a"))
    assert route.call_count == 5
    assert clock.slept == [0.25, 0.5, 1.0, 2.0]


@respx.mock
@pytest.mark.parametrize(
    ("error", "sent"),
    [
        (httpx.ConnectError("refused"), False),
        (httpx.ConnectTimeout("slow"), False),
        (httpx.ReadTimeout("slow"), True),
        (httpx.RemoteProtocolError("closed"), True),
        (httpx.ReadError("reset"), True),
        (httpx.WriteError("reset"), True),
    ],
)
async def test_a_lost_answer_is_told_from_a_request_that_never_left(clock: Clock, error: Exception, sent: bool) -> None:
    route = respx.post(f"{DEFAULT_URL}/people").mock(side_effect=error)
    with pytest.raises(Failed) as failed:
        await caller(clock).send(CREATE)
    assert failed.value.fault.kind is FaultKind.TRANSIENT
    assert failed.value.sent is sent
    assert route.call_count == (1 if sent else 5)
    assert "login.shop.example" in failed.value.fault.message
    assert "people" not in failed.value.fault.message


@respx.mock
async def test_an_earlier_try_that_may_have_been_applied_is_not_forgotten(clock: Clock) -> None:
    respx.put(f"{DEFAULT_URL}/people/1").mock(
        side_effect=[httpx.ReadTimeout("slow"), httpx.Response(429, headers={"Retry-After": "999"})]
    )
    with pytest.raises(Failed) as failed:
        await caller(clock).send(UPSERT)
    assert failed.value.fault.kind is FaultKind.RATE_LIMITED
    assert failed.value.sent


@respx.mock
async def test_a_refusal_of_the_operators_is_not_repeated(clock: Clock) -> None:
    route = respx.get(f"{DEFAULT_URL}/a").respond(403)
    with pytest.raises(Failed) as failed:
        await caller(clock).send(get("/a"))
    assert (failed.value.fault.kind, failed.value.sent, route.call_count) == (FaultKind.MISCONFIGURED, False, 1)


@respx.mock
async def test_a_redirect_is_not_followed(clock: Clock) -> None:
    respx.get(f"{DEFAULT_URL}/a").respond(302, headers={"Location": "https://evil.example/"})
    with pytest.raises(Failed, match="base URL") as failed:
        await caller(clock, auth=BearerSecret("s")).send(get("/a"))
    assert failed.value.fault.kind is FaultKind.MISCONFIGURED


@respx.mock
@pytest.mark.parametrize("body", [b"<!DOCTYPE html><html>Back soon</html>", b'{"people": [{"na'])
async def test_a_broken_success_is_asked_for_again(clock: Clock, body: bytes) -> None:
    respx.get(f"{DEFAULT_URL}/a").mock(
        side_effect=[httpx.Response(200, content=body), httpx.Response(200, json={"ok": True})]
    )
    assert (await caller(clock).send(get("/a"))).json() == {"ok": True}


@respx.mock
async def test_a_success_that_stays_broken_is_handed_over_for_its_reader_to_judge(clock: Clock) -> None:
    pages = respx.get(f"{DEFAULT_URL}/a").respond(200, content=b"<html>Please log in</html>")
    answer = await caller(clock).send(get("/a"))
    assert pages.call_count == 5
    with pytest.raises(ContractBroken, match="HTML page"):
        answer.json()
    once = respx.post(f"{DEFAULT_URL}/people").respond(200, content=b'{"id": 5, "na')
    await caller(clock).send(CREATE)
    assert once.call_count == 1, "a create is never repeated on a guess"


@respx.mock
async def test_other_kinds_of_text_may_begin_and_end_as_they_like(clock: Clock) -> None:
    route = respx.get(f"{DEFAULT_URL}/a").respond(200, content=b"[a],b\n1,2\n", headers={"Content-Type": "text/csv"})
    assert (await caller(clock).send(get("/a"))).body == b"[a],b\n1,2\n"
    assert route.call_count == 1


@respx.mock
async def test_an_answer_beyond_the_bound_is_not_kept(clock: Clock) -> None:
    class Endless(httpx.AsyncByteStream):
        read = 0

        async def __aiter__(self):
            while True:
                self.read += 2**20
                yield b"x" * 2**20

    endless = Endless()
    respx.get(f"{DEFAULT_URL}/a").mock(return_value=httpx.Response(200, stream=endless))
    with pytest.raises(Failed, match="64 MiB") as failed:
        await caller(clock).send(get("/a"))
    assert failed.value.fault.kind is FaultKind.CONTRACT
    assert endless.read <= BODY_MAX + 2 * 2**20


@respx.mock
async def test_secrets_go_to_the_vendor_alone(clock: Clock) -> None:
    elsewhere = respx.get("https://files.storage.example/export?sig=1").respond(200, json={})
    ours = respx.get(f"{DEFAULT_URL}/next").respond(200, json={})
    shop = caller(clock, auth=BearerSecret("s"))
    await shop.send(get("https://files.storage.example/export?sig=1"))
    await shop.send(get(f"{DEFAULT_URL}/next", {"page": "2"}))
    assert "authorization" not in elsewhere.calls.last.request.headers
    assert ours.calls.last.request.headers["authorization"] == "Bearer s"


@pytest.mark.parametrize("path", ["file:///etc/passwd", "http://login.shop.example/a", "ftp://a.example/", "people"])
async def test_addresses_of_another_kind_are_refused(clock: Clock, path: str) -> None:
    shop = caller(clock)
    with pytest.raises(Failed) as failed:
        await shop.send(get(path))
    assert failed.value.fault.kind is FaultKind.CONTRACT
    assert not failed.value.sent
    assert shop.total_calls == 0


@respx.mock
async def test_declared_limits_space_the_calls(clock: Clock) -> None:
    times: list[float] = []

    def note(request: httpx.Request) -> httpx.Response:
        times.append((clock.now - Clock().now).total_seconds())
        return httpx.Response(200, json={})

    respx.get(f"{DEFAULT_URL}/a").mock(side_effect=note)
    shop = caller(clock, Limit("default", 3, 10.0))
    for _ in range(8):
        await shop.send(get("/a"))
    assert times == [0, 0, 0, 10, 10, 10, 20, 20]


@respx.mock
async def test_a_limit_beyond_patience_fails_before_anything_is_sent(clock: Clock) -> None:
    respx.get(f"{DEFAULT_URL}/a").respond(200, json={})
    shop = caller(clock, Limit("default", 1, 60.0), Limit("search", 1, 1.0), max_wait=30)
    await shop.send(get("/a"))
    with pytest.raises(Failed) as failed:
        await shop.send(get("/a"))
    assert failed.value.fault.code == "throttled"
    assert failed.value.fault.retry_after == 60
    assert not failed.value.sent
    assert shop.total_calls == 1
    await shop.send(get("/a", bucket="search"))
    assert shop.calls == {"default": 1, "search": 1}


# --- what a write rests on is looked at again -----------------------------------------------------------------------


class Looks:
    """Counts; and finds that people changed the record, when it is told to."""

    def __init__(self, error: Exception | None = None) -> None:
        self.count = 0
        self.error = error

    async def __call__(self) -> None:
        self.count += 1
        if self.error is not None:
            raise self.error


@respx.mock
async def test_a_write_that_waited_for_the_budget_does_not_leave_once_people_changed_the_record(clock: Clock) -> None:
    respx.get(f"{DEFAULT_URL}/a").respond(200, json={})
    writes = respx.put(f"{DEFAULT_URL}/people/1").respond(200, json={})
    shop = caller(clock, Limit("default", 1, 10.0))
    await shop.send(get("/a"))
    looks = Looks(MOVED)
    with pytest.raises(Failed, match="seen_anew") as failed:
        await shop.send(UPSERT, recheck=looks)
    assert not failed.value.sent
    assert (looks.count, writes.call_count) == (1, 0)


@respx.mock
async def test_a_write_is_looked_at_again_when_an_answer_was_waited_for_in_vain(clock: Clock) -> None:
    def silent(_: httpx.Request) -> httpx.Response:
        clock.now += timedelta(seconds=60)
        raise httpx.ReadTimeout("slow")

    writes = respx.put(f"{DEFAULT_URL}/people/1").mock(side_effect=silent)
    looks = Looks(MOVED)
    with pytest.raises(Failed, match="seen_anew") as failed:
        await caller(clock).send(UPSERT, recheck=looks)
    assert failed.value.sent, "the first may have been applied"
    assert (looks.count, writes.call_count) == (1, 1)


@respx.mock
async def test_a_write_is_looked_at_again_when_it_waited_for_calls_under_way(clock: Clock) -> None:
    done = asyncio.Event()

    async def long(_: httpx.Request) -> httpx.Response:
        await done.wait()
        clock.now += timedelta(seconds=45)
        return httpx.Response(200, json={})

    respx.get(f"{DEFAULT_URL}/a").mock(side_effect=long)
    writes = respx.put(f"{DEFAULT_URL}/people/1").respond(200, json={})
    shop = caller(clock, Limit("default", 0, 1.0, concurrent=1))
    looks = Looks()

    async def look() -> None:
        assert writes.call_count == 0
        await looks()
        respx.get(f"{DEFAULT_URL}/people/1").respond(200, json={})
        await shop.send(get("/people/1"))  # it needs a place itself

    reading = asyncio.create_task(shop.send(get("/a")))
    await asyncio.sleep(0)
    writing = asyncio.create_task(shop.send(UPSERT, recheck=look))
    for _ in range(20):
        await asyncio.sleep(0)
    done.set()
    assert (await reading).ok
    assert (await writing).ok
    assert (looks.count, writes.call_count) == (1, 1)


class Crowded(MemoryBudget):
    """Every place is waited for."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock

    def slot(self, call: Call) -> AbstractAsyncContextManager[float]:
        self.clock.now += timedelta(seconds=5)
        return super().slot(call)


@respx.mock
async def test_a_write_that_finds_no_time_between_two_looks_is_left_for_later(clock: Clock) -> None:
    """Each place takes longer to get than what was seen holds."""
    writes = respx.put(f"{DEFAULT_URL}/people/1").respond(200, json={})
    looks = Looks()
    with pytest.raises(Failed, match="throttled") as failed:
        await caller(clock, budget=Crowded(clock)).send(UPSERT, recheck=looks)
    assert not failed.value.sent
    assert writes.call_count == 0
    assert 1 < looks.count < 100
