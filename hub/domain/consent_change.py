"""A change of consent on its way from where it was seen to everywhere else."""

from __future__ import annotations

from dataclasses import dataclass

from hub.domain.consent import ConsentState


@dataclass(frozen=True, slots=True)
class ConsentChange:
    """The entity's effective consent on a channel became `state`: a system showed it at `seen_at`, and the hub
    understood it at `heard_at`."""

    entity_id: str
    channel: str
    state: ConsentState
    seen_at: str
    heard_at: str


@dataclass(frozen=True, slots=True)
class Addressee:
    """A sink whose records are to be told of consent: the channels whose denials it is told, and whose grants."""

    connection: str
    stream: str
    denials: frozenset[str]
    grants: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Latencies:
    """Seconds from seen anywhere to written everywhere, of `number` changes that were written (None without any).
    `open`: changes on their way, and since when the oldest of them was seen."""

    p50: float | None
    p99: float | None
    number: int
    open: int
    oldest_open: str | None
