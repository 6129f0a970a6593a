"""The golden record: an entity's surviving values, each with its origin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from hub.domain.consent import Consent
from hub.domain.keys import Address
from hub.domain.values import Value


class GoldenState(StrEnum):
    LIVE = "live"
    BURIED = "buried"
    """Deleted by people somewhere and, by policy, everywhere: a tombstone that lasts until a person makes it anew."""
    MERGED = "merged"
    """Absorbed by the entity that `merged_into` names."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a golden value comes from (None: a person at the hub), when it was said, and the rule that chose it."""

    address: Address | None
    at: str
    rule: str


@dataclass(frozen=True, slots=True)
class Pin:
    """A value that a person fixed at the hub; it wins every rule."""

    field: str
    value: Value
    who: str
    at: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Golden:
    """`rev` moves whenever a remote may have to be told something."""

    entity_id: str
    entity: str
    values: Mapping[str, Value] = field(default_factory=dict)
    origins: Mapping[str, Origin] = field(default_factory=dict)
    consent: Mapping[str, Consent] = field(default_factory=dict)
    state: GoldenState = GoldenState.LIVE
    merged_into: str | None = None
    rev: int = 1
