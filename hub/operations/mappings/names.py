"""Which document is meant, and which version of it."""

from __future__ import annotations

import getpass
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hub.domain.version import MappingVersion, connection_of
from hub.errors import BadInput, NotFound, Refused
from hub.operations.nearest import nearest, unknown
from hub.store import mappings as store
from hub.store.database import Transaction


@dataclass(frozen=True, slots=True)
class VersionLine:
    """A version without its text. `stale`: it was made from a version that no longer holds; `rivals`: other drafts made
    from the same one."""

    name: str
    version: int
    state: str
    parent: int | None
    who: str
    why: str
    at: str
    published_at: str | None = None
    plan: str = ""
    stale: bool = False
    rivals: tuple[int, ...] = ()


def line(version: MappingVersion, held: MappingVersion, drafts: Sequence[MappingVersion]) -> VersionLine:
    """`held`: the published version of the name; `drafts`: its open ones."""
    others = tuple(
        d.version
        for d in drafts
        if version.open and (d.name, d.parent) == (version.name, version.parent) and d.version != version.version
    )
    return VersionLine(
        version.name,
        version.version,
        version.state.value,
        version.parent,
        version.who,
        version.why,
        version.at,
        version.published_at,
        version.plan,
        stale(version, held),
        others,
    )


def stale(version: MappingVersion, held: MappingVersion) -> bool:
    """Whether something else was published since the draft was made."""
    return version.open and version.parent != held.version


async def lined(conn: Transaction, version: MappingVersion) -> VersionLine:
    return line(version, await holding(conn, version.name), await store.drafts(conn, version.name))


async def holding(conn: Transaction, name: str) -> MappingVersion:
    """The published version of a name. NotFound names the nearest."""
    published = await store.published(conn)
    if name not in published:
        raise _unknown(name, published)
    return published[name]


def _unknown(name: str, published: Mapping[str, MappingVersion]) -> NotFound:
    """A bare connection has several documents; otherwise the nearest name is probably meant."""
    of_it = [known for known in published if connection_of(known) == name.rstrip("/")]
    if of_it and nearest(name, published) is None:
        return NotFound(f'there is no mapping "{name}"; of {name.rstrip("/")} there are: {", ".join(of_it)}')
    return unknown("mapping", name, published, mend="`hub mappings list` shows them")


async def numbered(conn: Transaction, name: str, number: int) -> MappingVersion:
    """A version by its number. NotFound says which there are."""
    await holding(conn, name)
    found = await store.get(conn, name, number)
    if found is None:
        there = ", ".join(str(v.version) for v in reversed(await store.history(conn, name)))
        raise NotFound(f"{name} has no version {number}; it has: {there}", mend=f"`hub mappings history {name}`")
    return found


async def draft(conn: Transaction, name: str, number: int | None = None) -> MappingVersion:
    """The open draft that is meant: the one of that number, or the only one. NotFound where there is none, BadInput
    where there are several, Refused for a version that is a draft no more."""
    if number is not None:
        found = await numbered(conn, name, number)
        if not found.open:
            raise Refused(
                f"{name} version {number} is {found.state}, and no draft",
                mend=f"`hub mappings edit {name} --from-version {number}` makes a draft of it",
            )
        return found
    held = await holding(conn, name)
    drafts = await store.drafts(conn, name)
    if not drafts:
        raise NotFound(f"{name} has no draft: version {held.version} holds", mend=f"`hub mappings edit {name}`")
    if len(drafts) > 1:
        raise several(drafts)
    return drafts[0]


async def draft_or_held(conn: Transaction, name: str, number: int | None = None) -> MappingVersion:
    """The version of that number, else the only draft, else the published one. BadInput for several drafts."""
    if number is not None:
        return await numbered(conn, name, number)
    held = await holding(conn, name)
    drafts = await store.drafts(conn, name)
    if len(drafts) > 1:
        raise several(drafts)
    return drafts[0] if drafts else held


def several(drafts: Sequence[MappingVersion]) -> BadInput:
    """Says which drafts there are, and from what each was made."""
    parents = {d.parent for d in drafts}
    of = f" of version {drafts[0].parent}" if len(parents) == 1 else ""
    said = ", ".join(
        f"{d.version} by {d.who}" if of else f"{d.version} of version {d.parent} by {d.who}" for d in drafts
    )
    return BadInput(f"{drafts[0].name} has {len(drafts)} drafts{of}: {said}", mend="name one with --version")


def outdated(version: MappingVersion, held: int) -> Refused:
    """Why a stale draft is not published, and what to do."""
    name, number = version.name, version.version
    return Refused(
        f"{name} version {number} was made from version {version.parent}, and version {held} holds since",
        mend=f"`hub mappings diff {name} {version.parent} {held}` shows what was published meanwhile; "
        f"`hub mappings edit {name} --from-version {number} --editor` makes it anew on top of that",
    )


def person(said: str | None) -> str:
    """Who edits: as said, else the system's user."""
    who = (said or "").strip()
    if who:
        return who[:100]
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "somebody"
