"""Which sObject each stream is, and the columns that the connector itself needs of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hub.domain.plan import Op


@dataclass(frozen=True, slots=True)
class Shape:
    """A stream's sObject. `keys` are asked for and kept in the record; `marks` are asked for and read into the record's
    attributes (times, deletion), so that they don't make the contents look changed. `lookups` names the column in which
    a key kind is looked up. `ops` are the writes the connector makes there."""

    stream: str
    sobject: str
    entity: str
    keys: tuple[str, ...]
    marks: tuple[str, ...]
    lookups: tuple[tuple[str, str], ...]
    ops: frozenset[Op]

    def columns(self, fields: Sequence[str], absent: frozenset[str]) -> tuple[str, ...]:
        """Everything to ask for, each column once, whatever case a mapping writes it in. `absent` in lower case."""
        seen: dict[str, str] = {}
        for path in (*self.keys, *self.marks, *fields):
            if path.lower() not in absent:
                seen.setdefault(path.lower(), path)
        return tuple(seen.values())


SHAPES = {
    s.stream: s
    for s in (
        Shape(
            "contacts",
            "Contact",
            "contact",
            ("Id",),
            ("SystemModstamp", "IsDeleted", "MasterRecordId"),
            (("email", "Email"),),
            frozenset(Op),
        ),
        Shape(
            "leads",
            "Lead",
            "contact",
            ("Id", "IsConverted", "ConvertedContactId"),
            ("SystemModstamp", "IsDeleted", "MasterRecordId"),
            (("email", "Email"),),
            frozenset(Op),
        ),
        Shape(
            "campaigns",
            "Campaign",
            "campaign",
            ("Id",),
            ("SystemModstamp", "IsDeleted"),
            (("name", "Name"), ("code", "Campaign_Code__c")),
            frozenset({Op.UPDATE}),
        ),
    )
}
