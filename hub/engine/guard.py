"""Brakes: the most that one run may do before a person must agree."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from hub.domain.plan import Change, Op
from hub.domain.policy import Brakes, Caps


@dataclass(frozen=True, slots=True)
class Tally:
    """What a plan would do: records made and removed, and fields that lose their value."""

    creates: int = 0
    updates: int = 0
    clears: int = 0
    removes: int = 0

    def plus(self, other: Tally) -> Tally:
        return Tally(
            self.creates + other.creates,
            self.updates + other.updates,
            self.clears + other.clears,
            self.removes + other.removes,
        )

    def beyond(self, other: Tally) -> bool:
        """Whether it is more than the other in anything that a brake looks at."""
        return self.creates > other.creates or self.clears > other.clears or self.removes > other.removes


@dataclass(frozen=True, slots=True)
class Tripped:
    """One brake that stops a run: what would be done, and what is allowed, by the brakes or by a mapping's caps."""

    what: str
    planned: int
    allowed: int
    by_mapping: bool = False

    def __str__(self) -> str:
        by = " by the mapping's caps" if self.by_mapping else ""
        return f"{self.planned} {self.what} planned, {self.allowed} allowed in one run{by}"


def tally(changes: Iterable[Change]) -> Tally:
    creates = updates = clears = removes = 0
    for change in changes:
        creates += change.op is Op.CREATE
        updates += change.op is Op.UPDATE
        removes += change.op is Op.REMOVE
        clears += change.clears if change.op is Op.UPDATE else 0
    return Tally(creates, updates, clears, removes)


def guard(
    planned: Tally, known: int, brakes: Brakes, allowance: Mapping[str, int] | None = None
) -> tuple[Tripped, ...]:
    """The brakes that the plan trips. `known`: records that the hub knows in that connection. `allowance`: what a
    person agreed to beyond the brakes, by the same words."""
    limits = {
        "creates": max(brakes.creates, int(brakes.creates_share * known)),
        "clears": max(brakes.clears, int(brakes.clears_share * known)),
        "removes": max(brakes.removes, int(brakes.removes_share * known)),
    }
    return _tripped(planned, limits, allowance, False)


def capped(planned: Tally, known: int, caps: Caps, allowance: Mapping[str, int] | None = None) -> tuple[Tripped, ...]:
    """The caps of a stream's mapping that the plan for this stream goes beyond. `known`: records that the hub knows in
    the stream. What a person agreed to counts here as it does for the brakes."""
    limits = {
        what: cap.of(known)
        for what, cap in (("creates", caps.creates), ("clears", caps.clears), ("removes", caps.removes))
        if cap is not None
    }
    return _tripped(planned, limits, allowance, True)


def strictest(*tripped: Tripped) -> tuple[Tripped, ...]:
    """One for each kind of change: the one that allows least."""
    found: dict[str, Tripped] = {}
    for one in tripped:
        if one.what not in found or one.allowed < found[one.what].allowed:
            found[one.what] = one
    return tuple(found.values())


def _tripped(
    planned: Tally, limits: Mapping[str, int], allowance: Mapping[str, int] | None, by_mapping: bool
) -> tuple[Tripped, ...]:
    amounts = {"creates": planned.creates, "clears": planned.clears, "removes": planned.removes}
    tripped = []
    for what, limit in limits.items():
        allowed = max(limit, (allowance or {}).get(what, 0))
        if amounts[what] > allowed:
            tripped.append(Tripped(what, amounts[what], allowed, by_mapping))
    return tuple(tripped)
