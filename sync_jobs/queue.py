"""The one door to the queue. It holds no truth: lose every wake-up and a sweep of the store derives them again."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Job(StrEnum):
    PULL = "pull"
    RECONCILE = "reconcile"
    PUSH = "push"


@dataclass(frozen=True, slots=True)
class Wake:
    """ "Look at this stream": which job, where. The same wake-up twice is one."""

    job: Job
    connection: str
    stream: str
    lane: str = "live"


class Queue(Protocol):
    async def wake(self, wake: Wake) -> None:
        """May be lost, doubled or late."""
        ...

    async def take(self) -> Wake | None:
        """The next wake-up; None when there is none now."""
        ...


class MemoryQueue:
    """The embedded queue: in the process, in order, each wake-up once."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[Wake, None] = OrderedDict()

    async def wake(self, wake: Wake) -> None:
        self._waiting.setdefault(wake)

    async def take(self) -> Wake | None:
        return self._waiting.popitem(last=False)[0] if self._waiting else None

    def __len__(self) -> int:
        return len(self._waiting)
