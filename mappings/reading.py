"""What a lens makes of a record, and what it makes for one: values that the language shares with its users."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hub.domain.consent import ConsentReading
from hub.domain.keys import Key
from hub.domain.values import Values


@dataclass(frozen=True, slots=True)
class ValueComplaint:
    """One value that could not be carried over: the field is left out, the record goes on, a steward is told.

    `said` is masked where the value may be personal; `path` is the remote path, `field` the canonical name.
    """

    field: str
    path: str
    said: str
    expected: str
    mend: str = ""


@dataclass(slots=True)
class Reading:
    """`get`: a raw record in canonical words. A field that the record doesn't show is missing from `values`.

    Nobody changes one. It isn't frozen, since one is made for every record and that would take four times as long.
    """

    values: Values
    consent: Mapping[str, ConsentReading] = field(default_factory=dict)
    keys: tuple[Key, ...] = ()
    in_scope: bool = True
    complaints: tuple[ValueComplaint, ...] = ()


@dataclass(slots=True)
class Payload:
    """`put`: canonical values in the vendor's words, by remote path. Not frozen, as `Reading`."""

    values: Mapping[str, Any]
    complaints: tuple[ValueComplaint, ...] = ()
