"""Puts a connector through everything it does, against its sandbox, with the library's mappings: check, discovery,
full walks, walks by changes, looks, creates, updates, consent, removals. What travels is recorded."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import httpx

from hub.domain.keys import Key
from hub.domain.observation import Record
from hub.domain.outcome import FaultKind, Outcome, Status
from hub.domain.plan import Op, Write
from hub.domain.values import Values
from hub.sdk.auth import Token
from hub.sdk.connector import Connector
from hub.sdk.http import Request, Response
from hub.sdk.sandbox import Sandbox, Unsupported
from hub.sdk.sinks import Sink
from hub.sdk.streams import Cursor, Page
from hub.sdk.world import EPOCH
from mappings import library
from mappings.lens import Lens
from tests.conformance.recording import Exchange, Recorder

PERSON: Values = {
    "given_name": "Zoë",
    "family_name": "O'Brien",
    "email": "zoe.obrien@conformance.example",
    "phone": "+12125550123",
    "company_name": "Conformance & Sons",
    "title": "Marketing Manager",
    "street": "1 Main St",
    "city": "Boston",
    "region": "MA",
    "postal_code": "02110",
    "country": "US",
    "lifecycle_stage": "lead",
}


CAMPAIGN: Values = {
    "name": "Conformance, spring",
    "code": "conformance-1",
    "channel": "email",
    "status": "active",
    "start_date": "2026-02-01",
    "end_date": "2026-03-01",
    "budget_minor": 125_050,
    "currency": "USD",
}
PERSON_CHANGES: Values = {"given_name": "Zoe", "company_name": "Changed & Co", "city": "Austin", "phone": None}
SUBJECTS: dict[str, tuple[Values, Values, Key]] = {
    "contact": (PERSON, PERSON_CHANGES, Key("email", str(PERSON["email"]))),
    "campaign": (CAMPAIGN, {"name": "Conformance, summer"}, Key("code", str(CAMPAIGN["code"]))),
}


class SteppedClock:
    def __init__(self) -> None:
        self.at = EPOCH

    def __call__(self) -> datetime:
        return self.at

    def step(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


class Exercise:
    def __init__(self, connector: Connector, sandbox: Sandbox, clock: SteppedClock) -> None:
        self.connector = connector
        self.sandbox = sandbox
        self.clock = clock
        self.recorder = Recorder(sandbox.app)
        given = sandbox.connection()
        self.settings = connector.settings.model_validate(dict(given.settings))
        self.auth = connector.auth(self.settings, given.secrets)
        self.token: Token | None = None
        self.first: dict[str, list[Record]] = {}
        """What the first full walks showed, by stream."""

    @property
    def exchanges(self) -> list[Exchange]:
        return self.recorder.exchanges

    def send(self, request: Request) -> Response:
        """Signs and sends; waits out limits, renews the token."""
        for _ in range(20):
            if self.token is None:
                self._grant()
            response = self._plain(self.auth.sign(request, self.token))
            fault = self.connector.classify(request, response)
            if fault is None:
                return response
            if fault.kind is FaultKind.UNAUTHORISED:
                self._grant()
            elif fault.kind is FaultKind.RATE_LIMITED:
                self.clock.step(fault.retry_after or 10)
            else:
                raise AssertionError(f"{request.method} {request.path}: {fault}")
        raise AssertionError("no answer in 20 tries")

    def _grant(self) -> None:
        request = self.auth.token_request(self.clock())
        if request is not None:
            self.token = self.auth.token(self._plain(request), self.clock())

    def _plain(self, request: Request) -> Response:
        async def exchange() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.recorder)
            async with httpx.AsyncClient(transport=transport, base_url="http://sandbox") as client:
                return await client.request(
                    request.method,
                    request.path,
                    params=list(request.query) or None,
                    headers=dict(request.headers),
                    content=request.body,
                )

        answer = asyncio.run(exchange())
        return Response(answer.status_code, answer.content, {k.lower(): v for k, v in answer.headers.items()})

    def check(self) -> None:
        assert self.connector.account(self.send(self.connector.check(self.settings))).key

    def discover(self, name: str) -> None:
        stream = self.connector.stream(name, self.settings, self.lens(name).reads)
        request = stream.describe()
        assert stream.fields(None if request is None else self.send(request))

    def lens(self, name: str) -> Lens:
        return library.load(self.connector.name, name)

    def walk(self, name: str, cursor: Cursor | None = None) -> tuple[list[Record], Cursor]:
        """The records of a walk, and its cursor."""
        records: list[Record] = []
        last = Page()
        for last in self._pages(name, cursor):
            records += last.records
        assert last.cursor is not None
        return records, last.cursor

    def _pages(self, name: str, cursor: Cursor | None) -> Iterator[Page]:
        stream = self.connector.stream(name, self.settings, self.lens(name).reads)
        position = stream.start(cursor, self.clock())
        for _ in range(400):
            page = stream.page(position, self.send(stream.request(position)))
            yield page
            self.clock.step(page.wait)
            if page.next is None:
                return
            position = page.next
        raise AssertionError(f"the walk of {name} does not end")

    def reads(self) -> None:
        """Everything the connector reads: twice, the second time by changes that people made between."""
        self.check()
        cursors = {}
        for name in self.connector.streams:
            self.discover(name)
            self.first[name], cursors[name] = self.walk(name)
            assert self.first[name], f"{name} is empty: nothing would be shown by it"
        self.clock.step(3_600)
        self._people_act()
        self.clock.step(600)
        for name, cursor in cursors.items():
            self.walk(name, cursor)

    def _people_act(self) -> None:
        people = self.sandbox.people
        ids = people.ids()
        if len(ids) > 8:
            people.delete(ids[3])
            with suppress(Unsupported):
                people.opt_out(ids[4])

    def writes(self, name: str, *, unique: bool = False) -> None:
        """A create, a look by key, an update, the consent, a look by id, a removal; where addresses are unique also a
        second create of the same one, which must not be applied. Where the library's mapping does not create, a record
        that the first walk showed is updated instead."""
        lens = self.lens(name)
        sink = self.connector.sink(name, self.settings, lens.reads)
        values, changes, key = SUBJECTS[lens.entity]
        identity = self._create(sink, lens, values, key, unique=unique) if lens.policy.creates else self._old(name)
        raw = self._shown(sink, identity)
        changed = dict(lens.put(changes, None, raw).values)
        assert changed, f"the mapping writes none of {', '.join(changes)}"
        self._applied(sink, Write(Op.UPDATE, identity, key, changed, "t2", entity_id="hub_1"))
        self._deny(sink, lens, identity, key)
        if lens.policy.creates and sink.supports(Op.REMOVE, ""):
            self._applied(sink, Write(Op.REMOVE, identity, key, {}, "t3"))

    def _create(self, sink: Sink, lens: Lens, values: Values, key: Key, *, unique: bool) -> str:
        created = Write(Op.CREATE, None, key, dict(lens.put(values, None, None).values), "t0", entity_id="hub_1")
        identity = self._identity(sink, key, self._write(sink, [created])[0])
        self._look(sink, key)
        if unique:
            twins = self._write(sink, [created, Write(Op.CREATE, None, None, dict(created.payload), "t1")])
            assert all(outcome.status is not Status.APPLIED for outcome in twins), "a twin was made"
        return identity

    def _old(self, name: str) -> str:
        shown = {record.id for record in self.walk(name)[0] if not record.gone}
        return next(record.id for record in self.first[name] if record.id in shown)

    def _applied(self, sink: Sink, write: Write) -> None:
        assert self._write(sink, [write])[0].status is Status.APPLIED

    def _shown(self, sink: Sink, identity: str) -> dict[str, Any]:
        """The record as a look by id shows it, together with another one and one that is not there."""
        asked = [identity, *self.sandbox.people.ids()[:5]][: sink.look_max]
        found = sink.found(asked, self.send(sink.read(asked)))
        return dict(next(record.raw for record in found.records if record.id == identity))

    def _deny(self, sink: Sink, lens: Lens, identity: str, key: Key) -> None:
        payload = dict(lens.put({}, {"email": "denied"}, None).values)
        policy = lens.policy.fields.get("consent.email")
        if payload and policy is not None and policy.direction.writes:
            self._applied(sink, Write(Op.UPDATE, identity, key, payload, "t4", policy.part, "hub_1"))

    def _look(self, sink: Sink, key: Key) -> None:
        asked = [key, Key(key.kind, "nobody@conformance.example")][: sink.look_max]
        sink.found([str(k) for k in asked], self.send(sink.lookup(asked)))

    def _identity(self, sink: Sink, key: Key, outcome: Outcome) -> str:
        assert outcome.status is Status.APPLIED, outcome
        found = outcome.remote_id or self.sandbox.people.find(key.value)
        assert found is not None
        return found

    def _write(self, sink: Sink, batch: Sequence[Write]) -> list[Outcome]:
        outcomes: list[Outcome] = []
        for first in range(0, len(batch), sink.batch_max):
            part = batch[first : first + sink.batch_max]
            outcomes += sink.outcomes(part, self.send(sink.request(part)))
        return outcomes
