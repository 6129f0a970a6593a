"""Drives the HubSpot connector against its sandbox the way the hub does: sign, send, classify, read; no database."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx

from connectors.hubspot import CONNECTOR
from connectors.hubspot.sandbox import HubSpotSandbox
from hub.domain.observation import Record
from hub.domain.outcome import FaultKind, Outcome
from hub.domain.plan import Write
from hub.sdk.auth import Token
from hub.sdk.http import Request, Response
from hub.sdk.sandbox import SandboxConnection, SandboxOptions
from hub.sdk.sinks import Sink
from hub.sdk.streams import Complaint, Cursor, Page, Stream
from hub.sdk.world import EPOCH

FIELDS = (
    "id", "email", "hs_additional_emails", "firstname", "lastname", "phone", "company", "lifecyclestage",
    "hs_email_optout", "subscriptions.email",
)  # fmt: skip


class SteppedClock:
    def __init__(self) -> None:
        self.at = EPOCH

    def __call__(self) -> datetime:
        return self.at

    def step(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@dataclass
class Walk:
    records: list[Record] = field(default_factory=list)
    pages: list[Page] = field(default_factory=list)
    complaints: list[Complaint] = field(default_factory=list)

    @property
    def last(self) -> Page:
        return self.pages[-1]

    @property
    def cursor(self) -> Cursor:
        assert self.last.cursor is not None
        return self.last.cursor

    def ids(self, *, gone: bool = False) -> list[str]:
        return [record.id for record in self.records if record.gone is gone]

    def by_id(self) -> dict[str, Record]:
        return {record.id: record for record in self.records}


class Stage:
    """One sandbox, one connection to it, and a clock that waits move on."""

    def __init__(
        self,
        people: int = 0,
        *,
        connection: str = "private_app",
        index_delay: timedelta = timedelta(seconds=1),
        **settings: Any,
    ) -> None:
        self.clock = SteppedClock()
        self.sandbox = HubSpotSandbox(SandboxOptions(people=people, clock=self.clock), index_delay=index_delay)
        plain = self.sandbox.connection() if connection == "private_app" else self.sandbox.oauth_connection()
        self.given = SandboxConnection({**plain.settings, **settings}, plain.secrets)
        self.settings = CONNECTOR.settings.model_validate(dict(self.given.settings))
        self.auth = CONNECTOR.auth(self.settings, self.given.secrets)
        self.token: Token | None = None
        self.waits: list[float] = []
        self.refreshes = 0
        self.sent: list[Request] = []

    def stream(self, fields: Sequence[str] = FIELDS) -> Stream:
        return CONNECTOR.stream("contacts", self.settings, fields)

    def sink(self, fields: Sequence[str] = FIELDS) -> Sink:
        return CONNECTOR.sink("contacts", self.settings, fields)

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        """One exchange with the sandbox, in this process; with the private app's token unless headers are given."""
        more.setdefault("headers", {"Authorization": f"Bearer {self.sandbox.token}"})

        async def exchange() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.sandbox.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://sandbox") as client:
                return await client.request(method, path, **more)

        return asyncio.run(exchange())

    def raw_send(self, request: Request) -> Response:
        self.sent.append(request)
        answer = self.ask(
            request.method,
            request.path,
            params=list(request.query),
            headers=dict(request.headers),
            content=request.body,
        )
        return Response(answer.status_code, answer.content, {k.lower(): v for k, v in answer.headers.items()})

    def send(self, request: Request) -> Response:
        """Signs and sends; waits out limits, refreshes the token once when it is refused."""
        for _ in range(20):
            if self.token is None:
                self._refresh()
            response = self.raw_send(self.auth.sign(request, self.token))
            fault = CONNECTOR.classify(request, response)
            if fault is None:
                return response
            if fault.kind is FaultKind.RATE_LIMITED:
                assert fault.retry_after is not None
                self.waits.append(fault.retry_after)
                self.clock.step(fault.retry_after)
            elif fault.kind is FaultKind.UNAUTHORISED:
                self._refresh()
            else:
                raise AssertionError(fault)
        raise AssertionError("no answer in 20 tries")

    def _refresh(self) -> None:
        request = self.auth.token_request(self.clock())
        if request is not None:
            self.token = self.auth.token(self.raw_send(request), self.clock())
            self.refreshes += 1

    def walk(self, cursor: Cursor | None = None, stream: Stream | None = None, *, pages: int = 2_000) -> Walk:
        """A walk to its end. Every position must survive JSON and none may come twice."""
        stream = stream or self.stream()
        position = stream.start(cursor, self.clock())
        walk, seen = Walk(), set()
        for _ in range(pages):
            text = json.dumps(position, sort_keys=True)
            assert text not in seen, "a position came twice"
            seen.add(text)
            page = stream.page(json.loads(text), self.send(stream.request(json.loads(text))))
            walk.pages.append(page)
            walk.records += page.records
            walk.complaints += page.complaints
            if page.next is None:
                return walk
            assert page.cursor is None
            position = page.next
        raise AssertionError("the walk does not end")

    def write(self, *batch: Write, sink: Sink | None = None) -> list[Outcome]:
        sink = sink or self.sink()
        outcomes = list(sink.outcomes(batch, self.send(sink.request(batch))))
        assert len(outcomes) == len(batch)
        return outcomes

    def bulk(self, count: int, at: datetime | None = None) -> list[str]:
        """Contacts that all have the same modified time, as a bulk edit leaves them, and are indexed."""
        with self.sandbox.lock:
            contacts = self.sandbox.account.contacts
            made = [contacts.create({"email": f"bulk{i}@people.example"}, at=at or self.clock()) for i in range(count)]
            contacts.seeded()
        return [contact.id for contact in made]
