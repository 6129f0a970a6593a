"""For which lane the running work calls, and whether it may still: calls are attributed to the lane, and its share of
the quota is the lane's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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


_permits: ContextVar[tuple[Callable[[], bool], ...]] = ContextVar("permits", default=())


@contextmanager
def permitted(permit: Callable[[], bool]) -> Iterator[None]:
    """Requests of the block, and of the tasks made in it, leave only while `permit` says so."""
    before = _permits.set((*_permits.get(), permit))
    try:
        yield
    finally:
        _permits.reset(before)


def allowed() -> bool:
    """Whether a request may leave now."""
    return all(permit() for permit in _permits.get())
