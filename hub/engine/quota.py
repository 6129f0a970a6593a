"""Whether a call still fits into a window of a quota.

Live work and changes of consent may use a window whole. The lanes that can wait, backfill and verify, each have a share
of it, and together no more than the larger one: what live work has not used of the rest stays free for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from hub.domain.lane import Lane

PATIENT = frozenset({Lane.BACKFILL, Lane.VERIFY})
"""The lanes that can wait."""


@dataclass(frozen=True, slots=True)
class Shares:
    """The most of every window that a lane which can wait may use, from 0 to 1. One call always may."""

    backfill_share: float = 0.6
    verify_share: float = 0.3

    def of(self, lane: Lane) -> float:
        return {Lane.BACKFILL: self.backfill_share, Lane.VERIFY: self.verify_share}.get(lane, 1.0)


class Used(NamedTuple):
    """What was used of one window: by everybody, by the hub, by its lanes that can wait, by verify."""

    all: int = 0
    own: int = 0
    patient: int = 0
    verify: int = 0

    @property
    def urgent(self) -> int:
        return self.own - self.patient

    def of(self, lane: Lane) -> int:
        """By a lane that can wait."""
        return self.verify if lane is Lane.VERIFY else self.patient - self.verify


class Room(NamedTuple):
    """The most of one window for everybody, for the hub, for its lanes that can wait together, and for one lane."""

    all: int
    own: int
    patient: int
    lane: int


def room(calls: int, shares: Shares, lane: Lane, own: float = 1.0) -> Room:
    """Of a window of `calls`, of which the hub takes the share `own`. Nobody is left without a single call."""
    most = max(1, int(calls * own))
    patient = max(1, int(most * max(shares.backfill_share, shares.verify_share)))
    return Room(calls, most, patient, max(1, int(most * shares.of(lane))))


def fits(used: Used, most: Room, cost: int, lane: Lane) -> bool:
    """Whether a call of the lane may leave. One that costs more than there is room for goes when nothing is used."""
    cost = min(cost, most.own)
    if used.all + cost > most.all or used.own + cost > most.own:
        return False
    if lane not in PATIENT:
        return True
    patient = max(most.patient, cost)
    if used.patient + cost > patient or used.of(lane) + cost > max(most.lane, cost):
        return False
    reserved = max(0, most.own - patient - used.urgent)
    return used.all + cost + reserved <= most.all


def left(used: Used, most: Room, lane: Lane) -> int:
    """How many single calls of the lane fit now, one after the other."""
    rooms = [most.all - used.all, most.own - used.own]
    if lane in PATIENT:
        reserved = max(0, most.own - most.patient - used.urgent)
        rooms += [most.patient - used.patient, most.lane - used.of(lane), most.all - used.all - reserved]
    return max(0, min(rooms))
