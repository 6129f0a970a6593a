"""Programs change documents and keep comments, order and layout: only the text of what changes is replaced.

Lines that nothing in the change concerns stay as they are, byte by byte. What comes out is read again and must hold
exactly what was meant; else nothing is changed and `BadInput` says so.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import orjson

from hub.errors import BadInput, Complaint, NotFound
from mappings.rendering import WIDTH, block, dashed, entry, flow, word
from mappings.shapes import nearest
from mappings.spans import KeySpan, Span, spans
from mappings.tree import plain, read, text_of

Place: TypeAlias = Sequence[str]
NAME = "the document"


def set_in(text: str, place: str | Place, value: Any) -> str:
    """The document with `value` at a place, such as `fields.lifecycle_stage.table.lead` or its parts in a list.

    In a text the longest keys that are there count, so that names with dots are found. Keys on the way that are not
    there are made. A mapping or list is changed key by key, so that what it shares with the old one stays untouched.
    """
    root, content = _read(text)
    steps = _steps(content, place)
    wanted = _with(content, steps, value)
    return _changed(text, root, content, wanted)


def remove_in(text: str, place: str | Place) -> str:
    """The document without what stands at a place, and the comment behind it. `NotFound` when nothing does."""
    root, content = _read(text)
    steps = _steps(content, place)
    wanted = copy.deepcopy(content)
    holder = wanted
    for step in steps[:-1]:
        holder = _child(holder, step, steps)
    _child(holder, steps[-1], steps)
    if isinstance(holder, list):
        del holder[int(steps[-1])]
    else:
        del holder[_key(holder, steps[-1])]
    return _changed(text, root, content, wanted)


def set_field(text: str, name: str, definition: str | Mapping[str, Any]) -> str:
    """The document with a canonical field mapped as `definition` says: a remote path, or the settings of a field."""
    return set_in(text, ("fields", name), definition)


def remove_field(text: str, name: str) -> str:
    """The document without a canonical field. `NotFound` when it isn't mapped."""
    return remove_in(text, ("fields", name))


def add_example(text: str, example: Mapping[str, Any]) -> str:
    """The document with one more example behind the others."""
    _, content = _read(text)
    known = content.get("examples")
    return set_in(text, ("examples",), [*known, example] if isinstance(known, list) else [example])


# -- what is meant ------------------------------------------------------------------------------------------------


def _read(text: str) -> tuple[Span, dict[Any, Any]]:
    tree, complaints = read(text, NAME)
    content = None if tree is None else plain(tree)
    if not isinstance(content, dict):
        raise BadInput("this document cannot be read", mend="Mend it first", complaints=complaints)
    return spans(text), content


def _steps(content: Any, place: str | Place) -> list[str]:
    if not isinstance(place, str):
        return list(place)
    found: list[str] = []
    parts = place.split(".")
    while parts:
        size = next((n for n in range(len(parts), 0, -1) if _holds(content, ".".join(parts[:n]))), 0)
        if size == 0:
            size = 2 if found == ["fields"] and parts[0] == "custom" and len(parts) > 1 else 1
        step = ".".join(parts[:size])
        content = _child(content, step, []) if _holds(content, step) else None
        found.append(step)
        parts = parts[size:]
    return found


def _holds(content: Any, step: str) -> bool:
    if isinstance(content, list):
        return step.isdigit() and int(step) < len(content)
    return isinstance(content, dict) and any(text_of(key) == step for key in content)


def _key(content: Mapping[Any, Any], step: str) -> Any:
    """The key as it stands there: `true` is a boolean, and the text finds it."""
    return next((key for key in content if text_of(key) == step), step)


def _child(content: Any, step: str, steps: list[str]) -> Any:
    if not _holds(content, step):
        known = content if isinstance(content, dict) else ()
        raise NotFound(f"there is no {'.'.join(steps)} in this document", mend=nearest(step, map(text_of, known)))
    return content[int(step)] if isinstance(content, list) else content[_key(content, step)]


def _with(content: Any, steps: list[str], value: Any) -> Any:
    if not steps:
        return _plain(value)
    step, rest = steps[0], steps[1:]
    if isinstance(content, list):
        if not _holds(content, step):
            raise NotFound(f"there is no item {step}", mend=f"There are {len(content)}, counted from 0")
        return [_with(item, rest, value) if i == int(step) else item for i, item in enumerate(content)]
    made = dict(content) if isinstance(content, dict) else {}
    key = _key(made, step)
    made[key] = _with(made.get(key), rest, value)
    return made


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value


# -- where it goes ------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Edits:
    text: str
    made: list[tuple[int, int, str]] = field(default_factory=list)

    def put(self, start: int, end: int, text: str) -> None:
        self.made.append((start, end, text))

    def line_start(self, at: int) -> int:
        return self.text.rfind("\n", 0, at) + 1

    def line_end(self, at: int) -> int:
        found = self.text.find("\n", at)
        found = len(self.text) if found < 0 else found
        return found - 1 if found > 0 and self.text[found - 1 : found] == "\r" and found > at else found

    def below(self, at: int, lines: list[str]) -> None:
        """New lines under the one of `at`."""
        end = self.line_end(at)
        self.put(end, end, "".join(f"{self.newline}{line}" for line in lines))

    def cut_lines(self, start: int, end: int) -> None:
        """Takes whole lines out."""
        until = self.line_end(end)
        until += len(self.newline) if self.text.startswith(self.newline, until) else 0
        self.put(self.line_start(start), until, "")

    @property
    def newline(self) -> str:
        return "\r\n" if "\r\n" in self.text else "\n"

    def result(self) -> str:
        made, at = "", 0
        for _, (start, end, new) in sorted(enumerate(self.made), key=lambda edit: (edit[1][0], edit[0])):
            made += self.text[at:start] + new
            at = max(at, start, end)
        return made + self.text[at:]


def _changed(text: str, root: Span, content: Any, wanted: Any) -> str:
    edits = _Edits(text)
    _value(edits, root, content, wanted, 0, flow_only=False, after=0)
    made = edits.result()
    tree, complaints = read(made, NAME)
    if tree is None or _form(plain(tree)) != _form(wanted):
        said = complaints or (Complaint(NAME, "a layout in which this cannot be changed", "a simpler layout"),)
        raise BadInput("this change cannot be written into the document", mend="Edit it by hand", complaints=said)
    return made


def _form(content: Any) -> bytes:
    """What a content means: the order of keys says nothing."""
    return orjson.dumps(content, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_SORT_KEYS)


def _value(edits: _Edits, span: Span, old: Any, new: Any, indent: int, *, flow_only: bool, after: int) -> None:
    """Changes one value; `indent` is that of its key, `after` the place behind the key's colon (or the dash)."""
    if _form(old) == _form(new):
        return
    flow_only = flow_only or span.flow
    if isinstance(old, dict) and isinstance(new, dict) and set(map(text_of, old)) & set(map(text_of, new)):
        _mapping(edits, span, old, new, flow_only=flow_only)
    elif isinstance(old, list) and isinstance(new, list) and old and new:
        _list(edits, span, old, new, flow_only=flow_only)
    else:
        _replace(edits, span, new, indent, flow_only=flow_only, after=after)


def _replace(edits: _Edits, span: Span, new: Any, indent: int, *, flow_only: bool, after: int) -> None:
    """Another value in the place of the whole old one. What stands behind the colon (a comment) stays."""
    lines = [] if flow_only or span.start == after else _tall(new, indent, after - edits.line_start(after))
    if "\n" in edits.text[after : span.start]:  # the old value stood in lines of its own
        if not lines:
            edits.put(after, after, f" {flow(new)}")
        edits.put(edits.line_end(after), span.end, "".join(f"{edits.newline}{line}" for line in lines))
    elif lines:
        edits.put(after, span.end, "")
        edits.below(span.end, lines)
    elif span.start == after or edits.text[span.start - 1 : span.start].isspace():
        edits.put(span.start, span.end, flow(new))
    else:
        edits.put(after, span.end, f" {flow(new)}")


def _tall(new: Any, indent: int, column: int) -> list[str]:
    """The lines of a value that stands below its key: one that is too long for a line, and lists of examples."""
    if not isinstance(new, (dict, list)) or not new:
        return []
    if isinstance(new, list) and any(_is_example(item) for item in new):
        return _listed(new, indent + 2)
    return block(new, indent + 2) if column + 1 + len(flow(new)) > WIDTH else []


def _is_example(item: Any) -> bool:
    return isinstance(item, dict) and bool({"raw", "put"} & item.keys())


def _listed(items: list[Any], indent: int) -> list[str]:
    return [line for item in items for line in dashed(item, indent, tall=_is_example(item))]


def _mapping(edits: _Edits, span: Span, old: dict[Any, Any], new: dict[Any, Any], *, flow_only: bool) -> None:
    assert isinstance(span.value, list)
    entries = [item for item in span.value if isinstance(item, KeySpan)]
    keys = {text_of(key): key for key in new}
    was = {text_of(key): value for key, value in old.items()}
    for index, item in enumerate(entries):
        if item.name in keys:
            value = new[keys[item.name]]
            _value(edits, item.span, was[item.name], value, item.column, flow_only=flow_only, after=item.after)
        elif flow_only:
            _cut(edits, [(e.start, e.span.end) for e in entries], index, [e.name in keys for e in entries])
        elif edits.text[edits.line_start(item.start) : item.start].strip():  # behind a dash
            edits.put(item.start, entries[index + 1].start, "") if index + 1 < len(entries) else None
        else:
            edits.cut_lines(item.start, item.span.end)
    added = [(key, new[key]) for name, key in keys.items() if name not in was]
    if not added:
        return
    last = next(e for e in reversed(entries) if e.name in keys)
    if flow_only:
        told = "".join(f", {word(key)}: {flow(value)}" for key, value in added)
        edits.put(last.span.end, last.span.end, told)
    else:
        edits.below(last.span.end, [line for key, value in added for line in _entry(key, value, entries[0].column)])


def _entry(key: Any, value: Any, indent: int) -> list[str]:
    """A new key in a block; lists of examples stand one below the other."""
    if isinstance(value, list) and any(_is_example(item) for item in value):
        return [f"{' ' * indent}{word(key)}:", *_listed(value, indent + 2)]
    return entry(key, value, indent)


def _cut(edits: _Edits, places: list[tuple[int, int]], index: int, stays: list[bool]) -> None:
    """Takes one of several places between commas out, with one comma."""
    if any(stays[:index]):
        edits.put(places[index - 1][1], places[index][1], "")
    else:
        end = places[index + 1][0] if index + 1 < len(places) else places[index][1]
        edits.put(places[index][0], end, "")


def _list(edits: _Edits, span: Span, old: list[Any], new: list[Any], *, flow_only: bool) -> None:
    assert isinstance(span.value, list)
    items = [item for item in span.value if isinstance(item, Span)]
    gone = _left_out(old, new)
    if gone:
        for index in sorted(gone):
            if flow_only:
                stays = [i not in gone for i in range(len(items))]
                _cut(edits, [(i.start, i.end) for i in items], index, stays)
            else:
                edits.cut_lines(items[index].start, items[index].end)
        return
    for item, before, value in zip(items, old, new, strict=False):
        _value(edits, item, before, value, span.column, flow_only=flow_only, after=item.start)
    for index in range(len(new), len(items)):
        if flow_only:
            _cut(edits, [(i.start, i.end) for i in items], index, [i < len(new) for i in range(len(items))])
        else:
            edits.cut_lines(items[index].start, items[index].end)
    added = new[len(items) :]
    if added and flow_only:
        edits.put(items[-1].end, items[-1].end, "".join(f", {flow(value)}" for value in added))
    elif added:
        edits.below(span.end, _listed(added, span.column))


def _left_out(old: list[Any], new: list[Any]) -> set[int]:
    """The items that are missing, where the new list is the old one without some."""
    if len(new) >= len(old):
        return set()
    gone: set[int] = set()
    rest = list(map(_form, new))
    for index, item in enumerate(old):
        if rest and _form(item) == rest[0]:
            rest.pop(0)
        else:
            gone.add(index)
    return set() if rest else gone
