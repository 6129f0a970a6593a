"""An opened home: its database, its keys, its connections ready to work."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import TypeAlias
from uuid import uuid4

from pydantic import ValidationError

import connectors
from hub import clock as clocks
from hub import logs, settings
from hub.clock import Clock
from hub.domain.connection import Connection
from hub.domain.moments import iso
from hub.domain.policy import Brakes, EntityPolicy
from hub.domain.version import MappingVersion
from hub.engine.reconcile import Rules
from hub.errors import BadInput, HubError, NotFound, Refused
from hub.sdk.auth import Auth
from hub.sdk.connector import Connector
from hub.store import connections, golden, mappings
from hub.store import secrets as safe
from hub.store.database import Database, open_database
from hub.store.schema import refuse_outdated
from hub.transport.budget import Budgets
from hub.transport.client import Caller, Transport
from hub.transport.memory_budget import MemoryBudgets
from sync_jobs import brakes, documents, drifts, quotas
from sync_jobs.queue import MemoryQueue, Queue
from sync_jobs.rulebook import Rulebook
from sync_jobs.tokens import StoredTokens
from sync_jobs.wiring import Wired

Sleep: TypeAlias = Callable[[float], Awaitable[None]]

KEY_FILE = "secret.key"


async def _open_vault(database: Database, home: Path, now: str) -> safe.Vault:
    """Opens the store's data key with `HUB_SECRET_KEY` or the home's key file; a new home gets a key file."""
    given = settings.load().secret_key
    said, file = given.get_secret_value() if given is not None else None, home / KEY_FILE
    async with database.write() as conn:
        if not said and not file.exists() and await safe.is_new(conn):
            safe.make_key_file(file)
        try:
            return await safe.make_vault(conn, safe.find_master_key(said, file), now)
        except Refused as error:
            if said and await safe.opens(conn, file):
                mend = f"Unset HUB_SECRET_KEY (and HUB_SECRET_KEY_FILE): {file} opens it, and the variable comes first."
                raise Refused(error.message, mend=mend) from None
            raise


UNUSABLE = (HubError, ValueError, KeyError)
"""What a connection raises whose settings, secrets, connector or mapping documents are not fit for use."""


def _why(row: Connection, error: Exception) -> str:
    """The reason in a sentence, without values: they may be secret."""
    if isinstance(error, ValidationError):
        fields = ", ".join(sorted({".".join(map(str, e["loc"])) for e in error.errors(include_input=False)}))
        return f"its settings do not fit the connector {row.connector} as it is now: {fields}"
    if isinstance(error, HubError):
        return "; ".join([error.message, *map(str, error.complaints)])
    if row.connector not in connectors.names():
        return f"there is no connector {row.connector}"
    return f"the connector {row.connector} cannot use its settings or secrets ({type(error).__name__})"


@dataclass(slots=True)
class _Made:
    """What a connection was made ready with, besides its row and its documents. `given`: when its secrets were;
    `secrets`: those it speaks with, as its vendor may have rotated them since."""

    given: safe.Marks
    rests: drifts.Rests
    secrets: Mapping[str, str] = field(repr=False)


class Hub:
    """Use as `async with await Hub.open(home) as hub:`."""

    def __init__(
        self,
        home: Path,
        database: Database,
        vault: safe.Vault,
        clock: Clock,
        transports: Mapping[str, Transport],
        queue: Queue,
        sleep: Sleep = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
        budgets: Budgets | None = None,
    ) -> None:
        self.home = home
        self.database = database
        self.vault = vault
        self.clock = clock
        self.queue = queue
        self.brakes = Brakes()
        self.doubt = timedelta(seconds=settings.load().doubt_seconds)
        """How long a write whose answer was lost may still arrive at a vendor that does not show it."""
        self.budgets: Budgets = budgets or MemoryBudgets()
        self.wired: dict[str, Wired] = {}
        self.unusable: dict[str, str] = {}
        """Connections that cannot be made ready, and why: the others work on."""
        self.locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._transports = transports
        self._sleep = sleep
        self._jitter = jitter
        self._made: dict[str, _Made] = {}
        self._known: frozenset[golden.Sink] = frozenset()
        self._rows: dict[str, Connection] = {}
        self._published: Mapping[str, MappingVersion] = {}
        self._book: Rulebook | None = None

    @classmethod
    async def open(
        cls,
        home: Path,
        *,
        clock: Clock = clocks.now,
        transports: Mapping[str, Transport] | None = None,
        database_url: str | None = None,
        queue: Queue | None = None,
        sleep: Sleep = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
        migrate: bool = True,
        budgets: Budgets | None = None,
    ) -> Hub:
        """`transports`: by connection name, to reach a connection without a network (simulation, tests). Without
        `migrate` a store that is not up to date is refused instead of upgraded. `budgets`: where several processes
        share them; else each counts its own calls."""
        database = open_database(database_url or f"sqlite:///{home / 'hub.db'}")
        try:
            if migrate:
                await database.upgrade()
            else:
                refuse_outdated(await database.schema())
            vault = await _open_vault(database, home, iso(clock()))
        except BaseException:
            await database.close()
            raise
        hub = cls(home, database, vault, clock, transports or {}, queue or MemoryQueue(), sleep, jitter, budgets)
        async with database.read() as conn:
            hub.brakes = await brakes.fetch(conn, hub.brakes)
        await hub.wire()
        return hub

    async def wire(self) -> None:
        """Reads the connections, their secrets, their published documents and the fields that rest anew: after one was
        added, changed or removed, here or by another process. What is as it was goes on; what isn't gives way to the
        new in one step, for others work with it meanwhile."""
        async with self.locks["wiring"]:
            async with self.database.read() as conn:
                rows = await connections.all(conn)
                published = await mappings.published(conn)
                given, rests = await safe.marks(conn), await drifts.rests(conn)
            published = await self._adopt_survivorships(published)
            for name in self.wired.keys() - {row.name for row in rows}:
                await self._drop(name)
            unusable: dict[str, str] = {}
            for row in rows:
                old, marks = self.wired.get(row.name), given.get(row.name, ())
                try:
                    if old is not None and await self._holds(old, row, published, marks, rests.get(row.name)):
                        continue
                    self.wired[row.name] = await self._wire(row, published, marks)
                    self._known = frozenset(sink for sink in self._known if sink[0] != row.name)
                    if old is not None:
                        await old.caller.close()
                except UNUSABLE as error:
                    unusable[row.name] = _why(row, error)
                    await self._drop(row.name)
            self.unusable = unusable
            self._rows = {row.name: row for row in rows}
            self._published = published
            self._book = None
            await self._make_known()
            await quotas.recall(self)

    async def _make_known(self) -> None:
        """Whoever may have to be told is known to the store before anything is heard: it notes for each what it is to
        be told. A connection made anew may be another one of the same name."""
        sinks = {(w.name, sink, w.lenses[sink].entity) for w in self.wired.values() for sink in w.sinks()}
        if sinks <= self._known:
            return
        async with self.database.read() as conn:
            known = await golden.sinks_of(conn)
        if missing := sinks - known:
            async with self.database.hearing() as conn:
                await golden.make_known(conn, missing)
        self._known = known | missing

    async def _drop(self, name: str) -> None:
        self._made.pop(name, None)
        if (old := self.wired.pop(name, None)) is not None:
            await old.caller.close()

    async def _holds(
        self,
        old: Wired,
        row: Connection,
        published: Mapping[str, MappingVersion],
        given: safe.Marks,
        rests: drifts.Rests | None,
    ) -> bool:
        """Whether a connection is as it was made ready. Secrets that were given anew may be the same, or those that
        its caller rotated itself."""
        made = self._made.get(row.name)
        if made is None or old.connection != row or old.versions != documents.numbers(published, row.name):
            return False
        if made.given != given:
            if await self.secrets(row.name) != made.secrets:
                return False
            made.given = given
        return made.rests == (rests or drifts.NONE_RESTS)

    async def refresh(self) -> None:
        """Takes over what changed in the store since: connections, secrets, documents, fields that rest, brakes. For
        processes that go on for months."""
        async with self.database.read() as conn:
            self.brakes = await brakes.fetch(conn, Brakes())
        await self.wire()

    async def rewire(self, name: str) -> None:
        """Makes one connection ready anew, also when it is as it was."""
        self._made.pop(name, None)
        await self.wire()

    async def _wire(self, row: Connection, published: Mapping[str, MappingVersion], given: safe.Marks) -> Wired:
        connector = connectors.load(row.connector)
        settings = connector.settings.model_validate(dict(row.settings))
        secrets = await self.secrets(row.name)
        versions = await self._documents(row.name, connector, published)
        mapped = {stream: versions[stream] for stream in connector.streams if stream in versions}
        applied = await drifts.applied(self.database, row.name, mapped, self.now_text())
        made = _Made(given, applied.rests, secrets)

        def reauth(rotated: Mapping[str, str]) -> Auth:
            made.secrets = {**secrets, **rotated}
            return connector.auth(settings, made.secrets)

        caller = Caller(
            connector,
            row.base_url,
            connector.auth(settings, secrets),
            StoredTokens(self.database, self.vault, row.name, self.clock),
            clock=self.clock,
            sleep=self._sleep,
            transport=self._transports.get(row.name),
            name=row.name,
            budget=quotas.budget_of(self, row, connector, settings, secrets),
            reauth=reauth,
            jitter=self._jitter,
        )
        numbers = {s: v.version for s, v in versions.items()}
        self._made[row.name] = made
        return Wired(row, connector, settings, applied.lenses, caller, numbers, applied.resting, applied.parked)

    async def _adopt_survivorships(self, published: dict[str, MappingVersion]) -> dict[str, MappingVersion]:
        lacking = [e for e in documents.ENTITIES if e not in published]
        if not lacking:
            return published
        async with self.database.write() as conn:
            for entity in lacking:
                with suppress(BadInput):  # said when it is needed, and again until it is mended
                    await documents.adopt_survivorship(conn, self.home, entity, self.now_text())
            return await mappings.published(conn)

    async def _documents(
        self, name: str, connector: Connector, published: Mapping[str, MappingVersion]
    ) -> dict[str, MappingVersion]:
        """The documents of a connection by stream; those that the store lacks are taken over into it."""
        lacking = documents.missing(self.home, name, connector.name, connector.streams, published)
        if lacking:
            async with self.database.write() as conn:
                for stream in lacking:
                    await documents.adopt(conn, self.home, name, connector.name, stream, self.now_text())
                published = await mappings.published(conn)
        return documents.of_connection(published, name)

    async def secrets(self, connection: str) -> Mapping[str, str]:
        """The connection's secrets, opened."""
        async with self.database.read() as conn:
            opened = await safe.fetch(conn, self.vault, connection)
        logs.conceal(connection, *opened.values())
        return opened

    def connection(self, name: str) -> Wired:
        """Raises NotFound, naming the connections there are."""
        if name in self.unusable:
            raise Refused(
                f"{name} cannot be used: {self.unusable[name]}", mend="mend its settings or mapping documents"
            )
        if name not in self.wired:
            there = ", ".join(sorted(self.wired)) or "none yet"
            raise NotFound(f"there is no connection named {name!r}", mend=f"Connections: {there}.")
        return self.wired[name]

    @property
    def book(self) -> Rulebook:
        """What decides, as the published documents and the connections say now."""
        if self._book is None:
            self._book = Rulebook(dict(self.wired), self._rows, self._survivorships())
        return self._book

    def _survivorships(self) -> dict[str, EntityPolicy]:
        return {
            entity: documents.survivorship_of(self._published[entity])
            if entity in self._published
            else documents.own_survivorship(self.home, entity)
            for entity in documents.ENTITIES
        }

    def rules(self, entity: str) -> Rules:
        """Survivorship and ranks for one kind of entity, as the mappings and connections say now."""
        return self.book.rules(entity)

    def connector(self, connection: str) -> Connector:
        return self.connection(connection).connector

    def now_text(self) -> str:
        return iso(self.clock())

    def new_id(self, prefix: str) -> str:
        """An id for a run or an attempt. Overridden by the simulation, where a seed must give the same trace."""
        return f"{prefix}_{uuid4().hex}"

    async def close(self) -> None:
        await quotas.end(self)
        for wired in self.wired.values():
            await wired.caller.close()
        await self.database.close()

    async def __aenter__(self) -> Hub:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
