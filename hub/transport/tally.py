"""How many requests a piece of work sent, whoever else speaks through the same caller meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class Tally:
    """`calls`: requests sent so far, token calls and repetitions included."""

    __slots__ = ("calls",)

    def __init__(self) -> None:
        self.calls = 0


_tallies: ContextVar[tuple[Tally, ...]] = ContextVar("tallies", default=())


@contextmanager
def tallied() -> Iterator[Tally]:
    """Counts the requests of the block, and of the tasks made in it. Blocks inside it count theirs as well."""
    tally = Tally()
    before = _tallies.set((*_tallies.get(), tally))
    try:
        yield tally
    finally:
        _tallies.reset(before)


def count() -> None:
    """One request leaves."""
    for tally in _tallies.get():
        tally.calls += 1
