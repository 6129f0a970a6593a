"""Runs the connector against the sandbox over real HTTP, with a clock that the test holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from connectors.salesforce import CONNECTOR
from connectors.salesforce.sandbox import SalesforceSandbox
from connectors.salesforce.sandbox.schema import SCHEMA
from connectors.salesforce.settings import Settings
from hub.domain.keys import Key
from hub.domain.observation import Record
from hub.domain.outcome import FaultKind, Outcome
from hub.domain.plan import Op, Write
from hub.sdk.auth import Token
from hub.sdk.http import Request, Response
from hub.sdk.sandbox import Faults, Running, SandboxOptions, serve
from hub.sdk.sinks import Found
from hub.sdk.streams import Cursor, Page
from hub.sdk.world import World

START = datetime(2026, 1, 5, 9, tzinfo=UTC)
READS = ("FirstName", "LastName", "Email", "Title", "Account.Name", "Owner.Email", "HasOptedOutOfEmail", "DoNotCall")
LEAD_READS = ("FirstName", "LastName", "Email", "Company", "Status", "HasOptedOutOfEmail")
PAGES_MAX = 200
SERVERS: list[Running] = []
"""What the drivers of a test started; stopped at its end."""


@dataclass
class Clock:
    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **spans: float) -> None:
        self.now += timedelta(**spans)


class Empty(World):
    """A world without people and campaigns."""

    def appearances(self, vendor: str) -> tuple[Any, ...]:
        return ()

    def campaigns(self, vendor: str) -> tuple[Any, ...]:
        return ()


EMPTY = Empty(1, 0)


@dataclass
class Walked:
    """What a walk showed; `requests` counts those sent again after a new token too."""

    pages: list[Page] = field(default_factory=list)
    requests: int = 0

    @property
    def records(self) -> list[Record]:
        return [r for p in self.pages for r in p.records]

    @property
    def ids(self) -> list[str]:
        return [r.id for r in self.records]

    @property
    def cursor(self) -> Cursor:
        cursor = self.pages[-1].cursor
        assert cursor is not None
        return cursor


@dataclass
class Driver:
    clock: Clock = field(default_factory=Clock)
    people: int = 60
    seed: int = 3
    world: World | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, str] | None = None
    faults: Faults = "none"

    def __post_init__(self) -> None:
        options = SandboxOptions(self.seed, self.people, self.faults, self.clock, self.world)
        self.sandbox = SalesforceSandbox(options)
        SERVERS.append(serve(self.sandbox.app))
        self.url = SERVERS[-1].url
        self.http = httpx.Client(timeout=30)
        self.connect(self.changes, self.secrets)

    def connect(self, changes: Mapping[str, Any], secrets: Mapping[str, str] | None = None) -> None:
        given = self.sandbox.connection()
        self.settings = Settings(**{**given.settings, **changes})
        self.kept = dict(given.secrets if secrets is None else secrets)
        self.token: Token | None = None

    def raw(self, request: Request) -> Response:
        """Sends as it is."""
        base = self.url if self.token is None else self.token.base_url
        url = request.path if request.path.startswith("http") else f"{base}{request.path}"
        got = self.http.request(
            request.method, url, params=request.query or None, headers=dict(request.headers), content=request.body
        )
        return Response(got.status_code, got.content, {k.lower(): v for k, v in got.headers.items()})

    def log_in(self) -> Token:
        """A new token; rotated secrets are kept."""
        scheme = CONNECTOR.auth(self.settings, self.kept)
        asked = scheme.token_request(self.clock())
        assert asked is not None
        self.token = None
        self.token = scheme.token(self.raw(asked), self.clock())
        self.kept.update(self.token.secrets)
        return self.token

    def send(self, request: Request, walked: Walked | None = None) -> Response:
        """Signed; on a 401 once more with a new token, as the transport does."""
        for _ in range(2):
            token = self.token or self.log_in()
            if walked is not None:
                walked.requests += 1
            response = self.raw(CONNECTOR.auth(self.settings, self.kept).sign(request, token))
            fault = CONNECTOR.classify(request, response)
            if fault is None or fault.kind is not FaultKind.UNAUTHORISED:
                return response
            self.token = None
        return response

    def walk(
        self,
        stream: str = "contacts",
        reads: Sequence[str] = READS,
        cursor: Cursor | None = None,
        between: Callable[[int], None] = lambda page: None,
    ) -> Walked:
        """A whole walk; `between` happens after each page, and no page may point at itself."""
        source = CONNECTOR.stream(stream, self.settings, reads)
        position: dict[str, Any] | None = source.start(cursor, self.clock())
        walked = Walked()
        while position is not None:
            assert len(walked.pages) < PAGES_MAX
            response = self.send(source.request(position), walked)
            assert CONNECTOR.classify(source.request(position), response) is None, response.body[:300]
            page = source.page(position, response)
            assert page.next != position
            walked.pages.append(page)
            between(len(walked.pages))
            position = page.next
        return walked

    def write(self, batch: Sequence[Write], stream: str = "contacts") -> Sequence[Outcome]:
        sink = CONNECTOR.sink(stream, self.settings, READS)
        assert len({sink.group(w) for w in batch}) == 1
        request = sink.request(batch)
        response = self.send(request)
        assert CONNECTOR.classify(request, response) is None, response.body[:300]
        return sink.outcomes(batch, response)

    def read(self, ids: Sequence[str], stream: str = "contacts", reads: Sequence[str] = READS) -> Found:
        sink = CONNECTOR.sink(stream, self.settings, reads)
        return sink.found(ids, self.send(sink.read(ids)))

    def look(self, keys: Sequence[Key], stream: str = "contacts", reads: Sequence[str] = READS) -> Found:
        sink = CONNECTOR.sink(stream, self.settings, reads)
        return sink.found([str(k) for k in keys], self.send(sink.lookup(keys)))

    def plant(self, count: int, at: datetime = START - timedelta(days=1), name: str = "contact") -> list[str]:
        """Rows that were all saved in the same second."""
        org, sobject = self.sandbox.org, SCHEMA[name]
        extra: dict[str, Any] = {"Company": "Bulk"} if name == "lead" else {}
        with org.lock:
            rows = ({"LastName": f"Row {n}", "Email": f"row{n}@bulk.example", **extra} for n in range(count))
            return [org.plant(sobject, row, at, at) for row in rows]


def create(email: str, entity: str = "", **payload: Any) -> Write:
    return Write(Op.CREATE, None, Key("email", email), {"Email": email, **payload}, email, entity_id=entity)


def update(remote_id: str, **payload: Any) -> Write:
    return Write(Op.UPDATE, remote_id, None, payload, remote_id)


def remove(remote_id: str) -> Write:
    return Write(Op.REMOVE, remote_id, None, {}, remote_id)
