"""What differs between two versions of a document: by meaning, and line by line."""

from __future__ import annotations

from dataclasses import dataclass

from hub.domain.policy import EntityPolicy
from hub.domain.version import MappingVersion
from hub.errors import BadInput
from hub.operations.mappings import documents, names
from hub.operations.mappings.fields import rules
from hub.operations.mappings.names import VersionLine
from hub.store import mappings as store
from hub.store.database import Transaction
from mappings.differences import NOTHING, Difference, differences, unified
from sync_jobs import documents as jobs
from sync_jobs.hub import Hub


@dataclass(frozen=True, slots=True)
class Compared:
    """`differences` by meaning: None where one of the two doesn't compile. `text`: the lines that differ, as of `diff
    -u`; "" when they are the same, byte for byte."""

    name: str
    before: VersionLine
    after: VersionLine
    differences: tuple[Difference, ...] | None
    text: str

    @property
    def differ(self) -> bool:
        return bool(self.text)


async def compare(hub: Hub, name: str, before: int | None = None, after: int | None = None) -> Compared:
    """Two versions; what holds against the only draft without numbers, what holds against `before` with one."""
    async with hub.database.read() as conn:
        old, new = await _two(conn, name, before, after)
        said = await _said(conn, old, new)
        lines = (await names.lined(conn, old), await names.lined(conn, new))
    text = unified(old.text, new.text, old_name=jobs.titled(old), new_name=jobs.titled(new))
    if not text and old.text != new.text:  # line ends alone
        text = f"--- {jobs.titled(old)}\n+++ {jobs.titled(new)}\nonly line ends differ\n"
    return Compared(name, *lines, said, text)


async def _two(
    conn: Transaction, name: str, before: int | None, after: int | None
) -> tuple[MappingVersion, MappingVersion]:
    held = await names.holding(conn, name)
    if before is None:
        return held, await names.draft(conn, name)
    old = await names.numbered(conn, name, before)
    if after is not None:
        return old, await names.numbered(conn, name, after)
    if old.version == held.version:
        drafts = await store.drafts(conn, name)
        if not drafts:
            raise BadInput(f"{name} version {before} holds, and there is no draft", mend="name two versions")
        return old, await names.draft(conn, name)
    return held, old


async def _said(conn: Transaction, old: MappingVersion, new: MappingVersion) -> tuple[Difference, ...] | None:
    a, b = await documents.version(conn, old), await documents.version(conn, new)
    if a.document is not None and b.document is not None:
        return differences(a.document, b.document)
    if a.policy is not None and b.policy is not None:
        return _of_policies(a.policy, b.policy)
    return None


def _of_policies(old: EntityPolicy, new: EntityPolicy) -> tuple[Difference, ...]:
    before, after = rules(old), rules(new)
    return tuple(
        Difference(field, before.get(field, NOTHING), after.get(field, NOTHING))
        for field in sorted(before.keys() | after.keys())
        if before.get(field) != after.get(field)
    )
