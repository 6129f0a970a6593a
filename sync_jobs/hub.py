"""An opened home: its database, its keys, its connections ready to work."""

from __future__ import annotations

import asyncio
import os
import random
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TypeAlias
from uuid import uuid4

from pydantic import ValidationError

import connectors
from hub import clock as clocks
from hub.clock import Clock
from hub.domain.connection import Connection
from hub.domain.keys import Address
from hub.domain.moments import iso
from hub.domain.policy import Brakes, StreamPolicy, Survivorship, Weight
from hub.engine.reconcile import Rules
from hub.errors import HubError, NotFound, Refused
from hub.sdk.connector import Connector
from hub.store import connections
from hub.store import secrets as safe
from hub.store.database import Database, open_database
from hub.transport.client import Caller, Transport
from mappings import library
from sync_jobs import brakes
from sync_jobs.queue import MemoryQueue, Queue
from sync_jobs.tokens import StoredTokens
from sync_jobs.wiring import Wired

Sleep: TypeAlias = Callable[[float], Awaitable[None]]

KEY_FILE = "secret.key"
KEY_VARIABLE = "HUB_SECRET_KEY"


async def _open_vault(database: Database, home: Path, now: str) -> safe.Vault:
    """Opens the store's data key with `HUB_SECRET_KEY` or the home's key file; a new home gets a key file."""
    said = os.environ.get(KEY_VARIABLE)
    async with database.write() as conn:
        if not said and not (home / KEY_FILE).exists() and await safe.is_new(conn):
            safe.make_key_file(home / KEY_FILE)
        return await safe.make_vault(conn, safe.find_master_key(said, home / KEY_FILE), now)


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
    ) -> None:
        self.home = home
        self.database = database
        self.vault = vault
        self.clock = clock
        self.queue = queue
        self.brakes = Brakes()
        self.wired: dict[str, Wired] = {}
        self.unusable: dict[str, str] = {}
        """Connections that cannot be made ready, and why: the others work on."""
        self.locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._transports = transports
        self._sleep = sleep
        self._jitter = jitter
        self._rules: dict[str, Rules] = {}
        self._rows: dict[str, Connection] = {}

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
    ) -> Hub:
        """`transports`: by connection name, to reach a connection without a network (simulation, tests)."""
        database = open_database(database_url or f"sqlite:///{home / 'hub.db'}")
        try:
            await database.upgrade()
            vault = await _open_vault(database, home, iso(clock()))
        except BaseException:
            await database.close()
            raise
        hub = cls(home, database, vault, clock, transports or {}, queue or MemoryQueue(), sleep, jitter)
        async with database.read() as conn:
            hub.brakes = await brakes.fetch(conn, hub.brakes)
        await hub.wire()
        return hub

    async def wire(self) -> None:
        """Reads the connections anew: after one was added, changed or removed."""
        async with self.database.read() as conn:
            rows = await connections.all(conn)
        for name in self.wired.keys() - {row.name for row in rows}:
            await self.wired.pop(name).caller.close()
        self.unusable.clear()
        self._rows = {row.name: row for row in rows}
        for row in rows:
            old = self.wired.get(row.name)
            if old is None or old.connection != row:
                if old is not None:
                    await self.wired.pop(row.name).caller.close()
                try:
                    self.wired[row.name] = await self._wire(row)
                except UNUSABLE as error:
                    self.unusable[row.name] = _why(row, error)
        self._rules.clear()

    async def rewire(self, name: str) -> None:
        """Makes one connection ready anew, also when its row is as it was: its secrets changed."""
        if name in self.wired:
            await self.wired.pop(name).caller.close()
        await self.wire()

    async def _wire(self, row: Connection) -> Wired:
        connector = connectors.load(row.connector)
        settings = connector.settings.model_validate(dict(row.settings))
        secrets = await self.secrets(row.name)
        overrides = self.home / "mappings" / row.name
        mapped = [
            s
            for s in connector.streams
            if (connector.name, s) in library.names() or (overrides / f"{s}.yaml").is_file()
        ]
        lenses = {stream: library.load(connector.name, stream, overrides) for stream in mapped}
        caller = Caller(
            connector,
            row.base_url,
            connector.auth(settings, secrets),
            StoredTokens(self.database, self.vault, row.name, self.now_text),
            clock=self.clock,
            sleep=self._sleep,
            transport=self._transports.get(row.name),
            reauth=lambda rotated: connector.auth(settings, {**secrets, **rotated}),
            jitter=self._jitter,
        )
        return Wired(row, connector, settings, lenses, caller)

    async def secrets(self, connection: str) -> Mapping[str, str]:
        """The connection's secrets, opened."""
        async with self.database.read() as conn:
            return await safe.fetch(conn, self.vault, connection)

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

    def rules(self, entity: str) -> Rules:
        """Survivorship and ranks for one kind of entity, as the mappings and connections say now."""
        if entity not in self._rules:
            policy = library.entity_policy(entity, self.home / "mappings")
            self._rules[entity] = Rules(entity, policy, self._rank, self._weight, self._policy)
        return self._rules[entity]

    def _rank(self, connection: str, rule: Survivorship) -> float:
        row = self._rows.get(connection)  # also of one that cannot be used now: its words keep their place
        names = (connection, row.connector) if row else (connection,)
        for place, name in enumerate(rule.rank):
            if name in names:
                return float(place)
        return len(rule.rank) + (row.rank if row else 1000) / 1000

    def _weight(self, address: Address, field: str) -> Weight:
        policy = self._policy(address)
        known = policy.fields.get(field) if policy else None
        return known.weight if known else Weight.RANKED

    def _policy(self, address: Address) -> StreamPolicy | None:
        wired = self.wired.get(address.connection)
        lens = wired.lenses.get(address.stream) if wired else None
        return lens.policy if lens else None

    def connector(self, connection: str) -> Connector:
        return self.connection(connection).connector

    def now_text(self) -> str:
        return iso(self.clock())

    def new_id(self, prefix: str) -> str:
        """An id for a run or an attempt. Overridden by the simulation, where a seed must give the same trace."""
        return f"{prefix}_{uuid4().hex}"

    async def close(self) -> None:
        for wired in self.wired.values():
            await wired.caller.close()
        await self.database.close()

    async def __aenter__(self) -> Hub:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
