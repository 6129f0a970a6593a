"""A process that works in a store, as it last said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum


class Role(StrEnum):
    """What a process is there for: `hub worker` and `hub up`, or `hub web`."""

    WORKER = "worker"
    WEB = "web"


@dataclass(frozen=True, slots=True)
class Worker:
    """`doing`: tours under way, as CONNECTION/LANE. `counts`: tours by how they ended, since it started."""

    id: str
    host: str
    process: int
    release: str
    started_at: str
    seen_at: str
    doing: Sequence[str] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    role: Role = Role.WORKER
