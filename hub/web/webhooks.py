"""`POST /webhooks/CONNECTION`: proven, then read for ids alone, noted, and only then answered.

First the size is looked at, then the proof, then the contents. Whoever is refused learns nothing: not why, and not from
how long it took.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from hub import counters
from hub.domain.hint import Hint, Noted
from hub.domain.moments import iso
from hub.logs import log
from hub.sdk.hooks import BODY_MAX, Hook, HookRequest, Refusal, signed
from hub.web.doors import Door, Doors
from hub.web.intake import Away, Busy, Intake
from sync_jobs.hub import Hub

PATH = "/webhooks/{connection}"
BODY_SECONDS = 10.0
"""How long a body may take to arrive."""
RETRY_SECONDS = 5
UNKNOWN = "unknown"
"""Stands in counts for names that are no connection's: anybody may ask for any name."""
_log = log(__name__)


class Webhooks:
    """The route, and what it needs. `public_url`: under which address vendors know this hub; without it, what the
    request and the headers of a proxy say."""

    def __init__(self, hub: Hub, public_url: str = "") -> None:
        self.doors = Doors(hub)
        self.intake = Intake(hub)
        self._hub = hub
        self._public_url = public_url.rstrip("/")

    def routes(self) -> list[Route]:
        return [Route(PATH, self.take, methods=["POST"]), Route(PATH, self.validate, methods=["GET"])]

    async def run(self) -> None:
        """What has to run beside the routes, until it is cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.doors.keep())
            tasks.create_task(self.intake.run())

    async def validate(self, request: Request) -> Response:
        """A vendor asks whether somebody is here. Nothing is done, so nothing has to be proven."""
        door = self.doors.at(request.path_params["connection"])
        return Response() if door is not None and door.validates else _said(404, "not found")

    async def take(self, request: Request) -> Response:
        received_at = self._hub.clock()
        door = self.doors.at(request.path_params["connection"])
        headers = {name.lower(): value for name, value in request.headers.items()}
        hook = door.hook(headers) if door is not None else None
        try:
            body = await _body(request, hook.body_max if hook is not None else BODY_MAX)
        except _Unfit as unfit:
            return _refused(door, unfit.reason, _said(unfit.status, unfit.reason, close=True))
        if door is None or hook is None:
            signed("", body)  # as long as it takes those that are known
            return _refused(door, UNKNOWN if door is None else "no secret", _said(404, "not found"))
        asked = HookRequest(request.method, self._called(request), headers, body, received_at, door.account)
        found = _read(door, hook, asked)
        if isinstance(found, Refusal):
            unreadable = found is Refusal.UNREADABLE
            return _refused(door, found, _said(400, "unreadable") if unreadable else _said(401, "refused"))
        return await self._note(door, hook, found, received_at)

    async def _note(self, door: Door, hook: Hook, found: Sequence[Hint], at: datetime) -> Response:
        rows = [Noted(door.name, hint.stream, hint.remote_id, iso(at)) for hint in found]
        try:
            if rows:
                await self.intake.note(rows)
        except (Busy, Away) as error:
            return _refused(door, type(error).__name__.lower(), _said(503, "try again later"))
        counters.add("webhooks_taken", connection=door.name)
        counters.add("webhook_hints", len(rows), connection=door.name)
        answer = hook.answer
        return Response(answer.body, answer.status, media_type=answer.content_type)

    def _called(self, request: Request) -> str:
        """The address as the sender wrote it. Whoever lies in a proxy's headers only spoils a signature."""
        headers, scope = request.headers, request.scope
        scheme = headers.get("x-forwarded-proto", scope["scheme"]).partition(",")[0].strip()
        host = headers.get("x-forwarded-host", headers.get("host", "")).partition(",")[0].strip()
        path: bytes = scope.get("raw_path") or scope["path"].encode()
        query: bytes = scope["query_string"]
        address = (self._public_url or f"{scheme}://{host}") + path.decode("latin-1")
        return f"{address}?{query.decode('latin-1')}" if query else address


def _read(door: Door, hook: Hook, asked: HookRequest) -> Sequence[Hint] | Refusal:
    refusal = hook.verify(door.settings, door.secrets, asked)
    if refusal is not None:
        return refusal
    found = hook.hints(door.settings, asked)
    if not isinstance(found, Refusal) and any(hint.stream not in door.connector.streams for hint in found):
        return Refusal.UNREADABLE
    return found


class _Unfit(Exception):
    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


async def _body(request: Request, most: int) -> bytes:
    """The body, of which never more than `most` bytes are held."""
    said = request.headers.get("content-length", "")
    if said.isdecimal() and int(said[:20]) > most:
        raise _Unfit(413, "too large")
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for part in request.stream():
                size += len(part)
                if size > most:
                    raise _Unfit(413, "too large")
                parts.append(part)
    except TimeoutError:
        raise _Unfit(408, "too slow") from None
    except ClientDisconnect:
        raise _Unfit(400, "cut off") from None
    return b"".join(parts)


def _refused(door: Door | None, reason: str, answer: Response) -> Response:
    name = door.name if door is not None else UNKNOWN
    counters.add("webhooks_refused", connection=name, reason=reason)
    _log.info("webhook refused", connection=name, reason=str(reason))
    return answer


def _said(status: int, what: str, *, close: bool = False) -> Response:
    answer = JSONResponse({"error": what}, status)
    if close:  # the rest of the request is not waited for
        answer.headers["connection"] = "close"
    if status == 503:
        answer.headers["retry-after"] = str(RETRY_SECONDS)
    return answer
