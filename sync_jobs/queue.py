"""The queue: who is woken where. It holds no truth: lose every wake-up and a sweep of the store derives them again.

In memory here; on Redis in `arq_queue`, which takes long to load and is only loaded where `HUB_REDIS_URL` is set.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from hub.domain.lane import Lane


class Job(StrEnum):
    TOUR = "tour"
    """One lane of one connection: whatever is to be done there now."""
    RECONCILE = "reconcile"
    PUSH = "push"


@dataclass(frozen=True, slots=True)
class Wake:
    """ "Look here": which job, where. The same wake-up twice is one. A tour goes through a whole connection, and names
    no stream."""

    job: Job
    connection: str
    stream: str = ""
    lane: Lane = Lane.LIVE


class Queue(Protocol):
    async def wake(self, wake: Wake) -> None:
        """May be lost, doubled or late. Never raises: who wakes has done its work already."""
        ...

    async def waiting(self) -> int:
        """How many wake-ups wait, for people to see."""
        ...


class MemoryQueue:
    """The embedded queue: in the process, in order, each wake-up once."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[Wake, None] = OrderedDict()

    async def wake(self, wake: Wake) -> None:
        self._waiting.setdefault(wake)

    async def take(self) -> Wake | None:
        """The next wake-up; None when there is none now."""
        return self._waiting.popitem(last=False)[0] if self._waiting else None

    async def waiting(self) -> int:
        return len(self._waiting)
