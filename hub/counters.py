"""What this process counted since it began: for metrics, never for deciding."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import TypeAlias

Labels: TypeAlias = tuple[tuple[str, str], ...]

BOUNDS = (0.01, 0.05, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
"""Seconds up to which durations are sorted; one more bucket holds what took longer."""


@dataclass(frozen=True, slots=True)
class Counted:
    """One number: `name` without a prefix ("retries"), `labels` sorted by their names."""

    name: str
    labels: Labels
    value: float


@dataclass(frozen=True, slots=True)
class Timed:
    """Durations of one name: how many fell into each bucket of `BOUNDS` and beyond, and their sum in seconds."""

    name: str
    labels: Labels
    buckets: tuple[int, ...]
    seconds: float


_counted: Counter[tuple[str, Labels]] = Counter()
_timed: dict[tuple[str, Labels], tuple[list[int], list[float]]] = {}


def add(name: str, value: float = 1, **labels: str) -> None:
    """Adds to the counter of that name and those labels. Labels are names of connections, streams, kinds: of what
    there are few."""
    _counted[name, tuple(sorted(labels.items()))] += value  # type: ignore[assignment]


def all() -> Iterator[Counted]:
    """Every counter, by name and labels."""
    for (name, labels), value in sorted(_counted.items()):
        yield Counted(name, labels, value)


def labelled(name: str) -> Mapping[Labels, float]:
    """The counters of one name."""
    return {labels: value for (held, labels), value in _counted.items() if held == name}


def time(name: str, seconds: float, **labels: str) -> None:
    """Sorts one duration into the buckets of that name and those labels."""
    buckets, total = _timed.setdefault((name, tuple(sorted(labels.items()))), ([0] * (len(BOUNDS) + 1), [0.0]))
    buckets[bisect_left(BOUNDS, seconds)] += 1
    total[0] += seconds


@contextmanager
def timing(name: str, **labels: str) -> Iterator[None]:
    """Times the block."""
    began = perf_counter()
    try:
        yield
    finally:
        time(name, perf_counter() - began, **labels)


def timed() -> Iterator[Timed]:
    """All durations, by name and labels."""
    for (name, labels), (buckets, total) in sorted(_timed.items()):
        yield Timed(name, labels, tuple(buckets), total[0])
