"""Runs the connector against the sandbox the way the hub does, with a clock that the test holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from connectors.google_ads import CONNECTOR
from connectors.google_ads.sandbox import GoogleAdsSandbox, sandbox
from hub.domain.observation import Record
from hub.domain.outcome import FaultKind
from hub.sdk.auth import Token
from hub.sdk.http import Request, Response
from hub.sdk.sandbox import Running, SandboxOptions, serve
from hub.sdk.streams import Cursor, Page

SERVERS: list[Running] = []
"""What the drivers of a test started; stopped at its end."""

START = datetime(2026, 1, 5, 9, tzinfo=UTC)


@dataclass
class Clock:
    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **spans: float) -> None:
        self.now += timedelta(**spans)


@dataclass
class Driver:
    clock: Clock = field(default_factory=Clock)
    people: int = 6000
    seed: int = 3
    changes: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.sandbox: GoogleAdsSandbox = sandbox(SandboxOptions(self.seed, self.people, "none", self.clock))
        SERVERS.append(serve(self.sandbox.app))
        self.client = httpx.Client(base_url=SERVERS[-1].url, timeout=60)
        given = self.sandbox.connection()
        self.settings = CONNECTOR.settings(**{**given.settings, **self.changes})
        self.auth = CONNECTOR.auth(self.settings, given.secrets)
        self.token: Token | None = None
        self.sent: list[Request] = []

    def send(self, request: Request) -> Response:
        self.sent.append(request)
        answer = self.client.request(
            request.method,
            request.path,
            params=list(request.query),
            headers=dict(request.headers),
            content=request.body,
        )
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return Response(answer.status_code, answer.content, headers)

    def grant(self) -> None:
        request = self.auth.token_request(self.clock())
        assert request is not None
        self.token = self.auth.token(self.send(request), self.clock())

    def ask(self, request: Request) -> Response:
        """Signed; a refused token is renewed once, as the transport does."""
        if self.token is None:
            self.grant()
        response = self.send(self.auth.sign(request, self.token))
        fault = CONNECTOR.classify(request, response)
        if fault is not None and fault.kind is FaultKind.UNAUTHORISED:
            self.grant()
            response = self.send(self.auth.sign(request, self.token))
        return response

    def pages(self, name: str, cursor: Cursor | None = None, fields: tuple[str, ...] = ()) -> Iterator[Page]:
        stream = CONNECTOR.stream(name, self.settings, fields)
        position: dict[str, Any] | None = stream.start(cursor, self.clock())
        for _ in range(500):
            assert position is not None
            response = self.ask(stream.request(position))
            fault = CONNECTOR.classify(stream.request(position), response)
            assert fault is None, fault
            page = stream.page(position, response)
            assert page.next != position
            yield page
            if page.next is None:
                return
            position = page.next
        raise AssertionError("the walk does not end")

    def walk(self, name: str, cursor: Cursor | None = None) -> tuple[dict[str, Record], Page]:
        """All records by id, and the last page."""
        found: dict[str, Record] = {}
        last = Page()
        for last in self.pages(name, cursor):
            found.update({record.id: record for record in last.records})
        return found, last
