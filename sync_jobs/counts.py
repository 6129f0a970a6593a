"""What a run did, counted by record outcomes; a run's state is derived from these."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Protocol

from hub.domain.run import RunState


@dataclass(slots=True)
class Counts:
    """Records read and fresh among them; writes by outcome; issues opened; API calls made."""

    read: int = 0
    fresh: int = 0
    heard: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    removed: int = 0
    refused: int = 0
    later: int = 0
    in_doubt: int = 0
    issues: int = 0
    api_calls: int = 0

    def add(self, other: Counts) -> None:
        for f in fields(self):
            setattr(self, f.name, getattr(self, f.name) + getattr(other, f.name))

    @property
    def writes(self) -> int:
        return self.created + self.updated + self.removed

    def as_dict(self) -> dict[str, int]:
        return asdict(self)

    def state(self) -> RunState:
        return RunState.PARTIAL if self.refused or self.later or self.in_doubt or self.issues else RunState.DONE


class Progress(Protocol):
    """Told as work goes on, for progress bars. `total` is None when nobody knows it."""

    def update(self, job: str, connection: str, stream: str, counts: Mapping[str, int], total: int | None) -> None: ...


class Silent:
    """A progress that nobody watches."""

    def update(self, job: str, connection: str, stream: str, counts: Mapping[str, int], total: int | None) -> None:
        return None
