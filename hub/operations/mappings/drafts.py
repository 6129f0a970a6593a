"""Drafts: where an edit begins, keeping what was written, and taking a draft back.

A text that cannot be compiled is kept all the same, with everything that is wrong with it: nobody loses an hour's work
to a typing error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hub.domain.version import MappingVersion, VersionState
from hub.errors import BadInput, Complaint
from hub.operations.mappings import documents, names
from hub.operations.mappings.names import VersionLine
from hub.store import mappings as store
from hub.store.database import Transaction
from mappings.rewriting import remove_in, set_in
from mappings.tree import MAX_BYTES, plain, read
from sync_jobs import documents as jobs
from sync_jobs.hub import Hub

WORDS_MOST = 500
"""Characters of a reason that are kept."""


@dataclass(frozen=True, slots=True)
class Begun:
    """Where an edit begins. `continues`: the draft that it goes on with (None: a new one is made); `replaces`: a stale
    draft of the same person that the new one takes the place of."""

    name: str
    text: str
    who: str
    why: str
    continues: int | None = None
    replaces: int | None = None


@dataclass(frozen=True, slots=True)
class Edited:
    """`ok`: it compiles. `changed`: the text is another than before; `differs`: it means something else than what
    holds. `dropped`: the stale draft it took the place of."""

    ok: bool
    version: VersionLine
    created: bool
    changed: bool
    differs: bool
    complaints: tuple[Complaint, ...] = ()
    dropped: int | None = None


async def begin(
    hub: Hub,
    name: str,
    *,
    who: str | None = None,
    why: str | None = None,
    number: int | None = None,
    from_version: int | None = None,
    library: bool = False,
    anew: bool = False,
) -> Begun:
    """Goes on with the draft of that number, or the only one of this person; otherwise begins with what holds.
    `from_version`, `library`: begins a new draft with that text instead. `anew`: a new draft in any case."""
    if sum((number is not None, from_version is not None, library)) > 1:
        raise BadInput("--version, --from-version and --library exclude each other", mend="name one of them")
    person = names.person(who)
    async with hub.database.read() as conn:
        held = await names.holding(conn, name)
        if library:
            return Begun(name, await documents.of_library(conn, name), person, why or "the library's document")
        if from_version is not None:
            return await _from(conn, name, from_version, held, person, why)
        chosen = await names.draft(conn, name, number) if number is not None else None
        if chosen is None and not anew:
            chosen = _own(await store.drafts(conn, name), person)
    if chosen is not None:
        return Begun(name, chosen.text, chosen.who, why or chosen.why, continues=chosen.version)
    return Begun(name, held.text, person, why or "")


async def _from(conn: Transaction, name: str, number: int, held: MappingVersion, person: str, why: str | None) -> Begun:
    """On top of what holds now. A stale draft of the same person has done its work then."""
    chosen = await names.numbered(conn, name, number)
    replaces = number if names.stale(chosen, held) and chosen.who == person else None
    reason = chosen.why if replaces is not None else f"from version {number}"
    return Begun(name, chosen.text, person, why or reason, replaces=replaces)


def _own(drafts: Sequence[MappingVersion], person: str) -> MappingVersion | None:
    mine = [d for d in drafts if d.who == person]
    if len(mine) > 1:
        raise names.several(mine)
    return mine[0] if mine else None


async def write(hub: Hub, begun: Begun, text: str) -> Edited:
    """Keeps the text in the draft that the edit began with, or a new one. BadInput for what no store should hold."""
    storable(text)
    async with hub.database.write() as conn:
        return await kept(conn, begun, text, hub.now_text())


async def kept(conn: Transaction, begun: Begun, text: str, now: str) -> Edited:
    held = await names.holding(conn, begun.name)
    before = await names.draft(conn, begun.name, begun.continues) if begun.continues is not None else None
    meant = await documents.read(conn, begun.name, text, begun.name)
    if before is None:
        version = await store.add_draft(
            conn, begun.name, text, meant.hash, who=begun.who, why=begun.why[:WORDS_MOST], at=now
        )
    elif before.text != text:
        version = await store.rewrite(conn, before, text, meant.hash, now)
    else:
        version = before
    if begun.replaces is not None:
        await store.mark(conn, begun.name, begun.replaces, VersionState.DROPPED)
    complaints = (await documents.read(conn, begun.name, text, jobs.titled(version))).complaints
    return Edited(
        not complaints,
        await names.lined(conn, version),
        before is None,
        text != (before or held).text,
        meant.hash != held.hash,
        complaints,
        begun.replaces,
    )


def with_said(text: str, sets: Sequence[str], unsets: Sequence[str]) -> str:
    """The text with single places set (`fields.title.normalise=[trim, upper]`; values as in YAML) and others taken out;
    comments stay. BadInput for what cannot be done without a person, NotFound for a place to take out that isn't."""
    for said in sets:
        place, equals, value = said.partition("=")
        if not equals or not place.strip():
            raise BadInput(f'"{said[:100]}" sets nothing', mend="write --set PATH=VALUE, as fields.title.direction=in")
        text = set_in(text, place.strip(), _value(value, place))
    for place in unsets:
        text = remove_in(text, place.strip())
    return text


def _value(said: str, place: str) -> Any:
    """What stands behind the equals sign, as YAML: `[a, b]` is a list, `in` a word, nothing is null."""
    tree, complaints = read(f"value: {said}\n", f"--set {place}")
    if tree is None or complaints or not isinstance(tree.value, dict) or set(tree.value) != {"value"}:
        raise BadInput(f"the value of {place} is no YAML in one line", mend='quote it: "..."', complaints=complaints)
    return plain(tree.value["value"].node)


def storable(text: str) -> None:
    """BadInput for what no store should hold."""
    if len(text.encode(errors="surrogatepass")) > MAX_BYTES:
        raise BadInput(f"the document is larger than {MAX_BYTES:,} bytes", mend="shorten it; nothing was kept")
    if "\0" in text or not _is_text(text):
        raise BadInput("the document holds characters that no text has (NUL, halves of pairs)", mend="take them out")


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Dropped:
    ok: bool
    version: VersionLine


async def drop(hub: Hub, name: str, number: int | None = None) -> Dropped:
    """Takes a draft back; its text stays in the history."""
    async with hub.database.write() as conn:
        chosen = await names.draft(conn, name, number)
        await store.mark(conn, name, chosen.version, VersionState.DROPPED)
        return Dropped(True, await names.lined(conn, await names.numbered(conn, name, chosen.version)))
