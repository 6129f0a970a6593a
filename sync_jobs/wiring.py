"""A connection ready to work: its row, its connector, its settings, its lenses and its caller."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hub.domain.connection import Connection, ConnectionState
from hub.domain.policy import StreamPolicy
from hub.engine.decide import Place
from hub.sdk.connector import Connector
from hub.sdk.sinks import Sink
from hub.sdk.streams import Stream
from hub.transport.client import Caller
from mappings.lens import Lens


@dataclass(frozen=True, slots=True)
class Wired:
    """Frozen: a changed connection or mapping is wired anew."""

    connection: Connection
    connector: Connector
    settings: Any
    lenses: Mapping[str, Lens]
    caller: Caller
    versions: Mapping[str, int] = field(default_factory=dict)
    """Stream -> published version of its document."""
    resting: frozenset[str] = frozenset()
    """Streams that are neither read nor written, since what their scope rests on drifted: see `drifts`."""
    parked: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Stream -> canonical fields that its lens leaves out for now, for the same reason."""

    @property
    def name(self) -> str:
        return self.connection.name

    @property
    def active(self) -> bool:
        return self.connection.state is ConnectionState.ACTIVE

    def streams(self) -> list[str]:
        """The streams that have a mapping and don't rest, in the connector's order."""
        return [s for s in self.connector.streams if s in self.lenses and s not in self.resting]

    def sinks(self) -> list[str]:
        """The sinks that have a mapping which writes, and don't rest."""
        mapped = [s for s in self.connector.sinks if s in self.lenses and s not in self.resting]
        return [s for s in mapped if self.lenses[s].writes]

    def stream(self, name: str) -> Stream:
        return self.connector.stream(name, self.settings, self.lenses[name].reads)

    def sink(self, name: str) -> Sink:
        return self.connector.sink(name, self.settings, self.lenses[name].reads)

    def policy(self, stream: str) -> StreamPolicy:
        return self.lenses[stream].policy

    def place(self, stream: str) -> Place:
        return Place(self.name, stream, self.policy(stream))
