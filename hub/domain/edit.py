"""What an edit of a mapping document touches, field by field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Moved(StrEnum):
    """How the reading of a canonical field changed."""

    ADDED = "added"
    """It was not read before."""
    REMOVED = "removed"
    """It is not read any more; what was said in it is remembered and doesn't count."""
    ELSEWHERE = "elsewhere"
    """It is read from another place: what was said in the old one says nothing about the new one."""
    RESTATED = "restated"
    """The same place, in another form: what was said still counts, in the new form."""


@dataclass(frozen=True, slots=True)
class Edit:
    """`reading`: canonical fields whose reading changed; `writing`: those of which records may have to be told
    something else; `forms`: those that are told in another form, so that what was refused may be taken now;
    `weighing`: those whose say in who wins changed; `consent`: channels; `keys`, `scope`: what identifies a record,
    which are in scope;
    `creating`, `deleting`: whether records are made, and what becomes of the buried; `never_read`: remote paths that
    were not requested before."""

    reading: Mapping[str, Moved] = field(default_factory=dict)
    writing: frozenset[str] = frozenset()
    forms: frozenset[str] = frozenset()
    weighing: frozenset[str] = frozenset()
    consent: frozenset[str] = frozenset()
    keys: bool = False
    scope: bool = False
    creating: bool = False
    deleting: bool = False
    never_read: tuple[str, ...] = ()

    @property
    def rereads(self) -> bool:
        """Whether records have to be read again."""
        read = any(how is not Moved.REMOVED for how in self.reading.values())
        return bool(read or self.consent or self.keys or self.scope)

    @property
    def whole(self) -> bool:
        """Whether more than single fields of a record are read differently."""
        return bool(self.consent or self.keys or self.scope)

    @property
    def empty(self) -> bool:
        return self == Edit()
