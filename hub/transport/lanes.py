"""For which lane the running work calls: its calls are attributed to it, and its share of the quota is the lane's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from hub.domain.lane import Lane

_lane: ContextVar[Lane] = ContextVar("lane", default=Lane.LIVE)


def current() -> Lane:
    return _lane.get()


@contextmanager
def working(lane: Lane) -> Iterator[None]:
    """Calls of the block, and of the tasks made in it, are the lane's."""
    before = _lane.set(lane)
    try:
        yield
    finally:
        _lane.reset(before)
