"""What this process counted since it began: for metrics, never for deciding."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

Labels: TypeAlias = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Counted:
    """One number: `name` without a prefix ("retries"), `labels` sorted by their names."""

    name: str
    labels: Labels
    value: float


_counted: Counter[tuple[str, Labels]] = Counter()


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
