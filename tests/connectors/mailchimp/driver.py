"""Runs the connector against the sandbox over real HTTP, with a clock that the test holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from mailchimp_marketing import Client

from connectors.mailchimp import CONNECTOR
from connectors.mailchimp.sandbox import MailchimpSandbox
from connectors.mailchimp.sinks import MembersSink
from hub.domain.keys import Key
from hub.domain.observation import Record
from hub.domain.outcome import Outcome
from hub.domain.plan import Op, Write
from hub.sdk.auth import Token
from hub.sdk.http import Request, Response
from hub.sdk.sandbox import Running, SandboxOptions, serve
from hub.sdk.streams import Cursor, Page
from hub.sdk.world import World

SERVERS: list[Running] = []
"""What the drivers of a test started; stopped at its end."""

START = datetime(2026, 1, 5, 9, tzinfo=UTC)
READS = (
    *("email_address", "status", "last_changed", "timestamp_opt", "ip_opt", "unsubscribe_reason"),
    *("merge_fields.FNAME", "merge_fields.LNAME", "merge_fields.PHONE", "merge_fields.COMPANY"),
    "merge_fields.ADDRESS.addr1",
)
PAGES_MAX = 500


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
class Driver:
    clock: Clock = field(default_factory=Clock)
    people: int = 120
    seed: int = 3
    world: World | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    latency: float = 0.0

    def __post_init__(self) -> None:
        options = SandboxOptions(self.seed, self.people, "none", self.clock, self.world)
        self.sandbox = MailchimpSandbox(options, self.latency)
        SERVERS.append(serve(self.sandbox.app))
        self.url = SERVERS[-1].url
        self.http = httpx.Client(base_url=self.url, timeout=60)
        given = self.sandbox.connection()
        self.settings = CONNECTOR.settings(**{**given.settings, **self.changes})
        self.auth = CONNECTOR.auth(self.settings, {**given.secrets, **self.secrets})
        self.token: Token | None = None
        self.sent: list[Request] = []
        self.after_send: Callable[[Request], None] = lambda request: None

    @property
    def list_id(self) -> str:
        return self.sandbox.audience.list_id

    def client(self, **config: str) -> Any:
        """Mailchimp's own client, pointed at the sandbox."""
        client = Client()
        client.set_config(config or {"api_key": self.sandbox.api_key})
        client.api_client.host = f"{self.url}/3.0"
        return client

    def send(self, request: Request) -> Response:
        self.sent.append(request)
        answer = self.http.request(
            request.method,
            request.path,
            params=list(request.query),
            headers=dict(request.headers),
            content=request.body,
        )
        headers = {name.lower(): value for name, value in answer.headers.items()}
        self.after_send(request)
        return Response(answer.status_code, answer.content, headers)

    def ask(self, request: Request) -> Response:
        """Signed, and not refused as a whole."""
        if self.token is None:
            wanted = self.auth.token_request(self.clock())
            self.token = self.auth.token(self.send(wanted), self.clock()) if wanted else None
        response = self.send(self.auth.sign(request, self.token))
        fault = CONNECTOR.classify(request, response)
        assert fault is None, fault
        return response

    def pages(self, name: str, cursor: Cursor | None = None, fields: Sequence[str] = READS) -> Iterator[Page]:
        stream = CONNECTOR.stream(name, self.settings, fields if name == "members" else ())
        position: dict[str, Any] | None = stream.start(cursor, self.clock())
        for _ in range(PAGES_MAX):
            assert position is not None
            page = stream.page(position, self.ask(stream.request(position)))
            assert page.next != position
            yield page
            if page.next is None:
                return
            position = page.next
        raise AssertionError("the walk does not end")

    def walk(
        self, name: str = "members", cursor: Cursor | None = None, fields: Sequence[str] = READS
    ) -> tuple[dict[str, Record], Page]:
        """All records by id, and the last page."""
        found: dict[str, Record] = {}
        last = Page()
        for last in self.pages(name, cursor, fields):
            found.update({record.id: record for record in last.records})
        return found, last

    def sink(self, fields: Sequence[str] = READS) -> MembersSink:
        sink = CONNECTOR.sink("members", self.settings, fields)
        assert isinstance(sink, MembersSink)
        return sink

    def write(self, *writes: Write) -> Sequence[Outcome]:
        """One request for writes of one group."""
        sink = self.sink()
        assert len({sink.group(w) for w in writes}) == 1
        return sink.outcomes(writes, self.ask(sink.request(writes)))


def create(email: str, **payload: Any) -> Write:
    fields = {"email_address": email, **{k.replace("__", "."): v for k, v in payload.items()}}
    return Write(Op.CREATE, None, Key("email", email.lower()), fields, token=email)


def update(remote_id: str, email: str | None, part: str = "", **payload: Any) -> Write:
    key = Key("email", email.lower()) if email else None
    return Write(Op.UPDATE, remote_id, key, {k.replace("__", "."): v for k, v in payload.items()}, remote_id, part)
