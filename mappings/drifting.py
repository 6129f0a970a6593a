"""Drift: what changed in a remote's fields since discovery last showed them, and what of a document that breaks.

Pure. What a remote does not show any more is missing, not empty: nothing here says anything about values.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from hub.sdk.streams import FieldInfo
from mappings.clauses import Document, MatchDoc
from mappings.compile import compiled
from mappings.lens import Lens
from mappings.narrowing import CONSENT, narrowed
from mappings.uses import MATCH, SCOPE, Use, uses

LEAST = 3
"""Fewer fields than this may vanish at once, and be believed, whatever their share."""


class Change(StrEnum):
    REMOVED = "removed"
    RETYPED = "retyped"
    """Its type is another one, or something that the document does there is not allowed any more."""


@dataclass(frozen=True, slots=True)
class Broken:
    """A remote field that changed and that the document uses. `fields`: canonical fields (and `consent.<channel>`) that
    can't be read or written as written; `places`: `match`, `scope`. `what` says the change in a few words."""

    path: str
    change: Change
    fields: tuple[str, ...]
    places: tuple[str, ...]
    was: FieldInfo
    now: FieldInfo | None
    what: str


@dataclass(frozen=True, slots=True)
class Drift:
    """`new`: fields that were not there before and that the document doesn't use; `removed` and `retyped`: paths of
    all that changed so, used or not; `broken`: what of that the document uses."""

    new: tuple[FieldInfo, ...] = ()
    removed: tuple[str, ...] = ()
    retyped: tuple[str, ...] = ()
    broken: tuple[Broken, ...] = ()


def drift(
    old: Sequence[FieldInfo] | None,
    new: Sequence[FieldInfo],
    used: Mapping[str, Use],
    missing: Collection[str] = (),
) -> Drift:
    """`old`: what discovery showed before, None when it never did: then nothing has changed. `missing`: fields that the
    vendor itself says it doesn't know (a path, or its last step); they count as removed where `new` lacks them."""
    before = {info.path: info for info in old or ()}
    after = {info.path: info for info in new}
    named = [path for use in used.values() for path in use.paths if _is_named(path, missing)]
    before |= {p: FieldInfo(p, p, "") for p in named if resolve(p, before) is None and resolve(p, after) is None}
    removed = [path for path, info in before.items() if not _is_there(info, after)]
    retyped = [path for path, info in before.items() if path in after and _changed(info, after[path])]
    broken = [found for path in (*removed, *retyped) if (found := _broken(before, path, after.get(path), used))]
    known = {info.path for use in used.values() for path in use.paths if (info := resolve(path, after))}
    fresh = tuple(info for info in new if old is not None and info.path not in before and info.path not in known)
    return Drift(fresh, tuple(removed), tuple(retyped), tuple(broken))


def resolve(path: str, infos: Mapping[str, FieldInfo]) -> FieldInfo | None:
    """The remote field in which a document's path lies: itself, or what it descends into (`tags[].name` lies in
    `tags`). None for paths that discovery doesn't show: those of a file's own columns, say."""
    at = path.replace("[]", "")
    while at:
        if at in infos:
            return infos[at]
        at = at.rpartition(".")[0]
    return None


def implausible(old: Sequence[FieldInfo] | None, new: Sequence[FieldInfo]) -> str:
    """Why a discovery can't be believed, "" when it can: everything, or most of it, gone at once is a fault of the
    answer (a scope taken away, a page cut short), and no wish of anybody's."""
    before = {info.path for info in old or ()}
    gone = before - {info.path for info in new}
    if len(gone) < LEAST:
        return ""
    if 2 * len(gone) >= len(before):
        return f"{len(gone)} of {len(before)} fields would be gone at once"
    for head in sorted({path.partition(".")[0] for path in gone if "." in path}):
        group = {path for path in before if path.startswith(head + ".")}
        if len(group) >= LEAST and group <= gone:
            return f"all {len(group)} fields of {head} would be gone at once"
    return ""


def held(document: Document, names: Collection[str], gone: Collection[str]) -> Lens:
    """The lens of a document in which the fields `names` rest, and the remote paths that lie in `gone` are asked for
    by nobody. Keys that need such a path join nobody meanwhile."""
    whole = compiled(document)
    kept = replace(document, match=tuple(doc for doc in document.match if not _needs(document, doc, gone)))
    lens = compiled(narrowed(kept, names))
    return replace(lens, reads=tuple(path for path in whole.reads if not lies_in(path, gone)))


def unmended(names: Collection[str], old: Document, new: Document) -> frozenset[str]:
    """Those of the resting fields that another version of the document defines just as before: they go on resting."""
    before, after = _definitions(old), _definitions(new)
    return frozenset(name for name in names if name in after and after[name] == before.get(name))


def _definitions(document: Document) -> dict[str, object]:
    consent = {CONSENT + doc.channel: doc for doc in document.consent}
    return {**{field.name: field for field in document.fields}, **consent}


def lies_in(path: str, fields: Collection[str]) -> bool:
    """Whether a document's path lies in one of these remote fields."""
    plain = path.replace("[]", "")
    return any(plain == field or plain.startswith(field + ".") for field in fields)


def _needs(document: Document, doc: MatchDoc, gone: Collection[str]) -> bool:
    part = replace(document, fields=(), match=(doc,), consent=(), scope=(), when=None)
    return any(lies_in(path, gone) for path in uses(part)[MATCH].paths)


def _is_there(info: FieldInfo, after: Mapping[str, FieldInfo]) -> bool:
    """Whether the field is still shown; one that only the vendor's refusal named may lie in a field that is."""
    return info.path in after or (not info.type and resolve(info.path, after) is not None)


def _is_named(path: str, missing: Collection[str]) -> bool:
    return path in missing or path.rpartition(".")[2] in missing


def _changed(was: FieldInfo, now: FieldInfo) -> bool:
    allowed = [(getattr(was, word), getattr(now, word)) for word in ("readable", "creatable", "updatable")]
    lost = bool(set(was.choices) - set(now.choices)) and bool(now.choices)
    return _of_another_type(was, now) or any(a and not b for a, b in allowed) or lost


def _of_another_type(was: FieldInfo, now: FieldInfo) -> bool:
    return bool(was.type) and was.type != now.type


def _broken(
    before: Mapping[str, FieldInfo], path: str, now: FieldInfo | None, used: Mapping[str, Use]
) -> Broken | None:
    was = before[path]
    whats: dict[str, None] = {}
    names: list[str] = []
    for name, use in used.items():
        reads = any(resolve(p, before) is was for p in use.reads)
        writes = any(resolve(p, before) is was for p in use.writes)
        said = ["was removed"] if now is None and (reads or writes) else _losses(was, now, reads, writes, use.values)
        if said:
            names.append(name)
            whats |= dict.fromkeys(said)
    if not names:
        return None
    change = Change.REMOVED if now is None else Change.RETYPED
    fields = tuple(name for name in names if name not in (MATCH, SCOPE))
    return Broken(path, change, fields, tuple(n for n in names if n in (MATCH, SCOPE)), was, now, "; ".join(whats))


def _losses(was: FieldInfo, now: FieldInfo | None, reads: bool, writes: bool, values: frozenset[str]) -> list[str]:
    """What one part of the document, which reads or writes the field, can do there no more."""
    if now is None or not (reads or writes):
        return []
    said = [f"its type {was.type} is now {now.type or 'unknown'}"] if _of_another_type(was, now) else []
    said += ["can no longer be read"] if was.readable and not now.readable and reads else []
    lost = [word for word in ("creatable", "updatable") if getattr(was, word) and not getattr(now, word)]
    said += ["can no longer be written"] if lost and writes else []
    gone = [c for c in was.choices if c in values and c not in now.choices] if writes and now.choices else []
    return said + ([f"no longer offers {', '.join(gone)}"] if gone else [])
