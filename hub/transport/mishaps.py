"""A network with mishaps, for simulations: it loses requests, loses replies, garbles answers, and kills the process."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, TypeAlias

import httpx

from hub import clock as clocks
from hub.clock import Clock


class Mishap(StrEnum):
    NONE = "none"
    NEVER_SENT = "never_sent"
    """The connection fails before anything leaves."""
    REPLY_LOST = "reply_lost"
    """The vendor does it; nobody learns of it."""
    FAILS_BEFORE = "fails_before"
    """HTTP 500, and nothing was done."""
    FAILS_AFTER = "fails_after"
    """HTTP 502, and it was done."""
    SLOW_DOWN = "slow_down"
    """HTTP 429 with Retry-After: 1; nothing was done."""
    CUT_SHORT = "cut_short"
    """The answer ends in the middle of its JSON."""
    HTML = "html"
    """HTTP 200 with a page of a proxy."""
    APPLIED_LATE = "applied_late"
    """No answer in time, for the vendor still works on it: it is done `LATE` seconds later."""
    DIES_BEFORE = "dies_before"
    """The process is killed as the request leaves."""
    DIES_AFTER = "dies_after"
    """The process is killed as the answer comes."""


LATE = 45.0
"""Seconds that a vendor works on a request for which nobody waits any more."""


class Killed(BaseException):
    """The process was killed here. Not an Exception, so that nothing catches it on the way."""


Chooser: TypeAlias = Callable[[str, str], Mishap]
"""Method and path -> what goes wrong with this request."""
Belated: TypeAlias = list[tuple[datetime, httpx.Request]]
"""Requests that a vendor still works on, with when each is done."""


class Mishaps(httpx.AsyncBaseTransport):
    """Reaches an ASGI application without a socket, through the mishaps that `choose` names. `belated` are its requests
    that are done later, by `clock`; given, for they outlive the process that sent them."""

    def __init__(self, app: Any, choose: Chooser, *, clock: Clock = clocks.now, belated: Belated | None = None) -> None:
        self._inner = httpx.ASGITransport(app=app, raise_app_exceptions=True)
        self._choose = choose
        self._clock = clock
        self._belated = belated if belated is not None else []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await self._catch_up()
        mishap = self._choose(request.method, request.url.path)
        if mishap is Mishap.APPLIED_LATE:
            self._belated.append((self._clock() + timedelta(seconds=LATE), request))
            raise httpx.ReadTimeout("no answer in time", request=request)
        before = _before(mishap, request)
        if before is not None:
            return before
        response = await self._inner.handle_async_request(request)
        body = await response.aread()
        return _after(mishap, request, response, body)

    async def _catch_up(self) -> None:
        """The vendor does what it should have done by now."""
        now = self._clock()
        done = [late for late in self._belated if late[0] <= now]
        self._belated[:] = [late for late in self._belated if late[0] > now]
        for _, request in done:
            await (await self._inner.handle_async_request(request)).aread()


def _before(mishap: Mishap, request: httpx.Request) -> httpx.Response | None:
    if mishap is Mishap.NEVER_SENT:
        raise httpx.ConnectError("connection refused", request=request)
    if mishap is Mishap.DIES_BEFORE:
        raise Killed
    if mishap is Mishap.FAILS_BEFORE:
        return httpx.Response(500, content=b'{"error": "failed"}', request=request)
    if mishap is Mishap.SLOW_DOWN:
        return httpx.Response(429, headers={"Retry-After": "1"}, content=b'{"error": "slow"}', request=request)
    return None


def _after(mishap: Mishap, request: httpx.Request, response: httpx.Response, body: bytes) -> httpx.Response:
    if mishap is Mishap.REPLY_LOST:
        raise httpx.ReadTimeout("no answer in time", request=request)
    if mishap is Mishap.DIES_AFTER:
        raise Killed
    if mishap is Mishap.FAILS_AFTER:
        return httpx.Response(502, content=b"bad gateway", request=request)
    if mishap is Mishap.CUT_SHORT:
        return httpx.Response(response.status_code, content=body[: len(body) // 2], request=request)
    if mishap is Mishap.HTML:
        return httpx.Response(200, content=b"<html><body>maintenance</body></html>", request=request)
    headers = [(k, v) for k, v in response.headers.items() if k.lower() not in ("content-length", "transfer-encoding")]
    return httpx.Response(response.status_code, headers=headers, content=body, request=request)
