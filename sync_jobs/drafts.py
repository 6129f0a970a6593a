"""Drafts of mapping documents that take up what changed in the remote's fields. A person publishes them, or doesn't."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from hub.domain.version import MappingVersion
from hub.errors import BadInput, NotFound
from hub.sdk.streams import FieldInfo
from hub.store import mappings as versions_of
from hub.store.database import Transaction
from mappings.document import check
from mappings.drifting import Broken, Change, drift, lies_in
from mappings.rewriting import remove_field, remove_in, set_field, set_in
from mappings.tree import plain, read
from mappings.uses import parsed, uses

WHO = "drift"
"""Who writes these drafts, in the history of a document."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A draft of the document `name`; `mends`: the remote fields whose breach it would mend."""

    name: str
    version: int
    mends: frozenset[str]


async def adopt(
    conn: Transaction, published: MappingVersion, new: Sequence[FieldInfo], broken: Sequence[Broken], now: str
) -> Draft | None:
    """A draft of the published document that reads the new fields and does without the broken ones; it goes on from the
    draft that drift left before, if nobody has taken that up. None when nothing of it can be written down."""
    drafts = await versions_of.drafts(conn, published.name)
    left = next((d for d in reversed(drafts) if d.who == WHO and d.parent == published.version), None)
    text, mends = drafted((left or published).text, new, broken)
    if text == (left or published).text:
        return None
    document, _ = check(text, published.name)
    assert document is not None
    why = "; ".join([*(f"{b.path} {b.what}" for b in broken), *(f"{info.path} is new" for info in new)])
    if left is not None:
        kept = await versions_of.rewrite(conn, left, text, document.hash, now)
    else:
        kept = await versions_of.add_draft(conn, published.name, text, document.hash, who=WHO, why=why, at=now)
    return Draft(kept.name, kept.version, mends)


def drafted(text: str, new: Sequence[FieldInfo], broken: Sequence[Broken]) -> tuple[str, frozenset[str]]:
    """The document's text with the changes that leave it valid, and the remote fields whose breach they mend."""
    mends: set[str] = set()
    for breach in broken:
        if breach.places or _creates_with(text, breach.fields):  # what identifies people is for a person to change
            continue
        mended = text
        for name in breach.fields:
            mended = _valid(mended, partial(_without, name=name, broken=breach))
        mends |= {breach.path} if mended != text and _mended(mended, breach) else set()
        text = mended
    for info in new:
        if info.readable:
            definition = {"path": info.path, "direction": "in"}
            name = "custom." + re.sub(r"[^a-z0-9]+", "_", info.path.lower()).strip("_")
            if name not in _fields(text):
                text = _valid(text, partial(set_field, name=name, definition=definition))
    return text, frozenset(mends)


def _creates_with(text: str, names: Collection[str]) -> bool:
    """Whether records are found or made by one of these fields."""
    policy = parsed(text, "a draft").policy
    return bool({policy.create_key, *policy.create_requires} & set(names))


def _valid(text: str, change: Callable[[str], str]) -> str:
    """The text after a change, if that is still a document; else as it was."""
    try:
        changed = change(text)
    except (BadInput, NotFound):
        return text
    return changed if check(changed, "a draft")[0] is not None else text


def _fields(text: str) -> Mapping[str, Any]:
    tree, _ = read(text, "a draft")
    content = plain(tree) if tree is not None else {}
    found: Mapping[str, Any] = content.get("fields") or {}
    return found


def _without(text: str, *, name: str, broken: Broken) -> str:
    """The document in which one field asks no more of the remote field than it still gives."""
    said = _fields(text).get(name)
    definition: dict[str, Any] = {"path": said} if isinstance(said, str) else dict(said or {})
    if broken.change is Change.REMOVED:
        paths = definition.get("path")
        left = [p for p in paths if not lies_in(p, [broken.path])] if isinstance(paths, list) else []
        return set_in(text, ("fields", name, "path"), left) if left else remove_field(text, name)
    now = broken.now
    if now is None or not now.readable or (broken.was.type and now.type != broken.was.type):
        return text
    if not (now.creatable and now.updatable) and definition.get("direction") != "in":
        return set_field(text, name, {**definition, "direction": "in"})
    return _without_choices(text, name, definition, set(broken.was.choices) - set(now.choices))


def _without_choices(text: str, name: str, definition: Mapping[str, Any], gone: set[str]) -> str:
    """Rows of the value tables that name a choice which is no more."""
    for remote in definition.get("table") or {}:
        if str(remote) in gone:
            text = remove_in(text, ("fields", name, "table", str(remote)))
    for canonical, remote in (definition.get("write_table") or {}).items():
        if str(remote) in gone:
            text = remove_in(text, ("fields", name, "write_table", str(canonical)))
    return text


def _mended(text: str, broken: Broken) -> bool:
    """Whether nothing of the document breaks any more by this change."""
    now = [broken.now] if broken.now is not None else []
    return not drift([broken.was], now, uses(parsed(text, "a draft"))).broken
