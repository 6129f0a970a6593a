"""The door to a vendor: one `Caller` per connection signs, keeps within the budget, sends, renews tokens and tries
again."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from typing import TypeAlias

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt

from hub import counters, traces
from hub.clock import Clock
from hub.domain.outcome import Fault, FaultKind
from hub.engine.quota import PATIENT
from hub.logs import log
from hub.sdk.auth import Auth, Token
from hub.sdk.connector import Connector
from hub.sdk.http import ContractBroken, Request, Response
from hub.transport import lanes, tally
from hub.transport.addresses import Addresses
from hub.transport.budget import Budget
from hub.transport.failed import REFUSED, Failed
from hub.transport.memory_budget import MemoryBudget
from hub.transport.passbook import Call
from hub.transport.tokens import Reauth, TokenDesk, TokenKeeper
from hub.transport.wire import Transport, Wire

__all__ = ["Caller", "Failed", "Transport"]

ATTEMPTS = 5
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 20.0
UNTOLD_PAUSE = 10.0
"""Seconds to hold back when a vendor says "too many" without saying until when."""
LONGEST_REST = 86_400.0
"""Seconds for which a vendor is believed that wants to be left alone: some say when, instead of for how long."""
REDIRECTS = frozenset({301, 302, 303, 307, 308})

LOG = log(__name__)

LONG = 2.0
"""Seconds after which the world may be another."""
LOOKS_MAX = 20
"""How often one request is looked at again before it leaves."""

Sleep: TypeAlias = Callable[[float], Awaitable[None]]
Recheck: TypeAlias = Callable[[], Awaitable[None]]
"""Raises `Failed` when a request should not leave any more."""


@dataclass(slots=True)
class _Errand:
    """One request on its way to an answer: the seconds it may still wait, and what is known of its tries. `looked`:
    when what it rests on was last looked at; `over`: that look forbade it."""

    request: Request
    patience: float
    sleep: Sleep
    now: Callable[[], float]
    recheck: Recheck | None = None
    sent: bool = False
    broken: Response | None = None
    looked: float = field(init=False)
    looks: int = 0
    over: bool = False

    def __post_init__(self) -> None:
        self.looked = self.now()

    @property
    def stale(self) -> bool:
        """Whether too much time went by to send it unseen, in whatever way: waiting, or for answers that were lost."""
        return self.recheck is not None and self.now() - self.looked >= LONG

    async def wait(self, seconds: float) -> None:
        self.patience -= seconds
        await self.sleep(seconds)

    async def look(self) -> None:
        """Looks again at what it rests on. What that raises ends the errand."""
        if self.recheck is None:
            return
        self.over = True
        self.looks += 1
        if self.looks > LOOKS_MAX:
            text = "the calls under way leave no time between looking and writing"
            raise Failed(Fault(FaultKind.RATE_LIMITED, "throttled", text), sent=False)
        await self.recheck()
        self.over, self.looked = False, self.now()


class Caller:
    """Speaks for one connection. To be used in one event loop.

    `calls` counts what was sent, by bucket (`token` for token calls). `budget` is shared by connections of one account,
    `name` tells them apart there. `reauth` builds the scheme anew when a token answer rotated secrets. `jitter` gives
    numbers in [0, 1).
    """

    def __init__(
        self,
        connector: Connector,
        base_url: str,
        auth: Auth,
        tokens: TokenKeeper,
        *,
        clock: Clock,
        sleep: Sleep = asyncio.sleep,
        transport: Transport | None = None,
        max_wait: float = 30.0,
        budget: Budget | None = None,
        name: str = "",
        reauth: Reauth | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.connector = connector
        self.name = name or connector.name
        self.calls: Counter[str] = Counter()
        self._addresses = Addresses(base_url, connector.default_base_url)
        self._wire = Wire(self._addresses, transport)
        self._clock = clock
        self._sleep = sleep
        self._max_wait = max_wait
        self.budget: Budget = budget or MemoryBudget(connector.limits)
        self._jitter = jitter
        self._desk = TokenDesk(auth, tokens, self._ask_token, clock, reauth)
        self._under_way = 0
        self._closing = False

    @property
    def total_calls(self) -> int:
        """All requests sent so far, token calls and repetitions included."""
        return self.calls.total()

    async def close(self) -> None:
        """No call is begun any more; those under way end first, for somebody may still speak through a caller that
        was replaced."""
        self._closing = True
        if not self._under_way:
            await self._wire.close()

    async def send(self, request: Request, *, recheck: Recheck | None = None) -> Response:
        """The answer, of any status in which `Connector.classify` sees no fault. Raises `Failed`. `recheck` is asked
        before the request leaves, whenever that is long after it was asked for or after the last time.

        Tries again, up to 5 times and `max_wait` seconds in all, when the request is repeatable or the vendor surely
        did nothing. A success whose body is visibly broken is asked for again too, and at last handed over as it is:
        whoever reads it says what is wrong with it.
        """
        if self._closing:
            text = "the connection was changed meanwhile; the next try speaks as it is set up since"
            raise Failed(Fault(FaultKind.TRANSIENT, "connection_changed", text), sent=False)
        self._under_way += 1
        try:
            return await self._sent(request, recheck)
        finally:
            self._under_way -= 1
            if self._closing and not self._under_way:
                await self._wire.close()

    async def _sent(self, request: Request, recheck: Recheck | None) -> Response:
        errand = _Errand(request, self._max_wait, self._sleep, self._seconds, recheck)
        tries = AsyncRetrying(
            sleep=errand.wait,
            stop=lambda state: stop_after_attempt(ATTEMPTS)(state) or state.upcoming_sleep > errand.patience,
            wait=self._pause,
            retry=retry_if_exception(lambda error: not errand.over and _may_repeat(request, error)),
            before_sleep=self._note,
            reraise=True,
        )
        try:
            return await tries(self._try, errand)
        except Failed as failed:
            if errand.broken is not None:
                return errand.broken
            raise Failed(failed.fault, errand.sent) from None

    async def _try(self, errand: _Errand) -> Response:
        errand.broken = None
        try:
            token = await self._desk.current()
            fault, response = await self._signed(errand, token)
            if fault is not None and fault.kind is FaultKind.UNAUTHORISED and not self._desk.fixed:
                fault, response = await self._signed(errand, await self._desk.renew(token))
        except Failed as failed:
            errand.sent = errand.sent or failed.sent
            raise
        if fault is not None:
            raise Failed(fault, self._was_sent(errand, fault))
        if errand.request.repeatable and self._looks_broken(response):
            errand.broken = response
            text = f"the answer of {self._addresses.host} is a web page or cut short"
            raise Failed(Fault(FaultKind.TRANSIENT, "broken_answer", text), self._was_sent(errand, None))
        return response

    def _was_sent(self, errand: _Errand, fault: Fault | None) -> bool:
        done = fault is None or fault.kind not in REFUSED
        errand.sent = errand.sent or done
        return done

    async def _signed(self, errand: _Errand, token: Token | None) -> tuple[Fault | None, Response]:
        target = self._addresses.target(errand.request, token)
        request = self._desk.auth.sign(errand.request, token) if target.ours else errand.request
        return await self._exchange(request, target.url, request.bucket, errand)

    async def _ask_token(self, request: Request) -> Response:
        """One try of a token call. Refusals are the scheme's to read; only what may pass is a fault here."""
        errand = _Errand(request, self._max_wait, self._sleep, self._seconds)
        url = self._addresses.target(request, None).url
        fault, response = await self._exchange(request, url, "token", errand)
        if fault is not None and fault.kind is not FaultKind.UNAUTHORISED:
            raise Failed(fault, fault.kind not in REFUSED)
        if self._looks_broken(response):
            text = f"the token endpoint of {self._addresses.host} answered with a web page or cut short"
            raise Failed(Fault(FaultKind.TRANSIENT, "broken_answer", text), sent=True)
        return response

    async def _exchange(
        self, request: Request, url: str, counted_as: str, errand: _Errand
    ) -> tuple[Fault | None, Response]:
        call = Call(request.bucket, request.cost, lanes.current(), self.name)
        response: Response | None = None
        while response is None:
            # Whoever has to wait or to look holds no slot meanwhile: others may have a share of the window left.
            async with self.budget.slot(call) as full:
                stale = errand.stale
                wait = full or (0.0 if stale else await self.budget.book(call, self._seconds()))
                if not wait and not stale:
                    sent = self._seconds()
                    response = await self._leave(request, url, counted_as)
            if wait:
                await self._hold_back(wait, call, errand)
            elif stale:
                await errand.look()
        await self.budget.hear(self.connector.meters(response), sent, self._seconds())
        fault = self._fault(request, response)
        if fault is not None and fault.kind is FaultKind.RATE_LIMITED and fault.retry_after is not None:
            now = self._seconds()
            await self.budget.rest(request.bucket, now + fault.retry_after, now)
        return fault, response

    async def _leave(self, request: Request, url: str, counted_as: str) -> Response:
        if not lanes.allowed():
            raise Failed(Fault(FaultKind.TRANSIENT, "lease_over", "another process works here by now"), sent=False)
        self.calls[counted_as] += 1
        tally.count()
        counters.add("api_calls", connection=self.name, bucket=counted_as)
        with traces.span("api call", connection=self.name, bucket=counted_as, method=request.method) as span:
            response = await self._wire.exchange(request, url)
            span.tell(status=response.status)
            return response

    async def _hold_back(self, wait: float, call: Call, errand: _Errand) -> None:
        """Waits until the budget may have room. `Failed` when that takes longer than the errand may last."""
        counters.add("throttled", connection=self.name, lane=call.lane.value)
        if wait > errand.patience:
            whose = f", share of {call.lane.value}" if call.lane in PATIENT else ""
            text = f"the limit of requests ({call.bucket}{whose}) is reached: next in {wait:.0f} s"
            raise Failed(Fault(FaultKind.RATE_LIMITED, "throttled", text, retry_after=wait), sent=False)
        await errand.wait(wait)

    def _fault(self, request: Request, response: Response) -> Fault | None:
        """The connector's judgement, completed by what HTTP itself says."""
        try:
            fault = self.connector.classify(request, response)
        except ContractBroken as broken:
            fault = broken.fault()
        if fault is None and response.status in REDIRECTS:
            text = f"{self._addresses.host} redirects elsewhere (HTTP {response.status}): check the base URL"
            return Fault(FaultKind.MISCONFIGURED, f"http_{response.status}", text)
        if fault is None:
            return None
        if fault.retry_after is not None:
            return replace(fault, retry_after=min(fault.retry_after, LONGEST_REST))
        told = _retry_after(response, self._clock)
        if told is None and fault.kind is FaultKind.RATE_LIMITED:
            told = UNTOLD_PAUSE
        return replace(fault, retry_after=told)

    def _looks_broken(self, response: Response) -> bool:
        return self._addresses.scheme != "file" and response.ok and _is_broken(response)

    def _pause(self, state: RetryCallState) -> float:
        """What the vendor asked for and a little more, or full jitter below a doubling bound."""
        error = state.outcome.exception() if state.outcome else None
        told = error.fault.retry_after if isinstance(error, Failed) else None
        if told is not None:
            return told + self._jitter() * min(1.0, told / 10)
        return self._jitter() * min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** (state.attempt_number - 1))

    def _note(self, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, Failed):
            counters.add("retries", connection=self.name, fault=error.fault.kind.value)
            LOG.info(
                "trying again",
                connection=self.name,
                fault=error.fault.code,
                attempt=state.attempt_number,
                wait=round(state.upcoming_sleep, 2),
            )

    def _seconds(self) -> float:
        return self._clock().timestamp()


def _may_repeat(request: Request, failed: BaseException) -> bool:
    if not isinstance(failed, Failed):
        return False
    if failed.fault.kind is FaultKind.RATE_LIMITED:
        return True
    return failed.fault.kind is FaultKind.TRANSIENT and (request.repeatable or not failed.sent)


def _retry_after(response: Response, clock: Clock) -> float | None:
    """Seconds by the header Retry-After, which holds seconds or a date (RFC 9110)."""
    text = response.headers.get("retry-after", "").strip()
    if not text:
        return None
    try:
        seconds = float(text) if text[0].isdigit() else (parsedate_to_datetime(text) - clock()).total_seconds()
        return min(max(0.0, seconds), LONGEST_REST)
    except (ValueError, TypeError):
        return None


def _is_broken(response: Response) -> bool:
    """A page where data was asked for, or JSON without its end. Cheap: looks at both ends of the body only."""
    kind = response.headers.get("content-type", "")
    if kind and "json" not in kind and "html" not in kind:
        return False
    head = response.body[:64].lstrip().lower()
    if head.startswith((b"<!doctype html", b"<html")):
        return True
    closing = {b"{": b"}", b"[": b"]"}.get(head[:1])
    return closing is not None and not response.body[-64:].rstrip().endswith(closing)
